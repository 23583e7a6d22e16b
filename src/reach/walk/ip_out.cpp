// The IP layers, outward: OUTPUT, POSTROUTING and the neighbour (net/ipv4/ip_output.c,
// net/ipv6/ip6_output.c, net/ipv4/netfilter.c).
#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {}  // namespace

// ip_route_me_harder(skb, RTN_UNSPEC), ip6_route_me_harder()
void Walk::route_again(Flow flow, const Next& next, const Next& none) {
  const Machine& m = *flow.dst.device->machine;
  const auto look = [&](const Flow& f, bool any_source, IfIndex oif) {
    routes::Ask ask = ask_of(f);
    ask.oif = oif;
    if (algebra_.family() == IpFamily::kV4 && !any_source)
      ask.source = AddressOperand::of(IpAddress());
    by_ways(f, routes(m).output(algebra_, ask, any_source, static_cast<bool>(f.bound_to), f.set),
            [&](Flow g, const routes::Way& way) {
              if (way.error != NetError::kNone) return none(std::move(g));
              g.dst = way.dst;
              next(std::move(g));
            });
  };
  const IfIndex bound = flow.bound_to, here = flow.dst.device->index();
  if (algebra_.family() == IpFamily::kV4) {
    const packet::PacketSet usual = routes(m).local_or_unicast4(algebra_, flow.p.t.source);
    return split(
        std::move(flow), usual, [&](const Flow& f) { look(f, true, bound); },
        [&](const Flow& f) { look(f, false, bound); });
  }
  const AddressOperand& to = flow.p.t.destination;
  const packet::PacketSet strict =
      algebra_.either(algebra_.where(to, Prefix::covering(IpAddress::v6({0xff}), 8)),
                      algebra_.where(to, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10)));
  split(
      std::move(flow), strict, [&](const Flow& f) { look(f, false, here); },
      [&](const Flow& f) { look(f, false, bound); });
}

void Walk::local_out(Flow flow) {
  // A drop at output or postrouting is send()'s own error (EPERM) for a datagram.
  flow.sending = flow.p.has_socket;
  pass_output(std::move(flow));
}

void Walk::pass_output(Flow flow) {
  const Machine& m = *flow.dst.device->machine;
  flow.dev = nullptr;
  // The hook's output device stays what it was when the hook began, even when the packet is routed
  // again on the way (struct nf_hook_state).
  Device* const out = flow.dst.device;
  const Next rest = [&](Flow f) {
    hook(HookPoint::kIpOutput, model::priority::kNatDestination, kLast, std::move(f), nullptr, out,
         [&](Flow g) { output(std::move(g), nullptr); });
  };
  const Next last = [&](Flow f) {
    if (f.from_own && !f.p.t.destination.constant) return part_own(f, rest);
    rest(std::move(f));
  };
  const Next translated = [&](Flow f) {
    if (!f.entry || f.info == CtInfo::kUntracked || !hooks_.has_nat(m)) return last(std::move(f));
    const Connection& c = f.connection();
    const Tuple &here = f.is_reply() ? c.reply : c.original,
                &there = f.is_reply() ? c.original : c.reply;
    const auto unchanged = algebra_.equal(here.destination, there.source);
    split(std::move(f), unchanged, last, [&](Flow g) {
      route_again(std::move(g), last,
                  [&](Flow h) { drop(std::move(h), "no route to the translated destination"); });
    });
  };
  hook(HookPoint::kIpOutput, kFirst, model::priority::kConntrack, std::move(flow), nullptr, out,
       [&](Flow a) {
         track(std::move(a), m, [&](Flow b) {
           hook(HookPoint::kIpOutput, model::priority::kConntrack, model::priority::kNatDestination,
                std::move(b), nullptr, out, [&](Flow c) {
                  translate(HookPoint::kIpOutput, std::move(c), nullptr, out, translated);
                });
         });
       });
}

void Walk::postrouting(Flow flow, Device* in, Device* out, const Next& next) {
  hook(HookPoint::kIpPostrouting, kFirst, model::priority::kNatSource, std::move(flow), in, out,
       [&](Flow a) {
         translate(HookPoint::kIpPostrouting, std::move(a), in, out, [&](Flow b) {
           hook(HookPoint::kIpPostrouting, model::priority::kNatSource, kLast, std::move(b), in,
                out, [&](Flow c) { confirm(std::move(c), *out->machine, 0, next); });
         });
       });
}

void Walk::output(Flow flow, Device* in) {
  Device& out = *flow.dst.device;
  flow.dev = &out;
  if (algebra_.family() == IpFamily::kV6 && !out.ipv6) {
    flow.sending = false;
    return drop(std::move(flow), "IPv6 is off on " + escape_text(out.name()));
  }
  postrouting(std::move(flow), in, &out, [&](Flow f) {
    f.sending = false;
    finish_output(std::move(f));
  });
}

void Walk::finish_output(Flow flow) {
  Device& out = *flow.dst.device;
  if (flow.dst.group && algebra_.family() == IpFamily::kV4 && !out.loopback && !carries(flow)) {
    return drop(std::move(flow), "to a broadcast or multicast address");
  }
  const AddressOperand hop =
      flow.dst.gateway ? AddressOperand::of(*flow.dst.gateway) : flow.p.t.destination;
  neighbour_output(out, std::move(flow), hop);
}

}  // namespace bulkhead::reach::walks
