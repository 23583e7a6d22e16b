// A scan of other machines from where this process is: no model, no rights needed.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "identify/identify.h"
#include "outside/questions.h"
#include "outside/targets.h"
#include "probe/sweep.h"
#include "seen/record.h"
#include "services/matcher.h"

namespace bulkhead::outside {

// Listeners that are asked which service they are; the rest is told as left out.
inline constexpr std::size_t kMostIdentified = 1024;

struct Work {
  std::vector<Machine> machines;
  Questions questions;
  bool identify = true;
  probe::SweepLimits limits;  // the payloads are those of the questions
};

struct Tell {  // some five times a second, when it is there
  std::function<void(const probe::Progress&)> packets;
  std::function<void(const identify::Progress&)> services;  // when the packets are over
};

// Host, tool, zone and instant of the record are the caller's. Returns soon after `stop`, and
// within limits.all_ms and the minute that identification takes.
[[nodiscard]] seen::Record scan(const services::Matcher& matcher, const Work& work,
                                probe::SocketSource& sockets, const std::atomic<bool>& stop,
                                const Tell& tell);

}  // namespace bulkhead::outside
