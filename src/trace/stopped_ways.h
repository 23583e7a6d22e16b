// What is known of packets that were stopped on their way, for other destinations: all that the
// walk asked of where it went comes out the same for them, so that they are stopped likewise
// (EndReads::same_to).
//
// On a host of many networks most questions end this way, at the same rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "trace/end_reads.h"

namespace bulkhead::trace {

// Of walks through one world, which must outlive it. `Who` (ordered): what else tells the questions
// apart; `What`: what is said of such packets.
template <class Who, class What>
class StoppedWays {
 public:
  // The first whose record, EndReads of its destination, serves; null: none. O(what was kept of
  // the same sender and of destinations nearby, at most kMostNearby).
  template <class Serves>
  [[nodiscard]] const What* find(const Who& who, IpProtocol protocol, const IpAddress& to,
                                 Serves serves) const {
    const auto at = known_.find({who, protocol, near(to)});
    if (at == known_.end()) return nullptr;
    for (const auto& [asked, what] : at->second) {
      if (serves(asked, what)) return &what;
    }
    return nullptr;
  }
  // `asked` is the whole record of a walk to `to` that was stopped. Dropped when there is no room.
  void add(const Who& who, IpProtocol protocol, const IpAddress& to, EndReads asked, What what) {
    if (!asked.is_clear_by_type() || count_ == kMost) return;
    auto& nearby = known_[{who, protocol, near(to)}];
    if (nearby.size() == kMostNearby) return;
    nearby.emplace_back(std::move(asked), std::move(what));
    ++count_;
  }

 private:
  static constexpr std::size_t kMostNearby = 8, kMost = 1U << 17;
  // Engines give the members of a network addresses next to each other.
  static std::uint32_t near(const IpAddress& to) { return to.v4_number() >> 8; }

  std::map<std::tuple<Who, IpProtocol, std::uint32_t>, std::vector<std::pair<EndReads, What>>>
      known_;
  std::size_t count_ = 0;
};

}  // namespace bulkhead::trace
