// What is said of a packet or a connection (DESIGN §3): the words of all four ways to know.
#pragma once

#include <cstdint>
#include <string_view>

namespace bulkhead {

// Unknown is never folded into either of the others.
enum class Verdict : std::uint8_t { kOpen, kClosed, kUnknown };

// refused: a RST or an ICMP that connect() reports as ECONNREFUSED; unreachable: any other
// immediate error; dropped: silence, a lost answer included.
enum class How : std::uint8_t { kAccepted, kRefused, kUnreachable, kDropped, kUnknown };

[[nodiscard]] std::string_view to_string(Verdict verdict);  // "open"
[[nodiscard]] std::string_view to_string(How how);          // "accepted"

}  // namespace bulkhead
