// Name servers that an engine runs on the host for its own networks (Podman's aardvark-dns, dnsmasq
// of CNI): to held containers they are services of the host, closed unless a line permits them.
// Inside compile.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "compile/compile.h"

namespace bulkhead::compile {

// For each that listens at an address of a held bridge and that some held container there may not
// ask: one escaped line that says so, with the line to write. `held` as in Compiled.
[[nodiscard]] std::vector<std::string> closed_name_servers(const Input& input,
                                                           std::span<const std::size_t> held);

}  // namespace bulkhead::compile
