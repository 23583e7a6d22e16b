// What a long job does when it is interrupted: it ends soon, with what is known.
#pragma once

#include <signal.h>

#include <atomic>

namespace bulkhead::console {

// While it lives, the first SIGINT, SIGTERM or SIGHUP (unless that is ignored) sets the flag, and
// the second one ends the program. One at a time.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  // Stays set.
  [[nodiscard]] static const std::atomic<bool>& flag();

 private:
  struct sigaction before_int_{}, before_term_{}, before_hup_{};
};

}  // namespace bulkhead::console
