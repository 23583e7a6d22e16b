#include "seen/record.h"

#include <algorithm>

namespace bulkhead::seen {
namespace {

bool wanting(const PortRun& run) {
  return run.state == State::kUnknown && run.proof != Proof::kNoUdpAnswer;
}

}  // namespace

const Service* Target::service(Port port) const {
  const auto at = std::ranges::lower_bound(services, port, {}, &KnownPort::port);
  return at == services.end() || at->port != port ? nullptr : &at->service;
}

bool is_incomplete(const Record& record) {
  if (!record.finished || !record.left_out.empty()) return true;
  return std::ranges::any_of(record.seats, [](const SeenFrom& seat) {
    return std::ranges::any_of(seat.targets, [](const Target& target) {
      return std::ranges::any_of(target.swept.runs, wanting);
    });
  });
}

std::array<std::uint64_t, kStates> count_states(const Record& record) {
  std::array<std::uint64_t, kStates> sum{};
  for (const SeenFrom& seat : record.seats) {
    for (const Target& target : seat.targets) {
      const auto counts = count_states(target.swept.runs);
      for (std::size_t i = 0; i < kStates; ++i) sum[i] += counts[i];
    }
  }
  return sum;
}

}  // namespace bulkhead::seen
