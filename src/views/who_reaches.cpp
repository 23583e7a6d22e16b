#include "views/who_reaches.h"

#include <algorithm>

namespace bulkhead::views {
namespace {

bool is_wanted(const Wanted& wanted, const audit::Service& service) {
  const audit::Subject& s = service.subject;
  if (wanted.port && s.port != wanted.port) return false;
  if (wanted.protocol.value_or(s.protocol) != s.protocol) return false;
  if (wanted.container != nullptr) return service.container == wanted.container;
  if (wanted.host) return service.container == nullptr || s.on_host;
  return true;
}

// Lower is worse.
std::size_t first_seat(const ServiceReached& s, const std::vector<std::string>& order) {
  if (s.open.empty()) return order.size();
  return static_cast<std::size_t>(std::ranges::find(order, s.open.front().seat.text) -
                                  order.begin());
}

}  // namespace

Result<WhoReaches> who_reaches(Survey& survey, const Wanted& wanted) {
  const audit::Inventory& inventory = survey.inventory();
  std::vector<ServiceReached> all(inventory.services.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i].service = inventory.services[i];
  std::vector<std::string> order;
  const auto take = [&](std::size_t s, Row row) -> Status {
    const audit::SeatEntry& seat = inventory.seats[s];
    order.push_back(seat.text);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!is_wanted(wanted, all[i].service) || Survey::own(seat, all[i].service)) continue;
      Cell& cell = row[i];
      switch (cell.verdict) {
        case trace::Verdict::kOpen: all[i].open.push_back({seat, std::move(cell)}); break;
        case trace::Verdict::kUnknown: all[i].unknown.push_back({seat, std::move(cell)}); break;
        case trace::Verdict::kClosed: ++all[i].closed; break;
      }
    }
    return {};
  };
  if (Status s = survey.rows(seats_worst_first(inventory), take); !s)
    return std::unexpected(s.error());
  WhoReaches out;
  out.seats = order.size();
  out.as_attacker = survey.as_attacker();
  for (ServiceReached& s : all) {
    const bool by_name = !wanted.address && is_wanted(wanted, s.service);
    if (by_name || !s.open.empty() || (wanted.address && !s.unknown.empty()))
      out.services.push_back(std::move(s));
  }
  std::ranges::stable_sort(out.services, [&](const ServiceReached& a, const ServiceReached& b) {
    return std::tuple(first_seat(a, order), b.open.size()) <
           std::tuple(first_seat(b, order), a.open.size());
  });
  return out;
}

}  // namespace bulkhead::views
