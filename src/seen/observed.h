// What real packets told of ports: the words of a scan, and its results as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace bulkhead::seen {

// Silence, a lost answer and a refusal are three things: none is ever told as another.
enum class State : std::uint8_t { kOpen, kClosed, kFiltered, kUnknown };
inline constexpr std::size_t kStates = 4;

// What a state rests on.
enum class Proof : std::uint8_t {
  kAccepted,         // open: SYN/ACK, a connection, a UDP answer
  kReset,            // closed: RST to our own SYN
  kPortUnreachable,  // closed: ICMP port unreachable
  kSilence,          // filtered: nothing in any round
  kIcmp,             // filtered: another ICMP error, in every round or before silence
  kSendRefused,      // filtered: the seat's own kernel did not send it (no route, its own rules)
  kLost,             // unknown: answers were lost in the queue of our socket
  kNoSocket,         // unknown: no socket, no source port, no memory for it
  kNotFinished,      // unknown: time over, or interrupted
  kNoUdpAnswer,      // unknown: a silent UDP port is open or filtered
  kUnchecked,        // unknown: silence where the self-check of the seat did not pass
};

[[nodiscard]] std::string_view to_string(State state);  // "open"
[[nodiscard]] std::string_view to_string(Proof proof);  // "accepted", "port-unreachable"

struct PortRange {  // both ends included
  std::uint16_t first = 0, last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Ports in a row of which the same was seen.
struct PortRun {
  PortRange ports;
  State state = State::kUnknown;
  Proof proof = Proof::kNotFinished;
  std::int32_t error = 0;  // errno with kIcmp, kSendRefused and kNoSocket, else 0
  friend bool operator==(const PortRun&, const PortRun&) = default;
};

enum class Engine : std::uint8_t { kConnect, kSyn, kUdp };
[[nodiscard]] std::string_view to_string(Engine engine);  // "connect", "syn", "udp"

struct Counts {
  std::uint64_t sent = 0;      // probes, those sent again included
  std::uint64_t answered = 0;  // ports of which something came back
  std::uint64_t lost = 0;      // packets dropped in the queue of our socket, which may be answers
};

// One address, scanned from one seat.
struct Swept {
  Engine engine = Engine::kConnect;
  std::vector<PortRun> runs;  // ascending, together all ports that were asked about
  Counts counts;
  std::uint32_t rounds = 0;
  std::uint32_t rtt_us = 0;  // smoothed; 0: nothing came back
};

// What became of the self-check: a listener and a closed port of our own in the seat's namespace,
// found to be what they are.
struct SeatCheck {
  bool passed = false;
  Engine engine = Engine::kConnect;  // for TCP
  std::string why;  // not passed: what was seen instead; passed: why not raw SYN, when it is not
};

[[nodiscard]] std::array<std::uint64_t, kStates> count_states(const std::vector<PortRun>& runs);

}  // namespace bulkhead::seen
