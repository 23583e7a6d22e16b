#include <nlohmann/json.hpp>

#include "audit/inventory.h"
#include "report/scan_text.h"
#include "seen/swept_json.h"

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;
using seen::counts_json;
using seen::run_json;

Json open_json(const model::Snapshot& snapshot, const scan::OpenPort& open) {
  Json out = {{"port", open.port.number}, {"agreement", to_string(open.agreement)}};
  if (open.socket != nullptr) {
    Json socket = {{"address", open.socket->address.to_string()},
                   {"port", open.socket->port.number}};
    if (open.ns) socket["place"] = audit::name_of(snapshot, *open.ns);
    if (!open.socket->owners.empty()) socket["process"] = open.socket->owners.front().command;
    out["socket"] = std::move(socket);
  }
  if (open.service)
    out["service"] = {{"id", open.service->id},
                      {"name", open.service->name},
                      {"access", open.service->access},
                      {"evidence", open.service->evidence}};
  return out;
}

Json target_json(const model::Snapshot& snapshot, const scan::Result& result, std::size_t index) {
  const scan::Aim& aim = result.plan.aims[index];
  const scan::Swept& swept = result.swept[index];
  Json places = Json::array(), open = Json::array(), runs = Json::array();
  for (const model::NsId ns : aim.at) places.push_back(audit::name_of(snapshot, ns));
  for (const scan::OpenPort& port : result.judged.open[index])
    open.push_back(open_json(snapshot, port));
  for (const scan::PortRun& run : swept.runs) runs.push_back(run_json(run));
  if (aim.beyond) places.push_back(result.plan.beyond[*aim.beyond].target);
  return {{"to", aim.scoped().to_string()},   {"places", std::move(places)},
          {"proto", to_string(aim.protocol)}, {"engine", to_string(swept.engine)},
          {"rounds", swept.rounds},           {"rtt_us", swept.rtt_us},
          {"counts", counts_json(swept)},     {"open", std::move(open)},
          {"runs", std::move(runs)}};
}

Json seat_json(const model::Snapshot& snapshot, const scan::Result& result, std::size_t index) {
  const scan::Seat& seat = result.plan.seats[index];
  const scan::SeatCheck& check = result.checks[index];
  Json targets = Json::array();
  for (std::size_t i = 0; i < result.plan.aims.size(); ++i) {
    if (result.plan.aims[i].seat == index) targets.push_back(target_json(snapshot, result, i));
  }
  Json out = {{"vantage", seat.vantage},
              {"names", seat.names},
              {"engine", to_string(check.engine)},
              {"checked", check.passed}};
  if (!check.why.empty()) out["why"] = check.why;
  out["targets"] = std::move(targets);
  return out;
}

Json disagreement_json(const scan::Result& result, const scan::Disagreement& d) {
  const scan::Aim& aim = result.plan.aims[d.aim];
  Json rules = Json::array();
  for (const audit::RuleQuote& r : d.rules)
    rules.push_back({{"place", r.place}, {"text", r.text}, {"author", r.author}});
  Json computed = {{"verdict", to_string(d.computed)},
                   {"how", to_string(d.how)},
                   {"reason", d.reason},
                   {"rules", std::move(rules)}};
  return {{"from", result.plan.seats[aim.seat].vantage},
          {"to", aim.scoped().to_string()},
          {"proto", to_string(aim.protocol)},
          {"observed", run_json(d.observed)},
          {"computed", std::move(computed)}};
}

Json beyond_json(const scan::Result& result, const scan::BeyondFinding& f) {
  const policy::Beyond& machine = result.plan.beyond[f.beyond];
  Json out = {{"id", f.id},
              {"threat", to_string(f.kind)},
              {"severity", to_string(f.severity)},
              {"target", machine.target},
              {"to", machine.to.to_string()},
              {"port", f.port.number},
              {"proto", to_string(f.protocol)},
              {"from", f.from},
              {"permitted", f.permitted},
              {"known_by", to_string(f.by)}};
  if (f.service)
    out["service"] = {
        {"id", f.service->id}, {"name", f.service->name}, {"access", f.service->access}};
  if (!f.likely.empty()) out["likely"] = f.likely;
  if (!f.suppressed_by.empty()) out["suppressed_by"] = f.suppressed_by;
  return out;
}

}  // namespace

std::string scan_json(const model::Snapshot& snapshot, const scan::Result& result) {
  Json disagreements = Json::array(), left_out = Json::array(), seats = Json::array();
  Json beyond = Json::array();
  for (const scan::BeyondFinding& f : result.beyond) beyond.push_back(beyond_json(result, f));
  for (const scan::Disagreement& d : result.judged.disagreements)
    disagreements.push_back(disagreement_json(result, d));
  for (const auto& left : result.plan.left_out)
    left_out.push_back({{"seat", left.what}, {"reason", left.why}});
  Json notes = Json::array();
  for (const auto& note : result.plan.notes)
    notes.push_back({{"what", note.what}, {"reason", note.why}});
  for (std::size_t i = 0; i < result.plan.seats.size(); ++i)
    seats.push_back(seat_json(snapshot, result, i));
  const scan::Judged& judged = result.judged;
  Json out = {{"schema", "https://bulkhead.example/schemas/scan/1"},
              {"host", snapshot.host_name},
              {"finished", result.finished},
              {"elapsed_ms", result.elapsed_ms},
              {"disagreements", std::move(disagreements)},
              {"beyond", std::move(beyond)},
              {"left_out", std::move(left_out)},
              {"notes", std::move(notes)},
              {"seats", std::move(seats)},
              {"counts",
               {{"confirmed", judged.confirmed},
                {"resolved", judged.resolved},
                {"disagreeing", judged.disagreeing},
                {"unproven", judged.unproven}}}};
  if (result.paused_ms != 0) out["paused_ms"] = result.paused_ms;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
