#include "console/interrupts.h"

namespace bulkhead::console {
namespace {

static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

std::atomic<bool>& raised() {
  static constinit std::atomic<bool> flag = false;
  return flag;
}

}  // namespace

Interrupts::Interrupts() {
  struct sigaction action{};
  action.sa_handler = [](int /*number*/) { raised() = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &before_int_);
  sigaction(SIGTERM, &action, &before_term_);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

const std::atomic<bool>& Interrupts::flag() {
  return raised();
}

}  // namespace bulkhead::console
