// `scan --every`: each scan is a process of its own, since a scan gives up its rights, and the next
// one needs them again. What differs from what was known is told, and waits on disk until it is.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "cli/files.h"
#include "cli/instant.h"
#include "cli/verbs.h"
#include "console/interrupts.h"
#include "notify/spool.h"
#include "seen/diff.h"
#include "seen/text.h"

namespace bulkhead::cli {
namespace {

using seen::Turn;

constexpr int kTickMs = 200;

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

// For what is waited for: no step of the clock makes it longer.
std::uint64_t steady_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

bool interrupted() {
  return console::Interrupts::flag().load();
}

Result<std::uint64_t> read_period_ms(std::string_view text) {
  const auto period = parse_duration_ms(text);
  if (!period)
    return fail(ErrorCode::kInvalidInput,
                "--every is '" + escape_text(text, 32) + "'; write 30s, 15m, 6h or 1d");
  return *period;
}

// The folder of what is known and what waits. One process at a time: of two, each would write over
// messages of the other.
class StateFolder {
 public:
  StateFolder() = default;
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;
  ~StateFolder() {
    if (lock_ >= 0) ::close(lock_);
  }

  Status take(const std::string& path) {
    const std::string shown = "--state " + escape_text(path);
    std::error_code error;
    if (std::filesystem::create_directories(path, error)) ::chmod(path.c_str(), S_IRWXU);
    struct stat status{};
    if (error || ::stat(path.c_str(), &status) != 0)
      return fail(ErrorCode::kDenied, shown + ": cannot be made: " + error.message());
    const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
    if (!ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
      return fail(ErrorCode::kDenied,
                  shown + ": others may write there; give a folder of your own, and chmod go-w it");
    lock_ = ::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_ < 0)
      return fail(ErrorCode::kDenied,
                  shown + ": cannot be written to: " + std::generic_category().message(errno));
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
      return fail(ErrorCode::kUnavailable,
                  shown + ": another scan --every uses it; give each a folder of its own");
    return {};
  }

 private:
  int lock_ = -1;
};

// The arguments of one scan: those that were given, without what repeats it.
std::vector<std::string> arguments_of_one(const std::vector<std::string>& all) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = all[i].substr(0, all[i].find('='));
    if (name == "--json") continue;
    if (name == "--every" || name == "--notify" || name == "--state") {
      if (name.size() == all[i].size()) ++i;  // its value is the next one
      continue;
    }
    out.push_back(all[i]);
  }
  out.push_back("--json");
  return out;
}

// One scan under way; ended and waited for when this goes.
class ScanProcess {
 public:
  ScanProcess() = default;
  ScanProcess(const ScanProcess&) = delete;
  ScanProcess& operator=(const ScanProcess&) = delete;
  ~ScanProcess() {
    if (output_ >= 0) ::close(output_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  Status start(const std::vector<std::string>& words) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return failed(errno);
    output_ = ends[0];
    ::fcntl(ends[1], F_SETFL, 0);
    std::string program = "bulkhead";
    std::vector<std::string> copies = words;
    std::vector<char*> arguments{program.data()};
    for (std::string& word : copies) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    const int error =
        ::posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
    if (error == 0) return {};
    pid_ = -1;
    return failed(error);
  }

  // All that it prints; kInterrupted when we are to end.
  Result<std::string> read() {
    std::string out;
    std::array<char, 65536> block;
    while (!interrupted()) {
      pollfd wait{output_, POLLIN, 0};
      if (::poll(&wait, 1, kTickMs) <= 0) continue;
      const ssize_t count = ::read(output_, block.data(), block.size());
      if (count == 0) return out;
      if (count < 0 && errno != EAGAIN && errno != EINTR) return failed(errno);
      if (count > 0) out.append(block.data(), static_cast<std::size_t>(count));
      if (out.size() > seen::kLargestRecord)
        return fail(ErrorCode::kBudget, "the result of the scan is too large");
    }
    return fail(ErrorCode::kInterrupted, "interrupted");
  }

  int exit_code() {
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) return static_cast<int>(Exit::kInternal);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(Exit::kInternal);
  }

 private:
  static std::unexpected<Error> failed(int error) {
    return fail(ErrorCode::kUnavailable,
                "the scan cannot be started: " + std::generic_category().message(error));
  }
  pid_t pid_ = -1;
  int output_ = -1;
};

// What somebody wants to be told of: what answers that did not, and the reverse.
seen::Difference worth_telling(seen::Difference difference) {
  std::erase_if(difference.changes, [](const seen::Change& change) {
    return change.turn == Turn::kState || change.turn == Turn::kLost;
  });
  difference.not_asked_again = 0;
  return difference;
}

std::string subject_of(const seen::Difference& difference, const std::string& host) {
  const auto count = [&difference](Turn turn) { return std::to_string(difference.ports_of(turn)); };
  const std::uint64_t changed =
      difference.ports_of(Turn::kService) + difference.ports_of(Turn::kLogin);
  return "bulkhead: " + escape_text(host, 64) + ": " + count(Turn::kNew) + " new, " +
         std::to_string(changed) + " changed, " + count(Turn::kGone) + " gone";
}

class Repetition {
 public:
  Repetition(const RepeatOptions& options, std::uint64_t period_ms,
             std::vector<notify::Receiver> receivers, notify::Spool spool)
      : state_file_(options.state + "/last.json"),
        words_(arguments_of_one(options.arguments)),
        period_ms_(period_ms),
        receivers_(std::move(receivers)),
        spool_(std::move(spool)) {}

  Status remember() {
    if (!std::filesystem::exists(state_file_)) return {};
    auto text = read_file(state_file_, seen::kLargestRecord);
    if (!text) return std::unexpected(text.error());
    auto record = seen::read_record(*text, state_file_);
    if (!record) return std::unexpected(record.error());
    known_ = *std::move(record);
    return {};
  }

  Exit run() {
    const console::Interrupts interrupts;
    while (!interrupted()) {
      const std::uint64_t begin = steady_ms();
      if (auto done = once(); !done && !interrupted()) {
        complain(done.error());
        if (done.error().code == ErrorCode::kInvalidInput) return Exit::kUsage;
      }
      wait_until(begin + period_ms_);
    }
    return Exit::kDone;
  }

 private:
  Status once() {
    ScanProcess process;
    if (auto started = process.start(words_); !started) return started;
    auto text = process.read();
    if (!text) return std::unexpected(text.error());
    const int code = process.exit_code();
    // Later on, it is what it names that is away: a container that is being started again.
    if (code == static_cast<int>(Exit::kUsage) && !scanned_)
      return fail(ErrorCode::kInvalidInput, "the scan was refused; it is not repeated");
    auto record = seen::read_record(*text, "the result of the scan");
    if (!record)
      return fail(ErrorCode::kUnavailable, "the scan ended " + std::to_string(code) +
                                               " without a result; it is tried again");
    scanned_ = true;
    return take(*std::move(record));
  }

  // The message is on disk before what it tells of counts as known: rather told twice than never.
  Status take(seen::Record record) {
    const std::uint64_t now = now_ms();
    if (known_) {
      const seen::Difference news = worth_telling(seen::compare(*known_, record));
      if (!news.empty()) {
        if (auto told = tell(news, record.host, now); !told) return told;
      }
      record = seen::carry_over(*known_, std::move(record));
    } else {
      const std::string first = seen::instant_text(now) + ": first scan, " +
                                std::to_string(seen::count_states(record)[0]) + " open ports\n";
      show(first);
    }
    known_ = std::move(record);
    return write_file(state_file_, seen::record_json(*known_));
  }

  Status tell(const seen::Difference& news, const std::string& host, std::uint64_t now) {
    const std::string text = seen::difference_text(news, seen::Language::kEnglish);
    const notify::Message message{subject_of(news, host), seen::instant_text(now) + "\n" + text,
                                  seen::difference_json(news, host, now)};
    if (auto added = spool_.add(message, receivers_); !added) return added;
    if (spool_.dropped() > 0)
      std::fprintf(stderr, "bulkhead: %llu messages waited too long and were dropped\n",
                   static_cast<unsigned long long>(spool_.dropped()));
    show(message.text);
    return {};
  }

  // What cannot be printed (a full disk) is no reason to tell it again and again.
  static void show(const std::string& text) {
    if (auto printed = print(text); !printed) complain(printed.error());
  }

  // Many may wait, and each may take its time: SIGTERM is heard between two of them.
  static Status deliver_unless_interrupted(const notify::Receiver& receiver,
                                           const notify::Message& message) {
    if (interrupted()) return fail(ErrorCode::kInterrupted, "interrupted");
    return notify::deliver(receiver, message);
  }

  void wait_until(std::uint64_t end) {
    while (!interrupted()) {
      const std::uint64_t now = steady_ms();
      spool_.send(receivers_, now, deliver_unless_interrupted, [](const Error& error) {
        if (error.code != ErrorCode::kInterrupted) complain(error);
      });
      if (now >= end) return;
      ::poll(nullptr, 0, kTickMs);
    }
  }

  std::string state_file_;
  std::vector<std::string> words_;
  std::uint64_t period_ms_;
  std::vector<notify::Receiver> receivers_;
  notify::Spool spool_;
  std::optional<seen::Record> known_;
  bool scanned_ = false;  // once since this was started
};

}  // namespace

Exit run_scan_repeatedly(const RepeatOptions& options) {
  auto period = read_period_ms(options.every);
  if (!period) return complain(period.error());
  std::vector<notify::Receiver> receivers;
  for (const std::string& url : options.notify) {
    auto receiver = notify::parse_receiver(url);
    if (!receiver) return complain(within("--notify", receiver.error()).error());
    receivers.push_back(*std::move(receiver));
  }
  StateFolder folder;
  if (auto taken = folder.take(options.state); !taken) return complain(taken.error());
  auto spool = notify::Spool::open(options.state + "/spool");
  if (!spool) return complain(spool.error());
  Repetition repetition(options, *period, std::move(receivers), *std::move(spool));
  if (auto remembered = repetition.remember(); !remembered) return complain(remembered.error());
  return repetition.run();
}

}  // namespace bulkhead::cli
