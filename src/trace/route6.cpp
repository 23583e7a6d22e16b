// IPv6 route decisions and source address selection.
#include <algorithm>

#include "trace/route.h"
#include "trace/world_state.h"

namespace bulkhead::trace {
namespace {

// __ipv6_addr_src_scope(): smaller is narrower.
int scope6(IpAddress a) {
  const auto o = a.octets();
  if (a.is_multicast()) return o[1] & 0x0f;
  if (a.is_link_local() || a.is_loopback()) return 2;
  if (o[0] == 0xfe && (o[1] & 0xc0) == 0xc0) return 5;
  return 14;
}

struct Label {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
  int label;
};
// The default table of net/ipv6/addrlabel.c, longest first.
constexpr std::array<Label, 10> kLabels{{
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, 0},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 4},
    {{}, 96, 3},
    {{0x20, 0x01}, 32, 6},
    {{0x20, 0x01, 0, 0x10}, 28, 7},
    {{0x20, 0x02}, 16, 2},
    {{0x3f, 0xfe}, 16, 12},
    {{0xfe, 0xc0}, 10, 11},
    {{0xfc}, 7, 5},
    {{}, 0, 1},
}};

int common_bits(IpAddress a, IpAddress b) {
  const auto x = a.octets(), y = b.octets();
  int n = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (int bit = 7; bit >= 0; --bit, ++n) {
      if ((((x[i] ^ y[i]) >> bit) & 1) != 0) return n;
    }
  }
  return n;
}

bool in_prefix(IpAddress a, const Label& l) {
  return common_bits(a, IpAddress::v6(l.prefix)) >= static_cast<int>(l.bits);
}

int label6(IpAddress a) {
  for (const Label& l : kLabels) {
    if (in_prefix(a, l)) return l.label;
  }
  return 1;
}

// The rules of RFC 6724 section 5 in the kernel's order; each is a number, larger wins.
constexpr std::size_t kRules = 6;
int rate(std::size_t rule, const model::Address& a, const Device& on, IpAddress to,
         const Device* out) {
  switch (rule) {
    case 0: return a.local == to ? 1 : 0;
    case 1: {
      const int s = scope6(a.local);
      return s >= scope6(to) ? -s : s - 128;
    }
    case 2: return (a.flags & (kAddressDeprecated | kAddressOptimistic)) == 0 ? 1 : 0;
    case 3: return out == nullptr || out == &on ? 1 : 0;
    case 4: return label6(a.local) == label6(to) ? 1 : 0;
    case 5: return std::min(common_bits(a.local, to), static_cast<int>(a.prefix_length));
    default: return 0;
  }
}

bool better(const model::Address& a, const Device& on_a, const model::Address& b,
            const Device& on_b, IpAddress to, const Device* out) {
  for (std::size_t rule = 0; rule < kRules; ++rule) {
    const int x = rate(rule, a, on_a, to, out), y = rate(rule, b, on_b, to, out);
    if (x != y) return x > y;
  }
  return false;
}

bool is_local_type(std::uint8_t type) {
  return type == rtn::kLocal || type == rtn::kAnycast;
}

}  // namespace

bool needs_strict_interface(IpAddress address) {
  return address.is_multicast() || address.is_link_local() || address.is_loopback();
}

bool device_has_address6(const Device& device, IpAddress address) {
  return std::ranges::any_of(device.addresses6, [&](const model::Address* a) {
    return a->local == address && (a->flags & (kAddressTentative | kAddressDadFailed)) == 0;
  });
}

std::optional<IpAddress> select_address6(const Machine& machine, const Device* device,
                                         IpAddress to) {
  const bool same_link = device != nullptr && (to.is_multicast() || scope6(to) <= 2);
  const model::Address* best = nullptr;
  const Device* best_on = nullptr;
  for (const auto& d : machine.devices) {
    if (same_link && d.get() != device) continue;
    for (const model::Address* a : d->addresses6) {
      if ((a->flags & (kAddressTentative | kAddressDadFailed)) != 0 &&
          (a->flags & kAddressOptimistic) == 0) {
        continue;
      }
      if (a->local.is_multicast() || a->local.is_unspecified()) continue;
      if (best == nullptr || better(*a, *d, *best, *best_on, to, device)) {
        best = a;
        best_on = d.get();
      }
    }
  }
  return best == nullptr ? std::nullopt : std::optional(best->local);
}

Output route_output6(const Stack& stack, const Flow& asked, bool bound_device, Choices* choices) {
  const Machine& machine = *stack.machine;
  Flow flow = asked;
  flow.iif = machine.loopback->index();
  flow.source_known = !flow.source.is_unspecified();
  flow.strict_interface =
      bound_device || needs_strict_interface(flow.destination) || (flow.oif && !flow.source_known);
  const RouteHit hit = stack.fib6().lookup(flow, choices);
  Output out;
  out.source = flow.source;
  if (!hit.ok()) {
    out.error = hit.error == NetError::kAgain ? NetError::kNetUnreachable : hit.error;
    return out;
  }
  const bool local = is_local_type(hit.route->type);
  out.dst.kind = Dst::Kind::kOutput;
  out.dst.route = hit.route;
  out.dst.device = local ? machine.loopback : hit.device;
  out.dst.local = local || (hit.device != nullptr && hit.device->loopback);
  out.dst.group = flow.destination.is_multicast();
  if (hit.hop != nullptr) {
    out.dst.arrives_at = hit.hop->link;
    if (!local) out.dst.gateway = hit.hop->gateway;
  }
  if (out.dst.device == nullptr) out.error = NetError::kNetUnreachable;
  return out;
}

Output route_lookup6(const Stack& stack, const Flow& asked, bool bound_device, Choices* choices) {
  if (!asked.source.is_unspecified()) return route_output6(stack, asked, bound_device, choices);
  const Machine& machine = *stack.machine;
  Output first = route_output6(stack, asked, bound_device, choices);
  std::optional<IpAddress> source;
  if (first.error == NetError::kNone && first.dst.route->preferred_source) {
    source = first.dst.route->preferred_source;
  } else {
    const Device* dev =
        first.error == NetError::kNone ? machine.device(first.dst.arrives_at) : nullptr;
    source = select_address6(machine, dev, asked.destination);
  }
  if (!source) {
    first.error = NetError::kAddressNotAvailable;
    return first;
  }
  first.source = *source;
  if (first.error == NetError::kNone) return first;
  Flow again = asked;
  again.source = *source;
  Output second = route_output6(stack, again, bound_device, choices);
  second.source = *source;
  return second;
}

bool route_input6(const Stack& stack, const Device& in, const Packet& packet, Choices* choices,
                  Dst& out, std::string_view& why) {
  const Machine& machine = *stack.machine;
  out = {};
  out.input = true;
  out.arrives_at = in.index();
  static_cast<void>(why);
  Flow flow;
  flow.destination = packet.destination;
  flow.source = packet.source;
  flow.source_known = true;
  flow.mark = packet.mark;
  flow.iif = in.index();
  flow.tos = packet.tos;
  flow.strict_interface = needs_strict_interface(packet.destination);
  flow.protocol = packet.protocol;
  if (stack.fib6().dissects()) {
    flow.source_port = packet.source_port;
    flow.destination_port = packet.destination_port;
  }
  const RouteHit hit = stack.fib6().lookup(flow, choices);
  out.route = hit.route;
  if (!hit.ok() || (hit.device == nullptr && hit.route == nullptr)) {
    out.device = machine.loopback;
    out.error = hit.error;
    out.kind = hit.error == NetError::kInvalid ? Dst::Kind::kDiscard : Dst::Kind::kError;
    return true;
  }
  const bool local = is_local_type(hit.route->type);
  out.kind = local ? Dst::Kind::kLocal : Dst::Kind::kForward;
  out.device = local ? machine.loopback : hit.device;
  out.local = local;
  if (hit.hop != nullptr && !local) out.gateway = hit.hop->gateway;
  if (hit.device == nullptr) {
    out.kind = Dst::Kind::kDiscard;
  }
  return true;
}

std::uint8_t Stack::address_type(IpAddress address, IfIndex on) const {
  const Device* dev = on ? machine->device(on) : nullptr;
  if (address.is_v4()) return address_type4(*this, address, dev);
  if (dev != nullptr && device_has_address6(*dev, address)) return rtn::kLocal;
  if (address.is_multicast()) return rtn::kMulticast;
  Flow flow;
  flow.destination = address;
  if (dev != nullptr) flow.oif = dev->index();
  const Output o = route_output6(*this, flow, false, nullptr);
  switch (o.error) {
    case NetError::kNone: break;
    case NetError::kInvalid: return rtn::kBlackhole;
    case NetError::kDenied: return rtn::kProhibit;
    case NetError::kAgain: return rtn::kThrow;
    case NetError::kNetUnreachable:
    case NetError::kHostUnreachable:
    case NetError::kNoDevice:
    case NetError::kAddressNotAvailable: return rtn::kUnreachable;
  }
  if (o.dst.route->type == rtn::kAnycast) return rtn::kAnycast;
  if (dev == nullptr && o.dst.route->type == rtn::kLocal) return rtn::kLocal;
  return rtn::kUnicast;
}

}  // namespace bulkhead::trace
