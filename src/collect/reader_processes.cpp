#include "collect/reader_processes.h"

// Before the kernel's own headers, which then leave out what libc has defined
// (linux/libc-compat.h).
// clang-format off
#include <netinet/in.h>
// clang-format on

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "collect/privileges.h"
#include "collect/reader_files.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostHeld = 1U << 20;  // matching sockets of one process

bool number(const char* text, std::uint32_t& value) {
  const std::size_t length = std::strlen(text);
  const auto end = std::from_chars(text, text + length, value);
  return end.ec == std::errc() && end.ptr == text + length;
}

// fs/proc/fd.c and net/socket.c: the link of a socket reads "socket:[INODE]".
std::uint64_t socket_inode(std::string_view link) {
  constexpr std::string_view kStart = "socket:[";
  std::uint64_t inode = 0;
  if (!link.starts_with(kStart)) return 0;
  std::from_chars(link.data() + kStart.size(), link.data() + link.size(), inode);
  return inode;
}

struct Held {
  std::uint64_t inode = 0;
  std::uint32_t fd = 0;  // in the process
};

// errno, or 0; `held` gets what this process holds of `wanted`.
int held_sockets(std::uint32_t pid, std::span<const std::uint64_t> wanted,
                 std::vector<Held>& held) {
  held.clear();
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%u/fd", pid);
  DIR* directory = opendir(path);
  if (directory == nullptr) return errno;
  int error = 0;
  errno = 0;
  while (const dirent* item = readdir(directory)) {
    char link[64];
    const ssize_t length = readlinkat(dirfd(directory), item->d_name, link, sizeof link);
    if (length < 0 && (errno == EACCES || errno == EPERM)) error = errno;
    if (length <= 0) continue;
    const std::uint64_t inode = socket_inode({link, static_cast<std::size_t>(length)});
    if (inode == 0 || held.size() >= kMostHeld || !std::ranges::binary_search(wanted, inode))
      continue;
    std::uint32_t fd = 0;
    if (number(item->d_name, fd)) held.push_back({inode, fd});
  }
  closedir(directory);
  std::ranges::sort(held, {}, &Held::inode);
  const auto same = std::ranges::unique(held, {}, &Held::inode);
  held.erase(same.begin(), same.end());
  return error;
}

void append_counted(ReaderOutput& out, std::string_view text) {
  out.append_value(static_cast<std::uint32_t>(text.size()));
  out.append_text(text);
}

// What /proc/net does not tell, asked of the socket itself: a copy of its descriptor is held for
// the length of two questions (pidfd_getfd, Linux 5.6; SO_BINDTOIFINDEX, Linux 5.1).
void append_options(ReaderOutput& out, int process, std::uint32_t fd) {
  std::int32_t v6_only = -1, bound_to = -1;
  const int copy = process < 0 ? -1 : static_cast<int>(syscall(SYS_pidfd_getfd, process, fd, 0));
  if (copy >= 0) {
    socklen_t size = sizeof v6_only;
    if (getsockopt(copy, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size) != 0) v6_only = 0;
    size = sizeof bound_to;
    if (getsockopt(copy, SOL_SOCKET, SO_BINDTOIFINDEX, &bound_to, &size) != 0) bound_to = -1;
    close(copy);
  }
  out.append_value(v6_only);
  out.append_value(bound_to);
}

void append_owner(ReaderOutput& out, std::uint32_t pid, std::span<const Held> held,
                  bool with_options) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string status = read_file((folder + "/status").c_str(), 16384).text;
  std::string command = read_file((folder + "/comm").c_str(), 64).text;
  if (command.ends_with('\n')) command.pop_back();
  const std::string cgroup = read_file((folder + "/cgroup").c_str(), 16384).text;
  char executable[4096];
  const ssize_t length = readlink((folder + "/exe").c_str(), executable, sizeof executable);
  out.append_value(pid);
  out.append_value(real_uid(status));
  append_counted(out, command);
  append_counted(out, {executable, length < 0 ? 0 : static_cast<std::size_t>(length)});
  append_counted(out, cgroup);
  out.append_value(static_cast<std::uint32_t>(held.size()));
  const int process = with_options ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1;
  for (const Held& socket : held) {
    out.append_value(socket.inode);
    append_options(out, process, socket.fd);
  }
  if (process >= 0) close(process);
}

}  // namespace

std::uint32_t real_uid(std::string_view status) {
  const std::size_t at = status.find("\nUid:");
  std::uint32_t uid = 0;
  if (at == std::string_view::npos) return uid;
  status.remove_prefix(at + 5);
  status.remove_prefix(std::min(status.find_first_of("0123456789"), status.size()));
  std::from_chars(status.data(), status.data() + status.size(), uid);
  return uid;
}

void read_cgroups(ReaderOutput& out, std::span<const std::uint32_t> pids) {
  out.begin(Section::kCgroups);
  for (const std::uint32_t pid : pids) {
    append_counted(out,
                   read_file(("/proc/" + std::to_string(pid) + "/cgroup").c_str(), 16384).text);
  }
  out.finish(0);
}

void read_socket_owners(ReaderOutput& out, std::span<const std::uint64_t> wanted,
                        bool with_options) {
  DIR* directory = opendir("/proc");
  if (directory == nullptr) {
    out.section(Section::kOwners, {}, errno);
    return;
  }
  std::size_t denied = 0;
  std::vector<Held> held;
  out.begin(Section::kOwners);
  while (const dirent* item = readdir(directory)) {
    std::uint32_t pid = 0;
    if (!number(item->d_name, pid)) continue;
    const int error = held_sockets(pid, wanted, held);
    if (error == EACCES || error == EPERM) ++denied;
    if (!held.empty()) append_owner(out, pid, held, with_options);
  }
  closedir(directory);
  out.finish(0);
  // With the right to look into every process, what is hidden is hidden by the system's policy:
  // such a socket is one whose owner could not be found, and no lack of rights.
  if (denied != 0 && !can_look_into_processes()) {
    out.problem("the sockets of " + std::to_string(denied) +
                " processes could not be looked up: permission denied");
  }
}

}  // namespace bulkhead::collect
