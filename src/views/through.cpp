#include "views/through.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

namespace bulkhead::views {
namespace {

Prize prize_of(const audit::Service& service) {
  const services::Service* known = service.subject.known_as;
  if (known != nullptr && known->service_class == services::ServiceClass::kManagement) {
    const bool host =
        known->impact == services::Impact::kHost || known->impact == services::Impact::kCluster;
    return host ? Prize::kHostManagement : Prize::kManagement;
  }
  return service.subject.on_host || service.of_host() ? Prize::kHost : Prize::kContainer;
}

class Walker {
 public:
  Walker(Survey& survey, std::size_t depth) : survey_(survey) {
    out_.depth = depth;
    out_.as_attacker = survey.as_attacker();
  }

  Result<Through> run(const query::Vantage& vantage, const query::Seat& from) {
    const auto start = namespace_of(from);
    if (start) fallen_.insert(start->value);
    open_.push_back({&from, vantage.to_string(), start, {}});
    while (!open_.empty()) {
      const Fallen at = std::move(open_.front());
      open_.pop_front();
      if (at.steps.size() == out_.depth) {
        out_.more = true;
        continue;
      }
      if (Status s = look_from(at); !s) return std::unexpected(s.error());
    }
    std::ranges::stable_sort(out_.chains, {},
                             [](const Chain& c) { return std::tuple(c.prize, c.steps.size()); });
    return std::move(out_);
  }

 private:
  struct Fallen {
    const query::Seat* seat = nullptr;
    std::string name;
    std::optional<model::NsId> ns;
    std::vector<Step> steps;
  };

  static std::optional<model::NsId> namespace_of(const query::Seat& seat) {
    if (seat.origins.empty()) return std::nullopt;
    const auto* local = std::get_if<trace::LocalOrigin>(&seat.origins.front());
    return local != nullptr ? std::optional(local->ns) : std::nullopt;
  }

  Status look_from(const Fallen& at) {
    auto row = survey_.row(*at.seat);
    if (!row) return std::unexpected(row.error());
    for (std::size_t i = 0; i < row->size(); ++i) {
      const audit::Service& service = survey_.inventory().services[i];
      if (at.ns == service.ns) continue;
      Cell& cell = (*row)[i];
      if (cell.verdict == trace::Verdict::kUnknown) ++out_.unknown;
      if (cell.verdict == trace::Verdict::kOpen) reach(at, service, cell);
    }
    return {};
  }

  void reach(const Fallen& at, const audit::Service& service, Cell& cell) {
    std::vector<Step> steps = at.steps;
    steps.push_back({at.name, service, std::move(cell.ways.front()), cell.some});
    const Prize prize = prize_of(service);
    const bool host = service.ns == survey_.snapshot().host;
    const bool falls = !host && fallen_.insert(service.ns.value).second;
    if (falls) {
      ++out_.taken;
      if (const audit::SeatEntry* seat = seat_in(service.ns))
        open_.push_back({&seat->seat, seat->text, service.ns, steps});
    }
    // A container is told once; each service of the host and each management API is a target.
    const bool target = prize != Prize::kContainer && targets_.insert(&service).second;
    if (target || (falls && prize == Prize::kContainer))
      out_.chains.push_back({std::move(steps), prize});
  }

  const audit::SeatEntry* seat_in(model::NsId ns) const {
    const auto& seats = survey_.inventory().seats;
    const auto found = std::ranges::find_if(
        seats, [ns](const audit::SeatEntry& s) { return !s.is_zone() && s.ns == ns; });
    return found == seats.end() ? nullptr : &*found;
  }

  Survey& survey_;
  Through out_;
  std::deque<Fallen> open_;
  std::set<std::uint32_t> fallen_;  // namespaces
  std::set<const audit::Service*> targets_;
};

}  // namespace

std::string_view to_string(Prize prize) {
  switch (prize) {
    case Prize::kHostManagement: return "host-management";
    case Prize::kManagement: return "management";
    case Prize::kHost: return "host";
    case Prize::kContainer: return "container";
  }
  return "";
}

Result<Through> go_through(Survey& survey, const query::Vantage& vantage, const query::Seat& from,
                           std::size_t depth) {
  return Walker(survey, depth).run(vantage, from);
}

}  // namespace bulkhead::views
