// Values as nft writes them: addresses, ports and the words for numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/ruleset.h"
#include "ruleset/datatypes.h"

namespace bulkhead::ruleset {

[[nodiscard]] std::uint64_t to_number(ByteView bytes, Order order);  // the first 8 bytes at most

// One value; hexadecimal when it has no other form.
[[nodiscard]] std::string print_value(Datatype type, ByteView bytes, Order order);
// The words for the bits of `number`: "established,related".
[[nodiscard]] std::string print_flags(Datatype type, std::uint64_t number);
// Types whose values are sets of bits, which nft compares with "&".
[[nodiscard]] bool is_flag_type(Datatype type);
// [first, last]: one value, a prefix, a wildcard of interface names, or "a-b".
[[nodiscard]] std::string print_range(Datatype type, ByteView first, ByteView last, Order order);

// The length of a mask of leading ones; nullopt when it is none.
[[nodiscard]] std::optional<unsigned> mask_bits(ByteView mask);

[[nodiscard]] std::string protocol_name(std::uint8_t number);
// Interface name of 16 bytes or the start of one ("eth*").
[[nodiscard]] std::string interface_pattern(ByteView bytes, char wildcard);
// "0x02": at least `width` digits, as iptables writes them.
[[nodiscard]] std::string print_hex(std::uint32_t number, int width = 1);
// A name from outside, safe to show.
[[nodiscard]] std::string safe(std::string_view text);
[[nodiscard]] std::string quoted(std::string_view text);

[[nodiscard]] std::string print_verdict(const model::Verdict& verdict);

}  // namespace bulkhead::ruleset
