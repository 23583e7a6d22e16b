// Containers of Podman, found without Podman: it leaves no daemon behind, but a conmon per
// container, and for rootless ones the programs that forward in user space.
#pragma once

#include "collect/reader_output.h"

namespace bulkhead::collect {

// One section kConmons: for each process "conmon" of this very network namespace (and each whose
// namespace may not be looked at) u32 pid, u32 uid, u32 pid of its first child (0: none), then its
// command line (arguments ended by NUL) and the child's /proc/PID/cgroup, each u32 length and
// bytes. One pass over /proc; nothing is opened but files of /proc. At most 20,000.
//
// Then one section kForwarders: for each process called rootlessport, slirp4netns or pasta u32 pid,
// u32 uid, u32 count and as many u64 inodes of the network namespaces in which its children stand
// or that it holds open, then its command line as above. At most 20,000.
void read_conmons(ReaderOutput& out);

}  // namespace bulkhead::collect
