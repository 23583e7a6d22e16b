#include "threads/processors.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace bulkhead::threads {

// std::thread::hardware_concurrency() asks sched_getaffinity(2): a limit by cpuset or taskset
// counts. 0: not known.
Processors::Processors(std::size_t most, std::size_t least)
    : count_(std::max({std::min<std::size_t>(std::thread::hardware_concurrency(), most), least,
                       std::size_t{1}})) {}

bool Processors::run(std::size_t most, const std::function<void(std::size_t)>& work,
                     const std::function<void()>& here) const {
  std::vector<std::jthread> threads;  // joined whatever happens
  threads.reserve(most);
  try {
    for (std::size_t i = 0; i < most; ++i) threads.emplace_back([&work, i] { work(i); });
  } catch (...) {  // no thread, or no memory for it: those that there are do the work
    if (threads.empty()) return false;
  }
  here();
  return true;
}

const Workers& processors() {
  constexpr std::size_t kMost = 4;
  static const Processors kProcessors(kMost);
  return kProcessors;
}

}  // namespace bulkhead::threads
