// Who does work at the same time: how many there are is for the caller to say, not for those who
// compute.
#pragma once

#include <cstddef>
#include <functional>

namespace bulkhead {

class Workers {
 public:
  Workers() = default;
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  virtual ~Workers() = default;

  // At the same time, at least 1.
  [[nodiscard]] virtual std::size_t count() const = 0;
  // Calls `here` on this thread and, at the same time, work(0), work(1), ... on others: one call at
  // least, `most` at most, fewer where the system has no threads left. Ends when all have ended;
  // `here` may wait for them, they not for it once it has ended. `work` must not throw; what `here`
  // throws is thrown then. False: not even one thread was to be had, and nothing was called.
  [[nodiscard]] virtual bool run(std::size_t most, const std::function<void(std::size_t)>& work,
                                 const std::function<void()>& here) const = 0;
};

// Nobody but who calls.
class Alone final : public Workers {
 public:
  [[nodiscard]] std::size_t count() const override { return 1; }
  [[nodiscard]] bool run(std::size_t, const std::function<void(std::size_t)>&,
                         const std::function<void()>&) const override {
    return false;
  }
};
[[nodiscard]] inline const Workers& alone() {
  static const Alone kAlone;
  return kAlone;
}

}  // namespace bulkhead
