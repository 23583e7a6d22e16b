// Few packets are walked one by one, by whoever knows how (LocalRequest::one_by_one): one packet
// takes microseconds there, a set of them some hundred times as long, however small it is.
#include <algorithm>
#include <utility>

#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::size_t kMostProducts = 4096;
constexpr long double kMostOfProduct = 64;  // following a set costs about as much

void take_each(const packet::Product::Part& part, std::vector<packet::Packet>& packets) {
  std::vector<packet::Packet> out;
  for (const packet::Interval& interval : part.values.intervals()) {
    for (std::uint64_t n = 0; n <= interval.last - interval.first; ++n) {
      for (packet::Packet packet : packets) {
        packet[part.field] = interval.first + n;
        out.push_back(std::move(packet));
      }
    }
  }
  packets = std::move(out);
}

}  // namespace

// All of it, when they are few and differ in their destination's address and port alone.
std::vector<packet::Packet> Walk::each_of(const packet::Product& product) const {
  const Fields& fields = algebra_.fields();
  const auto parts = fields.parts(Quantity::kDestination);
  const auto is_destination = [&](packet::FieldId field) {
    return field == fields.only(Quantity::kDestinationPort) ||
           std::ranges::find(parts, field, &Fields::Part::field) != parts.end();
  };
  long double count = 1;
  std::size_t named = 0;
  for (const auto& [field, values] : product.parts()) {
    const bool varies = is_destination(field);
    named += varies ? 1 : 0;
    count *= values.count();
    if (count > kMostOfProduct || (!varies && values.count() > 1)) return {};
  }
  std::vector<packet::Packet> out;
  if (named < parts.size() + 1) return out;
  out.push_back(fields.layout().packet());
  for (const auto& part : product.parts()) take_each(part, out);
  return out;
}

// All packets with its destination.
packet::PacketSet Walk::like(const packet::Packet& packet) {
  const Fields& fields = algebra_.fields();
  packet::Product product;
  const auto is = [&](packet::FieldId field) {
    product.where(field, packet::IntervalSet::single(packet[field]));
  };
  for (const Fields::Part& part : fields.parts(Quantity::kDestination)) is(part.field);
  is(fields.only(Quantity::kDestinationPort));
  return algebra_.take(algebra_.space().set(product), algebra_.none());
}

// Leaves in the flow what is still to be followed.
void Walk::walk_one_by_one(Flow& flow) {
  if (one_by_one_ == nullptr || !flow.ours || flow.leg != Leg::kRequest) return;
  // What is said of a packet holds for all ways that it may go.
  if (flow.established || flow.in_doubt || flow.if_it_asked || flow.p.is_icmp()) return;
  if (flow.from_own) flow.set = algebra_.both(flow.set, to_themselves());
  const packet::Products products = flow.set.products(kMostProducts);
  if (!products.complete) return;
  std::vector<std::pair<Walked, std::vector<packet::PacketSet>>> ends;
  for (const packet::Product& product : products.products) {
    for (const packet::Packet& packet : each_of(product)) {
      Walked end = (*one_by_one_)(packet);
      if (end.verdict == Verdict::kUnknown) continue;  // sets may know more
      auto at = std::ranges::find(ends, end, &decltype(ends)::value_type::first);
      if (at == ends.end()) at = ends.insert(ends.end(), {std::move(end), {}});
      at->second.push_back(like(packet));
    }
  }
  for (auto& [end, sets] : ends) {
    const auto all = algebra_.take(algebra_.space().any_of(sets), algebra_.none());
    Outcome o{split_off(algebra_, flow.set, all),
              end.verdict,
              end.how,
              std::move(end.reason),
              end.socket,
              end.socket_ns,
              std::nullopt};
    o.one_by_one = true;
    outcomes_.push_back(std::move(o));
  }
}

}  // namespace bulkhead::reach::walks
