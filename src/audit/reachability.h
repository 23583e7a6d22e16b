// Every service asked from every seat.
#pragma once

#include <string>
#include <vector>

#include "audit/inventory.h"
#include "audit/oracle.h"

namespace bulkhead::audit {

struct Asked {
  std::size_t seat = 0;  // in Inventory::seats
  Dial dial;
  query::Reply reply;
  [[nodiscard]] trace::Verdict verdict() const { return reply.answer.verdict; }
};

struct Answers {  // of one service
  std::vector<Asked> open;      // containers and the host: the first dial that opens; zones: all
  std::vector<Asked> closed;    // zones only: by which rule one family is closed
  std::vector<Asked> unknown;   // one per seat of which no dial is open
  [[nodiscard]] bool open_from(std::size_t seat) const;
};

struct Reachability {
  std::vector<Answers> of;      // in the order of Inventory::services
  std::size_t asked = 0, open = 0, closed = 0, unknown = 0;  // pairs of seat and service
};

// services * seats * dials questions; containers stop at the first open dial.
[[nodiscard]] Reachability ask_all(const Inventory& inventory, const Oracle& oracle);

// Whether it makes sense to ask: not oneself, not one's own loopback.
[[nodiscard]] bool worth_asking(const SeatEntry& seat, const Service& service, const Dial& dial);

}  // namespace bulkhead::audit
