#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/text.h"
#include "cli/files.h"
#include "cli/verbs.h"
#include "query/jsonl.h"
#include "query/query.h"
#include "trace/trace.h"
#include "verify/attacker.h"

namespace bulkhead::cli {
namespace {

// Answers as lines come, so that a pipe gets its answers while it still asks.
class LineLoop {
 public:
  LineLoop(query::LineAnswerer& answerer, std::string name)
      : answerer_(answerer), name_(std::move(name)) {}

  Status run(int fd) {
    std::array<char, 65536> block;
    while (true) {
      const ssize_t count = ::read(fd, block.data(), block.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        return fail(ErrorCode::kUnavailable, name_ + ": cannot read: " + std::strerror(errno));
      if (count == 0) break;
      pending_.append(block.data(), static_cast<std::size_t>(count));
      if (auto status = take_lines(); !status) return status;
    }
    if (!pending_.empty()) {
      pending_ += '\n';
      return take_lines();
    }
    return {};
  }

 private:
  Status take_lines() {
    std::string out;
    std::size_t start = 0;
    Status status;
    for (std::size_t end = 0; status && (end = pending_.find('\n', start)) != std::string::npos;
         start = end + 1) {
      status = one(std::string_view(pending_).substr(start, end - start), out);
    }
    pending_.erase(0, start);
    if (status && pending_.size() > query::LineAnswerer::kLongestLine) {
      status = fail(ErrorCode::kInvalidInput,
                    name_ + ":" + std::to_string(number_ + 1) + ": the line is too long");
    }
    const Status printed = print(out);
    return status ? printed : status;
  }

  Status one(std::string_view line, std::string& out) {
    ++number_;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return {};
    auto status = answerer_.answer(line, out);
    if (!status) return within(name_ + ":" + std::to_string(number_), status.error());
    return status;
  }

  query::LineAnswerer& answerer_;
  std::string name_;
  std::string pending_;
  std::size_t number_ = 0;
};

Result<int> open_questions(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return fail(ErrorCode::kNotFound, escape_text(path) + ": cannot open: " + std::strerror(errno));
  }
  return fd;
}

}  // namespace

Exit run_query(const QueryOptions& options) {
  auto questions = open_questions(options.file);
  if (!questions) return complain(questions.error());
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  auto world = trace::World::build(*session->snapshot);
  if (!world) return complain(world.error());
  query::Asker asker(*world, session->zones);
  verify::Attackers attackers(asker);
  asker.forged_by(std::bind_front(&verify::Attackers::ask, &attackers));
  query::LineAnswerer answerer(asker);
  LineLoop loop(answerer, options.file == "-" ? "standard input" : escape_text(options.file));
  const Status status = loop.run(*questions);
  if (options.file != "-") ::close(*questions);
  if (!status) return complain(status.error());
  if (answerer.unmet() > 0) return Exit::kFindings;
  const bool blind = !session->snapshot->complete && answerer.unknown() > 0;
  return blind ? Exit::kIncomplete : Exit::kDone;
}

}  // namespace bulkhead::cli
