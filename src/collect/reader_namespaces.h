// The reader's table of network namespaces, and the way into them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collect/reader_output.h"

namespace bulkhead::collect {

class ReaderNamespaces {
 public:
  ReaderNamespaces();

  // Finds namespaces of processes, of nsfs mounts and of `extra` paths, and writes one section
  // kNamespaces (listing.h), own namespace first, then in the order of their inodes.
  void list(ReaderOutput& out, std::size_t most, std::span<const std::string> extra);
  // 0 or an errno. ENOENT: the namespace is gone.
  [[nodiscard]] int enter(std::uint64_t inode);
  [[nodiscard]] int enter_own() { return enter(own_); }
  // A descriptor of its nsfs file, owned by this table; negative errno when it is gone.
  [[nodiscard]] int descriptor(std::uint64_t inode);
  // Inode of the network namespace behind a path (sandbox file, /proc/PID/ns/net); 0 when none.
  // Such a namespace may then be entered.
  [[nodiscard]] std::uint64_t resolve(const std::string& path);

 private:
  struct Entry {
    std::vector<std::string> paths;
    std::vector<std::uint32_t> pids;  // every one; the decoder needs them to place containers
    int fd = -1;
  };
  void find_in_processes(ReaderOutput& out);
  void place_by_files(std::vector<std::uint32_t>& pids);
  void find_in_mounts();
  [[nodiscard]] int open_entry(std::uint64_t inode, const Entry& entry);
  void close_descriptors();

  std::unordered_map<std::uint64_t, Entry> entries_;
  std::uint64_t own_ = 0, current_ = 0, device_ = 0;
  std::size_t open_ = 0, most_open_ = 256;
};

}  // namespace bulkhead::collect
