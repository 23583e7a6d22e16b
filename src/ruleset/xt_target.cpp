#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_TPROXY.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "ruleset/xt.h"
#include "ruleset/xt_blob.h"
#include "ruleset/xt_values.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

using Decoded = std::optional<xt::Target>;

// The two enumerations of "with" and the ICMP codes that net/ipv[46]/netfilter/ip[6]t_REJECT.c
// sends.
Decoded reject_v4(std::uint32_t with) {
  switch (with) {
    case IPT_ICMP_NET_UNREACHABLE: return xt::RejectTarget{false, false, 0};
    case IPT_ICMP_HOST_UNREACHABLE: return xt::RejectTarget{false, false, 1};
    case IPT_ICMP_PROT_UNREACHABLE: return xt::RejectTarget{false, false, 2};
    case IPT_ICMP_PORT_UNREACHABLE: return xt::RejectTarget{false, false, 3};
    case IPT_ICMP_ECHOREPLY: return xt::RejectTarget{false, true, 0};
    case IPT_ICMP_NET_PROHIBITED: return xt::RejectTarget{false, false, 9};
    case IPT_ICMP_HOST_PROHIBITED: return xt::RejectTarget{false, false, 10};
    case IPT_TCP_RESET: return xt::RejectTarget{true, false, 0};
    case IPT_ICMP_ADMIN_PROHIBITED: return xt::RejectTarget{false, false, 13};
  }
  return std::nullopt;
}

Decoded reject_v6(std::uint32_t with) {
  switch (with) {
    case IP6T_ICMP6_NO_ROUTE: return xt::RejectTarget{false, false, 0};
    case IP6T_ICMP6_ADM_PROHIBITED: return xt::RejectTarget{false, false, 1};
    case IP6T_ICMP6_NOT_NEIGHBOUR: return xt::RejectTarget{false, false, 2};
    case IP6T_ICMP6_ADDR_UNREACH: return xt::RejectTarget{false, false, 3};
    case IP6T_ICMP6_PORT_UNREACH: return xt::RejectTarget{false, false, 4};
    case IP6T_ICMP6_ECHOREPLY: return xt::RejectTarget{false, true, 0};
    case IP6T_TCP_RESET: return xt::RejectTarget{true, false, 0};
    case IP6T_ICMP6_POLICY_FAIL: return xt::RejectTarget{false, false, 5};
    case IP6T_ICMP6_REJECT_ROUTE: return xt::RejectTarget{false, false, 6};
  }
  return std::nullopt;
}

Decoded decode_reject(const XtBlob& blob) {
  // The member is an enum, which must not hold what a hostile blob says: read as a number.
  static_assert(sizeof(ipt_reject_info) == sizeof(std::uint32_t));
  const auto with = blob.as<std::uint32_t>(0);
  if (!with) return std::nullopt;
  return blob.v6() ? reject_v6(*with) : reject_v4(*with);
}

// Ports are in network order in all three structures.
std::uint16_t raw_port(const nf_conntrack_man_proto& proto) {
  std::uint16_t out = 0;
  std::memcpy(&out, &proto, sizeof out);
  return out;
}

xt::NatTarget nat_range(xt::NatTargetKind kind, std::uint32_t flags, IpAddress first,
                        IpAddress last, const nf_conntrack_man_proto& first_port,
                        const nf_conntrack_man_proto& last_port) {
  xt::NatTarget out;
  out.kind = kind;
  out.flags = flags;
  const bool netmap = kind == xt::NatTargetKind::kNetmap;
  if (netmap || (flags & NF_NAT_RANGE_MAP_IPS) != 0) out.addresses = xt::AddressRange{first, last};
  if ((flags & NF_NAT_RANGE_PROTO_SPECIFIED) != 0) {
    out.ports = xt::PortRange{to_port(raw_port(first_port)), to_port(raw_port(last_port))};
  }
  return out;
}

// Revision 0 of IPv4: the only case with a range count, which must be 1.
Decoded nat_compat(const XtBlob& blob, xt::NatTargetKind kind) {
  const auto raw = blob.as<nf_nat_ipv4_multi_range_compat>(0);
  if (!raw || raw->rangesize != 1) return std::nullopt;
  const auto& range = raw->range[0];
  return nat_range(kind, range.flags, to_address(range.min_ip), to_address(range.max_ip), range.min,
                   range.max);
}

Decoded nat_new(const XtBlob& blob, std::uint32_t revision, xt::NatTargetKind kind) {
  const auto raw = blob.as<nf_nat_range>(revision);
  if (!raw) return std::nullopt;
  return nat_range(kind, raw->flags, to_address(blob.family, raw->min_addr),
                   to_address(blob.family, raw->max_addr), raw->min_proto, raw->max_proto);
}

Decoded nat_newest(const XtBlob& blob, xt::NatTargetKind kind) {
  const auto raw = blob.as<nf_nat_range2>(2);
  if (!raw) return std::nullopt;
  auto out = nat_range(kind, raw->flags, to_address(blob.family, raw->min_addr),
                       to_address(blob.family, raw->max_addr), raw->min_proto, raw->max_proto);
  if ((raw->flags & NF_NAT_RANGE_PROTO_OFFSET) != 0) {
    out.base_port = to_port(raw_port(raw->base_proto));
  }
  return out;
}

// xt_nat.c: revision 0 is IPv4 only.
Decoded source_or_destination(const XtBlob& blob, xt::NatTargetKind kind) {
  if (blob.revision == 0 && !blob.v6()) return nat_compat(blob, kind);
  return blob.revision == 1 ? nat_new(blob, 1, kind) : nat_newest(blob, kind);
}

Decoded by_family(const XtBlob& blob, xt::NatTargetKind kind) {
  return blob.v6() ? nat_new(blob, 0, kind) : nat_compat(blob, kind);
}

Decoded decode_dnat(const XtBlob& blob) {
  return source_or_destination(blob, xt::NatTargetKind::kDnat);
}
Decoded decode_snat(const XtBlob& blob) {
  return source_or_destination(blob, xt::NatTargetKind::kSnat);
}
Decoded decode_masquerade(const XtBlob& blob) {
  return by_family(blob, xt::NatTargetKind::kMasquerade);
}
Decoded decode_redirect(const XtBlob& blob) {
  return by_family(blob, xt::NatTargetKind::kRedirect);
}
Decoded decode_netmap(const XtBlob& blob) {
  return by_family(blob, xt::NatTargetKind::kNetmap);
}

Decoded decode_mark(const XtBlob& blob) {
  const auto raw = blob.as<xt_mark_tginfo2>(2);
  if (!raw) return std::nullopt;
  return xt::MarkTarget{raw->mark, raw->mask};
}

Decoded connmark(std::uint8_t mode, std::uint32_t ct_mark, std::uint32_t ct_mask,
                 std::uint32_t nf_mask) {
  xt::ConnmarkTarget out;
  switch (mode) {
    case XT_CONNMARK_SET: out.mode = xt::ConnmarkMode::kSet; break;
    case XT_CONNMARK_SAVE: out.mode = xt::ConnmarkMode::kSave; break;
    case XT_CONNMARK_RESTORE: out.mode = xt::ConnmarkMode::kRestore; break;
    default: return std::nullopt;
  }
  out.ct_mark = ct_mark;
  out.ct_mask = ct_mask;
  out.nf_mask = nf_mask;
  return out;
}

Decoded decode_connmark(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_connmark_tginfo1>(1)) {
    return connmark(raw->mode, raw->ctmark, raw->ctmask, raw->nfmask);
  }
  const auto raw = blob.as<xt_connmark_tginfo2>(2);
  if (!raw || raw->shift_bits >= 32) return std::nullopt;
  auto out = connmark(raw->mode, raw->ctmark, raw->ctmask, raw->nfmask);
  if (!out) return out;
  auto& target = std::get<xt::ConnmarkTarget>(*out);
  target.shift_right = raw->shift_dir == D_SHIFT_RIGHT;
  target.shift_bits = raw->shift_bits;
  return out;
}

// Revision 0 has the same first members as 1 and 2; a zone by direction or mark is not modelled.
Decoded decode_ct(const XtBlob& blob) {
  if (blob.revision > 2) return std::nullopt;
  const std::size_t size =
      blob.revision == 0 ? sizeof(xt_ct_target_info) : sizeof(xt_ct_target_info_v1);
  if (blob.info.size() < offsetof(xt_ct_target_info, ct) || blob.info.size() >= size + 8) {
    return std::nullopt;
  }
  xt_ct_target_info raw{};
  std::memcpy(&raw, blob.info.data(), offsetof(xt_ct_target_info, ct));
  constexpr std::uint16_t kKnown = XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS;
  if ((raw.flags & ~kKnown) != 0) return std::nullopt;
  xt::CtTarget out;
  out.notrack = raw.flags != 0;
  out.zone = raw.zone;
  out.helper = text_member(raw.helper);
  return out;
}

Decoded decode_notrack(const XtBlob& blob) {
  if (blob.revision != 0) return std::nullopt;
  return xt::CtTarget{true, 0, {}};
}

Decoded tproxy(IpAddress address, std::uint16_t port, std::uint32_t value, std::uint32_t mask) {
  xt::TproxyTarget out;
  if (!address.is_unspecified()) out.address = address;
  out.port = to_port(port);
  out.mark_value = value;
  out.mark_mask = mask;
  return out;
}

Decoded decode_tproxy(const XtBlob& blob) {
  if (blob.revision == 0 && !blob.v6()) {
    const auto raw = blob.as<xt_tproxy_target_info>(0);
    if (!raw) return std::nullopt;
    return tproxy(to_address(raw->laddr), raw->lport, raw->mark_value, raw->mark_mask);
  }
  const auto raw = blob.as<xt_tproxy_target_info_v1>(1);
  if (!raw) return std::nullopt;
  return tproxy(to_address(blob.family, raw->laddr), raw->lport, raw->mark_value, raw->mark_mask);
}

// Each revision adds a member.
Decoded decode_nfqueue(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_NFQ_info>(0)) return xt::QueueTarget{raw->queuenum, false};
  if (const auto raw = blob.as<xt_NFQ_info_v1>(1)) return xt::QueueTarget{raw->queuenum, false};
  if (const auto raw = blob.as<xt_NFQ_info_v2>(2)) {
    return xt::QueueTarget{raw->queuenum, raw->bypass != 0};
  }
  if (const auto raw = blob.as<xt_NFQ_info_v3>(3)) {
    return xt::QueueTarget{raw->queuenum, (raw->flags & NFQ_FLAG_BYPASS) != 0};
  }
  return std::nullopt;
}

constexpr auto kTargets = std::to_array<XtReader<Decoded>>({
    {"REJECT", decode_reject},
    {"DNAT", decode_dnat},
    {"SNAT", decode_snat},
    {"MASQUERADE", decode_masquerade},
    {"REDIRECT", decode_redirect},
    {"NETMAP", decode_netmap},
    {"MARK", decode_mark},
    {"CONNMARK", decode_connmark},
    {"CT", decode_ct},
    {"NOTRACK", decode_notrack},
    {"TPROXY", decode_tproxy},
    {"NFQUEUE", decode_nfqueue},
});

}  // namespace

XtTarget make_xt_target(std::string name, std::uint32_t revision, NfFamily family, ByteView info) {
  return make_xt<XtTarget, xt::PassTarget, xt::Target>(std::move(name), {revision, family, info},
                                                       kTargets, xt_pass_detail);
}

}  // namespace bulkhead::ruleset
