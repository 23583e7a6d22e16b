// How long to wait for an answer, and how fast to ask. Pure: the clock is the caller's; all times
// are microseconds.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bulkhead::probe {

// RFC 6298: smoothed round trip and its variation, within bounds.
class RoundTrip {
 public:
  struct Bounds {
    std::uint64_t first_us = 250'000;  // while nothing has come back
    std::uint64_t least_us = 40'000;
    std::uint64_t most_us = 1'500'000;
  };
  explicit RoundTrip(Bounds bounds) : bounds_(bounds) {}

  void measured(std::uint64_t us);
  [[nodiscard]] std::uint64_t timeout_us() const;
  [[nodiscard]] std::uint64_t smoothed_us() const { return smoothed_; }
  [[nodiscard]] bool known() const { return smoothed_ != 0; }

 private:
  Bounds bounds_;
  std::uint64_t smoothed_ = 0, variation_ = 0;
};

// A token bucket whose rate grows to its bound, until answers get lost: then it gives way for good.
class Pace {
 public:
  // `most`: probes a second, at least 1. Begins at a part of it, since neighbours are not resolved
  // yet and what stands between is not known.
  Pace(std::uint64_t most, std::uint64_t burst);

  // Probes that may be sent now.
  [[nodiscard]] std::uint64_t allowed(std::uint64_t now_us);
  void spent(std::uint64_t probes) { tokens_ -= static_cast<double>(probes); }
  // When the next one may be.
  [[nodiscard]] std::uint64_t next_us(std::uint64_t now_us) const;

  // `reached`: how fast it really went, when that is known; else 0.
  void answers_lost(double reached = 0) {
    const double rate = reached > 0 ? std::min(rate_, reached) : rate_;
    rate_ = std::max(rate / 2, least()), gave_way_ = true;
  }
  void at_most(double rate) { most_ = std::max(rate, 0.1), rate_ = std::min(rate_, most_); }
  [[nodiscard]] double rate() const { return rate_; }

 private:
  [[nodiscard]] double least() const { return std::min(most_, 50.0); }
  double most_, rate_, burst_, tokens_;
  std::uint64_t last_us_ = 0, grown_us_ = 0;
  bool gave_way_ = false;
};

}  // namespace bulkhead::probe
