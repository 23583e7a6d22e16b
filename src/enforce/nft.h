// Runs nft: by its own path, without a shell or an environment, its text on standard input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "enforce/folder.h"

namespace bulkhead::enforce {

// One transaction, looked at by the kernel and then thrown away.
[[nodiscard]] Status check_rules(std::string_view text);
// One transaction: all of it or nothing. The error quotes what nft says, and after it it is not
// known whether the kernel took the transaction: nft may have been ended after that. For as long as
// nft is there it holds the lock, and it ends with its caller: none that was left behind can load
// rules when somebody else thinks that all is done.
[[nodiscard]] Status load_rules(std::string_view text, const Lock& lock);
// "inet bulkhead": those of our tables that the kernel has.
[[nodiscard]] Result<std::vector<std::string>> our_tables();

}  // namespace bulkhead::enforce
