// A packet as bytes, made on demand from the fields of trace::Packet: what payload expressions
// read.
//
// Layers lie one after the other: Ethernet header (14 bytes, 18 with a VLAN tag, which rules see at
// its place although it travels beside the frame: nft_payload_copy_vlan()), network header (20, 40,
// or ARP's 28), transport header. What a snapshot cannot know is marked in `doubt`, bit by bit.
#pragma once

#include <array>
#include <cstdint>

#include "model/ruleset.h"
#include "trace/filter_value.h"
#include "trace/packet.h"

namespace bulkhead::trace::filtering {

// TCP, UDP and the others that begin with two ports.
[[nodiscard]] bool has_ports(IpProtocol protocol);

class Image {
 public:
  explicit Image(const Packet& packet);

  // False: the packet has no such bytes (NFT_BREAK). `base` is kLink, kNetwork or kTransport.
  [[nodiscard]] bool read(model::PayloadBase base, std::uint32_t offset, std::uint32_t length,
                          Value& out) const;

  enum class Written : std::uint8_t { kDone, kOutside, kDoubt };
  // Overlays bytes. kDoubt: a byte that matters would get a value that is not known.
  [[nodiscard]] Written write(model::PayloadBase base, std::uint32_t offset, const Value& value);
  // Takes the fields over that a packet holds (addresses, ports, TTL, TOS, flags, MACs).
  void store(Packet& packet) const;

 private:
  static constexpr std::size_t kLinkBytes = 14, kTagBytes = 4;
  static constexpr std::size_t kMost = kLinkBytes + kTagBytes + 40 + 24;

  void put(std::size_t at, std::uint64_t number, std::size_t width);
  void put(std::size_t at, std::span<const std::uint8_t> bytes);
  void unknown(std::size_t at, std::size_t count, std::uint8_t bits = 0xff);
  void put_arp(const Arp& arp);
  void put_ipv4(const Packet& packet);
  void put_ipv6(const Packet& packet);
  void put_transport(const Packet& packet);
  [[nodiscard]] std::size_t start(model::PayloadBase base) const;

  std::array<std::uint8_t, kMost> bytes_{};
  std::array<std::uint8_t, kMost> doubt_{};
  std::size_t network_ = kLinkBytes;  // where it starts
  std::size_t transport_ = 0;         // the same
  std::size_t known_ = 0;             // bytes of the headers that are laid out
  std::size_t end_ = 0;               // of the packet; between known_ and end_ nothing is known
};

}  // namespace bulkhead::trace::filtering
