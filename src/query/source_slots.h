// Where in what a rule compares lie addresses of the packet's ends? Inside query.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "model/ruleset.h"

namespace bulkhead::query {

// Where within a term's bytes an end's address (or something that may be one) lies.
struct Slot {
  std::size_t offset = 0;
  std::size_t length = 0;  // of the compared part: a shorter one is a prefix
  std::size_t width = 0;   // 4 or 16
  Bytes mask = {};         // under which it is compared; empty: whole
};

struct Slots {
  std::vector<Slot> known;
  // Parts of addresses, or what is computed of them: any two may be told apart.
  bool opaque_v4 = false, opaque_v6 = false;
  void all_opaque() { opaque_v4 = opaque_v6 = true; }
  void opaque(std::size_t width) { (width == 4 ? opaque_v4 : opaque_v6) = true; }
};

// Whose rules: the table's family says how wide registers are; whose headers a rule sees it narrows
// itself ("meta nfproto ipv4").
struct Families {
  model::NfFamily table, headers;
};

// Of the first `size` bytes of a key. Connection tracking's addresses count, too.
[[nodiscard]] Slots slots_of(const model::Term& term, Families families, std::size_t size);

// Of whole values, not of what they are compared with.
inline constexpr std::size_t kAllBytes = 64;  // NFT_REG_SIZE * 4: all registers

}  // namespace bulkhead::query
