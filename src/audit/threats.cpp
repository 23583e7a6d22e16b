#include "audit/threats.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "audit/identity.h"
#include "policy/tenants.h"

namespace bulkhead::audit {
namespace {

using policy::ZoneRole;
using services::Impact;
using services::ServiceClass;

bool is_class(const Service& service, ServiceClass wanted) {
  const services::Service* known = service.subject.known_as;
  return known != nullptr && known->service_class == wanted;
}

bool is_management(const Service& service) {
  return is_class(service, ServiceClass::kManagement);
}
bool is_traditional(const Service& service) {
  return is_class(service, ServiceClass::kTraditional);
}
bool is_client(const Service& service) {
  return is_class(service, ServiceClass::kClient);
}

Impact impact_of(const Service& service) {
  return service.subject.known_as == nullptr ? Impact::kApplication
                                             : service.subject.known_as->impact;
}

bool takes_over(Impact impact) {
  return impact == Impact::kHost || impact == Impact::kCluster;
}

// Meant to be talked to from outside: web servers on web ports, reverse proxies, VPN servers.
bool is_front(const Service& service) {
  const services::Service* known = service.subject.known_as;
  if (known == nullptr) return false;
  if (known->front || known->id == "wireguard" || known->id == "openvpn") return true;
  const auto web = [](Port p) { return p.number == 80 || p.number == 443; };
  const bool is_http = known->id == "http" || known->id == "https";
  return is_http &&
         (web(service.port().port) ||
          std::ranges::any_of(service.published, [&](const auto* p) { return web(p->host_port); }));
}

// By these the host is administered, or they are there for the neighbours on the link.
bool is_expected(const Service& service, const policy::Zone& zone) {
  const services::Service* known = service.subject.known_as;
  if (known == nullptr) return false;
  if (service.of_host() && known->id == "ssh") return true;
  return zone.role != ZoneRole::kInternet && (known->id == "mdns" || known->id == "ssdp");
}

// Podman's containers ask a process of the host for names; without it they have none.
bool is_name_server_of(const model::Engine& engine, const Service& service) {
  return engine.kind == model::EngineKind::kPodman && service.subject.process == "aardvark-dns" &&
         service.subject.port == Port{53};
}

bool declared(const policy::Config& config, const Service& service, const SeatEntry& from,
              const Dial& dial) {
  const policy::PortSpec port = service.port();
  if (from.zone != nullptr) {
    if (service.container == nullptr)
      return policy::declares_host_service(config, port, *from.zone);
    return policy::declares_ingress(config, *service.engine, *service.container, port,
                                    {dial.port, service.subject.protocol}, *from.zone);
  }
  if (from.container == nullptr || !service.subject.on_host) return false;
  return is_name_server_of(*from.engine, service) ||
         policy::declares_host_service(config, port, *from.engine, *from.container);
}

bool same_tenant(const Service& service, const SeatEntry& from) {
  return service.container != nullptr && from.container != nullptr &&
         service.subject.tenant == from.tenant.name;
}

// Were nothing declared.
std::optional<Kind> undeclared_threat_of(const Service& service, const SeatEntry& from) {
  if (is_client(service)) return std::nullopt;
  if (from.container != nullptr) {
    if (is_management(service)) {
      const bool harm = !same_tenant(service, from) || takes_over(impact_of(service));
      return harm ? std::optional(Kind::kT2) : std::nullopt;
    }
    const bool harm = service.subject.on_host && !same_tenant(service, from);
    return harm ? std::optional(Kind::kT3) : std::nullopt;
  }
  if (from.zone == nullptr || from.zone->role == ZoneRole::kManagement) return std::nullopt;
  if (is_management(service)) return from.zone->role == ZoneRole::kInternet ? Kind::kT1 : Kind::kT2;
  if (is_front(service) || is_expected(service, *from.zone)) return std::nullopt;
  return is_traditional(service) ? Kind::kT5 : Kind::kT4;
}

class ThreatFinder {
 public:
  explicit ThreatFinder(const Scene& scene) : scene_(scene) {}

  std::vector<Draft> find() {
    for (std::size_t i = 0; i < scene_.inventory.services.size(); ++i)
      judge(scene_.inventory.services[i], scene_.reach.of[i]);
    return std::move(out_);
  }

 private:
  using Tell = void (ThreatFinder::*)(const Service&, const std::vector<Asked>&);
  static const std::array<std::pair<Kind, Tell>, 5> kTold;

  const SeatEntry& seat(const Asked& asked) const { return scene_.inventory.seats[asked.seat]; }

  void judge(const Service& service, const Answers& answers) {
    std::map<Kind, std::vector<Asked>> open;
    for (const std::vector<Asked>* list : {&answers.open, &answers.forged}) {
      for (const Asked& asked : *list) {
        const auto kind = threat_of(scene_.config, service, seat(asked), asked.dial);
        if (kind) open[*kind].push_back(asked);
      }
    }
    for (const auto& [kind, tell] : kTold) {
      const auto of_kind = open.find(kind);
      if (of_kind != open.end()) (this->*tell)(service, of_kind->second);
    }
  }

  // By what the severity goes: ordinary ways in, where there are any.
  template <class Wanted>
  static bool any_weighed(const std::vector<Asked>& open, Wanted wanted) {
    const bool forged = std::ranges::all_of(open, &Asked::as_attacker);
    return std::ranges::any_of(
        open, [&](const Asked& a) { return a.as_attacker() == forged && wanted(a); });
  }

  void t1(const Service& service, const std::vector<Asked>& open) {
    Draft draft = start(Kind::kT1, Phrase::kT1What, service, open);
    const Impact impact = impact_of(service);
    const bool whole = takes_over(impact) || impact == Impact::kCode || impact == Impact::kSecrets;
    rate(draft, whole ? Severity::kCritical : Severity::kHigh, Phrase::kFromInternet);
    out_.push_back(std::move(draft));
  }

  void t2(const Service& service, const std::vector<Asked>& open) {
    Draft draft = start(Kind::kT2, Phrase::kT2What, service, open);
    const Impact impact = impact_of(service);
    Severity severity = Severity::kMedium;
    if (takes_over(impact) || impact == Impact::kCode || impact == Impact::kSecrets)
      severity = Severity::kHigh;
    if (impact == Impact::kInfo) severity = Severity::kLow;
    const bool zone = any_weighed(open, [&](const Asked& a) { return seat(a).is_zone(); });
    rate(draft, severity, zone ? Phrase::kFromLan : Phrase::kFromContainers);
    out_.push_back(std::move(draft));
  }

  void t3(const Service& service, const std::vector<Asked>& open) {
    Draft draft = start(Kind::kT3, Phrase::kT3What, service, open);
    Severity severity = Severity::kMedium;
    const Impact impact = impact_of(service);
    if (impact == Impact::kData || impact == Impact::kCode || impact == Impact::kSecrets)
      severity = Severity::kHigh;
    if (impact == Impact::kInfo) severity = Severity::kLow;
    rate(draft, severity, Phrase::kFromContainers);
    out_.push_back(std::move(draft));
  }

  void t4(const Service& service, const std::vector<Asked>& open) {
    Draft draft = start(Kind::kT4, Phrase::kT4What, service, open);
    draft.finding.assumed = true;
    rate(draft, Severity::kMedium, from(open));
    draft.finding.severity = std::min(draft.finding.severity, Severity::kMedium);
    draft.finding.severity_reasons.push_back({Phrase::kAssumed, {}});
    out_.push_back(std::move(draft));
  }

  void t5(const Service& service, const std::vector<Asked>& open) {
    Draft draft = start(Kind::kT5, Phrase::kT5What, service, open);
    const Phrase where = from(open);
    Severity severity = where == Phrase::kFromInternet ? Severity::kHigh : Severity::kMedium;
    if (impact_of(service) == Impact::kInfo) severity = lower(severity);
    rate(draft, severity, where);
    out_.push_back(std::move(draft));
  }

  Phrase from(const std::vector<Asked>& open) const {
    const bool internet = any_weighed(open, [&](const Asked& a) {
      return seat(a).zone != nullptr && seat(a).zone->role == ZoneRole::kInternet;
    });
    return internet ? Phrase::kFromInternet : Phrase::kFromLan;
  }

  void rate(Draft& draft, Severity severity, Phrase where) const {
    Finding& finding = draft.finding;
    const Service& service = *draft.service;
    if (service.subject.known_as != nullptr) {
      finding.severity_reasons.push_back({impact_phrase(impact_of(service)), {}});
    }
    finding.severity_reasons.push_back({where, {}});
    if (service.subject.known_by == services::KnownBy::kPort) {
      finding.severity_reasons.push_back({Phrase::kByPortOnly, {}});
      severity = lower(severity);
    }
    if (service.subject.known_as != nullptr &&
        service.subject.known_as->tls == services::Tls::kMutual) {
      finding.severity_reasons.push_back({Phrase::kMutualTls, {}});
      severity = lower(severity);
    }
    if (only_forged(finding.reaches)) {
      finding.severity_reasons.push_back({Phrase::kOnlyForged, {}});
      severity = lower(severity);
    }
    finding.severity = severity;
  }

  Draft start(Kind kind, Phrase what, const Service& service,
              const std::vector<Asked>& open) const {
    Draft draft;
    draft.service = &service;
    draft.open = open;
    Finding& finding = draft.finding;
    finding.kind = kind;
    finding.subject = service.subject;
    finding.what = {what, {}};
    finding.reaches = reaches_of(scene_, service, open);
    const bool forged = only_forged(finding.reaches);
    finding.id = finding_id(kind, service.subject, forged ? As::kAttacker : As::kOrdinary);
    finding.references = references_of(kind);
    finding.why =
        forged ? why_forged(finding.reaches.front()) : why(service, finding.reaches.front());
    const auto& reaches = finding.reaches;
    if (std::ranges::any_of(reaches, [](const Reach& r) { return r.up_to_uplink; })) {
      finding.notes.push_back({Phrase::kNoteUpToUplink, {}});
    }
    if (std::ranges::any_of(reaches, [](const Reach& r) { return r.guessed_zone; })) {
      finding.notes.push_back({Phrase::kNoteGuessedZones, {}});
    }
    const bool loopback = std::ranges::any_of(
        service.published, [](const auto* p) { return p->host_address.is_loopback(); });
    const bool zone =
        std::ranges::any_of(reaches, [](const Reach& r) { return r.role.has_value(); });
    if (loopback && zone) finding.notes.push_back({Phrase::kNoteLoopbackPublished, {}});
    return draft;
  }

  // What is forged is told by the report; here what makes that necessary.
  static Text why_forged(const Reach& reach) {
    const Forgery& forgery = reach.forged.value_or(Forgery{});
    if (forgery.stops.empty()) return {Phrase::kWhyForgedNoRule, {{"reason", forgery.reason}}};
    return {Phrase::kWhyForged, {{"place", forgery.stops.front().place}}};
  }

  // One line on the cause: how the nearest of them gets there.
  static Text why(const Service& service, const Reach& reach) {
    const std::string dial =
        reach.to.is_v6() ? "[" + reach.to.to_string() + "]:" + std::to_string(reach.port.number)
                         : reach.to.to_string() + ":" + std::to_string(reach.port.number);
    if (reach.via == Via::kPublished) {
      std::string bind;
      for (const model::PublishedPort* p : service.published) {
        if (p->host_port != reach.port ||
            (!p->host_address.is_unspecified() && p->host_address != reach.to))
          continue;
        if (!bind.empty() && p->host_address.family() != reach.to.family()) continue;
        bind = (p->host_address.is_v6() ? "[" + p->host_address.to_string() + "]"
                                        : p->host_address.to_string()) +
               ":" + std::to_string(p->host_port.number);
      }
      const auto accept =
          std::ranges::find_if(reach.rules, [](const RuleQuote& r) { return !r.text.empty(); });
      if (accept == reach.rules.end()) return {Phrase::kWhyPublishedProxy, {{"bind", bind}}};
      return {Phrase::kWhyPublished, {{"bind", bind}, {"place", accept->place}}};
    }
    if (service.subject.on_host) {
      if (service.container != nullptr) return {Phrase::kWhyHostMode, {{"dial", dial}}};
      const IpAddress bound = service.sockets.empty() ? reach.to : service.sockets.front()->address;
      // The kernel's own (NFS, WireGuard, VXLAN), or a process that could not be seen.
      if (service.subject.process.empty())
        return {Phrase::kWhySocketListens, {{"bind", bound.to_string()}, {"dial", dial}}};
      return {Phrase::kWhyHostListens,
              {{"process", service.subject.process}, {"bind", bound.to_string()}, {"dial", dial}}};
    }
    if (reach.role) return {Phrase::kWhyRouted, {{"dial", dial}}};
    return {Phrase::kWhySameSegment, {{"dial", dial}}};
  }

  const Scene& scene_;
  std::vector<Draft> out_;
};

constexpr std::array<std::pair<Kind, ThreatFinder::Tell>, 5> ThreatFinder::kTold{{
    {Kind::kT1, &ThreatFinder::t1},
    {Kind::kT2, &ThreatFinder::t2},
    {Kind::kT3, &ThreatFinder::t3},
    {Kind::kT4, &ThreatFinder::t4},
    {Kind::kT5, &ThreatFinder::t5},
}};

}  // namespace

Severity lower(Severity severity) {
  return severity <= Severity::kLow ? severity
                                    : static_cast<Severity>(static_cast<int>(severity) - 1);
}

Phrase impact_phrase(Impact impact) {
  switch (impact) {
    case Impact::kHost: return Phrase::kImpactHost;
    case Impact::kCluster: return Phrase::kImpactCluster;
    case Impact::kCode: return Phrase::kImpactCode;
    case Impact::kSecrets: return Phrase::kImpactSecrets;
    case Impact::kData: return Phrase::kImpactData;
    case Impact::kConsole: return Phrase::kImpactConsole;
    case Impact::kControl: return Phrase::kImpactControl;
    case Impact::kInfo: return Phrase::kImpactInfo;
    case Impact::kApplication: return Phrase::kImpactApplication;
  }
  return Phrase::kImpactApplication;
}

// Sections are named by title in docs/references.md, as numbers move between editions.
std::vector<Reference> references_of(Kind kind) {
  constexpr std::string_view kOwasp = "OWASP Docker Top 10", kCis = "CIS Docker Benchmark 1.5.0",
                             kNist = "NIST SP 800-190";
  std::vector<Reference> out{{kOwasp, "D03"}};
  switch (kind) {
    case Kind::kT1:
      out.insert(out.end(), {{kCis, "2.7"}, {kNist, "3.3.1"}, {kNist, "3.3.2"}});
      break;
    case Kind::kT2:
      out.insert(out.end(), {{kCis, "2.7"}, {kNist, "3.3.1"}, {kNist, "3.3.2"}});
      break;
    case Kind::kT3: out.push_back({kNist, "3.4.2"}); break;
    case Kind::kT4:
      out.insert(out.end(), {{kCis, "5.13"}, {kNist, "3.3.3"}, {kNist, "3.4.2"}});
      break;
    case Kind::kT5: out.insert(out.end(), {{kCis, "5.13"}, {kNist, "3.3.3"}}); break;
    case Kind::kT6: out.insert(out.end(), {{kCis, "2.2"}, {kNist, "3.3.4"}}); break;
    case Kind::kManagementNetwork: out.push_back({kNist, "3.3.2"}); break;
    case Kind::kFirewallContradicted: out.insert(out.end(), {{kCis, "2.4"}, {kCis, "5.13"}}); break;
    case Kind::kV4OnlyRule:
    case Kind::kIpv6Unfirewalled: out.push_back({kNist, "3.4.2"}); break;
    case Kind::kLoopbackPublished: out.push_back({kCis, "5.13"}); break;
    case Kind::kEngineSocket: out.insert(out.end(), {{kCis, "5.31"}, {kNist, "3.3.1"}}); break;
    case Kind::kHostMode: out.insert(out.end(), {{kCis, "5.9"}, {kNist, "3.4.2"}}); break;
    case Kind::kMetadata:
    case Kind::kEgress: out.push_back({kNist, "3.4.2"}); break;
    case Kind::kDefaultBridge: out.insert(out.end(), {{kCis, "5.29"}, {kNist, "3.3.3"}}); break;
  }
  return out;
}

bool may_threaten(const Service& service, const SeatEntry& from) {
  return undeclared_threat_of(service, from).has_value();
}

std::optional<Kind> threat_of(const policy::Config& config, const Service& service,
                              const SeatEntry& from, const Dial& dial) {
  const auto kind = undeclared_threat_of(service, from);
  return kind && !declared(config, service, from, dial) ? kind : std::nullopt;
}

std::vector<Draft> find_service_threats(const Scene& scene) {
  return ThreatFinder(scene).find();
}

}  // namespace bulkhead::audit
