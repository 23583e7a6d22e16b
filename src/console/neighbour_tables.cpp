#include "console/neighbour_tables.h"

#include <charconv>

#include "console/files.h"

namespace bulkhead::console {
namespace {

constexpr std::size_t kMostOfTable = std::size_t{64} << 10;

// Three quarters of what such a file says; 0 when it cannot be read.
std::uint64_t enough_of(const std::string& threshold) {
  const auto text = read_file(threshold, kMostOfTable);
  std::uint64_t most = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), most).ec != std::errc())
    return 0;
  return most / 4 * 3;
}

bool is_crowded(const std::string& counts, std::uint64_t enough) {
  if (enough == 0) return false;
  const auto text = read_file(counts, kMostOfTable);
  return text && entries_of(*text).value_or(0) > enough;
}

}  // namespace

std::optional<std::uint64_t> entries_of(std::string_view statistics) {
  const std::size_t line = statistics.find('\n');
  if (!statistics.starts_with("entries ") || line == std::string_view::npos) return std::nullopt;
  statistics.remove_prefix(line + 1);
  std::uint64_t out = 0;
  const auto end =
      std::from_chars(statistics.data(), statistics.data() + statistics.size(), out, 16);
  return end.ec == std::errc() ? std::optional(out) : std::nullopt;
}

NeighbourTables::NeighbourTables(const std::string& proc)
    : v4_{proc + "/net/stat/arp_cache", enough_of(proc + "/sys/net/ipv4/neigh/default/gc_thresh3")},
      v6_{proc + "/net/stat/ndisc_cache",
          enough_of(proc + "/sys/net/ipv6/neigh/default/gc_thresh3")} {}

bool NeighbourTables::are_crowded() const {
  return is_crowded(v4_.counts, v4_.enough) || is_crowded(v6_.counts, v6_.enough);
}

}  // namespace bulkhead::console
