#include "audit/beyond.h"

#include <algorithm>
#include <map>
#include <set>

#include "audit/identity.h"
#include "audit/threats.h"
#include "policy/one_target.h"
#include "policy/tenants.h"

namespace bulkhead::audit {
namespace {

using services::ServiceClass;

constexpr Port kSomePort{443};  // when the file names none
constexpr std::size_t kMostBeyondExamples = 3;

// One question: to an address of a target, at one port.
struct BeyondDial {
  const policy::Beyond* machine = nullptr;
  policy::PortSpec port;
};

// By the first of its ports that the catalogue knows.
const services::Service* known_at(std::span<const policy::PortSpec> ports) {
  for (const policy::PortSpec& port : ports) {
    if (const auto match = services::match(port.port, port.protocol, "", "").service) return match;
  }
  return nullptr;
}

class BeyondFinder {
 public:
  explicit BeyondFinder(const Scene& scene) : scene_(scene) {
    for (const policy::Zone& zone : scene.oracle.zones()) {
      if (zone.link) edges_.push_back({scene.snapshot.host, zone.link});
    }
    for (const model::NetNs& ns : scene.snapshot.namespaces)
      for (const model::Address& a : ns.addresses) here_.insert(a.local);
  }

  BeyondFound find() {
    for (const policy::ScanTarget& target : scene_.config.scan.targets) {
      const std::vector<policy::Beyond> all = policy::machines_of_target(scene_.config, target);
      std::vector<const policy::Beyond*> machines;
      for (const policy::Beyond& one : all) {
        if (!here_.contains(one.to)) machines.push_back(&one);
      }
      if (!machines.empty()) this->target(machines);
    }
    for (auto& [reason, unknown] : unknowns_) out_.unknowns.push_back(std::move(unknown));
    return std::move(out_);
  }

 private:
  static std::vector<BeyondDial> dials_of(const std::vector<const policy::Beyond*>& machines) {
    std::vector<BeyondDial> out;
    for (std::size_t i = 0; i < std::min(machines.size(), kMostAskedOfTarget); ++i) {
      if (machines[i]->ports.empty()) out.push_back({machines[i], {kSomePort, IpProtocol::kTcp}});
      for (const policy::PortSpec& port : machines[i]->ports) out.push_back({machines[i], port});
    }
    return out;
  }

  void target(const std::vector<const policy::Beyond*>& machines) {
    const std::vector<BeyondDial> dials = dials_of(machines);
    Draft draft;
    exit_.reset();
    for (std::size_t i = 0; i < scene_.inventory.seats.size(); ++i) {
      const SeatEntry& seat = scene_.inventory.seats[i];
      if (seat.is_zone()) continue;
      auto way = ask(i, dials);
      if (!way) continue;
      const std::size_t before = draft.finding.reaches.size();
      const std::optional<trace::Exit> exit = way->asked.reply->answer.exit;
      if (seat.container == nullptr)
        add_host_mode(*way, draft.finding);
      else
        add(*std::move(way), draft);
      if (before == 0 && !draft.finding.reaches.empty()) exit_ = exit;
    }
    if (!draft.finding.reaches.empty()) describe(machines, std::move(draft));
  }

  struct Way {
    Asked asked;
    IpProtocol protocol;
  };

  // The first of the ways that leaves the host, or gets in, and that no line of the whitelist
  // permits.
  std::optional<Way> ask(std::size_t index, const std::vector<BeyondDial>& dials) {
    const SeatEntry& seat = scene_.inventory.seats[index];
    if (seat.seat.origins.empty()) return std::nullopt;
    for (const BeyondDial& dial : dials) {
      if (seat.container != nullptr && is_declared(*seat.engine, *seat.container, dial)) continue;
      query::Target target;
      target.to = dial.machine->to;
      target.port = dial.port.port;
      target.protocol = dial.port.protocol;
      target.edges = edges_;
      auto reply = std::make_shared<query::Reply>(scene_.oracle.ask(seat.seat, target));
      const trace::Answer& answer = reply->answer;
      if (answer.verdict == trace::Verdict::kOpen || answer.exit)
        return Way{{index, {dial.machine->to, dial.port.port, Via::kDirect}, std::move(reply)},
                   dial.port.protocol};
      if (answer.verdict == trace::Verdict::kUnknown && seat.container != nullptr)
        not_known(seat, *dial.machine, answer.reason);
    }
    return std::nullopt;
  }

  bool is_declared(const model::Engine& engine, const model::Container& container,
                   const BeyondDial& dial) const {
    return policy::declares_egress(scene_.config, scene_.oracle.zones(), engine, container,
                                   dial.machine->to, dial.port);
  }

  void not_known(const SeatEntry& seat, const policy::Beyond& machine, const std::string& reason) {
    Unknown& unknown = unknowns_[reason];
    unknown.reason = reason;
    ++unknown.count;
    if (unknown.examples.size() < kMostBeyondExamples)
      unknown.examples.push_back(seat.text + " -> " + machine.target);
  }

  Reach reached(const Way& way) const {
    Reach reach = reach_of(scene_, nullptr, way.asked);
    reach.protocol = way.protocol;
    return reach;
  }

  void add(Way way, Draft& draft) const {
    const SeatEntry& seat = scene_.inventory.seats[way.asked.seat];
    draft.finding.reaches.push_back(reached(way));
    for (const model::Container& c : seat.engine->containers) {
      if (&c == seat.container || std::ranges::find(seat.also, c.name) != seat.also.end())
        draft.finding.members.push_back(subject_of(scene_.config, *seat.engine, c));
    }
    draft.finding.subject.protocol = draft.finding.reaches.front().protocol;
    draft.open.push_back(std::move(way.asked));
  }

  // Containers in the host's network send as the host does.
  void add_host_mode(const Way& way, Finding& finding) const {
    for (const model::Engine& engine : scene_.snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (!engine.local || c.state != "running" || c.network_mode != "host") continue;
        Reach reach = reached(way);
        reach.vantage =
            query::Vantage{query::VantageKind::kContainer, c.name, engine.name, {}}.to_string();
        finding.reaches.push_back(std::move(reach));
        finding.members.push_back(subject_of(scene_.config, engine, c));
      }
    }
  }

  void describe(const std::vector<const policy::Beyond*>& machines, Draft draft) {
    const policy::Beyond& first = *machines.front();
    const services::Service* known = known_at(first.ports);
    Finding& f = draft.finding;
    f.beyond = true;
    f.kind =
        kind_beyond(first, known == nullptr ? std::nullopt : std::optional(known->service_class));
    f.subject.network = first.target;
    f.id = finding_id(f.kind, f.subject);
    f.references = references_of(f.kind);
    rate(first, known, f);
    f.what = {Phrase::kBeyondWhat, {{"target", first.target}}};
    if (exit_)
      f.why = {Phrase::kWhyBeyond,
               {{"interface", link_name(scene_.snapshot, exit_->ns, exit_->link)}}};
    else
      f.why = {Phrase::kWhyRouted, {{"dial", dial_of(f.reaches.front())}}};
    f.notes.push_back({Phrase::kNoteBeyond, {}});
    if (machines.size() > kMostAskedOfTarget || first.ports.empty())
      f.notes.push_back({Phrase::kNoteRepresentative,
                         {{"address", f.reaches.front().to.to_string()},
                          {"port", to_string(policy::PortSpec{f.reaches.front().port,
                                                              f.reaches.front().protocol})}}});
    out_.drafts.push_back(std::move(draft));
  }

  static std::string dial_of(const Reach& reach) {
    const std::string to = reach.to.to_string();
    return (reach.to.is_v6() ? "[" + to + "]" : to) + ":" + std::to_string(reach.port.number);
  }

  static void rate(const policy::Beyond& first, const services::Service* known, Finding& f) {
    f.severity = f.kind == Kind::kT2 ? Severity::kHigh : Severity::kMedium;
    f.severity_reasons.push_back({Phrase::kTargetDeclared, {}});
    f.severity_reasons.push_back({Phrase::kFromContainers, {}});
    const bool said = first.is || first.management;
    if (said || known == nullptr) return;
    f.severity_reasons.push_back({impact_phrase(known->impact), {}});
    if (f.kind != Kind::kT2) return;
    f.severity_reasons.push_back({Phrase::kByPortOnly, {}});
    f.severity = lower(f.severity);
  }

  const Scene& scene_;
  std::set<IpAddress> here_;  // what is of this host is asked about as that
  std::vector<trace::Edge> edges_;
  std::optional<trace::Exit> exit_;  // by which the first of a target's ways leaves
  std::map<std::string, Unknown> unknowns_;
  BeyondFound out_;
};

}  // namespace

Kind kind_beyond(const policy::Beyond& machine, std::optional<ServiceClass> known) {
  const auto kind = [](ServiceClass c) {
    return c == ServiceClass::kManagement ? Kind::kT2 : Kind::kT5;
  };
  if (machine.is) return kind(*machine.is);
  if (machine.of_zone) return Kind::kManagementNetwork;
  if (known) return kind(*known);
  return machine.management ? Kind::kT2 : Kind::kT5;
}

BeyondFound find_beyond(const Scene& scene) {
  return BeyondFinder(scene).find();
}

}  // namespace bulkhead::audit
