// One question after the other as attacker, with what is known of seats that are alike, and of
// services whose packets are stopped before anything could tell them apart: of many containers on
// one network only the first is asked about in most cases, and only for some of the services.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "audit/inventory.h"
#include "audit/oracle.h"
#include "audit/reachability.h"
#include "trace/stopped_ways.h"

namespace bulkhead::audit {

class AttackQuestions {
 public:
  // Both must outlive it; the oracle answers for attackers (query::Asker::forged_by).
  AttackQuestions(const Inventory& inventory, const Oracle& oracle)
      : inventory_(inventory), oracle_(oracle), known_(inventory.seats.size()) {}

  // What the seat (its place in the inventory) gets there. Unknown with a reason is what was not
  // asked: a question is walked for each class of senders beyond a gateway, and of hundreds nobody
  // wants to wait for the end. Cost: query::Asker::ask, or a look-up.
  [[nodiscard]] Asked ask(std::size_t seat, const Dial& dial, IpProtocol protocol);

  // Memory grows with the kinds of seats times the dials; sharing ends at this.
  void forget();

 private:
  struct Known {  // of a seat that others are like
    Dial dial;
    std::shared_ptr<const query::Reply> reply;
  };
  [[nodiscard]] const Known* known_to_alike(const SeatEntry& from, const Dial& dial,
                                            IpProtocol protocol) const;
  [[nodiscard]] bool closed_to(const SeatEntry& from, const Known& known) const;
  [[nodiscard]] std::shared_ptr<const query::Reply> ask_as(std::size_t seat, const Dial& dial,
                                                           IpProtocol protocol,
                                                           const IpAddress& source) const;
  [[nodiscard]] std::shared_ptr<const query::Reply> ask_oracle(std::size_t seat, const Dial& dial,
                                                               IpProtocol protocol);
  // Null: nothing is known that holds for this service, too.
  [[nodiscard]] std::shared_ptr<const query::Reply> stopped(std::size_t seat, const Dial& dial,
                                                            IpProtocol protocol) const;

  const Inventory& inventory_;
  const Oracle& oracle_;
  // By seat, port and protocol: one of many addresses.
  std::vector<std::unordered_map<std::uint32_t, std::vector<Known>>> known_;
  std::vector<std::size_t> knowing_;  // seats of which something is known
  // By seat: what it does not get, and by which parts of the sources (query::Reply::parts).
  trace::StoppedWays<std::size_t, std::optional<std::vector<std::uint32_t>>> stopped_;
};

}  // namespace bulkhead::audit
