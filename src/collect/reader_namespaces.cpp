#include "collect/reader_namespaces.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <unordered_map>

#include "collect/reader_files.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostPaths = 16;   // of one namespace
constexpr std::size_t kMostPath = 4096;  // bytes
constexpr std::size_t kMostMountInfo = 64U << 20;
constexpr std::size_t kMostProcesses = 4U << 20;  // PID_MAX_LIMIT

// The namespaces that outlive their processes are bind mounts of nsfs files: field 4 of
// /proc/PID/mountinfo is then "net:[INODE]", field 5 the mount point with octal escapes
// (fs/proc_namespace.c).
std::string unescape_mount(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      unsigned value = 0;
      const auto end = std::from_chars(text.data() + i + 1, text.data() + i + 4, value, 8);
      if (end.ec == std::errc() && end.ptr == text.data() + i + 4 && value < 256) {
        out += static_cast<char>(value);
        i += 3;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::string_view field(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view out = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return out;
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 128;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(limit.rlim_cur / 2, 32'768);
}

// Each namespace has its own files below /proc/PID/net, which everybody may see
// (fs/proc/proc_net.c): the same file, the same namespace, even where ns/net may not be looked at.
// 0: there is none.
std::uint64_t mark_of(std::uint32_t pid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%u/net/dev", pid);
  struct stat info{};
  return stat(path, &info) == 0 ? info.st_ino : 0;
}

bool is_network_namespace(int fd) {
  return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

}  // namespace

ReaderNamespaces::ReaderNamespaces() : most_open_(raise_descriptor_limit()) {
  struct stat info{};
  if (stat("/proc/self/ns/net", &info) != 0) return;
  own_ = current_ = info.st_ino;
  device_ = info.st_dev;
  Entry& own = entries_[own_];
  own.fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

void ReaderNamespaces::find_in_processes(ReaderOutput& out) {
  DIR* directory = opendir("/proc");
  if (directory == nullptr) {
    out.problem("the list of processes could not be read");
    return;
  }
  const auto self = static_cast<std::uint32_t>(getpid());
  const auto parent = static_cast<std::uint32_t>(getppid());
  std::vector<std::uint32_t> denied;
  std::size_t count = 0;
  while (const dirent* item = readdir(directory)) {
    std::uint32_t pid = 0;
    const std::size_t length = std::strlen(item->d_name);
    const auto end = std::from_chars(item->d_name, item->d_name + length, pid);
    if (end.ec != std::errc() || end.ptr != item->d_name + length) continue;
    if (pid == self || pid == parent || ++count > kMostProcesses) continue;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%u/ns/net", pid);
    struct stat info{};
    if (stat(path, &info) != 0) {
      if (errno == EACCES || errno == EPERM) denied.push_back(pid);
      continue;
    }
    entries_[info.st_ino].pids.push_back(pid);
  }
  closedir(directory);
  place_by_files(denied);
  if (!denied.empty()) {
    out.problem("the network namespaces of " + std::to_string(denied.size()) +
                (denied.size() == 1 ? " process" : " processes") +
                " could not be read: permission denied");
  }
}

// Finds the namespaces of processes that hide theirs among those that were found; what stays is not
// there.
void ReaderNamespaces::place_by_files(std::vector<std::uint32_t>& pids) {
  if (pids.empty()) return;
  std::unordered_map<std::uint64_t, std::uint64_t> known{
      {mark_of(static_cast<std::uint32_t>(getpid())), own_}};
  for (const auto& [inode, entry] : entries_) {
    if (!entry.pids.empty()) known.emplace(mark_of(entry.pids.front()), inode);
  }
  known.erase(0);
  std::erase_if(pids, [&](std::uint32_t pid) {
    const auto at = known.find(mark_of(pid));
    if (at == known.end()) return false;
    entries_[at->second].pids.push_back(pid);
    return true;
  });
}

void ReaderNamespaces::find_in_mounts() {
  const std::string text = read_file("/proc/self/mountinfo", kMostMountInfo).text;
  std::string_view left = text;
  while (!left.empty()) {
    std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(line.size() + 1, left.size()));
    field(line), field(line), field(line);
    const std::string_view root = field(line);
    if (!root.starts_with("net:[")) continue;
    std::uint64_t inode = 0;
    std::from_chars(root.data() + 5, root.data() + root.size(), inode);
    Entry& entry = entries_[inode];
    std::string path = unescape_mount(field(line));
    if (entry.paths.size() < kMostPaths && path.size() <= kMostPath &&
        std::ranges::find(entry.paths, path) == entry.paths.end()) {
      entry.paths.push_back(std::move(path));
    }
  }
}

void ReaderNamespaces::list(ReaderOutput& out, std::size_t most,
                            std::span<const std::string> extra) {
  for (auto& [inode, entry] : entries_) {
    entry.paths.clear();
    entry.pids.clear();
  }
  if (enter_own() != 0) out.problem("the own network namespace could not be entered again");
  find_in_mounts();
  find_in_processes(out);
  for (const std::string& path : extra) {
    if (resolve(path) == 0) out.problem(path + ": not a network namespace that can be opened");
  }
  std::vector<std::uint64_t> order;
  order.reserve(entries_.size());
  for (const auto& [inode, entry] : entries_) {
    if (inode != own_ && !(entry.paths.empty() && entry.pids.empty())) order.push_back(inode);
  }
  std::ranges::sort(order);
  order.insert(order.begin(), own_);
  if (order.size() > most) {
    out.problem(std::to_string(order.size() - most) +
                " network namespaces were left out: more than " + std::to_string(most));
    order.resize(most);
  }
  out.begin(Section::kNamespaces);
  for (std::uint64_t inode : order) {
    Entry& entry = entries_[inode];
    std::ranges::sort(entry.pids);
    std::ranges::sort(entry.paths);
    out.append_value(inode);
    out.append_value(static_cast<std::uint32_t>(entry.pids.size()));
    for (std::uint32_t pid : entry.pids) out.append_value(pid);
    out.append_value(static_cast<std::uint32_t>(entry.paths.size()));
    for (const std::string& path : entry.paths) {
      out.append_value(static_cast<std::uint32_t>(path.size()));
      out.append_text(path);
    }
  }
  out.finish(0);
}

void ReaderNamespaces::close_descriptors() {
  for (auto& [inode, entry] : entries_) {
    if (entry.fd < 0 || inode == own_) continue;
    close(entry.fd);
    entry.fd = -1;
  }
  open_ = 0;
}

// By path, then by its processes: whichever still leads to this very namespace.
int ReaderNamespaces::open_entry(std::uint64_t inode, const Entry& entry) {
  const auto try_path = [&](const char* path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -errno;
    struct stat info{};
    if (fstat(fd, &info) == 0 && info.st_ino == inode && info.st_dev == device_ &&
        is_network_namespace(fd)) {
      return fd;
    }
    close(fd);
    return -ENOENT;
  };
  int result = -ENOENT;
  for (const std::string& path : entry.paths) {
    if (result = try_path(path.c_str()); result >= 0) return result;
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(entry.pids.size(), 64); ++i) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%u/ns/net", entry.pids[i]);
    if (result = try_path(path); result >= 0) return result;
  }
  return result;
}

int ReaderNamespaces::descriptor(std::uint64_t inode) {
  const auto found = entries_.find(inode);
  if (found == entries_.end()) return -ENOENT;
  Entry& entry = found->second;
  if (entry.fd >= 0) return entry.fd;
  if (open_ >= most_open_) close_descriptors();
  const int fd = open_entry(inode, entry);
  if (fd >= 0) {
    entry.fd = fd;
    ++open_;
  }
  return fd;
}

int ReaderNamespaces::enter(std::uint64_t inode) {
  if (inode == current_ && inode != 0) return 0;
  const int fd = descriptor(inode);
  if (fd < 0) return -fd;
  if (setns(fd, CLONE_NEWNET) != 0) return errno;
  current_ = inode;
  return 0;
}

std::uint64_t ReaderNamespaces::resolve(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  struct stat info{};
  const bool good = fstat(fd, &info) == 0 && info.st_dev == device_ && is_network_namespace(fd);
  close(fd);
  if (!good) return 0;
  Entry& entry = entries_[info.st_ino];
  if (entry.paths.size() < kMostPaths && path.size() <= kMostPath &&
      std::ranges::find(entry.paths, path) == entry.paths.end()) {
    entry.paths.push_back(path);
  }
  return info.st_ino;
}

}  // namespace bulkhead::collect
