#include "lab/guardian.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

namespace bulkhead::lab {
namespace {

// A signal handler can reach nothing else: hence the one lab at a time.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
std::atomic<int> g_pipe_end{-1};
std::atomic<pid_t> g_guardian_pid{-1};
struct sigaction g_before[3];
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)
constexpr int kSignals[3] = {SIGINT, SIGTERM, SIGHUP};

// Closes the pipe, waits for the guardian. Only system calls, so that a handler may call it.
int dismiss() {
  int fd = g_pipe_end.exchange(-1);
  pid_t pid = g_guardian_pid.exchange(-1);
  if (fd >= 0) close(fd);
  int raw = 0;
  while (pid > 0 && waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  return raw;
}

void on_signal(int signal) {
  dismiss();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void write_all(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    ssize_t wrote = write(STDERR_FILENO, text.data() + at, text.size() - at);
    if (wrote <= 0) return;
    at += static_cast<std::size_t>(wrote);
  }
}

[[noreturn]] void guard(const Traces& traces, int fd, std::chrono::seconds limit) {
  setsid();  // a key pressed on the maker's terminal must not end it
  for (int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(one, SIG_IGN);
  prctl(PR_SET_NAME, "bulkhead-guard");
  dup2(fd, 3);
  close_range(4, ~0U, 0);
  pollfd wait{3, POLLIN, 0};
  auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    if (poll(&wait, 1, static_cast<int>(left.count())) != 0) {
      if (wait.revents != 0) break;
    }
  }
  std::string left;
  for (const auto& one : remove_traces(traces))
    left += fmt::format("lab: could not remove {}\n", one);
  write_all(left);
  _exit(left.empty() ? 0 : 1);
}

}  // namespace

Result<Guardian> Guardian::create(const Traces& traces, std::chrono::seconds limit) {
  if (g_pipe_end.load() >= 0)
    return fail(ErrorCode::kInternal, "a lab is already up in this process");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::kUnavailable, std::strerror(errno));
  pid_t pid = fork();
  if (pid < 0) {
    close(ends[0]);
    close(ends[1]);
    return fail(ErrorCode::kUnavailable, fmt::format("fork: {}", std::strerror(errno)));
  }
  if (pid == 0) guard(traces, ends[0], limit);
  close(ends[0]);
  g_pipe_end = ends[1];
  g_guardian_pid = pid;
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigfillset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    sigaction(kSignals[i], &action, &g_before[i]);
  Guardian guardian;
  guardian.active_ = true;
  return guardian;
}

Guardian::Guardian(Guardian&& other) noexcept : active_(std::exchange(other.active_, false)) {}

Guardian::~Guardian() {
  [[maybe_unused]] auto status = finish();  // what is left was named on standard error
}

Status Guardian::finish() {
  if (!std::exchange(active_, false)) return {};
  int raw = dismiss();
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    sigaction(kSignals[i], &g_before[i], nullptr);
  if (WIFEXITED(raw) && WEXITSTATUS(raw) == 0) return {};
  return fail(ErrorCode::kInternal, "the lab left something behind (named above)");
}

}  // namespace bulkhead::lab
