#include "verify/destinations.h"

#include <algorithm>

namespace bulkhead::verify {

using packet::Interval;
using packet::IntervalSet;
using packet::Packet;
using packet::Product;
using reach::Fields;
using reach::Quantity;

std::vector<AddressRange> ranges(const Fields& fields, const Product& product) {
  const auto parts = fields.parts(Quantity::kDestination);
  const auto values = [&](const Fields::Part& part) {
    const IntervalSet* found = product.find(part.field);
    return found != nullptr ? *found : IntervalSet::full(part.bits);
  };
  const auto address = [&](std::uint64_t high, std::uint64_t low) {
    Packet p = fields.layout().packet();
    p[parts.front().field] = high;
    if (parts.size() > 1) p[parts.back().field] = low;
    return fields.address(p, Quantity::kDestination);
  };
  std::vector<AddressRange> out;
  const IntervalSet highs = values(parts.front());
  for (const Interval& high : highs.intervals()) {
    if (parts.size() == 1) {
      out.push_back({address(high.first, 0), address(high.last, 0)});
      continue;
    }
    const IntervalSet lows = values(parts.back());
    for (const Interval& low : lows.intervals())
      out.push_back({address(high.first, low.first), address(high.last, low.last)});
  }
  return out;
}

IntervalSet ports_of(const Fields& fields, const Product& product) {
  const IntervalSet* found = product.find(fields.only(Quantity::kDestinationPort));
  return found != nullptr ? *found : IntervalSet::full(16);
}

std::optional<AddressRange> clip(const AddressRange& range, const std::optional<Prefix>& to) {
  if (!to) return range;
  const AddressRange inside{std::max(range.first, to->first()), std::min(range.last, to->last())};
  if (inside.last < inside.first) return std::nullopt;
  return inside;
}

Result<packet::PacketSet> destinations_of(const Fields& fields, const packet::PacketSet& set) {
  std::vector<packet::FieldId> others;
  for (const packet::FieldId field : set.support()) {
    const bool destination =
        field == fields.only(Quantity::kDestinationPort) ||
        std::ranges::any_of(fields.parts(Quantity::kDestination),
                            [field](const Fields::Part& part) { return part.field == field; });
    if (!destination) others.push_back(field);
  }
  return set.project(others);
}

Result<packet::PacketSet> to_destination(const reach::Reach& reach, const AddressRange& range,
                                         const IntervalSet& ports) {
  const Fields& fields = reach.fields();
  Packet first = fields.layout().packet(), last = first;
  fields.set_address(first, Quantity::kDestination, range.first);
  fields.set_address(last, Quantity::kDestination, range.last);
  Product product;
  for (const Fields::Part& part : fields.parts(Quantity::kDestination))
    product.where(part.field, IntervalSet::range(first[part.field], last[part.field]));
  product.where(fields.only(Quantity::kDestinationPort), ports);
  return reach.space().set(product);
}

void set_destination(const Fields& fields, Packet& packet, const Point& point) {
  fields.set_address(packet, Quantity::kDestination, point.to);
  fields.set(packet, Quantity::kDestinationPort, point.port.number);
}

Result<Destinations> Destinations::of(const Fields& fields, const packet::PacketSet& set) {
  auto projected = destinations_of(fields, set);
  if (!projected) return std::unexpected(projected.error());
  return Destinations(std::move(*projected));
}

Result<Destinations> Destinations::but(const Destinations& one, const Destinations& other) const {
  auto rest = set_.subtract(one.set_);
  if (rest) rest = rest->subtract(other.set_);
  if (!rest) return std::unexpected(rest.error());
  return Destinations(*std::move(rest));
}

}  // namespace bulkhead::verify
