#include "views/survey.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "audit/attack_questions.h"
#include "audit/evidence.h"
#include "audit/oracle.h"
#include "base/in_order.h"
#include "verify/attacker.h"

namespace bulkhead::views {
namespace {

using trace::Verdict;

bool asked_about(const verify::Limits& limits, const verify::Point& point) {
  return (!limits.to || limits.to->contains(point.to)) &&
         limits.port.value_or(point.port) == point.port &&
         limits.protocol.value_or(point.protocol) == point.protocol;
}

query::Target target_of(const verify::Point& point) {
  query::Target target;
  target.to = point.to;
  target.port = point.port;
  target.protocol = point.protocol;
  return target;
}

// From outside a service is known by its published address, inside by its own.
audit::Via known_by(const query::Seat& seat) {
  return seat.zone != nullptr ? audit::Via::kPublished : audit::Via::kDirect;
}

// The way by which a service is known comes first, each in the order of the inventory.
void order_ways(const query::Seat& seat, const audit::Service& service, Cell& cell) {
  const audit::Via known = known_by(seat);
  std::map<std::pair<IpAddress, Port>, std::size_t> place;
  for (std::size_t i = 0; cell.ways.size() > 1 && i < service.dials.size(); ++i) {
    const audit::Dial& dial = service.dials[i];
    place.emplace(std::pair(dial.to, dial.port), dial.via == known ? i : service.dials.size() + i);
  }
  std::ranges::stable_sort(cell.ways, {}, [&](const verify::Reached& way) {
    const auto found = place.find({way.witness.to, way.witness.port});
    return found != place.end() ? found->second : 2 * service.dials.size();
  });
}

verify::Reached way_of(const verify::Point& point, const query::Reply& reply) {
  verify::Reached out;
  out.protocol = point.protocol;
  out.to = {point.to, point.to};
  out.ports = packet::IntervalSet::single(point.port.number);
  out.socket = reply.answer.socket;
  out.ns = reply.answer.socket_ns.value_or(model::NsId{});
  out.witness = {reply.witness, point.to, point.port, reply.answer.source_port, reply.frame};
  out.some = reply.some;
  out.forged = true;
  return out;
}

void contradict(Cell& cell, std::string_view computed, Verdict traced, const std::string& reason) {
  cell.verdict = Verdict::kUnknown;
  cell.contradicted = true;
  cell.reason = "computed as " + std::string(computed) + ", but one packet walked through is " +
                std::string(to_string(traced)) + (reason.empty() ? "" : ": " + reason);
}

// A symbolic walk takes milliseconds: a host with hundreds of containers must not wait for minutes.
constexpr std::size_t kMostSymbolicWalks = 2000;

// For each worker: what few seats get is computed sooner than the rules are compiled once more.
constexpr std::size_t kFewestSeats = 16;

}  // namespace

// Who asks as attacker. What it holds refers to its neighbours, so it stays where it is.
struct Survey::Attack {
  Attack(const query::Asker& ordinary, const audit::Inventory& inventory)
      : asker(ordinary),
        attackers(ordinary, kMostSymbolicWalks),
        oracle(asker),
        questions(inventory, oracle) {
    asker.forged_by(std::bind_front(&verify::Attackers::ask, &attackers));
  }
  query::Asker asker;
  verify::Attackers attackers;
  audit::AskerOracle oracle;
  audit::AttackQuestions questions;
};

struct Survey::Stop {
  Verdict verdict = Verdict::kUnknown;
  trace::How how = trace::How::kUnknown;
  SharedText reason;
  std::vector<audit::RuleQuote> rules;
};

Survey::~Survey() = default;
Survey::Survey(Survey&&) noexcept = default;
Survey& Survey::operator=(Survey&&) noexcept = default;

Survey::Survey(const query::Asker& asker, const verify::Limits& limits, Detail detail,
               audit::Inventory inventory, const Workers& workers)
    : asker_(&asker),
      limits_(limits),
      detail_(detail),
      workers_(&workers),
      inventory_(std::make_unique<const audit::Inventory>(std::move(inventory))),
      solvers_(1) {
  solvers_.front() = std::make_unique<verify::Solver>(asker);
  if (limits_.as_attacker) attack_ = std::make_unique<Attack>(asker, *inventory_);
  std::map<std::tuple<IpAddress, Port, IpProtocol>, std::size_t> known;
  const auto protocol_of = [](const audit::Service& s) { return s.subject.protocol; };
  const auto& services = inventory_->services;
  if (!services.empty() && std::ranges::count(services, protocol_of(services.front()),
                                              protocol_of) == std::ssize(services))
    only_ = protocol_of(services.front());
  for (std::size_t i = 0; i < services.size(); ++i) {
    const audit::Service& service = services[i];
    for (const model::Socket* s : service.sockets) whose_.emplace(s, i);
    for (const model::Socket* s : service.fronts) whose_.emplace(s, i);
    std::vector<Asked>& dials = dials_of_.emplace_back();
    for (const audit::Dial& dial : service.dials) {
      const verify::Point point{dial.to, dial.port, service.subject.protocol};
      if (!asked_about(limits_, point)) continue;
      const auto [at, fresh] =
          known.emplace(std::tuple(point.to, point.port, point.protocol), points_.size());
      if (fresh) points_.push_back(point);
      dials.push_back({dial, at->second});
    }
  }
}

Result<Survey> Survey::make(const query::Asker& asker, const policy::Config& config,
                            const verify::Limits& limits, Detail detail, const Workers& workers) {
  const model::Snapshot& snapshot = asker.world().snapshot();
  if (snapshot.host.value >= snapshot.namespaces.size())
    return fail(ErrorCode::kInvalidInput, "the snapshot holds no network namespace of the host");
  return Survey(asker, limits, detail,
                audit::take_inventory(snapshot, config, audit::AskerOracle(asker)), workers);
}

bool Survey::own(const audit::SeatEntry& seat, const audit::Service& service) {
  return seat.ns == service.ns;
}

std::optional<std::size_t> Survey::service_of(const model::Socket* socket) const {
  const auto found = whose_.find(socket);
  return found == whose_.end() ? std::nullopt : std::optional(found->second);
}

Result<Row> Survey::ordinary_row(const query::Seat& seat, verify::Solver& solver) const {
  Row row(inventory_->services.size());
  if (seat.origins.empty()) {
    const SharedText why = seat.unknown;
    for (Cell& cell : row) cell.reason = why;
    return row;
  }
  verify::Limits ordinary = limits_;
  ordinary.as_attacker = false;
  ordinary.verdicts_alone = true;
  if (only_ && !ordinary.protocol) ordinary.protocol = only_;
  auto reachable = solver.from(seat, ordinary, points_);
  if (!reachable) return std::unexpected(reachable.error());
  for (Cell& cell : row) cell.verdict = Verdict::kClosed;
  add_unknown(row, *reachable);
  add_open(row, *reachable);
  for (std::size_t i = 0; i < row.size(); ++i) order_ways(seat, inventory_->services[i], row[i]);
  Stops stops;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (detail_ == Detail::kAll) {
      for (const Asked& asked : dials_of_[i])
        row[i].dialled.push_back({asked.dial, reachable->points[asked.point]});
    }
    if (row[i].verdict != Verdict::kOpen) settle(seat, *reachable, i, stops, row[i]);
  }
  return row;
}

Result<Row> Survey::row(const query::Seat& seat) {
  auto row = ordinary_row(seat, *solvers_.front());
  if (!row || !attack_ || seat.origins.empty()) return row;
  for (std::size_t i = 0; i < row->size(); ++i) {
    Cell& cell = (*row)[i];
    if (cell.verdict != Verdict::kOpen && !cell.contradicted) add_forged(seat, i, cell);
  }
  return row;
}

Status Survey::rows(std::span<const std::size_t> seats,
                    const std::function<Status(std::size_t, Row)>& take) {
  const auto& all = inventory_->seats;
  // What attackers get is kept for all seats, by one that asks.
  const std::size_t most = attack_ ? 1 : std::max<std::size_t>(1, seats.size() / kFewestSeats);
  while (solvers_.size() < std::min(most, workers_->count()))
    solvers_.push_back(std::make_unique<verify::Solver>(*asker_));
  return InOrder<Row>(seats.size(), *workers_, most)
      .run(
          [&](std::size_t worker, std::size_t i) {
            const query::Seat& seat = all[seats[i]].seat;
            return attack_ ? row(seat) : ordinary_row(seat, *solvers_[worker]);
          },
          [&](std::size_t i, Row row) { return take(seats[i], std::move(row)); });
}

bool Survey::exhausted() const {
  return attack_ && attack_->attackers.exhausted();
}

// Of a service that no ordinary connection gets at, or perhaps not: the first address that opens.
void Survey::add_forged(const query::Seat& seat, std::size_t service, Cell& cell) {
  const auto same = [&](const audit::SeatEntry& entry) {
    return entry.seat.vantage == seat.vantage;
  };
  const auto entry = std::ranges::find_if(inventory_->seats, same);
  const IpProtocol protocol = inventory_->services[service].subject.protocol;
  for (const Asked& at : dials_of_[service]) {
    const verify::Point& point = points_[at.point];
    if (!asker_->is_asked(seat, point.to)) continue;
    query::Target target = target_of(point);
    target.as_attacker = true;
    const query::Reply reply =
        entry != inventory_->seats.end()
            ? *attack_->questions
                   .ask(static_cast<std::size_t>(entry - inventory_->seats.begin()), at.dial,
                        protocol)
                   .reply
            : attack_->asker.ask(seat, target);
    const trace::Answer& answer = reply.answer;
    // Where an ordinary packet is let in after all it is not the lie that opens.
    if (answer.verdict == Verdict::kOpen &&
        asker_->ask(seat, target_of(point)).answer.verdict == Verdict::kOpen)
      continue;
    if (answer.verdict == Verdict::kOpen &&
        service_of(answer.socket).value_or(service) == service) {
      cell.verdict = Verdict::kOpen;
      cell.forged = true;
      cell.some = reply.some;
      cell.reason.clear();
      cell.rules.clear();
      cell.ways.push_back(way_of(point, reply));
      return;
    }
    if (answer.verdict == Verdict::kUnknown && cell.verdict == Verdict::kClosed) {
      cell.verdict = Verdict::kUnknown;
      cell.reason = answer.reason;
    }
  }
}

void Survey::add_open(Row& row, verify::Reachable& reachable) const {
  for (verify::Contradiction& c : reachable.contradictions) {
    const auto service = service_of(c.computed.socket);
    if (!service) continue;
    contradict(row[*service], "open", c.traced, c.reason);
  }
  for (verify::Reached& reached : reachable.open) {
    const auto service = service_of(reached.socket);
    if (!service || row[*service].contradicted) continue;
    Cell& cell = row[*service];
    cell.forged = reached.forged && (cell.forged || cell.ways.empty());
    cell.some = reached.some && (cell.some || cell.ways.empty());
    cell.verdict = Verdict::kOpen;
    cell.reason.clear();
    cell.ways.push_back(std::move(reached));
  }
}

void Survey::add_unknown(Row& row, const verify::Reachable& reachable) const {
  for (const verify::Unknown& u : reachable.unknown) {
    const auto service = service_of(u.socket);
    if (!service) continue;
    Cell& cell = row[*service];
    // Of several reasons one, in whatever order they were found.
    if (cell.verdict == Verdict::kUnknown && cell.reason <= u.reason) continue;
    cell.verdict = Verdict::kUnknown;
    cell.reason = u.reason;
  }
}

// A packet of the seat's, or another of its packets that was stopped likewise.
std::shared_ptr<const Survey::Stop> Survey::walk(const query::Seat& seat,
                                                 const verify::Point& point, Stops& stops) const {
  const auto same = [&](const trace::EndReads& asked, const auto& /*stop*/) {
    return asked.same_to(point.to, point.port);
  };
  const bool one = !seat.many && !point.to.is_unspecified();
  const auto* const known = one ? stops.find(true, point.protocol, point.to, same) : nullptr;
  if (known != nullptr) return *known;
  query::Target target = target_of(point);
  trace::EndReads asked;
  if (one) target.to_reads = &asked;
  const trace::Answer answer = asker_->ask(seat, target).answer;
  auto stop = std::make_shared<Stop>(Stop{answer.verdict, answer.how, answer.reason, {}});
  if (detail_ == Detail::kAll) stop->rules = audit::closing_rule(answer);
  if (one && answer.verdict == Verdict::kClosed)
    stops.add(true, point.protocol, point.to, std::move(asked), stop);
  return stop;
}

// What no entry of the answer opens: its own addresses decide, and trace says why.
void Survey::settle(const query::Seat& seat, const verify::Reachable& reachable,
                    std::size_t service, Stops& stops, Cell& cell) const {
  if (cell.contradicted || cell.verdict == Verdict::kUnknown) return;
  const auto& dials = dials_of_[service];
  const auto first_that = [&](Verdict verdict) {
    const auto is = [&](const Asked& asked) { return reachable.points[asked.point] == verdict; };
    const auto known = std::ranges::find_if(
        dials, [&](const Asked& asked) { return asked.dial.via == known_by(seat) && is(asked); });
    return known != dials.end() ? known : std::ranges::find_if(dials, is);
  };
  // Another socket answers at an open point (a rule sent the packet there): not this service.
  auto shown = first_that(Verdict::kUnknown);
  if (shown == dials.end()) shown = first_that(Verdict::kClosed);
  if (shown == dials.end()) {
    if (!reachable.complete) cell.verdict = Verdict::kUnknown;
    cell.reason = dials.empty() ? "no address at which it could be asked"
                                : "another socket answers at its addresses";
    return;
  }
  const auto traced = walk(seat, points_[shown->point], stops);
  cell.reason = traced->reason;
  if (reachable.points[shown->point] == Verdict::kUnknown || !reachable.complete ||
      !seat.unknown.empty()) {
    cell.verdict = Verdict::kUnknown;
    if (traced->verdict != Verdict::kUnknown)
      cell.reason =
          "the computation does not tell; one packet is " + std::string(to_string(traced->verdict));
    return;
  }
  if (traced->verdict != Verdict::kClosed)
    return contradict(cell, "closed", traced->verdict, traced->reason);
  cell.how = traced->how;
  cell.rules = traced->rules;
}

std::vector<std::size_t> seats_worst_first(const audit::Inventory& inventory) {
  std::vector<std::size_t> out(inventory.seats.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::ranges::stable_sort(out, {},
                           [&](std::size_t i) { return audit::nearness(inventory.seats[i]); });
  return out;
}

std::vector<std::size_t> seats_that_send(const audit::Inventory& inventory) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < inventory.seats.size(); ++i) {
    if (!inventory.seats[i].seat.origins.empty()) out.push_back(i);
  }
  return out;
}

std::vector<std::string> names_of(const model::Snapshot& snapshot, const audit::SeatEntry& seat) {
  std::vector<std::string> out;
  out.push_back(seat.container != nullptr ? seat.container->name : seat.text);
  out.insert(out.end(), seat.also.begin(), seat.also.end());
  if (seat.ns != snapshot.host) return out;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& c : engine.containers) {
      if (engine.local && c.state == "running" &&
          (c.network_mode == "host" || c.netns == snapshot.host))
        out.push_back(c.name);
    }
  }
  return out;
}

}  // namespace bulkhead::views
