// NAT (net/netfilter/nf_nat_core.c, nf_nat_proto.c, nf_nat_masquerade.c, nf_nat_redirect.c).
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

// NETMAP
IpAddress masked_into(IpAddress address, const IpAddress& from, const IpAddress& to) {
  const auto first = from.octets(), last = to.octets(), own = address.octets();
  std::array<std::uint8_t, 16> out{};
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto host = static_cast<std::uint8_t>(first[i] ^ last[i]);
    out[i] = static_cast<std::uint8_t>((own[i] & host) | (first[i] & ~host));
  }
  return address.is_v6() ? IpAddress::v6(out) : IpAddress::v4(out[0], out[1], out[2], out[3]);
}

}  // namespace

// nf_nat_inet_fn()
void Walk::translate(HookPoint point, Flow flow, Device* in, Device* out, const Next& next) {
  const Machine& m = *(in != nullptr ? in : out)->machine;
  if (!hooks_.has_nat(m) || !flow.entry || flow.info == CtInfo::kUntracked)
    return next(std::move(flow));
  const bool source_side = point == HookPoint::kIpPostrouting || point == HookPoint::kIpInput;
  if (flow.is_related() && flow.p.is_icmp()) {
    translate_error(flow, source_side);
    return next(std::move(flow));
  }
  const Connection& c = flow.connection();
  const bool undecided = (flow.is_related() || flow.info == CtInfo::kNew) &&
                         !(source_side ? c.snat_done : c.dnat_done);
  const Next changed = [&](Flow f) {
    apply_nat(f, source_side);
    next(std::move(f));
  };
  if (!undecided) return changed(std::move(flow));
  const auto ask = [&](const Flow& asked, bool legacy_last, bool in_doubt) {
    for (Ruling& r : hooks_.nat(m, point, image_of(asked, in, out), asked.set, legacy_last)) {
      Flow f = asked;
      f.set = std::move(r.set);
      f.in_doubt = f.in_doubt || r.in_doubt || in_doubt;
      if (r.kind == EffectKind::kUnknown) {
        unknown(std::move(f), r.reason);
      } else if (r.kind != EffectKind::kAccept) {
        drop(std::move(f), "dropped by a rule");
      } else {
        if (r.nat && !source_side) walk_one_by_one(f);
        if (!f.set.empty()) set_up_nat(std::move(f), point, r.nat, source_side, in, out, changed);
      }
    }
  };
  const bool both =
      hooks_.has_open_order(m, point) && !hooks_.nat_alike(m, point, image_of(flow, in, out));
  if (both) ask(flow, true, true);
  ask(flow, false, both);
}

// nf_nat_setup_info(); no request: a null binding.
void Walk::set_up_nat(Flow flow, HookPoint point, const std::optional<NatRequest>& request,
                      bool source_side, Device* in, Device* out, const Next& next) {
  if (flow.connection().confirmed) return next(std::move(flow));
  const Machine& m = *(in != nullptr ? in : out)->machine;
  const auto settle_tuple = [&](Flow f, const Tuple& wanted) {
    Connection& c = f.connection();
    if (wanted.inverted() != c.reply) {
      c.reply = wanted.inverted();
      (source_side ? c.snat : c.dnat) = true;
    }
    (source_side ? c.snat_done : c.dnat_done) = true;
    next(std::move(f));
  };
  const auto with_free_port = [&](Flow f, const Tuple& wanted) {
    if (!source_side) return settle_tuple(std::move(f), wanted);
    free_port(std::move(f), m, wanted, 0, settle_tuple);
  };
  const Tuple current = flow.connection().reply.inverted();
  if (!request) return with_free_port(std::move(flow), current);
  nat_address(std::move(flow), *request, point, source_side, in, out,
              [&](Flow f, const AddressOperand& address) {
                Tuple wanted = f.connection().reply.inverted();
                (source_side ? wanted.source : wanted.destination) = address;
                nat_port(std::move(f), *request, wanted, source_side, with_free_port);
              });
}

void Walk::nat_address(Flow flow, const NatRequest& r, HookPoint point, bool source_side,
                       Device* in, Device* out,
                       const std::function<void(Flow, const AddressOperand&)>& next) {
  const bool v4 = algebra_.family() == IpFamily::kV4;
  const auto none = [&](Flow f) { drop(std::move(f), "no address to translate to"); };
  // The kernel refuses such rules; a snapshot may hold them all the same.
  if ((r.masquerade && out == nullptr) ||
      (r.redirect && point != HookPoint::kIpOutput && in == nullptr)) {
    return unknown(std::move(flow), "a NAT rule at a hook where it cannot stand");
  }
  if (r.masquerade && v4) return masquerade4(std::move(flow), *out, next);
  if (r.masquerade) {
    packet::PacketSet rest = flow.set;
    for (const routes::Selected& s : routes(*out->machine).selection6(out)) {
      for (const routes::Selected::Range& range : s.destinations) {
        Flow f = flow;
        f.set = split_off(algebra_, rest,
                          algebra_.where(flow.p.t.destination, range.first, range.last));
        if (f.set.empty()) continue;
        if (s.source) {
          next(std::move(f), AddressOperand::of(*s.source));
        } else {
          none(std::move(f));
        }
      }
    }
    return;
  }
  if (r.redirect && point == HookPoint::kIpOutput)
    return next(std::move(flow),
                AddressOperand::of(IpAddress::loopback(v4 ? IpFamily::kV4 : IpFamily::kV6)));
  if (r.redirect) {
    const auto first = [&](bool link_local_only) -> std::optional<IpAddress> {
      for (const model::Address* a : v4 ? in->addresses4 : in->addresses6) {
        if (!v4 && ((a->flags & topology::kAddressTentative) != 0 || a->local.is_v4_mapped()))
          continue;
        if (link_local_only && !a->local.is_link_local()) continue;
        return a->local;
      }
      return std::nullopt;
    };
    const auto go = [&](Flow f, bool link_local_only) {
      const auto address = first(link_local_only);
      if (!address) return none(std::move(f));
      next(std::move(f), AddressOperand::of(*address));
    };
    if (v4) return go(std::move(flow), false);
    const packet::PacketSet link =
        algebra_.where(flow.p.t.destination, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10));
    return split(
        std::move(flow), link, [&](Flow f) { go(std::move(f), true); },
        [&](Flow f) { go(std::move(f), false); });
  }
  const AddressOperand own = source_side ? flow.p.t.source : flow.p.t.destination;
  if (r.netmap && r.first && r.last) {
    if (!own.constant) return unknown(std::move(flow), "NETMAP of addresses that vary");
    return next(std::move(flow), AddressOperand::of(masked_into(*own.constant, *r.first, *r.last)));
  }
  if (!r.first) return next(std::move(flow), own);
  if (!r.last || *r.last == *r.first) return next(std::move(flow), AddressOperand::of(*r.first));
  const Next either_end = [&](Flow f) {  // by a hash of the addresses
    f.in_doubt = true;
    next(f, AddressOperand::of(*r.first));
    next(std::move(f), AddressOperand::of(*r.last));
  };
  if (!source_side) return either_end(std::move(flow));
  const packet::PacketSet inside = algebra_.where(own, *r.first, *r.last);
  split(std::move(flow), inside, [&](Flow f) { next(std::move(f), own); }, either_end);
}

// inet_select_addr() toward a next hop that may vary: the address of the network in which it lies.
void Walk::masquerade4(Flow flow, const Device& out,
                       const std::function<void(Flow, const AddressOperand&)>& next) {
  const bool by_gateway = flow.dst.gateway && flow.dst.gateway->is_v4();
  const AddressOperand hop =
      by_gateway ? AddressOperand::of(*flow.dst.gateway) : flow.p.t.destination;
  const auto with = [&](Flow f, std::optional<IpAddress> toward) {
    const auto address =
        routes::select_address4(*out.machine, &out, toward, topology::kScopeUniverse);
    if (!address) return drop(std::move(f), "no address to translate to");
    next(std::move(f), AddressOperand::of(*address));
  };
  if (hop.constant) return with(std::move(flow), hop.constant);
  const packet::FieldId field = algebra_.fields().only(hop.field);
  const auto any_of = [&](const packet::PacketSet& set) {
    return IpAddress::v4(static_cast<std::uint32_t>(set.values(field).intervals().front().first));
  };
  packet::PacketSet rest = flow.set;
  for (const model::Address* a : out.addresses4) {
    if ((a->flags & topology::kAddressSecondary) != 0 || a->scope > topology::kScopeUniverse)
      continue;
    Flow f = flow;
    const Prefix net = Prefix::covering(a->peer.value_or(a->local), a->prefix_length);
    f.set = split_off(algebra_, rest, algebra_.where(hop, net));
    if (f.set.empty()) continue;
    const IpAddress toward = any_of(f.set);
    with(std::move(f), toward);
  }
  flow.set = std::move(rest);
  if (flow.set.empty()) return;
  const IpAddress toward = any_of(flow.set);
  with(std::move(flow), toward);
}

void Walk::nat_port(Flow flow, const NatRequest& r, Tuple wanted, bool source_side,
                    const std::function<void(Flow, const Tuple&)>& next) {
  if (!r.port_first) return next(std::move(flow), wanted);
  NumberOperand& port = source_side ? wanted.source_port : wanted.destination_port;
  const unsigned low = r.port_first->number, high = r.port_last.value_or(*r.port_first).number;
  if (r.base_port) {
    const unsigned size = high >= low ? high - low + 1U : 1U;
    unsigned offset = 0;
    if (size > 1) {
      if (!port.constant) return unknown(std::move(flow), "ports that vary are shifted");
      offset = (static_cast<unsigned>(*port.constant) - unsigned{r.base_port->number}) % size;
    }
    port = NumberOperand::of((low + offset) & 0xffff);
    return next(std::move(flow), wanted);
  }
  const packet::PacketSet inside = algebra_.where(port, packet::IntervalSet::range(low, high));
  Tuple at_low = wanted;
  (source_side ? at_low.source_port : at_low.destination_port) = NumberOperand::of(low);
  split(
      std::move(flow), inside, [&](Flow f) { next(std::move(f), wanted); },
      [&](Flow f) { next(std::move(f), at_low); });
}

// Whether another connection of the machine already has the tuple.
void Walk::tuple_used(Flow flow, const Machine& m, const Tuple& reply, std::size_t at,
                      const Next& used, const Next& unused) {
  for (; at < flow.connections.size(); ++at) {
    const Connection& c = flow.connections[at];
    if (c.machine != &m || !c.confirmed || flow.entry == at) continue;
    const Tuple a = c.reply, b = c.original;
    return same(std::move(flow), a, reply, used, [&](Flow f) {
      same(std::move(f), b, reply, used,
           [&](Flow g) { tuple_used(std::move(g), m, reply, at + 1, used, unused); });
    });
  }
  unused(std::move(flow));
}

void Walk::free_port(Flow flow, const Machine& m, Tuple wanted, int tries,
                     const std::function<void(Flow, const Tuple&)>& next) {
  constexpr int kMostTries = 8;
  if (tries == kMostTries) return next(std::move(flow), wanted);
  tuple_used(
      std::move(flow), m, wanted.inverted(), 0,
      [&](Flow f) {
        if (!wanted.source_port.constant)
          return unknown(std::move(f), "a source port that varies is taken");
        Tuple other = wanted;
        other.source_port = NumberOperand::of((*wanted.source_port.constant + 1) & 0xffff);
        free_port(std::move(f), m, other, tries + 1, next);
      },
      [&](Flow f) { next(std::move(f), wanted); });
}

// nf_nat_packet(), nf_nat_manip_pkt()
void Walk::apply_nat(Flow& f, bool source_side) {
  const Connection& c = f.connection();
  const bool reply = f.is_reply();
  if (!((source_side != reply) ? c.snat : c.dnat)) return;
  const Tuple target = (reply ? c.original : c.reply).inverted();
  if (source_side) {
    f.p.t.source = target.source;
    f.p.t.source_port = target.source_port;
  } else {
    f.p.t.destination = target.destination;
    f.p.t.destination_port = target.destination_port;
  }
}

// nf_nat_icmp_reply_translation(): the quoted packet and the error's own address.
void Walk::translate_error(Flow& f, bool source_side) const {
  const Connection& c = f.connection();
  const bool reply = f.is_reply();
  if (!((source_side != reply) ? c.snat : c.dnat) || !f.p.quoted) return;
  const Tuple& inner = reply ? c.original : c.reply;
  if (source_side) {
    f.p.quoted->destination = inner.destination;
    f.p.quoted->destination_port = inner.destination_port;
    f.p.t.source = inner.destination;
  } else {
    f.p.quoted->source = inner.source;
    f.p.quoted->source_port = inner.source_port;
    f.p.t.destination = inner.source;
  }
}

}  // namespace bulkhead::reach::walks
