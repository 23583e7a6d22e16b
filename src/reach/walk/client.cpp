// The asking process: what connect() and send() do, and what comes back to it (net/ipv4/tcp_ipv4.c
// tcp_v4_connect, net/ipv6/tcp_ipv6.c tcp_v6_connect, net/ipv4/tcp_input.c
// tcp_rcv_synsent_state_process).
#include <algorithm>

#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::string_view kNoWay = "no way out of the client: connect() fails";

std::uint16_t request_length(IpProtocol protocol, bool v4) {
  if (protocol == IpProtocol::kTcp) return v4 ? 60 : 80;
  return v4 ? 29 : 49;
}

packet::PacketSet one_value(Algebra& algebra, Quantity q, std::uint64_t n) {
  return algebra.where(NumberOperand::in(q), packet::IntervalSet::single(n));
}

}  // namespace

// The destination, of which what is asked about may be one alone.
Tuple Walk::asked_tuple(const AddressOperand& source, const NumberOperand& source_port,
                        IpProtocol protocol, const Asked& asked) {
  return {source,
          asked.to ? AddressOperand::of(*asked.to) : AddressOperand::in(Quantity::kDestination),
          source_port,
          asked.port ? NumberOperand::of(asked.port->number)
                     : NumberOperand::in(Quantity::kDestinationPort),
          protocol};
}

packet::PacketSet Walk::asked_set(IpProtocol protocol, const Asked& asked) {
  packet::PacketSet set =
      one_value(algebra_, Quantity::kProtocol, static_cast<std::uint8_t>(protocol));
  if (asked.to)
    set = algebra_.both(set, algebra_.where(AddressOperand::in(Quantity::kDestination), *asked.to));
  if (asked.port)
    set = algebra_.both(set, one_value(algebra_, Quantity::kDestinationPort, asked.port->number));
  if (asked.within) set = algebra_.both(set, *asked.within);
  // To a v4-mapped address IPv4 packets are sent: no question of this family.
  if (algebra_.family() == IpFamily::kV6) {
    const Prefix mapped =
        Prefix::covering(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}), 96);
    set = algebra_.without(set, algebra_.where(AddressOperand::in(Quantity::kDestination), mapped));
  }
  return set;
}

void Walk::start(const LocalRequest& request) {
  Machine* m = topology_.machine(request.ns);
  Flow flow(asked_set(request.protocol, request.asked));
  flow.ours = true;
  if (flow.set.empty()) return;
  if (m == nullptr || m->loopback == nullptr || m->routes_unknown) {
    return unknown(std::move(flow), m != nullptr && !m->unknown_why.empty()
                                        ? m->unknown_why
                                        : "the namespace could not be read");
  }
  const bool v4 = algebra_.family() == IpFamily::kV4;
  const Port port = request.source_port.value_or(m->ephemeral);
  NumberOperand from = NumberOperand::in(Quantity::kSourcePort);
  if (!request.any_source_port) {
    from = NumberOperand::of(port.number);
    flow.set = algebra_.both(flow.set, one_value(algebra_, Quantity::kSourcePort, port.number));
  }
  Header& p = flow.p;
  p.t = asked_tuple(AddressOperand::of(IpAddress::any(algebra_.family())), from, request.protocol,
                    request.asked);
  p.tcp_flags = request.protocol == IpProtocol::kTcp ? tcp::kSyn : 0;
  p.length = request_length(request.protocol, v4);
  p.has_socket = true;
  p.uid = request.uid;
  p.gid = request.gid;
  flow.client.machine = m;
  const IpAddress nowhere = IpAddress::any(algebra_.family());
  const IpAddress source = request.source.value_or(nowhere);
  if (source.family() != algebra_.family())
    return fails(std::move(flow), NetError::kInvalid, "the source is of another address family");
  if (source != nowhere) {
    const bool any = v4 ? m->nonlocal_bind4 : m->nonlocal_bind6;
    const bool own = v4 ? routes(*m).address_type4(algebra_, source) == topology::rtn::kLocal
                        : m->has_address(source);
    if (!any && !own)
      return fails(std::move(flow), NetError::kAddressNotAvailable,
                   "the source address is not one of this machine");
    flow.set =
        algebra_.both(flow.set, algebra_.where(AddressOperand::in(Quantity::kSource), source));
  }
  const bool bound = request.source_port.has_value() || request.any_source_port;
  if (v4) return connect4(flow, source, bound);
  connect6(flow, source, bound);
}

// A lookup without a source chooses it; a second one, with source and ports, is used.
void Walk::connect4(const Flow& flow, IpAddress source, bool fixed) {
  const Machine& m = *flow.client.machine;
  const routes::Routes& r = routes(m);
  routes::Ask ask = ask_of(flow);
  if (!fixed) ask.source_port = NumberOperand::of(0);
  ask.source = AddressOperand::of(source);
  ask.source_known = source != IpAddress::any(IpFamily::kV4);
  const auto second = [&](Flow f, AddressOperand from, const Dst& first, bool looked_up) {
    const Next go = [&](Flow g) {
      routes::Ask again = ask_of(g);
      again.source = from;
      const Next plain = [&](Flow h) { send(std::move(h), first, from); };
      // Without rules neither the source nor the ports choose the way: a second lookup finds the
      // same.
      if (looked_up && !r.fib().custom_rules()) return plain(std::move(g));
      by_ways(g, r.output(algebra_, again, m.nonlocal_bind4, false, g.set),
              [&](Flow h, const routes::Way& way) {
                if (way.error != NetError::kNone) return fails(std::move(h), way.error, kNoWay);
                send(std::move(h), way.dst,
                     from.is(IpAddress::any(IpFamily::kV4)) ? way.source : from);
              });
    };
    // To 0.0.0.0 is to oneself.
    const packet::PacketSet nowhere =
        algebra_.where(f.p.t.destination, IpAddress::any(IpFamily::kV4));
    split(
        std::move(f), nowhere,
        [&](Flow g) {
          g.p.t.destination = from;
          go(std::move(g));
        },
        go);
  };
  if (ask.source_known) return second(flow, ask.source, {}, false);
  std::vector<routes::Way> ways = r.output(algebra_, ask, false, false, flow.set);
  if (joins_own_ && !r.fib().custom_rules()) join_own(ways, m);
  by_ways(flow, std::move(ways), [&](Flow f, const routes::Way& way) {
    if (way.error != NetError::kNone) return fails(std::move(f), way.error, kNoWay);
    second(std::move(f), way.source, way.dst, true);
  });
}

// What is sent to one's own addresses, each from itself, is one way as long as it differs in
// nothing but them: a rule that translates a port does so at all addresses of a host.
void Walk::join_own(std::vector<routes::Way>& ways, const Machine& m) {
  const packet::FieldId destination = algebra_.fields().only(Quantity::kDestination);
  const auto own = [&](const routes::Way& way) {
    if (way.error != NetError::kNone || !way.unknown.empty() || way.dst.hop != nullptr)
      return false;
    if (!way.dst.local || way.dst.device != m.loopback || way.dst.gateway || way.dst.group)
      return false;
    if (!way.source.constant || !way.source.constant->is_v4()) return false;
    const packet::IntervalSet there = way.set.values(destination);
    if (there.intervals().size() != 1) return false;
    const packet::Interval& one = there.intervals().front();
    return one.first == one.last &&
           IpAddress::v4(static_cast<std::uint32_t>(one.first)) == *way.source.constant;
  };
  std::vector<routes::Way> apart;
  std::optional<routes::Way> joined;
  for (routes::Way& way : ways) {
    if (!own(way) || (joined && way.dst.preferred_source != joined->dst.preferred_source)) {
      apart.push_back(std::move(way));
      continue;
    }
    own_.emplace_back(*way.source.constant, way.dst);
    if (!joined) {
      joined = std::move(way);
    } else {
      joined->set = algebra_.either(joined->set, way.set);
    }
  }
  if (own_.size() > 1) joined->source = AddressOperand::in(Quantity::kDestination);
  if (joined) apart.push_back(*std::move(joined));
  if (own_.size() < 2) own_.clear();
  ways = std::move(apart);
}

// Of packets that were joined and keep their destination: each arrives in its own way.
void Walk::part_own(const Flow& flow, const Next& next) {
  packet::PacketSet rest = flow.set;
  for (const auto& [address, dst] : own_) {
    const AddressOperand here = AddressOperand::of(address);
    Flow f = flow;
    f.set = split_off(algebra_, rest,
                      algebra_.where(AddressOperand::in(Quantity::kDestination), address));
    f.set = algebra_.both(f.set, algebra_.where(AddressOperand::in(Quantity::kSource), address));
    if (f.set.empty()) continue;
    f.from_own = false;
    f.dst = f.client.dst = dst;
    f.p.t.source = f.client.sent.source = f.client.header.t.source = here;
    for (Connection& c : f.connections) c.original.source = c.reply.destination = here;
    next(std::move(f));
  }
}

// The packets that come from where they go to.
packet::PacketSet Walk::to_themselves() {
  packet::PacketSet out = algebra_.none();
  for (const auto& [address, dst] : own_) {
    out = algebra_.either(
        out, algebra_.both(algebra_.where(AddressOperand::in(Quantity::kSource), address),
                           algebra_.where(AddressOperand::in(Quantity::kDestination), address)));
  }
  return out;
}

// ip6_dst_lookup_flow(): the route found without a source is kept.
void Walk::connect6(const Flow& flow, IpAddress source, bool fixed) {
  const Machine& m = *flow.client.machine;
  routes::Ask ask = ask_of(flow);
  if (!fixed) ask.source_port = NumberOperand::of(0);
  ask.source = AddressOperand::of(source);
  ask.source_known = source != IpAddress::any(IpFamily::kV6);
  const auto look = [&](Flow f, const AddressOperand& to) {
    ask.destination = f.p.t.destination = to;
    by_ways(f, routes(m).output_with_source6(algebra_, ask, false, f.set),
            [&](Flow g, const routes::Way& way) {
              if (way.error != NetError::kNone) return fails(std::move(g), way.error, kNoWay);
              send(std::move(g), way.dst, way.source);
            });
  };
  const AddressOperand to = flow.p.t.destination;
  packet::PacketSet rest = flow.set;
  const auto part = [&](const packet::PacketSet& condition) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, condition);
    return f;
  };
  if (Flow f = part(algebra_.where(to, Prefix::covering(IpAddress::v6({0xff}), 8)));
      !f.set.empty()) {
    fails(std::move(f), NetError::kNetUnreachable, "a multicast address");
  }
  if (Flow f = part(algebra_.where(to, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10)));
      !f.set.empty()) {
    fails(std::move(f), NetError::kInvalid, "a link-local address needs an interface");
  }
  if (Flow f = part(algebra_.where(to, IpAddress::any(IpFamily::kV6))); !f.set.empty())
    look(std::move(f), AddressOperand::of(IpAddress::loopback(IpFamily::kV6)));
  Flow f = flow;
  f.set = std::move(rest);
  if (!f.set.empty()) look(std::move(f), to);
}

void Walk::send(Flow flow, const Dst& dst, const AddressOperand& source) {
  if (dst.group && algebra_.family() == IpFamily::kV4) {
    return fails(std::move(flow), NetError::kNetUnreachable, "a broadcast or multicast address");
  }
  // A source that follows the destination (to a local route that names none) is one of many.
  flow.from_own = !source.constant && !own_.empty();
  if (!source.constant && !flow.from_own)
    return unknown(std::move(flow), "a source address that varies with the destination");
  if (source.constant)
    flow.set = algebra_.both(
        flow.set, algebra_.where(AddressOperand::in(Quantity::kSource), *source.constant));
  if (flow.set.empty()) return;
  flow.p.t.source = source;
  flow.dst = dst;
  flow.client.sent = flow.p.t;
  flow.client.header = flow.p;
  flow.client.dst = dst;
  local_out(std::move(flow));
}

// ------------------------------------------------------------------------- a client outside the
// model

void Walk::start(const OutsideRequest& request) {
  Machine* m = topology_.machine(request.ns);
  Device* link = m != nullptr ? m->device(request.link) : nullptr;
  Flow flow(asked_set(request.protocol, request.asked));
  flow.ours = true;
  if (flow.set.empty()) return;
  if (link == nullptr || m->loopback == nullptr)
    return unknown(std::move(flow), "the link of the vantage is not in the snapshot");
  if (request.source.family() != algebra_.family())
    return fails(std::move(flow), NetError::kInvalid, "the source is of another address family");
  outsider_link_ = link;
  outsider_gateways_.clear();
  for (const model::Route& r : m->ns->routes) {
    if (!r.destination.contains(request.source)) continue;
    for (const model::NextHop& hop : r.next_hops) {
      const bool here = hop.link == link->index() ||
                        (link->bridge != nullptr && hop.link == link->bridge->index());
      if (hop.gateway && here) outsider_gateways_.push_back(*hop.gateway);
    }
  }
  NumberOperand from = NumberOperand::in(Quantity::kSourcePort);
  if (!request.any_source_port) {
    const std::uint64_t port = request.source_port.number;
    const auto fixed = packet::IntervalSet::single(port);
    flow.set = algebra_.both(flow.set, algebra_.where(from, fixed));
    from = NumberOperand::of(port);
  }
  flow.set = algebra_.both(flow.set,
                           algebra_.where(AddressOperand::in(Quantity::kSource), request.source));
  Header& p = flow.p;
  p.t = asked_tuple(AddressOperand::of(request.source), from, request.protocol, request.asked);
  p.tcp_flags = request.protocol == IpProtocol::kTcp ? tcp::kSyn : 0;
  p.length = algebra_.family() == IpFamily::kV4 ? 60 : 80;
  p.source_mac = request.mac;
  p.destination_mac = link->bridge != nullptr ? link->bridge->mac : link->mac;
  const auto go = [&](Flow f) {
    f.client.sent = f.p.t;
    f.client.header = f.p;
    enqueue(*link, std::move(f));
  };
  // Who else on that wire has the address? A machine switched to it, or a macvlan on top.
  std::map<MacAddress, std::vector<IpAddress>> neighbours;
  for (const auto& other : topology_.machines()) {
    for (const auto& [address, d] : other->addresses) {
      if (address.family() != algebra_.family()) continue;
      const bool on_top =
          d->kind == DeviceKind::kMacvlan && (d->parent == link || d->parent == link->bridge);
      const topology::Topology::Place behind = link->bridge != nullptr
                                                   ? topology_.find_mac(*link->bridge, d->mac)
                                                   : topology::Topology::Place{};
      if (on_top || (behind.known && behind.port != link)) neighbours[d->mac].push_back(address);
    }
  }
  packet::PacketSet rest = flow.set;
  for (const auto& [mac, addresses] : neighbours) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, algebra_.where(p.t.destination, addresses));
    f.p.destination_mac = mac;
    if (!f.set.empty()) go(std::move(f));
  }
  flow.set = std::move(rest);
  if (!flow.set.empty()) go(std::move(flow));
}

void Walk::outsider_hears(Device& dev, Flow flow) {
  if (flow.p.neighbour) {
    const NeighbourMessage& q = *flow.p.neighbour;
    if (!q.request) return;
    if (!outsider_answers(dev, q.target)) {
      if (asking_ != nullptr && q.target == asking_->target) asking_->exit = &dev;
      return;
    }
    return enqueue(dev, neighbour_answer(flow, q, outsider_->mac));
  }
  if (!flow.ours) return;
  if (outsider_ == nullptr || &dev != outsider_link_)
    return leave(std::move(flow), dev, std::nullopt);
  const auto to_client = algebra_.equal(flow.p.t.destination, flow.client.sent.source);
  split(
      std::move(flow), to_client,
      [&](Flow f) {
        if (f.p.quoted) return client_hears(std::move(f));
        const bool answers = (f.p.tcp_flags & (tcp::kAck | tcp::kRst)) != 0;
        const Tuple tuple = f.p.t.inverted();
        const Next no = [&](Flow g) {
          drop(std::move(g),
               "the answer does not belong to the client's connection (other addresses)");
        };
        if (!answers) return no(std::move(f));
        client_has(std::move(f), tuple, [&](Flow g) { client_hears(std::move(g)); }, no);
      },
      [&](Flow f) { leave(std::move(f), dev, std::nullopt); });
}

// ----------------------------------------------------------------------------- what comes back

void Walk::client_has(Flow flow, const Tuple& tuple, const Next& yes, const Next& no) {
  const Tuple sent = flow.client.sent;
  same(std::move(flow), sent, tuple, yes, no);
}

void Walk::client_hears(Flow flow) {
  if (!flow.p.quoted) {
    if ((flow.p.tcp_flags & tcp::kRst) != 0) {
      std::string why = flow.first_loss.empty() ? "refused" : flow.first_loss;
      return settle(std::move(flow), Verdict::kClosed, How::kRefused, std::move(why));
    }
    if (flow.established) return end(std::move(flow));
    flow.established = true;
    flow.first_loss.clear();
    if (forgery_) return end(std::move(flow));
    return acknowledge(std::move(flow));
  }
  if (told_forger(flow)) return;
  const Tuple quoted = *flow.p.quoted;
  client_has(
      std::move(flow), quoted,
      [&](Flow f) {
        const bool v4 = algebra_.family() == IpFamily::kV4;
        // Fragmentation needed, packet too big: not about this.
        if (v4 ? f.p.icmp_type == 3 && f.p.icmp_code == 4 : f.p.icmp_type == 2)
          return end(std::move(f));
        const bool port = v4 ? f.p.icmp_type == 3 && f.p.icmp_code == 3
                             : f.p.icmp_type == 1 && f.p.icmp_code == 4;
        // tcp_v4_err() takes it only when the sequence number is within what was sent, and that of
        // a reset made from the SYN/ACK is not while connect() is still sending: silence until the
        // SYN is sent again.
        const How how = f.about_reset ? How::kUnknown : port ? How::kRefused : How::kUnreachable;
        std::string why = f.first_loss.empty() ? "ICMP error" : f.first_loss;
        settle(std::move(f), Verdict::kClosed, how, std::move(why));
      },
      [&](Flow f) { drop(std::move(f), "the ICMP error does not name the client's connection"); });
}

// The client's ACK ends the handshake. When it is answered with a reset or an ICMP error, the
// connection is gone again before a byte was sent; when it is lost in silence, the client stays
// connected.
void Walk::acknowledge(Flow flow) {
  if (!acks_matter_) return end(std::move(flow));
  Flow ack = flow;
  ack.p = flow.client.header;
  ack.p.tcp_flags = tcp::kAck;
  ack.p.length = algebra_.family() == IpFamily::kV4 ? 52 : 72;
  ack.dst = flow.client.dst;
  ack.leg = Leg::kRequest;
  ack.forget_stack();
  ack.bound_to = {};
  ack.about_reset = false;
  if (ack.client.machine != nullptr) return local_out(std::move(ack));
  enqueue(*outsider_link_, std::move(ack));
}

}  // namespace bulkhead::reach::walks
