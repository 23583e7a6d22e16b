#include "reach/chain/effect.h"

#include <algorithm>
#include <iterator>

namespace bulkhead::reach {

template <class T>
std::uint32_t Effects::Interned<T>::add(const T& item) {
  const auto [at, is_new] = index.emplace(item, static_cast<std::uint32_t>(items.size()));
  if (is_new) items.push_back(&at->first);
  return at->second;
}

Effects::Effects(const packet::PacketSpace& space)
    : then_(space.operation([this](packet::Leaf a, packet::Leaf b) { return then(a, b); })),
      either_(space.operation([this](packet::Leaf a, packet::Leaf b) { return either(a, b); })) {
  static_cast<void>(leaves_.add(Leaf{{Effect{}}, {}}));  // packet::kNone
  static_cast<void>(images_.add(Image()));
  static_cast<void>(reasons_.add({}));
}

ImageId Effects::image(const Image& image) {
  return ImageId{images_.add(image)};
}
const Image& Effects::image(ImageId id) const {
  return *images_.items.at(static_cast<std::size_t>(id));
}

std::uint32_t Effects::nat(const NatRequest& request) {
  return requests_.add(request) + 1;
}
const NatRequest& Effects::nat(const Effect& effect) const {
  return *requests_.items.at(effect.nat - 1);
}

ReasonId Effects::reason(std::string_view text) {
  return ReasonId{reasons_.add(std::string(text))};
}
const std::string& Effects::text(ReasonId id) const {
  return *reasons_.items.at(static_cast<std::size_t>(id));
}

packet::Leaf Effects::leaf(const Effect& effect) {
  return leaves_.add(Leaf{{effect}, {}});
}

packet::Leaf Effects::leaf(Leaf leaf) {
  std::sort(leaf.effects.begin(), leaf.effects.end());
  leaf.effects.erase(std::unique(leaf.effects.begin(), leaf.effects.end()), leaf.effects.end());
  std::sort(leaf.reasons.begin(), leaf.reasons.end());
  leaf.reasons.erase(std::unique(leaf.reasons.begin(), leaf.reasons.end()), leaf.reasons.end());
  // One effect: nothing is in doubt. The smallest reasons of a union do not depend on its order.
  if (leaf.effects.size() == 1) leaf.reasons.clear();
  if (leaf.reasons.size() > kMostReasons) leaf.reasons.resize(kMostReasons);
  return leaves_.add(leaf);
}

const Leaf& Effects::at(packet::Leaf leaf) const {
  return *leaves_.items.at(leaf);
}

bool Effects::may_pass(packet::Leaf leaf) const {
  const Leaf& l = at(leaf);
  return l.effects.size() > 1 && l.effects.front().kind == EffectKind::kPass;
}

packet::Leaf Effects::merged(const Leaf& a, const Leaf& b, bool drop_pass_of_a) {
  Leaf out;
  const std::size_t from = drop_pass_of_a ? 1 : 0;  // kPass sorts first
  std::set_union(a.effects.begin() + static_cast<std::ptrdiff_t>(from), a.effects.end(),
                 b.effects.begin(), b.effects.end(), std::back_inserter(out.effects));
  std::set_union(a.reasons.begin(), a.reasons.end(), b.reasons.begin(), b.reasons.end(),
                 std::back_inserter(out.reasons));
  return leaf(std::move(out));
}

packet::Leaf Effects::then(packet::Leaf first, packet::Leaf second) {
  if (first == packet::kNone) return second;
  const Leaf& a = at(first);
  if (a.effects.front().kind != EffectKind::kPass) return first;
  return merged(a, at(second), true);
}

packet::Leaf Effects::either(packet::Leaf a, packet::Leaf b) {
  return a == b ? a : merged(at(a), at(b), false);
}

packet::Leaf Effects::because(packet::Leaf l, ReasonId reason) {
  Leaf out = at(l);
  if (out.effects.size() == 1 || reason == ReasonId{}) return l;
  out.reasons.push_back(reason);
  return leaf(std::move(out));
}

}  // namespace bulkhead::reach
