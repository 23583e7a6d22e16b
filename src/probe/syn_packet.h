// The bytes of half-open scanning: a SYN whose sequence number names the question, and answers read
// back. Pure. Numbers are in host order, bytes in network order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/address.h"
#include "base/bytes.h"

namespace bulkhead::probe {

using SynKey = std::array<std::uint64_t, 2>;  // secret, of one scan

// SipHash-2-4 (Aumasson and Bernstein, 2012).
[[nodiscard]] std::uint64_t siphash(const SynKey& key, std::span<const std::uint8_t> bytes);

// One's own end and the target's address: all of a question but the port.
struct SynPair {
  IpAddress source, to;
  Port source_port;
};

inline constexpr std::size_t kSynBytes = 24;  // with the option that says how long segments may be
using SynBytes = std::array<std::uint8_t, kSynBytes>;

class SynPackets {
 public:
  SynPackets(const SynKey& key, const SynPair& pair);

  // A TCP header with its checksum, for the kernel to put behind an IP header.
  [[nodiscard]] SynBytes make(Port to) const;
  [[nodiscard]] std::uint32_t sequence(Port to) const;
  [[nodiscard]] Port source_port() const { return pair_.source_port; }

  struct Answer {
    Port port;
    bool open = false;  // SYN/ACK; else RST
  };
  // A TCP header from the target. nullopt: not an answer to a SYN of ours (whoever does not know
  // its sequence number cannot forge one).
  [[nodiscard]] std::optional<Answer> read(ByteView segment) const;
  // The first bytes of our own SYN, as an ICMP error quotes them.
  [[nodiscard]] std::optional<Port> read_quote(ByteView segment) const;

 private:
  SynKey key_;
  SynPair pair_;
  std::uint64_t fixed_sum_ = 0;  // of the pseudo header
};

// The part of an IPv4 packet behind its header; empty when the lengths lie or it is no TCP.
[[nodiscard]] ByteView behind_ipv4_header(ByteView packet);

}  // namespace bulkhead::probe
