// Values as x_tables structures hold them.
#pragma once

#include <linux/netfilter.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "base/address.h"
#include "model/ruleset.h"
#include "ruleset/netlink.h"

namespace bulkhead::ruleset {

// IPv6 for tables of family ip6, else IPv4 (x_tables has no mixed tables).
[[nodiscard]] inline IpAddress to_address(model::NfFamily family, const nf_inet_addr& raw) {
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), &raw, octets.size());
  if (family == model::NfFamily::kIp6) return IpAddress::v6(octets);
  return IpAddress::v4(octets[0], octets[1], octets[2], octets[3]);
}

// A __be32 address or mask as the structure holds it.
[[nodiscard]] inline IpAddress to_address(std::uint32_t network_order) {
  std::array<std::uint8_t, 4> o{};
  std::memcpy(o.data(), &network_order, o.size());
  return IpAddress::v4(o[0], o[1], o[2], o[3]);
}

// A __be16 port as the structure holds it.
[[nodiscard]] inline Port to_port(std::uint16_t network_order) {
  std::array<std::uint8_t, 2> o{};
  std::memcpy(o.data(), &network_order, o.size());
  return Port{static_cast<std::uint16_t>(o[0] << 8 | o[1])};
}

// An interface name with its mask: a '+' at the end where the mask leaves the rest open. The mask
// of an exact name covers its NUL.
template <class Char, class MaskChar>
[[nodiscard]] std::string masked_name(const Char (&name)[16], const MaskChar (&mask)[16]) {
  std::string out;
  for (std::size_t i = 0; i < 16; ++i) {
    if (mask[i] == 0) return out + '+';
    if (name[i] == 0) break;
    out += static_cast<char>(name[i]);
  }
  return out;
}

}  // namespace bulkhead::ruleset
