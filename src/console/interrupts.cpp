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
  // A terminal that goes; nohup means that it shall not matter.
  sigaction(SIGHUP, nullptr, &before_hup_);
  if (before_hup_.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
  sigaction(SIGHUP, &before_hup_, nullptr);
}

const std::atomic<bool>& Interrupts::flag() {
  return raised();
}

}  // namespace bulkhead::console
