// Who reaches what: the verdict of every packet that a seat can send, computed for all of them at
// once.
//
// Exact over the model: an answer's sets are open, closed and unknown, disjoint, and hold
// everything that was asked about. What is not modelled, or is decided by what a snapshot does not
// hold, is unknown with its reason, never open or closed.
//
// Cost: build is O(size of the snapshot); from() compiles the rules that packets meet once and then
// follows each class of packets that is told apart. Not for two threads at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reach/chain/fields.h"
#include "reach/walk/outcome.h"

namespace bulkhead::reach {

// What is said of one packet.
struct Said {
  Verdict verdict = Verdict::kUnknown;
  How how = How::kUnknown;
  std::vector<const Outcome*>
      outcomes;  // of the packet, none forgotten; they disagree when unknown
};

// Of outcomes that hold one packet: what they agree on.
[[nodiscard]] Said agreed(std::vector<const Outcome*> outcomes);

class Answer {
 public:
  // Every packet that was asked about is in one at least (see Outcome).
  [[nodiscard]] const std::vector<Outcome>& outcomes() const { return outcomes_; }
  // Disjoint; together all that was asked about.
  [[nodiscard]] const packet::PacketSet& open() const { return open_; }
  [[nodiscard]] const packet::PacketSet& closed() const { return closed_; }
  [[nodiscard]] const packet::PacketSet& unknown() const { return unknown_; }
  [[nodiscard]] Said about(const packet::Packet& packet) const;

 private:
  friend class Reach;
  Answer(std::vector<Outcome> outcomes, packet::PacketSet open, packet::PacketSet closed,
         packet::PacketSet unknown)
      : outcomes_(std::move(outcomes)),
        open_(std::move(open)),
        closed_(std::move(closed)),
        unknown_(std::move(unknown)) {}
  std::vector<Outcome> outcomes_;
  packet::PacketSet open_, closed_, unknown_;
};

// One snapshot (which must outlive it and not change) and one address family.
class Reach {
 public:
  [[nodiscard]] static Reach build(const model::Snapshot& snapshot, IpFamily family);
  ~Reach();
  Reach(Reach&&) noexcept;
  Reach& operator=(Reach&&) noexcept;

  // Of an ordinary connection the fields kSource, kSourcePort and kProtocol hold what is sent; what
  // varies is kDestination and kDestinationPort. kBudget: the space's limits were met.
  [[nodiscard]] Result<Answer> from(const LocalRequest& request);
  [[nodiscard]] Result<Answer> from(const OutsideRequest& request);
  [[nodiscard]] Result<Answer> from(const ForgedRequest& request);

  [[nodiscard]] const Fields& fields() const;
  [[nodiscard]] const packet::PacketSpace& space() const;  // of the answers' sets
  [[nodiscard]] std::uint64_t work() const;                // so far (ForgedRequest::most_work)

 private:
  struct State;
  explicit Reach(std::unique_ptr<State> state);
  [[nodiscard]] Result<Answer> answer(std::vector<Outcome> outcomes);
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::reach
