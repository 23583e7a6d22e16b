#include "reach/route/algebra.h"

namespace bulkhead::reach {
namespace {

packet::Wide wide(const IpAddress& address) {
  const auto o = address.octets();
  packet::Wide w;
  for (std::size_t i = 0; i < o.size(); ++i)
    (i < 8 ? w.high : w.low) |= std::uint64_t{o[i]} << (56 - 8 * (i % 8));
  return w;
}

}  // namespace

packet::PacketSet Algebra::both(const packet::PacketSet& a, const packet::PacketSet& b) {
  return take(a.intersect(b), none());
}

packet::PacketSet Algebra::either(const packet::PacketSet& a, const packet::PacketSet& b) {
  return take(a.unite(b), none());
}

packet::PacketSet Algebra::without(const packet::PacketSet& a, const packet::PacketSet& b) {
  return take(a.subtract(b), none());
}

packet::PacketSet Algebra::where(const NumberOperand& n, const packet::IntervalSet& values) {
  if (n.constant) return constant(values.contains(*n.constant));
  packet::Product product;
  product.where(fields_.only(n.field), values);
  return take(space_.set(product), none());
}

packet::PacketSet Algebra::where(const AddressOperand& a, const Prefix& prefix) {
  return where(a, prefix.first(), prefix.last());
}

packet::PacketSet Algebra::where(const AddressOperand& a, IpAddress first, IpAddress last) {
  if (a.constant) return constant(*a.constant >= first && *a.constant <= last);
  if (first.family() != family() || last.family() != family()) return none();
  if (first.is_v4()) {
    packet::Product product;
    product.where(fields_.only(a.field),
                  packet::IntervalSet::range(first.v4_number(), last.v4_number()));
    return take(space_.set(product), none());
  }
  const auto parts = fields_.parts(a.field);
  const packet::WideInterval interval{wide(first), wide(last)};
  return take(
      space_.set(packet::WideField{parts[0].field, parts[1].field}, std::span(&interval, 1)),
      none());
}

packet::PacketSet Algebra::where(const AddressOperand& a, std::span<const IpAddress> any_of) {
  if (a.constant) {
    for (const IpAddress& one : any_of) {
      if (one == *a.constant) return all();
    }
    return none();
  }
  std::vector<packet::PacketSet> sets;
  for (const IpAddress& one : any_of) {
    if (one.family() == family()) sets.push_back(where(a, one, one));
  }
  return take(space_.any_of(sets), none());
}

std::optional<packet::PacketSet> Algebra::equal(const AddressOperand& a, const AddressOperand& b) {
  if (a.constant && b.constant) return constant(*a.constant == *b.constant);
  if (a.constant) return where(b, *a.constant);
  if (b.constant) return where(a, *b.constant);
  if (a.field == b.field) return all();
  if (apart_) return none();
  return std::nullopt;
}

std::optional<packet::PacketSet> Algebra::equal(const NumberOperand& a, const NumberOperand& b) {
  if (a.constant && b.constant) return constant(*a.constant == *b.constant);
  if (a.constant) return where(b, packet::IntervalSet::single(*a.constant));
  if (b.constant) return where(a, packet::IntervalSet::single(*b.constant));
  if (a.field == b.field) return all();
  return std::nullopt;
}

packet::PacketSet split_off(Algebra& algebra, packet::PacketSet& rest,
                            const packet::PacketSet& condition) {
  packet::PacketSet taken = algebra.both(rest, condition);
  rest = algebra.without(rest, condition);
  return taken;
}

}  // namespace bulkhead::reach
