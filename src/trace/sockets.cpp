// The destination: which socket hears the packet, and what it answers (net/ipv4/inet_hashtables.c,
// net/ipv6/inet6_hashtables.c, net/ipv4/udp.c, net/ipv4/tcp_input.c tcp_conn_request).
#include <algorithm>

#include "trace/run.h"

namespace bulkhead::trace {
namespace {

// compute_score(): negative when the socket does not hear it. The more specific one wins; of a
// specific and a wildcard address, the specific one, whatever else they have.
int score(const model::Socket& s, const Packet& p, IfIndex in) {
  if (s.bound_to && s.bound_to != in) return -1;
  const bool v4 = p.destination.is_v4();
  if (s.peer && !s.peer->is_unspecified() &&
      (*s.peer != p.source || (s.peer_port && *s.peer_port != p.source_port))) {
    return -1;
  }
  const bool six = s.address.is_v6();
  if (v4 && six && s.v6_only) return -1;
  if (!v4 && !six) return -1;
  const IpAddress bound = v4 ? s.address.unmapped() : s.address;
  const bool wildcard = bound.is_unspecified() && (bound.is_v4() || !s.address.is_v4_mapped());
  if (!wildcard && bound != p.destination) return -1;
  int n = wildcard ? 0 : 100;
  n += s.peer && !s.peer->is_unspecified() ? 8 : 0;
  n += s.bound_to ? 4 : 0;
  return n + (v4 && !six ? 2 : 1);
}

// A connected socket there hears one source alone.
bool hears_only_some(const WorldState& world, const Machine& m, const Packet& p) {
  const auto* const listening = world.sockets_at(m, p.protocol, p.destination_port);
  return listening != nullptr && std::ranges::any_of(*listening, [](const model::Socket* s) {
           return s->peer && !s->peer->is_unspecified();
         });
}

}  // namespace

const model::Socket* Run::find_socket(const Machine& m, const Packet& p, IfIndex in) const {
  const auto* const listening = world_.sockets_at(m, p.protocol, p.destination_port);
  if (listening == nullptr) return nullptr;
  const model::Socket* best = nullptr;
  int best_score = -1;
  for (const model::Socket* s : *listening) {
    const int n = score(*s, p, in);
    if (n > best_score) {
      best = s;
      best_score = n;
    }
  }
  return best;
}

void Run::socket_receive(Skb& skb) {
  Machine& m = *skb.dev->machine;
  const Packet& p = skb.p;
  if (&m == client_ && answers_client(p)) {
    const IfIndex by = skb.dst.arrives_at ? skb.dst.arrives_at : skb.dev->index();
    if (question_.scope && server_address_.is_link_local() && by != question_.scope) {
      lost(skb, "the answer comes in by another interface than the client's socket is bound to");
      return;
    }
    client_hears(skb, skb.dev->name());
    return;
  }
  const bool is_tcp = p.protocol == IpProtocol::kTcp;
  const bool is_syn = is_tcp && (p.tcp_flags & (tcp::kSyn | tcp::kAck | tcp::kRst)) == tcp::kSyn;
  if (is_tcp && (p.tcp_flags & (tcp::kSyn | tcp::kAck | tcp::kRst)) == tcp::kAck) {
    const Tuple t{p.source, p.destination, p.source_port, p.destination_port, p.protocol};
    if (&m == server_ && t == server_tuple_)
      stopped_ = true;  // the handshake is complete
    else
      refuse(skb, m);
    return;
  }
  if (is_tcp && !is_syn) {
    lost(skb, (p.tcp_flags & tcp::kRst) != 0
                  ? "the reset does not belong to the client's connection (other addresses)"
                  : "the answer does not belong to the client's connection (other addresses)");
    return;
  }
  const IfIndex in = skb.dst.arrives_at ? skb.dst.arrives_at : skb.dev->index();
  const model::Socket* socket = find_socket(m, p, in);
  if (carrying_ && skb.ours && skb.leg == Leg::kRequest && p.protocol == IpProtocol::kUdp)
    return socket != nullptr || skb.dst.group ? arrived(skb, m, socket) : refuse(skb, m);
  if (hears_only_some(world_, m, p)) unclear_source(skb);
  if (socket == nullptr && m.sockets_unknown) {
    stop_unknown(m.unknown_why);
    return;
  }
  if (explain_) {
    step(skb, m, "socket", skb.dev,
         socket != nullptr
             ? "socket " + socket->address.to_string() + " port " +
                   std::to_string(socket->port.number)
             : "nothing listens on port " + std::to_string(p.destination_port.number));
  }
  if (socket == nullptr) {
    refuse(skb, m);
    return;
  }
  accepted_by(m, *socket);
  server_ = &m;
  server_tuple_ = {p.source, p.destination, p.source_port, p.destination_port, p.protocol};
  if (is_tcp) {
    answer_syn(skb, m, *socket);
  } else {
    answer_.verdict = Verdict::kOpen;
    answer_.how = How::kAccepted;
    settled_ = stopped_ = true;
  }
}

// tcp_conn_request(): the SYN/ACK goes by the route of the listening socket.
void Run::answer_syn(Skb& skb, const Machine& m, const model::Socket& socket) {
  Skb a;
  a.ours = skb.ours;
  a.leg = Leg::kReply;
  a.p.ether_type = skb.p.ether_type;
  a.p.source = skb.p.destination;
  a.p.destination = skb.p.source;
  a.p.source_port = skb.p.destination_port;
  a.p.destination_port = skb.p.source_port;
  a.p.protocol = IpProtocol::kTcp;
  a.p.tcp_flags = tcp::kSyn | tcp::kAck;
  a.p.length = skb.p.source.is_v4() ? 60 : 80;
  a.p.has_socket = true;
  a.p.socket_uid = socket.uid;
  if (!socket.owners.empty()) a.p.socket_cgroup = socket.owners.front().cgroup;
  if (m.mark_accept) a.p.mark = skb.p.mark;
  Flow flow = flow_of(a);
  flow.oif = socket.bound_to;
  a.bound_to = socket.bound_to;
  Output o;
  if (a.p.source.is_v4()) {
    o = route_output4(world_.stack(m), flow, false, &choices_);
  } else {
    if (!flow.oif && a.p.destination.is_link_local()) flow.oif = skb.dev->index();
    o = route_output6(world_.stack(m), flow, static_cast<bool>(socket.bound_to), &choices_);
  }
  if (o.error != NetError::kNone) {
    lost(a, "the server has no route back to ", a.p.destination.to_string());
    return;
  }
  a.dst = o.dst;
  ip_local_out(a);
}

// Nothing listens: tcp_v4_send_reset(), icmp_send(PORT_UNREACH)
void Run::refuse(Skb& skb, const Machine& m) {
  if (!skb.dst.local && !skb.dst.group) return;
  if ((skb.p.tcp_flags & tcp::kAck) != 0)
    lost(skb, "the handshake ends at a machine that does not know the connection");
  else
    lost(skb, "nothing listens on port ", std::to_string(skb.p.destination_port.number));
  if (skb.dst.group || (forgery_ && skb.ours)) return;  // a refusal is never open
  if (skb.p.protocol != IpProtocol::kTcp) {
    const bool v4 = skb.p.source.is_v4();
    icmp_error(skb, v4 ? 3 : 1, v4 ? 3 : 4);
    return;
  }
  Skb a;
  a.ours = skb.ours;
  a.leg = Leg::kReply;
  a.p.ether_type = skb.p.ether_type;
  a.p.source = skb.p.destination;
  a.p.destination = skb.p.source;
  a.p.source_port = skb.p.destination_port;
  a.p.destination_port = skb.p.source_port;
  a.p.protocol = IpProtocol::kTcp;
  a.p.tcp_flags = (skb.p.tcp_flags & tcp::kAck) != 0 ? tcp::kRst : tcp::kRst | tcp::kAck;
  a.p.length = skb.p.source.is_v4() ? 40 : 60;
  if (m.mark_reflect) a.p.mark = skb.p.mark;
  Flow flow = flow_of(a);
  if (a.p.source.is_v6() && needs_strict_interface(a.p.destination)) {
    flow.oif = skb.dst.arrives_at ? skb.dst.arrives_at : skb.dev->index();
  }
  const Output o = a.p.source.is_v4() ? route_output4(world_.stack(m), flow, false, &choices_)
                                      : route_output6(world_.stack(m), flow, false, &choices_);
  if (o.error != NetError::kNone) {
    lost(a, "no route for the reset back to ", a.p.destination.to_string());
    return;
  }
  a.dst = o.dst;
  ip_local_out(a);
}

}  // namespace bulkhead::trace
