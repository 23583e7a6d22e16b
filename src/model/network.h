// One network namespace as a plain value: links, addresses, routes, rules, neighbours, sockets.
//
// Numbers of the kernel's own enumerations are kept as they are where the kernel may add values
// (route types, scopes, socket states), with the source file named.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "model/fields.h"
#include "model/ruleset.h"

namespace bulkhead::model {

// Position of a namespace in Snapshot::namespaces.
struct NsId {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(NsId, NsId) = default;
};

// ------------------------------------------------------------------------------------- links

// net.ipv4.conf.IF.* (IFLA_INET_CONF). Effective values combine these with `all` as the kernel does
// (include/linux/inetdevice.h: IN_DEV_MAXCONF, ORCONF, ANDCONF): combining is the model user's job.
struct Ipv4Conf {
  std::int32_t forwarding = 0, rp_filter = 0, accept_local = 0, route_localnet = 0, arp_ignore = 0,
               arp_announce = 0, arp_filter = 0, arp_accept = 0, proxy_arp = 0, proxy_arp_pvlan = 0,
               src_valid_mark = 0, accept_source_route = 0, mc_forwarding = 0, medium_id = 0,
               disable_policy = 0, drop_unicast_in_l2_multicast = 0,
               ignore_routes_with_linkdown = 0, shared_media = 1, accept_redirects = 1,
               log_martians = 0;
  BULKHEAD_FIELDS(
      BULKHEAD_F(forwarding) BULKHEAD_F(rp_filter) BULKHEAD_F(accept_local)
      BULKHEAD_F(route_localnet) BULKHEAD_F(arp_ignore) BULKHEAD_F(arp_announce)
      BULKHEAD_F(arp_filter) BULKHEAD_F(arp_accept) BULKHEAD_F(proxy_arp)
      BULKHEAD_F(proxy_arp_pvlan) BULKHEAD_F(src_valid_mark) BULKHEAD_F(accept_source_route)
      BULKHEAD_F(mc_forwarding) BULKHEAD_F(medium_id) BULKHEAD_F(disable_policy)
      BULKHEAD_F(drop_unicast_in_l2_multicast) BULKHEAD_F(ignore_routes_with_linkdown)
      BULKHEAD_F(shared_media) BULKHEAD_F(accept_redirects) BULKHEAD_F(log_martians))
  friend bool operator==(const Ipv4Conf&, const Ipv4Conf&) = default;
};

// net.ipv6.conf.IF.* (IFLA_INET6_CONF).
struct Ipv6Conf {
  std::int32_t forwarding = 0, force_forwarding = 0, disable_ipv6 = 0, accept_ra = 1, proxy_ndp = 0,
               accept_source_route = 0, ndisc_notify = 0, drop_unicast_in_l2_multicast = 0,
               ignore_routes_with_linkdown = 0, use_tempaddr = 0, seg6_enabled = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(forwarding) BULKHEAD_F(force_forwarding) BULKHEAD_F(disable_ipv6)
                      BULKHEAD_F(accept_ra) BULKHEAD_F(proxy_ndp) BULKHEAD_F(accept_source_route)
                      BULKHEAD_F(ndisc_notify) BULKHEAD_F(drop_unicast_in_l2_multicast)
                      BULKHEAD_F(ignore_routes_with_linkdown) BULKHEAD_F(use_tempaddr)
                      BULKHEAD_F(seg6_enabled))
  friend bool operator==(const Ipv6Conf&, const Ipv6Conf&) = default;
};

struct BridgeInfo {  // IFLA_BR_*
  bool vlan_filtering = false, stp = false, nf_call_iptables = false, nf_call_ip6tables = false,
       nf_call_arptables = false, mcast_snooping = false;
  BULKHEAD_FIELDS(BULKHEAD_F(vlan_filtering) BULKHEAD_F(stp) BULKHEAD_F(nf_call_iptables)
                      BULKHEAD_F(nf_call_ip6tables) BULKHEAD_F(nf_call_arptables)
                      BULKHEAD_F(mcast_snooping))
  friend bool operator==(const BridgeInfo&, const BridgeInfo&) = default;
};

struct BridgePort {  // IFLA_BRPORT_*
  std::uint8_t state =
      3;  // BR_STATE_*: disabled 0, listening 1, learning 2, forwarding 3, blocking 4
  bool isolated = false, hairpin = false, learning = true, unicast_flood = true,
       multicast_flood = true, broadcast_flood = true, proxy_arp = false, proxy_arp_wifi = false,
       neigh_suppress = false, locked = false, guard = false;
  BULKHEAD_FIELDS(BULKHEAD_F(state) BULKHEAD_F(isolated) BULKHEAD_F(hairpin) BULKHEAD_F(learning)
                      BULKHEAD_F(unicast_flood) BULKHEAD_F(multicast_flood)
                      BULKHEAD_F(broadcast_flood) BULKHEAD_F(proxy_arp)
                      BULKHEAD_F(proxy_arp_wifi) BULKHEAD_F(neigh_suppress) BULKHEAD_F(locked)
                      BULKHEAD_F(guard))
  friend bool operator==(const BridgePort&, const BridgePort&) = default;
};

// IFLA_VXLAN_* beside the members of LinkDetail.
struct VxlanInfo {
  IfIndex link;  // in the namespace that sends its packets: by which these leave; none: as routed
  bool learning = true, proxy = false, route_short_circuit = false, local_bypass = true,
       ttl_inherit = false;
  bool external = false, vni_filter = false, group_policy = false, generic = false;
  std::uint8_t ttl = 0, tos = 0;   // 0: the kernel's choice; tos 1: that of the inner packet
  Port first_source, last_source;  // 0: the namespace's ephemeral ports
  BULKHEAD_FIELDS(BULKHEAD_F(link) BULKHEAD_F(learning) BULKHEAD_F(proxy)
                      BULKHEAD_F(route_short_circuit) BULKHEAD_F(local_bypass)
                      BULKHEAD_F(ttl_inherit) BULKHEAD_F(external) BULKHEAD_F(vni_filter)
                      BULKHEAD_F(group_policy) BULKHEAD_F(generic) BULKHEAD_F(ttl) BULKHEAD_F(tos)
                      BULKHEAD_F(first_source) BULKHEAD_F(last_source))
  friend bool operator==(const VxlanInfo&, const VxlanInfo&) = default;
};

// What a virtual link adds: which members are set depends on Link::kind.
struct LinkDetail {
  std::optional<std::uint32_t>
      macvlan_mode;  // MACVLAN_MODE_*: private 1, vepa 2, bridge 4, passthru 8
  std::optional<std::uint32_t> ipvlan_mode;   // l2 0, l3 1, l3s 2
  std::optional<std::uint32_t> ipvlan_flags;  // bridge 0, private 1, vepa 2
  std::optional<std::uint16_t> vlan_id;
  std::optional<std::uint32_t> vxlan_id;
  std::optional<Port> vxlan_port;
  std::optional<IpAddress> vxlan_local, vxlan_group;
  std::optional<std::uint32_t> vrf_table;
  std::optional<bool> tun_is_tap;
  BULKHEAD_FIELDS(BULKHEAD_F(macvlan_mode) BULKHEAD_F(ipvlan_mode) BULKHEAD_F(ipvlan_flags)
                      BULKHEAD_F(vlan_id) BULKHEAD_F(vxlan_id) BULKHEAD_F(vxlan_port)
                      BULKHEAD_F(vxlan_local) BULKHEAD_F(vxlan_group) BULKHEAD_F(vrf_table)
                      BULKHEAD_F(tun_is_tap))
  friend bool operator==(const LinkDetail&, const LinkDetail&) = default;
};

inline constexpr std::uint32_t kLinkUp = 1;  // IFF_UP, of Link::flags

struct Link {
  IfIndex index;
  std::string name;
  std::string kind;  // IFLA_INFO_KIND: "veth", "bridge", "macvlan"...; "" for real devices and lo
  std::uint16_t hw_type = 1;  // ARPHRD_*: ether 1, loopback 772
  MacAddress mac;
  std::uint32_t mtu = 0;
  std::uint32_t flags = 0;     // IFF_*: up 1, loopback 8, running 0x40, noarp 0x80, promisc 0x100
  std::uint8_t operstate = 0;  // IF_OPER_*: unknown 0, notpresent 1, down 2, lowerlayerdown 3, up 6
  bool carrier = true;
  IfIndex master;               // bridge, bond, vrf; in the same namespace
  IfIndex peer;                 // IFLA_LINK: veth peer, parent of macvlan, ipvlan, vlan
  std::optional<NsId> peer_ns;  // where `peer` lives, or from where a vxlan's packets are sent;
                                // absent: in this namespace, or not known
  bool peer_elsewhere = false;  // it lives in another namespace (IFLA_LINK_NETNSID is there)
  std::string alias;
  std::vector<std::string> alternative_names;
  std::uint32_t group = 0;
  std::optional<BridgeInfo> bridge;
  std::optional<BridgePort> port;  // it is the port of a bridge
  std::optional<VxlanInfo> vxlan;
  LinkDetail detail;
  Ipv4Conf ipv4;
  std::optional<Ipv6Conf> ipv6;  // absent: IPv6 does not run on it
  bool xdp = false;              // an XDP program is attached: what it does is unknown
  bool tc_filters = false;       // a clsact/ingress qdisc is there: what it does is unknown
  BULKHEAD_FIELDS(BULKHEAD_F(index) BULKHEAD_F(name) BULKHEAD_F(kind) BULKHEAD_F(hw_type)
                      BULKHEAD_F(mac) BULKHEAD_F(mtu) BULKHEAD_F(flags) BULKHEAD_F(operstate)
                      BULKHEAD_F(carrier) BULKHEAD_F(master) BULKHEAD_F(peer) BULKHEAD_F(peer_ns)
                      BULKHEAD_F(peer_elsewhere) BULKHEAD_F(alias) BULKHEAD_F(alternative_names)
                      BULKHEAD_F(group) BULKHEAD_F(bridge) BULKHEAD_F(port) BULKHEAD_F(vxlan)
                      BULKHEAD_F(detail) BULKHEAD_F(ipv4) BULKHEAD_F(ipv6) BULKHEAD_F(xdp) BULKHEAD_F(tc_filters))
  friend bool operator==(const Link&, const Link&) = default;
};

struct Address {
  IfIndex link;
  IpAddress local;
  std::uint8_t prefix_length = 0;
  std::optional<IpAddress> peer;  // point to point: the prefix is that of the peer
  std::optional<IpAddress> broadcast;
  std::uint8_t scope = 0;  // RT_SCOPE_*: universe 0, site 200, link 253, host 254
  std::uint32_t flags =
      0;  // IFA_F_*: secondary 1, dadfailed 8, deprecated 0x20, tentative 0x40, ...
  std::string label;
  BULKHEAD_FIELDS(BULKHEAD_F(link) BULKHEAD_F(local) BULKHEAD_F(prefix_length) BULKHEAD_F(peer)
                      BULKHEAD_F(broadcast) BULKHEAD_F(scope) BULKHEAD_F(flags) BULKHEAD_F(label))
  friend bool operator==(const Address&, const Address&) = default;
};

// ------------------------------------------------------------------------------------ routes

struct NextHop {
  IfIndex link;
  std::optional<IpAddress> gateway;  // may be of the other family (RTA_VIA)
  std::uint32_t weight = 1;
  std::uint32_t flags = 0;    // RTNH_F_*: dead 1, onlink 4, linkdown 16
  bool encapsulated = false;  // lwtunnel (MPLS, seg6, ip...): unknown
  BULKHEAD_FIELDS(BULKHEAD_F(link) BULKHEAD_F(gateway) BULKHEAD_F(weight) BULKHEAD_F(flags)
                      BULKHEAD_F(encapsulated))
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

struct Route {
  std::uint32_t table = 254;  // local 255, main 254, default 253
  Prefix destination;
  std::optional<Prefix> source;  // IPv6 subtrees
  std::uint8_t type = 1;         // RTN_*: unicast 1, local 2, broadcast 3, anycast 4, multicast 5,
                                 // blackhole 6, unreachable 7, prohibit 8, throw 9
  std::uint8_t scope = 0;        // RT_SCOPE_*
  std::uint8_t protocol = 0;     // RTPROT_*: kernel 2, boot 3, static 4, ra 9...
  std::uint8_t tos = 0;
  std::uint32_t metric = 0;
  std::optional<IpAddress> preferred_source;
  std::vector<NextHop> next_hops;
  std::uint32_t flags = 0;                   // RTM_F_* and RTNH_F_* of the route itself
  std::optional<std::uint32_t> next_hop_id;  // RTA_NH_ID
  BULKHEAD_FIELDS(BULKHEAD_F(table) BULKHEAD_F(destination) BULKHEAD_F(source) BULKHEAD_F(type)
                      BULKHEAD_F(scope) BULKHEAD_F(protocol) BULKHEAD_F(tos) BULKHEAD_F(metric)
                      BULKHEAD_F(preferred_source) BULKHEAD_F(next_hops) BULKHEAD_F(flags)
                      BULKHEAD_F(next_hop_id))
  friend bool operator==(const Route&, const Route&) = default;
};

// Policy routing (ip rule), FR_ACT_*: lookup 1, goto 2, nop 3, blackhole 6, unreachable 7,
// prohibit 8.
struct RoutingRule {
  IpFamily family = IpFamily::kV4;
  std::uint32_t priority = 0;
  std::uint8_t action = 1;
  std::uint32_t table = 0;
  std::uint32_t goto_priority = 0;
  bool inverted = false;  // FIB_RULE_INVERT: "not"
  std::optional<Prefix> source, destination;
  std::string in_interface, out_interface;
  std::uint32_t mark = 0, mark_mask = 0;  // asked when mask != 0
  std::uint8_t tos = 0;
  std::optional<IpProtocol> protocol;
  std::optional<xt::PortRange> source_port, destination_port;
  std::optional<xt::IdRange> uid;
  std::optional<std::uint32_t> suppress_prefix_length, suppress_interface_group;
  bool l3mdev = false;
  std::uint64_t tunnel_id = 0;
  bool other_conditions = false;  // it asks for more than these members say (DSCP, flow label, port
                                  // masks...): whether it matches is unknown
  BULKHEAD_FIELDS(BULKHEAD_F(family) BULKHEAD_F(priority) BULKHEAD_F(action) BULKHEAD_F(table)
                      BULKHEAD_F(goto_priority) BULKHEAD_F(inverted) BULKHEAD_F(source)
                      BULKHEAD_F(destination) BULKHEAD_F(in_interface) BULKHEAD_F(out_interface)
                      BULKHEAD_F(mark) BULKHEAD_F(mark_mask) BULKHEAD_F(tos) BULKHEAD_F(protocol)
                      BULKHEAD_F(source_port) BULKHEAD_F(destination_port) BULKHEAD_F(uid)
                      BULKHEAD_F(suppress_prefix_length) BULKHEAD_F(suppress_interface_group)
                      BULKHEAD_F(l3mdev) BULKHEAD_F(tunnel_id)
                      BULKHEAD_F(other_conditions))
  friend bool operator==(const RoutingRule&, const RoutingRule&) = default;
};

// NUD_* (include/uapi/linux/neighbour.h).
namespace nud {
inline constexpr std::uint16_t kReachable = 2, kStale = 4, kDelay = 8, kProbe = 16, kNoArp = 64,
                               kPermanent = 128;
}

struct Neighbour {  // ARP and ND entries, and proxy entries (NTF_PROXY 8)
  IfIndex link;
  IpAddress address;
  std::optional<MacAddress> mac;
  std::uint16_t state = 0;  // nud::, and incomplete 1, failed 32
  std::uint8_t flags = 0;   // NTF_*
  BULKHEAD_FIELDS(BULKHEAD_F(link) BULKHEAD_F(address) BULKHEAD_F(mac) BULKHEAD_F(state)
                      BULKHEAD_F(flags))
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

struct BridgeFdbEntry {
  IfIndex link;    // the port (or the bridge itself)
  IfIndex bridge;  // NDA_MASTER; none for entries of vxlan devices
  MacAddress mac;
  std::uint16_t state = 0;
  std::uint8_t flags = 0;
  std::optional<std::uint16_t> vlan;
  // Of vxlan devices: where frames for `mac` are sent (all zeros: for all others), with what
  // differs from the device's own port and number, and by which link of the sending namespace.
  std::optional<IpAddress> destination;
  std::optional<Port> port;
  std::optional<std::uint32_t> vni;
  IfIndex via;
  std::optional<std::uint32_t> next_hop_id;  // NDA_NH_ID: one of a group instead
  BULKHEAD_FIELDS(BULKHEAD_F(link) BULKHEAD_F(bridge) BULKHEAD_F(mac) BULKHEAD_F(state)
                      BULKHEAD_F(flags) BULKHEAD_F(vlan) BULKHEAD_F(destination) BULKHEAD_F(port)
                      BULKHEAD_F(vni) BULKHEAD_F(via) BULKHEAD_F(next_hop_id))
  friend bool operator==(const BridgeFdbEntry&, const BridgeFdbEntry&) = default;
};

// ------------------------------------------------------------------------------------ sysctls

// Per-namespace values that decide. Absent: the file does not exist in this kernel or could not be
// read (a Gap then says so). `all` rows are the conf/all directories.
struct Sysctls {
  Ipv4Conf ipv4_all;
  Ipv6Conf ipv6_all;
  std::optional<std::int32_t> ip_forward, bridge_nf_call_iptables, bridge_nf_call_ip6tables,
      bridge_nf_call_arptables, bridge_nf_filter_vlan_tagged, bridge_nf_filter_pppoe_tagged,
      bridge_nf_pass_vlan_input_dev, ip_nonlocal_bind, ipv6_ip_nonlocal_bind, ip_early_demux,
      fib_multipath_hash_policy, conntrack_tcp_loose, conntrack_tcp_be_liberal,
      icmp_echo_ignore_all, tcp_l3mdev_accept, udp_l3mdev_accept, ip_local_port_first,
      ip_local_port_last, fwmark_reflect, tcp_fwmark_accept;
  BULKHEAD_FIELDS(BULKHEAD_F(ipv4_all) BULKHEAD_F(ipv6_all) BULKHEAD_F(ip_forward)
                      BULKHEAD_F(bridge_nf_call_iptables) BULKHEAD_F(bridge_nf_call_ip6tables)
                      BULKHEAD_F(bridge_nf_call_arptables) BULKHEAD_F(bridge_nf_filter_vlan_tagged)
                      BULKHEAD_F(bridge_nf_filter_pppoe_tagged)
                      BULKHEAD_F(bridge_nf_pass_vlan_input_dev) BULKHEAD_F(ip_nonlocal_bind)
                      BULKHEAD_F(ipv6_ip_nonlocal_bind) BULKHEAD_F(ip_early_demux)
                      BULKHEAD_F(fib_multipath_hash_policy) BULKHEAD_F(conntrack_tcp_loose)
                      BULKHEAD_F(conntrack_tcp_be_liberal) BULKHEAD_F(icmp_echo_ignore_all)
                      BULKHEAD_F(tcp_l3mdev_accept) BULKHEAD_F(udp_l3mdev_accept)
                      BULKHEAD_F(ip_local_port_first) BULKHEAD_F(ip_local_port_last)
                      BULKHEAD_F(fwmark_reflect) BULKHEAD_F(tcp_fwmark_accept))
  friend bool operator==(const Sysctls&, const Sysctls&) = default;
};

// ------------------------------------------------------------------------------------ sockets

// The process that holds a socket. Absent for kernel sockets and when it could not be found.
struct SocketOwner {
  std::uint32_t pid = 0;
  std::string command;     // /proc/PID/comm
  std::string executable;  // /proc/PID/exe, "" when not readable
  std::uint32_t uid = 0;
  std::string cgroup;        // path of the container or service within its hierarchy
  std::string container_id;  // 64 hex digits found in `cgroup`, else ""
  BULKHEAD_FIELDS(BULKHEAD_F(pid) BULKHEAD_F(command) BULKHEAD_F(executable) BULKHEAD_F(uid)
                      BULKHEAD_F(cgroup) BULKHEAD_F(container_id))
  friend bool operator==(const SocketOwner&, const SocketOwner&) = default;
};

struct Socket {  // TCP in LISTEN, and bound UDP without a peer
  IpProtocol protocol = IpProtocol::kTcp;
  IpAddress address;  // its family is the socket's
  Port port;
  bool v6_only = false;
  IfIndex bound_to;  // SO_BINDTODEVICE
  std::uint64_t inode = 0;
  std::uint32_t uid = 0;
  std::optional<IpAddress> peer;  // connected UDP
  std::optional<Port> peer_port;
  std::vector<SocketOwner> owners;
  BULKHEAD_FIELDS(BULKHEAD_F(protocol) BULKHEAD_F(address) BULKHEAD_F(port) BULKHEAD_F(v6_only)
                      BULKHEAD_F(bound_to) BULKHEAD_F(inode) BULKHEAD_F(uid) BULKHEAD_F(peer)
                      BULKHEAD_F(peer_port) BULKHEAD_F(owners))
  friend bool operator==(const Socket&, const Socket&) = default;
};

// ----------------------------------------------------------------------------------- namespace

// Something that could not be read, or moved while it was read.
struct Gap {
  std::string what;    // "nftables", "sockets", "docker unix:///run/docker.sock"
  std::string reason;  // for a person
  BULKHEAD_FIELDS(BULKHEAD_F(what) BULKHEAD_F(reason))
  friend bool operator==(const Gap&, const Gap&) = default;
};

struct NetNs {
  std::uint64_t inode = 0;          // of the nsfs file: its identity on this machine
  std::vector<std::string> paths;   // /run/netns/NAME, an engine's sandbox file
  std::vector<std::uint32_t> pids;  // some processes in it, at most 16, lowest first
  std::vector<Link> links;
  std::vector<Address> addresses;
  std::vector<Route> routes;
  std::vector<RoutingRule> routing_rules;
  std::vector<Neighbour> neighbours;
  std::vector<BridgeFdbEntry> fdb;
  Sysctls sysctls;
  std::vector<Socket> sockets;
  Ruleset ruleset;
  std::vector<Gap> gaps;
  BULKHEAD_FIELDS(BULKHEAD_F(inode) BULKHEAD_F(paths) BULKHEAD_F(pids) BULKHEAD_F(links)
                      BULKHEAD_F(addresses) BULKHEAD_F(routes) BULKHEAD_F(routing_rules)
                      BULKHEAD_F(neighbours) BULKHEAD_F(fdb) BULKHEAD_F(sysctls)
                      BULKHEAD_F(sockets) BULKHEAD_F(ruleset) BULKHEAD_F(gaps))
  friend bool operator==(const NetNs&, const NetNs&) = default;
};

}  // namespace bulkhead::model
