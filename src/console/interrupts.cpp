#include "console/interrupts.h"

namespace bulkhead::console {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

}  // namespace

Interrupts::Interrupts() {
  struct sigaction action{};
  action.sa_handler = [](int /*number*/) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &before_int_);
  sigaction(SIGTERM, &action, &before_term_);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

const std::atomic<bool>& Interrupts::flag() {
  return interrupted;
}

}  // namespace bulkhead::console
