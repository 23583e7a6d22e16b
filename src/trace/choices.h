// What the kernel decides by something that a snapshot does not hold: a rate limit, a random
// number, a match that is not understood. A walk asks pick(); the walk is repeated with every
// combination (up to a bound), and only where all agree is the answer known.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::trace {

class Choices {
 public:
  // True or false for this run. `why` names the cause ("limit rate 10/second", "xt match 'u32'").
  // The same sequence of questions gets the same answers within one run.
  bool pick(std::string_view why) {
    if (at_ == taken_.size()) {
      if (taken_.size() == kMost) {
        exhausted_ = true;
        return false;
      }
      taken_.push_back(true);
      reasons_.emplace_back(why);
    }
    return taken_[at_++];
  }

  // The same, but one question for each `key` in a run: what the kernel takes from a hash of the
  // flow stays as it is for all packets of the flow.
  bool pick_once(const void* key, std::string_view why) {
    for (const auto& [known, taken] : fixed_) {
      if (known == key) return taken;
    }
    const bool taken = pick(why);
    fixed_.emplace_back(key, taken);
    return taken;
  }

  // Prepares the next combination; false when there is none.
  bool next() {
    at_ = 0;
    fixed_.clear();
    while (!taken_.empty() && !taken_.back()) {
      taken_.pop_back();
      reasons_.pop_back();
    }
    if (taken_.empty()) return false;
    taken_.back() = false;
    return true;
  }

  [[nodiscard]] bool any() const { return !taken_.empty(); }
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  [[nodiscard]] const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  static constexpr std::size_t kMost = 12;  // choices within one run

  std::vector<bool> taken_;
  std::vector<std::string> reasons_;
  std::vector<std::pair<const void*, bool>> fixed_;
  std::size_t at_ = 0;
  bool exhausted_ = false;
};

}  // namespace bulkhead::trace
