#include "scan/beyond.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "audit/beyond.h"
#include "audit/identity.h"
#include "audit/threats.h"
#include "policy/tenants.h"

namespace bulkhead::scan {
namespace {

using audit::Kind;
using audit::Severity;
using services::Impact;

constexpr std::uint16_t kIpmi = 623, kSnmp = 161;

const services::Entry* entry_named(const services::Matcher& matcher, std::string_view id) {
  const auto all = matcher.entries();
  const auto found =
      std::ranges::find_if(all, [&](const services::Entry& e) { return e.id == id; });
  return found == all.end() ? nullptr : &*found;
}

// A guess: the first that is told by this port alone.
const services::Entry* entry_of_port(const services::Matcher& matcher, Port port,
                                     IpProtocol protocol) {
  for (const services::Entry& entry : matcher.entries()) {
    const bool speaks = protocol == IpProtocol::kUdp ? entry.udp : entry.tcp;
    if (speaks && std::ranges::find(entry.ports, port.number) != entry.ports.end()) return &entry;
  }
  return nullptr;
}

bool takes_over(Impact impact) {
  return impact == Impact::kHost || impact == Impact::kCluster || impact == Impact::kCode ||
         impact == Impact::kSecrets;
}

class BeyondJudge {
 public:
  BeyondJudge(const query::Asker& asker, const policy::Config& config,
              const services::Matcher& matcher, const Result& result)
      : asker_(asker), config_(config), matcher_(matcher), result_(result) {}

  std::vector<BeyondFinding> run(std::uint64_t at_ms) {
    for (std::size_t i = 0; i < result_.plan.aims.size(); ++i) {
      const Aim& aim = result_.plan.aims[i];
      const auto& which = aim.beyond;
      if (!which) continue;
      for (const OpenPort& open : result_.judged.open[i]) add(aim, *which, open);
    }
    std::vector<BeyondFinding> out;
    for (auto& [key, finding] : found_) {
      rate(finding);
      suppress(finding, at_ms);
      out.push_back(std::move(finding));
    }
    std::ranges::stable_sort(out, {}, [](const BeyondFinding& f) {
      return std::tuple(!f.suppressed_by.empty(), -static_cast<int>(f.severity),
                        static_cast<int>(f.kind));
    });
    return out;
  }

 private:
  void add(const Aim& aim, std::size_t which, const OpenPort& open) {
    const policy::Beyond& machine = result_.plan.beyond[which];
    BeyondFinding& finding = found_[{which, aim.protocol, open.port}];
    finding.beyond = which;
    finding.port = open.port;
    finding.protocol = aim.protocol;
    if (open.service && !finding.service) finding.service = open.service;
    for (const std::string& name : result_.plan.seats[aim.seat].names) {
      if (!name.starts_with("container:")) continue;
      finding.from.push_back(name);
      if (permits(name, machine, {open.port, aim.protocol})) finding.permitted.push_back(name);
    }
  }

  [[nodiscard]] bool permits(const std::string& vantage, const policy::Beyond& machine,
                             policy::PortSpec port) const {
    const auto who = query::Vantage::parse(vantage);
    if (!who) return false;
    for (const model::Engine& engine : asker_.world().snapshot().engines) {
      if (!who->engine.empty() && who->engine != engine.name) continue;
      for (const model::Container& c : engine.containers) {
        if (c.name == who->name &&
            policy::declares_egress(config_, asker_.zones(), engine, c, machine.to, port))
          return true;
      }
    }
    return false;
  }

  void rate(BeyondFinding& finding) const {
    const policy::Beyond& machine = result_.plan.beyond[finding.beyond];
    const services::Entry* entry =
        finding.service ? entry_named(matcher_, finding.service->id) : nullptr;
    if (entry != nullptr) finding.by = BeyondBy::kItself;
    if (entry == nullptr) {
      entry = entry_of_port(matcher_, finding.port, finding.protocol);
      if (entry != nullptr) finding.by = BeyondBy::kPort, finding.likely = entry->name;
    }
    finding.kind = audit::kind_beyond(
        machine, entry == nullptr ? std::nullopt : std::optional(entry->service_class));
    audit::Subject subject;
    subject.network = machine.target;
    subject.port = finding.port;
    subject.protocol = finding.protocol;
    finding.id = audit::finding_id(finding.kind, subject);
    finding.severity = severity_of(finding, machine, entry);
  }

  static Severity severity_of(const BeyondFinding& finding, const policy::Beyond& machine,
                              const services::Entry* entry) {
    if (finding.permitted.size() == finding.from.size()) return Severity::kInfo;
    const std::string access = finding.service ? finding.service->access : "";
    Severity out = Severity::kMedium;
    if (finding.kind == Kind::kManagementNetwork) out = Severity::kHigh;
    if (finding.kind == Kind::kT2 && (entry == nullptr || takes_over(entry->impact) ||
                                      entry->impact == Impact::kConsole || machine.is))
      out = Severity::kHigh;
    if (access == "open" && entry != nullptr && entry->impact != Impact::kInfo &&
        entry->impact != Impact::kApplication)
      out = Severity::kHigh;
    if (access == "unowned") return Severity::kHigh;
    const bool guessed =
        finding.by == BeyondBy::kPort && !machine.is && !machine.management && !machine.of_zone;
    if (access == "protected" || guessed) out = audit::lower(out);
    return out;
  }

  void suppress(BeyondFinding& finding, std::uint64_t at_ms) const {
    for (const policy::Suppression& rule : config_.suppress) {
      if (rule.id == finding.id && at_ms < rule.expires_ms) finding.suppressed_by = rule.reason;
    }
  }

  const query::Asker& asker_;
  const policy::Config& config_;
  const services::Matcher& matcher_;
  const Result& result_;
  std::map<std::tuple<std::size_t, IpProtocol, Port>, BeyondFinding> found_;
};

}  // namespace

std::string_view to_string(BeyondBy by) {
  switch (by) {
    case BeyondBy::kNothing: return "nothing";
    case BeyondBy::kPort: return "port";
    case BeyondBy::kItself: return "itself";
  }
  return "";
}

std::vector<BeyondFinding> judge_beyond(const query::Asker& asker, const policy::Config& config,
                                        const services::Matcher& matcher, const Result& result,
                                        std::uint64_t at_ms) {
  return BeyondJudge(asker, config, matcher, result).run(at_ms);
}

BeyondAim aim_beyond(policy::Beyond machine, const services::Matcher& matcher) {
  using packet::IntervalSet;
  BeyondAim out;
  for (const policy::PortSpec& port : machine.ports) {
    IntervalSet& set = port.protocol == IpProtocol::kUdp ? out.udp : out.tcp;
    set = set.unite(IntervalSet::single(port.port.number));
  }
  if (machine.ports.empty()) {
    for (const std::uint16_t port : services::tcp_ports(matcher))
      if (port != 0) out.tcp = out.tcp.unite(IntervalSet::single(port));
    const bool console =
        machine.management || machine.of_zone || machine.is == services::ServiceClass::kManagement;
    if (console) out.udp = IntervalSet::single(kIpmi).unite(IntervalSet::single(kSnmp));
  }
  out.machine = std::move(machine);
  return out;
}

}  // namespace bulkhead::scan
