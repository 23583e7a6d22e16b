#include "conntrack/decode.h"

#include <gtest/gtest.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <bit>

#include "collect/netlink_builder.h"

namespace bulkhead::conntrack {
namespace {

using collect::ip;
using collect::NetlinkBuilder;

template <class T>
T big(T value) {
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

Bytes tuple(std::string_view from, std::string_view to, std::uint8_t protocol, std::uint16_t sport,
            std::uint16_t dport) {
  const IpAddress source = ip(from), destination = ip(to);
  NetlinkBuilder addresses, ports, both;
  addresses.attribute(source.is_v4() ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ByteView(source.octets()))
      .attribute(source.is_v4() ? CTA_IP_V4_DST : CTA_IP_V6_DST, ByteView(destination.octets()));
  ports.attribute(CTA_PROTO_NUM, protocol)
      .attribute(CTA_PROTO_SRC_PORT, big(sport))
      .attribute(CTA_PROTO_DST_PORT, big(dport));
  both.attribute(CTA_TUPLE_IP, ByteView(addresses.raw()))
      .attribute(CTA_TUPLE_PROTO, ByteView(ports.raw()));
  return both.raw();
}

struct Told {
  std::uint16_t kind = IPCTNL_MSG_CT_NEW, flags = NLM_F_CREATE;
  std::uint8_t protocol = 6, tcp_state = TCP_CONNTRACK_SYN_SENT, tcp_flags = 0;
  std::uint32_t status = IPS_CONFIRMED;
};

Bytes told(const Told& what) {
  NetlinkBuilder tcp, info, out;
  tcp.attribute(CTA_PROTOINFO_TCP_STATE, what.tcp_state)
      .attribute(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
                 static_cast<std::uint16_t>(what.tcp_flags | what.tcp_flags << 8));
  info.attribute(CTA_PROTOINFO_TCP, ByteView(tcp.raw()));
  const nfgenmsg header{AF_INET, NFNETLINK_V0, 0};
  out.message(static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | what.kind), header,
              what.flags)
      .attribute(CTA_TUPLE_ORIG,
                 ByteView(tuple("198.51.100.7", "192.0.2.10", what.protocol, 4000, 8080)))
      .attribute(CTA_TUPLE_REPLY, ByteView(tuple("10.1.1.2", "10.1.1.1", what.protocol, 80, 4001)))
      .attribute(CTA_STATUS, big(what.status))
      .attribute(CTA_ID, big(std::uint32_t{77}))
      .attribute(CTA_TIMEOUT, big(std::uint32_t{120}));
  if (what.protocol == 6) out.attribute(CTA_PROTOINFO, ByteView(info.raw()));
  return out.bytes();
}

flows::Connection one(const Told& what) {
  const Decoded decoded = decode_flows(told(what));
  EXPECT_EQ(decoded.broken, 0U);
  EXPECT_EQ(decoded.connections.size(), 1U);
  return decoded.connections.empty() ? flows::Connection{} : decoded.connections.front();
}

TEST(DecodeFlows, TellsWhoDialledAndWhoServed) {
  const flows::Connection c = one({});
  EXPECT_EQ(c.turn, flows::Turn::kBegins);
  EXPECT_EQ(c.id, 77U);
  EXPECT_EQ(c.asked.source, ip("198.51.100.7"));
  EXPECT_EQ(c.asked.destination, ip("192.0.2.10"));
  EXPECT_EQ(c.asked.destination_port.number, 8080);
  EXPECT_EQ(c.answer.source, ip("10.1.1.2"));
  EXPECT_EQ(c.answer.source_port.number, 80);
  EXPECT_EQ(c.left_s, 120U);
  EXPECT_FALSE(c.answered);
}

TEST(DecodeFlows, TellsBeginningsEndsAndWhatIsThere) {
  EXPECT_EQ(one({.kind = IPCTNL_MSG_CT_DELETE, .flags = 0}).turn, flows::Turn::kEnds);
  EXPECT_EQ(one({.flags = NLM_F_MULTI}).turn, flows::Turn::kIsThere);
}

// A reply alone is what a half-open scan gets, too.
TEST(DecodeFlows, TcpIsAnsweredWhenItsHandshakeIsOver) {
  EXPECT_FALSE(one({.status = IPS_SEEN_REPLY}).answered);
  EXPECT_TRUE(one({.status = IPS_SEEN_REPLY | IPS_ASSURED}).answered);
  EXPECT_TRUE(one({.protocol = 17, .status = IPS_SEEN_REPLY}).answered);
}

TEST(DecodeFlows, WhatWasPickedUpIsUnclearAndWhatWasOffloadedIsNot) {
  EXPECT_TRUE(one({.tcp_flags = IP_CT_TCP_FLAG_BE_LIBERAL}).unclear);
  EXPECT_FALSE(one({.tcp_flags = IP_CT_TCP_FLAG_BE_LIBERAL, .status = IPS_OFFLOAD}).unclear);
  EXPECT_TRUE(one({.status = IPS_EXPECTED}).unclear);
  EXPECT_FALSE(one({.tcp_flags = IP_CT_TCP_FLAG_SACK_PERM}).unclear);
}

TEST(DecodeFlows, WhatIsCutShortIsCountedAndNotRead) {
  const Bytes whole = told({});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const Decoded decoded = decode_flows(ByteView(whole).first(size));
    EXPECT_EQ(decoded.connections.size(), 0U) << size;
    EXPECT_EQ(decoded.broken, 1U) << size;
  }
}

TEST(DecodeLinks, TellsWhatCameAndWent) {
  const auto link = [](std::uint16_t type, std::uint8_t family, int index) {
    ifinfomsg header{};
    header.ifi_family = family;
    header.ifi_index = index;
    return NetlinkBuilder().message(type, header).bytes();
  };
  Bytes all = link(RTM_NEWLINK, AF_UNSPEC, 7);
  for (const Bytes& more : {link(RTM_DELLINK, AF_BRIDGE, 7), link(RTM_DELLINK, AF_UNSPEC, 8),
                            link(RTM_NEWLINK, AF_UNSPEC, -1)})
    all.insert(all.end(), more.begin(), more.end());
  const auto turns = decode_links(all);
  ASSERT_EQ(turns.size(), 2U);
  EXPECT_EQ(turns[0].link.value, 7U);
  EXPECT_TRUE(turns[0].came);
  EXPECT_EQ(turns[1].link.value, 8U);
  EXPECT_FALSE(turns[1].came);
}

}  // namespace
}  // namespace bulkhead::conntrack
