// Matches of x_tables: net/netfilter/xt_*.c, net/ipv4/netfilter/{ip_tables,ipt_rpfilter}.c,
// net/ipv6/netfilter/{ip6_tables,ip6t_rpfilter}.c. Each function gives what the kernel's match
// function gives, inversion included.
#include <algorithm>

#include "trace/filter_run.h"

namespace bulkhead::trace::filtering {
namespace {

namespace xt = model::xt;

bool in_range(const xt::PortRange& range, Port port) {
  return range.first <= port && port <= range.last;
}

bool masked_equal(const IpAddress& a, const IpAddress& b, const IpAddress& mask) {
  if (a.family() != b.family() || mask.family() != b.family()) return false;
  const auto x = a.octets(), y = b.octets(), m = mask.octets();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (((x[i] ^ y[i]) & m[i]) != 0) return false;
  }
  return true;
}

// "eth+" stands for all that begin with "eth"; "" for any.
bool name_matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('+')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern.empty() || pattern == name;
}

std::string_view name_of(const model::Link* link) {
  return link == nullptr ? std::string_view() : std::string_view(link->name);
}

constexpr std::uint32_t kIffLoopback = 8;

bool by_loopback(const model::Link* in) {
  return in != nullptr && (in->flags & kIffLoopback) != 0;
}

// --------------------------------------------------------------------------------- conntrack

bool address_part(const std::optional<xt::AddressMask>& wanted, bool inverted,
                  const IpAddress& address) {
  return !wanted || masked_equal(address, wanted->address, wanted->mask) != inverted;
}

bool port_part(const std::optional<xt::PortRange>& wanted, bool inverted, Port port) {
  return !wanted || in_range(*wanted, port) != inverted;
}

bool conntrack_tuples(const xt::Conntrack& m, const ConnTrack& ct) {
  return address_part(m.original_source, m.original_source_inverted, ct.original.source) &&
         address_part(m.original_destination, m.original_destination_inverted,
                      ct.original.destination) &&
         address_part(m.reply_source, m.reply_source_inverted, ct.reply.source) &&
         address_part(m.reply_destination, m.reply_destination_inverted, ct.reply.destination) &&
         port_part(m.original_source_port, m.original_source_port_inverted,
                   ct.original.source_port) &&
         port_part(m.original_destination_port, m.original_destination_port_inverted,
                   ct.original.destination_port) &&
         port_part(m.reply_source_port, m.reply_source_port_inverted, ct.reply.source_port) &&
         port_part(m.reply_destination_port, m.reply_destination_port_inverted,
                   ct.reply.destination_port);
}

bool conntrack(Run& run, const xt::Conntrack& m) {
  if (m.state_mask && ((*m.state_mask & run.xt_state()) != 0) == m.state_inverted) return false;
  const ConnTrack* ct = run.entry();
  // Without an entry the state alone decides, whatever else was asked (xt_conntrack.c).
  if (ct == nullptr) return m.state_mask.has_value();
  const bool original = run.context.ct->info < CtInfo::kEstablishedReply;
  if (m.direction_original && *m.direction_original != original) return false;
  if (m.protocol &&
      (*m.protocol == static_cast<std::uint8_t>(ct->original.protocol)) == m.protocol_inverted) {
    return false;
  }
  if (!conntrack_tuples(m, *ct)) return false;
  if (m.status_mask && ((*m.status_mask & Run::ct_status(*ct)) != 0) == m.status_inverted)
    return false;
  if (m.expires_min || m.expires_max) return run.pick("xt match 'conntrack --ctexpire'");
  return true;
}

// ---------------------------------------------------------------------------------- addrtype

// __ipv6_addr_type: the IPV6_ADDR_UNICAST bit.
bool is_v6_unicast(const IpAddress& address) {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_v4_mapped();
}

bool addrtype_v6(const Run& run, const IpAddress& address, std::uint16_t mask, IfIndex device) {
  constexpr unsigned kUnspec = 1, kUnicast = 2, kLocal = 4, kAnycast = 16, kMulticast = 32,
                     kUnreachable = 128;
  if ((mask & kMulticast) != 0 && !address.is_multicast()) return false;
  if ((mask & kUnicast) != 0 && !is_v6_unicast(address)) return false;
  if ((mask & kUnspec) != 0 && !address.is_unspecified()) return false;
  if ((mask & (kAnycast | kLocal | kUnreachable)) == 0) return true;
  const std::uint8_t type = run.context.around->address_type(address, device);
  unsigned found = 0;  // match_lookup_rt6
  if (type == 2) found = kLocal;
  if (type == 4) found = kAnycast;
  if (type >= 6) found = kUnreachable;
  return (mask & found) != 0;
}

bool addrtype_side(Run& run, const IpAddress& address, std::uint16_t mask, IfIndex device) {
  if (address.is_v6()) return addrtype_v6(run, address, mask, device);
  const std::uint8_t type = run.context.around->address_type(address, device);
  return type < 16 && (mask >> type & 1U) != 0;
}

bool addrtype(Run& run, const xt::Addrtype& m) {
  if (run.context.around == nullptr) return run.pick("xt match 'addrtype' without routes");
  const model::Link* limit = m.limit_in ? run.context.in : m.limit_out ? run.context.out : nullptr;
  const IfIndex device = limit == nullptr ? IfIndex{} : limit->index;
  const Packet& p = run.packet;
  if (m.source_mask != 0 &&
      addrtype_side(run, p.source, m.source_mask, device) == m.source_inverted) {
    return false;
  }
  return m.destination_mask == 0 ||
         addrtype_side(run, p.destination, m.destination_mask, device) != m.destination_inverted;
}

// ---------------------------------------------------------------------------------- rpfilter

bool reverse_path(Run& run, const xt::Rpfilter& m) {
  constexpr std::uint8_t kUnicast = 1, kLocal = 2;
  constexpr std::uint32_t kLoopbackIndex = 1;
  const Packet& p = run.packet;
  const IfIndex in = run.context.in == nullptr ? IfIndex{} : run.context.in->index;
  const bool bound = p.source.is_v6() && p.source.is_link_local();
  IpAddress other = p.destination;
  if (other.is_v4() &&
      (other.is_multicast() || other.v4_number() == 0xffffffff || other.v4_number() >> 24 == 0)) {
    other = IpAddress();
  }
  const Surroundings::FibAnswer answer =
      run.context.around->fib_route(p.source, other, m.validmark ? p.mark : 0,
                                    IfIndex{kLoopbackIndex}, m.loose && !bound ? IfIndex{} : in);
  if (answer.found && answer.type == kUnicast) return true;
  if (answer.type != kLocal || !m.accept_local) return false;
  return answer.found ||
         p.source.is_v6();  // ip6t_rpfilter.c: local is accepted whatever the device
}

bool rpfilter(Run& run, const xt::Rpfilter& m) {
  const Packet& p = run.packet;
  if (by_loopback(run.context.in)) return true != m.inverted;
  if (p.source.is_v6()
          ? p.source.is_unspecified()
          : p.source.v4_number() >> 24 == 0 && (p.destination.v4_number() == 0xffffffff ||
                                                p.destination.v4_number() >> 8 == 0xe00000)) {
    return true != m.inverted;
  }
  if (run.context.around == nullptr) return run.pick("xt match 'rpfilter' without routes");
  return reverse_path(run, m) != m.inverted;
}

// ----------------------------------------------------------------------------------- physdev

bool physdev(const Run& run, const xt::Physdev& m) {
  const Context& c = run.context;
  const bool is_bridge_packet = c.bridged || c.physical_in != nullptr || c.physical_out != nullptr;
  if (!is_bridge_packet) {  // no nf_bridge_info: only what is asked for inverted holds
    return (!m.is_bridged || m.is_bridged_inverted) && (!m.is_in || m.is_in_inverted) &&
           (!m.is_out || m.is_out_inverted) && (!m.in || m.in_inverted) &&
           (!m.out || m.out_inverted);
  }
  const bool in = c.physical_in != nullptr, out = c.physical_out != nullptr;
  if (m.is_bridged && out == m.is_bridged_inverted) return false;
  if (m.is_in && in == m.is_in_inverted) return false;
  if (m.is_out && out == m.is_out_inverted) return false;
  if (m.in && in && name_matches(*m.in, name_of(c.physical_in)) == m.in_inverted) return false;
  if (!m.out) return true;
  return out && name_matches(*m.out, name_of(c.physical_out)) != m.out_inverted;
}

// ------------------------------------------------------------------------------------- owner

bool owner(const Run& run, const xt::Owner& m) {
  const Packet& p = run.packet;
  if (!p.has_socket) {
    return (!m.uid || m.uid_inverted) && (!m.gid || m.gid_inverted) &&
           (!m.socket_exists || m.socket_exists_inverted) && !m.supplementary_groups;
  }
  if (m.socket_exists && m.socket_exists_inverted) return false;
  const auto within = [](const xt::IdRange& range, std::uint32_t id) {
    return range.first <= id && id <= range.last;
  };
  if (m.uid && within(*m.uid, p.socket_uid) == m.uid_inverted) return false;
  return !m.gid || within(*m.gid, p.socket_gid) != m.gid_inverted;
}

// xt_mac.c: only for frames that came in by an Ethernet device (not loopback), inverted or not.
bool mac(const Run& run, const xt::Mac& m) {
  constexpr std::uint16_t kEther = 1;
  if (run.context.in == nullptr || run.context.in->hw_type != kEther) return false;
  return (run.packet.source_mac == m.source) != m.inverted;
}

bool iprange(const Packet& p, const xt::Iprange& m) {
  const auto within = [](const xt::AddressRange& range, const IpAddress& address) {
    return range.first <= address && address <= range.last;
  };
  if (m.source && within(*m.source, p.source) == m.source_inverted) return false;
  return !m.destination || within(*m.destination, p.destination) != m.destination_inverted;
}

bool multiport(const Packet& p, const xt::Multiport& m) {
  if (!has_ports(p.protocol)) return false;
  const bool any = std::any_of(m.ports.begin(), m.ports.end(), [&](const xt::PortRange& range) {
    switch (m.side) {
      case xt::MultiportSide::kSource: return in_range(range, p.source_port);
      case xt::MultiportSide::kDestination: return in_range(range, p.destination_port);
      case xt::MultiportSide::kEither: break;
    }
    return in_range(range, p.source_port) || in_range(range, p.destination_port);
  });
  return any != m.inverted;
}

bool set_match(Run& run, const OpDetail& op, const xt::Set& m) {
  const std::string_view why = run.program.text(op.text);
  if (op.ipset == kNone) return run.pick(why);
  const IpSetCode& set = run.program.ipsets[op.ipset];
  IpSetQuery query{&run.packet, name_of(run.context.in), name_of(run.context.out),
                   run.has_mac_header(), &m.dimension_source};
  IpSetAnswer answer = set.test(query, run.program.ipsets);
  if (answer == IpSetAnswer::kUnknown) return run.pick(why);
  if (m.return_nomatch && set.knows_nomatch()) {
    if (answer == IpSetAnswer::kIn) {
      answer = IpSetAnswer::kOut;
    } else if (answer == IpSetAnswer::kNoMatch) {
      answer = IpSetAnswer::kIn;
    }
  }
  if (m.counters_asked && answer == IpSetAnswer::kIn) return run.pick(why);
  return (answer == IpSetAnswer::kIn) != m.inverted;
}

struct Match {
  Run& run;
  const OpDetail& op;
  const model::XtMatch& match;

  bool operator()(const xt::Opaque&) const { return run.pick(run.program.text(op.text)); }
  bool operator()(const xt::May&) const { return run.pick(run.program.text(op.text)); }
  bool operator()(const xt::Comment&) const { return true; }

  bool operator()(const xt::Tcp& m) const {
    const Packet& p = run.packet;
    if (p.protocol != IpProtocol::kTcp) return false;
    if (in_range(m.source, p.source_port) == m.source_inverted ||
        in_range(m.destination, p.destination_port) == m.destination_inverted ||
        ((p.tcp_flags & m.flag_mask) == m.flag_value) == m.flags_inverted) {
      return false;
    }
    return m.option == 0 || run.pick("xt match 'tcp --tcp-option'");
  }
  bool operator()(const xt::Udp& m) const {
    const Packet& p = run.packet;
    if (p.protocol != IpProtocol::kUdp && p.protocol != IpProtocol::kUdpLite) return false;
    return in_range(m.source, p.source_port) != m.source_inverted &&
           in_range(m.destination, p.destination_port) != m.destination_inverted;
  }
  bool operator()(const xt::Icmp& m) const {
    const Packet& p = run.packet;
    const bool v4 = p.source.is_v4();
    if (p.protocol != (v4 ? IpProtocol::kIcmp : IpProtocol::kIcmpV6)) return false;
    constexpr std::uint8_t kAny = 0xff;
    const bool fits =
        (v4 && m.type == kAny) ||
        (p.icmp_type == m.type && m.code_first <= p.icmp_code && p.icmp_code <= m.code_last);
    return fits != m.inverted;
  }
  bool operator()(const xt::Multiport& m) const { return multiport(run.packet, m); }
  bool operator()(const xt::Conntrack& m) const { return conntrack(run, m); }
  bool operator()(const xt::Mac& m) const { return mac(run, m); }
  bool operator()(const xt::Addrtype& m) const { return addrtype(run, m); }
  bool operator()(const xt::Iprange& m) const { return iprange(run.packet, m); }
  bool operator()(const xt::Pkttype& m) const {
    return (static_cast<std::uint32_t>(run.packet.type) == m.type) != m.inverted;
  }
  bool operator()(const xt::Mark& m) const {
    if (m.connection && run.entry() == nullptr) return false;
    const std::uint32_t mark = m.connection ? run.entry()->mark : run.packet.mark;
    return ((mark & m.mask) == m.value) != m.inverted;
  }
  bool operator()(const xt::Owner& m) const { return owner(run, m); }
  bool operator()(const xt::Set& m) const { return set_match(run, op, m); }
  bool operator()(const xt::Hop& m) const {
    const std::uint8_t hops = run.packet.hop_limit;
    switch (m.op) {
      case xt::HopOp::kEqual: return hops == m.value;
      case xt::HopOp::kNotEqual: return hops != m.value;
      case xt::HopOp::kLess: return hops < m.value;
      case xt::HopOp::kGreater: return hops > m.value;
    }
    return false;
  }
  bool operator()(const xt::Rpfilter& m) const { return rpfilter(run, m); }
  bool operator()(const xt::Physdev& m) const { return physdev(run, m); }
  bool operator()(const xt::Length& m) const {
    return (m.first <= run.packet.length && run.packet.length <= m.last) != m.inverted;
  }
  bool operator()(const xt::Dscp& m) const {
    return ((run.packet.tos & m.mask) == m.value) != m.inverted;
  }
  // xt_helper.c: only expected connections have a helper to ask for.
  bool operator()(const xt::Helper& m) const { return m.inverted; }
};

bool header_address(const std::optional<IpAddress>& wanted, const std::optional<IpAddress>& mask,
                    bool inverted, const IpAddress& address) {
  if (!wanted) return !inverted;
  return masked_equal(address, *wanted, mask ? *mask : *wanted) != inverted;
}

}  // namespace

Flow Run::xt_match(const OpDetail& op, const model::XtMatch& match) {
  if (!packet.is_ip()) return matched(pick(program.text(op.text)));
  return matched(std::visit(Match{*this, op, match}, match.info));
}

Flow Run::xt_header(const model::XtHeader& h) const {
  const auto in = name_of(context.in), out = name_of(context.out);
  if (!header_address(h.source, h.source_mask, h.source_inverted, packet.source) ||
      !header_address(h.destination, h.destination_mask, h.destination_inverted,
                      packet.destination)) {
    return Flow::kBreak;
  }
  if (name_matches(h.in_interface, in) == h.in_inverted) return Flow::kBreak;
  if (name_matches(h.out_interface, out) == h.out_inverted) return Flow::kBreak;
  if (h.protocol && *h.protocol != IpProtocol::kHopByHop &&
      (packet.protocol == *h.protocol) == h.protocol_inverted) {
    return Flow::kBreak;
  }
  return matched(h.fragment == h.fragment_inverted);  // no packet here is a later fragment
}

}  // namespace bulkhead::trace::filtering
