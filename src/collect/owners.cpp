#include <algorithm>

#include "collect/listing.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostOwners = 16;         // of one socket
constexpr std::size_t kMostOwnerText = 16'384;  // of one text of the reader
constexpr std::size_t kSocketRecord = 16;       // bytes: inode and two options
constexpr std::size_t kCommandLength = 16;      // TASK_COMM_LEN

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Engines name a container's cgroup after it: docker/ID, docker-ID.scope, libpod-ID, crio-ID. Of
// two nested containers the inner one counts: the last run of exactly 64 digits.
std::string container_id(std::string_view path) {
  constexpr std::size_t kDigits = 64;
  std::string out;
  std::size_t run = 0;
  for (std::size_t i = 0; i <= path.size(); ++i) {
    if (i < path.size() && is_hex(path[i])) {
      ++run;
      continue;
    }
    if (run == kDigits) out = path.substr(i - kDigits, kDigits);
    run = 0;
  }
  return out;
}

}  // namespace

CgroupName parse_cgroup(std::string_view text) {
  CgroupName first, unified;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t controllers = line.find(':');
    const std::size_t path_at =
        controllers == std::string_view::npos ? controllers : line.find(':', controllers + 1);
    if (path_at == std::string_view::npos) continue;
    const std::string_view path = line.substr(path_at + 1);
    CgroupName name{std::string(path), container_id(path)};
    if (!name.container_id.empty()) return name;
    if (line.starts_with("0::")) unified = name;
    if (first.path.empty()) first = name;
  }
  return unified.path.empty() || unified.path == "/" ? (first.path.empty() ? unified : first)
                                                     : unified;
}

Result<Owners> decode_owners(ByteView bytes) {
  Owners out;
  Cursor cursor(bytes);
  const auto broken = [] {
    return fail(ErrorCode::kInvalidInput, "list of socket owners cut short");
  };
  while (!cursor.done()) {
    model::SocketOwner owner;
    const auto pid = cursor.native<std::uint32_t>();
    const auto uid = cursor.native<std::uint32_t>();
    if (!pid || !uid) return broken();
    const auto command = counted_text(cursor, kMostOwnerText);
    const auto executable = command ? counted_text(cursor, kMostOwnerText) : std::nullopt;
    const auto cgroup = executable ? counted_text(cursor, kMostOwnerText) : std::nullopt;
    const auto count = cgroup ? cursor.native<std::uint32_t>() : std::nullopt;
    if (!count || cursor.left() / kSocketRecord < *count) return broken();
    owner.pid = *pid;
    owner.uid = *uid;
    owner.command = command->substr(0, kCommandLength);
    owner.executable = *executable;
    CgroupName name = parse_cgroup(*cgroup);
    owner.cgroup = std::move(name.path);
    owner.container_id = std::move(name.container_id);
    for (std::uint32_t i = 0; i < *count; ++i) {
      const auto inode = cursor.native<std::uint64_t>();
      const auto v6_only = cursor.native<std::uint32_t>();
      const auto bound_to = cursor.native<std::uint32_t>();
      if (!inode || !v6_only || !bound_to) return broken();
      SocketFacts& facts = out[*inode];
      if (facts.owners.size() < kMostOwners) facts.owners.push_back(owner);
      if (static_cast<std::int32_t>(*v6_only) >= 0) facts.v6_only = *v6_only != 0;
      if (static_cast<std::int32_t>(*bound_to) >= 0) facts.bound_to = IfIndex{*bound_to};
    }
  }
  return out;
}

}  // namespace bulkhead::collect
