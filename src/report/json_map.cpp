#include <nlohmann/json.hpp>

#include "report/json.h"

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;

Json listeners_json(const std::vector<audit::MapListener>& listeners) {
  Json out = Json::array();
  for (const audit::MapListener& l : listeners) {
    Json one = {{"port", l.port.number}, {"proto", to_string(l.protocol)}};
    if (!l.process.empty()) one["process"] = l.process;
    if (!l.service.empty()) one["service"] = l.service;
    out.push_back(std::move(one));
  }
  return out;
}

Json containers_json(const std::vector<audit::MapContainer>& containers) {
  Json out = Json::array();
  for (const audit::MapContainer& c : containers) {
    Json published = Json::array();
    for (const model::PublishedPort& p : c.published) {
      published.push_back({{"address", p.host_address.to_string()},
                           {"port", p.host_port.number},
                           {"container_port", p.container_port.number},
                           {"proto", to_string(p.protocol)}});
    }
    out.push_back({{"engine", c.engine},
                   {"name", c.name},
                   {"project", c.project},
                   {"service", c.service},
                   {"image", c.image},
                   {"state", c.state},
                   {"tenant", c.tenant},
                   {"network_mode", c.mode},
                   {"addresses", c.addresses},
                   {"published", std::move(published)},
                   {"listeners", listeners_json(c.listeners)}});
  }
  return out;
}

Json interface_json(const audit::MapInterface& i) {
  Json zones = Json::array();
  for (const policy::Zone& z : i.zones)
    zones.push_back({{"name", z.name}, {"role", to_string(z.role)}, {"guessed", z.guessed}});
  Json out = {{"name", i.name},
              {"kind", i.kind},
              {"up", i.up},
              {"addresses", i.addresses},
              {"made_by", i.made_by},
              {"leads_to", to_string(i.leads)},
              {"zones", std::move(zones)},
              {"containers", containers_json(i.containers)},
              {"ports", i.ports}};
  if (!i.network.empty())
    out["network"] = {{"name", i.network}, {"driver", i.network_driver}, {"internal", i.internal}};
  if (!i.peer.empty()) out["peer"] = i.peer;
  return out;
}

}  // namespace

std::string map_json(const audit::Map& map) {
  Json interfaces = Json::array();
  for (const audit::MapInterface& i : map.interfaces) interfaces.push_back(interface_json(i));
  const Json out = {{"schema", "https://bulkhead.example/schemas/map/1"},
                    {"host", map.host_name},
                    {"interfaces", std::move(interfaces)},
                    {"host_listeners", listeners_json(map.host_listeners)},
                    {"in_host_namespace", containers_json(map.in_host_namespace)},
                    {"without_network", containers_json(map.without_network)},
                    {"stopped", map.stopped},
                    {"namespaces", map.namespaces},
                    {"unjoined_namespaces", map.unjoined}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
