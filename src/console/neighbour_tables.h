// How full the kernel's tables of neighbours are (net/core/neighbour.c): one of each family, which
// all namespaces share. When one is full, nobody on this machine gets to a machine that he has not
// talked to lately, until entries are five seconds old.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::console {

class NeighbourTables {
 public:
  // `proc`: where procfs is; for tests.
  explicit NeighbourTables(const std::string& proc = "/proc");

  // More than three quarters of the entries that the kernel takes (gc_thresh3) are there. False
  // where it does not say so, as in all namespaces but the first. Reads two small files.
  [[nodiscard]] bool are_crowded() const;

 private:
  struct Table {
    std::string counts;        // a file
    std::uint64_t enough = 0;  // entries; 0: not known
  };
  Table v4_, v6_;
};

// Of /proc/net/stat/arp_cache and ndisc_cache: a head, then a line for each processor, all of which
// begin with the same count in hexadecimal. nullopt: it is none.
[[nodiscard]] std::optional<std::uint64_t> entries_of(std::string_view statistics);

}  // namespace bulkhead::console
