#include "learn/judge.h"

#include <algorithm>

#include "learn/shown.h"
#include "policy/lint.h"
#include "policy/tenants.h"
#include "policy/zones.h"
#include "services/catalogue.h"

namespace bulkhead::learn {
namespace {

using flows::Counts;
using flows::Flow;
using flows::Peer;
using flows::PeerKind;
using policy::Line;
using policy::LineKind;
using policy::Party;
using policy::PartyKind;
using policy::PortSpec;

// So many targets and ports without an answer are no connection that failed.
constexpr std::size_t kScanTargets = 10;
constexpr std::uint64_t kScanMs = 60'000, kScanSlackMs = 2000;
// Nor are so many ports of one target, however slowly.
constexpr std::size_t kSlowScanPorts = 20;
constexpr std::uint64_t kSeldom = 2;

bool has(std::span<const PortSpec> ports, PortSpec port) {
  return std::ranges::find(ports, port) != ports.end();
}

bool is_container(const Peer& peer) {
  return peer.kind == PeerKind::kContainer;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::string service_of(const policy::Tenant& tenant, const model::Container& container) {
  for (const policy::ServiceSelector& s : tenant.services) {
    if (policy::is_service(tenant, s.name, container)) return s.name;
  }
  if (!tenant.services.empty()) return "";
  return container.service.empty() ? container.name : container.service;
}

// From outside what gives the host away counts, too: a database that runs programs is no console to
// the service that needs it.
bool manages(PortSpec port, std::string_view image, bool from_outside) {
  const services::Service* service = services::match(port.port, port.protocol, "", image).service;
  if (service != nullptr && service->id == "redis" && !from_outside) return false;
  return policy::is_management(port) ||
         (service != nullptr && service->service_class == services::ServiceClass::kManagement);
}

Judged refused(Refusal refusal, std::string reason) {
  Judged out;
  out.refusal = refusal;
  out.reason = std::move(reason);
  return out;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone: return "none";
    case Refusal::kUnanswered: return "unanswered";
    case Refusal::kScan: return "scan";
    case Refusal::kUnclear: return "unclear";
    case Refusal::kLost: return "lost";
    case Refusal::kNobody: return "nobody";
    case Refusal::kUnsure: return "unsure";
    case Refusal::kManagement: return "management";
    case Refusal::kNever: return "never";
    case Refusal::kNoTenant: return "no-tenant";
    case Refusal::kNoService: return "no-service";
    case Refusal::kCopied: return "copied";
    case Refusal::kHost: return "host";
    case Refusal::kOthers: return "too-many";
    case Refusal::kInside: return "inside";
    case Refusal::kOwnAddress: return "own-address";
    case Refusal::kLinkLocal: return "link-local";
    case Refusal::kName: return "name";
  }
  return "";
}

std::string describe(const Peer& peer, const flows::Book& book) {
  switch (peer.kind) {
    case PeerKind::kHost: return "host";
    case PeerKind::kContainer: return shown(book.whos()[peer.who].name);
    case PeerKind::kOutside:
    case PeerKind::kNobody:
    case PeerKind::kUnsure: break;
  }
  if (!peer.address || peer.address->is_unspecified()) return "other addresses";
  return peer.address->to_string();
}

std::string describe(const Flow& flow, const flows::Book& book) {
  std::string out = describe(flow.from, book) + " -> " + describe(flow.to, book) + " " +
                    to_string(PortSpec{flow.dialled, flow.protocol});
  if (flow.at && flow.to.kind != PeerKind::kHost) out += " at " + flow.at->to_string();
  return out;
}

Judge::Judge(const flows::Book& book, const policy::Config& config,
             std::span<const policy::Zone> zones, std::uint64_t now_ms)
    : book_(book),
      config_(config),
      zones_(zones),
      lines_(policy::permitted(config, now_ms)),
      now_ms_(now_ms) {
  for (const flows::Who& who : book.whos()) {
    containers_.push_back(who.container());
    model::Engine engine;
    engine.name = who.engine;
    const policy::TenantName owner = policy::tenant_of(config, engine, containers_.back());
    tenants_.push_back(owner.by == policy::TenantBy::kPolicy ? config.tenant(owner.name) : nullptr);
  }
  for (const auto& [flow, counts] : book.flows()) {
    if (is_container(flow.to) && flow.at)
      published_.emplace(flow.to.who, PortSpec{flow.dialled, flow.protocol},
                         PortSpec{flow.served, flow.protocol});
  }
  find_scans();
}

bool Judge::is_proxied(const Flow& flow, PortSpec dialled) const {
  return flow.from.kind == PeerKind::kHost && is_container(flow.to) && !flow.at &&
         published_.contains({flow.to.who, dialled, PortSpec{flow.served, flow.protocol}});
}

// Many at once, from one source to whatever targets and ports.
void Judge::find_scans() {
  std::map<Peer, std::vector<std::uint64_t>> unanswered;
  for (const auto& [flow, counts] : book_.flows()) {
    if (counts.answered != 0) continue;
    unanswered[flow.from].push_back(counts.first_ms);
    ++refused_[{flow.from, flow.to}];
  }
  for (auto& [peer, times] : unanswered) {
    std::ranges::sort(times);
    for (std::size_t i = 0; i + kScanTargets <= times.size(); ++i) {
      const std::uint64_t first = times[i], last = times[i + kScanTargets - 1];
      if (last - first > kScanMs) continue;
      std::vector<Burst>& all = bursts_[peer];
      if (!all.empty() && all.back().last_ms >= first) {
        all.back().last_ms = last;
        ++all.back().asked;
      } else {
        all.push_back({first, last, kScanTargets});
      }
    }
  }
}

// How many others were asked, when this is part of a scan; else 0. A scanner finds what is open:
// that it was answered then is no reason for a line.
std::size_t Judge::scanned(const Flow& flow, const Counts& counts) const {
  if (const auto at = bursts_.find(flow.from); at != bursts_.end()) {
    for (const Burst& burst : at->second) {
      const std::uint64_t last = counts.answered == 0 ? counts.first_ms : counts.last_ms;
      if (counts.first_ms + kScanSlackMs >= burst.first_ms && last <= burst.last_ms + kScanSlackMs)
        return burst.asked;
    }
  }
  const auto slow = refused_.find({flow.from, flow.to});
  const bool rare = counts.answered <= kSeldom;
  return slow != refused_.end() && slow->second >= kSlowScanPorts && rare ? slow->second : 0;
}

// ------------------------------------------------------------------------------- who names whom

// As a line, `internet` is everywhere; in a never it is that zone.
bool Judge::names_address(const Party& party, const IpAddress& address, bool as_line) const {
  switch (party.kind) {
    case PartyKind::kPrefix: return party.prefix.contains(address);
    case PartyKind::kTrust: {
      const policy::TrustGroup* group = config_.group(party.name);
      return group != nullptr && std::ranges::any_of(group->prefixes, [&](const Prefix& p) {
               return p.contains(address);
             });
    }
    case PartyKind::kZone: {
      if (as_line && party.name == "internet") return true;
      const policy::Zone* zone = policy::zone_of(zones_, address);
      return zone != nullptr && policy::names_zone(party, *zone);
    }
    case PartyKind::kService:
    case PartyKind::kHost:
    case PartyKind::kHostService:
    case PartyKind::kDomain: break;
  }
  return false;
}

bool Judge::names(const Party& party, const Peer& peer, std::string_view service,
                  bool as_line) const {
  if (peer.kind == PeerKind::kHost) return party.kind == PartyKind::kHost;
  if (!is_container(peer)) return peer.address && names_address(party, *peer.address, as_line);
  const policy::Tenant* tenant = tenants_[peer.who];
  if (party.kind != PartyKind::kService || tenant == nullptr ||
      (party.tenant != "*" && party.tenant != tenant->name))
    return false;
  return party.name == service || policy::is_service(*tenant, party.name, containers_[peer.who]);
}

bool Judge::any_names(std::span<const Party> parties, const Peer& peer, std::string_view service,
                      bool as_line) const {
  return std::ranges::any_of(parties,
                             [&](const Party& p) { return names(p, peer, service, as_line); });
}

bool Judge::permits(const Line& line, const Flow& flow) const {
  const PortSpec dialled{flow.dialled, flow.protocol}, served{flow.served, flow.protocol};
  // An empty name of a service is nobody's: containers are asked for themselves.
  const auto from = [&] { return any_names(line.from, flow.from, "", true); };
  const auto to = [&] { return any_names(line.to, flow.to, "", true); };
  switch (line.kind) {
    case LineKind::kAllow:
      return is_container(flow.to) && has(line.ports, served) && to() && from();
    case LineKind::kEgress:
      return flow.to.kind == PeerKind::kOutside && has(line.ports, served) && from() && to();
    case LineKind::kHost:
      return flow.to.kind == PeerKind::kHost && line.host->port == served && from();
    case LineKind::kIngress: break;
  }
  if (!is_container(flow.to) || !to()) return false;
  if (flow.from.kind == PeerKind::kOutside) return flow.at && has(line.ports, dialled) && from();
  return std::ranges::any_of(line.ports, [&](PortSpec p) { return is_proxied(flow, p); });
}

bool Judge::covered(const Flow& flow) const {
  return std::ranges::any_of(lines_, [&](const Line& line) { return permits(line, flow); });
}

// Whether the policy closes it if no line permits it, now or once its tenant is enforced.
bool Judge::is_governed(const Flow& flow) const {
  const bool from = is_container(flow.from) && tenants_[flow.from.who] != nullptr;
  const bool to = is_container(flow.to) && tenants_[flow.to.who] != nullptr;
  if (from || to) return true;
  return flow.to.kind == PeerKind::kHost && flow.from.kind == PeerKind::kOutside &&
         !config_.host.empty();
}

const policy::NeverRule* Judge::forbids(const Flow& flow, const Judged& judged) const {
  const std::string from = judged.from ? judged.from->service : "";
  const std::string to = judged.to ? judged.to->service : "";
  const PortSpec dialled{flow.dialled, flow.protocol}, served{flow.served, flow.protocol};
  const auto names_target = [&](const policy::NeverRule& rule, std::span<const Party> parties) {
    if (flow.to.kind != PeerKind::kHost) return any_names(parties, flow.to, to, false);
    return std::ranges::any_of(parties,
                               [&](const Party& p) {
                                 if (p.kind == PartyKind::kHost) return true;
                                 return p.kind == PartyKind::kHostService &&
                                        std::ranges::any_of(
                                            config_.host, [&](const policy::HostRule& h) {
                                              return h.name == p.name && h.port == served;
                                            });
                               }) &&
           !rule.to.empty();
  };
  for (const policy::NeverRule& rule : config_.never) {
    if (rule.clause.expired(now_ms_)) continue;
    if (!rule.ports.empty() && !has(rule.ports, dialled) && !has(rule.ports, served)) continue;
    if (any_names(rule.except, flow.from, from, false)) continue;
    if (any_names(rule.from, flow.from, from, false) && names_target(rule, rule.to)) return &rule;
    if (rule.both && any_names(rule.to, flow.from, from, false) && names_target(rule, rule.from))
      return &rule;
  }
  return nullptr;
}

// ---------------------------------------------------------------------------------- the ruling

// What was seen of it is no reason for a line.
std::optional<Judged> Judge::unfit(const Flow& flow, const Counts& counts) const {
  for (const Peer* peer : {&flow.from, &flow.to}) {
    if (peer->kind == PeerKind::kNobody)
      return refused(Refusal::kNobody,
                     "nobody who is known held " + describe(*peer, book_) + " at that time");
    if (peer->kind == PeerKind::kUnsure)
      return refused(Refusal::kUnsure, describe(*peer, book_) +
                                           " changed hands, or its holder is younger than the "
                                           "connection: whose it was is not known");
  }
  if (const std::size_t asked = scanned(flow, counts); asked != 0)
    return refused(Refusal::kScan, describe(flow.from, book_) + " asked " + std::to_string(asked) +
                                       " ports and targets without an answer at that time: a scan");
  if (counts.answered != 0) return std::nullopt;
  if (counts.unclear != 0)
    return refused(Refusal::kUnclear,
                   "it was picked up in its middle, or a helper expected it: who dialled is not "
                   "known");
  if (counts.lost != 0)
    return refused(Refusal::kLost,
                   counts.audited != 0
                       ? "mode audit counted it, and whether somebody answers there is not known"
                       : "whether it was answered was lost; learn longer");
  if (counts.audited != 0)
    return refused(Refusal::kUnanswered,
                   "mode audit counted it, and nobody would answer there as things are now");
  return refused(Refusal::kUnanswered,
                 flow.protocol == IpProtocol::kUdp
                     ? "no answer was seen; if nobody is to answer, write the line yourself"
                     : "no connection was established");
}

std::optional<Judged> Judge::place_one(const Peer& peer, std::optional<Place>& out) const {
  if (!is_container(peer)) return std::nullopt;
  const model::Container& container = containers_[peer.who];
  const policy::Tenant* tenant = tenants_[peer.who];
  const std::string name = "container " + shown(container.name);
  if (tenant == nullptr)
    return refused(Refusal::kNoTenant, name +
                                           " is of no tenant of the file: add its project or its "
                                           "name to one");
  const std::string service = service_of(*tenant, container);
  if (service.empty())
    return refused(Refusal::kNoService, name + " is no service of tenant " + shown(tenant->name) +
                                            ": add one that tells it");
  if (!is_plain_name(service) || !is_plain_name(tenant->name))
    return refused(Refusal::kName, name +
                                       ": its tenant or service has a name that a line cannot "
                                       "hold; give it another under services:");
  out = Place{tenant, service};
  return std::nullopt;
}

std::optional<Judged> Judge::place(const Flow& flow, Judged& out) const {
  if (auto no = place_one(flow.from, out.from)) return no;
  if (auto no = place_one(flow.to, out.to)) return no;
  out.section = out.to
                    ? flow.from.kind == PeerKind::kOutside ? LineKind::kIngress : LineKind::kAllow
                : flow.to.kind == PeerKind::kHost ? LineKind::kHost
                                                  : LineKind::kEgress;
  const auto& whose = out.section == LineKind::kEgress ? out.from : out.to;
  const policy::Tenant* where = whose ? whose->tenant : nullptr;
  if (where != nullptr && !where->like.empty())
    return refused(Refusal::kCopied, "tenant " + shown(where->name) + " is like " +
                                         shown(where->like) +
                                         ": a line there would be for both; write it yourself");
  return std::nullopt;
}

Judged Judge::judge(const Flow& flow, const Counts& counts) const {
  Judged out;
  const bool own = flow.from.kind == PeerKind::kHost && flow.at.has_value();
  if (own && counts.answered != 0 && is_container(flow.to) && is_governed(flow))
    return refused(Refusal::kOwnAddress,
                   "processes of the host reach no published port at the host's own address once "
                   "the tenant is enforced: dial the container's address, or 127.0.0.1");
  if (covered(flow)) {
    out.ruling = Ruling::kCovered;
    return out;
  }
  const bool somebody = flow.from.kind != PeerKind::kNobody &&
                        flow.from.kind != PeerKind::kUnsure && flow.to.kind != PeerKind::kNobody &&
                        flow.to.kind != PeerKind::kUnsure;
  if (somebody && !is_governed(flow)) {
    out.ruling = Ruling::kUngoverned;
    return out;
  }
  if (auto no = unfit(flow, counts)) return *no;
  for (const Peer* peer : {&flow.from, &flow.to}) {
    if (peer->address && peer->address->is_unspecified())
      return refused(Refusal::kOthers,
                     "more addresses than are listed: name a zone or a prefix yourself");
    if (peer->address && peer->address->is_link_local())
      return refused(Refusal::kLinkLocal, "link-local addresses are nobody's for good");
  }
  const PortSpec dialled{flow.dialled, flow.protocol}, served{flow.served, flow.protocol};
  const std::string_view image =
      is_container(flow.to) ? std::string_view(containers_[flow.to.who].image) : "";
  for (const PortSpec& port : {dialled, served}) {
    if (manages(port, image, flow.from.kind == PeerKind::kOutside))
      return refused(Refusal::kManagement, to_string(port) +
                                               " is a port of management; write the line yourself, "
                                               "for those who need it");
  }
  if (auto no = place(flow, out)) return *no;
  if (const policy::NeverRule* rule = forbids(flow, out); rule != nullptr)
    return refused(Refusal::kNever,
                   "the never of line " + std::to_string(rule->clause.place.line) + " forbids it");
  if (out.section == LineKind::kIngress && !flow.at)
    return refused(Refusal::kInside,
                   "from outside to a container's own address, past its published ports: no line "
                   "permits that");
  if (out.section == LineKind::kHost && config_.host.empty())
    return refused(Refusal::kHost,
                   "the file has no host: section; with one all other services of the host are "
                   "closed, so begin it yourself");
  out.ruling = Ruling::kWanted;
  return out;
}

}  // namespace bulkhead::learn
