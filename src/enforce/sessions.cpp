#include "enforce/sessions.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <system_error>

#include "enforce/proc.h"

namespace bulkhead::enforce {
namespace {

// OpenSSH: one program until 9.7, then three; the rest are what people use in its place.
constexpr std::array<std::string_view, 4> kServers{"sshd", "sshd-session", "sshd-auth", "dropbear"};
constexpr unsigned kEstablished = 1, kListen = 10;  // include/net/tcp_states.h
constexpr std::size_t kMostAncestors = 1024;
constexpr std::uint64_t kNanoseconds = 1'000'000'000;

template <class T>
bool parse(std::string_view text, T& value, int base = 10) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() && !text.empty();
}

std::string_view word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view out = line.substr(0, line.find_first_of(" \n"));
  line.remove_prefix(out.size());
  return out;
}

// "0100007F:1F90": each group of eight digits is a word in the host's order.
bool parse_endpoint(std::string_view text, IpAddress& address, Port& port) {
  constexpr std::size_t kDigits = 8;
  const std::size_t colon = text.find(':');
  if (colon != kDigits && colon != 4 * kDigits) return false;
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i * kDigits < colon; ++i) {
    std::uint32_t value = 0;
    if (!parse(text.substr(i * kDigits, kDigits), value, 16)) return false;
    std::memcpy(octets.data() + i * sizeof value, &value, sizeof value);
  }
  address = colon == kDigits ? IpAddress::v4(octets[0], octets[1], octets[2], octets[3])
                             : IpAddress::v6(octets).unmapped();
  return parse(text.substr(colon + 1), port.number, 16);
}

std::map<std::uint64_t, TcpRow> tcp_rows() {
  std::map<std::uint64_t, TcpRow> out;
  for (const char* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    const std::string text = read_proc(path);
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      const auto row = tcp_row(line);
      if (row && row->inode != 0 && (row->state == kEstablished || row->state == kListen))
        out.emplace(row->inode, *row);
    }
  }
  return out;
}

std::map<pid_t, ProcessLine> all_processes() {
  std::map<pid_t, ProcessLine> out;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return out;
  while (const dirent* item = ::readdir(directory)) {
    pid_t pid = 0;
    if (!parse(std::string_view(item->d_name), pid)) continue;
    if (auto line = process_line(read_proc("/proc/" + std::to_string(pid) + "/stat")))
      out.emplace(pid, *std::move(line));
  }
  ::closedir(directory);
  return out;
}

bool is_server(const ProcessLine& process) {
  return std::ranges::find(kServers, process.command) != kServers.end();
}

bool runs_as_root(pid_t pid) {
  const std::string status = read_proc("/proc/" + std::to_string(pid) + "/status");
  return status.contains("\nUid:\t0\t");
}

// Anybody may call a program sshd. A server's process is root's, or the child of one (the half that
// runs as the user after the login).
bool is_true_server(pid_t pid, const std::map<pid_t, ProcessLine>& all) {
  const auto at = all.find(pid);
  if (at == all.end() || !is_server(at->second)) return false;
  if (runs_as_root(pid)) return true;
  const auto parent = all.find(at->second.parent);
  return parent != all.end() && is_server(parent->second) && runs_as_root(parent->first);
}

// Anybody on the Internet may connect and never log in: such a process is no session. OpenSSH says
// so in its title, which ends in [accepted], [net] or [priv] for all but the one that serves the
// user; of others it is told by what it has started.
bool has_login(pid_t pid, const std::map<pid_t, ProcessLine>& all) {
  const ProcessLine& process = all.at(pid);
  if (process.command == "sshd-auth") return false;
  if (process.command.starts_with("sshd")) {
    std::string title = read_proc("/proc/" + std::to_string(pid) + "/cmdline");
    title.erase(title.find_last_not_of(std::string_view("\0 ", 2)) + 1);
    return !title.ends_with(']');
  }
  return std::ranges::any_of(all, [pid](const auto& other) { return other.second.parent == pid; });
}

std::set<pid_t> ancestors(pid_t pid, const std::map<pid_t, ProcessLine>& all) {
  std::set<pid_t> out;
  while (out.size() < kMostAncestors) {
    const auto at = all.find(pid);
    if (at == all.end() || !out.insert(pid).second) break;
    pid = at->second.parent;
  }
  return out;
}

struct Sockets {
  std::vector<std::uint64_t> inodes;  // by descriptor, ascending
  bool denied = false;
};

Sockets sockets_of(pid_t pid) {
  constexpr std::string_view kStart = "socket:[";
  Sockets out;
  std::map<int, std::uint64_t> found;
  DIR* directory = ::opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (directory == nullptr) {
    out.denied = errno == EACCES || errno == EPERM;
    return out;
  }
  while (const dirent* item = ::readdir(directory)) {
    std::array<char, 64> link;
    int fd = 0;
    const ssize_t length = ::readlinkat(::dirfd(directory), item->d_name, link.data(), link.size());
    if (length < 0 && (errno == EACCES || errno == EPERM)) out.denied = true;
    if (length <= 0 || !parse(std::string_view(item->d_name), fd)) continue;
    std::string_view name(link.data(), static_cast<std::size_t>(length));
    std::uint64_t inode = 0;
    if (!name.starts_with(kStart) || !name.ends_with(']')) continue;
    name = name.substr(kStart.size(), name.size() - kStart.size() - 1);
    if (parse(name, inode)) found.emplace(fd, inode);
  }
  ::closedir(directory);
  for (const auto& [fd, inode] : found) out.inodes.push_back(inode);
  return out;
}

// The connection by which the session came. What it forwards is held by the same process: those
// that it opened come from ports on which nobody listens, those that it accepted from ports on
// which it listens itself. When the server does not listen any more, it is the one that it had
// first.
std::optional<TcpRow> connection_of(const std::vector<std::uint64_t>& inodes,
                                    const std::map<std::uint64_t, TcpRow>& rows) {
  std::optional<TcpRow> first;
  std::set<Port> own;
  for (const std::uint64_t inode : inodes) {
    const auto row = rows.find(inode);
    if (row != rows.end() && row->second.state == kListen) own.insert(row->second.local_port);
  }
  for (const std::uint64_t inode : inodes) {
    const auto row = rows.find(inode);
    if (row == rows.end() || row->second.state != kEstablished) continue;
    if (!first) first = row->second;
    const Port port = row->second.local_port;
    const bool listened = std::ranges::any_of(rows, [port](const auto& other) {
      return other.second.state == kListen && other.second.local_port == port;
    });
    if (listened && !own.contains(port)) return row->second;
  }
  return first;
}

// When the connection was accepted: the process that serves the user is forked after the login, by
// the one that was there from the beginning and still holds the connection, too.
std::uint64_t accepted_at(const TcpRow& row, const ProcessLine& process,
                          const std::map<pid_t, ProcessLine>& all) {
  const auto parent = all.find(process.parent);
  if (parent == all.end() || !is_server(parent->second)) return process.start_ticks;
  const auto inodes = sockets_of(parent->first).inodes;
  return std::ranges::find(inodes, row.inode) == inodes.end()
             ? process.start_ticks
             : std::min(process.start_ticks, parent->second.start_ticks);
}

std::uint64_t boot_ns(std::uint64_t ticks) {
  const long rate = ::sysconf(_SC_CLK_TCK);
  const auto per_second = rate > 0 ? static_cast<std::uint64_t>(rate) : std::uint64_t{100};
  return ticks / per_second * kNanoseconds + ticks % per_second * (kNanoseconds / per_second);
}

}  // namespace

std::optional<TcpRow> tcp_row(std::string_view line) {
  TcpRow out;
  word(line);  // its number
  if (!parse_endpoint(word(line), out.local, out.local_port)) return std::nullopt;
  if (!parse_endpoint(word(line), out.peer, out.peer_port)) return std::nullopt;
  if (!parse(word(line), out.state, 16)) return std::nullopt;
  for (int i = 0; i < 5; ++i) word(line);  // queues, timer, retransmits, uid, time-out
  if (!parse(word(line), out.inode)) return std::nullopt;
  return out;
}

std::optional<ProcessLine> process_line(std::string_view stat) {
  const std::size_t open = stat.find('('), close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  ProcessLine out;
  out.command = stat.substr(open + 1, close - open - 1);
  stat.remove_prefix(close + 1);
  word(stat);  // its state
  if (!parse(word(stat), out.parent)) return std::nullopt;
  for (int i = 0; i < 17; ++i) word(stat);  // fields 5 to 21, proc_pid_stat(5)
  if (!parse(word(stat), out.start_ticks)) return std::nullopt;
  return out;
}

std::optional<Process> process_of(pid_t pid) {
  const std::string stat = read_proc("/proc/" + std::to_string(pid) + "/stat");
  const auto line = process_line(stat);
  // One that has ended and that nobody has asked for yet does nothing any more.
  if (!line || stat.substr(stat.rfind(')')).starts_with(") Z")) return std::nullopt;
  return Process{pid, line->start_ticks};
}

Result<std::vector<AdminSession>> admin_sessions(pid_t caller) {
  const std::map<pid_t, ProcessLine> all = all_processes();
  if (all.empty()) return fail(ErrorCode::kUnavailable, "/proc cannot be read");
  const std::map<std::uint64_t, TcpRow> rows = tcp_rows();
  const std::set<pid_t> mine = ancestors(caller, all);
  std::vector<AdminSession> out;
  for (const auto& [pid, process] : all) {
    if (!is_true_server(pid, all) || !has_login(pid, all)) continue;
    const Sockets sockets = sockets_of(pid);
    if (sockets.denied)
      return fail(ErrorCode::kDenied,
                  "the sockets of process " + std::to_string(pid) + " may not be looked at");
    const auto row = connection_of(sockets.inodes, rows);
    if (!row) continue;
    out.push_back({.peer = row->peer,
                   .local = row->local,
                   .peer_port = row->peer_port,
                   .local_port = row->local_port,
                   .process = {pid, process.start_ticks},
                   .command = process.command,
                   .callers = mine.contains(pid),
                   .begun_boot_ns = boot_ns(accepted_at(*row, process, all))});
  }
  return out;
}

std::optional<AdminSession> session_of(std::string_view text) {
  AdminSession out;
  const auto peer = IpAddress::parse(word(text));
  if (!peer || !parse(word(text), out.peer_port.number)) return std::nullopt;
  const auto local = IpAddress::parse(word(text));
  if (!local || !parse(word(text), out.local_port.number) || !text.empty()) return std::nullopt;
  out.peer = peer->unmapped();
  out.local = local->unmapped();
  out.command = "SSH_CONNECTION";
  return out;
}

}  // namespace bulkhead::enforce
