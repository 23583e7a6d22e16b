// Hears of connections and links while the rest of the program is busy: a thread takes what the
// kernel tells as soon as it comes, so that of two things that were not told at once it is known
// which was first.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "flows/connection.h"

namespace bulkhead::conntrack {

struct Heard {
  flows::Moment when;
  Bytes flows, links;
  std::uint64_t flows_lost = 0, links_lost = 0;  // times at which the kernel had no room
  bool overrun = false;                          // we had none: what came then is not here
};

class Listener {
 public:
  // Owns the socket, which must be non-blocking (collect::open_flow_events()); that for links it
  // makes itself. Rights must have been given up before: the thread keeps what it has.
  [[nodiscard]] static Result<Listener> start(int flow_events);
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  // All that was heard since, in order; waits for something so long at most. kUnavailable: a socket
  // failed, and nothing more will come.
  [[nodiscard]] Result<std::vector<Heard>> take(int wait_ms);
  // Until when everything was heard, Unix time in ms.
  [[nodiscard]] std::uint64_t heard_until() const;

 private:
  class Ear;
  explicit Listener(std::unique_ptr<Ear> ear);
  std::unique_ptr<Ear> ear_;
};

// Unix time in ms that no step of the clock turns back while the program runs.
[[nodiscard]] std::uint64_t now_ms();

}  // namespace bulkhead::conntrack
