#include "collect/listing.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostPath = 4096;

}  // namespace

std::optional<std::string_view> counted_text(Cursor& cursor, std::size_t most) {
  const auto length = cursor.native<std::uint32_t>();
  if (!length || *length > most) return std::nullopt;
  const auto bytes = cursor.take(*length);
  if (!bytes) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

Result<std::vector<NamespaceRecord>> decode_namespaces(ByteView bytes) {
  std::vector<NamespaceRecord> out;
  Cursor cursor(bytes);
  const auto broken = [] { return fail(ErrorCode::kInvalidInput, "list of namespaces cut short"); };
  while (!cursor.done()) {
    NamespaceRecord record;
    const auto inode = cursor.native<std::uint64_t>();
    const auto pids = cursor.native<std::uint32_t>();
    if (!inode || !pids || cursor.left() / sizeof(std::uint32_t) < *pids) return broken();
    record.inode = *inode;
    record.pids.reserve(*pids);
    for (std::uint32_t i = 0; i < *pids; ++i) {
      const auto pid = cursor.native<std::uint32_t>();
      if (!pid) return broken();
      record.pids.push_back(*pid);
    }
    const auto paths = cursor.native<std::uint32_t>();
    if (!paths || cursor.left() / sizeof(std::uint32_t) < *paths) return broken();
    for (std::uint32_t i = 0; i < *paths; ++i) {
      const auto text = counted_text(cursor, kMostPath);
      if (!text) return broken();
      record.paths.emplace_back(*text);
    }
    out.push_back(std::move(record));
  }
  return out;
}

}  // namespace bulkhead::collect
