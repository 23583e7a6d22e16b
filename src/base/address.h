// IP and link-layer addresses as values.
//
// Octets are always in network order (as on the wire), whatever the host is. An IpAddress is 4 or
// 16 octets long; addresses of different families never compare equal and IPv4 sorts first.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bulkhead {

enum class IpFamily : std::uint8_t { kV4 = 4, kV6 = 6 };

class IpAddress {
 public:
  // 0.0.0.0
  constexpr IpAddress() = default;

  [[nodiscard]] static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                              std::uint8_t d) {
    IpAddress r;
    r.octets_ = {a, b, c, d};
    return r;
  }
  // The number 0x7f000001 is 127.0.0.1.
  [[nodiscard]] static constexpr IpAddress v4(std::uint32_t number) {
    return v4(static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
              static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
  }
  [[nodiscard]] static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& octets) {
    IpAddress r;
    r.octets_ = octets;
    r.family_ = IpFamily::kV6;
    return r;
  }
  [[nodiscard]] static constexpr IpAddress any(IpFamily family) {
    IpAddress r;
    r.family_ = family;
    return r;
  }
  [[nodiscard]] static constexpr IpAddress loopback(IpFamily family) {  // 127.0.0.1, ::1
    IpAddress r = family == IpFamily::kV4 ? v4(127, 0, 0, 1) : any(family);
    r.octets_[15] = family == IpFamily::kV4 ? r.octets_[15] : std::uint8_t{1};
    return r;
  }
  // kInvalidInput unless `octets` has 4 or 16 members.
  [[nodiscard]] static Result<IpAddress> from_octets(std::span<const std::uint8_t> octets);
  // Dotted quad or RFC 4291 text; no zone, no brackets, nothing around it.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr IpFamily family() const { return family_; }
  [[nodiscard]] constexpr bool is_v4() const { return family_ == IpFamily::kV4; }
  [[nodiscard]] constexpr bool is_v6() const { return family_ == IpFamily::kV6; }
  [[nodiscard]] constexpr unsigned bits() const { return is_v4() ? 32 : 128; }
  // They live in the address: not to be asked of a temporary.
  [[nodiscard]] constexpr std::span<const std::uint8_t> octets() const& {
    return {octets_.data(), is_v4() ? 4U : 16U};
  }
  std::span<const std::uint8_t> octets() const&& = delete;
  // IPv4 only: 127.0.0.1 is 0x7f000001.
  [[nodiscard]] constexpr std::uint32_t v4_number() const {
    return std::uint32_t{octets_[0]} << 24 | std::uint32_t{octets_[1]} << 16 |
           std::uint32_t{octets_[2]} << 8 | std::uint32_t{octets_[3]};
  }

  [[nodiscard]] constexpr bool is_unspecified() const {
    return std::bit_cast<Halves>(octets_) == Halves{};
  }
  [[nodiscard]] bool is_loopback() const;    // 127.0.0.0/8, ::1
  [[nodiscard]] bool is_multicast() const;   // 224.0.0.0/4, ff00::/8
  [[nodiscard]] bool is_link_local() const;  // 169.254.0.0/16, fe80::/10
  [[nodiscard]] bool is_private() const;     // RFC 1918, RFC 6598, fc00::/7
  [[nodiscard]] bool is_v4_mapped() const;   // ::ffff:0:0/96
  // The IPv4 address inside a v4-mapped one; *this when it is none.
  [[nodiscard]] IpAddress unmapped() const;
  // IPv6: the group in which its holder is asked for its MAC address (RFC 4291 2.7.1).
  [[nodiscard]] IpAddress solicited_node() const;
  [[nodiscard]] IpAddress next() const;  // wraps around at the top
  [[nodiscard]] IpAddress previous() const;

  [[nodiscard]] std::string to_string() const;  // RFC 5952 for IPv6

  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    const Halves x = std::bit_cast<Halves>(a.octets_), y = std::bit_cast<Halves>(b.octets_);
    return x.first == y.first && x.second == y.second && a.family_ == b.family_;
  }
  friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    if (auto c = a.family_ <=> b.family_; c != 0) return c;
    return a.octets_ <=> b.octets_;
  }

 private:
  struct Halves {  // to compare without a call of memcmp()
    std::uint64_t first = 0, second = 0;
    friend constexpr bool operator==(const Halves&, const Halves&) = default;
  };
  std::array<std::uint8_t, 16> octets_{};  // the last 12 are 0 for IPv4
  IpFamily family_ = IpFamily::kV4;
};

// A prefix (CIDR block). Bits behind the length are always 0.
class Prefix {
 public:
  constexpr Prefix() = default;
  // kInvalidInput when length > address.bits(). Host bits are cleared.
  [[nodiscard]] static Result<Prefix> make(IpAddress address, unsigned length);
  // Clears host bits; a length past the end is cut to the whole address.
  [[nodiscard]] static Prefix covering(IpAddress address, unsigned length);
  [[nodiscard]] static Prefix single(IpAddress address) { return covering(address, 128); }
  [[nodiscard]] static Prefix all(IpFamily family) { return covering(IpAddress::any(family), 0); }
  // "10.0.0.0/8", "fd00::/8", or an address alone. Host bits that are set are an error, which names
  // the prefix that was probably meant.
  [[nodiscard]] static Result<Prefix> parse(std::string_view text);

  [[nodiscard]] IpAddress address() const { return address_; }
  [[nodiscard]] unsigned length() const { return length_; }
  [[nodiscard]] IpFamily family() const { return address_.family(); }
  [[nodiscard]] bool contains(IpAddress address) const;
  [[nodiscard]] bool contains(const Prefix& other) const;
  [[nodiscard]] bool overlaps(const Prefix& other) const;
  [[nodiscard]] IpAddress first() const { return address_; }
  [[nodiscard]] IpAddress last() const;
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const Prefix&, const Prefix&) = default;
  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  IpAddress address_;
  std::uint8_t length_ = 0;
};

class MacAddress {
 public:
  constexpr MacAddress() = default;
  explicit constexpr MacAddress(const std::array<std::uint8_t, 6>& octets) : octets_(octets) {}
  [[nodiscard]] static Result<MacAddress> from_octets(std::span<const std::uint8_t> octets);
  [[nodiscard]] static Result<MacAddress> parse(std::string_view text);
  [[nodiscard]] static constexpr MacAddress broadcast() {
    return MacAddress({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  }
  [[nodiscard]] static MacAddress of_group(const IpAddress& group);  // IPv6: RFC 2464 7
  // They live in the address: not to be asked of a temporary.
  [[nodiscard]] std::span<const std::uint8_t, 6> octets() const& { return octets_; }
  std::span<const std::uint8_t, 6> octets() const&& = delete;
  [[nodiscard]] bool is_multicast() const { return (octets_[0] & 1) != 0; }
  [[nodiscard]] bool is_zero() const { return *this == MacAddress(); }
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const MacAddress&, const MacAddress&) = default;
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;

 private:
  std::array<std::uint8_t, 6> octets_{};
};

// A transport port, host order.
struct Port {
  std::uint16_t number = 0;
  friend constexpr auto operator<=>(Port, Port) = default;
};

// An interface's number within its own network namespace; 0 is none.
struct IfIndex {
  std::uint32_t value = 0;
  [[nodiscard]] constexpr explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(IfIndex, IfIndex) = default;
};

// IANA protocol numbers that Bulkhead speaks of by name; any other value is possible.
enum class IpProtocol : std::uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kIgmp = 2,
  kTcp = 6,
  kUdp = 17,
  kDccp = 33,
  kEsp = 50,
  kAh = 51,
  kIcmpV6 = 58,
  kSctp = 132,
  kUdpLite = 136,
};
[[nodiscard]] std::string to_string(IpProtocol protocol);  // "tcp"; a number when it has no name
[[nodiscard]] Result<IpProtocol> parse_protocol(std::string_view text);

}  // namespace bulkhead

template <>
struct std::hash<bulkhead::IpAddress> {
  std::size_t operator()(const bulkhead::IpAddress& a) const noexcept;
};
template <>
struct std::hash<bulkhead::MacAddress> {
  std::size_t operator()(const bulkhead::MacAddress& a) const noexcept;
};
