// Order matters: processes first (they hold namespaces and files), then names, then files.
#include "lab/traces.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/text.h"

namespace bulkhead::lab {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kStem = "bulkhead-demo-";
constexpr const char* kNamespaces = "/run/netns";
constexpr const char* kGroups = "/sys/fs/cgroup";
constexpr std::size_t kFileLimit = 1 << 16;

std::optional<pid_t> number(std::string_view text) {
  pid_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kFileLimit, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The state letter and parent of a process; proc(5) puts the command in brackets before them.
struct Stat {
  char state = 'Z';
  pid_t parent = 0;
};

Stat stat_of(const fs::path& process) {
  std::string text = read_file(process / "stat");
  std::size_t at = text.rfind(')');
  if (at == std::string::npos || at + 4 >= text.size()) return {};
  std::size_t end = text.find(' ', at + 4);
  Stat stat{text[at + 2], 0};
  if (end != std::string::npos)
    stat.parent = number(std::string_view(text).substr(at + 4, end - at - 4)).value_or(0);
  return stat;
}

std::vector<fs::path> namespaces(const std::string& prefix) {
  std::vector<fs::path> found;
  for (const auto& path : entries(kNamespaces)) {
    if (path.filename().string().starts_with(prefix)) found.push_back(path);
  }
  return found;
}

// Control groups named after the lab, in each hierarchy (version 1) or at the root (version 2).
std::vector<fs::path> groups(const std::string& prefix) {
  std::string name = prefix.substr(0, prefix.size() - 1);
  std::vector<fs::path> found;
  std::error_code error;
  if (fs::is_directory(fs::path(kGroups) / name, error)) found.push_back(fs::path(kGroups) / name);
  for (const auto& hierarchy : entries(kGroups)) {
    if (fs::is_directory(hierarchy / name, error)) found.push_back(hierarchy / name);
  }
  return found;
}

std::vector<fs::path> groups_deepest_first(const std::string& prefix) {
  std::vector<fs::path> all;
  for (const auto& top : groups(prefix)) {
    all.push_back(top);
    std::error_code error;
    for (fs::recursive_directory_iterator it(top, error), end; !error && it != end;
         it.increment(error)) {
      if (it->is_directory(error)) all.push_back(it->path());
    }
  }
  std::sort(all.begin(), all.end(), [](const fs::path& a, const fs::path& b) {
    return a.native().size() > b.native().size();
  });
  return all;
}

void add_group_members(const std::string& prefix, std::set<pid_t>& mine) {
  for (const auto& group : groups_deepest_first(prefix)) {
    std::ifstream in(group / "cgroup.procs");
    for (std::string line; std::getline(in, line);) {
      if (auto pid = number(line)) mine.insert(*pid);
    }
  }
}

std::set<pid_t> processes(const Traces& traces) {
  std::set<ino_t> spaces;
  struct ::stat info{};
  for (const auto& path : namespaces(traces.prefix)) {
    if (::stat(path.c_str(), &info) == 0) spaces.insert(info.st_ino);
  }
  std::set<pid_t> mine;
  add_group_members(traces.prefix, mine);
  std::map<pid_t, pid_t> parents;
  for (const auto& process : entries("/proc")) {
    auto pid = number(process.filename().string());
    if (!pid) continue;
    Stat stat = stat_of(process);
    if (stat.state == 'Z') {  // holds nothing any more, and only its parent can take it away
      mine.erase(*pid);
      continue;
    }
    parents[*pid] = stat.parent;
    bool in_space =
        ::stat((process / "ns/net").c_str(), &info) == 0 && spaces.contains(info.st_ino);
    bool named = read_file(process / "cmdline").find(traces.directory + "/") != std::string::npos;
    if (in_space || named) mine.insert(*pid);
  }
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [pid, parent] : parents) {
      if (mine.contains(parent)) grown |= mine.insert(pid).second;
    }
  }
  mine.erase(getpid());
  mine.erase(getppid());
  return mine;
}

// A process that is killed may have just started another: looked again until none is left.
void end_processes(const Traces& traces) {
  auto until = Clock::now() + std::chrono::seconds(8);
  while (Clock::now() < until) {
    auto mine = processes(traces);
    if (mine.empty()) return;
    for (pid_t pid : mine) kill(pid, SIGKILL);
    // There is no event for the end of a process that is not our child and that may go unnoticed.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<std::string> mounts_below(const std::string& directory) {
  std::vector<std::string> found;
  std::ifstream in("/proc/self/mounts");
  for (std::string source, target, rest; in >> source >> target && std::getline(in, rest);) {
    if (target == directory || target.starts_with(directory + "/")) found.push_back(target);
  }
  std::reverse(found.begin(), found.end());
  return found;
}

void remove_names(const Traces& traces) {
  for (const auto& path : namespaces(traces.prefix)) {
    umount2(path.c_str(), MNT_DETACH);
    unlink(path.c_str());
  }
  for (const auto& group : groups_deepest_first(traces.prefix)) rmdir(group.c_str());
  for (const auto& target : mounts_below(traces.directory)) umount2(target.c_str(), MNT_DETACH);
}

std::vector<std::string> still_there(const Traces& traces) {
  std::vector<std::string> left;
  for (pid_t pid : processes(traces)) left.push_back(fmt::format("process {}", pid));
  for (const auto& path : namespaces(traces.prefix))
    left.push_back("network namespace " + path.string());
  for (const auto& path : groups(traces.prefix)) left.push_back("control group " + path.string());
  for (const auto& target : mounts_below(traces.directory))
    left.push_back("mount " + escape_text(target));
  std::error_code error;
  if (fs::exists(traces.directory, error)) left.push_back("folder " + traces.directory);
  return left;
}

bool alive(pid_t pid) {
  std::error_code error;
  fs::path process = fs::path("/proc") / std::to_string(pid);
  return fs::exists(process, error) && stat_of(process).state != 'Z';
}

}  // namespace

Traces traces_of(pid_t maker, const std::string& temporary) {
  std::string name = std::string(kStem) + std::to_string(maker);
  return {name + "-", temporary + "/" + name};
}

std::vector<std::string> remove_traces(const Traces& traces) {
  end_processes(traces);
  // A control group empties a moment after its last process has ended.
  for (int attempt = 0; attempt < 50; ++attempt) {
    remove_names(traces);
    if (groups(traces.prefix).empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::error_code error;
  if (mounts_below(traces.directory).empty()) fs::remove_all(traces.directory, error);
  return still_there(traces);
}

std::vector<std::string> sweep(const std::string& temporary) {
  std::set<pid_t> makers;
  for (const char* folder : {kNamespaces, temporary.c_str()}) {
    for (const auto& path : entries(folder)) {
      std::string name = path.filename().string();
      if (!name.starts_with(kStem)) continue;
      std::string_view rest = std::string_view(name).substr(kStem.size());
      if (auto pid = number(rest.substr(0, rest.find('-')))) makers.insert(*pid);
    }
  }
  std::vector<std::string> left;
  for (pid_t pid : makers) {
    if (alive(pid)) continue;
    for (auto& one : remove_traces(traces_of(pid, temporary))) left.push_back(std::move(one));
  }
  return left;
}

}  // namespace bulkhead::lab
