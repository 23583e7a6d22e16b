#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include "collect/listing.h"
#include "collect/netlink_builder.h"
#include "collect/sockdiag.h"

namespace bulkhead::collect {
namespace {

inet_diag_msg socket_message(std::string_view address, std::uint16_t port) {
  inet_diag_msg message{};
  const IpAddress parsed = ip(address);
  message.idiag_family = parsed.is_v4() ? AF_INET : AF_INET6;
  message.id.idiag_sport = htons(port);
  std::memcpy(message.id.idiag_src, parsed.octets().data(), parsed.octets().size());
  return message;
}

TEST(Sockets, AddressPortInterfaceAndV6OnlyAreRead) {
  inet_diag_msg message = socket_message("fd00::7", 8080);
  message.id.idiag_if = 9;
  message.idiag_inode = 4711;
  message.idiag_uid = 33;
  const auto sockets =
      decode_sockets(NetlinkBuilder()
                         .message(SOCK_DIAG_BY_FAMILY, message)
                         .attribute(INET_DIAG_SKV6ONLY, std::uint8_t{1})
                         .message(SOCK_DIAG_BY_FAMILY, socket_message("0.0.0.0", 53))
                         .bytes(),
                     IpProtocol::kTcp);
  ASSERT_TRUE(sockets);
  ASSERT_EQ(sockets->size(), 2U);
  const model::Socket& first = sockets->front();
  EXPECT_EQ(first.address, ip("fd00::7"));
  EXPECT_EQ(first.port.number, 8080);
  EXPECT_TRUE(first.v6_only);
  EXPECT_EQ(first.bound_to, IfIndex{9});
  EXPECT_EQ(first.inode, 4711U);
  EXPECT_EQ(first.uid, 33U);
  EXPECT_FALSE(first.peer);
  EXPECT_EQ(sockets->back().address, ip("0.0.0.0"));
}

TEST(Sockets, AConnectedUdpSocketKeepsItsPeer) {
  inet_diag_msg message = socket_message("10.0.0.1", 5000);
  message.id.idiag_dport = htons(53);
  const IpAddress peer = ip("10.0.0.2");
  std::memcpy(message.id.idiag_dst, peer.octets().data(), 4);
  const auto sockets = decode_sockets(
      NetlinkBuilder().message(SOCK_DIAG_BY_FAMILY, message).bytes(), IpProtocol::kUdp);
  ASSERT_TRUE(sockets);
  EXPECT_EQ(sockets->front().peer, peer);
  EXPECT_EQ(sockets->front().peer_port, Port{53});
}

TEST(Sockets, MessagesThatLieAreErrors) {
  inet_diag_msg message = socket_message("10.0.0.1", 80);
  message.idiag_family = 77;
  EXPECT_FALSE(decode_sockets(NetlinkBuilder().message(SOCK_DIAG_BY_FAMILY, message).bytes(),
                              IpProtocol::kTcp));
  Bytes cut = NetlinkBuilder().message(SOCK_DIAG_BY_FAMILY, socket_message("10.0.0.1", 80)).bytes();
  for (std::size_t size = 1; size < cut.size(); ++size) {
    EXPECT_FALSE(decode_sockets(ByteView(cut).first(size), IpProtocol::kTcp)) << size;
  }
}

constexpr const char* kTcpText =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 "
    "4711 1 0 1\n"
    "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000    33        0 "
    "4712 1 0 1\n";

TEST(SocketText, OnlyListenersOfTcpAreTaken) {
  if (std::endian::native != std::endian::little)
    GTEST_FAIL() << "the text is that of such a machine";
  const auto sockets = parse_socket_text(kTcpText, IpFamily::kV4, IpProtocol::kTcp);
  ASSERT_TRUE(sockets) << sockets.error().message;
  ASSERT_EQ(sockets->size(), 1U);
  EXPECT_EQ(sockets->front().address, ip("127.0.0.1"));
  EXPECT_EQ(sockets->front().port.number, 8080);
  EXPECT_EQ(sockets->front().inode, 4711U);
  EXPECT_EQ(sockets->front().uid, 33U);
}

TEST(SocketText, WordsOfAnIPv6AddressAreEachInTheHostsOrder) {
  const auto sockets = parse_socket_text(
      "header\n   0: B80D0120000000000000000001000000:0050 00000000000000000000000000000000:0000 "
      "0A "
      "0:0 0:0 0 0 0 12 1\n",
      IpFamily::kV6, IpProtocol::kTcp);
  ASSERT_TRUE(sockets) << sockets.error().message;
  EXPECT_EQ(sockets->front().address, ip("2001:db8::1"));
  EXPECT_EQ(sockets->front().port.number, 80);
}

TEST(SocketText, LinesThatAreNotUnderstoodAreErrors) {
  for (const char* line :
       {"0: zz", "0: 0100007F:1F90", "0: 0100007F:1F9 00000000:0000 0A 0 0 0 0 0 0",
        "0: 0100007F:1F90 00000000:0000 0A 0 0 0 x 0 12", "\xff\xff"}) {
    EXPECT_FALSE(parse_socket_text(std::string("header\n") + line, IpFamily::kV4, IpProtocol::kTcp))
        << line;
  }
}

// ----------------------------------------------------------------------------------------- owners

TEST(Cgroups, TheContainerIsFoundInEachEnginesSpelling) {
  const std::string id(64, 'a'), other(64, 'b');
  struct Row {
    std::string text, path, container;
  };
  const Row rows[] = {
      {"0::/system.slice/docker-" + id + ".scope\n", "/system.slice/docker-" + id + ".scope", id},
      {"12:memory:/docker/" + id + "\n0::/\n", "/docker/" + id, id},
      {"0::/machine.slice/libpod-" + id + ".scope/container\n",
       "/machine.slice/libpod-" + id + ".scope/container", id},
      {"0::/docker/" + id + "/docker/" + other + "\n", "/docker/" + id + "/docker/" + other, other},
      {"0::/system.slice/ssh.service\n", "/system.slice/ssh.service", ""},
      {"5:cpu:/old\n0::/\n", "/old", ""},
      {"0::/docker/" + id + "a\n", "/docker/" + id + "a", ""},  // 65 digits name nothing
      {"", "", ""},
      {"no colons\n", "", ""}};
  for (const Row& row : rows) {
    const CgroupName name = parse_cgroup(row.text);
    EXPECT_EQ(name.path, row.path) << row.text;
    EXPECT_EQ(name.container_id, row.container) << row.text;
  }
}

Bytes owner_record(std::uint32_t pid, std::uint32_t claimed, std::vector<std::uint64_t> inodes) {
  Bytes out;
  const auto put = [&out](const auto& value) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
    out.insert(out.end(), begin, begin + sizeof value);
  };
  put(pid);
  put(std::uint32_t{0});
  for (int i = 0; i < 3; ++i) put(std::uint32_t{0});
  put(claimed);
  for (const std::uint64_t inode : inodes) {
    put(inode);
    put(std::int32_t{-1});
    put(std::int32_t{4});
  }
  return out;
}

TEST(Owners, ASharedSocketHasSeveralButNoMoreThanSixteen) {
  Bytes bytes;
  for (std::uint32_t pid = 1; pid <= 40; ++pid) {
    const Bytes record = owner_record(pid, 1, {99});
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  const auto owners = decode_owners(bytes);
  ASSERT_TRUE(owners);
  ASSERT_EQ(owners->at(99).owners.size(), 16U);
  EXPECT_EQ(owners->at(99).owners.front().pid, 1U);
  EXPECT_FALSE(owners->at(99).v6_only) << "-1 is not known";
  EXPECT_EQ(owners->at(99).bound_to, IfIndex{4});
}

TEST(Owners, CountsThatLieAreErrorsBeforeMemoryIsTaken) {
  EXPECT_FALSE(decode_owners(owner_record(1, 0xffffffff, {1, 2})));
  EXPECT_FALSE(decode_owners(owner_record(1, 3, {1, 2})));
  const Bytes whole = owner_record(1, 1, {7});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_owners(ByteView(whole).first(size))) << size;
  }
}

// ---------------------------------------------------------------------------- namespaces, sysctls

TEST(Namespaces, CountsThatLieAreErrorsBeforeMemoryIsTaken) {
  Bytes bytes(8, 1);
  bytes.resize(12, 0xff);  // 4 billion processes
  EXPECT_FALSE(decode_namespaces(bytes));
  bytes.assign(12, 0);
  bytes.resize(16, 0xff);  // 4 billion paths
  EXPECT_FALSE(decode_namespaces(bytes));
  EXPECT_TRUE(decode_namespaces(Bytes(16, 0)));
}

TEST(SysctlList, ValuesReachTheirMembersAndOddOnesAreNamed) {
  std::string text;
  for (const char* part : {"ipv4/ip_forward", "1\n", "ipv4/ip_local_port_range", "32768\t60999\n",
                           "ipv4/conf/all/rp_filter", "2\n", "ipv6/conf/all/force_forwarding",
                           "1\n", "ipv4/ip_early_demux", ""}) {
    text.append(part).push_back('\0');
  }
  std::vector<std::string> unread;
  const auto sysctls = decode_sysctls(as_bytes(text), unread);
  ASSERT_TRUE(sysctls) << sysctls.error().message;
  EXPECT_EQ(sysctls->ip_forward, 1);
  EXPECT_EQ(sysctls->ip_local_port_first, 32768);
  EXPECT_EQ(sysctls->ip_local_port_last, 60999);
  EXPECT_EQ(sysctls->ipv4_all.rp_filter, 2);
  EXPECT_EQ(sysctls->ipv6_all.force_forwarding, 1);
  EXPECT_FALSE(sysctls->bridge_nf_call_iptables) << "absent is not zero";
  EXPECT_THAT(unread, testing::ElementsAre("ipv4/ip_early_demux"));
  EXPECT_FALSE(decode_sysctls(as_bytes("ipv4/ip_forward"), unread)) << "cut short";
}

}  // namespace
}  // namespace bulkhead::collect
