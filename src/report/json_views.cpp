#include "report/json_views.h"

#include <nlohmann/json.hpp>

#include "report/json_reached.h"

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;
using trace::Verdict;

std::string schema(std::string_view view) {
  return "https://bulkhead.example/schemas/reach-" + std::string(view) + "/1";
}

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string_view as_text(bool attacker) {
  return attacker ? "attacker" : "ordinary";
}

Json subject_json(const audit::Subject& s) {
  Json out = {{"owner", s.container.empty() ? "host" : "container"}};
  if (!s.container.empty()) {
    out["engine"] = s.engine;
    out["container"] = s.container;
    if (s.on_host) out["on_host_network"] = true;
  }
  if (!s.process.empty()) out["process"] = s.process;
  out["port"] = s.port.value_or(Port{}).number;
  out["proto"] = to_string(s.protocol);
  if (s.known_as != nullptr) {
    out["known_as"] = s.known_as->id;
    out["known_by"] = to_string(s.known_by);
  }
  return out;
}

Json rules_json(const std::vector<audit::RuleQuote>& rules) {
  Json out = Json::array();
  for (const audit::RuleQuote& r : rules)
    out.push_back({{"place", r.place}, {"text", r.text}, {"author", r.author}});
  return out;
}

Json names_json(const model::Snapshot& snapshot, const audit::SeatEntry& seat) {
  Json out = Json::array();
  for (const std::string& name : views::names_of(snapshot, seat)) out.push_back(name);
  return out;
}

// Onto `out`: the verdict with what it rests on.
void add_cell(Json& out, const model::Snapshot& snapshot, const views::Cell& cell) {
  out["verdict"] = to_string(cell.verdict);
  if (cell.contradicted) out["contradicted"] = true;
  if (cell.some) out["some"] = true;
  if (cell.forged) out["forged"] = true;
  if (cell.verdict == Verdict::kOpen) {
    out["ways"] = Json::array();
    for (const verify::Reached& way : cell.ways) out["ways"].push_back(reached_json(snapshot, way));
    return;
  }
  out["reason"] = cell.reason.get();
  if (cell.verdict == Verdict::kClosed) out["how"] = to_string(cell.how);
  if (!cell.rules.empty()) out["rules"] = rules_json(cell.rules);
}

Json seen_json(const model::Snapshot& snapshot, const std::vector<views::Seen>& all) {
  Json out = Json::array();
  for (const views::Seen& seen : all) {
    Json one = {{"vantage", seen.seat.text}, {"names", names_json(snapshot, seen.seat)}};
    add_cell(one, snapshot, seen.cell);
    out.push_back(std::move(one));
  }
  return out;
}

Json port_json(const views::PublishedUnused& port) {
  Json binds = Json::array();
  for (const IpAddress& bind : port.binds) binds.push_back(bind.to_string());
  Json out = {{"engine", port.subject.engine},
              {"container", port.subject.container},
              {"container_port", port.container_port.number},
              {"host_port", port.host_port.number},
              {"proto", to_string(port.protocol)},
              {"binds", std::move(binds)},
              {"why", views::to_string(port.why)}};
  if (port.contradicted) out["contradicted"] = true;
  if (!port.vantage.empty()) {
    out["from"] = port.vantage;
    out["witness"] = witness_json(port.witness);
    out["reason"] = port.reason;
  }
  if (!port.rules.empty()) out["rules"] = rules_json(port.rules);
  return out;
}

}  // namespace

std::string matrix_json(const model::Snapshot& snapshot, const views::Matrix& matrix) {
  Json seats = Json::array(), services = Json::array(), classes = Json::array(),
       cells = Json::array();
  for (std::size_t s = 0; s < matrix.seats.size(); ++s) {
    seats.push_back(
        {{"vantage", matrix.seats[s].text}, {"names", names_json(snapshot, matrix.seats[s])}});
    for (std::size_t i = 0; i < matrix.services.size(); ++i) {
      Json cell = {{"seat", s}, {"service", i}};
      add_cell(cell, snapshot, matrix.rows[s][i]);
      cells.push_back(std::move(cell));
    }
  }
  for (const audit::Service& s : matrix.services) services.push_back(subject_json(s.subject));
  for (const views::SeatClass& c : matrix.classes) classes.push_back(c.seats);
  return dump({{"schema", schema("matrix")},
               {"as", as_text(matrix.as_attacker)},
               {"seats", std::move(seats)},
               {"services", std::move(services)},
               {"classes", std::move(classes)},
               {"cells", std::move(cells)},
               {"unreached", matrix.unreached}});
}

std::string who_reaches_json(const model::Snapshot& snapshot, std::string_view what,
                             const views::WhoReaches& who) {
  Json services = Json::array();
  for (const views::ServiceReached& s : who.services) {
    services.push_back({{"service", subject_json(s.service.subject)},
                        {"open", seen_json(snapshot, s.open)},
                        {"unknown", seen_json(snapshot, s.unknown)},
                        {"closed", s.closed}});
  }
  return dump({{"schema", schema("who")},
               {"as", as_text(who.as_attacker)},
               {"of", what},
               {"seats", who.seats},
               {"services", std::move(services)}});
}

std::string unused_json(const views::Unused& unused) {
  Json ports = Json::array();
  for (const views::PublishedUnused& port : unused.ports) ports.push_back(port_json(port));
  return dump({{"schema", schema("unused")},
               {"published", unused.published},
               {"reached", unused.reached},
               {"zones", unused.zones},
               {"ports", std::move(ports)}});
}

std::string through_json(const model::Snapshot& snapshot, std::string_view from,
                         const views::Through& through) {
  Json chains = Json::array();
  for (const views::Chain& chain : through.chains) {
    Json steps = Json::array();
    for (const views::Step& step : chain.steps) {
      Json one = {{"from", step.from},
                  {"service", subject_json(step.service.subject)},
                  {"way", reached_json(snapshot, step.way)}};
      if (step.some) one["some"] = true;
      steps.push_back(std::move(one));
    }
    chains.push_back({{"target", views::to_string(chain.prize)}, {"steps", std::move(steps)}});
  }
  return dump({{"schema", schema("through")},
               {"as", as_text(through.as_attacker)},
               {"from", from},
               {"depth", through.depth},
               {"assumes", "each reached service can be taken over"},
               {"chains", std::move(chains)},
               {"containers", through.taken},
               {"unknown", through.unknown},
               {"more", through.more}});
}

}  // namespace bulkhead::report
