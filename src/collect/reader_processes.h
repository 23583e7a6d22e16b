// Which processes hold which sockets.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "collect/reader_output.h"

namespace bulkhead::collect {

// One section kOwners: for each process that holds one of `wanted` (ascending socket inodes) u32
// pid, u32 uid, then command, executable and the text of /proc/PID/cgroup (each u32 length and
// bytes), then u32 count and per socket u64 inode, i32 IPV6_V6ONLY, i32 bound interface (-1: not
// known). Those two are asked for only `with_options`. One pass over /proc; what may not be looked
// into is counted in a section kProblem.
void read_socket_owners(ReaderOutput& out, std::span<const std::uint64_t> wanted,
                        bool with_options);

// Of the text of /proc/PID/status.
[[nodiscard]] std::uint32_t real_uid(std::string_view status);

// One section kCgroups: per process u32 length and the text of its cgroup file, empty when it is
// gone.
void read_cgroups(ReaderOutput& out, std::span<const std::uint32_t> pids);

}  // namespace bulkhead::collect
