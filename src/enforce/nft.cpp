#include "enforce/nft.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "enforce/tables.h"

namespace bulkhead::enforce {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kLongest{120};
constexpr std::size_t kMostOutput = std::size_t{1} << 20;
constexpr std::size_t kMostQuoted = 400;
constexpr std::array<const char*, 2> kPrograms{"/usr/sbin/nft", "/sbin/nft"};
constexpr int kCannotRun = 127;
constexpr int kLockFile = STDERR_FILENO + 1;

std::string error_text(int error) {
  return std::generic_category().message(error);
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

Result<const char*> program() {
  for (const char* path : kPrograms) {
    if (::access(path, X_OK) == 0) return path;
  }
  return fail(ErrorCode::kUnavailable, "there is no /usr/sbin/nft; apt-get install nftables");
}

// In memory, so that nobody has to write while the other end prints.
Result<Descriptor> as_file(std::string_view text) {
  Descriptor file(::memfd_create("bulkhead-rules", MFD_CLOEXEC));
  while (file.get() >= 0 && !text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorCode::kUnavailable, "the rules: " + error_text(errno));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (file.get() < 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
    return fail(ErrorCode::kUnavailable, "the rules: " + error_text(errno));
  return file;
}

// System calls only: between fork() and execve().
[[noreturn]] void become(const char* path, char* const* words, std::array<int, 3> files,
                         pid_t caller) {
  const auto [input, output, lock] = files;
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU})
    ::signal(one, SIG_DFL);
  // A key pressed on the terminal must not end it half way.
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != caller) ::_exit(kCannotRun);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  if (lock >= 0) ::dup2(lock, kLockFile);
  ::close_range(static_cast<unsigned>(lock >= 0 ? kLockFile + 1 : kLockFile), ~0U, 0);
  if (::chdir("/") != 0) ::_exit(kCannotRun);
  std::array<char*, 1> nothing{nullptr};
  ::execve(path, words, nothing.data());
  ::_exit(kCannotRun);
}

int wait_for(pid_t pid) {
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

struct Output {
  int status = 0;
  std::string text;  // both streams, the first kMostOutput bytes
};

// The rest of a long output is read and forgotten: nft must get to its end.
Result<Output> collect(pid_t pid, int fd) {
  Output out;
  const auto until = Clock::now() + kLongest;
  std::string block(4096, '\0');
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd wait{fd, POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(pid, SIGKILL);
      wait_for(pid);
      return fail(ErrorCode::kBudget,
                  "nft was not done after " + std::to_string(kLongest.count()) + " s");
    }
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    const std::size_t room = kMostOutput - out.text.size();
    out.text.append(block, 0, std::min(room, static_cast<std::size_t>(count)));
  }
  out.status = wait_for(pid);
  return out;
}

Result<Output> run(std::vector<std::string> words, std::string_view input, int lock = -1) {
  auto path = program();
  if (!path) return std::unexpected(path.error());
  auto file = as_file(input);
  if (!file) return std::unexpected(file.error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::kUnavailable, error_text(errno));
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  words.insert(words.begin(), "nft");
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorCode::kUnavailable, "nft cannot be started: " + error_text(errno));
  if (pid == 0) become(*path, arguments.data(), {file->get(), writing.get(), lock}, self);
  writing.reset();
  return collect(pid, reading.get());
}

Status run_transaction(std::vector<std::string> words, std::string_view text, int lock = -1) {
  auto done = run(std::move(words), text, lock);
  if (!done) return std::unexpected(done.error());
  if (done->status == 0) return {};
  return fail(ErrorCode::kUnavailable, "nft ends " + std::to_string(done->status) + ": " +
                                           escape_text(done->text, kMostQuoted));
}

}  // namespace

Status check_rules(std::string_view text) {
  return run_transaction({"-c", "-f", "-"}, text);
}

Status load_rules(std::string_view text, const Lock& lock) {
  return run_transaction({"-f", "-"}, text, lock.descriptor());
}

Result<std::vector<std::string>> our_tables() {
  auto done = run({"list", "tables"}, "");
  if (!done) return std::unexpected(done.error());
  if (done->status != 0)
    return fail(ErrorCode::kUnavailable, "nft list tables ends " + std::to_string(done->status) +
                                             ": " + escape_text(done->text, kMostQuoted));
  if (done->text.size() >= kMostOutput)
    return fail(ErrorCode::kBudget, "nft lists more tables than are read");
  std::vector<std::string> out;
  for (const std::string_view table : kTables) {
    if (("\n" + done->text).contains("\ntable " + std::string(table) + "\n"))
      out.emplace_back(table);
  }
  return out;
}

}  // namespace bulkhead::enforce
