// Asking the rules at one hook, and what a REJECT sends back (net/ipv4/netfilter/nf_reject_ipv4.c,
// net/ipv6/netfilter/nf_reject_ipv6.c, net/bridge/netfilter/nft_reject_bridge.c).
#include <algorithm>

#include "reach/walk/operands.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::uint8_t kUnreachable4 = 3, kUnreachable6 = 1;

FrameKind kind_of(const Header& p) {
  if (p.is_arp) return p.tagged ? FrameKind::kTaggedArp : FrameKind::kArp;
  if (!p.tagged) return FrameKind::kIp;
  return p.vlan == 0 ? FrameKind::kPriorityTagged : FrameKind::kTagged;
}

bool on_link(HookPoint point) {
  return point > HookPoint::kIpPostrouting;
}

struct TupleQuantities {
  Quantity source, destination, source_port, destination_port;
};
constexpr TupleQuantities kPacketTuple{Quantity::kSource, Quantity::kDestination,
                                       Quantity::kSourcePort, Quantity::kDestinationPort};
constexpr TupleQuantities kOriginalTuple{
    Quantity::kCtOriginalSource, Quantity::kCtOriginalDestination, Quantity::kCtOriginalSourcePort,
    Quantity::kCtOriginalDestinationPort};
constexpr TupleQuantities kReplyTuple{Quantity::kCtReplySource, Quantity::kCtReplyDestination,
                                      Quantity::kCtReplySourcePort,
                                      Quantity::kCtReplyDestinationPort};

void set_tuple(const Fields& fields, Image& image, const TupleQuantities& q, const Tuple& t) {
  image.set(fields, q.source, bits_of(fields, t.source));
  image.set(fields, q.destination, bits_of(fields, t.destination));
  image.set(fields, q.source_port, bits_of(fields, t.source_port, 16));
  image.set(fields, q.destination_port, bits_of(fields, t.destination_port, 16));
}

std::uint64_t status_of(const Connection& c) {
  std::uint64_t s = 0;
  if (c.seen_reply) s |= ct_status::kSeenReply;
  if (c.confirmed) s |= ct_status::kConfirmed;
  if (c.snat) s |= ct_status::kSourceNat;
  if (c.dnat) s |= ct_status::kDestinationNat;
  if (c.snat_done) s |= ct_status::kSourceNatDone;
  if (c.dnat_done) s |= ct_status::kDestinationNatDone;
  return s;
}

}  // namespace

// Everything that rules may ask for, as it is here and now.
Image Walk::image_of(const Flow& flow, const Device* in, const Device* out) const {
  const Fields& fields = algebra_.fields();
  Image image;
  const auto set = [&](Quantity q, std::uint64_t n) {
    image.set(fields, q, constant_bits(n, fields.bits(q)));
  };
  const auto link = [&](Quantity q, const Device* d) {
    set(q, d != nullptr ? hooks_.number(*d) : 0);
  };
  const Header& p = flow.p;
  link(Quantity::kIif, in);
  link(Quantity::kOif, out);
  link(Quantity::kPhysIn, flow.bridge_info ? flow.physical_in : nullptr);
  link(Quantity::kPhysOut, flow.bridge_info ? flow.physical_out : nullptr);
  set(Quantity::kBridged, flow.bridge_info && flow.physical_out != nullptr ? 1 : 0);
  set_tuple(fields, image, kPacketTuple, p.t);
  if (p.any_source_mac)
    image.set(fields, Quantity::kSourceMac, field_of(fields, Quantity::kSourceMac));
  else
    set(Quantity::kSourceMac, number_of(p.source_mac));
  set(Quantity::kDestinationMac, number_of(p.destination_mac));
  set(Quantity::kProtocol, static_cast<std::uint8_t>(p.t.protocol));
  set(Quantity::kIcmpType, p.icmp_type);
  set(Quantity::kIcmpCode, p.icmp_code);
  set(Quantity::kTcpFlags, p.tcp_flags);
  set(Quantity::kTos, p.tos);
  set(Quantity::kHopLimit, p.hop_limit);
  set(Quantity::kLength, p.length);
  set(Quantity::kPacketType, static_cast<std::uint8_t>(p.type));
  set(Quantity::kMark, p.mark);
  set(Quantity::kHasSocket, p.has_socket ? 1 : 0);
  set(Quantity::kUid, p.uid);
  set(Quantity::kGid, p.gid);
  set(Quantity::kCtInfo, static_cast<std::uint64_t>(flow.info));
  const bool has = flow.entry.has_value() && flow.info != CtInfo::kUntracked;
  const Connection none;
  const Connection& c = has ? flow.connection() : none;
  set(Quantity::kCtStatus, status_of(c));
  set(Quantity::kCtMark, c.mark);
  set(Quantity::kCtZone, 0);
  set(Quantity::kCtProtocol, has ? static_cast<std::uint8_t>(c.original.protocol) : 0);
  Tuple original = c.original, reply = c.reply;
  if (!has) {
    const AddressOperand nowhere = AddressOperand::of(IpAddress::any(algebra_.family()));
    original = reply = Tuple{nowhere, nowhere, {}, {}, IpProtocol::kTcp};
  }
  set_tuple(fields, image, kOriginalTuple, original);
  set_tuple(fields, image, kReplyTuple, reply);
  return image;
}

// See FrameKind.
Image Walk::image_of_arp(const Flow& flow, const Device* in, const Device* out) const {
  constexpr std::uint8_t kQuestion = 1, kReply = 2;
  Flow frame = flow;
  if (const auto& m = flow.p.neighbour) {
    frame.p.t =
        Tuple{AddressOperand::of(m->sender), AddressOperand::of(m->target), {}, {}, IpProtocol{}};
    frame.p.icmp_type = m->request ? kQuestion : kReply;
  }
  return image_of(frame, in, out);
}

// The packet as rules have left it; false: something has become a mixture that is not followed.
bool Walk::adopt(const Image& image, Flow& flow) const {
  const Fields& fields = algebra_.fields();
  Header& p = flow.p;
  std::uint64_t info = 0;
  bool good = read(fields, image, Quantity::kSource, p.t.source) &&
              read(fields, image, Quantity::kDestination, p.t.destination) &&
              read(fields, image, Quantity::kSourcePort, p.t.source_port) &&
              read(fields, image, Quantity::kDestinationPort, p.t.destination_port) &&
              read_constant(fields, image, Quantity::kTos, p.tos) &&
              read_constant(fields, image, Quantity::kHopLimit, p.hop_limit) &&
              read_constant(fields, image, Quantity::kMark, p.mark) &&
              read_constant(fields, image, Quantity::kTcpFlags, p.tcp_flags) &&
              read_constant(fields, image, Quantity::kPacketType, p.type) &&
              read_constant(fields, image, Quantity::kCtInfo, info);
  if (!good) return false;
  if (static_cast<CtInfo>(info) == CtInfo::kUntracked && flow.info != CtInfo::kUntracked) {
    flow.info = CtInfo::kUntracked;
    flow.entry.reset();
  }
  if (flow.entry) good = read_constant(fields, image, Quantity::kCtMark, flow.connection().mark);
  return good;
}

// An ARP frame as rules have left it; false: they changed more than is followed.
bool Walk::adopt_arp(const Image& before, const Image& image, Flow& flow) const {
  const Fields& fields = algebra_.fields();
  for (const auto& [quantity, bits] : image.changes()) {
    const bool followed = quantity == Quantity::kMark || quantity == Quantity::kPacketType ||
                          quantity == Quantity::kCtInfo;
    if (!followed && bits != before.of(fields, quantity)) return false;
  }
  std::uint64_t info = 0;
  if (!read_constant(fields, image, Quantity::kMark, flow.p.mark) ||
      !read_constant(fields, image, Quantity::kPacketType, flow.p.type) ||
      !read_constant(fields, image, Quantity::kCtInfo, info))
    return false;
  flow.info = static_cast<CtInfo>(info);
  return true;
}

void Walk::hook(HookPoint point, std::int32_t from, std::int32_t to, Flow flow, Device* in,
                Device* out, const Next& next) {
  const Machine& m = *(in != nullptr ? in : out)->machine;
  if (m.rules_unknown) return unknown(std::move(flow), m.unknown_why);
  if (!hooks_.has_chains(m, point)) return next(std::move(flow));
  if (flow.p.is_arp && (!flow.p.neighbour || flow.p.neighbour->sender_mac != flow.p.source_mac))
    return unknown(std::move(flow), "rules that may see a strange ARP frame");
  Stages stages{hooks_.stages(m, point, from, to, false), {}};
  // Where legacy tables and nft chains stand at one priority both orders are possible.
  if (hooks_.has_open_order(m, point)) stages.other = hooks_.stages(m, point, from, to, true);
  run_stages(point, stages, 0, std::move(flow), in, out, next);
}

void Walk::run_stages(HookPoint point, const Stages& stages, std::size_t at, Flow flow, Device* in,
                      Device* out, const Next& next) {
  const auto& [first, other] = stages;
  if (at >= first.size()) return next(std::move(flow));
  const Machine& m = *(in != nullptr ? in : out)->machine;
  const Next on = [&](Flow f) { run_stages(point, stages, at + 1, std::move(f), in, out, next); };
  const bool arp = flow.p.is_arp;
  const FrameKind frames = kind_of(flow.p);
  const Image image = arp ? image_of_arp(flow, in, out) : image_of(flow, in, out);
  if (!other.empty() &&
      (other.size() != first.size() || !hooks_.alike(m, first[at], other[at], frames, image))) {
    flow.in_doubt = true;
    run_stages(point, {other, {}}, at, flow, in, out, next);
    return run_stages(point, {first, {}}, at, std::move(flow), in, out, next);
  }
  for (Ruling& r : hooks_.run(m, first[at], frames, image, flow.set)) {
    Flow f = flow;
    f.set = std::move(r.set);
    f.in_doubt = f.in_doubt || r.in_doubt;
    if (r.kind == EffectKind::kUnknown) {
      unknown(std::move(f), r.reason);
    } else if (r.kind == EffectKind::kDrop) {
      drop(std::move(f), "dropped by a rule");
    } else if (!(arp ? adopt_arp(image, r.image, f) : adopt(r.image, f))) {
      unknown(std::move(f), "a rule changes the packet in a way that is not followed");
    } else if (r.kind == EffectKind::kReject) {
      lose(f, "rejected by a rule");
      if (told_forger(f)) continue;
      if (f.sending && f.leg == Leg::kRequest && f.p.t.protocol == IpProtocol::kUdp)
        f.send_failed = true;
      f.sending = false;
      reject(point, std::move(f), in, out, r.reject);
    } else if (first[at].reroutes &&
               (f.p.mark != flow.p.mark || f.p.tos != flow.p.tos ||
                f.p.t.source != flow.p.t.source || f.p.t.destination != flow.p.t.destination)) {
      route_again(std::move(f), on, [&](Flow g) {
        drop(std::move(g), "no route after the packet was changed at output");
      });
    } else {
      on(std::move(f));
    }
  }
}

void Walk::reject(HookPoint point, Flow flow, Device* in, Device* out, const RejectAnswer& how) {
  if (on_link(point)) {
    if (in == nullptr) return end(std::move(flow));
    return reject_on_link(std::move(flow), *in, how);
  }
  if (how.tcp_reset) return reset(std::move(flow), in);
  const std::uint8_t type = algebra_.family() == IpFamily::kV4 ? kUnreachable4 : kUnreachable6;
  const Machine& m = *(in != nullptr ? in : out)->machine;
  if (flow.dev == nullptr) flow.dev = m.loopback;
  if (flow.dst.kind != Dst::Kind::kNone || flow.dst.bridge_stand_in)
    return icmp_error(std::move(flow), type, how.icmp_code);
  routes::Ask ask;  // nf_reject_fill_skb_dst
  ask.destination = flow.p.t.source;
  ask.source = AddressOperand::of(IpAddress::any(algebra_.family()));
  ask.chosen = &flow.chosen;
  by_ways(flow, routes(m).output(algebra_, ask, false, false, flow.set),
          [&](Flow f, const routes::Way& way) {
            if (way.error != NetError::kNone) return end(std::move(f));
            f.dst = way.dst;
            icmp_error(std::move(f), type, how.icmp_code);
          });
}

namespace {

// nf_reject_ip_tcphdr_put()
Header reset_of(const Header& p, IpFamily family) {
  Header r;
  r.t = p.t.inverted();
  r.tcp_flags = (p.tcp_flags & tcp::kAck) != 0 ? tcp::kRst : tcp::kRst | tcp::kAck;
  r.length = family == IpFamily::kV4 ? 40 : 60;
  return r;
}

bool resettable(const Header& p) {
  return p.t.protocol == IpProtocol::kTcp && (p.tcp_flags & tcp::kRst) == 0;
}

}  // namespace

// nf_send_reset(), nf_send_reset6()
void Walk::reset(Flow flow, Device* in) {
  if (!resettable(flow.p) || flow.dst.group) return end(std::move(flow));
  const Machine& m = *(in != nullptr ? in : flow.dst.device)->machine;
  Flow a = flow;
  a.p = reset_of(flow.p, algebra_.family());
  a.leg = Leg::kReply;
  a.forget_stack();
  a.bound_to = {};
  if (m.mark_reflect) a.p.mark = flow.p.mark;
  if (a.dst.device == nullptr) a.dst.device = m.loopback;
  a.dev = nullptr;
  const Next go = [&](Flow f) {
    attach(f, flow);
    if (!flow.bridge_info || flow.physical_in == nullptr) return local_out(std::move(f));
    // Sent out of the port on which the packet came, in the name of its destination: no hook sees
    // it.
    f.p.source_mac = flow.p.destination_mac;
    f.p.destination_mac = flow.p.source_mac;
    f.dst = {};
    transmit(*flow.physical_in, std::move(f));
  };
  const Next none = [&](Flow f) { end(std::move(f)); };
  if (algebra_.family() == IpFamily::kV4) return route_again(std::move(a), go, none);
  by_ways(a, routes(m).output(algebra_, ask_of(a), false, false, a.set),
          [&](Flow f, const routes::Way& way) {
            if (way.error != NetError::kNone) return none(std::move(f));
            f.dst = way.dst;
            go(std::move(f));
          });
}

// nft_reject_bridge.c, nft_reject_netdev.c: built from the packet alone and sent back where it came
// from.
void Walk::reject_on_link(Flow flow, Device& in, const RejectAnswer& how) {
  if (flow.p.destination_mac.is_multicast()) return end(std::move(flow));
  Flow a = flow;
  a.forget_stack();
  a.dst = {};
  const bool v4 = algebra_.family() == IpFamily::kV4;
  if (how.tcp_reset) {
    if (!resettable(flow.p)) return end(std::move(flow));
    a.p = reset_of(flow.p, algebra_.family());
  } else {
    a.p = Header();
    a.p.t = Tuple{flow.p.t.destination,
                  flow.p.t.source,
                  {},
                  {},
                  v4 ? IpProtocol::kIcmp : IpProtocol::kIcmpV6};
    a.p.icmp_type = v4 ? kUnreachable4 : kUnreachable6;
    a.p.icmp_code = how.icmp_code;
    a.p.tcp_flags = 0;
    a.p.quoted = flow.p.t;
  }
  a.p.source_mac = flow.p.destination_mac;
  a.p.destination_mac = flow.p.source_mac;
  a.leg = Leg::kReply;
  a.p.tagged = flow.p.tagged && in.bridge != nullptr;  // nft_reject_br_push_etherhdr()
  a.p.vlan = flow.p.vlan;
  transmit(in, std::move(a));
}

}  // namespace bulkhead::reach::walks
