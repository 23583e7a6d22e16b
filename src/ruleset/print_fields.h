// Header fields by the place of their bits.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/ruleset.h"
#include "ruleset/datatypes.h"

namespace bulkhead::ruleset {

enum class Header {
  kEther,
  kVlan,
  kIp,
  kIp6,
  kArp,
  kTransport,
  kTcp,
  kUdp,
  kUdpLite,
  kDccp,
  kSctp,
  kIcmp,
  kIcmp6,
  kEsp,
  kAh,
  kComp,
  kIgmp,
  kFrag,
  kNone
};

struct Field {
  Header header;
  std::uint32_t bit, bits;  // from the start of the header that PayloadBase names
  std::string_view name;    // with the header: "tcp dport"
  Datatype type;
};

// The field of `header` that begins at `bit` and has at most `bits`; nullptr when there is none.
[[nodiscard]] const Field* find_field(Header header, std::uint32_t bit, std::uint32_t bits);
// The one with exactly these bits.
[[nodiscard]] const Field* find_exact_field(Header header, std::uint32_t bit, std::uint32_t bits);

[[nodiscard]] Header transport_header(std::uint8_t protocol);

}  // namespace bulkhead::ruleset
