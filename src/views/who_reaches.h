// Who gets at the services of one container, of the host, or at one address.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "views/survey.h"

namespace bulkhead::views {

struct Wanted {  // exactly one of the first three
  const model::Container* container = nullptr;
  bool host = false;
  std::optional<IpAddress> address;  // the survey's limits name it too
  std::optional<Port> port;          // at which the service listens
  std::optional<IpProtocol> protocol;
};

struct Seen {  // from one seat
  audit::SeatEntry seat;
  Cell cell;
};

struct ServiceReached {
  audit::Service service;
  std::vector<Seen> open, unknown;  // nearest to the Internet first
  std::size_t closed = 0;           // seats
};

struct WhoReaches {
  std::vector<ServiceReached> services;  // reached from the Internet first, then by number of seats
  std::size_t seats = 0;                 // asked
  bool as_attacker = false;              // forged packets count too
};

// Every service of what is wanted; of an address, those that some seat reaches there. Seats are not
// asked about services of their own. Errors and cost: Survey::row() for each seat.
[[nodiscard]] Result<WhoReaches> who_reaches(Survey& survey, const Wanted& wanted);

}  // namespace bulkhead::views
