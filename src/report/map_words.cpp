#include "report/map_words.h"

#include "report/parts.h"

namespace bulkhead::report {
namespace {

using audit::LeadsTo;

Label towards(policy::ZoneRole role) {
  switch (role) {
    case policy::ZoneRole::kInternet: return Label::kMapInternet;
    case policy::ZoneRole::kLan: return Label::kMapLan;
    case policy::ZoneRole::kDmz: return Label::kMapDmz;
    case policy::ZoneRole::kManagement: return Label::kMapManagement;
  }
  return Label::kMapLan;
}

std::string zones_text(const audit::MapInterface& interface, const Style& style) {
  std::vector<std::string> parts;
  bool guessed = false;
  for (const policy::Zone& z : interface.zones) {
    guessed = guessed || z.guessed;
    std::string text = say(towards(z.role), style);
    if (!z.guessed) text += " (" + safe(z.name) + ")";
    parts.push_back(std::move(text));
  }
  return joined(parts, style) + (guessed ? " [" + say(Label::kMapGuessed, style) + "]" : "");
}

}  // namespace

std::string leads_text(const audit::MapInterface& interface, const Style& style) {
  switch (interface.leads) {
    case LeadsTo::kZones: return zones_text(interface, style);
    case LeadsTo::kNetwork:
      return say(
          Label::kMapNetwork, style,
          {{"network", safe(interface.network.empty() ? interface.name : interface.network)}});
    case LeadsTo::kContainer: return say(Label::kMapContainer, style);
    case LeadsTo::kNamespace:
      return say(Label::kMapNamespace, style, {{"peer", safe(interface.peer)}});
    case LeadsTo::kItself: return say(Label::kMapLoopback, style);
    case LeadsTo::kNowhere: return say(Label::kMapNowhere, style);
    case LeadsTo::kUnknown: return say(Label::kMapUnknown, style);
  }
  return {};
}

std::string listener_text(const audit::MapListener& listener) {
  const std::string port = port_text(listener.port, listener.protocol);
  return listener.process.empty() ? port : port + "(" + safe(listener.process) + ")";
}

std::vector<std::string> published_texts(const audit::MapContainer& container) {
  std::vector<std::string> out;
  for (const model::PublishedPort& p : container.published) {
    if (p.host_port.number == 0) continue;
    out.push_back(dial_text(p.host_address, p.host_port) + "->" +
                  inner_port_text(p.container_port, p.protocol));
  }
  return out;
}

}  // namespace bulkhead::report
