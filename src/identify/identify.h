// Which services listen at these ports, asked of the services themselves: the exchanges of
// services/interview.h, run over real sockets, many at once.
//
// Nothing is trusted and everything is bounded: bytes kept of an answer
// (services::kMostAnswerBytes), bytes of a handshake, time of an exchange however slowly it drips,
// time of the whole, sockets open at once. Nothing is decompressed, no redirect is followed, no
// certificate is believed or sent, no credential exists. Every exchange is held against
// services/deny.h once more before it is sent.
//
// One thread; the sockets come from the caller, so they may belong to any network namespace.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "services/interview.h"

namespace bulkhead::identify {

// A non-blocking, close-on-exec socket (SOCK_STREAM for TCP, SOCK_DGRAM for UDP), which becomes
// ours.
using SocketFactory = std::function<Result<int>(IpFamily family, IpProtocol protocol)>;

struct Target {
  SocketFactory open;
  IpAddress address;
  services::Subject subject;  // port, protocol, and whether it may be a printer
  std::uint32_t scope = 0;    // of a link-local address: the interface, where sockets are opened
};

struct Progress {
  std::size_t targets = 0, done = 0;
  std::uint64_t left_ms = 0;  // at most; what it is paused comes on top
  bool paused = false;        // by Limits::hold
};

struct Limits {
  std::uint32_t in_flight = 256;     // sockets open at once
  std::uint32_t per_target = 8;      // of them, to one target
  std::uint32_t banner_ms = 700;     // how long a service may take to speak first
  std::uint32_t answer_ms = 1500;    // to connect, and to begin its answer
  std::uint32_t quiet_ms = 150;      // silence that ends an answer without an end of its own
  std::uint32_t exchange_ms = 4000;  // one exchange, whatever comes
  std::uint32_t all_ms = 60'000;     // all of them; what is not asked then is said to be withheld
  services::Depth depth = services::Depth::kProtocol;
  const std::atomic<bool>* stop = nullptr;  // true: ends at once, as if all_ms were over
  // True: the machine is too busy. Nothing new is asked then, and all_ms stands still, but for
  // kMostPaused at most. Asked a few times a second.
  std::function<bool()> hold = {};
  // Called some five times a second while there is nothing else to do (Asker::finish).
  std::function<void(const Progress&)> tell = {};
};
inline constexpr std::chrono::minutes kMostPaused{10};

struct Identified {
  std::vector<services::Finding> findings;  // in the order of the targets
  std::uint64_t paused_ms = 0;              // by Limits::hold
};

// The work, for who has something else to do meanwhile (identify/beside.h). The findings point into
// `matcher`, which must outlive it. A target to which no connection comes about twice in a row is
// given up.
class Asker {
 public:
  Asker(const services::Matcher& matcher, Limits limits);
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker();

  // Its number: 0, 1, ...
  std::size_t add(Target target);
  // Forgets what is known of a target, and asks from the beginning.
  void ask_again(std::size_t target);
  // What it is being asked now is asked once more if it stays silent.
  void repeat_silent(std::size_t target);
  void drop(std::size_t target);           // is asked nothing more
  void set_in_flight(std::uint32_t most);  // Limits::in_flight from now on
  // Does what can be done without waiting. all_ms does not run yet.
  void turn();
  // An epoll descriptor: readable when an answer is there for turn(). What is over without an
  // answer is so only by turn().
  [[nodiscard]] int descriptor() const;
  // So far (services::Interview::misses_answers): more may come of asking again.
  [[nodiscard]] bool misses_answers(std::size_t target) const;
  // Until all are known: within all_ms from now, and a little, and what it is paused from now on.
  // All sockets are closed then, and nothing may be added.
  [[nodiscard]] Identified finish();
  [[nodiscard]] Identified give_up();  // with what is known now

 private:
  class Run;
  std::unique_ptr<Run> run_;
};

// All at once.
[[nodiscard]] Identified identify(const services::Matcher& matcher, std::span<const Target> targets,
                                  const Limits& limits);

}  // namespace bulkhead::identify
