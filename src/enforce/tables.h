// The tables that are ours, as nft names them. Inside enforce.
#pragma once

#include <array>
#include <string_view>

namespace bulkhead::enforce {

// The last is that of mode audit; the others enforce.
inline constexpr std::array<std::string_view, 4> kTables{"inet bulkhead", "bridge bulkhead",
                                                         "arp bulkhead", "inet bulkhead_audit"};

}  // namespace bulkhead::enforce
