#include <linux/netfilter.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_dscp.h>
#include <linux/netfilter/xt_helper.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "ruleset/netlink.h"
#include "ruleset/xt.h"
#include "ruleset/xt_blob.h"
#include "ruleset/xt_values.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

using Decoded = std::optional<xt::Match>;

xt::PortRange ports(const std::uint16_t (&range)[2]) {
  return {Port{range[0]}, Port{range[1]}};
}

Decoded decode_tcp(const XtBlob& blob) {
  const auto raw = blob.as<xt_tcp>(0);
  if (!raw) return std::nullopt;
  xt::Tcp out;
  out.source = ports(raw->spts);
  out.destination = ports(raw->dpts);
  out.option = raw->option;
  out.flag_mask = raw->flg_mask;
  out.flag_value = raw->flg_cmp;
  out.source_inverted = (raw->invflags & XT_TCP_INV_SRCPT) != 0;
  out.destination_inverted = (raw->invflags & XT_TCP_INV_DSTPT) != 0;
  out.flags_inverted = (raw->invflags & XT_TCP_INV_FLAGS) != 0;
  out.option_inverted = (raw->invflags & XT_TCP_INV_OPTION) != 0;
  return out;
}

Decoded decode_udp(const XtBlob& blob) {
  const auto raw = blob.as<xt_udp>(0);
  if (!raw) return std::nullopt;
  xt::Udp out;
  out.source = ports(raw->spts);
  out.destination = ports(raw->dpts);
  out.source_inverted = (raw->invflags & XT_UDP_INV_SRCPT) != 0;
  out.destination_inverted = (raw->invflags & XT_UDP_INV_DSTPT) != 0;
  return out;
}

// struct ipt_icmp and ip6t_icmp are the same.
Decoded decode_icmp(const XtBlob& blob) {
  const auto raw = blob.as<ipt_icmp>(0);
  if (!raw) return std::nullopt;
  return xt::Icmp{raw->type, raw->code[0], raw->code[1], (raw->invflags & IPT_ICMP_INV) != 0};
}

Decoded decode_multiport(const XtBlob& blob) {
  const auto raw = blob.as<xt_multiport_v1>(1);
  if (!raw || raw->count > XT_MULTI_PORTS) return std::nullopt;
  xt::Multiport out;
  switch (raw->flags) {
    case XT_MULTIPORT_SOURCE: out.side = xt::MultiportSide::kSource; break;
    case XT_MULTIPORT_DESTINATION: out.side = xt::MultiportSide::kDestination; break;
    case XT_MULTIPORT_EITHER: out.side = xt::MultiportSide::kEither; break;
    default: return std::nullopt;
  }
  for (std::size_t i = 0; i < raw->count; ++i) {
    const Port first{raw->ports[i]};
    const bool range = raw->pflags[i] != 0;
    if (range && i + 1 >= raw->count) return std::nullopt;
    out.ports.push_back({first, range ? Port{raw->ports[++i]} : first});
  }
  out.inverted = raw->invert != 0;
  return out;
}

Decoded decode_comment(const XtBlob& blob) {
  if (blob.revision != 0 || blob.info.size() > XT_MAX_COMMENT_LEN + 8) return std::nullopt;
  return xt::Comment{c_string(blob.info)};
}

Decoded decode_state(const XtBlob& blob) {
  const auto raw = blob.as<xt_state_info>(0);
  if (!raw || raw->statemask > 0xffff) return std::nullopt;
  xt::Conntrack out;
  out.state_mask = static_cast<std::uint16_t>(raw->statemask);
  return out;
}

xt::AddressMask address_mask(NfFamily family, const nf_inet_addr& address,
                             const nf_inet_addr& mask) {
  return {to_address(family, address), to_address(family, mask)};
}

// The members that all revisions of xt_conntrack share; ports and masks differ.
template <class Raw>
xt::Conntrack conntrack_common(const Raw& raw, NfFamily family) {
  const auto asked = [&](std::uint32_t bit) { return (raw.match_flags & bit) != 0; };
  const auto inverted = [&](std::uint32_t bit) { return (raw.invert_flags & bit) != 0; };
  xt::Conntrack out;
  if (asked(XT_CONNTRACK_STATE)) out.state_mask = static_cast<std::uint16_t>(raw.state_mask);
  if (asked(XT_CONNTRACK_PROTO)) out.protocol = static_cast<std::uint8_t>(raw.l4proto);
  if (asked(XT_CONNTRACK_ORIGSRC)) {
    out.original_source = address_mask(family, raw.origsrc_addr, raw.origsrc_mask);
  }
  if (asked(XT_CONNTRACK_ORIGDST)) {
    out.original_destination = address_mask(family, raw.origdst_addr, raw.origdst_mask);
  }
  if (asked(XT_CONNTRACK_REPLSRC)) {
    out.reply_source = address_mask(family, raw.replsrc_addr, raw.replsrc_mask);
  }
  if (asked(XT_CONNTRACK_REPLDST)) {
    out.reply_destination = address_mask(family, raw.repldst_addr, raw.repldst_mask);
  }
  if (asked(XT_CONNTRACK_STATUS)) out.status_mask = static_cast<std::uint16_t>(raw.status_mask);
  if (asked(XT_CONNTRACK_EXPIRES)) {
    out.expires_min = raw.expires_min;
    out.expires_max = raw.expires_max;
  }
  if (asked(XT_CONNTRACK_DIRECTION)) out.direction_original = !inverted(XT_CONNTRACK_DIRECTION);
  out.state_inverted = inverted(XT_CONNTRACK_STATE);
  out.protocol_inverted = inverted(XT_CONNTRACK_PROTO);
  out.original_source_inverted = inverted(XT_CONNTRACK_ORIGSRC);
  out.original_destination_inverted = inverted(XT_CONNTRACK_ORIGDST);
  out.reply_source_inverted = inverted(XT_CONNTRACK_REPLSRC);
  out.reply_destination_inverted = inverted(XT_CONNTRACK_REPLDST);
  out.status_inverted = inverted(XT_CONNTRACK_STATUS);
  out.expires_inverted = inverted(XT_CONNTRACK_EXPIRES);
  out.original_source_port_inverted = inverted(XT_CONNTRACK_ORIGSRC_PORT);
  out.original_destination_port_inverted = inverted(XT_CONNTRACK_ORIGDST_PORT);
  out.reply_source_port_inverted = inverted(XT_CONNTRACK_REPLSRC_PORT);
  out.reply_destination_port_inverted = inverted(XT_CONNTRACK_REPLDST_PORT);
  return out;
}

// Revisions 1 and 2 hold one port each, in network order.
template <class Raw>
xt::Conntrack conntrack_single_ports(const Raw& raw, NfFamily family) {
  xt::Conntrack out = conntrack_common(raw, family);
  const auto port = [&](std::uint32_t bit, std::uint16_t value, std::optional<xt::PortRange>& to) {
    if ((raw.match_flags & bit) != 0) to = xt::PortRange{to_port(value), to_port(value)};
  };
  port(XT_CONNTRACK_ORIGSRC_PORT, raw.origsrc_port, out.original_source_port);
  port(XT_CONNTRACK_ORIGDST_PORT, raw.origdst_port, out.original_destination_port);
  port(XT_CONNTRACK_REPLSRC_PORT, raw.replsrc_port, out.reply_source_port);
  port(XT_CONNTRACK_REPLDST_PORT, raw.repldst_port, out.reply_destination_port);
  return out;
}

// Revision 3 holds ranges in host order.
xt::Conntrack conntrack_port_ranges(const xt_conntrack_mtinfo3& raw, NfFamily family) {
  xt::Conntrack out = conntrack_common(raw, family);
  const auto port = [&](std::uint32_t bit, std::uint16_t low, std::uint16_t high,
                        std::optional<xt::PortRange>& to) {
    if ((raw.match_flags & bit) != 0) to = xt::PortRange{Port{low}, Port{high}};
  };
  port(XT_CONNTRACK_ORIGSRC_PORT, raw.origsrc_port, raw.origsrc_port_high,
       out.original_source_port);
  port(XT_CONNTRACK_ORIGDST_PORT, raw.origdst_port, raw.origdst_port_high,
       out.original_destination_port);
  port(XT_CONNTRACK_REPLSRC_PORT, raw.replsrc_port, raw.replsrc_port_high, out.reply_source_port);
  port(XT_CONNTRACK_REPLDST_PORT, raw.repldst_port, raw.repldst_port_high,
       out.reply_destination_port);
  return out;
}

Decoded decode_conntrack(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_conntrack_mtinfo1>(1)) {
    return conntrack_single_ports(*raw, blob.family);
  }
  if (const auto raw = blob.as<xt_conntrack_mtinfo2>(2)) {
    return conntrack_single_ports(*raw, blob.family);
  }
  if (const auto raw = blob.as<xt_conntrack_mtinfo3>(3)) {
    return conntrack_port_ranges(*raw, blob.family);
  }
  return std::nullopt;
}

Decoded decode_mac(const XtBlob& blob) {
  const auto raw = blob.as<xt_mac_info>(0);
  if (!raw) return std::nullopt;
  std::array<std::uint8_t, 6> octets{};
  std::copy(std::begin(raw->srcaddr), std::end(raw->srcaddr), octets.begin());
  return xt::Mac{MacAddress(octets), raw->invert != 0};
}

Decoded decode_addrtype(const XtBlob& blob) {
  xt::Addrtype out;
  if (const auto raw = blob.as<xt_addrtype_info>(0)) {
    out.source_mask = raw->source;
    out.destination_mask = raw->dest;
    out.source_inverted = raw->invert_source != 0;
    out.destination_inverted = raw->invert_dest != 0;
    return out;
  }
  const auto raw = blob.as<xt_addrtype_info_v1>(1);
  if (!raw) return std::nullopt;
  out.source_mask = raw->source;
  out.destination_mask = raw->dest;
  out.source_inverted = (raw->flags & XT_ADDRTYPE_INVERT_SOURCE) != 0;
  out.destination_inverted = (raw->flags & XT_ADDRTYPE_INVERT_DEST) != 0;
  out.limit_in = (raw->flags & XT_ADDRTYPE_LIMIT_IFACE_IN) != 0;
  out.limit_out = (raw->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT) != 0;
  return out;
}

Decoded decode_iprange(const XtBlob& blob) {
  const auto raw = blob.as<xt_iprange_mtinfo>(1);
  if (!raw) return std::nullopt;
  xt::Iprange out;
  if ((raw->flags & IPRANGE_SRC) != 0) {
    out.source = xt::AddressRange{to_address(blob.family, raw->src_min),
                                  to_address(blob.family, raw->src_max)};
  }
  if ((raw->flags & IPRANGE_DST) != 0) {
    out.destination = xt::AddressRange{to_address(blob.family, raw->dst_min),
                                       to_address(blob.family, raw->dst_max)};
  }
  out.source_inverted = (raw->flags & IPRANGE_SRC_INV) != 0;
  out.destination_inverted = (raw->flags & IPRANGE_DST_INV) != 0;
  return out;
}

Decoded decode_pkttype(const XtBlob& blob) {
  const auto raw = blob.as<xt_pkttype_info>(0);
  if (!raw) return std::nullopt;
  return xt::Pkttype{static_cast<std::uint32_t>(raw->pkttype), raw->invert != 0};
}

Decoded decode_mark(const XtBlob& blob) {
  const auto raw = blob.as<xt_mark_mtinfo1>(1);
  if (!raw) return std::nullopt;
  return xt::Mark{false, raw->mark, raw->mask, raw->invert != 0};
}

Decoded decode_connmark(const XtBlob& blob) {
  const auto raw = blob.as<xt_connmark_mtinfo1>(1);
  if (!raw) return std::nullopt;
  return xt::Mark{true, raw->mark, raw->mask, raw->invert != 0};
}

Decoded decode_owner(const XtBlob& blob) {
  const auto raw = blob.as<xt_owner_match_info>(1);
  if (!raw) return std::nullopt;
  xt::Owner out;
  if ((raw->match & XT_OWNER_UID) != 0) out.uid = xt::IdRange{raw->uid_min, raw->uid_max};
  if ((raw->match & XT_OWNER_GID) != 0) out.gid = xt::IdRange{raw->gid_min, raw->gid_max};
  out.uid_inverted = (raw->invert & XT_OWNER_UID) != 0;
  out.gid_inverted = (raw->invert & XT_OWNER_GID) != 0;
  out.socket_exists = (raw->match & XT_OWNER_SOCKET) != 0;
  out.socket_exists_inverted = (raw->invert & XT_OWNER_SOCKET) != 0;
  out.supplementary_groups = (raw->match & XT_OWNER_SUPPL_GROUPS) != 0;
  return out;
}

std::vector<bool> set_dimensions(std::uint32_t count, std::uint32_t flags) {
  std::vector<bool> source;
  for (std::uint32_t i = 1; i <= count && i <= IPSET_DIM_MAX; ++i) {
    source.push_back((flags >> i & 1) != 0);
  }
  return source;
}

constexpr std::uint32_t kReturnNomatch = 1U << 7;  // IPSET_FLAG_RETURN_NOMATCH

xt::Set set_old(const xt_set_info_match_v0& raw) {
  xt::Set out;
  out.index = raw.match_set.index;
  for (std::size_t i = 0; i < IPSET_DIM_MAX && raw.match_set.u.flags[i] != 0; ++i) {
    out.dimension_source.push_back((raw.match_set.u.flags[i] & IPSET_SRC) != 0);
  }
  out.inverted = (raw.match_set.u.flags[0] & IPSET_MATCH_INV) != 0;
  return out;
}

xt::Set set_new(const xt_set_info& info) {
  xt::Set out;
  out.index = info.index;
  out.dimension_source = set_dimensions(info.dim, info.flags);
  out.inverted = (info.flags & IPSET_INV_MATCH) != 0;
  out.return_nomatch = (info.flags & kReturnNomatch) != 0;
  return out;
}

template <class Raw>
xt::Set set_with_counters(const Raw& raw) {
  xt::Set out = set_new(raw.match_set);
  out.counters_asked = raw.packets.op != IPSET_COUNTER_NONE || raw.bytes.op != IPSET_COUNTER_NONE;
  out.return_nomatch = out.return_nomatch || (raw.flags & kReturnNomatch) != 0;
  return out;
}

Decoded decode_set(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_set_info_match_v0>(0)) return set_old(*raw);
  if (const auto raw = blob.as<xt_set_info_match_v1>(1)) return set_new(raw->match_set);
  if (const auto raw = blob.as<xt_set_info_match_v1>(2)) return set_new(raw->match_set);
  if (const auto raw = blob.as<xt_set_info_match_v3>(3)) return set_with_counters(*raw);
  if (const auto raw = blob.as<xt_set_info_match_v4>(4)) return set_with_counters(*raw);
  return std::nullopt;
}

// struct ipt_ttl_info and ip6t_hl_info are the same, and so are their modes.
Decoded decode_hop(const XtBlob& blob) {
  const auto raw = blob.as<ipt_ttl_info>(0);
  if (!raw || raw->mode > IPT_TTL_GT) return std::nullopt;
  return xt::Hop{static_cast<xt::HopOp>(raw->mode), raw->ttl};
}

Decoded decode_rpfilter(const XtBlob& blob) {
  const auto raw = blob.as<xt_rpfilter_info>(0);
  if (!raw) return std::nullopt;
  return xt::Rpfilter{
      (raw->flags & XT_RPFILTER_LOOSE) != 0, (raw->flags & XT_RPFILTER_VALID_MARK) != 0,
      (raw->flags & XT_RPFILTER_ACCEPT_LOCAL) != 0, (raw->flags & XT_RPFILTER_INVERT) != 0};
}

Decoded decode_physdev(const XtBlob& blob) {
  const auto raw = blob.as<xt_physdev_info>(0);
  if (!raw) return std::nullopt;
  const auto asked = [&](std::uint8_t bit) { return (raw->bitmask & bit) != 0; };
  const auto inverted = [&](std::uint8_t bit) { return (raw->invert & bit) != 0; };
  xt::Physdev out;
  if (asked(XT_PHYSDEV_OP_IN)) out.in = masked_name(raw->physindev, raw->in_mask);
  if (asked(XT_PHYSDEV_OP_OUT)) out.out = masked_name(raw->physoutdev, raw->out_mask);
  out.in_inverted = inverted(XT_PHYSDEV_OP_IN);
  out.out_inverted = inverted(XT_PHYSDEV_OP_OUT);
  out.is_bridged = asked(XT_PHYSDEV_OP_BRIDGED);
  out.is_bridged_inverted = inverted(XT_PHYSDEV_OP_BRIDGED);
  out.is_in = asked(XT_PHYSDEV_OP_ISIN);
  out.is_in_inverted = inverted(XT_PHYSDEV_OP_ISIN);
  out.is_out = asked(XT_PHYSDEV_OP_ISOUT);
  out.is_out_inverted = inverted(XT_PHYSDEV_OP_ISOUT);
  return out;
}

Decoded decode_length(const XtBlob& blob) {
  const auto raw = blob.as<xt_length_info>(0);
  if (!raw) return std::nullopt;
  return xt::Length{raw->min, raw->max, raw->invert != 0};
}

Decoded decode_dscp(const XtBlob& blob) {
  const auto raw = blob.as<xt_dscp_info>(0);
  if (!raw) return std::nullopt;
  return xt::Dscp{static_cast<std::uint8_t>(raw->dscp << 2), 0xfc, raw->invert != 0};
}

Decoded decode_tos(const XtBlob& blob) {
  const auto raw = blob.as<xt_tos_match_info>(1);
  if (!raw) return std::nullopt;
  return xt::Dscp{raw->tos_value, raw->tos_mask, raw->invert != 0};
}

Decoded decode_helper(const XtBlob& blob) {
  const auto raw = blob.as<xt_helper_info>(0);
  if (!raw) return std::nullopt;
  return xt::Helper{text_member(raw->name), raw->invert != 0};
}

constexpr auto kMatches = std::to_array<XtReader<Decoded>>({
    {"tcp", decode_tcp},         {"udp", decode_udp},           {"udplite", decode_udp},
    {"icmp", decode_icmp},       {"icmp6", decode_icmp},        {"multiport", decode_multiport},
    {"comment", decode_comment}, {"state", decode_state},       {"conntrack", decode_conntrack},
    {"mac", decode_mac},         {"addrtype", decode_addrtype}, {"iprange", decode_iprange},
    {"pkttype", decode_pkttype}, {"mark", decode_mark},         {"connmark", decode_connmark},
    {"owner", decode_owner},     {"set", decode_set},           {"ttl", decode_hop},
    {"hl", decode_hop},          {"rpfilter", decode_rpfilter}, {"physdev", decode_physdev},
    {"length", decode_length},   {"dscp", decode_dscp},         {"tos", decode_tos},
    {"helper", decode_helper},
});

}  // namespace

XtMatch make_xt_match(std::string name, std::uint32_t revision, NfFamily family, ByteView info) {
  return make_xt<XtMatch, xt::May, xt::Match>(std::move(name), {revision, family, info}, kMatches,
                                              xt_may_detail);
}

std::string xt_comment(const Rule& rule) {
  for (const Statement& statement : rule.statements) {
    const auto* match = std::get_if<XtMatch>(&statement);
    const auto* text = match != nullptr ? std::get_if<xt::Comment>(&match->info) : nullptr;
    if (text != nullptr) return text->text;
  }
  return {};
}

}  // namespace bulkhead::ruleset
