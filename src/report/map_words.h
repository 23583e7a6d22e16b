// Pieces of text that the tree and the drawings of a map share. All of it is escaped.
#pragma once

#include <string>
#include <vector>

#include "audit/map.h"
#include "report/style.h"

namespace bulkhead::report {

// Where an interface leads: "to the Internet and to a LAN [guessed]", "network shop_default".
[[nodiscard]] std::string leads_text(const audit::MapInterface& interface, const Style& style);

[[nodiscard]] std::string listener_text(const audit::MapListener& listener);  // "80/tcp(nginx)"

// "0.0.0.0:80->8080/tcp", one for each port that is published on the host.
[[nodiscard]] std::vector<std::string> published_texts(const audit::MapContainer& container);

}  // namespace bulkhead::report
