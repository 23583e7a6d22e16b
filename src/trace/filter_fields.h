// The packet as fast comparisons see it: fields as numbers, interface names as two words.
#pragma once

#include <array>
#include <cstdint>

namespace bulkhead::trace::filtering {

// Packet fields that fast comparisons know, each a number in network order.
enum class Field : std::uint8_t {
  kL4Proto,
  kNfProto,
  kProtocol,
  kIpv4Protocol,
  kIpv6NextHeader,
  kIpv4Source,
  kIpv4Destination,
  kSourcePort,
  kDestinationPort,
  kTcpFlags,
  kEtherType,
  kMark,
  kIif,
  kOif,
  kCtState,
  kCtStatus,
  kXtState,
  kPacketType,
  kCount,
};

// The numbers that fast comparisons read. A field that the packet lacks is not `known`: the general
// evaluation then decides what that means.
struct FieldTable {
  std::array<std::uint64_t, static_cast<std::size_t>(Field::kCount)> value{};
  std::uint32_t known = 0;

  static std::uint32_t bit(Field field) { return 1U << static_cast<unsigned>(field); }
  [[nodiscard]] bool has(Field field) const { return (known & bit(field)) != 0; }
  [[nodiscard]] std::uint64_t operator[](Field field) const {
    return value[static_cast<std::size_t>(field)];
  }
  void set(Field field, std::uint64_t number) {
    value[static_cast<std::size_t>(field)] = number;
    known |= bit(field);
  }
  friend bool operator==(const FieldTable&, const FieldTable&) = default;
};

struct WideName {  // an interface name in its 16 bytes, "" when there is no interface
  std::uint64_t high = 0, low = 0;
  friend bool operator==(const WideName&, const WideName&) = default;
};
using Names = std::array<WideName, 2>;  // incoming, outgoing

}  // namespace bulkhead::trace::filtering
