#include "cli/probing.h"

#include <chrono>

#include "seats/connect.h"

namespace bulkhead::cli {

std::vector<model::Observation> probe_wishes(Session& session,
                                             const std::vector<audit::ProbeWish>& wishes) {
  if (!session.broker) return {};
  std::vector<seats::Attempt> attempts;
  for (const audit::ProbeWish& wish : wishes) {
    if (wish.protocol != IpProtocol::kTcp) continue;
    attempts.push_back(
        {.vantage = wish.vantage, .from = wish.from, .to = wish.to, .port = wish.port});
  }
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return seats::connect_all(*session.broker, *session.snapshot, attempts, {},
                            static_cast<std::uint64_t>(now.count()));
}

}  // namespace bulkhead::cli
