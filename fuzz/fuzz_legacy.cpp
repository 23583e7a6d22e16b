// A table of iptables-legacy from hostile bytes: [family: 4 or 6][table: 0..4][struct ipt_getinfo]
// [entries]. The size that the header claims is set right, so that entries are reached.
#include <linux/netfilter_ipv4/ip_tables.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"
#include "ruleset/decode.h"
#include "ruleset/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  static constexpr std::array<const char*, 5> kNames = {"filter", "nat", "mangle", "raw",
                                                        "security"};
  Cursor cursor({data, size});
  const auto family = cursor.native<std::uint8_t>();
  const auto name = cursor.native<std::uint8_t>();
  const auto info = cursor.take(sizeof(ipt_getinfo));
  const auto entries = cursor.take(cursor.left());
  if (!family || !name || !info || !entries) return 0;
  Bytes header(info->begin(), info->end());
  const auto length = static_cast<std::uint32_t>(entries->size());
  std::memcpy(header.data() + offsetof(ipt_getinfo, size), &length, sizeof length);
  auto table = ruleset::decode_legacy_table(*family == 6 ? IpFamily::kV6 : IpFamily::kV4,
                                            kNames[*name % kNames.size()], header, *entries);
  if (!table) return 0;
  model::Ruleset all;
  all.tables.push_back(std::move(*table));
  static_cast<void>(ruleset::print_ruleset(all));
  return 0;
}
