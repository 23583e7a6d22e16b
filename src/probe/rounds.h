// Which ports of one target are asked next, and when enough was asked. Pure bookkeeping: the
// sockets and the clock are the caller's.
//
// A round asks each port that has not answered. Rounds follow until the chance that an answering
// port was missed in all of them is small, judged by how many answered late. The worst that can be
// said of what stays silent is told by finish(): lost answers are never silence.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "seen/observed.h"

namespace bulkhead::probe {

// What came back for one port.
struct Reply {
  seen::State state = seen::State::kUnknown;
  seen::Proof proof = seen::Proof::kSilence;
  std::int32_t error = 0;
  [[nodiscard]] static Reply open() { return {seen::State::kOpen, seen::Proof::kAccepted, 0}; }
  [[nodiscard]] static Reply reset() { return {seen::State::kClosed, seen::Proof::kReset, 0}; }
  // Open and closed are final. The rest may be another answer in the next round.
  [[nodiscard]] bool settles() const {
    return state == seen::State::kOpen || state == seen::State::kClosed;
  }
};

struct RoundLimits {
  std::uint32_t least = 3;  // rounds before silence counts
  std::uint32_t most = 24;
};

class Rounds {
 public:
  // The ranges are ascending and disjoint.
  Rounds(std::span<const seen::PortRange> ports, RoundLimits limits);

  // The next port of this round, counted as asked now; nullopt when all have been.
  [[nodiscard]] std::optional<Port> next(std::uint64_t now_us);
  void put_back(Port port);  // it could not be sent: the next that next() gives

  // Microseconds since it was asked when this settles a port that was asked once (Karn: of another
  // it is not known which question was answered); 0 otherwise. A port not asked about is ignored.
  std::uint64_t take(Port port, const Reply& reply, std::uint64_t now_us);

  [[nodiscard]] bool all_settled() const { return settled_ == cells_; }
  [[nodiscard]] std::uint32_t round() const { return round_; }  // 1 is the first
  [[nodiscard]] bool last_round() const { return round_ >= needed(); }
  // Of this round, all of whose answers have come or are given up. `lost`: packets dropped in our
  // queue meanwhile. False: there is nothing left to ask.
  [[nodiscard]] bool start_next(std::uint64_t lost);

  [[nodiscard]] std::size_t ports() const { return cells_; }
  [[nodiscard]] std::size_t settled() const { return settled_; }
  [[nodiscard]] std::size_t settled_this_round() const { return settled_ - settled_before_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t answered() const;

  // All ports, in order. `silence` is what is said of a port without any answer, when the rounds
  // were completed and nothing was lost in the last of them.
  [[nodiscard]] std::vector<seen::PortRun> finish(const Reply& silence) const;

 private:
  struct Cell {
    Reply reply;
    std::uint32_t asked_us = 0;  // the low half: differences are all that is wanted
    std::uint8_t tries = 0;
    bool settled = false;
    bool heard = false;  // something came back
  };
  [[nodiscard]] Cell* find(Port port);
  [[nodiscard]] std::uint32_t needed() const;
  void fill_queue();

  RoundLimits limits_;
  std::vector<seen::PortRange> ranges_;
  std::vector<std::uint32_t> first_cell_;  // of each range
  std::vector<Cell> cell_;
  std::vector<std::uint16_t> queue_;  // of this round
  std::size_t position_ = 0;
  std::size_t cells_ = 0, settled_ = 0, late_ = 0;
  std::size_t settled_before_ = 0;  // this round began
  std::uint64_t sent_ = 0;
  std::uint32_t round_ = 0;
  std::uint32_t first_answered_ = 0;  // the first round in which anything settled; 0: none yet
  bool lost_in_round_ = false, complete_ = false;
};

}  // namespace bulkhead::probe
