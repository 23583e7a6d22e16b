// What was answered, by answer: of hundreds of thousands of pairs on a large host many share one
// reply, and what is asked of a reply need not be asked for each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "audit/reachability.h"

namespace bulkhead::audit {

class KnownAnswers {
 public:
  // Of all that is open, and of what is closed to zones, to ordinary connections. `reach` must
  // outlive it. O(pairs).
  explicit KnownAnswers(const Reachability& reach);

  // A pair by its place: Answers::closed of that service follow behind Answers::open.
  struct Pair {
    std::size_t service = 0, place = 0;
    friend auto operator<=>(const Pair&, const Pair&) = default;
  };
  // All pairs that have such a reply, ascending. O(replies + found log found).
  [[nodiscard]] std::vector<Pair> of_replies(
      const std::function<bool(const query::Reply&)>& wanted) const;

 private:
  struct Group {  // pairs that share a reply
    const query::Reply* reply = nullptr;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;  // service, place
  };
  std::vector<Group> groups_;
};

}  // namespace bulkhead::audit
