// Messages that wait for their receiver, on disk: nothing is lost while it is away or while this
// program is not running.
//
// One file for each message, for all receivers that still want it; the oldest goes first, and a
// receiver gets them in order. Bounded: beyond that the oldest message is dropped, and how many
// were is kept and told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "notify/deliver.h"

namespace bulkhead::notify {

inline constexpr std::size_t kMostWaiting = 1000;  // messages

class Spool {
 public:
  // `folder` is made (0700) when it is not there. kDenied and kUnavailable name it; messages left
  // from before are found.
  [[nodiscard]] static Result<Spool> open(const std::string& folder);

  // On disk when it returns.
  [[nodiscard]] Status add(const Message& message, const std::vector<Receiver>& receivers);

  // Tries each receiver that is due with what waits for it, oldest first, until one is refused.
  // Errors are given to `said`, once for each receiver and call. After a failure a receiver is not
  // due for a while, which doubles up to an hour.
  void send(const std::vector<Receiver>& receivers, std::uint64_t now_ms,
            const std::function<Status(const Receiver&, const Message&)>& deliver,
            const std::function<void(const Error&)>& said);

  [[nodiscard]] std::size_t waiting() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }  // since this was opened
  // When send() may have something to do; 2^64-1: never, unless something is added.
  [[nodiscard]] std::uint64_t next_ms() const;

 private:
  struct Entry {
    std::vector<std::string> urls;  // that have not got it
    Message message;
  };
  struct Patience {
    std::uint64_t next_ms = 0, wait_ms = 0;
  };
  explicit Spool(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::string path(std::uint64_t number) const;
  [[nodiscard]] Status write(std::uint64_t number, const Entry& entry) const;
  Status load();
  // False: it is not due any more.
  bool try_one(std::uint64_t number, const Receiver& receiver, std::uint64_t now_ms,
               const std::function<Status(const Receiver&, const Message&)>& deliver,
               const std::function<void(const Error&)>& said);

  std::string folder_;
  std::map<std::uint64_t, Entry> entries_;  // by number, the oldest first
  std::map<std::string, Patience> patience_;
  std::uint64_t next_ = 1, dropped_ = 0;
};

}  // namespace bulkhead::notify
