// Matches of x_tables: net/netfilter/xt_*.c, net/ipv4/netfilter/ip_tables.c,
// net/ipv6/netfilter/ip6_tables.c. Each gives what the kernel's match function gives, inversion
// included.
#include <algorithm>
#include <variant>

#include "base/text.h"
#include "reach/chain/context.h"
#include "reach/chain/headers.h"

namespace bulkhead::reach::chains {
namespace {

namespace xt = model::xt;
using packet::IntervalSet;

IntervalSet having_ports() {
  return IntervalSet::of({{protocol::kTcp, protocol::kTcp},
                          {protocol::kUdp, protocol::kUdp},
                          {protocol::kDccp, protocol::kDccp},
                          {protocol::kSctp, protocol::kSctp},
                          {protocol::kUdpLite, protocol::kUdpLite}});
}

// An intersection of parts, some of them inverted.
class All {
 public:
  explicit All(const Here& here) : here_(here) {}

  All& also(Result<Condition> part, bool inverted = false) {
    if (part && inverted) part = complement(here_.context.space, *part);
    if (!part) {
      error_ = std::move(part.error());
    } else {
      out_.and_also(*part);
    }
    return *this;
  }
  All& number(Quantity quantity, const IntervalSet& values, bool inverted = false) {
    return also(here_.in(quantity, values), inverted);
  }
  All& ports(Quantity quantity, const xt::PortRange& range, bool inverted) {
    return number(quantity, IntervalSet::range(range.first.number, range.last.number), inverted);
  }
  [[nodiscard]] Result<Condition> result(bool inverted = false) {
    if (error_) return std::unexpected(*error_);
    return inverted ? complement(here_.context.space, out_) : Result<Condition>(out_);
  }

 private:
  const Here& here_;
  Condition out_;
  std::optional<Error> error_;
};

// (bits & mask) == (value & mask); of another family: never.
Condition masked_address(const Here& here, Quantity quantity, const IpAddress& value,
                         const IpAddress& mask) {
  Bits bits = here.bits(quantity);
  const auto wanted = value.octets(), kept = mask.octets();
  if (wanted.size() * 8 != bits.size() || kept.size() != wanted.size()) return Condition::never();
  Bytes bytes(wanted.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(wanted[i] & kept[i]);
    for (std::size_t k = 0; k < 8; ++k) {
      if ((kept[i] >> (7 - k) & 1) == 0) bits[i * 8 + k] = Bit::constant(false);
    }
  }
  return here.context.solver.equal(bits, bytes, {});
}

// "eth+" stands for all that begin with "eth"; "" for any.
IntervalSet named(const Here& here, std::string_view pattern) {
  const Links& links = here.context.links;
  if (pattern.empty() || pattern == "+") return IntervalSet::full(16);
  if (pattern.ends_with('+')) return links.prefixed(pattern.substr(0, pattern.size() - 1));
  return links.named(pattern);
}

// --------------------------------------------------------------------------------- conntrack

// XT_CONNTRACK_STATE_BIT of each CtInfo.
std::uint16_t state_bit(std::uint64_t info) {
  constexpr std::uint16_t kInvalid = 1, kUntracked = 256;
  if (info == static_cast<std::uint64_t>(CtInfo::kNone)) return kInvalid;
  if (info == static_cast<std::uint64_t>(CtInfo::kUntracked)) return kUntracked;
  return static_cast<std::uint16_t>(
      1U << ((info - static_cast<std::uint64_t>(CtInfo::kEstablished)) % 3 + 1));
}

Result<Condition> status_has(const Here& here, std::uint64_t mask) {
  const Bits bits = here.bits(Quantity::kCtStatus);
  const std::uint64_t known = packet::max_value(static_cast<unsigned>(bits.size()));
  return complement(here.context.space, here.context.solver.masked(bits, mask & known, 0));
}

Result<Condition> state_in(const Here& here, std::uint16_t mask) {
  constexpr std::uint16_t kSnat = 64, kDnat = 128;
  std::vector<packet::Interval> infos;
  for (std::uint64_t info = 0; info <= kLastCtInfo; ++info) {
    if ((state_bit(info) & mask) != 0) infos.push_back({info, info});
  }
  auto out = here.in(Quantity::kCtInfo, IntervalSet::of(std::move(infos)));
  const std::uint64_t nat = ((mask & kSnat) != 0 ? ct_status::kSourceNat : 0) |
                            ((mask & kDnat) != 0 ? ct_status::kDestinationNat : 0);
  if (!out || nat == 0) return out;
  auto translated = status_has(here, nat);
  if (!translated) return translated;
  translated->and_also(here.has_entry());
  return any_of(here.context.space, std::vector<Condition>{*out, *translated});
}

void tuples(const Here& here, const xt::Conntrack& m, All& all) {
  here.context.asked_tuples = true;
  const auto address = [&](const std::optional<xt::AddressMask>& wanted, bool inverted,
                           Quantity q) {
    if (wanted) all.also(masked_address(here, q, wanted->address, wanted->mask), inverted);
  };
  const auto port = [&](const std::optional<xt::PortRange>& wanted, bool inverted, Quantity q) {
    if (wanted) all.ports(q, *wanted, inverted);
  };
  address(m.original_source, m.original_source_inverted, Quantity::kCtOriginalSource);
  address(m.original_destination, m.original_destination_inverted,
          Quantity::kCtOriginalDestination);
  address(m.reply_source, m.reply_source_inverted, Quantity::kCtReplySource);
  address(m.reply_destination, m.reply_destination_inverted, Quantity::kCtReplyDestination);
  port(m.original_source_port, m.original_source_port_inverted, Quantity::kCtOriginalSourcePort);
  port(m.original_destination_port, m.original_destination_port_inverted,
       Quantity::kCtOriginalDestinationPort);
  port(m.reply_source_port, m.reply_source_port_inverted, Quantity::kCtReplySourcePort);
  port(m.reply_destination_port, m.reply_destination_port_inverted,
       Quantity::kCtReplyDestinationPort);
}

Result<Condition> conntrack(const Here& here, const xt::Conntrack& m) {
  All all(here);
  if (m.state_mask) all.also(state_in(here, *m.state_mask), m.state_inverted);
  const xt::Conntrack nothing = [&] {
    xt::Conntrack only;
    only.state_mask = m.state_mask;
    only.state_inverted = m.state_inverted;
    return only;
  }();
  if (m.state_mask && m == nothing) return all.result();
  All entry(here);
  entry.also(Condition::certain(here.has_entry()));
  if (m.direction_original) {
    entry.number(
        Quantity::kCtInfo,
        IntervalSet::range(static_cast<std::uint64_t>(CtInfo::kEstablishedReply), kLastCtInfo),
        *m.direction_original);
  }
  if (m.protocol) {
    entry.number(Quantity::kCtProtocol, IntervalSet::single(*m.protocol), m.protocol_inverted);
  }
  tuples(here, m, entry);
  if (m.status_mask) entry.also(status_has(here, *m.status_mask), m.status_inverted);
  if (m.expires_min || m.expires_max) {
    entry.also(Condition::maybe(Cube(), here.reason("xt match 'conntrack --ctexpire'")));
  }
  auto with_entry = entry.result();
  if (!with_entry) return with_entry;
  std::vector<Condition> either = {*with_entry};
  if (m.state_mask) {  // without an entry the state alone decides (xt_conntrack.c)
    auto none = here.has_entry().complement(here.context.space);
    if (!none) return std::unexpected(none.error());
    either.push_back(Condition::certain(*std::move(none)));
  }
  all.also(any_of(here.context.space, either));
  return all.result();
}

// ----------------------------------------------------------------------------------- physdev

// net/netfilter/xt_physdev.c
Result<Condition> physdev(const Here& here, const xt::Physdev& m) {
  const IntervalSet none = IntervalSet::single(0), some = none.complement(16);
  All plain(here);  // no nf_bridge_info: only what is asked for inverted holds
  plain.number(Quantity::kBridged, none)
      .number(Quantity::kPhysIn, none)
      .number(Quantity::kPhysOut, none);
  const bool holds_plain = (!m.is_bridged || m.is_bridged_inverted) &&
                           (!m.is_in || m.is_in_inverted) && (!m.is_out || m.is_out_inverted) &&
                           (!m.in || m.in_inverted) && (!m.out || m.out_inverted);
  auto routed = plain.result();
  if (!routed) return routed;
  All bridged(here);
  bridged.also(*routed, true);
  if (m.is_bridged) bridged.number(Quantity::kPhysOut, some, m.is_bridged_inverted);
  if (m.is_in) bridged.number(Quantity::kPhysIn, some, m.is_in_inverted);
  if (m.is_out) bridged.number(Quantity::kPhysOut, some, m.is_out_inverted);
  if (m.in) {  // without an incoming port it holds
    IntervalSet ports = named(here, *m.in);
    if (m.in_inverted) ports = ports.complement(16);
    bridged.number(Quantity::kPhysIn, ports.unite(none));
  }
  if (m.out) {
    IntervalSet ports = named(here, *m.out);
    if (m.out_inverted) ports = ports.complement(16);
    bridged.number(Quantity::kPhysOut, ports.intersect(some));
  }
  auto switched = bridged.result();
  if (!switched || !holds_plain) return switched;
  return any_of(here.context.space, std::vector<Condition>{*routed, *switched});
}

// ------------------------------------------------------------------------------------- owner

Result<Condition> owner(const Here& here, const xt::Owner& m) {
  const IntervalSet yes = IntervalSet::single(1);
  All with(here);
  with.number(Quantity::kHasSocket, yes);
  if (m.socket_exists && m.socket_exists_inverted) with.also(Condition::never());
  if (m.uid)
    with.number(Quantity::kUid, IntervalSet::range(m.uid->first, m.uid->last), m.uid_inverted);
  if (m.gid)
    with.number(Quantity::kGid, IntervalSet::range(m.gid->first, m.gid->last), m.gid_inverted);
  const bool without = (!m.uid || m.uid_inverted) && (!m.gid || m.gid_inverted) &&
                       (!m.socket_exists || m.socket_exists_inverted) && !m.supplementary_groups;
  auto out = with.result();
  if (!out || !without) return out;
  auto none = here.in(Quantity::kHasSocket, IntervalSet::single(0));
  if (!none) return none;
  return any_of(here.context.space, std::vector<Condition>{*out, *none});
}

struct Holds {
  const Here& here;
  const model::XtMatch& match;

  [[nodiscard]] Condition maybe(std::string_view detail) const {
    std::string why = "xt match '" + escape_text(match.name) + "'";
    if (!detail.empty()) why += " " + escape_text(detail);
    return Condition::maybe(Cube(), here.reason(why));
  }

  Result<Condition> operator()(const xt::Opaque&) const { return maybe("not understood"); }
  Result<Condition> operator()(const xt::May& m) const { return maybe(m.detail); }
  Result<Condition> operator()(const xt::Comment&) const { return Condition::always(); }

  Result<Condition> operator()(const xt::Tcp& m) const {
    All all(here);
    all.number(Quantity::kProtocol, IntervalSet::single(protocol::kTcp))
        .ports(Quantity::kSourcePort, m.source, m.source_inverted)
        .ports(Quantity::kDestinationPort, m.destination, m.destination_inverted)
        .also(here.context.solver.masked(here.bits(Quantity::kTcpFlags), m.flag_mask, m.flag_value),
              m.flags_inverted);
    if (m.option != 0) all.also(maybe("--tcp-option"));
    return all.result();
  }
  Result<Condition> operator()(const xt::Udp& m) const {
    All all(here);
    all.number(Quantity::kProtocol, IntervalSet::of({{protocol::kUdp, protocol::kUdp},
                                                     {protocol::kUdpLite, protocol::kUdpLite}}))
        .ports(Quantity::kSourcePort, m.source, m.source_inverted)
        .ports(Quantity::kDestinationPort, m.destination, m.destination_inverted);
    return all.result();
  }
  Result<Condition> operator()(const xt::Icmp& m) const {
    constexpr std::uint8_t kAny = 0xff;
    const bool v4 = here.context.v4();
    All fits(here);
    if (!v4 || m.type != kAny) {
      fits.number(Quantity::kIcmpType, IntervalSet::single(m.type))
          .number(Quantity::kIcmpCode, IntervalSet::range(m.code_first, m.code_last));
    }
    All all(here);
    all.number(Quantity::kProtocol, IntervalSet::single(v4 ? protocol::kIcmp : protocol::kIcmpV6))
        .also(fits.result(m.inverted));
    return all.result();
  }

  Result<Condition> operator()(const xt::Multiport& m) const {
    std::vector<packet::Interval> list;
    list.reserve(m.ports.size());
    for (const xt::PortRange& range : m.ports)
      list.push_back({range.first.number, range.last.number});
    const IntervalSet ports = IntervalSet::of(std::move(list));
    std::vector<Condition> sides;
    for (const Quantity q : {Quantity::kSourcePort, Quantity::kDestinationPort}) {
      const bool other = q == Quantity::kSourcePort ? m.side == xt::MultiportSide::kDestination
                                                    : m.side == xt::MultiportSide::kSource;
      if (other) continue;
      auto side = here.in(q, ports);
      if (!side) return side;
      sides.push_back(*std::move(side));
    }
    All all(here);
    all.number(Quantity::kProtocol, having_ports())
        .also(sides.size() == 1 ? Result<Condition>(sides[0]) : any_of(here.context.space, sides),
              m.inverted);
    return all.result();
  }

  Result<Condition> operator()(const xt::Conntrack& m) const { return conntrack(here, m); }

  // xt_mac.c: only for frames that came in by an Ethernet device (not loopback), inverted or not.
  Result<Condition> operator()(const xt::Mac& m) const {
    constexpr std::uint16_t kEther = 1;
    std::uint64_t number = 0;
    for (std::uint8_t octet : m.source.octets()) number = number << 8 | octet;
    All all(here);
    all.number(Quantity::kIif, here.context.links.where([](const model::Link* link) {
         return link != nullptr && link->hw_type == kEther;
       }))
        .number(Quantity::kSourceMac, IntervalSet::single(number), m.inverted);
    return all.result();
  }

  Result<Condition> operator()(const xt::Addrtype& m) const { return addrtype_holds(here, m); }
  Result<Condition> operator()(const xt::Iprange& m) const {
    All all(here);
    if (m.source) {
      all.also(here.within(Quantity::kSource, m.source->first, m.source->last), m.source_inverted);
    }
    if (m.destination) {
      all.also(here.within(Quantity::kDestination, m.destination->first, m.destination->last),
               m.destination_inverted);
    }
    return all.result();
  }
  Result<Condition> operator()(const xt::Pkttype& m) const {
    All all(here);
    const IntervalSet type = IntervalSet::single(m.type).intersect(IntervalSet::full(2));
    all.number(Quantity::kPacketType, type, m.inverted);
    return all.result();
  }
  Result<Condition> operator()(const xt::Mark& m) const {
    All all(here);
    const Quantity mark = m.connection ? Quantity::kCtMark : Quantity::kMark;
    all.also(here.context.solver.masked(here.bits(mark), m.mask, m.value), m.inverted);
    if (m.connection) all.also(Condition::certain(here.has_entry()));
    return all.result();
  }
  Result<Condition> operator()(const xt::Owner& m) const { return owner(here, m); }
  Result<Condition> operator()(const xt::Set& m) const { return set_holds(here, match, m); }
  Result<Condition> operator()(const xt::Hop& m) const {
    const std::uint64_t v = m.value;
    switch (m.op) {
      case xt::HopOp::kEqual: return here.is(Quantity::kHopLimit, v);
      case xt::HopOp::kNotEqual:
        return here.in(Quantity::kHopLimit, IntervalSet::single(v).complement(8));
      case xt::HopOp::kLess:
        return here.in(Quantity::kHopLimit, IntervalSet::range(v, 255).complement(8));
      case xt::HopOp::kGreater:
        return here.in(Quantity::kHopLimit, IntervalSet::range(0, v).complement(8));
    }
    return Condition::never();
  }
  Result<Condition> operator()(const xt::Rpfilter& m) const { return rpfilter_holds(here, m); }
  Result<Condition> operator()(const xt::Physdev& m) const { return physdev(here, m); }
  Result<Condition> operator()(const xt::Length& m) const {
    All all(here);
    all.number(Quantity::kLength, IntervalSet::range(m.first, m.last), m.inverted);
    return all.result();
  }
  Result<Condition> operator()(const xt::Dscp& m) const {
    All all(here);
    all.also(here.context.solver.masked(here.bits(Quantity::kTos), m.mask, m.value), m.inverted);
    return all.result();
  }
  // xt_helper.c: only expected connections have a helper to ask for.
  Result<Condition> operator()(const xt::Helper& m) const {
    return m.inverted ? Condition::always() : Condition::never();
  }
};

}  // namespace

Result<Condition> holds(const Here& here, const model::XtMatch& s) {
  if (here.context.arp())
    return Condition::maybe(Cube(), here.reason("match " + escape_text(s.name) + " of ARP frames"));
  return std::visit(Holds{here, s}, s.info);
}

Result<Condition> holds(const Here& here, const model::XtHeader& h) {
  if (here.context.arp())
    return Condition::maybe(Cube(), here.reason("an IP header that ARP frames are asked for"));
  All all(here);
  const auto address = [&](const std::optional<IpAddress>& wanted,
                           const std::optional<IpAddress>& mask, bool inverted, Quantity quantity) {
    if (wanted) {
      all.also(masked_address(here, quantity, *wanted, mask ? *mask : *wanted), inverted);
    } else if (inverted) {
      all.also(Condition::never());
    }
  };
  address(h.source, h.source_mask, h.source_inverted, Quantity::kSource);
  address(h.destination, h.destination_mask, h.destination_inverted, Quantity::kDestination);
  const auto device = [&](const std::string& pattern, bool inverted, Quantity quantity) {
    if (pattern.empty() && !inverted) return;
    all.number(quantity, named(here, pattern), inverted);
  };
  device(h.in_interface, h.in_inverted, Quantity::kIif);
  device(h.out_interface, h.out_inverted, Quantity::kOif);
  if (h.protocol && *h.protocol != IpProtocol::kHopByHop) {
    all.number(Quantity::kProtocol, IntervalSet::single(static_cast<std::uint64_t>(*h.protocol)),
               h.protocol_inverted);
  }
  // No packet here is a later fragment.
  if (h.fragment != h.fragment_inverted) all.also(Condition::never());
  return all.result();
}

}  // namespace bulkhead::reach::chains
