// iptables-save syntax for x_tables matches and targets and for the rules that iptables writes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/ruleset.h"

namespace bulkhead::ruleset {

// Names of ipsets by the index that matches hold; an unknown one is printed "#3".
using SetNames = std::map<std::uint32_t, std::string>;
[[nodiscard]] SetNames set_names(const model::Ruleset& ruleset);

// "-s 10.0.0.0/8 -i eth0 -p tcp"
[[nodiscard]] std::string print_xt_header(const model::XtHeader& header);
// "-m tcp --dport 80"
[[nodiscard]] std::string print_xt_match(const model::XtMatch& match, const SetNames& names);
// "-j DNAT --to-destination 10.0.0.1:80"
[[nodiscard]] std::string print_xt_target(const model::XtTarget& target, const SetNames& names,
                                          IpFamily family);

// The whole rule behind "-A CHAIN"; nullopt when some statement has no form in iptables.
[[nodiscard]] std::optional<std::string> print_iptables_rule(const model::Table& table,
                                                             const model::Rule& rule,
                                                             const SetNames& names);
// Is this a table that iptables-nft keeps? By its name and those of its base chains.
[[nodiscard]] bool looks_like_iptables(const model::Table& table);

// As xtables_save_string: quoted unless it is letters, digits, '_' and '-' only.
[[nodiscard]] std::string iptables_string(std::string_view text);

}  // namespace bulkhead::ruleset
