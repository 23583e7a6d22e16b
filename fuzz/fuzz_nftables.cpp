// A dump of nf_tables from hostile bytes: sections [u32 length, native][bytes] for tables, chains,
// rules, sets and one for each set's elements. What decodes is printed too.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "ruleset/decode.h"
#include "ruleset/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  Cursor cursor({data, size});
  const auto section = [&] {
    const auto length = cursor.native<std::uint32_t>();
    const auto bytes = length ? cursor.take(*length) : std::nullopt;
    return bytes ? Bytes(bytes->begin(), bytes->end()) : Bytes();
  };
  ruleset::NftDump dump;
  dump.tables = section();
  dump.chains = section();
  dump.rules = section();
  dump.sets = section();
  while (!cursor.done()) {
    const std::size_t before = cursor.left();
    dump.set_elements.push_back(section());
    if (dump.set_elements.back().empty() && cursor.left() + 4 != before) break;
  }
  static_cast<void>(ruleset::list_sets(dump.sets));
  static_cast<void>(ruleset::decode_generation(dump.tables));
  auto tables = ruleset::decode_nftables(dump);
  if (!tables) return 0;
  model::Ruleset all;
  all.tables = std::move(*tables);
  static_cast<void>(ruleset::print_ruleset(all));
  for (const model::Table& table : all.tables) {
    for (const model::Chain& chain : table.chains) {
      static_cast<void>(
          ruleset::guess_author(table, chain, chain.rules.empty() ? nullptr : &chain.rules[0]));
    }
  }
  return 0;
}
