#include "verify/points.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "verify/destinations.h"

namespace bulkhead::verify {
namespace {

using packet::Interval;
using packet::IntervalSet;
using packet::PacketSet;
using packet::Product;
using reach::Fields;
using reach::Quantity;

constexpr std::size_t kMostListed = 65'536;

auto place_of(const Point& point) {
  return std::tuple(point.protocol, point.to, point.port);
}

}  // namespace

Points::Points(std::span<const Point> all) : all_(all.begin(), all.end()), sorted_(all.size()) {
  std::iota(sorted_.begin(), sorted_.end(), std::size_t{0});
  std::ranges::sort(sorted_, {}, [this](std::size_t i) { return place_of(all_[i]); });
}

Result<PacketSet> Points::set(const reach::Reach& reach, IpProtocol protocol) {
  const Fields& fields = reach.fields();
  const std::pair key(fields.family(), protocol);
  if (const auto known = sets_.find(key); known != sets_.end()) return known->second;
  std::map<IpAddress, std::vector<std::uint16_t>> ports;
  for (const Point& point : all_) {
    if (point.protocol == protocol && point.to.family() == fields.family())
      ports[point.to].push_back(point.port.number);
  }
  std::vector<PacketSet> sets;
  for (const auto& [address, numbers] : ports) {
    std::vector<Interval> intervals;
    for (const std::uint16_t number : numbers) intervals.push_back({number, number});
    auto there = to_destination(reach, {address, address}, IntervalSet::of(std::move(intervals)));
    if (!there) return there;
    sets.push_back(*std::move(there));
  }
  auto out = reach.space().any_of(sets);
  if (out) sets_.emplace(key, *out);
  return out;
}

bool Points::each_in(const Fields& fields, const PacketSet& destinations, IpProtocol protocol,
                     const std::function<void(std::size_t)>& take) const {
  const packet::Products products = destinations.products(kMostListed);
  if (!products.complete) return false;
  const auto before = [this](std::size_t i, const std::tuple<IpProtocol, IpAddress, Port>& place) {
    return place_of(all_[i]) < place;
  };
  for (const Product& product : products.products) {
    const IntervalSet ports = ports_of(fields, product);
    for (const AddressRange& range : ranges(fields, product)) {
      auto at = std::lower_bound(sorted_.begin(), sorted_.end(),
                                 std::tuple(protocol, range.first, Port{}), before);
      for (; at != sorted_.end(); ++at) {
        const Point& point = all_[*at];
        if (point.protocol != protocol || range.last < point.to) break;
        if (ports.contains(point.port.number)) take(*at);
      }
    }
  }
  return true;
}

}  // namespace bulkhead::verify
