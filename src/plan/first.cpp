#include "plan/first.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "policy/lint.h"
#include "policy/tenants.h"
#include "views/survey.h"
#include "yaml/write.h"

namespace bulkhead::plan {
namespace {

using Words = std::set<std::string>;

constexpr std::size_t kMostComments = 200;  // of one kind

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_plain(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

using yaml::word;

// In comments alone: one line, no end of it.
std::string shown(std::string_view text) {
  return escape_text(text, 80);
}

std::string list(const Words& words) {
  std::string out;
  for (const std::string& one : words) out += (out.empty() ? "" : ", ") + word(one);
  return words.size() == 1 ? out : "[" + out + "]";
}

// A name for a tenant or a service: our own marks may not be in it, nor what cannot be read.
std::string plain_name(std::string name) {
  for (char& c : name) {
    if (!is_plain(c)) c = '-';
  }
  return name;
}

// By number, as people read them.
struct PortList {
  std::set<policy::PortSpec> ports;
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const policy::PortSpec& p : ports) out += (out.empty() ? "" : ", ") + to_string(p);
    return ports.size() == 1 ? out : "[" + out + "]";
  }
};

struct TenantDraft {
  policy::TenantBy by = policy::TenantBy::kContainer;
  std::string project;  // when its name had to change
  Words containers;
  std::map<std::string, std::string> services;                    // each with "{compose: shop/api}"
  std::map<std::pair<std::string, std::string>, PortList> allow;  // from, to
  std::map<std::string, std::map<policy::PortSpec, Words>> ingress;  // to, published, zones
  Words left_out;
};

struct HostDraft {
  policy::PortSpec port;
  Words from;
};

class FirstPolicy {
 public:
  FirstPolicy(views::Survey& survey, const policy::Config& config)
      : survey_(survey), config_(config) {}

  Status gather() {
    for (const model::Engine& engine : survey_.snapshot().engines) {
      for (const model::Container& c : engine.containers) {
        if (engine.local && c.state == "running") add_container(engine, c);
      }
    }
    const audit::Inventory& inventory = survey_.inventory();
    return survey_.rows(views::seats_that_send(inventory),
                        [&](std::size_t at, const views::Row& row) -> Status {
                          const audit::SeatEntry& seat = inventory.seats[at];
                          for (std::size_t i = 0; i < row.size(); ++i) {
                            const audit::Service& service = inventory.services[i];
                            if (views::Survey::own(seat, service)) continue;
                            if (row[i].verdict == trace::Verdict::kOpen)
                              open(seat, service, row[i]);
                          }
                          return {};
                        });
  }

  std::string write() const {
    std::string out =
        "# A first whitelist, from what runs on this host and what is computed to be open today.\n"
        "# Take out what nobody needs; then: bulkhead policy lint, policy test, plan.\n"
        "bulkhead: 1\n"
        "mode: audit\n";
    zones(out);
    trust(out);
    host(out);
    tenants(out);
    never(out);
    return out;
  }

 private:
  struct Place {
    std::string tenant, service;
    [[nodiscard]] std::string text() const { return tenant + "/" + service; }
  };

  // ------------------------------------------------------------------------------------ gather

  static Place place_of(const model::Engine& engine, const model::Container& c) {
    const policy::TenantName name = policy::tenant_of({}, engine, c);
    return {plain_name(name.name), plain_name(c.service.empty() ? c.name : c.service)};
  }

  void add_container(const model::Engine& engine, const model::Container& c) {
    const policy::TenantName name = policy::tenant_of({}, engine, c);
    const Place place = place_of(engine, c);
    TenantDraft& tenant = tenants_[place.tenant];
    tenant.by = name.by;
    if (name.by == policy::TenantBy::kContainer) {
      tenant.containers.insert(c.name);
    } else if (name.name != place.tenant) {
      tenant.project = name.name;
    }
    tenant.services[place.service] = c.service.empty() || c.project.empty()
                                         ? "{container: " + word(c.name) + "}"
                                         : "{compose: " + word(c.project + "/" + c.service) + "}";
  }

  void open(const audit::SeatEntry& seat, const audit::Service& service, const views::Cell& cell) {
    if (service.container == nullptr) return open_host(seat, service);
    const Place to = place_of(*service.engine, *service.container);
    const policy::PortSpec port = service.port();
    if (seat.is_zone()) return open_outside(*seat.zone, to, service, cell);
    if (seat.container == nullptr || service.subject.on_host) return;
    const Place from = place_of(*seat.engine, *seat.container);
    if (from.tenant == to.tenant) {
      tenants_[to.tenant].allow[{from.service, to.service}].ports.insert(port);
    } else {
      tenants_[to.tenant].left_out.insert("open today from " + shown(from.text()) + " to " +
                                          shown(to.service) + " " + to_string(port) +
                                          ", another tenant's");
    }
  }

  void open_outside(const policy::Zone& zone, const Place& to, const audit::Service& service,
                    const views::Cell& cell) {
    if (zone.role == policy::ZoneRole::kInternet) from_internet_.insert(to.text());
    TenantDraft& tenant = tenants_[to.tenant];
    for (const verify::Reached& way : cell.ways) {
      const auto published =
          std::ranges::find_if(service.published, [&](const model::PublishedPort* p) {
            return p->protocol == way.protocol && way.ports.contains(p->host_port.number) &&
                   way.witness.port == p->host_port;
          });
      const bool found = published != service.published.end();
      if (!found && way.ns == service.ns) {
        tenant.left_out.insert(shown(to.service) + " is reached from " + shown(zone.name) +
                               " at its own address " + way.witness.to.to_string() +
                               ", past what is published");
        continue;
      }
      if (service.published.empty()) continue;
      const model::PublishedPort& port = found ? **published : *service.published.front();
      propose_ingress(zone, to, {port.host_port, port.protocol});
    }
  }

  void propose_ingress(const policy::Zone& zone, const Place& to, policy::PortSpec port) {
    if (zone.role == policy::ZoneRole::kInternet && policy::is_management(port)) {
      tenants_[to.tenant].left_out.insert(to_string(port) + " of " + shown(to.service) +
                                          " is open to the Internet and a port of management");
      return;
    }
    tenants_[to.tenant].ingress[to.service][port].insert(zone.name);
  }

  void open_host(const audit::SeatEntry& seat, const audit::Service& service) {
    const policy::PortSpec port = service.port();
    const bool internet = seat.is_zone() && seat.zone->role == policy::ZoneRole::kInternet;
    std::string name = plain_name(service.subject.process);
    if (name.empty()) name = "port";
    HostDraft& draft = host_[name + "-" + std::to_string(port.port.number) +
                             (port.protocol == IpProtocol::kUdp ? "-udp" : "")];
    draft.port = port;
    if (internet && policy::is_management(port)) {
      host_left_out_.insert(to_string(port) + " (" + shown(service.subject.process) +
                            ") is open to the Internet and a port of management: name who may");
      return;
    }
    if (seat.is_zone()) draft.from.insert(seat.zone->name);
    if (seat.container != nullptr)
      draft.from.insert(place_of(*seat.engine, *seat.container).text());
  }

  // ------------------------------------------------------------------------------------- write

  static void comments(std::string& out, const std::string& indent, const Words& lines) {
    std::size_t left = kMostComments;
    for (const std::string& line : lines) {
      if (left-- == 0) {
        out += indent + "# ... and " + std::to_string(lines.size() - kMostComments) + " more\n";
        return;
      }
      out += indent + "# not proposed: " + line + "\n";
    }
  }

  void zones(std::string& out) const {
    if (config_.zones.empty()) return;
    out += "zones:\n";
    for (const policy::ZoneRule& zone : config_.zones) {
      out += "  " + word(zone.name) + ": {role: " + std::string(to_string(zone.role));
      if (!zone.interface.empty()) out += ", interface: " + word(zone.interface);
      if (!zone.prefixes.empty()) out += ", prefixes: " + prefixes(zone.prefixes);
      out += "}\n";
    }
  }
  void trust(std::string& out) const {
    if (config_.trust.empty()) return;
    out += "trust:\n";
    for (const policy::TrustGroup& group : config_.trust)
      out += "  " + word(group.name) + ": " + prefixes(group.prefixes) + "\n";
  }
  static std::string prefixes(const std::vector<Prefix>& all) {
    std::string out;
    for (const Prefix& p : all) out += (out.empty() ? "\"" : ", \"") + p.to_string() + "\"";
    return "[" + out + "]";
  }

  // What the Internet reaches, all zones do: to name them is to say nothing more.
  static Words fewest(Words from) {
    if (!from.contains("internet")) return from;
    std::erase_if(from, [](const std::string& word) {
      return word != "internet" && word.find('/') == std::string::npos;
    });
    return from;
  }

  void host(std::string& out) const {
    const bool any =
        std::ranges::any_of(host_, [](const auto& h) { return !h.second.from.empty(); });
    if (any) out += "host:\n";
    for (const auto& [name, draft] : host_) {
      if (draft.from.empty()) continue;
      out += "  " + word(name) + ": {port: " + to_string(draft.port) +
             ", from: " + list(fewest(draft.from)) + "}\n";
    }
    comments(out, any ? "  " : "", host_left_out_);
  }

  void tenants(std::string& out) const {
    if (!tenants_.empty()) out += "tenants:\n";
    for (const auto& [name, tenant] : tenants_) this->tenant(out, name, tenant);
  }

  void tenant(std::string& out, const std::string& name, const TenantDraft& tenant) const {
    out += "  " + word(name) + ":\n";
    if (!tenant.project.empty()) out += "    projects: [" + word(tenant.project) + "]\n";
    if (tenant.by == policy::TenantBy::kContainer)
      out += "    containers: [" + word(*tenant.containers.begin()) + "]\n";
    out += "    services:\n";
    for (const auto& [service, selector] : tenant.services)
      out += "      " + word(service) + ": " + selector + "\n";
    if (!tenant.ingress.empty()) out += "    ingress:\n";
    for (const auto& [to, ports] : tenant.ingress) {
      for (const auto& [port, from] : ports)
        out += "      - {to: " + word(to) + ", publish: " + to_string(port) +
               ", from: " + list(fewest(from)) + "}\n";
    }
    if (!tenant.allow.empty()) out += "    allow:\n";
    for (const auto& [ends, ports] : tenant.allow)
      out += "      - {from: " + word(ends.first) + ", to: " + word(ends.second) +
             ", port: " + ports.text() + "}\n";
    out +=
        "    # egress: list here what its services need, as {from: X, to: [203.0.113.0/24], port: "
        "443/tcp}\n";
    comments(out, "    ", tenant.left_out);
  }

  void never(std::string& out) const {
    Words closed;
    for (const auto& [name, tenant] : tenants_) {
      for (const auto& [service, selector] : tenant.services) {
        const std::string text = name + "/" + service;
        if (!from_internet_.contains(text)) closed.insert(text);
      }
    }
    if (closed.empty()) return;
    out += "never:\n  - {from: internet, to: " + list(closed) + "}\n";
  }

  views::Survey& survey_;
  const policy::Config& config_;
  std::map<std::string, TenantDraft> tenants_;
  std::map<std::string, HostDraft> host_;
  Words host_left_out_, from_internet_;
};

}  // namespace

Result<std::string> first_policy(const query::Asker& asker, const policy::Config& config,
                                 const Workers& workers) {
  auto survey = views::Survey::make(asker, config, {}, views::Detail::kAll, workers);
  if (!survey) return std::unexpected(survey.error());
  FirstPolicy first(*survey, config);
  if (auto done = first.gather(); !done) return std::unexpected(done.error());
  return first.write();
}

}  // namespace bulkhead::plan
