#include <nlohmann/json.hpp>

#include "seen/record.h"
#include "seen/swept_json.h"

namespace bulkhead::seen {

nlohmann::ordered_json run_json(const PortRun& run) {
  nlohmann::ordered_json out = {{"ports", {run.ports.first, run.ports.last}},
                                {"state", to_string(run.state)},
                                {"proof", to_string(run.proof)}};
  if (run.error != 0) out["errno"] = run.error;
  return out;
}

nlohmann::ordered_json counts_json(const Swept& swept) {
  const auto n = count_states(swept.runs);
  return {{"open", n[0]},
          {"closed", n[1]},
          {"filtered", n[2]},
          {"unknown", n[3]},
          {"sent", swept.counts.sent},
          {"answered", swept.counts.answered},
          {"lost", swept.counts.lost}};
}

namespace {

using Json = nlohmann::ordered_json;

Json open_json(const Target& target) {
  Json out = Json::array();
  for (const PortRun& run : target.swept.runs) {
    if (run.state != State::kOpen) continue;
    for (std::uint32_t number = run.ports.first; number <= run.ports.last; ++number) {
      Json one = {{"port", number}};
      if (const Service* s = target.service(Port{static_cast<std::uint16_t>(number)}))
        one["service"] = {
            {"id", s->id}, {"name", s->name}, {"access", s->access}, {"evidence", s->evidence}};
      out.push_back(std::move(one));
    }
  }
  return out;
}

Json target_json(const Target& target) {
  Json runs = Json::array();
  for (const PortRun& run : target.swept.runs) runs.push_back(run_json(run));
  return {{"to", target.scoped().to_string()},
          {"names", target.names},
          {"proto", to_string(target.protocol)},
          {"engine", to_string(target.swept.engine)},
          {"rounds", target.swept.rounds},
          {"rtt_us", target.swept.rtt_us},
          {"counts", counts_json(target.swept)},
          {"open", open_json(target)},
          {"runs", std::move(runs)}};
}

Json seat_json(const SeenFrom& seat) {
  Json out = {{"vantage", seat.vantage},
              {"engine", to_string(seat.check.engine)},
              {"checked", seat.check.passed}};
  if (!seat.check.why.empty()) out["why"] = seat.check.why;
  Json targets = Json::array();
  for (const Target& target : seat.targets) targets.push_back(target_json(target));
  out["targets"] = std::move(targets);
  return out;
}

}  // namespace

std::string record_json(const Record& record) {
  Json seats = Json::array(), left_out = Json::array();
  for (const SeenFrom& seat : record.seats) seats.push_back(seat_json(seat));
  for (const auto& left : record.left_out)
    left_out.push_back({{"what", left.what}, {"reason", left.why}});
  Json out = {{"schema", "https://bulkhead.example/schemas/outside/1"},
              {"tool", record.tool},
              {"host", record.host}};
  if (!record.zone.empty()) out["zone"] = record.zone;
  out["taken_at_ms"] = record.taken_at_ms;
  out["finished"] = record.finished;
  out["elapsed_ms"] = record.elapsed_ms;
  if (record.paused_ms != 0) out["paused_ms"] = record.paused_ms;
  out["left_out"] = std::move(left_out);
  out["seats"] = std::move(seats);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::seen
