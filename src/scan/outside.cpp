#include "scan/outside.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "base/text.h"
#include "query/vantage.h"

namespace bulkhead::scan {
namespace {

using seen::PortRun;
using seen::Proof;
using seen::State;
using Dial = std::tuple<IpAddress, IpProtocol, Port>;

std::set<IpAddress> addresses_of(const model::Snapshot& snapshot) {
  std::set<IpAddress> out;
  for (const model::NetNs& ns : snapshot.namespaces) {
    for (const model::Address& a : ns.addresses) {
      if (!a.local.is_loopback()) out.insert(a.local);
    }
  }
  return out;
}

// What is open for that zone, as the audit says.
std::set<Dial> computed_open(const audit::Report& report, const std::string& vantage) {
  std::set<Dial> out;
  const auto take = [&](const audit::Opening& opening) {
    if (opening.vantage == vantage && !opening.as_attacker)
      out.emplace(opening.to, opening.protocol, opening.port);
  };
  for (const audit::Finding& finding : report.findings) {
    for (const audit::Reach& reach : finding.reaches) take(reach);
  }
  for (const audit::Exposure& exposure : report.exposures) {
    for (const audit::Exposed& exposed : exposure.open) {
      if (report.all_vantages[exposed.vantage].text == vantage)
        take(report.opening(exposure, exposed));
    }
  }
  return out;
}

// How a connection would have ended; nullopt: that is not known. What the scanner's own kernel did
// not send says nothing of this host.
std::optional<std::string> how_of(const PortRun& run) {
  switch (run.state) {
    case State::kOpen: return "accepted";
    case State::kClosed: return "refused";
    case State::kFiltered: break;
    case State::kUnknown: return std::nullopt;
  }
  if (run.proof == Proof::kSendRefused) return std::nullopt;
  return run.proof == Proof::kIcmp ? "unreachable" : "dropped";
}

class Collector {
 public:
  Collector(const model::Snapshot& snapshot, const seen::Record& record, const std::string& vantage,
            std::set<Dial> computed)
      : host_(snapshot.host), record_(record), vantage_(vantage), computed_(std::move(computed)) {}

  void target(const seen::Target& target) {
    for (const PortRun& run : target.swept.runs) {
      const auto how = how_of(run);
      if (how) ports(target, run, *how);
    }
  }

  FromOutside finish() { return std::move(out_); }

 private:
  void ports(const seen::Target& target, const PortRun& run, const std::string& how) {
    if (run.state == State::kOpen) {
      for (std::uint32_t port = run.ports.first; port <= run.ports.last; ++port)
        add(target, Port{static_cast<std::uint16_t>(port)}, run, how);
      return;
    }
    const auto first = computed_.lower_bound({target.to, target.protocol, Port{run.ports.first}});
    const auto last = computed_.upper_bound({target.to, target.protocol, Port{run.ports.last}});
    for (auto at = first; at != last; ++at) add(target, std::get<Port>(*at), run, how);
  }

  void add(const seen::Target& target, Port port, const PortRun& run, const std::string& how) {
    if (out_.observations.size() == kMostFromOutside) {
      ++out_.left_out;
      return;
    }
    out_.observations.push_back({.vantage = vantage_,
                                 .from = host_,
                                 .to = target.to,
                                 .port = port,
                                 .protocol = target.protocol,
                                 .how = how,
                                 .error = run.error,
                                 .taken_at_ms = record_.taken_at_ms});
  }

  model::NsId host_;
  const seen::Record& record_;
  const std::string& vantage_;
  std::set<Dial> computed_;
  FromOutside out_;
};

std::string vantage_of(const policy::Zone& zone) {
  using query::VantageKind;
  if (zone.name == "internet" || zone.name == "lan" || zone.name.starts_with("lan:"))
    return zone.name;
  return query::Vantage{VantageKind::kZone, zone.name, "", {}}.to_string();
}

}  // namespace

FromOutside from_outside(const model::Snapshot& snapshot, const audit::Report& report,
                         const seen::Record& record, const std::string& vantage) {
  const std::set<IpAddress> ours = addresses_of(snapshot);
  std::set<IpAddress> here;
  Collector collector(snapshot, record, vantage, computed_open(report, vantage));
  for (const seen::SeenFrom& seat : record.seats) {
    for (const seen::Target& target : seat.targets) {
      if (!ours.contains(target.to)) continue;
      here.insert(target.to);
      collector.target(target);
    }
  }
  FromOutside out = collector.finish();
  out.here = here.size();
  return out;
}

Result<std::string> zone_vantage(std::span<const policy::Zone> zones, std::string_view text) {
  std::string names;
  std::vector<std::string> of_role;
  for (const policy::Zone& zone : zones) {
    std::string vantage = vantage_of(zone);
    if (vantage == text) return vantage;
    const bool fits = (text == "internet" && zone.role == policy::ZoneRole::kInternet) ||
                      (text == "lan" && zone.role == policy::ZoneRole::kLan);
    if (fits) of_role.push_back(vantage);
    names += (names.empty() ? "" : ", ") + escape_text(vantage, 64);
  }
  if (of_role.size() == 1) return of_role.front();
  if (names.empty())
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(text, 64) +
                    "' is no zone of this host: it has no interface beyond which others are; "
                    "declare one under zones: in bulkhead.yaml");
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(text, 64) + "' is no zone of this host; write one of: " + names);
}

}  // namespace bulkhead::scan
