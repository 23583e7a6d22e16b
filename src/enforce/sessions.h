// Who administers this host over SSH now: established connections that a server's process holds.
//
// Found by the sockets, not by SSH_CONNECTION, which sudo takes away and tmux keeps for too long.
// Needs the right to look into all processes. A server in another network namespace (a container)
// is none of this host's; a connection on which nobody has logged in is no session.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "enforce/state.h"

namespace bulkhead::enforce {

struct AdminSession {
  IpAddress peer, local;
  Port peer_port, local_port;
  Process process;       // that holds the connection; pid 0: named by SSH_CONNECTION alone
  std::string command;   // its name, as it is
  bool callers = false;  // the caller was started from it
  // When the connection was accepted, CLOCK_BOOTTIME: the first process that held it began then.
  std::uint64_t begun_boot_ns = 0;
  friend bool operator==(const AdminSession&, const AdminSession&) = default;
};

// `caller`: whose ancestors are looked at. Sessions of one process come once; in the order of pids.
// kDenied without the right to look.
[[nodiscard]] Result<std::vector<AdminSession>> admin_sessions(pid_t caller);

// "198.51.100.7 40000 192.0.2.10 22", as sshd sets SSH_CONNECTION; nullopt for anything else.
[[nodiscard]] std::optional<AdminSession> session_of(std::string_view ssh_connection);

// One line of /proc/net/tcp and tcp6: inside of sessions, shown for its tests.
struct TcpRow {
  IpAddress local, peer;
  Port local_port, peer_port;
  unsigned state = 0;  // include/net/tcp_states.h
  std::uint64_t inode = 0;
};
[[nodiscard]] std::optional<TcpRow> tcp_row(std::string_view line);

// Of the text of /proc/PID/stat: the name may hold blanks and parentheses.
struct ProcessLine {
  std::string command;
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
};
[[nodiscard]] std::optional<ProcessLine> process_line(std::string_view stat);

// The process that has this pid now; nullopt when there is none.
[[nodiscard]] std::optional<Process> process_of(pid_t pid);

}  // namespace bulkhead::enforce
