// Small answers of the reader as values: namespaces, sysctls, owners of sockets. Pure; the reader's
// bytes are checked like any other (they hold names that others chose).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/network.h"

namespace bulkhead::collect {

// u32 length, then that many bytes; they live as long as what the cursor reads. nullopt when there
// are fewer, or more than `most` are announced.
[[nodiscard]] std::optional<std::string_view> counted_text(Cursor& cursor, std::size_t most);

struct NamespaceRecord {
  std::uint64_t inode = 0;
  std::vector<std::uint32_t> pids;  // all, ascending
  std::vector<std::string> paths;
};
[[nodiscard]] Result<std::vector<NamespaceRecord>> decode_namespaces(ByteView bytes);

// "path NUL value NUL" pairs, paths below /proc/sys/net. What has a value that is no number is
// named in `unread`.
[[nodiscard]] Result<model::Sysctls> decode_sysctls(ByteView bytes,
                                                    std::vector<std::string>& unread);

struct SocketFacts {
  std::vector<model::SocketOwner> owners;  // at most 16
  // Where the kernel's socket dump could not be asked (sockdiag.h, parse_socket_text).
  std::optional<bool> v6_only;
  std::optional<IfIndex> bound_to;
};
// By socket inode.
using Owners = std::unordered_map<std::uint64_t, SocketFacts>;
[[nodiscard]] Result<Owners> decode_owners(ByteView bytes);

struct CgroupName {
  std::string path;
  std::string container_id;  // 64 hex digits found in it, or ""
};
// The text of /proc/PID/cgroup (man 7 cgroups). The line that names a container wins; else the
// unified hierarchy; else the first.
[[nodiscard]] CgroupName parse_cgroup(std::string_view text);

}  // namespace bulkhead::collect
