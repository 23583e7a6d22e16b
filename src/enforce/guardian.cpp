#include "enforce/guardian.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

#include "enforce/apply.h"
#include "enforce/folder.h"
#include "enforce/sessions.h"

namespace bulkhead::enforce {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr int kAttemptsByFolder = 5;  // one a second; after them, without the folder

void put(const char* path, std::string_view text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  // Where it may not, it stays where it is.
  [[maybe_unused]] const ssize_t count = ::write(fd, text.data(), text.size());
  ::close(fd);
}

// The control group of a login, or of a service, ends with it and all that is in it.
void leave_control_group() {
  const std::string self = std::to_string(::getpid());
  for (const char* path : {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs",
                           "/sys/fs/cgroup/systemd/cgroup.procs"})
    put(path, self);
}

void detach(int keep) {
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM})
    ::signal(one, SIG_IGN);
  ::prctl(PR_SET_NAME, "bulkhead-guard", 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= STDERR_FILENO && null >= 0; ++fd) ::dup2(null, fd);
  if (keep > STDERR_FILENO + 1)
    ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(keep) - 1, 0);
  ::close_range(static_cast<unsigned>(keep) + 1, ~0U, 0);
  ::umask(S_IRWXG | S_IRWXO);
  if (::chdir("/") != 0) ::_exit(1);
  leave_control_group();
  put("/proc/self/oom_score_adj", "-1000");
}

void sleep_until(std::uint64_t boot_ns) {
  const timespec until{static_cast<time_t>(boot_ns / kSecond),
                       static_cast<long>(boot_ns % kSecond)};
  while (::clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) continue;
}

// Nobody reads what it says but the system's log.
void log(int level, const std::string& text) {
  ::openlog("bulkhead", LOG_PID, LOG_DAEMON);
  ::syslog(level, "%s", text.c_str());
  ::closelog();
}

// It goes on until what was before is there: nobody else can be counted on.
[[noreturn]] void guard(const std::string& base, const std::string& id, std::uint64_t deadline,
                        const std::string& back) {
  sleep_until(deadline);
  for (int attempt = 0;; attempt = std::min(attempt + 1, kAttemptsByFolder)) {
    auto done = roll_back_unconfirmed(base, id);
    if (!done && attempt == kAttemptsByFolder) {
      if (const auto loaded = load_without_folder(back); loaded) done = true;
    }
    if (done) {
      if (*done) log(LOG_WARNING, "apply " + id + " was not confirmed in time: rolled back");
      ::_exit(0);
    }
    log(LOG_ERR, "apply " + id + " cannot be rolled back: " + done.error().message);
    sleep_until(boot_clock_ns() + kSecond);
  }
}

}  // namespace

std::uint64_t boot_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

Result<Process> start_guardian(const std::string& base, const std::string& id,
                               std::uint64_t deadline_boot_ns, const std::string& back) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(ErrorCode::kUnavailable, std::generic_category().message(errno));
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    const pid_t grandchild = ::fork();
    if (grandchild != 0) ::_exit(grandchild < 0 ? 1 : 0);
    detach(ends[1]);
    const pid_t self = ::getpid();
    const bool told = ::write(ends[1], &self, sizeof self) == sizeof self;
    ::close(ends[1]);
    if (!told) ::_exit(1);
    guard(base, id, deadline_boot_ns, back);
  }
  ::close(ends[1]);
  pid_t pid = 0;
  ssize_t count = 0;
  do {
    count = ::read(ends[0], &pid, sizeof pid);
  } while (count < 0 && errno == EINTR);
  ::close(ends[0]);
  if (child > 0) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  const auto process = count == sizeof pid ? process_of(pid) : std::nullopt;
  if (!process) return fail(ErrorCode::kUnavailable, "the guardian could not be started");
  return *process;
}

bool is_alive(const Process& process) {
  return process.pid > 0 && process_of(process.pid) == process;
}

void end_process(const Process& process) {
  if (process.pid <= 0) return;
  // First the handle, then the question: after it nobody else can get that pid.
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
  if (handle < 0) return;
  if (is_alive(process)) ::syscall(SYS_pidfd_send_signal, handle, SIGKILL, nullptr, 0);
  ::close(handle);
}

}  // namespace bulkhead::enforce
