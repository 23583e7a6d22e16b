// Pieces of text that the reports of an audit share. Escaped.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "audit/finding.h"
#include "report/style.h"

namespace bulkhead::report {

// "ip filter/DOCKER handle 12: -d 172.17.0.2/32 -j ACCEPT (docker)"
[[nodiscard]] std::string quote_text(const audit::RuleQuote& quote, const Style& style);
// Who gets in, by which address, with which packet.
[[nodiscard]] std::string reached_text(const audit::Reach& reach, const Style& style);
[[nodiscard]] std::string socket_text(const audit::SocketEvidence& socket);
[[nodiscard]] std::string step_text(const audit::PathStep& step, const Style& style);
[[nodiscard]] std::string crossing_text(const audit::LinkCrossing& crossing, const Style& style);
// What else closes; only when something does.
[[nodiscard]] std::string closes_text(const audit::Effect& effect, const Style& style);
[[nodiscard]] std::string references_text(const audit::Finding& finding);
[[nodiscard]] std::string unknown_text(const audit::Unknown& unknown, const Style& style);
[[nodiscard]] std::string attackers_text(const audit::Report& report, const Style& style);

// What ordinary connections from outside reach, by zone, in the order of the services.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::string>>> open_to_zones(
    const audit::Report& report, const Style& style);
// "lan (eth1)"
[[nodiscard]] std::vector<std::string> guessed_zones(const audit::Report& report);
// Scans from outside that were compared, and how old they are.
[[nodiscard]] std::vector<std::string> compared_lines(const audit::Report& report,
                                                      const Style& style);
// Something counts as open to the Internet up to an uplink whose address is private.
[[nodiscard]] bool is_up_to_uplink(const audit::Report& report);

// A text for each member of a list.
template <class List, class Make>
[[nodiscard]] std::vector<std::string> each(const List& list, Make make) {
  std::vector<std::string> out;
  out.reserve(list.size());
  for (const auto& member : list) out.push_back(make(member));
  return out;
}

// "a; b"
[[nodiscard]] std::string listed(const std::vector<std::string>& parts);

}  // namespace bulkhead::report
