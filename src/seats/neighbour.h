// A neighbour's seat as people write it (`scan --seat`): on which link of the host, and with which
// address. Pure, but for what is then made of it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "collect/seat_wish.h"
#include "model/snapshot.h"

namespace bulkhead::seats {

struct Neighbour {
  std::string name;  // "seat:docker0": the vantage of its results
  std::string link;  // of the host
  collect::SeatWish wish;
  std::string network;  // "172.17.0.0/16", of which a free address is chosen; "": it was said
};

// "LINK", "LINK=ADDRESS" or "LINK=ADDRESS,ADDRESS" (one of each family, each with /LENGTH or the
// link's own), where LINK is an interface of the host or an engine's network. A free address is
// tried from the end of the network, and is one that nobody in the snapshot has. kInvalidInput says
// what to write; kNotFound names the links that there are. O(addresses).
[[nodiscard]] Result<Neighbour> read_neighbour(const model::Snapshot& snapshot,
                                               std::string_view text);

}  // namespace bulkhead::seats
