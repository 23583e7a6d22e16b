// Connection tracking of the machines that the walk passes (net/netfilter/nf_conntrack_core.c,
// nf_conntrack_proto_tcp.c, nf_conntrack_proto_icmp.c).
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::size_t kMostConnections = 64;

// nf_conntrack_icmpv6: neighbour discovery and multicast listening are never tracked.
bool never_tracked(const Header& p) {
  return p.t.protocol == IpProtocol::kIcmpV6 &&
         ((p.icmp_type >= 130 && p.icmp_type <= 137) || p.icmp_type == 143);
}

}  // namespace

// The first confirmed entry of the machine, either way round.
void Walk::find_entry(Flow flow, const Machine& m, const Tuple& tuple, std::size_t at,
                      const std::function<void(Flow, std::size_t, bool)>& found, const Next& none) {
  for (; at < flow.connections.size(); ++at) {
    const Connection& c = flow.connections[at];
    if (c.machine != &m || !c.confirmed) continue;
    const Tuple original = c.original, reply = c.reply;
    return same(
        std::move(flow), original, tuple, [&](Flow f) { found(std::move(f), at, false); },
        [&](Flow f) {
          same(
              std::move(f), reply, tuple, [&](Flow g) { found(std::move(g), at, true); },
              [&](Flow g) { find_entry(std::move(g), m, tuple, at + 1, found, none); });
        });
  }
  none(std::move(flow));
}

void Walk::track(Flow flow, const Machine& m, const Next& next) {
  if (flow.entry || flow.info == CtInfo::kUntracked || !hooks_.tracks_connections(m))
    return next(std::move(flow));
  if (never_tracked(flow.p)) {
    flow.info = CtInfo::kUntracked;
    return next(std::move(flow));
  }
  if (flow.p.is_icmp()) {
    if (!flow.p.quoted) return next(std::move(flow));
    // nf_conntrack_inet_error(): the quoted packet, turned round, must be one of ours, and the
    // error must be for its sender.
    const Tuple turned = flow.p.quoted->inverted();
    return find_entry(
        std::move(flow), m, turned, 0,
        [&](Flow f, std::size_t entry, bool reply) {
          const Connection& c = f.connections[entry];
          const auto for_sender =
              algebra_.equal((reply ? c.reply : c.original).destination, f.p.t.destination);
          split(
              std::move(f), for_sender,
              [&](Flow g) {
                g.entry = entry;
                g.info = reply ? CtInfo::kRelatedReply : CtInfo::kRelated;
                next(std::move(g));
              },
              next);
        },
        next);
  }
  const Tuple tuple = flow.p.t;
  find_entry(
      std::move(flow), m, tuple, 0,
      [&](Flow f, std::size_t entry, bool reply) { tracked(std::move(f), entry, reply, next); },
      [&](Flow f) {
        if (f.p.t.protocol == IpProtocol::kTcp) {
          // tcp_new(): a SYN/ACK or RST without a connection is invalid.
          const auto flags = f.p.tcp_flags & (tcp::kSyn | tcp::kAck | tcp::kRst | tcp::kFin);
          if (flags != tcp::kSyn && flags != tcp::kAck) return next(std::move(f));
        }
        if (f.connections.size() == kMostConnections) {
          return unknown(std::move(f), "more connections in one walk than are followed");
        }
        f.entry = f.connections.size();
        f.info = CtInfo::kNew;
        Connection c;
        c.machine = &m;
        c.original = f.p.t;
        c.reply = f.p.t.inverted();
        f.connections.push_back(c);
        next(std::move(f));
      });
}

void Walk::tracked(Flow flow, std::size_t entry, bool reply, const Next& next) {
  Connection& c = flow.connections[entry];
  const bool ack = flow.p.t.protocol == IpProtocol::kTcp && (flow.p.tcp_flags & tcp::kAck) != 0;
  if (reply) {
    flow.entry = entry;
    flow.info = CtInfo::kEstablishedReply;
    c.seen_reply = true;
  } else if (c.seen_reply || !ack) {
    flow.entry = entry;
    flow.info = c.seen_reply ? CtInfo::kEstablished : CtInfo::kNew;
  }  // else tcp_conntracks[]: an ACK after a SYN whose answer was not seen is invalid
  next(std::move(flow));
}

// __nf_conntrack_confirm()
void Walk::confirm(Flow flow, const Machine& m, std::size_t at, const Next& next) {
  if (!flow.entry || flow.is_reply() || flow.connection().confirmed) return next(std::move(flow));
  const std::size_t own = *flow.entry;
  for (; at < flow.connections.size(); ++at) {
    const Connection& c = flow.connections[at];
    if (c.machine != &m || !c.confirmed || at == own) continue;
    const Tuple original = c.original, reply = c.reply;
    const Tuple mine = flow.connections[own].original, mine_reply = flow.connections[own].reply;
    const Next clash = [&](Flow f) {
      drop(std::move(f),
           "conntrack clash: the machine already knows this connection in another form");
    };
    return same(std::move(flow), original, mine, clash, [&](Flow f) {
      same(std::move(f), reply, mine_reply, clash,
           [&](Flow g) { confirm(std::move(g), m, at + 1, next); });
    });
  }
  flow.connections[own].confirmed = true;
  next(std::move(flow));
}

// nf_conntrack_attach(): answers made by the filter belong to the connection that they answer.
void Walk::attach(Flow& answer, const Flow& cause) {
  if (!cause.entry) return;
  answer.entry = cause.entry;
  answer.info = cause.is_reply() ? CtInfo::kRelated : CtInfo::kRelatedReply;
}

}  // namespace bulkhead::reach::walks
