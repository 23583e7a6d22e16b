// Addresses, prefixes, MAC addresses and protocols as text: what is accepted is written and read
// again as the same value, and a prefix holds its own ends.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/address.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <class T>
void round_trip(std::string_view text) {
  const auto value = T::parse(text);
  if (!value) return;
  const auto again = T::parse(value->to_string());
  require(again.has_value() && *again == *value);
}

void check_prefix(std::string_view text) {
  const auto prefix = bulkhead::Prefix::parse(text);
  if (!prefix) return;
  require(prefix->length() <= prefix->address().bits());
  require(prefix->contains(prefix->first()) && prefix->contains(prefix->last()));
  require(prefix->contains(*prefix) && prefix->overlaps(*prefix));
  const bool whole = prefix->length() == 0;
  require(prefix->contains(prefix->last().next()) == whole);
  require(prefix->contains(prefix->first().previous()) == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  round_trip<bulkhead::IpAddress>(text);
  round_trip<bulkhead::Prefix>(text);
  round_trip<bulkhead::MacAddress>(text);
  check_prefix(text);
  if (const auto protocol = bulkhead::parse_protocol(text)) {
    require(bulkhead::parse_protocol(bulkhead::to_string(*protocol)) == *protocol);
  }
  return 0;
}
