// Capabilities of the two halves.
#pragma once

#include "base/result.h"
#include "collect/broker.h"

namespace bulkhead::collect {

// Keeps only what the reader needs of what the process has: SYS_ADMIN (setns), NET_ADMIN (rule
// dumps, receive buffers), SYS_PTRACE (/proc/PID/ns and fd of others), DAC_READ_SEARCH (sandbox
// files and private folders); for scanning NET_RAW too. Nothing that it lacks is an error.
[[nodiscard]] Status keep_reader_capabilities(Broker::Rights rights);

// CAP_SYS_PTRACE is there.
[[nodiscard]] bool can_look_into_processes();

}  // namespace bulkhead::collect
