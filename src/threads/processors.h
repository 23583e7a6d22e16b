// A thread for each processor that this process may use.
#pragma once

#include "base/workers.h"

namespace bulkhead::threads {

class Processors final : public Workers {
 public:
  // At most `most`, and no fewer than `least`, were there fewer processors.
  explicit Processors(std::size_t most, std::size_t least = 1);

  [[nodiscard]] std::size_t count() const override { return count_; }
  [[nodiscard]] bool run(std::size_t most, const std::function<void(std::size_t)>& work,
                         const std::function<void()>& here) const override;

 private:
  std::size_t count_;
};

// Of this process, at most four: what each of them needs beside others is memory.
[[nodiscard]] const Workers& processors();

}  // namespace bulkhead::threads
