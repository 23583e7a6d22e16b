// One question after the other as attacker, with what is known of seats that are alike: of many
// containers on one network only the first is asked about in most cases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "audit/inventory.h"
#include "audit/oracle.h"
#include "audit/reachability.h"

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

  const Inventory& inventory_;
  const Oracle& oracle_;
  // By seat, port and protocol: one of many addresses.
  std::vector<std::unordered_map<std::uint32_t, std::vector<Known>>> known_;
  std::vector<std::size_t> knowing_;  // seats of which something is known
};

}  // namespace bulkhead::audit
