// What is another now than it was when somebody last looked. Pure.
//
// Only what both scans know is compared. A port that was open and is unknown now is neither gone
// nor unchanged, and is told as such; silence of one kind and of another (filtered, an unreachable)
// is a change of state, which matters less than something that answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "seen/record.h"

namespace bulkhead::seen {

enum class Turn : std::uint8_t {
  kNew,      // it answers, and did not, or was not asked
  kService,  // it answered and does, and another service says so
  kLogin,    // the same service, and who may use it differs
  kGone,     // it answered, and does not
  kLost,     // it answered, and that is not known any more
  kState,    // it did not answer and does not, in another way
};
[[nodiscard]] std::string_view to_string(Turn turn);  // "new"

struct Side {
  bool asked = false;
  State state = State::kUnknown;  // asked
  Proof proof = Proof::kNotFinished;
  std::optional<Service> service = {};
};

struct Change {
  Turn turn = Turn::kNew;
  std::string vantage;
  ScopedAddress to;
  IpProtocol protocol = IpProtocol::kTcp;
  PortRange ports;  // in a row of which the same is said; one where a service is known
  Side before, now;
};

struct Difference {
  std::vector<Change> changes;        // by Turn, then vantage, address, protocol and port
  std::uint64_t compared = 0;         // ports that both asked
  std::uint64_t not_asked_again = 0;  // ports that only the old one asked
  bool complete = true;               // both were finished, and nothing that answered was lost
  [[nodiscard]] std::uint64_t ports_of(Turn turn) const;
  [[nodiscard]] bool empty() const { return changes.empty(); }
  // Something answers that did not, or another service, or one that wants less of a login.
  [[nodiscard]] bool alarming() const;
};

// Linear in runs and services, times a logarithm: however many ports a file says are open.
[[nodiscard]] Difference compare(const Record& before, const Record& now);

// What is known after both: what `now` knows, and what `before` knew of ports that `now` does not.
// So that a machine which was away for one scan is no news when it is back. At most kMostCarried
// addresses are kept of those that were not asked now.
[[nodiscard]] Record carry_over(const Record& before, Record now);
inline constexpr std::size_t kMostCarried = 10'000;

// Form: schemas/scan-diff.schema.json. `host` and the instant: who saw it, when it is told to
// others.
[[nodiscard]] std::string difference_json(const Difference& difference, std::string_view host = {},
                                          std::uint64_t at_ms = 0);

}  // namespace bulkhead::seen
