// A frame as rows of bits: Ethernet header, network header without options or extensions, transport
// header. Inside reach/chain only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "reach/chain/context.h"

namespace bulkhead::reach::chains {

// IPPROTO_* as fields hold them.
namespace protocol {
inline constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kDccp = 33, kIcmpV6 = 58, kSctp = 132,
                              kUdpLite = 136;
}

// Kinds of transport headers.
enum class Transport : std::uint8_t { kTcp, kUdp, kOtherPorts, kIcmp, kOther };
inline constexpr std::array<Transport, 5> kTransports = {
    Transport::kTcp, Transport::kUdp, Transport::kOtherPorts, Transport::kIcmp, Transport::kOther};
[[nodiscard]] packet::IntervalSet protocols_of(Transport transport);
// The kinds that packets which the rule's matches leave may have: bit i stands for kTransports[i].
[[nodiscard]] unsigned possible_transports(const Here& here);

class Frame {
 public:
  static constexpr std::size_t kLinkBytes = 14, kArpBytes = 28;

  Frame(const Here& here, Transport transport);

  struct Place {  // of a bit: in a quantity that rules may write
    std::optional<Quantity> quantity;
    unsigned bit = 0;  // 0: the most significant
  };
  [[nodiscard]] std::size_t known_bytes() const { return bits_.size() / 8; }
  [[nodiscard]] std::size_t transport_start() const { return transport_start_; }
  [[nodiscard]] Bit bit(std::size_t i) const {
    return i < bits_.size() ? bits_[i] : Bit::unknown();
  }
  [[nodiscard]] Place place(std::size_t i) const {
    return i < places_.size() ? places_[i] : Place{};
  }

 private:
  void put(Quantity quantity, bool writable);
  void constant(std::uint64_t number, unsigned bits);
  void unknown(unsigned bits);
  template <class Function>
  void length(Function function);
  void ipv4();
  void ipv6();
  void arp();
  void transport(Transport kind);

  const Here& here_;
  Bits bits_;
  std::vector<Place> places_;
  std::size_t transport_start_ = 0;
};

// Where an expression's bytes begin in the frame; nullopt: inside what the packet carries.
[[nodiscard]] std::optional<std::size_t> start_of(const Here& here, model::PayloadBase base,
                                                  std::uint32_t offset);
// The packets that are at least `end` bytes long with their Ethernet header, of which `known` are
// laid out whatever the length says.
[[nodiscard]] Cube long_enough(const Here& here, std::size_t end, std::size_t known);

}  // namespace bulkhead::reach::chains
