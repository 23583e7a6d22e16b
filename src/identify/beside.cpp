#include "identify/beside.h"

#include <algorithm>

namespace bulkhead::identify {

static_assert(kMostBeside <= probe::kCompanionDescriptors);

BesideSweep::BesideSweep(const services::Matcher& matcher, Limits limits, Choice choose)
    : choose_(std::move(choose)), in_flight_(limits.in_flight), asker_(matcher, std::move(limits)) {
  asker_.set_in_flight(std::min(in_flight_, kMostBeside));
}

void BesideSweep::found(std::size_t aim, Port port) {
  const auto [at, fresh] = early_.try_emplace({aim, port});
  if (!fresh) return;
  if (auto target = choose_(aim, port)) at->second.target = asker_.add(*std::move(target));
}

std::size_t BesideSweep::want(std::size_t aim, Port port, const std::function<Target()>& target) {
  const auto at = early_.find({aim, port});
  if (at == early_.end() || !at->second.target) return asker_.add(target());
  at->second.wanted = true;
  const std::size_t number = *at->second.target;
  if (asker_.misses_answers(number))
    asker_.ask_again(number);
  else
    asker_.repeat_silent(number);
  return number;
}

std::optional<std::size_t> BesideSweep::known(std::size_t aim, Port port) const {
  const auto at = early_.find({aim, port});
  return at == early_.end() ? std::nullopt : at->second.target;
}

Identified BesideSweep::finish() {
  for (const auto& [port, early] : early_) {
    if (early.target && !early.wanted) asker_.drop(*early.target);
  }
  asker_.set_in_flight(in_flight_);
  return asker_.finish();
}

Identified BesideSweep::give_up() {
  return asker_.give_up();
}

}  // namespace bulkhead::identify
