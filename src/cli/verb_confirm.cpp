// `confirm` and `rollback`: they read no more than the folder of apply, and who is asking.
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "cli/bench.h"
#include "cli/language.h"
#include "enforce/guardian.h"
#include "enforce/helper.h"
#include "probe/socket_address.h"
#include "report/apply_text.h"

namespace bulkhead::cli {
namespace {

using enforce::Folder;
using enforce::Phase;

// A connection from this machine to itself shows nothing of the way in.
bool is_of_this_machine(const IpAddress& address) {
  if (address.is_loopback()) return true;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return true;
  bool found = false;
  for (const ifaddrs* one = all; one != nullptr && !found; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const bool v4 = one->ifa_addr->sa_family == AF_INET;
    if (!v4 && one->ifa_addr->sa_family != AF_INET6) continue;
    probe::SocketAddress own;
    std::memcpy(own.get(), one->ifa_addr, v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    found = own.address() == address;
  }
  ::freeifaddrs(all);
  return found;
}

// Whether the caller has shown that he can still get in.
Status check_new_session(const enforce::State& state, bool console) {
  if (console || !state.current) return {};
  const auto sessions = enforce::admin_sessions(::getpid());
  if (!sessions) return std::unexpected(sessions.error());
  const enforce::AdminSession* own = nullptr;  // the innermost: it began last
  for (const enforce::AdminSession& s : *sessions) {
    if (s.callers && (own == nullptr || s.begun_boot_ns > own->begun_boot_ns)) own = &s;
  }
  if (own == nullptr) {
    if (state.current->console) return {};
    return fail(ErrorCode::kUnsupported,
                "not confirmed: this is no SSH session to this host. Open a new one and confirm "
                "there: that proves that you still can; at a console of the machine say --console");
  }
  if (is_of_this_machine(own->peer))
    return fail(ErrorCode::kUnsupported,
                "not confirmed: this session comes from this machine itself (" +
                    own->peer.to_string() +
                    "), which proves nothing. Open a new one from where you administer it");
  if (own->begun_boot_ns > state.current->applied_boot_ns) return {};
  return fail(ErrorCode::kUnsupported,
              "not confirmed: this session is older than the rules. Open a new session and confirm "
              "there: that proves that you still can");
}

Exit too_late(const enforce::State& state) {
  return refuse({ErrorCode::kUnsupported,
                 "too late: it was not confirmed in time, and was rolled back" +
                     (state.undone ? " (" + escape_text(state.undone->file) + ")" : "")});
}

Exit confirm_awaiting(const enforce::Place& held, bool console) {
  if (enforce::boot_clock_ns() >= held.state.deadline_boot_ns) {
    // Its guardian waits for our lock, or is gone.
    const auto back = enforce::roll_back(held.folder, held.lock, enforce::By::kGuardian);
    if (!back) return complain(back.error());
    enforce::end_process(held.state.guardian);
    return too_late(*back);
  }
  if (auto proof = check_new_session(held.state, console); !proof) {
    if (proof.error().code != ErrorCode::kUnsupported) return complain(proof.error());
    return refuse(proof.error());
  }
  const auto kept = enforce::keep(held.folder, held.lock, held.state);
  if (!kept) return complain(kept.error());
  const std::optional<enforce::Record>& current = kept->current;
  return print_report(report::kept_text(current ? current->file : "", text_style({})), Exit::kDone);
}

Exit nothing_to_confirm() {
  return complain(
      {ErrorCode::kNotFound, "nothing was applied: there is nothing to confirm; bulkhead apply"});
}

}  // namespace

Exit run_confirm(const ConfirmOptions& options) {
  if (auto rights = enforce::check_rights(); !rights) return complain(rights.error());
  const auto held = enforce::take_place(Folder::Make::kNo, enforce::kPatience);
  if (!held)
    return held.error().code == ErrorCode::kNotFound ? nothing_to_confirm()
                                                     : complain(held.error());
  const enforce::State& state = held->state;
  if (state.undone && state.undone->by_guardian) return too_late(state);
  switch (state.phase) {
    case Phase::kNothing: return nothing_to_confirm();
    case Phase::kAwaiting: return confirm_awaiting(*held, options.console);
    case Phase::kLoading:
      return complain({ErrorCode::kUnsupported,
                       "apply was interrupted while it loaded: that is not kept. Say bulkhead "
                       "rollback, and apply again"});
    case Phase::kKept: break;
  }
  const std::optional<enforce::Record>& current = state.current;
  if (!current) return nothing_to_confirm();
  return print_report(
      report::already_kept_text(current->file, current->applied_at_ms, text_style({})),
      Exit::kDone);
}

Exit run_rollback(const RollbackOptions& options) {
  if (auto rights = enforce::check_rights(); !rights) return complain(rights.error());
  const report::Style style = text_style({});
  if (options.remove) {
    auto folder = Folder::open(Folder::Make::kYes);
    if (!folder) return complain(folder.error());
    auto lock = folder->lock(enforce::kPatience);
    if (!lock) return complain(lock.error());
    if (auto removed = enforce::remove_all(*folder, *lock); !removed)
      return complain(removed.error());
    return print_report(report::removed_text(style), Exit::kDone);
  }
  const auto held = enforce::take_place(Folder::Make::kNo, enforce::kPatience);
  if (!held && held.error().code == ErrorCode::kNotFound)
    return print_report(report::rolled_back_text({}, style), Exit::kDone);
  if (!held) return complain(held.error());
  const auto state = enforce::roll_back(held->folder, held->lock, enforce::By::kPerson);
  if (!state) return complain(state.error());
  report::RolledBack what;
  what.now = held->state.current.has_value() && held->state.can_undo;
  if (const auto& current = state->current) {
    what.file = current->file;
    what.applied_at_ms = current->applied_at_ms;
  }
  return print_report(report::rolled_back_text(what, style), Exit::kDone);
}

}  // namespace bulkhead::cli
