#include "collect/reader_conmon.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collect/reader_files.h"
#include "collect/reader_processes.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostConmons = 20'000, kMostForwarders = 20'000;
constexpr std::size_t kMostNamespacesHeld = 64;  // network namespaces of one forwarder
// pasta runs itself again as what its processor can do.
constexpr std::array<std::string_view, 6> kForwarders{"rootlessport", "slirp4netns", "pasta",
                                                      "passt",        "pasta.avx2",  "passt.avx2"};
constexpr std::size_t kMostCommandLine = 65'536;

struct Process {
  std::uint32_t pid = 0, parent = 0;
  std::uint64_t started = 0;  // ticks since boot
  std::string command;
};

// fs/proc/array.c, do_task_stat(): "PID (COMMAND) STATE PPID ...", of which the 22nd is the start.
// The command may hold anything, so it ends at the last parenthesis.
std::optional<Process> parse_stat(std::uint32_t pid, std::string_view text) {
  const std::size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  Process out{pid, 0, 0, std::string(text.substr(open + 1, close - open - 1))};
  text.remove_prefix(close + 1);
  for (int field = 3; field <= 22 && !text.empty(); ++field) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view word = text.substr(0, text.find(' '));
    if (field == 4) std::from_chars(word.data(), word.data() + word.size(), out.parent);
    if (field == 22) std::from_chars(word.data(), word.data() + word.size(), out.started);
    text.remove_prefix(word.size());
  }
  return out;
}

std::string file_of(std::uint32_t pid, const char* name, std::size_t most) {
  return read_file(("/proc/" + std::to_string(pid) + name).c_str(), most).text;
}

std::uint64_t network_namespace(const std::string& process) {
  struct stat info{};
  return stat(("/proc/" + process + "/ns/net").c_str(), &info) == 0 ? info.st_ino : 0;
}

// Every conmon, and of every process that could be its child the first.
struct Found {
  std::vector<std::uint32_t> conmons, forwarders;
  std::unordered_map<std::uint32_t, Process> first_child;  // by parent
};

Found look(DIR* directory) {
  Found found;
  while (const dirent* item = readdir(directory)) {
    std::uint32_t pid = 0;
    const char* end = item->d_name + std::strlen(item->d_name);
    const auto number = std::from_chars(item->d_name, end, pid);
    if (number.ec != std::errc() || number.ptr != end) continue;
    auto process = parse_stat(pid, file_of(pid, "/stat", 4096));
    if (!process) continue;
    if (process->command == "conmon" && found.conmons.size() < kMostConmons)
      found.conmons.push_back(pid);
    if (std::ranges::find(kForwarders, process->command) != kForwarders.end() &&
        found.forwarders.size() < kMostForwarders)
      found.forwarders.push_back(pid);
    const auto [at, fresh] = found.first_child.try_emplace(process->parent, *process);
    if (!fresh && process->started < at->second.started) at->second = *std::move(process);
  }
  return found;
}

void append_conmon(ReaderOutput& out, std::uint32_t pid, const Found& found) {
  const auto child = found.first_child.find(pid);
  const std::uint32_t first = child == found.first_child.end() ? 0 : child->second.pid;
  out.append_value(pid);
  out.append_value(real_uid(file_of(pid, "/status", 16'384)));
  out.append_value(first);
  for (const std::string& text : {file_of(pid, "/cmdline", kMostCommandLine),
                                  first == 0 ? "" : file_of(first, "/cgroup", 16'384)}) {
    out.append_value(static_cast<std::uint32_t>(text.size()));
    out.append_text(text);
  }
}

// "ino:\tNUMBER" of /proc/PID/fdinfo/FD (fs/proc/fd.c, Linux 5.15). The file itself is not asked:
// it may be on a file system that does not answer.
std::uint64_t inode_of(std::uint32_t pid, const char* fd) {
  const std::string text = file_of(pid, (std::string("/fdinfo/") + fd).c_str(), 4096);
  constexpr std::string_view kField = "\nino:\t";
  const std::size_t at = text.find(kField);
  std::uint64_t inode = 0;
  if (at != std::string::npos)
    std::from_chars(text.data() + at + kField.size(), text.data() + text.size(), inode);
  return inode;
}

// Those that it holds open: pasta makes its sockets by such a descriptor. It reads as "net:[INODE]"
// (fs/nsfs.c), or as the path at which the namespace is mounted. Files are numbered, too; a number
// that is no namespace's names nothing.
void held_namespaces(std::uint32_t pid, std::vector<std::uint64_t>& out) {
  DIR* directory = opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (directory == nullptr) return;
  while (const dirent* item = readdir(directory)) {
    std::array<char, 256> link{};
    const ssize_t length = readlinkat(dirfd(directory), item->d_name, link.data(), link.size());
    if (length <= 0 || out.size() >= kMostNamespacesHeld) continue;
    const std::string_view text(link.data(), static_cast<std::size_t>(length));
    if (!text.starts_with("net:[") && !text.starts_with('/')) continue;
    if (const std::uint64_t inode = inode_of(pid, item->d_name); inode != 0) out.push_back(inode);
  }
  closedir(directory);
}

// The child of rootlessport stands in the container; where rootlessport itself stands depends on
// the thread that one looks at.
void append_forwarder(ReaderOutput& out, std::uint32_t pid, const Found& found) {
  std::vector<std::uint64_t> inodes;
  if (const auto child = found.first_child.find(pid); child != found.first_child.end()) {
    const std::uint64_t inode = network_namespace(std::to_string(child->second.pid));
    if (inode != 0) inodes.push_back(inode);
  }
  held_namespaces(pid, inodes);
  const std::string line = file_of(pid, "/cmdline", kMostCommandLine);
  out.append_value(pid);
  out.append_value(real_uid(file_of(pid, "/status", 16'384)));
  out.append_value(static_cast<std::uint32_t>(inodes.size()));
  for (const std::uint64_t inode : inodes) out.append_value(inode);
  out.append_value(static_cast<std::uint32_t>(line.size()));
  out.append_text(line);
}

}  // namespace

void read_conmons(ReaderOutput& out) {
  DIR* directory = opendir("/proc");
  if (directory == nullptr) {
    out.section(Section::kConmons, {}, errno);
    return;
  }
  const Found found = look(directory);
  closedir(directory);
  const std::uint64_t own = network_namespace("self");
  out.begin(Section::kConmons);
  for (const std::uint32_t pid : found.conmons) {
    const std::uint64_t at = network_namespace(std::to_string(pid));
    if (at == 0 || at == own) append_conmon(out, pid, found);
  }
  out.finish(0);
  out.begin(Section::kForwarders);
  for (const std::uint32_t pid : found.forwarders) append_forwarder(out, pid, found);
  out.finish(0);
}

}  // namespace bulkhead::collect
