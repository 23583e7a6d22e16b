// Inside the evaluation of terms.
#pragma once

#include "trace/filter_run.h"

namespace bulkhead::trace::filtering {

// nft_fib.c, nft_fib_ipv4.c, nft_fib_ipv6.c. False: no value (the packet is not IP).
[[nodiscard]] bool evaluate_fib(Run& run, const model::FibTerm& term, Value& out);

}  // namespace bulkhead::trace::filtering
