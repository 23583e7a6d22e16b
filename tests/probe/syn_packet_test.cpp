#include "probe/syn_packet.h"

#include <gtest/gtest.h>

#include <vector>

namespace bulkhead::probe {
namespace {

const SynKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

// The reference implementation's vectors (Aumasson and Bernstein, appendix A and vectors.h): the
// message is 00 01 02 ...
TEST(SipHash, IsThatOfItsAuthors) {
  std::vector<std::uint8_t> message;
  EXPECT_EQ(siphash(kKey, message), 0x726fdb47dd0e0e31ULL);
  for (std::uint8_t i = 0; i < 15; ++i) message.push_back(i);
  EXPECT_EQ(siphash(kKey, message), 0xa129ca6149be45e5ULL);
}

class Syn : public testing::TestWithParam<IpFamily> {
 protected:
  static SynPair pair() {
    const bool v4 = GetParam() == IpFamily::kV4;
    return {IpAddress::parse(v4 ? "10.0.0.1" : "fd00::1").value(),
            IpAddress::parse(v4 ? "10.0.0.2" : "fd00::2").value(), Port{40001}};
  }
  // RFC 9293 3.1: the sum over pseudo header and segment, as a receiver does it.
  static std::uint32_t received_sum(const SynPair& pair, std::span<const std::uint8_t> segment) {
    std::vector<std::uint8_t> all;
    for (const IpAddress* address : {&pair.source, &pair.to}) {
      for (const std::uint8_t octet : address->octets()) all.push_back(octet);
    }
    all.insert(all.end(), {0, 6, 0, static_cast<std::uint8_t>(segment.size())});
    all.insert(all.end(), segment.begin(), segment.end());
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < all.size(); i += 2) sum += all[i] * 256U + all[i + 1];
    return (sum & 0xffff) + (sum >> 16);
  }
  // What the target answers: to the port `from`, `ack` onward.
  static std::vector<std::uint8_t> answer(Port from, std::uint8_t flags, std::uint32_t ack) {
    std::vector<std::uint8_t> out(20, 0);
    const auto put = [&](std::size_t at, std::uint32_t value) {
      out[at] = static_cast<std::uint8_t>(value >> 8),
      out[at + 1] = static_cast<std::uint8_t>(value);
    };
    put(0, from.number), put(2, 40001), put(8, ack >> 16), put(10, ack & 0xffff);
    out[12] = 5 << 4, out[13] = flags;
    return out;
  }
};

TEST_P(Syn, HasAChecksumThatAReceiverAccepts) {
  const SynPackets packets(kKey, pair());
  for (const std::uint16_t port : {1, 80, 32768, 65535})
    EXPECT_EQ(received_sum(pair(), packets.make(Port{port})), 0xffffU) << port;
}

TEST_P(Syn, EachPortHasItsOwnSequenceNumber) {
  const SynPackets packets(kKey, pair());
  const SynPackets other({1, 2}, pair());
  EXPECT_NE(packets.sequence(Port{80}), packets.sequence(Port{81}));
  EXPECT_NE(packets.sequence(Port{80}), other.sequence(Port{80}));
}

TEST_P(Syn, OnlyAnAnswerToOurQuestionIsRead) {
  const SynPackets packets(kKey, pair());
  const std::uint32_t next = packets.sequence(Port{80}) + 1;
  const auto open = packets.read(answer(Port{80}, 0x12, next));
  ASSERT_TRUE(open);
  EXPECT_TRUE(open->open);
  EXPECT_EQ(open->port, Port{80});
  const auto reset = packets.read(answer(Port{80}, 0x14, next));
  ASSERT_TRUE(reset);
  EXPECT_FALSE(reset->open);
  EXPECT_FALSE(packets.read(answer(Port{80}, 0x12, next + 1)));  // forged, or of another scan
  EXPECT_FALSE(packets.read(answer(Port{81}, 0x12, next)));
  EXPECT_FALSE(packets.read(answer(Port{80}, 0x10, next)));  // ACK alone
  EXPECT_FALSE(packets.read(answer(Port{80}, 0x04, next)));  // RST that acknowledges nothing
  EXPECT_FALSE(packets.read(answer(Port{80}, 0x02, next)));  // our own SYN on the loopback
  auto elsewhere = answer(Port{80}, 0x12, next);
  elsewhere[3] ^= 1;
  EXPECT_FALSE(packets.read(elsewhere));
}

TEST_P(Syn, TruncatedSegmentsAreNotRead) {
  const SynPackets packets(kKey, pair());
  const auto whole = answer(Port{80}, 0x12, packets.sequence(Port{80}) + 1);
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(packets.read(ByteView(whole).first(length))) << length;
  const SynBytes ours = packets.make(Port{80});
  for (std::size_t length = 0; length < 8; ++length)
    EXPECT_FALSE(packets.read_quote(ByteView(ours).first(length))) << length;
}

TEST_P(Syn, AQuoteOfOurOwnSynNamesItsPort) {
  const SynPackets packets(kKey, pair());
  SynBytes ours = packets.make(Port{443});
  EXPECT_EQ(packets.read_quote(ByteView(ours).first(8)), Port{443});
  ours[7] ^= 1;
  EXPECT_EQ(packets.read_quote(ours), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Both, Syn, testing::Values(IpFamily::kV4, IpFamily::kV6),
                         [](const auto& row) {
                           return std::string(row.param == IpFamily::kV4 ? "v4" : "v6");
                         });

TEST(Ipv4Header, LengthsThatLieGiveNothing) {
  std::vector<std::uint8_t> packet(44, 0);
  packet[0] = 0x46, packet[9] = 6;
  EXPECT_EQ(behind_ipv4_header(packet).size(), 20U);
  packet[0] = 0x4f;  // 60 bytes of header in 44
  EXPECT_TRUE(behind_ipv4_header(packet).empty());
  packet[0] = 0x44;  // 16 bytes
  EXPECT_TRUE(behind_ipv4_header(packet).empty());
  packet[0] = 0x65;
  EXPECT_TRUE(behind_ipv4_header(packet).empty());
  packet[0] = 0x45, packet[9] = 17;
  EXPECT_TRUE(behind_ipv4_header(packet).empty());
  EXPECT_TRUE(behind_ipv4_header(ByteView(packet).first(19)).empty());
}

}  // namespace
}  // namespace bulkhead::probe
