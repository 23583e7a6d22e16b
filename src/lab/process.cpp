// Between fork() and execve() the child makes system calls only: all it needs is laid out before.
#include "lab/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace bulkhead::lab {
namespace {

using Clock = std::chrono::steady_clock;

enum class Streams { kPipe, kFile, kTerminal };

// What the child could not do, sent to the parent through a pipe that a successful execve() closes.
struct Failure {
  int error = 0;
  char step = 0;  // 'n' network namespace, 'm' mounts, 'e' execve
};

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  // System tools live in sbin, which is not in every user's PATH.
  std::string list = std::string(path == nullptr ? "" : path) + ":/usr/sbin:/usr/bin:/sbin:/bin";
  std::size_t at = 0;
  while (at <= list.size()) {
    std::size_t end = std::min(list.find(':', at), list.size());
    std::string file = list.substr(at, end - at) + "/" + name;
    if (end > at && access(file.c_str(), X_OK) == 0) return file;
    at = end + 1;
  }
  return name;
}

class Image {
 public:
  explicit Image(const Command& command) : words_(command.words) {
    program_ = words_.empty() ? "" : find_program(words_[0]);
    for (char** one = ::environ; *one != nullptr; ++one) {
      if (!overridden(*one, command)) environment_.emplace_back(*one);
    }
    for (const auto& [key, value] : command.environment) environment_.push_back(key + "=" + value);
    for (auto& word : words_) word_pointers_.push_back(word.data());
    for (auto& entry : environment_) environment_pointers_.push_back(entry.data());
    word_pointers_.push_back(nullptr);
    environment_pointers_.push_back(nullptr);
  }

  void become() { execve(program_.c_str(), word_pointers_.data(), environment_pointers_.data()); }

 private:
  static bool overridden(std::string_view entry, const Command& command) {
    for (const auto& [key, value] : command.environment) {
      if (entry.starts_with(key + "=")) return true;
    }
    return false;
  }

  std::string program_;
  std::vector<std::string> words_;
  std::vector<std::string> environment_;
  std::vector<char*> word_pointers_;
  std::vector<char*> environment_pointers_;
};

bool enter_network(const char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool entered = setns(fd, CLONE_NEWNET) == 0;
  int error = errno;
  close(fd);
  errno = error;
  return entered;
}

bool mount_all(const std::vector<Mount>& mounts) {
  if (mounts.empty()) return true;
  if (unshare(CLONE_NEWNS) != 0) return false;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  for (const Mount& one : mounts) {
    mkdir(one.target.c_str(), 0755);
    if (one.type.empty()) continue;  // only the folder was wanted
    if (mount(one.source.c_str(), one.target.c_str(), one.type.c_str(), 0, one.data.c_str()) != 0) {
      return false;
    }
  }
  return true;
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) std::signal(one, SIG_DFL);
}

[[noreturn]] void child(const Command& command, Image& image, Streams streams, int output,
                        int report) {
  reset_signals();
  Failure failure;
  if (streams != Streams::kTerminal) {
    setsid();
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
  }
  failure.step = 'n';
  bool ready = command.network.empty() || enter_network(command.network.c_str());
  if (ready) {
    failure.step = 'm';
    ready = mount_all(command.mounts);
  }
  if (ready) {
    failure.step = 'e';
    image.become();
  }
  failure.error = errno;
  if (write(report, &failure, sizeof failure) < 0) _exit(126);
  _exit(127);
}

Result<pid_t> spawn(const Command& command, Streams streams, int output) {
  if (command.words.empty()) return fail(ErrorCode::kInternal, "no program named");
  Image image(command);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return fail(ErrorCode::kUnavailable, std::strerror(errno));
  pid_t pid = fork();
  if (pid < 0) {
    close(report[0]);
    close(report[1]);
    return fail(ErrorCode::kUnavailable, fmt::format("fork: {}", std::strerror(errno)));
  }
  if (pid == 0) child(command, image, streams, output, report[1]);
  close(report[1]);
  Failure failure;
  ssize_t got = 0;
  do {
    got = read(report[0], &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  close(report[0]);
  if (got <= 0) return pid;
  waitpid(pid, nullptr, 0);
  const char* step = failure.step == 'n'   ? "enter its network namespace"
                     : failure.step == 'm' ? "mount its private folders"
                                           : "run it";
  auto code = failure.error == ENOENT                             ? ErrorCode::kNotFound
              : failure.error == EPERM || failure.error == EACCES ? ErrorCode::kDenied
                                                                  : ErrorCode::kUnavailable;
  return fail(code, fmt::format("{}: cannot {}: {}", escape_text(command.words[0]), step,
                                std::strerror(failure.error)));
}

int status_of(int raw) {
  return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

int wait_for(pid_t pid) {
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  return status_of(raw);
}

}  // namespace

Result<Job> Job::begin(const Command& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorCode::kUnavailable, std::strerror(errno));
  auto pid = spawn(command, Streams::kPipe, ends[1]);
  close(ends[1]);
  if (!pid) {
    close(ends[0]);
    return std::unexpected(std::move(pid.error()));
  }
  return Job(*pid, ends[0], escape_text(command.words[0]));
}

Job::Job(Job&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)) {}

Job& Job::operator=(Job&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  return *this;
}

Job::~Job() {
  end();
}

void Job::end() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  wait_for(std::exchange(pid_, -1));
}

Result<Output> Job::finish(std::chrono::milliseconds limit) {
  Output output;
  auto until = Clock::now() + limit;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd wait{fd_, POLLIN, 0};
    int ready = left <= 0 ? 0 : poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      end();
      return fail(ErrorCode::kBudget,
                  fmt::format("{}: not done after {} ms", name_, limit.count()));
    }
    char part[4096];
    ssize_t got = read(fd_, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (output.text.size() + static_cast<std::size_t>(got) > kOutputLimit) {
      end();
      return fail(ErrorCode::kBudget,
                  fmt::format("{}: says more than {} bytes", name_, kOutputLimit));
    }
    output.text.append(part, static_cast<std::size_t>(got));
  }
  close(std::exchange(fd_, -1));
  output.status = wait_for(std::exchange(pid_, -1));
  return output;
}

Result<Output> run(const Command& command, std::chrono::milliseconds limit) {
  auto job = Job::begin(command);
  if (!job) return std::unexpected(std::move(job.error()));
  return job->finish(limit);
}

Result<std::string> run_checked(const Command& command, std::chrono::milliseconds limit) {
  auto output = run(command, limit);
  if (!output) return std::unexpected(std::move(output.error()));
  if (output->status == 0) return std::move(output->text);
  std::string line;
  for (const auto& word : command.words) line += (line.empty() ? "" : " ") + word;
  std::size_t from = output->text.size() > 400 ? output->text.size() - 400 : 0;
  return fail(ErrorCode::kUnavailable,
              fmt::format("{}: exit {}: {}", escape_text(line), output->status,
                          escape_text(output->text.substr(from), 400)));
}

Result<pid_t> start(const Command& command, const std::string& log_file) {
  int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) {
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}: {}", escape_text(log_file), std::strerror(errno)));
  }
  auto pid = spawn(command, Streams::kFile, log);
  close(log);
  return pid;
}

Result<int> run_in_foreground(const Command& command) {
  auto pid = spawn(command, Streams::kTerminal, -1);
  if (!pid) return std::unexpected(std::move(pid.error()));
  return wait_for(*pid);
}

}  // namespace bulkhead::lab
