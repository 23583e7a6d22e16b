#include "seen/observed.h"

namespace bulkhead::seen {

std::string_view to_string(State state) {
  switch (state) {
    case State::kOpen: return "open";
    case State::kClosed: return "closed";
    case State::kFiltered: return "filtered";
    case State::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Proof proof) {
  switch (proof) {
    case Proof::kAccepted: return "accepted";
    case Proof::kReset: return "reset";
    case Proof::kPortUnreachable: return "port-unreachable";
    case Proof::kSilence: return "silence";
    case Proof::kIcmp: return "icmp";
    case Proof::kSendRefused: return "send-refused";
    case Proof::kLost: return "lost";
    case Proof::kNoSocket: return "no-socket";
    case Proof::kNotFinished: return "not-finished";
    case Proof::kNoUdpAnswer: return "no-udp-answer";
    case Proof::kUnchecked: return "unchecked";
  }
  return "unknown";
}

std::string_view to_string(Engine engine) {
  switch (engine) {
    case Engine::kConnect: return "connect";
    case Engine::kSyn: return "syn";
    case Engine::kUdp: return "udp";
  }
  return "unknown";
}

std::array<std::uint64_t, kStates> count_states(const std::vector<PortRun>& runs) {
  std::array<std::uint64_t, kStates> counts{};
  for (const PortRun& run : runs)
    counts[static_cast<std::size_t>(run.state)] += run.ports.last - run.ports.first + 1U;
  return counts;
}

}  // namespace bulkhead::seen
