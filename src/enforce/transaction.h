// Text for `nft -f`: what may be loaded with root's rights, and what takes ours away. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bulkhead::enforce {

// The text is made by a process without rights: here it is looked at again. It may hold nothing but
// "add", "delete" and definitions of the tables inet, bridge and arp bulkhead, and must name all
// three; nothing may be included from files or defined. kInvalidInput says what else it holds.
// Linear.
[[nodiscard]] Status check_transaction(std::string_view text);

// One transaction after which there is no table of ours, whether there was one or not.
[[nodiscard]] std::string removal();

}  // namespace bulkhead::enforce
