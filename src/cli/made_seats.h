// Neighbours' seats of a scan: announced, made, and found in the host as it then is.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"
#include "scan/plan.h"

namespace bulkhead::cli {

inline constexpr std::size_t kMostSeats = 8;

// What is wrong with the words is said before anything is made. The session's broker must have
// Rights::kSeating; its snapshot is another one afterwards. They end with the broker.
[[nodiscard]] Result<std::vector<scan::Wanted::MadeSeat>> make_seats(
    Session& session, const SourceOptions& source, const std::vector<std::string>& wanted);

}  // namespace bulkhead::cli
