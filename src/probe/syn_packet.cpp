#include "probe/syn_packet.h"

#include <bit>

namespace bulkhead::probe {
namespace {

constexpr std::uint8_t kSyn = 0x02, kRst = 0x04, kAck = 0x10;
constexpr std::size_t kFlagsAt = 13, kChecksumAt = 16, kTcpHeader = 20;

void put16(SynBytes& bytes, std::size_t at, std::uint32_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
void put32(SynBytes& bytes, std::size_t at, std::uint32_t value) {
  put16(bytes, at, value >> 16);
  put16(bytes, at + 2, value & 0xffff);
}
std::uint32_t get16(ByteView bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 8 | bytes[at + 1];
}
std::uint32_t get32(ByteView bytes, std::size_t at) {
  return get16(bytes, at) << 16 | get16(bytes, at + 2);
}

// Byte by byte: a sum through pointers to other types is wrong as soon as the compiler may assume
// that they do not alias.
std::uint64_t sum16(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += std::uint32_t{bytes[i]} << 8 | bytes[i + 1];
  return sum;
}

std::uint32_t folded(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>(~sum & 0xffff);
}

void sip_round(std::array<std::uint64_t, 4>& v) {
  v[0] += v[1], v[1] = std::rotl(v[1], 13) ^ v[0], v[0] = std::rotl(v[0], 32);
  v[2] += v[3], v[3] = std::rotl(v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = std::rotl(v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = std::rotl(v[1], 17) ^ v[2], v[2] = std::rotl(v[2], 32);
}

void sip_word(std::array<std::uint64_t, 4>& v, std::uint64_t word) {
  v[3] ^= word;
  sip_round(v);
  sip_round(v);
  v[0] ^= word;
}

}  // namespace

std::uint64_t siphash(const SynKey& key, std::span<const std::uint8_t> bytes) {
  std::array<std::uint64_t, 4> v = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                                    key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
  std::uint64_t word = 0;
  std::size_t i = 0;
  for (; i < bytes.size(); ++i) {
    word |= std::uint64_t{bytes[i]} << (8 * (i % 8));
    if (i % 8 != 7) continue;
    sip_word(v, word);
    word = 0;
  }
  sip_word(v, word | std::uint64_t{bytes.size() & 0xff} << 56);
  v[2] ^= 0xff;
  for (int round = 0; round < 4; ++round) sip_round(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

SynPackets::SynPackets(const SynKey& key, const SynPair& pair) : key_(key), pair_(pair) {
  fixed_sum_ = sum16(pair_.source.octets()) + sum16(pair_.to.octets()) +
               static_cast<std::uint64_t>(IpProtocol::kTcp) + kSynBytes;
}

std::uint32_t SynPackets::sequence(Port to) const {
  std::array<std::uint8_t, 36> question{};
  std::size_t at = 0;
  for (const IpAddress* address : {&pair_.source, &pair_.to}) {
    for (const std::uint8_t octet : address->octets()) question[at++] = octet;
  }
  for (const Port port : {pair_.source_port, to}) {
    question[at++] = static_cast<std::uint8_t>(port.number >> 8);
    question[at++] = static_cast<std::uint8_t>(port.number);
  }
  return static_cast<std::uint32_t>(siphash(key_, std::span(question).first(at)));
}

SynBytes SynPackets::make(Port to) const {
  constexpr std::uint32_t kWindow = 64240, kMostSegment = 1460;
  SynBytes bytes{};
  put16(bytes, 0, pair_.source_port.number);
  put16(bytes, 2, to.number);
  put32(bytes, 4, sequence(to));
  bytes[12] = (kSynBytes / 4) << 4;
  bytes[kFlagsAt] = kSyn;
  put16(bytes, 14, kWindow);
  put32(bytes, kTcpHeader, 0x02040000 | kMostSegment);  // RFC 9293 3.7.1: kind 2, length 4
  put16(bytes, kChecksumAt, folded(fixed_sum_ + sum16(bytes)));
  return bytes;
}

std::optional<SynPackets::Answer> SynPackets::read(ByteView segment) const {
  if (segment.size() < kTcpHeader) return std::nullopt;
  const std::uint8_t flags = segment[kFlagsAt];
  const bool reset = (flags & kRst) != 0;
  const bool accepted = (flags & (kSyn | kAck)) == (kSyn | kAck) && !reset;
  if ((flags & kAck) == 0 || (!reset && !accepted)) return std::nullopt;
  if (get16(segment, 2) != pair_.source_port.number) return std::nullopt;
  const Port port{static_cast<std::uint16_t>(get16(segment, 0))};
  if (get32(segment, 8) != sequence(port) + 1) return std::nullopt;
  return Answer{port, accepted};
}

std::optional<Port> SynPackets::read_quote(ByteView segment) const {
  if (segment.size() < 8 || get16(segment, 0) != pair_.source_port.number) return std::nullopt;
  const Port port{static_cast<std::uint16_t>(get16(segment, 2))};
  if (get32(segment, 4) != sequence(port)) return std::nullopt;
  return port;
}

ByteView behind_ipv4_header(ByteView packet) {
  constexpr std::size_t kIpHeader = 20, kProtocolAt = 9;
  if (packet.size() < kIpHeader || packet[0] >> 4 != 4) return {};
  const std::size_t header = std::size_t{packet[0] & 0xfU} * 4;
  if (header < kIpHeader || header > packet.size()) return {};
  if (packet[kProtocolAt] != static_cast<std::uint8_t>(IpProtocol::kTcp)) return {};
  return packet.subspan(header);
}

}  // namespace bulkhead::probe
