// The process that takes an apply back when nobody confirms it.
//
// In a session of its own, without a terminal, with nothing of the caller's open; it hears no
// hangup, interrupt or termination, is the last that the kernel ends for want of memory, and where
// it may it leaves the control group of the login, which would end with it. It is there before
// anything is loaded, so that nothing which happens to apply afterwards leaves rules behind that
// nobody wanted.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "enforce/state.h"

namespace bulkhead::enforce {

// At `deadline_boot_ns` (CLOCK_BOOTTIME: a suspended machine's time counts) it takes the apply `id`
// back, unless the folder below `base` says by then that it is kept or that another is in its
// place. Whoever still holds the lock some seconds later (stopped, or waiting for a terminal) is
// ended. If the folder is gone or cannot be read, nothing in it says that it is kept: then `back`
// is loaded, the text that brings back what was before. Returns when it holds the deadline.
[[nodiscard]] Result<Process> start_guardian(const std::string& base, const std::string& id,
                                             std::uint64_t deadline_boot_ns,
                                             const std::string& back);

[[nodiscard]] bool is_alive(const Process& process);
// Whoever has that pid now is left alone.
void end_process(const Process& process);

[[nodiscard]] std::uint64_t boot_clock_ns();  // CLOCK_BOOTTIME

}  // namespace bulkhead::enforce
