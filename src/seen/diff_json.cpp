#include <nlohmann/json.hpp>

#include "seen/diff.h"

namespace bulkhead::seen {
namespace {

using Json = nlohmann::ordered_json;

Json side_json(const Side& side) {
  if (!side.asked) return {{"state", "not-asked"}};
  Json out = {{"state", to_string(side.state)}, {"proof", to_string(side.proof)}};
  if (side.service)
    out["service"] = {{"id", side.service->id},
                      {"name", side.service->name},
                      {"access", side.service->access},
                      {"evidence", side.service->evidence}};
  return out;
}

}  // namespace

std::string difference_json(const Difference& difference, std::string_view host,
                            std::uint64_t at_ms) {
  Json changes = Json::array();
  for (const Change& change : difference.changes)
    changes.push_back({{"change", to_string(change.turn)},
                       {"from", change.vantage},
                       {"to", change.to.to_string()},
                       {"proto", to_string(change.protocol)},
                       {"ports", {change.ports.first, change.ports.last}},
                       {"before", side_json(change.before)},
                       {"now", side_json(change.now)}});
  Json out = {{"schema", "https://bulkhead.example/schemas/scan-diff/1"}};
  if (!host.empty()) out["host"] = host;
  if (at_ms != 0) out["at_ms"] = at_ms;
  out["alarming"] = difference.alarming();
  out["complete"] = difference.complete;
  out["compared"] = difference.compared;
  out["not_asked_again"] = difference.not_asked_again;
  out["changes"] = std::move(changes);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::seen
