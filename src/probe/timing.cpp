#include "probe/timing.h"

namespace bulkhead::probe {
namespace {

constexpr double kMicroseconds = 1e6;
constexpr double kFirstPart = 16;  // of the greatest rate
constexpr double kGrowth = 2;
constexpr std::uint64_t kGrowEvery = 5'000;

}  // namespace

void RoundTrip::measured(std::uint64_t us) {
  us = std::max<std::uint64_t>(us, 1);
  if (smoothed_ == 0) {
    smoothed_ = us;
    variation_ = us / 2;
    return;
  }
  const std::uint64_t off = smoothed_ > us ? smoothed_ - us : us - smoothed_;
  variation_ = (3 * variation_ + off) / 4;
  smoothed_ = std::max<std::uint64_t>((7 * smoothed_ + us) / 8, 1);
}

std::uint64_t RoundTrip::timeout_us() const {
  if (smoothed_ == 0) return bounds_.first_us;
  return std::clamp(smoothed_ + 4 * variation_, bounds_.least_us, bounds_.most_us);
}

Pace::Pace(std::uint64_t most, std::uint64_t burst)
    : most_(static_cast<double>(std::max<std::uint64_t>(most, 1))),
      rate_(std::max(most_ / kFirstPart, 1.0)),
      burst_(static_cast<double>(std::max<std::uint64_t>(burst, 1))),
      tokens_(burst_) {}

std::uint64_t Pace::allowed(std::uint64_t now_us) {
  if (last_us_ == 0) last_us_ = grown_us_ = now_us;
  tokens_ = std::min(tokens_ + rate_ * static_cast<double>(now_us - last_us_) / kMicroseconds,
                     std::max(burst_, rate_ / 200));  // 5 ms of a late caller are made good
  last_us_ = now_us;
  if (!gave_way_ && now_us - grown_us_ >= kGrowEvery) {
    rate_ = std::min(rate_ * kGrowth, most_);
    grown_us_ = now_us;
  }
  return tokens_ < 1 ? 0 : static_cast<std::uint64_t>(tokens_);
}

std::uint64_t Pace::next_us(std::uint64_t now_us) const {
  if (tokens_ >= 1) return now_us;
  return now_us + static_cast<std::uint64_t>((1 - tokens_) * kMicroseconds / rate_) + 1;
}

}  // namespace bulkhead::probe
