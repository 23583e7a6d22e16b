// What was answered, by answer: of hundreds of thousands of pairs on a large host many share one
// reply, and what is asked of a reply need not be asked for each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "audit/change_scope.h"
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
  // All pairs whose reply the change may have touched, ascending. O(replies about its ports + found
  // log found).
  [[nodiscard]] std::vector<Pair> within(const ChangeScope& scope) const;

 private:
  struct Run {  // pairs of a service, one behind the other
    std::uint32_t service = 0, first = 0, end = 0;
  };
  struct Group {  // that share a reply
    const query::Reply* reply = nullptr;
    std::vector<Run> runs;
  };
  void file(std::size_t group);
  [[nodiscard]] std::vector<std::size_t> about(const ChangeScope& scope) const;

  std::vector<Group> groups_;
  std::unordered_map<std::uint16_t, std::vector<std::size_t>> by_port_;  // that a packet had
  std::vector<std::size_t> of_any_port_;
};

}  // namespace bulkhead::audit
