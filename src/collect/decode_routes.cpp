#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "collect/netlink_view.h"
#include "collect/rtnetlink.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostHops = 4096;     // of one route
constexpr std::size_t kMostGroup = 65'536;  // hops of all groups together

// Calls `decode(header, attributes)` for each message of one type; stops at its first error.
template <class Header, std::size_t N, class Decode>
Status for_each(ByteView dump, std::uint16_t type, const char* what, Decode&& decode) {
  NetlinkMessages messages(dump);
  while (const auto message = messages.next()) {
    if (message->type != type) continue;
    Cursor cursor(message->body);
    const auto header = cursor.structure<Header>();
    if (!header) return fail(ErrorCode::kInvalidInput, std::string(what) + " message cut short");
    const auto table = AttributeTable<N>::parse(cursor.rest());
    if (!table) return within(what, table.error());
    if (Status status = decode(*header, *table); !status) return within(what, status.error());
  }
  if (messages.broken())
    return fail(ErrorCode::kInvalidInput, std::string(what) + " dump cut short");
  return {};
}

std::optional<IpFamily> ip_family(unsigned family) {
  if (family == AF_INET) return IpFamily::kV4;
  if (family == AF_INET6) return IpFamily::kV6;
  return std::nullopt;
}

// The address of an attribute if it is of this family.
std::optional<IpAddress> address_of(const std::optional<ByteView>& value, IpFamily family) {
  const auto address = as_address(value);
  if (!address || address->family() != family) return std::nullopt;
  return address;
}

Result<Prefix> prefix_of(const std::optional<ByteView>& value, IpFamily family, unsigned length) {
  const IpAddress address = address_of(value, family).value_or(IpAddress::any(family));
  if (length > address.bits())
    return fail(ErrorCode::kInvalidInput, "prefix longer than its address");
  return Prefix::covering(address, length);
}

// struct rtvia: u16 family, then the address.
std::optional<IpAddress> via_of(const std::optional<ByteView>& value) {
  if (!value || value->size() < 2) return std::nullopt;
  return as_address(value->subspan(2));
}

}  // namespace

Result<std::vector<model::Address>> decode_addresses(ByteView dump) {
  std::vector<model::Address> out;
  const auto decode = [&](const ifaddrmsg& header, const AttributeTable<IFA_MAX>& table) -> Status {
    const auto family = ip_family(header.ifa_family);
    if (!family) return {};
    const auto address = address_of(table[IFA_ADDRESS], *family);
    const auto local = address_of(table[IFA_LOCAL], *family);
    if (!address && !local)
      return fail(ErrorCode::kInvalidInput, "neither IFA_ADDRESS nor IFA_LOCAL");
    model::Address& item = out.emplace_back();
    item.link = IfIndex{header.ifa_index};
    item.local = local ? *local : *address;
    item.prefix_length = header.ifa_prefixlen;
    if (item.prefix_length > item.local.bits()) {
      return fail(ErrorCode::kInvalidInput, "prefix longer than its address");
    }
    if (local && address && *local != *address) item.peer = *address;
    item.broadcast = address_of(table[IFA_BROADCAST], *family);
    item.scope = header.ifa_scope;
    item.flags = as_u32(table[IFA_FLAGS]).value_or(header.ifa_flags);
    item.label = as_text(table[IFA_LABEL], kNameLength);
    return {};
  };
  if (Status status = for_each<ifaddrmsg, IFA_MAX>(dump, RTM_NEWADDR, "address", decode); !status) {
    return std::unexpected(status.error());
  }
  return out;
}

// ------------------------------------------------------------------------------------- next hops

namespace {

using Group = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // id, weight

// struct nexthop_grp: u32 id, u8 weight - 1, u8 high byte of it (Linux 6.12), u16.
Group decode_group(ByteView bytes) {
  Group out;
  Cursor cursor(bytes);
  while (out.size() < kMostHops) {
    const auto member = cursor.structure<nexthop_grp>();
    if (!member) break;
    out.emplace_back(member->id, (std::uint32_t{member->resvd1} << 8 | member->weight) + 1);
  }
  return out;
}

model::NextHop single_hop(IfIndex link, const std::optional<ByteView>& gateway,
                          const std::optional<ByteView>& via, bool encapsulated,
                          std::uint32_t flags) {
  model::NextHop hop;
  hop.link = link;
  hop.gateway = as_address(gateway);
  if (!hop.gateway) hop.gateway = via_of(via);
  hop.encapsulated = encapsulated;
  hop.flags = flags;
  return hop;
}

}  // namespace

Result<NextHopObjects> decode_next_hop_objects(ByteView dump) {
  NextHopObjects out;
  std::map<std::uint32_t, Group> groups;
  const auto decode = [&](const nhmsg& header, const AttributeTable<NHA_MAX>& table) -> Status {
    const auto id = as_u32(table[NHA_ID]);
    if (!id) return fail(ErrorCode::kInvalidInput, "no NHA_ID");
    if (const auto& group = table[NHA_GROUP]) {
      groups[*id] = decode_group(*group);
      return {};
    }
    const IfIndex link{as_u32(table[NHA_OIF]).value_or(0)};
    const bool encapsulated = table[NHA_ENCAP].has_value() || table[NHA_ENCAP_TYPE].has_value();
    out[*id] = {single_hop(link, table[NHA_GATEWAY], {}, encapsulated, header.nh_flags)};
    return {};
  };
  if (Status status = for_each<nhmsg, NHA_MAX>(dump, RTM_NEWNEXTHOP, "next hop", decode); !status) {
    return std::unexpected(status.error());
  }
  std::size_t total = 0;
  NextHopObjects joined;  // apart, so that a group that names a group finds nothing
  for (const auto& [id, group] : groups) {
    for (const auto& [member, weight] : group) {
      const auto found = out.find(member);
      if (found == out.end() || found->second.empty()) continue;
      if (++total > kMostGroup) return fail(ErrorCode::kBudget, "too many next hops in groups");
      model::NextHop hop = found->second.front();
      hop.weight = weight;
      joined[id].push_back(hop);
    }
  }
  out.merge(joined);
  return out;
}

// ---------------------------------------------------------------------------------------- routes

namespace {

Status decode_multipath(ByteView bytes, std::vector<model::NextHop>& out) {
  while (!bytes.empty()) {
    const auto header = Cursor(bytes).structure<rtnexthop>();
    if (!header || header->rtnh_len < sizeof(rtnexthop) || header->rtnh_len > bytes.size()) {
      return fail(ErrorCode::kInvalidInput, "RTA_MULTIPATH cut short");
    }
    if (out.size() >= kMostHops) return fail(ErrorCode::kBudget, "too many next hops");
    const auto table = AttributeTable<RTA_MAX>::parse(
        bytes.subspan(sizeof(rtnexthop), header->rtnh_len - sizeof(rtnexthop)));
    if (!table) return std::unexpected(table.error());
    const IfIndex link{static_cast<std::uint32_t>(header->rtnh_ifindex)};
    const bool encapsulated = (*table)[RTA_ENCAP].has_value();
    out.push_back(single_hop(link, (*table)[RTA_GATEWAY], (*table)[RTA_VIA], encapsulated,
                             header->rtnh_flags));
    out.back().weight = std::uint32_t{header->rtnh_hops} + 1;
    bytes = bytes.subspan(std::min<std::size_t>((header->rtnh_len + 3U) & ~3U, bytes.size()));
  }
  return {};
}

Status decode_hops(const rtmsg& header, const AttributeTable<RTA_MAX>& table,
                   const NextHopObjects& objects, model::Route& route) {
  if (const auto& hops = table[RTA_MULTIPATH]) return decode_multipath(*hops, route.next_hops);
  const auto link = as_u32(table[RTA_OIF]);
  if (link || table[RTA_GATEWAY] || table[RTA_VIA]) {
    route.next_hops.push_back(single_hop(IfIndex{link.value_or(0)}, table[RTA_GATEWAY],
                                         table[RTA_VIA], table[RTA_ENCAP].has_value(),
                                         header.rtm_flags & 0xff));
    return {};
  }
  if (!route.next_hop_id) return {};
  if (const auto found = objects.find(*route.next_hop_id); found != objects.end()) {
    route.next_hops = found->second;
  }
  return {};
}

}  // namespace

Result<std::vector<model::Route>> decode_routes(ByteView dump, const NextHopObjects& objects) {
  std::vector<model::Route> out;
  const auto decode = [&](const rtmsg& header, const AttributeTable<RTA_MAX>& table) -> Status {
    const auto family = ip_family(header.rtm_family);
    if (!family || (header.rtm_flags & RTM_F_CLONED) != 0) return {};
    model::Route route;
    route.table = as_u32(table[RTA_TABLE]).value_or(header.rtm_table);
    const auto destination = prefix_of(table[RTA_DST], *family, header.rtm_dst_len);
    if (!destination) return std::unexpected(destination.error());
    route.destination = *destination;
    if (header.rtm_src_len != 0) {
      const auto source = prefix_of(table[RTA_SRC], *family, header.rtm_src_len);
      if (!source) return std::unexpected(source.error());
      route.source = *source;
    }
    route.type = header.rtm_type;
    route.scope = header.rtm_scope;
    route.protocol = header.rtm_protocol;
    route.tos = header.rtm_tos;
    route.metric = as_u32(table[RTA_PRIORITY]).value_or(0);
    route.preferred_source = address_of(table[RTA_PREFSRC], *family);
    route.flags = header.rtm_flags;
    route.next_hop_id = as_u32(table[RTA_NH_ID]);
    if (Status status = decode_hops(header, table, objects, route); !status) return status;
    out.push_back(std::move(route));
    return {};
  };
  if (Status status = for_each<rtmsg, RTA_MAX>(dump, RTM_NEWROUTE, "route", decode); !status) {
    return std::unexpected(status.error());
  }
  return out;
}

// ----------------------------------------------------------------------------------------- rules

namespace {

// Newer than the headers that this is built with: include/uapi/linux/fib_rules.h of Linux 6.16.
constexpr std::size_t kFirstUnknown = 25;  // DSCP, flow label, masks of ports and DSCP
constexpr std::size_t kMostRuleAttribute = 63;
using RuleTable = AttributeTable<kMostRuleAttribute>;

std::optional<model::xt::PortRange> port_range(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  const auto range = Cursor(*value).structure<fib_rule_port_range>();
  if (!range) return std::nullopt;
  return model::xt::PortRange{Port{range->start}, Port{range->end}};
}

// The kernel always sends the prefix length to suppress; -1 is none.
std::optional<std::uint32_t> unless_minus_one(std::optional<std::uint32_t> value) {
  if (value == ~0U) return std::nullopt;
  return value;
}

void decode_selectors(const fib_rule_hdr& header, const RuleTable& table,
                      model::RoutingRule& rule) {
  rule.in_interface = as_text(table[FRA_IIFNAME], kNameLength);
  rule.out_interface = as_text(table[FRA_OIFNAME], kNameLength);
  rule.mark = as_u32(table[FRA_FWMARK]).value_or(0);
  rule.mark_mask = as_u32(table[FRA_FWMASK]).value_or(0);
  rule.tos = header.tos;
  if (const auto protocol = as_u8(table[FRA_IP_PROTO]); protocol && *protocol != 0) {
    rule.protocol = static_cast<IpProtocol>(*protocol);
  }
  rule.source_port = port_range(table[FRA_SPORT_RANGE]);
  rule.destination_port = port_range(table[FRA_DPORT_RANGE]);
  if (const auto& uids = table[FRA_UID_RANGE]) {
    if (const auto range = Cursor(*uids).structure<fib_rule_uid_range>()) {
      rule.uid = model::xt::IdRange{range->start, range->end};
    }
  }
  rule.l3mdev = as_u8(table[FRA_L3MDEV]).value_or(0) != 0;
  rule.tunnel_id = as_be64(table[FRA_TUN_ID]).value_or(0);
}

// Conditions for which the model has no member.
bool asks_for_more(const RuleTable& table) {
  for (std::size_t type = kFirstUnknown; type <= kMostRuleAttribute; ++type) {
    if (table[type]) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<model::RoutingRule>> decode_routing_rules(ByteView dump) {
  std::vector<model::RoutingRule> out;
  const auto decode = [&](const fib_rule_hdr& header, const RuleTable& table) -> Status {
    const auto family = ip_family(header.family);
    if (!family) return {};
    model::RoutingRule rule;
    rule.family = *family;
    rule.priority = as_u32(table[FRA_PRIORITY]).value_or(0);
    rule.action = header.action;
    rule.table = as_u32(table[FRA_TABLE]).value_or(header.table);
    rule.goto_priority = as_u32(table[FRA_GOTO]).value_or(0);
    rule.inverted = (header.flags & FIB_RULE_INVERT) != 0;
    if (header.src_len != 0) {
      const auto source = prefix_of(table[FRA_SRC], *family, header.src_len);
      if (!source) return std::unexpected(source.error());
      rule.source = *source;
    }
    if (header.dst_len != 0) {
      const auto destination = prefix_of(table[FRA_DST], *family, header.dst_len);
      if (!destination) return std::unexpected(destination.error());
      rule.destination = *destination;
    }
    decode_selectors(header, table, rule);
    rule.suppress_prefix_length = unless_minus_one(as_u32(table[FRA_SUPPRESS_PREFIXLEN]));
    rule.suppress_interface_group = unless_minus_one(as_u32(table[FRA_SUPPRESS_IFGROUP]));
    rule.other_conditions = asks_for_more(table);
    out.push_back(std::move(rule));
    return {};
  };
  if (Status status =
          for_each<fib_rule_hdr, kMostRuleAttribute>(dump, RTM_NEWRULE, "routing rule", decode);
      !status) {
    return std::unexpected(status.error());
  }
  return out;
}

// ------------------------------------------------------------------------------------ neighbours

namespace {

std::optional<MacAddress> mac_of(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  auto mac = MacAddress::from_octets(*value);
  if (!mac) return std::nullopt;  // of another length: not Ethernet
  return *mac;
}

}  // namespace

Result<std::vector<model::Neighbour>> decode_neighbours(ByteView dump) {
  std::vector<model::Neighbour> out;
  const auto decode = [&](const ndmsg& header, const AttributeTable<NDA_MAX>& table) -> Status {
    const auto family = ip_family(header.ndm_family);
    if (!family) return {};
    const auto address = address_of(table[NDA_DST], *family);
    if (!address) return fail(ErrorCode::kInvalidInput, "no NDA_DST");
    out.push_back({.link = IfIndex{static_cast<std::uint32_t>(header.ndm_ifindex)},
                   .address = *address,
                   .mac = mac_of(table[NDA_LLADDR]),
                   .state = header.ndm_state,
                   .flags = header.ndm_flags});
    return {};
  };
  if (Status status = for_each<ndmsg, NDA_MAX>(dump, RTM_NEWNEIGH, "neighbour", decode); !status) {
    return std::unexpected(status.error());
  }
  return out;
}

Result<std::vector<model::BridgeFdbEntry>> decode_fdb(ByteView dump) {
  std::vector<model::BridgeFdbEntry> out;
  const auto decode = [&](const ndmsg& header, const AttributeTable<NDA_MAX>& table) -> Status {
    const auto mac = mac_of(table[NDA_LLADDR]);
    if (header.ndm_family != AF_BRIDGE || !mac) return {};
    model::BridgeFdbEntry entry;
    entry.link = IfIndex{static_cast<std::uint32_t>(header.ndm_ifindex)};
    entry.bridge = IfIndex{as_u32(table[NDA_MASTER]).value_or(0)};
    entry.mac = *mac;
    entry.state = header.ndm_state;
    entry.flags = header.ndm_flags;
    entry.vlan = as_u16(table[NDA_VLAN]);
    entry.destination = as_address(table[NDA_DST]);
    if (const auto port = as_be16(table[NDA_PORT])) entry.port = Port{*port};
    entry.vni = as_u32(table[NDA_VNI]);
    entry.via = IfIndex{as_u32(table[NDA_IFINDEX]).value_or(0)};
    entry.next_hop_id = as_u32(table[NDA_NH_ID]);
    // What a device listens to (its own multicast filter) is no forwarding entry.
    if ((entry.flags & NTF_SELF) != 0 && mac->is_multicast() && !entry.destination) return {};
    out.push_back(entry);
    return {};
  };
  if (Status status = for_each<ndmsg, NDA_MAX>(dump, RTM_NEWNEIGH, "fdb", decode); !status) {
    return std::unexpected(status.error());
  }
  return out;
}

}  // namespace bulkhead::collect
