// Scans ports from many seats in one event loop: which are open, closed, filtered or unknown.
//
// No silence without a reason: each seat is checked with a listener and a closed port of our own
// before it is used, answers that were lost in our own queue are asked for again or told as lost,
// and what was not finished is told as such. Of more than 256 aims, those that are expected to
// answer and are silent altogether are asked once more, six seconds later. It always ends: by
// `all_ms`, or soon after `stop`.
//
// Where raw sockets are to be had, TCP is asked by half-open SYNs, else by connect(). Both send as
// the seat's own processes would: through its rules, routes and translations.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/address.h"
#include "probe/lane.h"
#include "probe/socket_source.h"
#include "seen/observed.h"

namespace bulkhead::probe {

struct Aim {  // one address from one seat
  std::size_t seat = 0;
  IpAddress to;
  std::uint32_t scope = 0;                  // of a link-local address: the seat's interface
  IpProtocol protocol = IpProtocol::kTcp;   // or kUdp
  std::vector<seen::PortRange> ports = {};  // ascending, disjoint
  bool expected = false;                    // something is known to answer there
};

// Something else that is to be done in the loop of a sweep, with what it finds. Nothing here waits.
class Companion {
 public:
  virtual ~Companion() = default;
  // This port of `aims[aim]` is open; may be told several times.
  virtual void found(std::size_t aim, Port port) = 0;
  // An epoll descriptor: readable when turn() is to be called, which is called every 20 ms anyway.
  [[nodiscard]] virtual int descriptor() const = 0;
  virtual void turn() = 0;
};
inline constexpr std::size_t kCompanionDescriptors = 64;  // that connect() leaves it

struct SweepLimits {
  std::uint64_t rate = 1'000'000;  // probes a second, of all together
  std::size_t sockets = 4096;      // for connect(), at once; less when descriptors are few
  std::size_t at_once = 32;        // aims under way; four times as many where all are small
  std::uint64_t all_ms = 600'000;
  bool raw = true;  // false: connect() only
  // A machine tells of its closed UDP ports once a second, and the second round waits for that.
  // false: two quick rounds, for who looks for what answers; more stays unknown.
  bool patient_udp = true;
  const UdpPayloads* payloads = nullptr;  // outlives the sweep
  // Asked twice a second; true: nothing is sent until it says otherwise. What was sent is waited
  // for all the same, and all_ms goes on.
  std::function<bool()> hold = {};
  // True: the kernel's table of neighbours, which all namespaces of the machine share, is nearly
  // full. No new aim is begun until it has room again, but for one each `crowded_ms`: it is with a
  // new entry that the kernel looks for old ones (neigh_alloc in net/core/neighbour.c).
  std::function<bool()> crowded = {};
  std::uint64_t crowded_ms = 1000;
  Companion* companion = nullptr;  // outlives the sweep
};

struct Progress {
  std::uint64_t elapsed_ms = 0;
  std::uint64_t ports = 0, done = 0;  // to be asked about, and settled or given up
  std::uint64_t sent = 0;
  std::uint64_t left_ms = 0;  // as it goes now; 0: not known yet
  bool paused = false;        // by SweepLimits::hold
};

struct Sweep {
  std::vector<seen::Swept> aims;       // as they were given
  std::vector<seen::SeatCheck> seats;  // by number; of those that were used
  std::uint64_t elapsed_ms = 0, paused_ms = 0;
  bool finished = true;  // neither interrupted nor out of time
};

// `tell` is called some five times a second, from this thread. Cost: 16 bytes for each port
// under way, one descriptor for each connect() under way. A second thread sends half of the SYNs
// where there are many.
[[nodiscard]] Sweep sweep(SocketSource& sockets, std::size_t seats, std::span<const Aim> aims,
                          const SweepLimits& limits, const std::atomic<bool>& stop,
                          const std::function<void(const Progress&)>& tell);

}  // namespace bulkhead::probe
