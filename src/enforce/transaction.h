// Text for `nft -f`: what may be loaded with root's rights, and what takes ours away. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bulkhead::enforce {

// The text is made by a process without rights: here it is looked at again. It may hold nothing but
// "add", "delete" and definitions of our tables (inet, bridge and arp bulkhead, inet
// bulkhead_audit), must take away all of them, as an earlier policy may have left any, and define
// those that enforce, all three, or that of mode audit, or both; nothing may be included from files
// or defined. kInvalidInput says what else it holds. Linear.
[[nodiscard]] Status check_transaction(std::string_view text);

// One transaction after which there is no table of ours, whether there was one or not.
[[nodiscard]] std::string removal();

}  // namespace bulkhead::enforce
