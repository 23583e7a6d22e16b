// Child processes, each by its own id: started, waited for with a bound on time, ended.
//
// Not thread-safe with respect to the caller's own fork(); nothing here runs a shell or searches by
// name.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bulkhead::lab {

// One mount(2) call that the child makes in a mount namespace of its own, before it becomes the
// program. `target` is created first when it is missing.
struct Mount {
  std::string source;
  std::string target;
  std::string type;
  std::string data;
};

struct Command {
  std::vector<std::string> words;  // words[0] is a path or is searched in PATH
  std::vector<std::pair<std::string, std::string>> environment;  // added to the caller's
  std::string network;        // path of a network namespace to run in; "" for the caller's
  std::vector<Mount> mounts;  // not empty: private mounts, which vanish with the process
};

struct Output {
  int status = 0;    // exit status; 128 + signal number when a signal ended it
  std::string text;  // standard output and standard error together, at most kOutputLimit bytes
};

inline constexpr std::size_t kOutputLimit = 1 << 20;

// Running, its output collected. Moved, never copied; ended and waited for by its destructor.
class Job {
 public:
  static Result<Job> begin(const Command& command);
  Job(Job&& other) noexcept;
  Job& operator=(Job&& other) noexcept;
  ~Job();

  // Reads to the end of the output and waits. kBudget when it takes longer than `limit` (the
  // process is then killed) or says more than kOutputLimit.
  Result<Output> finish(std::chrono::milliseconds limit);

 private:
  Job(pid_t pid, int fd, std::string name) : pid_(pid), fd_(fd), name_(std::move(name)) {}
  void end();

  pid_t pid_ = -1;
  int fd_ = -1;
  std::string name_;
};

Result<Output> run(const Command& command, std::chrono::milliseconds limit);

// The same, and a status other than 0 is an error that quotes the end of what it said.
Result<std::string> run_checked(const Command& command, std::chrono::milliseconds limit);

// Starts in a session of its own, output to `log_file`; the caller must wait for the process.
Result<pid_t> start(const Command& command, const std::string& log_file);

// With the caller's terminal and standard streams; returns the exit status as in Output.
Result<int> run_in_foreground(const Command& command);

}  // namespace bulkhead::lab
