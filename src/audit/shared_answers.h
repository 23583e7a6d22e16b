// Asks services from many seats: seats that are alike (SeatEntry::alike) share an answer where
// nothing on the way could tell them apart, and so do services whose packets are stopped before
// anything on the way could.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "audit/inventory.h"
#include "audit/oracle.h"
#include "trace/stopped_ways.h"

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
  // As an ordinary connection. Cost: a look at what was answered to one that is alike, or of a
  // service near this one; otherwise a question to the oracle. Of a reply that is another
  // service's, nothing is told but that it is closed.
  [[nodiscard]] Told ask(std::size_t seat, const Dial& dial, IpProtocol protocol);
  // What the first of seats that are alike was told, when it goes for each of them that has another
  // namespace than the service; null: they have to be asked.
  [[nodiscard]] std::shared_ptr<const query::Reply> told_all(std::size_t first, const Dial& dial);
  // Before another service is asked: answers that are its own.
  void forget();

 private:
  struct Known {
    Dial dial;
    std::shared_ptr<const trace::EndReads> reads;
    std::shared_ptr<const query::Reply> reply;
    bool for_all = false;  // that are alike, but for what `reads` says of the source
  };
  struct Stopped {  // a packet of that seat
    std::size_t seat = 0;
    std::shared_ptr<const trace::EndReads> reads;
    bool for_all = false;
  };
  // Seats that are alike: from the least to the greatest of their addresses.
  struct Alike {
    trace::AddressPart addresses{trace::kLastAddress, 0};
    std::vector<model::NsId> namespaces;  // ascending
  };
  // What one of them was told that serves this one, too; null: it has to be asked.
  [[nodiscard]] const Known* known_to_alike(const SeatEntry& from, const Dial& dial) const;
  // Another answer about the dial may be kept.
  [[nodiscard]] bool has_room(const SeatEntry& from, const Dial& dial) const;
  // What stopped packets to another service, where it would stop these, too.
  [[nodiscard]] std::optional<Known> stopped(std::size_t seat, const Dial& dial,
                                             IpProtocol protocol) const;
  void keep(const SeatEntry& from, Known known);

  const Inventory& inventory_;
  const Oracle& oracle_;
  static constexpr std::ptrdiff_t kMostOfDial = 4;
  std::unordered_map<std::size_t, Alike> groups_;     // by SeatEntry::alike
  std::vector<std::vector<Known>> known_;             // by SeatEntry::alike
  std::vector<std::size_t> knowing_;                  // of which something is known
  trace::StoppedWays<std::size_t, Stopped> stopped_;  // by SeatEntry::alike
};

}  // namespace bulkhead::audit
