// Vantages: the seats from which reach is asked (DESIGN §3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/result.h"

namespace bulkhead::query {

enum class VantageKind : std::uint8_t {
  kInternet,
  kLan,
  kZone,
  kHost,
  kContainer,
  kNetns,
  kAddress
};

// `internet`, `lan`, `lan:IFACE`, `zone:NAME`, `host`, `container:NAME`, `container:ENGINE/NAME`,
// `netns:PATH`, `addr:IP@ZONE`.
struct Vantage {
  VantageKind kind = VantageKind::kHost;
  std::string name;    // interface, zone, container, path; the zone of addr:
  std::string engine;  // container:ENGINE/NAME
  IpAddress address;   // addr:

  // kInvalidInput names the forms that are possible.
  [[nodiscard]] static Result<Vantage> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Vantage&, const Vantage&) = default;
};

}  // namespace bulkhead::query
