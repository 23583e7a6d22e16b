// What falls next when a container falls: whoever reaches a service is assumed to take it over, and
// goes on from there.
#pragma once

#include <vector>

#include "views/survey.h"

namespace bulkhead::views {

enum class Prize : std::uint8_t {  // worst first
  kHostManagement,                 // an API that commands the host or the cluster
  kManagement,                     // another management API
  kHost,                           // a service of the host (T3 of OWASP Docker Top 10 D03)
  kContainer,                      // only a container
};
[[nodiscard]] std::string_view to_string(Prize prize);

struct Step {
  std::string from;        // vantage
  audit::Service service;  // that is reached
  verify::Reached way;     // with its witness
  bool some = false;       // some senders only
};

struct Chain {
  std::vector<Step> steps;  // the last reaches the target
  Prize prize = Prize::kContainer;
};

struct Through {
  std::vector<Chain> chains;  // the shortest to each target, worst target first; containers last
  std::size_t taken = 0;      // containers that fall
  std::size_t unknown = 0;    // pairs of fallen seat and service of which it is not known
  bool as_attacker = false;   // forged packets count too
  std::size_t depth = 0;      // asked for
  bool more = false;          // containers at the last depth were not asked from
};

// Breadth first from `from`, at most `depth` steps. Errors: those of Survey::row(), once for the
// start and once for each container that falls before the last step.
[[nodiscard]] Result<Through> go_through(Survey& survey, const query::Vantage& vantage,
                                         const query::Seat& from, std::size_t depth);

}  // namespace bulkhead::views
