// Asks one service from many seats: seats that are alike (SeatEntry::alike) share an answer where
// nothing on the way could tell them apart.
#pragma once

#include <memory>
#include <vector>

#include "audit/inventory.h"
#include "audit/oracle.h"

namespace bulkhead::audit {

class SharedAnswers {
 public:
  // Both must outlive it. The oracle's model must be that of the inventory, or differ from it in
  // rules and sockets of the host alone.
  SharedAnswers(const Inventory& inventory, const Oracle& oracle);

  struct Told {
    std::shared_ptr<const query::Reply> reply;  // never null
    bool of_another = false;                    // `answer.source` is the other one's
  };
  // As an ordinary connection. Cost: a look at what was answered to one that is alike; otherwise a
  // question to the oracle.
  [[nodiscard]] Told ask(std::size_t seat, const Dial& dial, IpProtocol protocol);
  // Before another service is asked.
  void forget();

 private:
  struct Known {
    Dial dial;
    trace::SourceReads reads;
    std::shared_ptr<const query::Reply> reply;
    bool for_all = false;  // that are alike, but for what `reads` says of the source
  };
  [[nodiscard]] Known* known_to_alike(const SeatEntry& from, const Dial& dial);

  const Inventory& inventory_;
  const Oracle& oracle_;
  std::vector<std::vector<Known>> known_;  // by SeatEntry::alike
  std::vector<std::size_t> knowing_;       // of which something is known
};

}  // namespace bulkhead::audit
