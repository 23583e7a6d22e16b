// A process that removes the lab when its maker is done with it, or dies in whatever way.
//
// It is forked before anything is made and holds the reading end of a pipe; the kernel closes the
// writing end when the maker ends, SIGKILL included. It also removes the lab when a bound on time
// is reached. One lab at a time in one process.
#pragma once

#include <chrono>

#include "base/result.h"
#include "lab/traces.h"

namespace bulkhead::lab {

class Guardian {
 public:
  // From here on SIGINT, SIGTERM and SIGHUP remove the lab before they end the process.
  static Result<Guardian> create(const Traces& traces, std::chrono::seconds limit);
  Guardian(Guardian&& other) noexcept;
  Guardian& operator=(Guardian&&) = delete;
  ~Guardian();  // as finish()

  // Removes the lab and waits until it is gone. An error names what is left.
  Status finish();

 private:
  Guardian() = default;
  bool active_ = false;
};

}  // namespace bulkhead::lab
