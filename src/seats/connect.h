// Light real probes: one TCP connection each, closed at once, from inside the namespace of a
// vantage.
//
// The sockets come from the broker (a socket belongs to the namespace in which it was made), so
// this process never enters a container's namespace. No byte of payload is sent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "collect/broker.h"
#include "model/snapshot.h"

namespace bulkhead::seats {

struct Attempt {
  std::string vantage;  // kept as it is in the observation
  model::NsId from;
  IpAddress to;
  Port port;
};

struct Limits {
  std::uint32_t in_flight = 128;          // sockets open at once
  std::uint32_t patience_ms = 300;        // of the first try
  std::uint32_t last_patience_ms = 1500;  // of the last one: long enough for a second SYN (1 s)
  std::uint32_t tries = 2;                // a silent target is asked again
  std::uint32_t all_ms = 20'000;          // for the whole round; what is not done then is left out
  std::uint32_t most = 4096;              // attempts; the rest is left out
};

// In the order of `attempts`, without those that could not be tried (a namespace that has gone,
// time over). `now_ms` is stamped on each observation. At most in_flight sockets, all closed on
// return.
[[nodiscard]] std::vector<model::Observation> connect_all(collect::Broker& broker,
                                                          const model::Snapshot& snapshot,
                                                          std::span<const Attempt> attempts,
                                                          const Limits& limits,
                                                          std::uint64_t now_ms);

}  // namespace bulkhead::seats
