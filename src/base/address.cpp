#include "base/address.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace bulkhead {
namespace {

std::unexpected<Error> not_an_address(std::string_view text) {
  return fail(
      ErrorCode::kInvalidInput,
      "'" + escape_text(text, 64) + "' is not an IP address; write 192.0.2.1 or 2001:db8::1");
}

// One decimal octet without sign or leading zero.
std::optional<std::uint8_t> parse_octet(std::string_view text) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

std::optional<std::array<std::uint8_t, 4>> parse_quad(std::string_view text) {
  std::array<std::uint8_t, 4> octets{};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return std::nullopt;
    auto octet = parse_octet(text.substr(0, dot));
    if (!octet) return std::nullopt;
    octets[i] = *octet;
    if (i < 3) text.remove_prefix(dot + 1);
  }
  return octets;
}

std::optional<std::uint16_t> parse_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint16_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The groups of one side of "::" (or of the whole text), at most eight; a dotted quad may end it.
struct Groups {
  std::array<std::uint16_t, 8> value{};
  std::size_t count = 0;
};

bool append_group(Groups& groups, std::string_view text, bool last) {
  if (last && text.find('.') != std::string_view::npos) {
    auto quad = parse_quad(text);
    if (!quad || groups.count > 6) return false;
    groups.value[groups.count++] = static_cast<std::uint16_t>((*quad)[0] << 8 | (*quad)[1]);
    groups.value[groups.count++] = static_cast<std::uint16_t>((*quad)[2] << 8 | (*quad)[3]);
    return true;
  }
  auto group = parse_group(text);
  if (!group || groups.count > 7) return false;
  groups.value[groups.count++] = *group;
  return true;
}

std::optional<Groups> parse_groups(std::string_view text, bool quad_allowed) {
  Groups groups;
  if (text.empty()) return groups;
  while (true) {
    const std::size_t colon = text.find(':');
    const bool last = colon == std::string_view::npos;
    if (!append_group(groups, text.substr(0, colon), last && quad_allowed)) return std::nullopt;
    if (last) return groups;
    text.remove_prefix(colon + 1);
  }
}

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  auto head = parse_groups(text.substr(0, gap), !has_gap);
  auto tail = has_gap ? parse_groups(text.substr(gap + 2), true) : Groups{};
  if (!head || !tail) return std::nullopt;
  const std::size_t total = head->count + tail->count;
  if (has_gap ? total > 7 : total != 8) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  auto put = [&octets](std::size_t at, std::uint16_t group) {
    octets[2 * at] = static_cast<std::uint8_t>(group >> 8);
    octets[2 * at + 1] = static_cast<std::uint8_t>(group);
  };
  for (std::size_t i = 0; i < head->count; ++i) put(i, head->value[i]);
  for (std::size_t i = 0; i < tail->count; ++i) put(8 - tail->count + i, tail->value[i]);
  return octets;
}

// The longest run of at least two zero groups, the first one of equals (RFC 5952 section 4.2).
std::pair<std::size_t, std::size_t> longest_zero_run(const std::array<unsigned, 8>& groups) {
  std::size_t best = 8;
  std::size_t best_size = 1;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > best_size) {
      best = i;
      best_size = end - i;
    }
    i = end + 1;
  }
  return {best, best == 8 ? 0 : best_size};
}

void append_hex(std::string& out, unsigned value) {
  std::array<char, 8> digits{};
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  out.append(digits.data(), end);
}

std::string v6_text(std::span<const std::uint8_t> o) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = unsigned{o[2 * i]} << 8 | o[2 * i + 1];
  auto [gap, gap_size] = longest_zero_run(groups);
  std::string out;
  for (std::size_t i = 0; i < 8;) {
    if (i == gap) {
      out += "::";
      i += gap_size;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_hex(out, groups[i++]);
  }
  return out;
}

}  // namespace

Result<IpAddress> IpAddress::from_octets(std::span<const std::uint8_t> octets) {
  IpAddress r;
  if (octets.size() == 16) {
    r.family_ = IpFamily::kV6;
  } else if (octets.size() != 4) {
    return fail(ErrorCode::kInvalidInput,
                "an IP address of " + std::to_string(octets.size()) + " octets; 4 or 16 expected");
  }
  std::copy(octets.begin(), octets.end(), r.octets_.begin());
  return r;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    if (auto octets = parse_v6(text)) return v6(*octets);
    return not_an_address(text);
  }
  auto quad = parse_quad(text);
  if (!quad) return not_an_address(text);
  return v4((*quad)[0], (*quad)[1], (*quad)[2], (*quad)[3]);
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return octets_[0] == 127;
  return *this == loopback(IpFamily::kV6);
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (octets_[0] & 0xf0) == 0xe0 : octets_[0] == 0xff;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return octets_[0] == 169 && octets_[1] == 254;
  return octets_[0] == 0xfe && (octets_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const {
  if (is_v6()) return (octets_[0] & 0xfe) == 0xfc;
  return octets_[0] == 10 || (octets_[0] == 172 && (octets_[1] & 0xf0) == 16) ||
         (octets_[0] == 192 && octets_[1] == 168) ||
         (octets_[0] == 100 && (octets_[1] & 0xc0) == 64);
}

bool IpAddress::is_v4_mapped() const {
  return is_v6() &&
         std::all_of(octets_.begin(), octets_.begin() + 10, [](auto o) { return o == 0; }) &&
         octets_[10] == 0xff && octets_[11] == 0xff;
}

IpAddress IpAddress::unmapped() const {
  return is_v4_mapped() ? v4(octets_[12], octets_[13], octets_[14], octets_[15]) : *this;
}

IpAddress IpAddress::solicited_node() const {
  return v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, octets_[13], octets_[14], octets_[15]});
}

MacAddress MacAddress::of_group(const IpAddress& group) {
  const auto o = group.octets().last<4>();
  return MacAddress({0x33, 0x33, o[0], o[1], o[2], o[3]});
}

IpAddress IpAddress::next() const {
  IpAddress r = *this;
  for (std::size_t i = octets().size(); i-- > 0;) {
    if (++r.octets_[i] != 0) break;
  }
  return r;
}

IpAddress IpAddress::previous() const {
  IpAddress r = *this;
  for (std::size_t i = octets().size(); i-- > 0;) {
    if (r.octets_[i]-- != 0) break;
  }
  return r;
}

std::string IpAddress::to_string() const {
  if (is_v6()) {
    if (is_v4_mapped()) return "::ffff:" + unmapped().to_string();
    return v6_text(octets());
  }
  std::string out;
  for (std::uint8_t octet : octets()) {
    if (!out.empty()) out += '.';
    out += std::to_string(octet);
  }
  return out;
}

Result<Prefix> Prefix::make(IpAddress address, unsigned length) {
  if (length > address.bits()) {
    return fail(ErrorCode::kInvalidInput, "prefix length " + std::to_string(length) + " of " +
                                              address.to_string() + " is over " +
                                              std::to_string(address.bits()));
  }
  return covering(address, length);
}

Prefix Prefix::covering(IpAddress address, unsigned length) {
  length = std::min(length, address.bits());
  std::array<std::uint8_t, 16> kept{};
  std::ranges::copy(address.octets(), kept.begin());
  std::size_t at = length / 8U;
  if (length % 8U != 0) {
    kept[at] = static_cast<std::uint8_t>(kept[at] & (0xff00U >> (length % 8U)));
    ++at;
  }
  for (; at < kept.size(); ++at) kept[at] = 0;
  Prefix p;
  p.length_ = static_cast<std::uint8_t>(length);
  p.address_ =
      address.is_v6() ? IpAddress::v6(kept) : IpAddress::v4(kept[0], kept[1], kept[2], kept[3]);
  return p;
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::unexpected(address.error());
  if (slash == std::string_view::npos) return single(*address);
  std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return fail(ErrorCode::kInvalidInput, "'" + escape_text(text, 64) +
                                              "' has no prefix length; write " +
                                              address->to_string() + "/24");
  }
  auto prefix = make(*address, length);
  if (prefix && prefix->address() != *address) {
    return fail(
        ErrorCode::kInvalidInput,
        "'" + escape_text(text, 64) + "' has bits behind its length; write " + prefix->to_string());
  }
  return prefix;
}

bool Prefix::contains(IpAddress address) const {
  if (address.family() != family()) return false;
  auto mine = address_.octets();
  auto other = address.octets();
  const std::size_t whole = length_ / 8U;
  if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(whole), other.begin()))
    return false;
  const unsigned rest = length_ % 8U;
  return rest == 0 || ((mine[whole] ^ other[whole]) >> (8 - rest)) == 0;
}

bool Prefix::contains(const Prefix& other) const {
  return other.length_ >= length_ && contains(other.address_);
}

bool Prefix::overlaps(const Prefix& other) const {
  return contains(other) || other.contains(*this);
}

IpAddress Prefix::last() const {
  std::array<std::uint8_t, 16> o{};
  std::ranges::copy(address_.octets(), o.begin());
  for (unsigned bit = length_; bit < address_.bits(); ++bit) {
    o[bit / 8] = static_cast<std::uint8_t>(o[bit / 8] | (0x80U >> (bit % 8)));
  }
  return address_.is_v6() ? IpAddress::v6(o) : IpAddress::v4(o[0], o[1], o[2], o[3]);
}

std::string Prefix::to_string() const {
  return address_.to_string() + "/" + std::to_string(length_);
}

Result<MacAddress> MacAddress::from_octets(std::span<const std::uint8_t> octets) {
  if (octets.size() != 6) {
    return fail(ErrorCode::kInvalidInput,
                "a MAC address of " + std::to_string(octets.size()) + " octets; 6 expected");
  }
  std::array<std::uint8_t, 6> copy{};
  std::ranges::copy(octets, copy.begin());
  return MacAddress(copy);
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
  std::array<std::uint8_t, 6> octets{};
  const auto bad = [&] {
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(text, 64) + "' is not a MAC address; write 02:42:ac:11:00:02");
  };
  if (text.size() != 17) return bad();
  for (std::size_t i = 0; i < 6; ++i) {
    const char* at = text.data() + 3 * i;
    if (i > 0 && at[-1] != ':') return bad();
    auto [end, error] = std::from_chars(at, at + 2, octets[i], 16);
    if (error != std::errc() || end != at + 2) return bad();
  }
  return MacAddress(octets);
}

std::string MacAddress::to_string() const {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::uint8_t octet : octets_) {
    if (!out.empty()) out += ':';
    out += kHex[octet >> 4];
    out += kHex[octet & 15];
  }
  return out;
}

std::string to_string(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kHopByHop: return "hopopt";
    case IpProtocol::kIcmp: return "icmp";
    case IpProtocol::kIgmp: return "igmp";
    case IpProtocol::kTcp: return "tcp";
    case IpProtocol::kUdp: return "udp";
    case IpProtocol::kDccp: return "dccp";
    case IpProtocol::kEsp: return "esp";
    case IpProtocol::kAh: return "ah";
    case IpProtocol::kIcmpV6: return "ipv6-icmp";
    case IpProtocol::kSctp: return "sctp";
    case IpProtocol::kUdpLite: return "udplite";
  }
  return std::to_string(static_cast<unsigned>(protocol));
}

Result<IpProtocol> parse_protocol(std::string_view text) {
  if (text == "icmpv6") return IpProtocol::kIcmpV6;
  for (unsigned n = 0; n < 256; ++n) {
    const auto protocol = static_cast<IpProtocol>(n);
    if (to_string(protocol) == text || std::to_string(n) == text) return protocol;
  }
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(text, 32) + "' is not a protocol; write tcp, udp or a number");
}

}  // namespace bulkhead

namespace {
// A step for each number, not for each octet: a walk through the network looks addresses up often.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t number) noexcept {
  hash = (hash ^ number) * 0x9e3779b97f4a7c15U;
  return hash ^ hash >> 32;
}
std::uint64_t number_of(std::span<const std::uint8_t> octets) noexcept {
  std::uint64_t number = 0;
  for (std::uint8_t octet : octets) number = number << 8 | octet;
  return number;
}
}  // namespace

std::size_t std::hash<bulkhead::IpAddress>::operator()(
    const bulkhead::IpAddress& a) const noexcept {
  if (a.is_v4()) return mixed(4, a.v4_number());
  const auto octets = a.octets();
  return mixed(mixed(16, number_of(octets.first(8))), number_of(octets.subspan(8)));
}

std::size_t std::hash<bulkhead::MacAddress>::operator()(
    const bulkhead::MacAddress& a) const noexcept {
  return mixed(6, number_of(a.octets()));
}
