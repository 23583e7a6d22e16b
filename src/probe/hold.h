// Whether to go on: asks somebody now and then, and counts the time in which he said no.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace bulkhead::probe {

class Hold {
 public:
  // `ask` may be empty: never on. It is called every `every_us` microseconds at most.
  Hold(std::function<bool()> ask, std::uint64_t every_us)
      : ask_(std::move(ask)), every_us_(every_us) {}

  // Looks again when it is time. The time since the last look counts as that look found it: what is
  // counted now comes back, in microseconds.
  std::uint64_t look(std::uint64_t now_us) {
    if (!ask_ || now_us < looked_us_ + every_us_) return 0;
    const std::uint64_t counted = end(now_us);
    looked_us_ = now_us;
    on_ = ask_();
    return counted;
  }
  // Counts up to now; to be called last.
  std::uint64_t end(std::uint64_t now_us) {
    const std::uint64_t counted = on_ ? now_us - looked_us_ : 0;
    held_us_ += counted;
    return counted;
  }

  [[nodiscard]] bool is_on() const { return on_; }
  [[nodiscard]] std::uint64_t held_us() const { return held_us_; }

 private:
  std::function<bool()> ask_;
  std::uint64_t every_us_, looked_us_ = 0, held_us_ = 0;
  bool on_ = false;
};

}  // namespace bulkhead::probe
