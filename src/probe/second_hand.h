// A second thread that works off a list together with the caller. It is started when there is first
// something to share, sleeps between two lists, and ends with its owner.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace bulkhead::probe {

class SecondHand {
 public:
  enum class Hand : std::uint8_t { kOwn, kSecond };
  using Work = std::function<void(std::size_t index, Hand hand)>;

  SecondHand() = default;
  ~SecondHand();
  SecondHand(const SecondHand&) = delete;
  SecondHand& operator=(const SecondHand&) = delete;

  // False: there is one processor alone, or no thread to be had. share() works all the same.
  [[nodiscard]] bool is_there();

  // Calls work(index, hand) once for each index below `count`, from the caller's thread (kOwn) and
  // the second one (kSecond); returns when all have returned. `work` must not throw. Not for two
  // callers at once.
  void share(std::size_t count, const Work& work);

 private:
  void run();
  void take(const Work& work, std::size_t count, Hand hand);

  std::mutex mutex_;  // of all but next_
  std::condition_variable wake_, done_;
  const Work* work_ = nullptr;  // null: nothing to do
  std::size_t count_ = 0;
  bool busy_ = false, end_ = false, tried_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::thread thread_;
};

}  // namespace bulkhead::probe
