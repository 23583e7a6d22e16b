// What the NAT chains of a hook wish for a packet, by the IPv4 address that it comes from.
//
// Hosts have a rule for each network ("from here, and not out by there: masquerade"). Each of them
// tells sources apart, but nearly all of them wish the same. Whoever wants to know for which
// sources a connection gets the same asks the chains once for each part that their rules tell
// apart, and joins the parts whose wish is the same; what follows is the same for all of them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "trace/filter.h"
#include "trace/source_cells.h"

namespace bulkhead::trace {

// What has once been computed is kept, for all walks of one world: for other destinations, and
// packets that came in elsewhere, too, as far as the rules asked nothing that tells them apart. Not
// for two threads at once.
class NatAreas {
 public:
  NatAreas();
  ~NatAreas();
  NatAreas(const NatAreas&) = delete;
  NatAreas& operator=(const NatAreas&) = delete;

  struct Found {
    const AddressCell* sources = nullptr;
    // What rules for any source ask of the destination; null: it cannot be retold.
    const EndReads* asked_of_destination = nullptr;
  };
  // The sources whose packets the chains wish the same for as for this one, which is among them;
  // none when that is not known (choices, other forms of asking than plain comparisons, more parts
  // than kMostParts, and what is new beyond kMostPlaces). Stays valid as long as this object.
  // `context` is that of a new connection's packet; it and its packet are left as they are. Cost:
  // once for each place that the rules tell apart, one run of the chains for each part; else a
  // look-up.
  [[nodiscard]] Found of(const Filter& filter, FilterPoint point, const Context& context);

  static constexpr std::size_t kMostParts = 512, kMostPlaces = 8192;

 private:
  struct Place;
  // By the filter, the hook and the device that the packet leaves by.
  std::map<std::tuple<const Filter*, FilterPoint, const model::Link*>,
           std::vector<std::unique_ptr<Place>>>
      places_;
  std::size_t count_ = 0;  // of them
};

}  // namespace bulkhead::trace
