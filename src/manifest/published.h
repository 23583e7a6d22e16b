// Where the published ports of a service may be dialled. Inside manifest.
#pragma once

#include <string>
#include <vector>

#include "manifest/units.h"

namespace bulkhead::manifest {

// What stands in `ports:` of that service: "192.0.2.10:8080:80/tcp", each once, ascending.
[[nodiscard]] std::vector<std::string> ports_of(const compile::Input& input, const Unit& unit,
                                                Notes& notes);

// Lines of `ingress` that can be kept by an address of the host in part only, and ports that nobody
// publishes.
void note_ingress(const compile::Input& input, const policy::Line& line, Notes& notes);

}  // namespace bulkhead::manifest
