// Every service asked from every seat, as an ordinary connection. What attackers get beside that
// is asked later and only where it matters (attackers.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/inventory.h"
#include "audit/oracle.h"

namespace bulkhead::audit {

// Seats that are alike share one reply: a large host has hundreds of thousands of open pairs.
struct Asked {
  std::size_t seat = 0;  // in Inventory::seats
  Dial dial;
  std::shared_ptr<const query::Reply> reply;  // never null
  // The seat's own (SeatEntry::address), where `reply` is that of another one which is alike.
  const IpAddress* own_source = nullptr;
  // Of what was asked as attacker: how an ordinary connection by the same way ends; not asked where
  // the attacker gets nothing either.
  std::shared_ptr<const trace::Answer> ordinary = {};
  [[nodiscard]] bool as_attacker() const { return ordinary != nullptr; }
  [[nodiscard]] trace::Verdict verdict() const { return reply->answer.verdict; }
  // Of the packet that the answer is about.
  [[nodiscard]] std::optional<IpAddress> source() const {
    if (reply->witness) return reply->witness;
    return own_source != nullptr ? *own_source : reply->answer.source;
  }
};

struct Answers {               // of one service
  std::vector<Asked> open;     // containers and the host: the first dial that opens; zones: all
  std::vector<Asked> closed;   // zones only: by which rule one family is closed
  std::vector<Asked> unknown;  // one per seat of which no dial is open
  std::vector<Asked> forged;   // as attacker: one per seat from which nothing else opens
  std::vector<Asked> forged_unknown;
  [[nodiscard]] bool open_from(std::size_t seat) const;
  [[nodiscard]] bool unknown_from(std::size_t seat) const;
};

struct PairCounts {  // of seat and service
  std::size_t asked = 0, open = 0, closed = 0, unknown = 0;
};

struct Reachability {
  std::vector<Answers> of;  // in the order of Inventory::services
  PairCounts ordinary, attackers;
};

// services * seats * dials questions; containers stop at the first open dial.
[[nodiscard]] Reachability ask_all(const Inventory& inventory, const Oracle& oracle);

// Whether it makes sense to ask: not oneself, not one's own loopback.
[[nodiscard]] bool worth_asking(const SeatEntry& seat, const Service& service, const Dial& dial);

}  // namespace bulkhead::audit
