#include "policy/lint.h"

#include <algorithm>
#include <set>

#include "base/machine.h"
#include "base/text.h"
#include "policy/meaning.h"
#include "policy/reader.h"
#include "policy/tenants.h"
#include "services/catalogue.h"

namespace bulkhead::policy {
namespace {

constexpr std::uint64_t kSoonMs = 14 * kDayMs;
constexpr std::size_t kMostCompared = 4'000'000;  // pairs of lines
constexpr unsigned kWidest4 = 8, kWidest6 = 32;   // prefix lengths below are too wide for trust

std::string joined(std::span<const Party> parties) {
  std::string out;
  for (const Party& p : parties) out += (out.empty() ? "" : ", ") + to_string(p);
  return escape_text(out, 120);
}

class Linter {
 public:
  Linter(const Config& config, const Bound& bound, std::span<const Zone> zones,
         std::uint64_t now_ms)
      : config_(config), bound_(bound), zones_(zones), now_ms_(now_ms), lines_(all_lines(config)) {}

  std::vector<Lint> run() {
    for (const Zone& zone : zones_) zone_is_there(zone);
    for (const TrustGroup& group : config_.trust) trust(group);
    for (const Tenant& tenant : config_.tenants) this->tenant(tenant);
    for (const Line& line : lines_) this->line(line);
    shadowed();
    for (const NeverRule& rule : config_.never) never(rule);
    for (const TestRule& rule : config_.tests) test(rule);
    for (const Member& member : bound_.members) held(member);
    for (const ScanTarget& target : config_.scan.targets) scan_target(target);
    asked_zones();
    std::ranges::stable_sort(out_, {},
                             [](const Lint& l) { return std::pair(l.place.line, l.place.column); });
    return std::move(out_);
  }

 private:
  void say(LintKind kind, LintLevel level, yaml::Place place, std::string what) {
    if (out_.size() + 1 == kMostLints) what = "too much to say; mend what is above first";
    if (out_.size() < kMostLints) out_.push_back({kind, level, place, std::move(what)});
  }
  void warn(LintKind kind, yaml::Place place, std::string what) {
    say(kind, LintLevel::kWarning, place, std::move(what));
  }

  void zone_is_there(const Zone& zone) {
    const auto rule =
        std::ranges::find_if(config_.zones, [&](const ZoneRule& r) { return r.name == zone.name; });
    if (rule == config_.zones.end() || zone.link) return;
    warn(LintKind::kUnknown, rule->place,
         "zone " + quoted(zone.name) + " is nowhere on this host: " + zone.remark);
  }

  void trust(const TrustGroup& group) {
    if (group.prefixes.empty())
      warn(LintKind::kEmpty, group.place, "trust group " + quoted(group.name) + " is empty");
    for (const Prefix& prefix : group.prefixes) {
      const unsigned least = prefix.family() == IpFamily::kV4 ? kWidest4 : kWidest6;
      if (prefix.length() < least)
        warn(LintKind::kTooWide, group.place,
             "trust group " + quoted(group.name) + " holds " + prefix.to_string() +
                 "; name the networks that you trust");
    }
  }

  void tenant(const Tenant& tenant) {
    const bool runs = std::ranges::any_of(
        bound_.members, [&](const Member& m) { return &config_.tenants[m.tenant] == &tenant; });
    if (!runs) {
      warn(LintKind::kEmpty, tenant.place,
           "no running container belongs to tenant " + quoted(tenant.name) +
               "; name its Compose projects in projects: […], or its containers");
      return;
    }
    for (const ServiceSelector& service : tenant.services) this->service(tenant, service);
  }

  void service(const Tenant& tenant, const ServiceSelector& service) {
    Party party;
    party.kind = PartyKind::kService;
    party.tenant = tenant.name;
    party.name = service.name;
    if (!bound_.members_of(config_, party).empty()) return;
    std::string what = "service " + quoted(tenant.name + "/" + service.name) +
                       " matches no running container of this tenant";
    const bool foreign =
        !service.project.empty() &&
        std::ranges::find(tenant.projects, service.project) == tenant.projects.end();
    if (foreign)
      what += "; " + quoted(service.project) + " is none of its projects: add it to projects: […]";
    warn(LintKind::kEmpty, service.place, std::move(what));
  }

  void line(const Line& line) {
    expiry(*line.clause);
    if (line.from.empty())
      warn(LintKind::kEmpty, line.clause->place, "nobody may use it: it has no from:");
    implicit(line);
    switch (line.kind) {
      case LineKind::kIngress: ingress(line); break;
      case LineKind::kEgress: egress(line); break;
      case LineKind::kAllow: allow(line); break;
      case LineKind::kHost: host(line); break;
    }
  }

  void expiry(const Clause& clause) {
    if (clause.expired(now_ms_)) {
      say(LintKind::kExpired, LintLevel::kError, clause.place,
          "it expired with " + quoted(clause.expires) +
              " and permits nothing; take it out, or give "
              "it another day");
    } else if (clause.expires_ms != 0 && clause.expires_ms - now_ms_ < kSoonMs) {
      warn(LintKind::kExpired, clause.place, "it expires with " + quoted(clause.expires));
    }
  }

  // A tenant that lists no services: a word may be mistyped.
  void implicit(const Line& line) {
    for (const std::span<const Party> parties : {line.from, line.to}) {
      for (const Party& party : parties) named(party);
    }
  }
  void named(const Party& party) {
    if (party.kind != PartyKind::kService || party.name == "*" || party.tenant == "*") return;
    const Tenant* tenant = config_.tenant(party.tenant);
    if (tenant == nullptr || !tenant->services.empty() ||
        !bound_.members_of(config_, party).empty())
      return;
    warn(LintKind::kEmpty, party.place,
         quoted(party.text) + " names no running container of tenant " + quoted(party.tenant));
  }

  void management(const Line& line, bool at_the_host) {
    for (const PortSpec& port : line.ports) {
      if (!is_management(port)) continue;
      const auto match = services::match(port.port, port.protocol, "", "");
      say(LintKind::kManagement, LintLevel::kError, line.clause->place,
          to_string(port) + " is a port of " + std::string(match.service->name) +
              ", which manages " + (at_the_host ? "this host" : "something") +
              ": from: internet opens it to everybody; name a trust group");
    }
  }

  void ingress(const Line& line) {
    if (std::ranges::any_of(line.from, is_everybody)) management(line, false);
    for (const PortSpec& port : line.ports) published(line, port);
  }

  void published(const Line& line, const PortSpec& port) {
    bool any = false;
    std::set<std::string> there;
    for (const Party& party : line.to) {
      for (const std::size_t i : bound_.members_of(config_, party)) {
        any = true;
        for (const model::PublishedPort& p : bound_.members[i].container->published)
          there.insert(to_string(PortSpec{p.host_port, p.protocol}));
      }
    }
    if (!any || there.contains(to_string(port))) return;
    std::string known;
    for (const std::string& one : there) known += (known.empty() ? "" : ", ") + one;
    warn(LintKind::kUnknown, line.clause->place,
         joined(line.to) + " does not publish " + to_string(port) + " on this host" +
             (known.empty() ? "" : "; it publishes " + escape_text(known, 120)));
  }

  void egress(const Line& line) {
    for (const Party& to : line.to) {
      const bool all = to.kind == PartyKind::kPrefix && to.prefix.length() == 0;
      if (all || is_everybody(to))
        warn(LintKind::kTooWide, to.place,
             joined(line.from) + " may send to the whole Internet; name prefixes");
      if (to.kind == PartyKind::kDomain)
        warn(LintKind::kUnheld, to.place,
             joined(line.from) + " gets nowhere by the name " + quoted(to.text) +
                 ": nothing resolves names yet, so it stays closed; name prefixes besides");
    }
  }

  void allow(const Line& line) {
    for (const Party& from : line.from) {
      const bool all_from = from.kind == PartyKind::kService && from.name == "*";
      const bool all_to =
          std::ranges::any_of(line.to, [](const Party& p) { return p.name == "*"; });
      if ((all_from && from.tenant == "*") || (all_from && all_to))
        warn(LintKind::kTooWide, from.place,
             quoted(from.text) + " names every service of " +
                 (from.tenant == "*" ? "every tenant" : "the tenant") +
                 "; name those that need it");
    }
  }

  void host(const Line& line) {
    if (std::ranges::any_of(line.from, is_everybody)) management(line, true);
  }

  void shadowed() {
    std::size_t compared = 0;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      for (std::size_t j = 0; j < lines_.size() && compared < kMostCompared; ++j) {
        ++compared;
        if (i == j || !says_all(lines_[j], lines_[i])) continue;
        if (i < j && says_all(lines_[i], lines_[j])) continue;  // equal: the later one is named
        warn(LintKind::kShadowed, lines_[i].clause->place,
             "line " + std::to_string(lines_[j].clause->place.line) +
                 " permits this already; take one of them out");
        break;
      }
    }
  }

  // Whether `outer` permits all that `inner` does, at least as long.
  [[nodiscard]] bool says_all(const Line& outer, const Line& inner) const {
    if (outer.kind != inner.kind || outer.tenant != inner.tenant) return false;
    if (outer.kind == LineKind::kHost && outer.host->port != inner.host->port) return false;
    if (outer.clause->expires_ms != 0 &&
        (inner.clause->expires_ms == 0 || outer.clause->expires_ms < inner.clause->expires_ms))
      return false;
    const auto ends = [&](std::span<const Party> o, std::span<const Party> i) {
      return std::ranges::all_of(i, [&](const Party& p) {
        return std::ranges::any_of(o, [&](const Party& q) { return covers(config_, q, p); });
      });
    };
    const bool ports = std::ranges::all_of(inner.ports, [&](const PortSpec& p) {
      return std::ranges::find(outer.ports, p) != outer.ports.end();
    });
    return ports && !inner.from.empty() && ends(outer.from, inner.from) && ends(outer.to, inner.to);
  }

  // What a never or a test names and is not there makes it say nothing.
  void is_there(const Party& party, std::string_view what) {
    const bool gone =
        party.kind == PartyKind::kService && bound_.members_of(config_, party).empty();
    if (gone)
      say(LintKind::kEmpty, LintLevel::kError, party.place,
          quoted(party.text) + " matches no running container: " + std::string(what) +
              " says nothing");
  }
  void never(const NeverRule& rule) {
    expiry(rule.clause);
    for (const Party& party : rule.from) is_there(party, "this never");
    for (const Party& party : rule.to) is_there(party, "this never");
  }
  void test(const TestRule& rule) {
    expiry(rule.clause);
    is_there(rule.from, "this test");
    is_there(rule.to, "this test");
  }

  // A scan asks the prefixes of a zone; of one that has none there is nothing to ask.
  void scan_target(const ScanTarget& target) {
    const bool nothing = target.at.empty() && target.zones.empty();
    if (nothing)
      warn(LintKind::kEmpty, target.place,
           "scan target " + quoted(target.name) + " holds no address; write at: [192.0.2.7]");
    for (const std::string& zone : target.zones)
      zone_to_ask(zone, target.place, "scan target " + quoted(target.name) + ": ");
    for (const Prefix& prefix : target.at) public_target(target, prefix);
  }

  void public_target(const ScanTarget& target, const Prefix& prefix) {
    if (is_near(prefix.first())) return;
    warn(LintKind::kTooWide, target.place,
         "scan target " + quoted(target.name) + ": " + prefix.to_string() +
             " is public, and asked only by scan --i-own-this");
  }

  void asked_zones() {
    for (const ZoneRule& zone : config_.zones) {
      if (config_.scan.zones
              ? std::ranges::find(*config_.scan.zones, zone.name) != config_.scan.zones->end()
              : zone.role == ZoneRole::kManagement && !zone.prefixes.empty())
        zone_to_ask(zone.name, zone.place, "");
    }
  }

  void zone_to_ask(const std::string& name, yaml::Place place, const std::string& head) {
    for (const ZoneRule& zone : config_.zones) {
      if (zone.name != name) continue;
      if (zone.prefixes.empty())
        warn(LintKind::kEmpty, place,
             head + "zone " + quoted(name) + " has no prefixes: a scan asks nothing of it");
      for (const Prefix& prefix : zone.prefixes) {
        if (is_too_wide(prefix))
          warn(LintKind::kTooWide, place,
               head + "zone " + quoted(name) + ": " + prefix.to_string() + " holds more than " +
                   std::to_string(kMostOfPrefix) +
                   " addresses, and a scan asks none of them; name those that matter in scan: "
                   "{targets: {NAME: {at: […]}}}, or write scan: {zones: []}");
      }
    }
  }

  void held(const Member& member) {
    const Tenant& tenant = config_.tenants[member.tenant];
    if (member.unheld.empty() || config_.mode_of(tenant) == Mode::kOff) return;
    warn(LintKind::kUnheld, tenant.place,
         "the policy cannot be held for container " + quoted(member.container->name) + ": " +
             member.unheld);
  }

  const Config& config_;
  const Bound& bound_;
  std::span<const Zone> zones_;
  std::uint64_t now_ms_;
  std::vector<Line> lines_;
  std::vector<Lint> out_;
};

}  // namespace

std::string_view to_string(LintKind kind) {
  switch (kind) {
    case LintKind::kEmpty: return "empty";
    case LintKind::kShadowed: return "shadowed";
    case LintKind::kTooWide: return "too-wide";
    case LintKind::kUnknown: return "unknown";
    case LintKind::kExpired: return "expired";
    case LintKind::kManagement: return "management";
    case LintKind::kUnheld: return "unheld";
  }
  return "";
}

bool is_management(const PortSpec& port) {
  const services::Service* service = services::match(port.port, port.protocol, "", "").service;
  return service != nullptr && (service->service_class == services::ServiceClass::kManagement ||
                                service->impact == services::Impact::kHost);
}

std::vector<Lint> lint(const Config& config, const Bound& bound, std::span<const Zone> zones,
                       std::uint64_t now_ms) {
  return Linter(config, bound, zones, now_ms).run();
}

}  // namespace bulkhead::policy
