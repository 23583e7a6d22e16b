// Sets and their elements from NFT_MSG_NEWSET and NFT_MSG_NEWSETELEM messages.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ruleset.h"
#include "ruleset/expressions.h"
#include "ruleset/netlink.h"

namespace bulkhead::ruleset {

struct DecodedSet {
  model::NfFamily family = model::NfFamily::kInet;
  std::string table;
  model::SetDef set;
  SetFacts facts;
};
[[nodiscard]] Result<DecodedSet> decode_set(const Message& message);

// One element as the kernel tells it: an interval set of one field has starts and ends as separate
// elements (nft_set_rbtree.c).
struct RawElement {
  model::SetElement element;
  bool interval_end = false;
  bool has_key_end = false;
  bool may = false;  // keeps a limit of its own
};
// Appends the elements of one message.
[[nodiscard]] Status decode_elements(const Message& message, std::vector<RawElement>& out);

// Joins starts and ends, in whatever order they came, into closed intervals. An end without a start
// is dropped; a start without an end reaches up to the next start or the greatest value. O(n log
// n).
[[nodiscard]] std::vector<model::SetElement> close_intervals(const model::SetDef& set,
                                                             std::vector<RawElement> raw);

}  // namespace bulkhead::ruleset
