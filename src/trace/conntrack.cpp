// Connection tracking and NAT of one machine (net/netfilter/nf_conntrack_core.c, nf_nat_core.c,
// nf_nat_proto.c, nf_nat_masquerade.c, nf_nat_redirect.c).
//
// Only this walk's connections exist: entries of the snapshot's moment do not decide about a new
// connection from a free ephemeral port.
#include <algorithm>
#include <utility>

#include "trace/run.h"

namespace bulkhead::trace {
namespace {

bool is_reply(CtInfo info) {
  return info == CtInfo::kEstablishedReply || info == CtInfo::kRelatedReply;
}
bool is_related(CtInfo info) {
  return info == CtInfo::kRelated || info == CtInfo::kRelatedReply;
}

Tuple invert(const Tuple& t) {
  return {t.destination, t.source, t.destination_port, t.source_port, t.protocol};
}

Tuple tuple_of(const Packet& p) {
  return {p.source, p.destination, p.source_port, p.destination_port, p.protocol};
}

bool is_icmp(const Packet& p) {
  return p.protocol == IpProtocol::kIcmp || p.protocol == IpProtocol::kIcmpV6;
}

// NETMAP
IpAddress masked_into(IpAddress address, const IpAddress& from, const IpAddress& to) {
  const auto first = from.octets(), last = to.octets(), own = address.octets();
  std::array<std::uint8_t, 16> out{};
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto host = static_cast<std::uint8_t>(first[i] ^ last[i]);
    out[i] = static_cast<std::uint8_t>((own[i] & host) | (first[i] & ~host));
  }
  if (address.is_v6()) return IpAddress::v6(out);
  return IpAddress::v4(out[0], out[1], out[2], out[3]);
}

}  // namespace

void Run::track(Skb& skb, const Machine& m) {
  CtView& ct = skb.ct;
  if (ct.entry != nullptr || ct.untracked) return;
  const Packet& p = skb.p;
  if (!world_.stack(m).tracks(p.family())) return;
  if (p.protocol == IpProtocol::kIcmpV6 &&
      ((p.icmp_type >= 130 && p.icmp_type <= 137) || p.icmp_type == 143)) {
    ct.untracked = true;
    return;
  }
  const auto known = [&](const Tuple& t, bool& reply) -> ConnTrack* {
    for (Tracked& e : scratch_.tracked) {
      if (e.machine != &m || !e.entry.confirmed) continue;
      if (e.entry.original == t) return reply = false, &e.entry;
      if (e.entry.reply == t) return reply = true, &e.entry;
    }
    return nullptr;
  };
  bool reply = false;
  if (is_icmp(p)) {
    if (!p.quoted) return;
    const Quoted& q = *p.quoted;
    // nf_conntrack_inet_error(): the quoted packet, turned round, must be one of ours, and the
    // error must be for its sender.
    const Tuple turned{q.destination, q.source, q.destination_port, q.source_port, q.protocol};
    ConnTrack* entry = known(turned, reply);
    if (entry == nullptr) return;
    const Tuple& direction = reply ? entry->reply : entry->original;
    if (direction.destination != p.destination) return;
    ct.entry = entry;
    ct.info = reply ? CtInfo::kRelatedReply : CtInfo::kRelated;
    return;
  }
  const Tuple t = tuple_of(p);
  if (ConnTrack* entry = known(t, reply)) {
    ct.entry = entry;
    if (reply) {
      ct.info = CtInfo::kEstablishedReply;
      entry->seen_reply = true;
    } else if (!entry->seen_reply && p.protocol == IpProtocol::kTcp &&
               (p.tcp_flags & tcp::kAck) != 0) {
      ct = {};  // tcp_conntracks[]: an ACK after a SYN whose answer was not seen is invalid
    } else {
      ct.info = entry->seen_reply ? CtInfo::kEstablished : CtInfo::kNew;
    }
    return;
  }
  if (p.protocol == IpProtocol::kTcp) {
    // tcp_new(): a SYN/ACK or RST without a connection is invalid.
    const auto flags = p.tcp_flags & (tcp::kSyn | tcp::kAck | tcp::kRst | tcp::kFin);
    if (flags != tcp::kSyn && flags != tcp::kAck) return;
  }
  if (scratch_.tracked.size() == Scratch::kMostTracked) {
    stop_unknown("more connections in one walk than are followed");
    return;
  }
  Tracked& e = scratch_.tracked.emplace_back();
  e.machine = &m;
  e.entry.original = t;
  e.entry.reply = invert(t);
  ct.entry = &e.entry;
  ct.info = CtInfo::kNew;
}

// __nf_conntrack_confirm()
bool Run::confirm(Skb& skb, const Machine& m) {
  ConnTrack* entry = skb.ct.entry;
  if (entry == nullptr || entry->confirmed || is_reply(skb.ct.info)) return true;
  for (const Tracked& e : scratch_.tracked) {
    if (e.machine != &m || !e.entry.confirmed || &e.entry == entry) continue;
    if (e.entry.original == entry->original || e.entry.reply == entry->reply) {
      lost(skb, "conntrack clash: the machine already knows this connection in another form");
      return false;
    }
  }
  entry->confirmed = true;
  return true;
}

// nf_conntrack_attach(): answers made by the filter belong to the connection that they answer.
void Run::attach(Skb& answer, const Skb& cause) {
  if (cause.ct.entry == nullptr) return;
  answer.ct.entry = cause.ct.entry;
  answer.ct.info = is_reply(cause.ct.info) ? CtInfo::kRelated : CtInfo::kRelatedReply;
}

bool Run::tuple_used(const Machine& m, const Tuple& reply, const ConnTrack* but) const {
  return std::ranges::any_of(scratch_.tracked, [&](const Tracked& e) {
    return e.machine == &m && e.entry.confirmed && &e.entry != but &&
           (e.entry.reply == reply || e.entry.original == reply);
  });
}

std::optional<IpAddress> Run::nat_address(const NatRequest& r, const Skb& skb, FilterPoint point,
                                          bool source_side, Device* in, Device* out) {
  const Packet& p = skb.p;
  if (r.masquerade) {
    if (p.source.is_v6()) return select_address6(*out->machine, out, p.destination);
    const bool by_gateway = skb.dst.gateway && skb.dst.gateway->is_v4();
    if (!by_gateway) unclear_destination(skb);
    const IpAddress next = by_gateway ? *skb.dst.gateway : p.destination;
    return select_address4(*out->machine, out, next, kScopeUniverse);
  }
  if (r.redirect) {
    if (point == FilterPoint::kIpOutput) {
      return p.source.is_v4() ? IpAddress::v4(127, 0, 0, 1)
                              : IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
    }
    const auto& list = p.source.is_v4() ? in->addresses4 : in->addresses6;
    for (const model::Address* a : list) {
      if (a->local.is_v6() && ((a->flags & kAddressTentative) != 0 || a->local.is_v4_mapped()))
        continue;
      if (a->local.is_v6() && p.destination.is_link_local() && !a->local.is_link_local()) continue;
      return a->local;
    }
    return std::nullopt;
  }
  const IpAddress own = source_side ? p.source : p.destination;
  if (r.netmap || (r.last && r.last != r.first)) unclear_source(skb);
  if (r.netmap && r.first && r.last) return masked_into(own, *r.first, *r.last);
  if (!r.first) return own;
  if (!r.last || *r.last == *r.first) return r.first;
  const bool inside = own >= *r.first && own <= *r.last;
  if (inside && source_side) return own;
  return choices_.pick("NAT to a range of addresses") ? *r.first : *r.last;
}

// nf_nat_setup_info(); `request` null: a null binding.
bool Run::set_up_nat(Skb& skb, FilterPoint point, const NatRequest* request, bool source_side,
                     Device* in, Device* out) {
  ConnTrack& ct = *skb.ct.entry;
  if (ct.confirmed) return true;
  const Machine& m = *(in != nullptr ? in : out)->machine;
  const Tuple current = invert(ct.reply);
  Tuple wanted = current;
  if (request != nullptr) {
    const auto address = nat_address(*request, skb, point, source_side, in, out);
    if (!address) {
      lost(skb, "no address to translate to: ", describe(request->rule));
      return false;
    }
    (source_side ? wanted.source : wanted.destination) = *address;
    Port& port = source_side ? wanted.source_port : wanted.destination_port;
    if (request->port_first) {
      if (source_side) unclear_source(skb);
      const Port low = *request->port_first, high = request->port_last.value_or(low);
      if (request->base_port) {
        const unsigned size = high.number >= low.number ? high.number - low.number + 1U : 1U;
        const unsigned offset = (port.number - unsigned{request->base_port->number}) % size;
        port = Port{static_cast<std::uint16_t>(low.number + offset)};
      } else if (port < low || port > high) {
        if (low != high && !source_side) {
          port = low;
        } else {
          port = low;
        }
      }
    }
  }
  if (source_side) {
    for (int tries = 0; tries < 8 && tuple_used(m, invert(wanted), &ct); ++tries) {
      wanted.source_port.number = static_cast<std::uint16_t>(wanted.source_port.number + 1);
    }
  }
  // An end that is there already may be told of nothing, and for others the connection is a
  // translated one.
  if (request != nullptr && !source_side) unclear_destination(skb);
  if (request != nullptr && source_side) hidden_behind(wanted.source, skb);
  if (wanted != current) {
    if (!source_side && question_.reads != nullptr && skb.ours)
      question_.reads->sent_to(wanted.destination);
    ct.reply = invert(wanted);
    (source_side ? ct.snat : ct.dnat) = true;
    if (explain_) {
      step(skb, m, "nat", in != nullptr ? in : out,
           std::string(source_side ? "source becomes " : "destination becomes ") +
               (source_side ? wanted.source : wanted.destination).to_string() + " port " +
               std::to_string((source_side ? wanted.source_port : wanted.destination_port).number));
    }
  }
  (source_side ? ct.snat_done : ct.dnat_done) = true;
  return true;
}

// nf_nat_packet(), nf_nat_manip_pkt()
void Run::apply_nat(Skb& skb, bool source_side) {
  const ConnTrack& ct = *skb.ct.entry;
  const bool reply = is_reply(skb.ct.info);
  const bool status = (source_side != reply) ? ct.snat : ct.dnat;
  if (!status) return;
  const Tuple target = invert(reply ? ct.original : ct.reply);
  if (source_side) {
    skb.p.source = target.source;
    skb.p.source_port = target.source_port;
  } else {
    skb.p.destination = target.destination;
    skb.p.destination_port = target.destination_port;
  }
}

// nf_nat_icmp_reply_translation(): the quoted packet and the error's own address.
void Run::translate_error(Skb& skb, bool source_side) {
  const ConnTrack& ct = *skb.ct.entry;
  const bool reply = is_reply(skb.ct.info);
  const bool status = (source_side != reply) ? ct.snat : ct.dnat;
  if (!status || !skb.p.quoted) return;
  const Tuple& inner = reply ? ct.original : ct.reply;
  Quoted& q = *skb.p.quoted;
  if (source_side) {
    q.destination = inner.destination;
    q.destination_port = inner.destination_port;
    skb.p.source = invert(inner).source;
  } else {
    q.source = inner.source;
    q.source_port = inner.source_port;
    skb.p.destination = invert(inner).destination;
  }
}

// Notes for which sources the chains wish the same, in place of what they ask of each.
void Run::reads_wish(const Skb& skb, FilterPoint point, const Machine& m, Context& c) const {
  const Stack& stack = world_.stack(m);
  const bool ask = c.reads != nullptr && question_.nat_areas != nullptr && skb.p.source.is_v4() &&
                   c.reads->follows(skb.p.source) && !c.reads->follows(skb.p.destination) &&
                   !stack.open_order[static_cast<std::size_t>(point)];
  if (!ask) return;
  const NatAreas::Found area = question_.nat_areas->of(stack.filter, point, c);
  if (area.sources == nullptr) return;
  c.reads->asked_within(*area.sources);
  c.reads = nullptr;
  if (c.to_reads == nullptr) return;
  if (area.asked_of_destination == nullptr) return c.to_reads->unclear();
  c.to_reads->also(*area.asked_of_destination);
}

// What the NAT chains of the hook want; false: they dropped it, or it is not known.
bool Run::ask_nat(Skb& skb, FilterPoint point, Device* in, Device* out,
                  std::optional<NatRequest>& request) {
  const Machine& m = *(in != nullptr ? in : out)->machine;
  Context c = context_of(skb, in, out);
  c.around = &world_.stack(m);
  reads_wish(skb, point, m, c);
  const HookResult r = run_nat(point, c, m, request);
  if (c.to_reads != nullptr && c.to_reads->type_was_asked()) routed_by_destination(m, skb);
  if (r.outcome == Outcome::kDrop || r.outcome == Outcome::kReject) {
    decided(skb, r.decided_by);
    lost(skb, "dropped by ", describe(r.decided_by));
    return false;
  }
  if (r.outcome == Outcome::kUnknown) {
    stop_unknown(r.unknown + " (" + describe(r.decided_by) + ")");
    return false;
  }
  if (request) decided(skb, request->rule);
  return true;
}

// nf_nat_inet_fn() with the parts of the four hooks around it.
bool Run::translate(FilterPoint point, Skb& skb, Device* in, Device* out) {
  const Machine& m = *(in != nullptr ? in : out)->machine;
  if (!world_.stack(m).nat(skb.p.family()) || skb.ct.entry == nullptr || skb.ct.untracked)
    return true;
  const bool source_side = point == FilterPoint::kIpPostrouting || point == FilterPoint::kIpInput;
  if (is_related(skb.ct.info) && is_icmp(skb.p)) {
    translate_error(skb, source_side);
    return true;
  }
  if (is_related(skb.ct.info) || skb.ct.info == CtInfo::kNew) {
    const ConnTrack& ct = *skb.ct.entry;
    if (!(source_side ? ct.snat_done : ct.dnat_done)) {
      std::optional<NatRequest> request;
      if (world_.stack(m).nat_chains[static_cast<std::size_t>(point)] &&
          !ask_nat(skb, point, in, out, request))
        return false;
      if (!set_up_nat(skb, point, request ? &*request : nullptr, source_side, in, out))
        return false;
    }
  }
  apply_nat(skb, source_side);
  return true;
}

}  // namespace bulkhead::trace
