// Answers of reject rules: which packets get one (nf_reject_ipv4.c, nf_reject_ipv6.c, icmp.c).
#pragma once

#include "trace/filter_run.h"

namespace bulkhead::trace::filtering {

// A TCP reset: for TCP only, never in answer to a reset; the packet is dropped in silence
// otherwise.
[[nodiscard]] Flow answer_reset(Run& run);
// ICMP type 3 or ICMPv6 type 1 with `code`; never in answer to an ICMP error.
[[nodiscard]] Flow answer_icmp(Run& run, std::uint8_t code);

}  // namespace bulkhead::trace::filtering
