#include <nlohmann/json.hpp>

#include "audit/inventory.h"
#include "report/json_reached.h"
#include "report/reach_text.h"

namespace bulkhead::report {
using Json = nlohmann::ordered_json;

Json witness_json(const verify::Witness& witness) {
  Json out = Json::object();
  if (witness.source) out["source"] = witness.source->to_string();
  out["to"] = witness.to.to_string();
  out["port"] = witness.port.number;
  if (witness.source_port) out["source_port"] = witness.source_port->number;
  if (witness.frame) {
    out["frame_source"] = witness.frame->source.to_string();
    out["frame_destination"] = witness.frame->destination.to_string();
    if (witness.frame->tagged) out["vlan_tag"] = 0;
  }
  return out;
}

Json reached_json(const model::Snapshot& snapshot, const verify::Reached& r) {
  Json ports = Json::array();
  for (const packet::Interval& i : r.ports.intervals()) ports.push_back({i.first, i.last});
  Json out = {{"to", {r.to.first.to_string(), r.to.last.to_string()}},
              {"ports", std::move(ports)},
              {"proto", to_string(r.protocol)},
              {"place", audit::name_of(snapshot, r.ns)},
              {"witness", witness_json(r.witness)}};
  if (r.some) out["some"] = true;
  if (r.forged) out["forged"] = true;
  if (r.socket != nullptr) {
    Json socket = {{"address", r.socket->address.to_string()}, {"port", r.socket->port.number}};
    if (!r.socket->owners.empty()) socket["process"] = r.socket->owners.front().command;
    out["socket"] = std::move(socket);
  }
  return out;
}

std::string reach_json(const model::Snapshot& snapshot, const query::Vantage& from,
                       const verify::Reachable& reachable) {
  Json open = Json::array(), leaves = Json::array(), unknown = Json::array(),
       contradictions = Json::array();
  for (const verify::Reached& r : reachable.open) open.push_back(reached_json(snapshot, r));
  for (const verify::WayOut& w : reachable.leaves) {
    leaves.push_back({{"link", audit::link_name(snapshot, w.ns, w.link)},
                      {"place", audit::name_of(snapshot, w.ns)},
                      {"family", w.family == IpFamily::kV4 ? 4 : 6},
                      {"proto", to_string(w.protocol)},
                      {"all_ports", w.all_ports},
                      {"witness", witness_json(w.witness)}});
  }
  for (const verify::Unknown& u : reachable.unknown) {
    unknown.push_back({{"reason", u.reason},
                       {"proto", to_string(u.protocol)},
                       {"witness", witness_json(u.witness)}});
  }
  for (const verify::Contradiction& c : reachable.contradictions) {
    Json one = reached_json(snapshot, c.computed);
    one["traced"] = trace::to_string(c.traced);
    one["reason"] = c.reason;
    contradictions.push_back(std::move(one));
  }
  const Json out = {{"schema", "https://bulkhead.example/schemas/reach/1"},
                    {"from", from.to_string()},
                    {"complete", reachable.complete && !reachable.exhausted},
                    {"confirmed", reachable.confirmed},
                    {"open", std::move(open)},
                    {"leaves", std::move(leaves)},
                    {"unknown", std::move(unknown)},
                    {"contradictions", std::move(contradictions)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
