// The privileged half of `apply`: a forked process that keeps root's rights while the other half,
// which reads the host, decodes and computes, gives its own up.
//
// It does four things, and looks at what it is asked to load (transaction.h). It holds the lock
// from its start, so that two applies exclude each other, and ends with the other half; once it has
// begun to load it comes to its end, whatever happens to the other.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"
#include "enforce/apply.h"
#include "enforce/sessions.h"

namespace bulkhead::enforce {

// kUnsupported (with what to do) unless this process may change the host's rules: root with
// CAP_NET_ADMIN in the first user namespace.
[[nodiscard]] Status check_rights();

class Helper {
 public:
  // Forks; to be called before any thread exists and before rights are given up. Takes the lock and
  // sees that one may begin: errors as of check_ready() and Folder::lock().
  [[nodiscard]] static Result<Helper> start();
  Helper(Helper&& other) noexcept;
  Helper& operator=(Helper&&) = delete;
  ~Helper();  // waits for its end

  // As seen by the caller of this program.
  [[nodiscard]] Result<std::vector<AdminSession>> sessions();
  [[nodiscard]] Result<State> apply(const Request& request);
  [[nodiscard]] Result<State> roll_back();

 private:
  Helper(int fd, pid_t pid) : fd_(fd), pid_(pid) {}
  int fd_;
  pid_t pid_;
};

}  // namespace bulkhead::enforce
