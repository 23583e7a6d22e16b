#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <system_error>

#include "notify/deliver.h"

namespace bulkhead::notify {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kTickMs = 20;

std::string error_text(int error) {
  return std::generic_category().message(error);
}

// The child with the end of a pipe to its standard input; ended and waited for when this goes.
class Child {
 public:
  ~Child() {
    close_input();
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);  // its own group
    ::waitpid(pid_, nullptr, 0);
  }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // 0, or errno.
  int start(const std::vector<std::string>& words) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    input_ = ends[1];
    ::fcntl(input_, F_SETFL, O_NONBLOCK);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[0], STDIN_FILENO);
    // What it prints does not get among our own answers.
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigdefault(&how, &usual);
    const int error =
        ::posix_spawn(&pid_, words.front().c_str(), &files, &how, arguments.data(), environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[0]);
    if (error != 0) pid_ = -1;
    return error;
  }

  // Gives it all of `text`; a program that does not read it is not wrong.
  void feed(std::string_view text, Clock::time_point end) {
    while (!text.empty() && Clock::now() < end) {
      const ssize_t count = ::write(input_, text.data(), text.size());
      if (count > 0) {
        text.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        pollfd wait{input_, POLLOUT, 0};
        ::poll(&wait, 1, kTickMs);
      } else if (errno != EINTR) {
        break;
      }
    }
    close_input();
  }

  Status wait(Clock::time_point end) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(pid_, &status, WNOHANG)) == 0 && Clock::now() < end)
      ::poll(nullptr, 0, kTickMs);
    if (ended == 0) return fail(ErrorCode::kUnavailable, "took too long, and was ended");
    pid_ = -1;
    if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(ErrorCode::kUnavailable, ended > 0 && WIFEXITED(status)
                                             ? "ended " + std::to_string(WEXITSTATUS(status))
                                             : std::string("was ended by a signal"));
  }

 private:
  void close_input() {
    if (input_ >= 0) ::close(input_);
    input_ = -1;
  }
  pid_t pid_ = -1;
  int input_ = -1;
};

// A pipe that nobody reads any more is an error of write(), not the end of this program.
class NoPipeSignal {
 public:
  NoPipeSignal() : before_(::signal(SIGPIPE, SIG_IGN)) {}
  ~NoPipeSignal() { ::signal(SIGPIPE, before_); }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  void (*before_)(int);
};

}  // namespace

Status run_program(const std::vector<std::string>& words, const std::string& input) {
  const NoPipeSignal quiet;
  const auto end = Clock::now() + std::chrono::milliseconds(kPatienceMs);
  Child child;
  if (const int error = child.start(words); error != 0)
    return fail(ErrorCode::kUnavailable, "cannot be started: " + error_text(error));
  child.feed(input, end);
  return child.wait(end);
}

}  // namespace bulkhead::notify
