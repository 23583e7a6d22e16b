#include "reach/route/routes.h"

namespace bulkhead::reach::routes {
namespace {

namespace rtn = topology::rtn;

bool is_local(std::uint8_t type) {
  return type == rtn::kLocal || type == rtn::kAnycast;
}

const IpAddress kNowhere6 = IpAddress::any(IpFamily::kV6);

// What rt6_need_strict() holds for.
packet::PacketSet strict_set(Algebra& algebra, const AddressOperand& a) {
  if (a.constant) return needs_strict_interface(*a.constant) ? algebra.all() : algebra.none();
  const IpAddress loopback = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  const packet::PacketSet group = algebra.where(a, Prefix::covering(IpAddress::v6({0xff}), 8));
  const packet::PacketSet link =
      algebra.where(a, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10));
  return algebra.either(algebra.either(group, link), algebra.where(a, loopback));
}

}  // namespace

bool needs_strict_interface(IpAddress a) {
  return a.is_multicast() || a.is_link_local() || a.is_loopback();
}

const std::vector<Selected>& Routes::selection6(const Device* device) const {
  const auto at = selections_.find(device);
  if (at != selections_.end()) return at->second;
  return selections_.emplace(device, select_addresses6(machine_, device)).first->second;
}

void Routes::output6(Algebra& algebra, const Ask& asked, bool bound_device,
                     const packet::PacketSet& set, std::vector<Way>& out) const {
  Ask ask = asked;
  ask.iif = machine_.loopback->index();
  ask.source_known = !ask.source.is(kNowhere6);
  const packet::PacketSet groups =
      algebra.where(ask.destination, Prefix::covering(IpAddress::v6({0xff}), 8));
  const auto look = [&](const packet::PacketSet& part, bool strict) {
    if (part.empty()) return;
    ask.strict_interface = strict || bound_device || (ask.oif && !ask.source_known);
    for (const Case& c : fib_.lookup(algebra, ask, part)) {
      Way way{c.set, {}, NetError::kNone, ask.source, {}, c.hit.unknown};
      if (!c.hit.unknown.empty()) {
        out.push_back(std::move(way));
        continue;
      }
      if (!c.hit.ok()) {
        way.error = c.hit.error == NetError::kAgain ? NetError::kNetUnreachable : c.hit.error;
        out.push_back(std::move(way));
        continue;
      }
      const bool local = is_local(c.hit.route->type);
      way.route_type = c.hit.route->type;
      Dst& dst = way.dst;
      dst.kind = Dst::Kind::kOutput;
      dst.device = local ? machine_.loopback : c.hit.device;
      dst.local = local || (c.hit.device != nullptr && c.hit.device->loopback);
      dst.preferred_source = c.hit.route->preferred_source.has_value();
      if (dst.preferred_source) way.source = AddressOperand::of(*c.hit.route->preferred_source);
      if (c.hit.hop != nullptr) {
        dst.arrives_at = c.hit.hop->link;
        if (!local) dst.gateway = c.hit.hop->gateway;
        if (c.hit.by_hash) dst.hop = c.hit.hop;
      }
      if (dst.device == nullptr) way.error = NetError::kNetUnreachable;
      packet::PacketSet rest = way.set;
      packet::PacketSet grouped = split_off(algebra, rest, groups);
      if (!grouped.empty()) {
        Way g = way;
        g.set = std::move(grouped);
        g.dst.group = true;
        out.push_back(std::move(g));
      }
      way.set = std::move(rest);
      if (!way.set.empty()) out.push_back(std::move(way));
    }
  };
  packet::PacketSet rest = set;
  const packet::PacketSet strict = split_off(algebra, rest, strict_set(algebra, ask.destination));
  look(strict, true);
  look(rest, false);
}

// ip6_dst_lookup_tail(): the route found without a source is kept; one that was not found is looked
// up again with the source that was chosen.
std::vector<Way> Routes::output_with_source6(Algebra& algebra, const Ask& ask, bool bound_device,
                                             const packet::PacketSet& set) const {
  std::vector<Way> out;
  if (!ask.source.is(kNowhere6)) {
    output6(algebra, ask, bound_device, set, out);
    for (Way& w : out) w.source = ask.source;
    return out;
  }
  std::vector<Way> found;
  output6(algebra, ask, bound_device, set, found);
  for (Way& way : found) {
    if (!way.unknown.empty() || (way.error == NetError::kNone && way.dst.preferred_source)) {
      out.push_back(std::move(way));
      continue;
    }
    const Device* dev =
        way.error == NetError::kNone ? machine_.device(way.dst.arrives_at) : nullptr;
    for (const Selected& s : selection6(dev)) {
      packet::PacketSet here = algebra.none();
      for (const Selected::Range& r : s.destinations) {
        here = algebra.either(
            here, algebra.both(way.set, algebra.where(ask.destination, r.first, r.last)));
      }
      if (here.empty()) continue;
      Way w = way;
      w.set = here;
      if (!s.source) {
        w.error = NetError::kAddressNotAvailable;
        out.push_back(std::move(w));
        continue;
      }
      w.source = AddressOperand::of(*s.source);
      if (w.error == NetError::kNone) {
        out.push_back(std::move(w));
        continue;
      }
      Ask again = ask;
      again.source = w.source;
      std::vector<Way> second;
      output6(algebra, again, bound_device, here, second);
      for (Way& x : second) {
        x.source = w.source;
        out.push_back(std::move(x));
      }
    }
  }
  return out;
}

void Routes::input6(Algebra& algebra, const Device& in, const Ask& asked,
                    const packet::PacketSet& set, std::vector<Way>& out) const {
  Ask ask = asked;
  const auto look = [&](const packet::PacketSet& part, bool strict) {
    if (part.empty()) return;
    ask.strict_interface = strict;
    for (const Case& c : fib_.lookup(algebra, ask, part)) {
      Way way{c.set, {}, NetError::kNone, {}, {}, c.hit.unknown};
      Dst& dst = way.dst;
      dst.input = true;
      dst.arrives_at = in.index();
      dst.device = machine_.loopback;
      if (!c.hit.unknown.empty()) {
      } else if (!c.hit.ok()) {
        dst.error = c.hit.error;
        dst.kind = c.hit.error == NetError::kInvalid ? Dst::Kind::kDiscard : Dst::Kind::kError;
      } else {
        dst.local = is_local(c.hit.route->type);
        dst.kind = c.hit.device == nullptr ? Dst::Kind::kDiscard
                   : dst.local             ? Dst::Kind::kLocal
                                           : Dst::Kind::kForward;
        if (!dst.local) dst.device = c.hit.device;
        if (c.hit.hop != nullptr && !dst.local) dst.gateway = c.hit.hop->gateway;
        if (c.hit.by_hash) dst.hop = c.hit.hop;
      }
      out.push_back(std::move(way));
    }
  };
  packet::PacketSet rest = set;
  const packet::PacketSet strict = split_off(algebra, rest, strict_set(algebra, ask.destination));
  look(strict, true);
  look(rest, false);
}

}  // namespace bulkhead::reach::routes
