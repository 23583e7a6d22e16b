#include "enforce/helper.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "enforce/parts.h"

namespace bulkhead::enforce {
namespace {

enum class Ask : std::uint32_t { kReady = 1, kSessions, kApply, kRollBack };

Parts failed(const Error& error) {
  return {static_cast<std::uint32_t>(error.code) + 1, {error.message}};
}

Result<std::vector<std::string>> opened(Result<Parts> parts) {
  if (!parts) return std::unexpected(parts.error());
  if (parts->word == 0) return std::move(parts->texts);
  // ErrorCode of our own other half.
  return fail(static_cast<ErrorCode>(parts->word - 1),
              parts->texts.empty() ? "" : parts->texts.front());
}

Result<State> state_from(Result<std::vector<std::string>> texts) {
  if (!texts) return std::unexpected(texts.error());
  if (texts->size() != 1) return fail(ErrorCode::kInternal, "a state was awaited");
  return read_state(texts->front());
}

Parts told(const Result<State>& state) {
  if (!state) return failed(state.error());
  return {0, {write_state(*state)}};
}

// One session as five fields and two addresses, a line each.
Parts told(const Result<std::vector<AdminSession>>& sessions) {
  if (!sessions) return failed(sessions.error());
  nlohmann::json all = nlohmann::json::array();
  for (const AdminSession& s : *sessions) {
    all.push_back({{"peer", s.peer.to_string()},
                   {"local", s.local.to_string()},
                   {"peer_port", s.peer_port.number},
                   {"local_port", s.local_port.number},
                   {"pid", s.process.pid},
                   {"start", s.process.start_ticks},
                   {"command", s.command},
                   {"callers", s.callers},
                   {"begun", s.begun_boot_ns}});
  }
  return {0, {all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)}};
}

Result<std::vector<AdminSession>> sessions_from(Result<std::vector<std::string>> texts) {
  if (!texts) return std::unexpected(texts.error());
  std::vector<AdminSession> out;
  if (texts->size() != 1) return fail(ErrorCode::kInternal, "sessions were awaited");
  const auto all = nlohmann::json::parse(texts->front(), nullptr, false);
  if (!all.is_array()) return fail(ErrorCode::kInternal, "sessions were awaited");
  for (const auto& one : all) {
    const auto peer = IpAddress::parse(one.value("peer", ""));
    const auto local = IpAddress::parse(one.value("local", ""));
    if (!peer || !local) return fail(ErrorCode::kInternal, "a session has no addresses");
    out.push_back({.peer = *peer,
                   .local = *local,
                   .peer_port = Port{one.value("peer_port", std::uint16_t{0})},
                   .local_port = Port{one.value("local_port", std::uint16_t{0})},
                   .process = {one.value("pid", pid_t{0}), one.value("start", std::uint64_t{0})},
                   .command = one.value("command", ""),
                   .callers = one.value("callers", false),
                   .begun_boot_ns = one.value("begun", std::uint64_t{0})});
  }
  return out;
}

Result<Request> request_from(std::vector<std::string> texts) {
  if (texts.size() != 5) return fail(ErrorCode::kInternal, "five parts were awaited");
  auto record = read_record(texts[0]);
  if (!record) return std::unexpected(record.error());
  Request out;
  out.record = *std::move(record);
  out.rules = std::move(texts[1]);
  out.tables = std::move(texts[2]);
  out.policy = std::move(texts[3]);
  std::uint32_t seconds = 0;
  const std::string& text = texts[4];
  if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec != std::errc())
    return fail(ErrorCode::kInternal, "seconds were awaited");
  out.confirm_within = std::chrono::seconds(seconds);
  return out;
}

// Two applies at once: the later one is told so at once, since the first may take its time.
constexpr std::chrono::milliseconds kNoPatience{0};

Result<Place> take_ready_place() {
  auto place = take_place(Folder::Make::kYes, kNoPatience);
  if (!place) return std::unexpected(place.error());
  if (auto ready = check_ready(place->state); !ready) return std::unexpected(ready.error());
  return place;
}

Parts answer(const Place& place, Parts asked, pid_t other_half) {
  switch (static_cast<Ask>(asked.word)) {
    case Ask::kReady: return {};
    case Ask::kSessions: return told(admin_sessions(other_half));
    case Ask::kApply: {
      const auto request = request_from(std::move(asked.texts));
      if (!request) return failed(request.error());
      return told(apply(place.folder, place.lock, *request));
    }
    case Ask::kRollBack: return told(roll_back(place.folder, place.lock, By::kPerson));
  }
  return failed({ErrorCode::kInternal, "nothing that the helper does"});
}

[[noreturn]] void serve(int fd, pid_t other_half) {
  // Keys on the terminal end the other half; what is begun here is ended here.
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU})
    ::signal(one, SIG_IGN);
  ::prctl(PR_SET_NAME, "bulkhead-apply", 0, 0, 0);
  const auto place = take_ready_place();
  while (true) {
    auto asked = receive_parts(fd);
    if (!asked) ::_exit(0);
    const Parts said =
        place ? answer(*place, *std::move(asked), other_half) : failed(place.error());
    if (!send_parts(fd, said)) ::_exit(0);
  }
}

bool has_net_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[0].effective >> CAP_NET_ADMIN & 1U) != 0;
}

// The first user namespace maps every number to itself.
bool in_first_user_namespace() {
  std::ifstream file("/proc/self/uid_map");
  std::uint64_t inside = 1, outside = 1, count = 0;
  file >> inside >> outside >> count;
  return inside == 0 && outside == 0 && count == 0xffffffffU;
}

}  // namespace

Status check_rights() {
  if (::geteuid() != 0 || !has_net_admin())
    return fail(ErrorCode::kUnsupported, "only root may change the host's rules; say it with sudo");
  if (!in_first_user_namespace())
    return fail(ErrorCode::kUnsupported,
                "this is root of a user namespace, who may not change the host's rules; run it as "
                "root of the host");
  return {};
}

Result<Helper> Helper::start() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(ErrorCode::kUnavailable, "no socket pair");
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return fail(ErrorCode::kUnavailable, "the helper could not be started");
  }
  if (pid == 0) {
    ::close(ends[0]);
    serve(ends[1], self);
  }
  ::close(ends[1]);
  Helper helper(ends[0], pid);
  if (auto sent = send_parts(ends[0], {static_cast<std::uint32_t>(Ask::kReady), {}}); !sent)
    return std::unexpected(sent.error());
  if (auto ready = opened(receive_parts(ends[0])); !ready) return std::unexpected(ready.error());
  return helper;
}

Helper::Helper(Helper&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), pid_(std::exchange(other.pid_, -1)) {}

Helper::~Helper() {
  if (fd_ >= 0) ::close(fd_);
  if (pid_ <= 0) return;
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

Result<std::vector<AdminSession>> Helper::sessions() {
  if (auto sent = send_parts(fd_, {static_cast<std::uint32_t>(Ask::kSessions), {}}); !sent)
    return std::unexpected(sent.error());
  return sessions_from(opened(receive_parts(fd_)));
}

Result<State> Helper::apply(const Request& request) {
  const Parts asked{static_cast<std::uint32_t>(Ask::kApply),
                    {write_record(request.record), request.rules, request.tables, request.policy,
                     std::to_string(request.confirm_within.count())}};
  if (auto sent = send_parts(fd_, asked); !sent) return std::unexpected(sent.error());
  return state_from(opened(receive_parts(fd_)));
}

Result<State> Helper::roll_back() {
  if (auto sent = send_parts(fd_, {static_cast<std::uint32_t>(Ask::kRollBack), {}}); !sent)
    return std::unexpected(sent.error());
  return state_from(opened(receive_parts(fd_)));
}

}  // namespace bulkhead::enforce
