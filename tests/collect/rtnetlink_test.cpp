#include "collect/rtnetlink.h"

#include <gmock/gmock.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "collect/netlink_builder.h"

namespace bulkhead::collect {
namespace {

using testing::ElementsAre;

Prefix net(std::string_view text) {
  return Prefix::parse(text).value();
}
ByteView octets(const IpAddress& address) {
  return address.octets();
}

ifinfomsg link_header(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_type = 1;
  header.ifi_flags = 0x1043;
  return header;
}

// ------------------------------------------------------------------------------------------ links

TEST(Links, VethInAnotherNamespaceKeepsTheIdOfThatNamespace) {
  Bytes info = NetlinkBuilder().text(IFLA_INFO_KIND, "veth").raw();
  Bytes dump = NetlinkBuilder()
                   .message(RTM_NEWLINK, link_header(7))
                   .text(IFLA_IFNAME, "eth0")
                   .attribute(IFLA_LINK, std::uint32_t{12})
                   .attribute(IFLA_LINK_NETNSID, std::int32_t{3})
                   .attribute(IFLA_MTU, std::uint32_t{1500})
                   .attribute(IFLA_LINKINFO, ByteView(info))
                   .bytes();
  const auto links = decode_links(dump);
  ASSERT_TRUE(links) << links.error().message;
  ASSERT_EQ(links->size(), 1U);
  const model::Link& link = links->front().link;
  EXPECT_EQ(link.index, IfIndex{7});
  EXPECT_EQ(link.name, "eth0");
  EXPECT_EQ(link.kind, "veth");
  EXPECT_EQ(link.peer, IfIndex{12});
  EXPECT_TRUE(link.peer_elsewhere);
  EXPECT_FALSE(link.peer_ns);
  EXPECT_EQ(links->front().peer_nsid, 3);
  EXPECT_FALSE(link.ipv6) << "no AF_INET6 block: IPv6 does not run on it";
}

// One row per number of the arrays: index in the kernel's array and the member that it must reach.
TEST(Links, EachNumberOfTheInetArraysReachesItsMember) {
  struct Row {
    int index;
    std::int32_t model::Ipv4Conf::* member;
  };
  // include/uapi/linux/ip.h, counted from IPV4_DEVCONF_FORWARDING = 1; the array begins there.
  using C = model::Ipv4Conf;
  const Row rows[] = {{0, &C::forwarding},
                      {1, &C::mc_forwarding},
                      {2, &C::proxy_arp},
                      {3, &C::accept_redirects},
                      {6, &C::shared_media},
                      {7, &C::rp_filter},
                      {8, &C::accept_source_route},
                      {10, &C::log_martians},
                      {12, &C::arp_filter},
                      {13, &C::medium_id},
                      {15, &C::disable_policy},
                      {17, &C::arp_announce},
                      {18, &C::arp_ignore},
                      {20, &C::arp_accept},
                      {22, &C::accept_local},
                      {23, &C::src_valid_mark},
                      {24, &C::proxy_arp_pvlan},
                      {25, &C::route_localnet},
                      {28, &C::ignore_routes_with_linkdown},
                      {29, &C::drop_unicast_in_l2_multicast}};
  for (const Row& row : rows) {
    std::int32_t array[33] = {};
    array[row.index] = 77;
    Bytes conf = NetlinkBuilder()
                     .attribute(1, ByteView(reinterpret_cast<std::uint8_t*>(array), sizeof array))
                     .raw();
    Bytes spec = NetlinkBuilder().attribute(AF_INET, ByteView(conf)).raw();
    const auto links = decode_links(NetlinkBuilder()
                                        .message(RTM_NEWLINK, link_header(1))
                                        .attribute(IFLA_AF_SPEC, ByteView(spec))
                                        .bytes());
    ASSERT_TRUE(links);
    EXPECT_EQ(links->front().link.ipv4.*row.member, 77) << "index " << row.index;
  }
}

TEST(Links, ForceForwardingIsTheSixtiethNumberAndZeroInOlderKernels) {
  for (const std::size_t length : {60U, 59U}) {
    std::vector<std::int32_t> array(length, 0);
    array[length - 1] = 1;
    Bytes conf =
        NetlinkBuilder()
            .attribute(2, ByteView(reinterpret_cast<std::uint8_t*>(array.data()), length * 4))
            .raw();
    Bytes spec = NetlinkBuilder().attribute(AF_INET6, ByteView(conf)).raw();
    const auto links = decode_links(NetlinkBuilder()
                                        .message(RTM_NEWLINK, link_header(1))
                                        .attribute(IFLA_AF_SPEC, ByteView(spec))
                                        .bytes());
    ASSERT_TRUE(links);
    ASSERT_TRUE(links->front().link.ipv6);
    EXPECT_EQ(links->front().link.ipv6->force_forwarding, length == 60 ? 1 : 0);
  }
}

TEST(Links, FlagsOfABridgePortAreRead) {
  Bytes port = NetlinkBuilder()
                   .attribute(IFLA_BRPORT_STATE, std::uint8_t{4})
                   .attribute(IFLA_BRPORT_MODE, std::uint8_t{1})
                   .attribute(IFLA_BRPORT_ISOLATED, std::uint8_t{1})
                   .attribute(IFLA_BRPORT_LEARNING, std::uint8_t{0})
                   .raw();
  Bytes info = NetlinkBuilder()
                   .text(IFLA_INFO_KIND, "veth")
                   .text(IFLA_INFO_SLAVE_KIND, "bridge")
                   .attribute(IFLA_INFO_SLAVE_DATA, ByteView(port))
                   .raw();
  const auto links = decode_links(NetlinkBuilder()
                                      .message(RTM_NEWLINK, link_header(4))
                                      .attribute(IFLA_LINKINFO, ByteView(info))
                                      .bytes());
  ASSERT_TRUE(links);
  ASSERT_TRUE(links->front().link.port);
  const model::BridgePort& read = *links->front().link.port;
  EXPECT_EQ(read.state, 4);
  EXPECT_TRUE(read.hairpin);
  EXPECT_TRUE(read.isolated);
  EXPECT_FALSE(read.learning);
  EXPECT_TRUE(read.unicast_flood) << "absent: the kernel's default";
}

TEST(Links, OnlyClsactAndIngressCountAsFilters) {
  tcmsg header{};
  NetlinkBuilder dump;
  for (const auto& [index, kind] : {std::pair{1, "noqueue"}, {2, "clsact"}, {3, "ingress"}}) {
    header.tcm_ifindex = index;
    dump.message(RTM_NEWQDISC, header).text(TCA_KIND, kind);
  }
  const auto links = decode_filtered_links(dump.bytes());
  ASSERT_TRUE(links);
  EXPECT_THAT(*links, ElementsAre(IfIndex{2}, IfIndex{3}));
}

TEST(Links, NamesAreCutAtWhatTheKernelAllows) {
  const std::string endless(5000, 'x');
  const auto links = decode_links(NetlinkBuilder()
                                      .message(RTM_NEWLINK, link_header(4))
                                      .text(IFLA_IFNAME, endless)
                                      .text(IFLA_IFALIAS, endless)
                                      .bytes());
  ASSERT_TRUE(links);
  EXPECT_EQ(links->front().link.name.size(), 15U);
  EXPECT_EQ(links->front().link.alias.size(), 255U);
}

// -------------------------------------------------------------------------------------- addresses

TEST(Addresses, LocalPeerAndFamilyAreToldApart) {
  struct Row {
    const char *address, *local, *expected_local, *expected_peer;
  };
  const Row rows[] = {{"10.0.0.5", "10.0.0.5", "10.0.0.5", nullptr},
                      {"10.9.0.1", "10.0.0.5", "10.0.0.5", "10.9.0.1"},
                      {"fd00::5", nullptr, "fd00::5", nullptr},
                      {"fd00::9", "fd00::5", "fd00::5", "fd00::9"}};
  for (const Row& row : rows) {
    const IpAddress address = ip(row.address);
    ifaddrmsg header{};
    header.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
    header.ifa_prefixlen = 24;
    header.ifa_index = 3;
    NetlinkBuilder dump;
    dump.message(RTM_NEWADDR, header).attribute(IFA_ADDRESS, octets(address));
    const IpAddress local = row.local == nullptr ? address : ip(row.local);
    if (row.local != nullptr) dump.attribute(IFA_LOCAL, octets(local));
    dump.attribute(IFA_FLAGS, std::uint32_t{0x480});
    const auto read = decode_addresses(dump.bytes());
    ASSERT_TRUE(read) << row.address;
    ASSERT_EQ(read->size(), 1U);
    EXPECT_EQ(read->front().local, ip(row.expected_local));
    EXPECT_EQ(read->front().peer.has_value(), row.expected_peer != nullptr) << row.address;
    if (row.expected_peer != nullptr) {
      EXPECT_EQ(read->front().peer, ip(row.expected_peer));
    }
    EXPECT_EQ(read->front().flags, 0x480U) << "the wide flags win over the header's eight bits";
  }
}

// ----------------------------------------------------------------------------------------- routes

rtmsg route_header(int family, unsigned length) {
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(family);
  header.rtm_dst_len = static_cast<std::uint8_t>(length);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_type = RTN_UNICAST;
  return header;
}

TEST(Routes, WideTableNumberWinsAndCachedRoutesAreLeftOut) {
  const IpAddress destination = ip("10.0.0.0");
  rtmsg cached = route_header(AF_INET, 8);
  cached.rtm_flags = RTM_F_CLONED;
  const auto routes = decode_routes(NetlinkBuilder()
                                        .message(RTM_NEWROUTE, route_header(AF_INET, 8))
                                        .attribute(RTA_DST, octets(destination))
                                        .attribute(RTA_TABLE, std::uint32_t{5000})
                                        .attribute(RTA_OIF, std::uint32_t{4})
                                        .message(RTM_NEWROUTE, cached)
                                        .attribute(RTA_DST, octets(destination))
                                        .bytes(),
                                    {});
  ASSERT_TRUE(routes);
  ASSERT_EQ(routes->size(), 1U);
  EXPECT_EQ(routes->front().table, 5000U);
  EXPECT_EQ(routes->front().destination, net("10.0.0.0/8"));
  ASSERT_EQ(routes->front().next_hops.size(), 1U);
  EXPECT_EQ(routes->front().next_hops.front().link, IfIndex{4});
}

TEST(Routes, GatewayOfTheOtherFamilyAndWeightsOfMultipathAreKept) {
  const IpAddress gateway = ip("fe80::1");
  Bytes via = {AF_INET6, 0};
  via.insert(via.end(), octets(gateway).begin(), octets(gateway).end());
  NetlinkBuilder hops;
  Bytes nested = NetlinkBuilder().attribute(RTA_VIA, ByteView(via)).raw();
  Bytes multipath;
  for (const int link : {2, 3}) {
    const rtnexthop hop{static_cast<unsigned short>(sizeof(rtnexthop) + nested.size()), 0,
                        static_cast<unsigned char>(link), link};
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&hop);
    multipath.insert(multipath.end(), begin, begin + sizeof hop);
    multipath.insert(multipath.end(), nested.begin(), nested.end());
  }
  const auto routes = decode_routes(NetlinkBuilder()
                                        .message(RTM_NEWROUTE, route_header(AF_INET, 0))
                                        .attribute(RTA_MULTIPATH, ByteView(multipath))
                                        .bytes(),
                                    {});
  ASSERT_TRUE(routes) << routes.error().message;
  ASSERT_EQ(routes->front().next_hops.size(), 2U);
  EXPECT_EQ(routes->front().next_hops[1].link, IfIndex{3});
  EXPECT_EQ(routes->front().next_hops[1].weight, 4U);
  EXPECT_EQ(routes->front().next_hops[1].gateway, gateway);
}

TEST(Routes, NextHopObjectsAndTheirGroupsAreResolvedByNumber) {
  const IpAddress gateway = ip("10.0.0.1");
  const nexthop_grp group[] = {{5, 2, 0, 0}, {99, 0, 0, 0}};
  const auto objects = decode_next_hop_objects(
      NetlinkBuilder()
          .message(RTM_NEWNEXTHOP, nhmsg{AF_INET, 0, 0, 0, 0})
          .attribute(NHA_ID, std::uint32_t{5})
          .attribute(NHA_OIF, std::uint32_t{8})
          .attribute(NHA_GATEWAY, octets(gateway))
          .message(RTM_NEWNEXTHOP, nhmsg{})
          .attribute(NHA_ID, std::uint32_t{6})
          .attribute(NHA_GROUP,
                     ByteView(reinterpret_cast<const std::uint8_t*>(group), sizeof group))
          .bytes());
  ASSERT_TRUE(objects);
  const auto routes = decode_routes(NetlinkBuilder()
                                        .message(RTM_NEWROUTE, route_header(AF_INET, 0))
                                        .attribute(RTA_NH_ID, std::uint32_t{6})
                                        .bytes(),
                                    *objects);
  ASSERT_TRUE(routes);
  ASSERT_EQ(routes->front().next_hops.size(), 1U) << "the member that does not exist is left out";
  EXPECT_EQ(routes->front().next_hops.front().gateway, gateway);
  EXPECT_EQ(routes->front().next_hops.front().weight, 3U);
  EXPECT_EQ(routes->front().next_hop_id, 6U);
}

// ------------------------------------------------------------------------------------------ rules

TEST(RoutingRules, SelectorsAndTheAbsentOnesAreToldApart) {
  fib_rule_hdr header{};
  header.family = AF_INET6;
  header.action = FR_ACT_TO_TBL;
  header.src_len = 64;
  header.flags = FIB_RULE_INVERT;
  const IpAddress source = ip("fd00:1::");
  const fib_rule_port_range ports{80, 90};
  const auto rules = decode_routing_rules(
      NetlinkBuilder()
          .message(RTM_NEWRULE, header)
          .attribute(FRA_SRC, octets(source))
          .attribute(FRA_PRIORITY, std::uint32_t{1000})
          .attribute(FRA_TABLE, std::uint32_t{300})
          .attribute(FRA_FWMARK, std::uint32_t{2})
          .attribute(FRA_FWMASK, std::uint32_t{0xff})
          .attribute(FRA_SUPPRESS_PREFIXLEN, ~std::uint32_t{0})
          .attribute(FRA_IP_PROTO, std::uint8_t{6})
          .attribute(FRA_DPORT_RANGE, ByteView(reinterpret_cast<const std::uint8_t*>(&ports), 4))
          .bytes());
  ASSERT_TRUE(rules);
  const model::RoutingRule& rule = rules->front();
  EXPECT_EQ(rule.family, IpFamily::kV6);
  EXPECT_TRUE(rule.inverted);
  EXPECT_EQ(rule.source, net("fd00:1::/64"));
  EXPECT_EQ(rule.table, 300U);
  EXPECT_EQ(rule.mark_mask, 0xffU);
  EXPECT_FALSE(rule.suppress_prefix_length) << "-1 is how the kernel says none";
  EXPECT_EQ(rule.protocol, IpProtocol::kTcp);
  ASSERT_TRUE(rule.destination_port);
  EXPECT_EQ(rule.destination_port->first.number, 80);
  EXPECT_EQ(rule.destination_port->last.number, 90);
  EXPECT_FALSE(rule.other_conditions);
}

TEST(RoutingRules, AConditionThatTheModelLacksIsNotPassedOver) {
  fib_rule_hdr header{};
  header.family = AF_INET;
  for (const std::uint16_t type :
       {25, 26, 28, 30, 40}) {  // DSCP, flow label, port mask, DSCP mask, new
    const auto rules = decode_routing_rules(
        NetlinkBuilder().message(RTM_NEWRULE, header).attribute(type, std::uint8_t{1}).bytes());
    ASSERT_TRUE(rules);
    EXPECT_TRUE(rules->front().other_conditions) << type;
  }
}

// ------------------------------------------------------------------------------------- neighbours

TEST(Neighbours, ReceiveFiltersOfADeviceAreNoForwardingEntries) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = 5;
  header.ndm_flags = NTF_SELF;
  const std::uint8_t group[] = {0x33, 0x33, 0, 0, 0, 1}, zero[6] = {};
  const IpAddress remote = ip("192.0.2.9");
  const auto fdb = decode_fdb(NetlinkBuilder()
                                  .message(RTM_NEWNEIGH, header)
                                  .attribute(NDA_LLADDR, ByteView(group))
                                  .message(RTM_NEWNEIGH, header)
                                  .attribute(NDA_LLADDR, ByteView(zero))
                                  .attribute(NDA_DST, octets(remote))
                                  .bytes());
  ASSERT_TRUE(fdb);
  ASSERT_EQ(fdb->size(), 1U);
  EXPECT_EQ(fdb->front().destination, remote);
}

// ---------------------------------------------------------------------------------------- hostile

using Decoder = bool (*)(ByteView);
struct HostileRow {
  const char* name;
  std::uint16_t type;
  std::size_t header;
  Decoder decode;
};
const HostileRow kHostile[] = {
    {"links", RTM_NEWLINK, sizeof(ifinfomsg),
     [](ByteView b) { return decode_links(b).has_value(); }},
    {"qdiscs", RTM_NEWQDISC, sizeof(tcmsg),
     [](ByteView b) { return decode_filtered_links(b).has_value(); }},
    {"addresses", RTM_NEWADDR, sizeof(ifaddrmsg),
     [](ByteView b) { return decode_addresses(b).has_value(); }},
    {"routes", RTM_NEWROUTE, sizeof(rtmsg),
     [](ByteView b) { return decode_routes(b, {}).has_value(); }},
    {"next hops", RTM_NEWNEXTHOP, sizeof(nhmsg),
     [](ByteView b) { return decode_next_hop_objects(b).has_value(); }},
    {"rules", RTM_NEWRULE, sizeof(fib_rule_hdr),
     [](ByteView b) { return decode_routing_rules(b).has_value(); }},
    {"neighbours", RTM_NEWNEIGH, sizeof(ndmsg),
     [](ByteView b) { return decode_neighbours(b).has_value(); }},
    {"fdb", RTM_NEWNEIGH, sizeof(ndmsg), [](ByteView b) { return decode_fdb(b).has_value(); }},
    {"ids", RTM_NEWNSID, 4, [](ByteView b) { return decode_namespace_ids(b).has_value(); }},
};

Bytes message_of(std::uint16_t type, std::uint32_t claimed, std::size_t body) {
  Bytes bytes(sizeof(nlmsghdr) + body, 0);
  std::memcpy(bytes.data(), &claimed, 4);
  std::memcpy(bytes.data() + 4, &type, 2);
  return bytes;
}

TEST(HostileNetlink, LengthsThatLieAreErrorsNotReads) {
  for (const HostileRow& row : kHostile) {
    const auto whole = static_cast<std::uint32_t>(sizeof(nlmsghdr) + row.header);
    EXPECT_TRUE(row.decode({})) << row.name << ": an empty dump is no error";
    EXPECT_FALSE(row.decode(message_of(row.type, whole + 400, row.header)))
        << row.name << ": too long";
    EXPECT_FALSE(row.decode(message_of(row.type, 3, row.header)))
        << row.name << ": shorter than its header";
    EXPECT_FALSE(row.decode(message_of(row.type, whole - 2, row.header - 2)))
        << row.name << ": no room for its structure";
    EXPECT_FALSE(row.decode(message_of(row.type, 0, 0))) << row.name << ": no length at all";
    Bytes attribute = message_of(row.type, whole + 8, row.header + 8);
    const std::uint16_t lie = 200;
    std::memcpy(attribute.data() + whole, &lie, 2);
    EXPECT_FALSE(row.decode(attribute)) << row.name << ": attribute longer than its message";
  }
}

TEST(HostileNetlink, PrefixLongerThanItsAddressIsAnError) {
  EXPECT_FALSE(
      decode_routes(NetlinkBuilder().message(RTM_NEWROUTE, route_header(AF_INET, 33)).bytes(), {}));
  EXPECT_FALSE(decode_routes(
      NetlinkBuilder().message(RTM_NEWROUTE, route_header(AF_INET6, 129)).bytes(), {}));
}

TEST(HostileNetlink, MultipathWhoseLengthIsZeroEnds) {
  const Bytes hops(sizeof(rtnexthop) * 4, 0);
  const auto routes = decode_routes(NetlinkBuilder()
                                        .message(RTM_NEWROUTE, route_header(AF_INET, 0))
                                        .attribute(RTA_MULTIPATH, ByteView(hops))
                                        .bytes(),
                                    {});
  EXPECT_FALSE(routes);
}

}  // namespace
}  // namespace bulkhead::collect
