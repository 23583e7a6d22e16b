// Rules as people know them: nft syntax, or iptables syntax for what x_tables wrote. Used in
// reports and compared with `nft list ruleset` and `iptables-save` in tests. Output is escaped.
#pragma once

#include <span>
#include <string>

#include "model/ruleset.h"

namespace bulkhead::ruleset {

// One rule without its handle. `table` resolves sets by name.
[[nodiscard]] std::string print_rule(const model::Table& table, const model::Rule& rule);
// The same with the names of ipsets, which matches hold as numbers ("#3" without).
[[nodiscard]] std::string print_rule(const model::Table& table, const model::Rule& rule,
                                     std::span<const model::IpSet> ipsets);

// A whole ruleset, table by table.
[[nodiscard]] std::string print_ruleset(const model::Ruleset& ruleset);

// "ip filter/DOCKER-USER handle 12", "iptables-legacy filter/FORWARD 3".
[[nodiscard]] std::string print_place(const model::Table& table, const model::Chain& chain,
                                      const model::Rule* rule);

// Who probably wrote a table or chain: "docker", "podman", "firewalld", "ufw", "libvirt",
// "kubernetes", "bulkhead", "iptables-nft", "" (unknown). By names and comments: a guess for
// reports.
[[nodiscard]] std::string guess_author(const model::Table& table, const model::Chain& chain,
                                       const model::Rule* rule);

}  // namespace bulkhead::ruleset
