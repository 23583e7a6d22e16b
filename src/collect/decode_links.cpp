#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "collect/netlink_view.h"
#include "collect/rtnetlink.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kAltNameLength = 127;  // ALTIFNAMSIZ - 1
constexpr std::size_t kAliasLength = 255;    // IFALIASZ - 1
constexpr std::size_t kKindLength = 63;      // MODULE_NAME_LEN
constexpr std::size_t kMostAltNames = 64;

// Attributes above those of the headers that this is built with.
constexpr std::uint16_t kInet6Conf = 2;  // IFLA_INET6_CONF
constexpr std::uint16_t kInetConf = 1;   // IFLA_INET_CONF

// One number of an array of s32; 0 when this kernel's array is shorter.
class ConfArray {
 public:
  explicit ConfArray(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::int32_t operator[](std::size_t index) const {
    if ((index + 1) * 4 > bytes_.size()) return 0;
    return static_cast<std::int32_t>(
        Cursor(bytes_.subspan(index * 4)).native<std::uint32_t>().value_or(0));
  }

 private:
  ByteView bytes_;
};

// IPV4_DEVCONF_* of include/uapi/linux/ip.h begin at 1; the array begins at 0 (inet_fill_link_af in
// net/ipv4/devinet.c).
model::Ipv4Conf decode_ipv4_conf(ByteView bytes) {
  const ConfArray conf(bytes);
  const auto at = [&](std::size_t devconf) { return conf[devconf - 1]; };
  return {.forwarding = at(1),
          .rp_filter = at(8),
          .accept_local = at(23),
          .route_localnet = at(26),
          .arp_ignore = at(19),
          .arp_announce = at(18),
          .arp_filter = at(13),
          .arp_accept = at(21),
          .proxy_arp = at(3),
          .proxy_arp_pvlan = at(25),
          .src_valid_mark = at(24),
          .accept_source_route = at(9),
          .mc_forwarding = at(2),
          .medium_id = at(14),
          .disable_policy = at(16),
          .drop_unicast_in_l2_multicast = at(30),
          .ignore_routes_with_linkdown = at(29),
          .shared_media = at(7),
          .accept_redirects = at(4),
          .log_martians = at(11)};
}

// DEVCONF_* of include/uapi/linux/ipv6.h, from 0. FORCE_FORWARDING is 59 (Linux 6.17).
model::Ipv6Conf decode_ipv6_conf(ByteView bytes) {
  const ConfArray at(bytes);
  return {.forwarding = at[0],
          .force_forwarding = at[59],
          .disable_ipv6 = at[26],
          .accept_ra = at[3],
          .proxy_ndp = at[22],
          .accept_source_route = at[24],
          .ndisc_notify = at[29],
          .drop_unicast_in_l2_multicast = at[40],
          .ignore_routes_with_linkdown = at[39],
          .use_tempaddr = at[10],
          .seg6_enabled = at[44]};
}

Status decode_af_spec(ByteView bytes, model::Link& link) {
  NetlinkAttributes families(bytes);
  while (const auto family = families.next()) {
    NetlinkAttributes parts(family->value);
    while (const auto part = parts.next()) {
      if (family->type == AF_INET && part->type == kInetConf)
        link.ipv4 = decode_ipv4_conf(part->value);
      if (family->type == AF_INET6 && part->type == kInet6Conf) {
        link.ipv6 = decode_ipv6_conf(part->value);
      }
    }
    if (parts.broken()) families = NetlinkAttributes(ByteView());
    if (parts.broken()) return fail(ErrorCode::kInvalidInput, "link: IFLA_AF_SPEC cut short");
  }
  if (families.broken()) return fail(ErrorCode::kInvalidInput, "link: IFLA_AF_SPEC cut short");
  return {};
}

Result<model::BridgeInfo> decode_bridge(ByteView bytes) {
  const auto table = AttributeTable<IFLA_BR_MAX>::parse(bytes);
  if (!table) return std::unexpected(table.error());
  const auto on = [&](std::size_t type) { return as_u8((*table)[type]).value_or(0) != 0; };
  return model::BridgeInfo{.vlan_filtering = on(IFLA_BR_VLAN_FILTERING),
                           .stp = as_u32((*table)[IFLA_BR_STP_STATE]).value_or(0) != 0,
                           .nf_call_iptables = on(IFLA_BR_NF_CALL_IPTABLES),
                           .nf_call_ip6tables = on(IFLA_BR_NF_CALL_IP6TABLES),
                           .nf_call_arptables = on(IFLA_BR_NF_CALL_ARPTABLES),
                           .mcast_snooping = on(IFLA_BR_MCAST_SNOOPING)};
}

Result<model::BridgePort> decode_bridge_port(ByteView bytes) {
  const auto table = AttributeTable<IFLA_BRPORT_MAX>::parse(bytes);
  if (!table) return std::unexpected(table.error());
  const model::BridgePort usual;
  const auto flag = [&](std::size_t type, bool otherwise) {
    const auto value = as_u8((*table)[type]);
    return value ? *value != 0 : otherwise;
  };
  return model::BridgePort{.state = as_u8((*table)[IFLA_BRPORT_STATE]).value_or(usual.state),
                           .isolated = flag(IFLA_BRPORT_ISOLATED, usual.isolated),
                           .hairpin = flag(IFLA_BRPORT_MODE, usual.hairpin),
                           .learning = flag(IFLA_BRPORT_LEARNING, usual.learning),
                           .unicast_flood = flag(IFLA_BRPORT_UNICAST_FLOOD, usual.unicast_flood),
                           .multicast_flood = flag(IFLA_BRPORT_MCAST_FLOOD, usual.multicast_flood),
                           .broadcast_flood = flag(IFLA_BRPORT_BCAST_FLOOD, usual.broadcast_flood),
                           .proxy_arp = flag(IFLA_BRPORT_PROXYARP, usual.proxy_arp),
                           .proxy_arp_wifi = flag(IFLA_BRPORT_PROXYARP_WIFI, usual.proxy_arp_wifi),
                           .neigh_suppress = flag(IFLA_BRPORT_NEIGH_SUPPRESS, usual.neigh_suppress),
                           .locked = flag(IFLA_BRPORT_LOCKED, usual.locked),
                           .guard = flag(IFLA_BRPORT_GUARD, usual.guard)};
}

// Attributes of later kernels by their numbers: IFLA_VXLAN_LOCALBYPASS (Linux 6.5).
constexpr std::size_t kVxlanLocalBypass = 31;

model::VxlanInfo decode_vxlan(const AttributeTable<64>& table) {
  const model::VxlanInfo usual;
  const auto flag = [&](std::size_t type, bool otherwise) {
    const auto value = as_u8(table[type]);
    return value ? *value != 0 : otherwise;
  };
  model::VxlanInfo out;
  out.link = IfIndex{as_u32(table[IFLA_VXLAN_LINK]).value_or(0)};
  out.learning = flag(IFLA_VXLAN_LEARNING, usual.learning);
  out.proxy = flag(IFLA_VXLAN_PROXY, usual.proxy);
  out.route_short_circuit = flag(IFLA_VXLAN_RSC, usual.route_short_circuit);
  out.local_bypass = flag(kVxlanLocalBypass, usual.local_bypass);
  out.ttl_inherit = flag(IFLA_VXLAN_TTL_INHERIT, usual.ttl_inherit);
  out.external = flag(IFLA_VXLAN_COLLECT_METADATA, usual.external);
  out.vni_filter = flag(IFLA_VXLAN_VNIFILTER, usual.vni_filter);
  out.group_policy = table[IFLA_VXLAN_GBP].has_value();  // flags without a value
  out.generic = table[IFLA_VXLAN_GPE].has_value();
  out.ttl = as_u8(table[IFLA_VXLAN_TTL]).value_or(0);
  out.tos = as_u8(table[IFLA_VXLAN_TOS]).value_or(0);
  if (const auto& range = table[IFLA_VXLAN_PORT_RANGE]) {  // struct ifla_vxlan_port_range
    Cursor cursor(*range);
    out.first_source = Port{cursor.big_endian<std::uint16_t>().value_or(0)};
    out.last_source = Port{cursor.big_endian<std::uint16_t>().value_or(0)};
  }
  return out;
}

Status decode_detail(ByteView bytes, model::Link& link) {
  const auto parsed = AttributeTable<64>::parse(bytes);
  if (!parsed) return std::unexpected(parsed.error());
  const auto& table = *parsed;
  model::LinkDetail& detail = link.detail;
  if (link.kind == "macvlan" || link.kind == "macvtap") {
    detail.macvlan_mode = as_u32(table[IFLA_MACVLAN_MODE]);
  } else if (link.kind == "ipvlan" || link.kind == "ipvtap") {
    if (const auto mode = as_u16(table[IFLA_IPVLAN_MODE])) detail.ipvlan_mode = *mode;
    if (const auto flags = as_u16(table[IFLA_IPVLAN_FLAGS])) detail.ipvlan_flags = *flags;
  } else if (link.kind == "vlan") {
    detail.vlan_id = as_u16(table[IFLA_VLAN_ID]);
  } else if (link.kind == "vxlan") {
    detail.vxlan_id = as_u32(table[IFLA_VXLAN_ID]);
    if (const auto port = as_be16(table[IFLA_VXLAN_PORT])) detail.vxlan_port = Port{*port};
    detail.vxlan_local = as_address(table[IFLA_VXLAN_LOCAL]);
    if (!detail.vxlan_local) detail.vxlan_local = as_address(table[IFLA_VXLAN_LOCAL6]);
    detail.vxlan_group = as_address(table[IFLA_VXLAN_GROUP]);
    if (!detail.vxlan_group) detail.vxlan_group = as_address(table[IFLA_VXLAN_GROUP6]);
    link.vxlan = decode_vxlan(table);
  } else if (link.kind == "vrf") {
    detail.vrf_table = as_u32(table[IFLA_VRF_TABLE]);
  } else if (link.kind == "tun") {
    // IFF_TUN 1, IFF_TAP 2: include/uapi/linux/if_tun.h
    if (const auto type = as_u8(table[IFLA_TUN_TYPE])) detail.tun_is_tap = *type == 2;
  } else if (link.kind == "bridge") {
    auto bridge = decode_bridge(bytes);
    if (!bridge) return std::unexpected(bridge.error());
    link.bridge = *bridge;
  }
  return {};
}

Status decode_info(ByteView bytes, model::Link& link) {
  const auto table = AttributeTable<IFLA_INFO_MAX>::parse(bytes);
  if (!table) return std::unexpected(table.error());
  link.kind = as_text((*table)[IFLA_INFO_KIND], kKindLength);
  if (const auto& data = (*table)[IFLA_INFO_DATA]) {
    if (Status status = decode_detail(*data, link); !status) return status;
  }
  const auto& slave = (*table)[IFLA_INFO_SLAVE_DATA];
  if (slave && as_text((*table)[IFLA_INFO_SLAVE_KIND], kKindLength) == "bridge") {
    auto port = decode_bridge_port(*slave);
    if (!port) return std::unexpected(port.error());
    link.port = *port;
  }
  return {};
}

Status decode_names(ByteView bytes, model::Link& link) {
  NetlinkAttributes names(bytes);
  while (const auto name = names.next()) {
    if (name->type == IFLA_ALT_IFNAME && link.alternative_names.size() < kMostAltNames) {
      link.alternative_names.push_back(as_text(name->value, kAltNameLength));
    }
  }
  if (names.broken()) return fail(ErrorCode::kInvalidInput, "link: IFLA_PROP_LIST cut short");
  return {};
}

Result<bool> decode_xdp(ByteView bytes) {
  const auto table = AttributeTable<IFLA_XDP_MAX>::parse(bytes);
  if (!table) return std::unexpected(table.error());
  return as_u8((*table)[IFLA_XDP_ATTACHED]).value_or(0) != 0;
}

void decode_plain(const AttributeTable<IFLA_MAX>& table, DecodedLink& out) {
  model::Link& link = out.link;
  link.name = as_text(table[IFLA_IFNAME], kNameLength);
  link.alias = as_text(table[IFLA_IFALIAS], kAliasLength);
  if (const auto& address = table[IFLA_ADDRESS]) {
    if (auto mac = MacAddress::from_octets(*address)) link.mac = *mac;
  }
  link.mtu = as_u32(table[IFLA_MTU]).value_or(0);
  link.operstate = as_u8(table[IFLA_OPERSTATE]).value_or(0);
  link.carrier = as_u8(table[IFLA_CARRIER]).value_or(1) != 0;
  link.master = IfIndex{as_u32(table[IFLA_MASTER]).value_or(0)};
  link.peer = IfIndex{as_u32(table[IFLA_LINK]).value_or(0)};
  link.group = as_u32(table[IFLA_GROUP]).value_or(0);
  if (const auto id = as_u32(table[IFLA_LINK_NETNSID])) {
    out.peer_nsid = static_cast<std::int32_t>(*id);
    link.peer_elsewhere = true;
  }
}

Result<DecodedLink> decode_link(ByteView body) {
  Cursor cursor(body);
  const auto header = cursor.structure<ifinfomsg>();
  if (!header) return fail(ErrorCode::kInvalidInput, "link message cut short");
  DecodedLink out;
  out.link.index = IfIndex{static_cast<std::uint32_t>(header->ifi_index)};
  out.link.hw_type = header->ifi_type;
  out.link.flags = header->ifi_flags;
  const auto table = AttributeTable<IFLA_MAX>::parse(cursor.rest());
  if (!table) return std::unexpected(table.error());
  decode_plain(*table, out);
  Status status;
  if (const auto& info = (*table)[IFLA_LINKINFO]) status = decode_info(*info, out.link);
  if (const auto& spec = (*table)[IFLA_AF_SPEC]; spec && status)
    status = decode_af_spec(*spec, out.link);
  if (const auto& names = (*table)[IFLA_PROP_LIST]; names && status) {
    status = decode_names(*names, out.link);
  }
  if (!status) return std::unexpected(status.error());
  if (const auto& xdp = (*table)[IFLA_XDP]) {
    const auto attached = decode_xdp(*xdp);
    if (!attached) return std::unexpected(attached.error());
    out.link.xdp = *attached;
  }
  return out;
}

}  // namespace

Result<std::vector<DecodedLink>> decode_links(ByteView dump) {
  std::vector<DecodedLink> out;
  NetlinkMessages messages(dump);
  while (const auto message = messages.next()) {
    if (message->type != RTM_NEWLINK) continue;
    auto link = decode_link(message->body);
    if (!link) return std::unexpected(link.error());
    out.push_back(*std::move(link));
  }
  if (messages.broken()) return fail(ErrorCode::kInvalidInput, "link dump cut short");
  return out;
}

Result<std::vector<IfIndex>> decode_filtered_links(ByteView qdisc_dump) {
  std::vector<IfIndex> out;
  NetlinkMessages messages(qdisc_dump);
  while (const auto message = messages.next()) {
    if (message->type != RTM_NEWQDISC) continue;
    Cursor cursor(message->body);
    const auto header = cursor.structure<tcmsg>();
    if (!header) return fail(ErrorCode::kInvalidInput, "qdisc message cut short");
    const auto table = AttributeTable<TCA_MAX>::parse(cursor.rest());
    if (!table) return std::unexpected(table.error());
    const std::string kind = as_text((*table)[TCA_KIND], kKindLength);
    if (kind != "clsact" && kind != "ingress") continue;
    out.push_back(IfIndex{static_cast<std::uint32_t>(header->tcm_ifindex)});
  }
  if (messages.broken()) return fail(ErrorCode::kInvalidInput, "qdisc dump cut short");
  return out;
}

Result<std::vector<std::optional<std::int32_t>>> decode_namespace_ids(ByteView answers) {
  std::vector<std::optional<std::int32_t>> out;
  NetlinkMessages messages(answers);
  while (const auto message = messages.next()) {
    if (message->type == NLMSG_NOOP) out.push_back(std::nullopt);
    if (message->type != RTM_NEWNSID) continue;
    Cursor cursor(message->body);
    const std::size_t header = (sizeof(rtgenmsg) + 3) & ~std::size_t{3};
    if (!cursor.skip(header)) return fail(ErrorCode::kInvalidInput, "namespace id cut short");
    const auto table = AttributeTable<NETNSA_MAX>::parse(cursor.rest());
    if (!table) return std::unexpected(table.error());
    const auto id = as_u32((*table)[NETNSA_NSID]);
    const auto number = static_cast<std::int32_t>(id.value_or(~0U));
    out.push_back(number < 0 ? std::nullopt : std::optional(number));
  }
  if (messages.broken()) return fail(ErrorCode::kInvalidInput, "namespace ids cut short");
  return out;
}

}  // namespace bulkhead::collect
