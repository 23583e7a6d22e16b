#include "probe/second_hand.h"

#include <system_error>

namespace bulkhead::probe {

SecondHand::~SecondHand() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool SecondHand::is_there() {
  if (tried_) return thread_.joinable();
  tried_ = true;
  if (std::thread::hardware_concurrency() == 1) return false;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    return false;  // no more threads here: one does it, too
  }
  return true;
}

void SecondHand::share(std::size_t count, const Work& work) {
  const bool two = is_there();
  next_.store(0, std::memory_order_relaxed);
  if (two) {
    {
      const std::lock_guard lock(mutex_);
      work_ = &work;
      count_ = count;
    }
    wake_.notify_one();
  }
  take(work, count, Hand::kOwn);
  if (!two) return;
  // Who wakes only now finds nothing to do; who is at work is waited for.
  std::unique_lock lock(mutex_);
  work_ = nullptr;
  done_.wait(lock, [this] { return !busy_; });
}

void SecondHand::take(const Work& work, std::size_t count, Hand hand) {
  for (std::size_t i = 0; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count;)
    work(i, hand);
}

void SecondHand::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return end_ || work_ != nullptr; });
    if (end_) return;
    const Work& work = *work_;
    const std::size_t count = count_;
    work_ = nullptr;
    busy_ = true;
    lock.unlock();
    take(work, count, Hand::kSecond);
    lock.lock();
    busy_ = false;
    done_.notify_one();
  }
}

}  // namespace bulkhead::probe
