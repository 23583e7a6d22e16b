// Work that several do ahead while its results are taken one by one, in their order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/workers.h"

namespace bulkhead {

// Calls make(worker, i) -> Result<T> for each i below `count`: by up to `most` workers, of which
// each takes the least i that nobody has taken, or here when that is one. Calls take(i, T) ->
// Status here, with i in ascending order. Stops at the first error in that order, and returns it
// once nobody works any more; an exception is thrown here. Not more than kAhead results for each
// worker wait to be taken.
template <class T>
class InOrder {
 public:
  static constexpr std::size_t kAhead = 16;

  InOrder(std::size_t count, const Workers& workers, std::size_t most)
      : workers_(workers), together_(std::min(workers.count(), most)), slots_(count) {}

  template <class Make, class Take>
  Status run(Make make, Take take) {
    if (together_ <= 1) return by_one(make, take);
    Status out;
    const bool ran = workers_.run(
        together_, [this, &make](std::size_t worker) { work(make, worker); },
        [&] {
          const Ended ended(*this);
          out = take_all(take);
        });
    return ran ? out : by_one(make, take);
  }

 private:
  struct Slot {
    std::optional<Result<T>> result;
    std::exception_ptr thrown;
    [[nodiscard]] bool is_filled() const { return result.has_value() || thrown != nullptr; }
  };
  struct Ended {
    explicit Ended(InOrder& of) : of_(of) {}
    Ended(const Ended&) = delete;
    Ended& operator=(const Ended&) = delete;
    ~Ended() {
      const std::lock_guard guard(of_.lock_);
      of_.stopped_ = true;
      of_.taken_.notify_all();
    }
    InOrder& of_;
  };

  template <class Make, class Take>
  Status by_one(Make& make, Take& take) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Result<T> result = make(std::size_t{0}, i);
      if (!result) return std::unexpected(result.error());
      if (Status s = take(i, *std::move(result)); !s) return s;
    }
    return {};
  }

  template <class Take>
  Status take_all(Take& take) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Slot slot = wait_for(i);
      if (slot.thrown) std::rethrow_exception(slot.thrown);
      if (!*slot.result) return std::unexpected(slot.result->error());
      if (Status s = take(i, **std::move(slot.result)); !s) return s;
    }
    return {};
  }

  // nullopt: there is nothing left to do.
  std::optional<std::size_t> next() {
    std::unique_lock guard(lock_);
    taken_.wait(guard, [this] {
      return stopped_ || next_ == slots_.size() || next_ - first_waiting_ < kAhead * together_;
    });
    return stopped_ || next_ == slots_.size() ? std::nullopt : std::optional(next_++);
  }

  template <class Make>
  void work(Make& make, std::size_t worker) {
    while (const auto i = next()) {
      Slot slot;
      try {
        slot.result.emplace(make(worker, *i));
      } catch (...) {
        slot.thrown = std::current_exception();
      }
      const std::lock_guard guard(lock_);
      slots_[*i] = std::move(slot);
      filled_.notify_one();
    }
  }

  Slot wait_for(std::size_t i) {
    std::unique_lock guard(lock_);
    filled_.wait(guard, [&] { return slots_[i].is_filled(); });
    first_waiting_ = i + 1;
    taken_.notify_all();
    return std::exchange(slots_[i], {});
  }

  const Workers& workers_;
  std::size_t together_;
  std::mutex lock_;  // of all that follows
  std::condition_variable filled_, taken_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0, first_waiting_ = 0;
  bool stopped_ = false;
};

}  // namespace bulkhead
