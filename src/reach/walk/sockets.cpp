// The destination: which socket hears the packets, and what is answered
// (net/ipv4/inet_hashtables.c, net/ipv6/inet6_hashtables.c, net/ipv4/udp.c, net/ipv4/tcp_input.c
// tcp_conn_request).
#include <algorithm>

#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

// compute_score(): of the sockets that hear a packet the most specific one gets it; of equal ones
// the first. None: it does not hear this family.
std::optional<int> specific(const model::Socket& s, IpFamily family) {
  const bool six = s.address.is_v6();
  if (family == IpFamily::kV4 ? six && s.v6_only : !six) return std::nullopt;
  const IpAddress bound = family == IpFamily::kV4 ? s.address.unmapped() : s.address;
  const bool wildcard = bound.is_unspecified() && (bound.is_v4() || !s.address.is_v4_mapped());
  if (!wildcard && bound.family() != family) return std::nullopt;
  return (wildcard ? 0 : 100) + (s.peer && !s.peer->is_unspecified() ? 8 : 0) +
         (s.bound_to ? 4 : 0) + (family == IpFamily::kV4 && !six ? 2 : 1);
}

packet::PacketSet heard_by_socket(Algebra& algebra, const model::Socket& s, const Tuple& t,
                                  IfIndex in) {
  if (s.bound_to && s.bound_to != in) return algebra.none();
  packet::PacketSet set =
      algebra.where(t.destination_port, packet::IntervalSet::single(s.port.number));
  if (s.peer && !s.peer->is_unspecified()) {
    set = algebra.both(set, algebra.where(t.source, *s.peer));
    if (s.peer_port)
      set = algebra.both(
          set, algebra.where(t.source_port, packet::IntervalSet::single(s.peer_port->number)));
  }
  const IpAddress bound = algebra.family() == IpFamily::kV4 ? s.address.unmapped() : s.address;
  const bool wildcard = bound.is_unspecified() && (bound.is_v4() || !s.address.is_v4_mapped());
  return wildcard ? set : algebra.both(set, algebra.where(t.destination, bound));
}

// What a machine sends of its own in answer.
Flow answer_of(const Flow& f) {
  Flow a = f;
  a.p = Header();
  a.p.t = f.p.t.inverted();
  a.leg = Leg::kReply;
  a.forget_stack();
  a.dst = {};
  a.bound_to = {};
  a.about_reset = false;
  return a;
}

}  // namespace

void Walk::socket_receive(Flow flow) {
  const bool answers = (flow.p.tcp_flags & (tcp::kAck | tcp::kRst)) != 0;
  if (flow.dev->machine != flow.client.machine || !answers) return new_connection(std::move(flow));
  const Tuple tuple = flow.p.t.inverted();
  client_has(
      std::move(flow), tuple, [&](Flow f) { client_hears(std::move(f)); },
      [&](Flow f) { new_connection(std::move(f)); });
}

void Walk::new_connection(Flow flow) {
  const Machine& m = *flow.dev->machine;
  const Tuple t = flow.p.t;
  const auto kind = flow.p.tcp_flags & (tcp::kSyn | tcp::kAck | tcp::kRst);
  if (t.protocol == IpProtocol::kTcp && kind == tcp::kAck) {
    if (&m != flow.server) return refuse(std::move(flow));
    const Tuple expected = flow.server_tuple;
    return same(
        std::move(flow), expected, t, [&](Flow f) { end(std::move(f)); },
        [&](Flow f) { refuse(std::move(f)); });
  }
  if (t.protocol == IpProtocol::kTcp && kind != tcp::kSyn) {
    const bool reset = (kind & tcp::kRst) != 0;
    return drop(std::move(flow),
                reset ? "the reset does not belong to the client's connection (other addresses)"
                      : "the answer does not belong to the client's connection (other addresses)");
  }
  const IfIndex in = flow.dst.arrives_at ? flow.dst.arrives_at : flow.dev->index();
  std::vector<std::pair<int, const model::Socket*>> sockets;
  const auto consider = [&](const model::Socket& s) {
    const auto score = specific(s, algebra_.family());
    if (s.protocol == t.protocol && score) sockets.emplace_back(-*score, &s);
  };
  if (t.destination_port.constant) {
    const auto* at =
        m.sockets_at(t.protocol, Port{static_cast<std::uint16_t>(*t.destination_port.constant)});
    if (at != nullptr) std::ranges::for_each(*at, [&](const auto* s) { consider(*s); });
  } else {
    for (const model::Socket& s : m.ns->sockets) consider(s);
  }
  std::ranges::stable_sort(sockets, {}, &std::pair<int, const model::Socket*>::first);
  packet::PacketSet rest = flow.set;
  for (const auto& [score, socket] : sockets) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, heard_by_socket(algebra_, *socket, t, in));
    if (!f.set.empty()) heard_by(std::move(f), *socket);
    if (rest.empty()) return;
  }
  flow.set = std::move(rest);
  if (m.sockets_unknown) return unknown(std::move(flow), m.unknown_why);
  refuse(std::move(flow));
}

void Walk::heard_by(Flow flow, const model::Socket& socket) {
  if (carries(flow)) return arrived(std::move(flow), &socket);
  const Machine& m = *flow.dev->machine;
  flow.socket = &socket;
  flow.server = &m;
  flow.server_tuple = flow.p.t;
  if (flow.p.t.protocol != IpProtocol::kTcp)
    return settle(std::move(flow), Verdict::kOpen, How::kAccepted, {});
  answer_syn(flow, m, socket);
}

// tcp_conn_request(): the SYN/ACK goes by the route of the listening socket.
void Walk::answer_syn(const Flow& flow, const Machine& m, const model::Socket& socket) {
  const bool v4 = algebra_.family() == IpFamily::kV4;
  Flow a = answer_of(flow);
  a.p.tcp_flags = tcp::kSyn | tcp::kAck;
  a.p.length = v4 ? 60 : 80;
  a.p.has_socket = true;
  a.p.uid = socket.uid;
  if (m.mark_accept) a.p.mark = flow.p.mark;
  a.bound_to = socket.bound_to;
  routes::Ask ask = ask_of(a);
  ask.oif = socket.bound_to;
  const auto go = [&](const Flow& f, const routes::Ask& how) {
    by_ways(f, routes(m).output(algebra_, how, false, static_cast<bool>(socket.bound_to), f.set),
            [&](Flow g, const routes::Way& way) {
              if (way.error != NetError::kNone)
                return drop(std::move(g), "the server has no route back");
              g.dst = way.dst;
              local_out(std::move(g));
            });
  };
  if (v4 || ask.oif) return go(a, ask);
  const packet::PacketSet near =
      algebra_.where(ask.destination, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10));
  routes::Ask here = ask;
  here.oif = flow.dev->index();
  split(
      std::move(a), near, [&](const Flow& f) { go(f, here); }, [&](const Flow& f) { go(f, ask); });
}

// Nothing listens: tcp_v4_send_reset(), icmp_send(PORT_UNREACH)
void Walk::refuse(Flow flow) {
  const Machine& m = *flow.dev->machine;
  const bool v4 = algebra_.family() == IpFamily::kV4;
  if (!flow.dst.local && !flow.dst.group) return end(std::move(flow));
  const bool ack = (flow.p.tcp_flags & tcp::kAck) != 0;
  lose(flow, ack ? "the handshake ends at a machine that does not know the connection"
                 : "nothing listens there");
  if (flow.dst.group) return end(std::move(flow));
  if (told_forger(flow)) return;
  if (flow.p.t.protocol != IpProtocol::kTcp)
    return icmp_error(std::move(flow), v4 ? 3 : 1, v4 ? 3 : 4);
  Flow a = answer_of(flow);
  a.p.tcp_flags = ack ? tcp::kRst : tcp::kRst | tcp::kAck;
  a.p.length = v4 ? 40 : 60;
  if (m.mark_reflect) a.p.mark = flow.p.mark;
  routes::Ask ask = ask_of(a);
  if (!v4) {
    if (!ask.destination.constant) return unknown(std::move(a), "a reset to addresses that vary");
    if (routes::needs_strict_interface(*ask.destination.constant)) {
      ask.oif = flow.dst.arrives_at ? flow.dst.arrives_at : flow.dev->index();
    }
  }
  by_ways(a, routes(m).output(algebra_, ask, false, false, a.set),
          [&](Flow f, const routes::Way& way) {
            if (way.error != NetError::kNone)
              return drop(std::move(f), "no route for the reset back");
            f.dst = way.dst;
            local_out(std::move(f));
          });
}

}  // namespace bulkhead::reach::walks
