#include "probe/rounds.h"

#include <algorithm>
#include <cmath>

namespace bulkhead::probe {
namespace {

// The chance that one answering port of the whole target is missed.
constexpr double kMissed = 0.001;

}  // namespace

Rounds::Rounds(std::span<const seen::PortRange> ports, RoundLimits limits)
    : limits_(limits), ranges_(ports.begin(), ports.end()) {
  for (const seen::PortRange& range : ranges_) {
    first_cell_.push_back(static_cast<std::uint32_t>(cells_));
    cells_ += range.last - range.first + 1U;
  }
  cell_.resize(cells_);
  round_ = 1;
  fill_queue();
}

void Rounds::fill_queue() {
  queue_.clear();
  position_ = 0;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    for (std::uint32_t port = ranges_[i].first; port <= ranges_[i].last; ++port) {
      if (!cell_[first_cell_[i] + port - ranges_[i].first].settled)
        queue_.push_back(static_cast<std::uint16_t>(port));
    }
  }
}

Rounds::Cell* Rounds::find(Port port) {
  const auto after = std::ranges::upper_bound(ranges_, port.number, {}, &seen::PortRange::first);
  if (after == ranges_.begin()) return nullptr;
  const auto index = static_cast<std::size_t>(after - ranges_.begin()) - 1;
  if (port.number > ranges_[index].last) return nullptr;
  return &cell_[first_cell_[index] + port.number - ranges_[index].first];
}

std::optional<Port> Rounds::next(std::uint64_t now_us) {
  while (position_ < queue_.size()) {
    const Port port{queue_[position_++]};
    Cell& cell = *find(port);
    if (cell.settled) continue;  // an answer to an earlier round came meanwhile
    cell.asked_us = static_cast<std::uint32_t>(now_us);
    if (cell.tries < 255) ++cell.tries;
    ++sent_;
    return port;
  }
  return std::nullopt;
}

void Rounds::put_back(Port port) {
  Cell& cell = *find(port);
  --cell.tries;
  --sent_;
  queue_[--position_] = port.number;
}

std::uint64_t Rounds::take(Port port, const Reply& reply, std::uint64_t now_us) {
  Cell* cell = find(port);
  if (cell == nullptr || cell->tries == 0 || cell->settled) return 0;
  // Two answers to one question that differ: what is open to somebody is open.
  cell->reply = reply;
  cell->heard = cell->heard || reply.proof != seen::Proof::kNoSocket;
  if (!reply.settles()) return 0;
  cell->settled = true;
  ++settled_;
  if (first_answered_ == 0) first_answered_ = round_;
  if (round_ > first_answered_) ++late_;
  return cell->tries > 1
             ? 0
             : std::max<std::uint32_t>(1, static_cast<std::uint32_t>(now_us) - cell->asked_us);
}

std::uint64_t Rounds::answered() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(cell_, [](const Cell& cell) {
    return cell.heard && cell.reply.proof != seen::Proof::kSendRefused;
  }));
}

// With n answering ports, each of which misses a round with chance p, n * p^k are missed in all of
// k rounds. p is judged by those that answered late (Laplace's rule: nothing seen is not zero).
// Rounds before the first answer tell nothing of p: the neighbour was not resolved yet.
std::uint32_t Rounds::needed() const {
  const auto n = static_cast<double>(settled_);
  const double p = std::min((1 + static_cast<double>(late_)) / (2 + n), 0.9);
  const double rounds = n == 0 ? 0 : std::ceil(std::log(kMissed / n) / std::log(p));
  const auto wanted = static_cast<std::uint32_t>(std::clamp(rounds, 0.0, 1000.0));
  const std::uint32_t before = first_answered_ == 0 ? 0 : first_answered_ - 1;
  return std::min(before + std::max(wanted, limits_.least), limits_.most);
}

bool Rounds::start_next(std::uint64_t lost) {
  lost_in_round_ = lost > 0;
  // Where a rule limits the rate, or a listener answers the same question only now and then, misses
  // hang together: as long as asking again tells more, the rounds are not over.
  const bool told_more = settled_this_round() > 0;
  settled_before_ = settled_;
  const bool enough =
      round_ >= limits_.most || (round_ >= needed() && !lost_in_round_ && !told_more);
  if (all_settled() || enough) {
    complete_ = true;
    return false;
  }
  ++round_;
  fill_queue();
  return true;
}

std::vector<seen::PortRun> Rounds::finish(const Reply& silence) const {
  std::vector<seen::PortRun> runs;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    for (std::uint32_t port = ranges_[i].first; port <= ranges_[i].last; ++port) {
      const Cell& cell = cell_[first_cell_[i] + port - ranges_[i].first];
      Reply reply = cell.reply;
      if (!cell.settled) {
        if (!complete_ || cell.tries == 0)
          reply = {seen::State::kUnknown, seen::Proof::kNotFinished, 0};
        else if (cell.heard || reply.proof == seen::Proof::kNoSocket)
          reply = cell.reply;
        else
          reply = lost_in_round_ ? Reply{seen::State::kUnknown, seen::Proof::kLost, 0} : silence;
      }
      const auto number = static_cast<std::uint16_t>(port);
      if (!runs.empty() && runs.back().ports.last + 1U == port &&
          runs.back().state == reply.state && runs.back().proof == reply.proof &&
          runs.back().error == reply.error) {
        runs.back().ports.last = number;
      } else {
        runs.push_back({{number, number}, reply.state, reply.proof, reply.error});
      }
    }
  }
  return runs;
}

}  // namespace bulkhead::probe
