#include "audit/segments.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "audit/identity.h"
#include "audit/threats.h"
#include "policy/tenants.h"

namespace bulkhead::audit {
namespace {

constexpr Port kProbePort{9};  // discard: somebody who refuses there was reached

class SegmentFinder {
 public:
  SegmentFinder(const model::Snapshot& snapshot, const policy::Config& config)
      : snapshot_(snapshot), config_(config) {
    for (const model::Engine& engine : snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (c.netns && *c.netns != snapshot.host && c.state == "running")
          inside_[c.netns->value].emplace_back(&engine, &c);
      }
    }
  }

  std::vector<Segment> find() {
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) bridges(model::NsId{i});
    for (const model::Engine& engine : snapshot_.engines) {
      if (!engine.local) continue;
      for (const model::Container& c : engine.containers) {
        if (c.state != "running") continue;
        if (c.netns) {
          parents(engine, c);
        } else {
          attached(engine, c);
        }
      }
    }
    return std::move(out_);
  }

 private:
  void bridges(model::NsId ns) {
    const model::NetNs& in = snapshot_.namespaces[ns.value];
    std::unordered_map<std::uint32_t, std::vector<const model::Link*>> ports;  // by master
    for (const model::Link& link : in.links) {
      if (link.peer_ns) ports[link.master.value].push_back(&link);
    }
    for (const model::Link& bridge : in.links) {
      if (bridge.kind != "bridge") continue;
      Segment segment;
      segment.ns = ns;
      segment.link = bridge.index;
      segment.interface = bridge.name;
      for (const model::Link* port : ports[bridge.index.value]) {
        const auto inside = inside_.find(port->peer_ns.value_or(snapshot_.host).value);
        if (inside == inside_.end()) continue;
        for (const auto& [engine, c] : inside->second) {
          segment.members.push_back({engine, c, policy::tenant_of(config_, *engine, *c),
                                     port->index, port->port && port->port->isolated});
        }
      }
      name(segment);
      out_.push_back(std::move(segment));
    }
  }

  // The engine knows its bridge by interface; overlay bridges live in namespaces of the engine's
  // own and are named by what their members have in common.
  void name(Segment& segment) const {
    segment.network = segment.interface;
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::EngineNetwork& network : engine.networks) {
        if (segment.ns != snapshot_.host || network.bridge.empty() ||
            network.bridge != segment.interface)
          continue;
        segment.network = network.name;
        segment.engine = engine.name;
        return;
      }
    }
    if (segment.members.empty()) return;
    segment.engine = segment.members.front().engine->name;
    for (const model::Attachment& candidate : segment.members.front().container->attachments) {
      const bool common = std::ranges::all_of(segment.members, [&](const Member& m) {
        return std::ranges::any_of(m.container->attachments, [&](const model::Attachment& a) {
          return a.network == candidate.network;
        });
      });
      if (common && segment.ns != snapshot_.host) {
        segment.network = candidate.network;
        return;
      }
    }
  }

  // macvlan and ipvlan: everybody on one parent is on one segment (but private mode).
  void parents(const model::Engine& engine, const model::Container& c) {
    const std::optional<model::NsId>& own = c.netns;
    if (!own || own->value >= snapshot_.namespaces.size()) return;
    for (const model::Link& link : snapshot_.namespaces[own->value].links) {
      const bool is_child = link.kind == "macvlan" || link.kind == "ipvlan";
      if (!is_child || !link.peer || (link.detail.macvlan_mode == 1U)) continue;
      const model::NsId ns = link.peer_ns.value_or(snapshot_.host);
      const auto at = std::ranges::find_if(out_, [&](const Segment& s) {
        return !s.is_bridge && s.ns == ns && s.link == link.peer;
      });
      Segment& segment = at != out_.end() ? *at : out_.emplace_back();
      if (segment.members.empty()) describe_parent(segment, ns, link.peer, engine);
      segment.members.push_back({&engine, &c, policy::tenant_of(config_, engine, c), {}, false});
    }
  }

  void describe_parent(Segment& segment, model::NsId ns, IfIndex parent,
                       const model::Engine& engine) const {
    segment.ns = ns;
    segment.link = parent;
    segment.is_bridge = false;
    segment.engine = engine.name;
    if (ns.value < snapshot_.namespaces.size()) {
      for (const model::Link& l : snapshot_.namespaces[ns.value].links) {
        if (l.index == parent) segment.interface = l.name;
      }
    }
    segment.network = segment.interface;
    for (const model::EngineNetwork& network : engine.networks) {
      if (!network.parent.empty() && network.parent == segment.interface)
        segment.network = network.name;
    }
  }

  void attached(const model::Engine& engine, const model::Container& c) {
    for (const model::Attachment& a : c.attachments) {
      for (Segment& segment : out_) {
        if (segment.network != a.network || segment.engine != engine.name) continue;
        segment.members.push_back({&engine, &c, policy::tenant_of(config_, engine, c), {}, false});
      }
    }
  }

  const model::Snapshot& snapshot_;
  const policy::Config& config_;
  // Running containers by the namespace they are in, but for the host's; in the engines' order.
  std::unordered_map<std::uint32_t,
                     std::vector<std::pair<const model::Engine*, const model::Container*>>>
      inside_;
  std::vector<Segment> out_;
};

class SharingFinder {
 public:
  explicit SharingFinder(const Scene& scene) : scene_(scene) {}

  std::vector<Draft> find() {
    std::vector<Draft> out;
    for (const Segment& segment : find_segments(scene_.snapshot, scene_.config)) {
      if (segment.tenants() < 2 ||
          policy::shared_network(scene_.config, segment.network) != nullptr)
        continue;
      out.push_back(judge(segment));
    }
    return out;
  }

 private:
  struct Between {  // what an ordinary connection between two tenants meets today
    bool passes = false;
    std::optional<Asked> open;  // a service that opens
    const Service* service = nullptr;
    std::vector<RuleQuote> stops;
  };

  Draft judge(const Segment& segment) const {
    Draft draft;
    Finding& finding = draft.finding;
    finding.kind = Kind::kT6;
    finding.subject.engine = segment.engine;
    finding.subject.network = segment.network;
    finding.id = finding_id(Kind::kT6, finding.subject);
    finding.references = references_of(Kind::kT6);
    std::set<std::string> tenants;
    for (const Member& m : segment.members) {
      tenants.insert(m.tenant.name);
      finding.members.push_back(subject_of(scene_.config, *m.engine, *m.container));
    }
    const bool guessed = std::ranges::all_of(segment.members, [](const Member& m) {
      return m.tenant.by == policy::TenantBy::kContainer;
    });
    finding.what = {Phrase::kT6What,
                    {{"count", std::to_string(tenants.size())}, {"tenants", join(tenants)}}};
    const Between between = ask_between(segment);
    rate(finding, guessed, between);
    finding.notes.push_back({Phrase::kNoteLinkLayer, {}});
    if (std::ranges::all_of(segment.members, &Member::isolated))
      finding.notes.push_back({Phrase::kNotePortsIsolated, {}});
    if (between.open) {
      draft.service = between.service;
      draft.open = {*between.open};
      finding.reaches = {reach_of(scene_, between.service, *between.open)};
    }
    if (!between.stops.empty()) {
      finding.closing = between.stops;
      finding.notes.push_back(
          {Phrase::kNoteStoppedBy,
           {{"place", between.stops.front().place}, {"rule", between.stops.front().text}}});
    }
    return draft;
  }

  static std::string join(const std::set<std::string>& names) {
    std::string out;
    std::size_t shown = 0;
    for (const std::string& name : names) {
      if (shown++ == 4) return out + ", ...";
      out += (out.empty() ? "" : ", ") + name;
    }
    return out;
  }

  static void rate(Finding& finding, bool guessed, const Between& between) {
    finding.severity = between.passes ? Severity::kHigh : Severity::kMedium;
    finding.why = {between.passes ? Phrase::kWhySegmentOpen : Phrase::kWhySegment, {}};
    finding.severity_reasons.push_back(
        {between.passes ? Phrase::kOpenBetweenTenants : Phrase::kClosedToday, {}});
    finding.severity_reasons.push_back(
        {guessed ? Phrase::kTenantsGuessed : Phrase::kTenantsDeclared, {}});
    if (guessed) finding.severity = lower(finding.severity);
  }

  // Asks one pair of each two tenants; a refusal counts as passing: the packet got there.
  Between ask_between(const Segment& segment) const {
    Between out;
    std::set<std::pair<std::string, std::string>> seen;
    for (const Member& from : segment.members) {
      for (const Member& to : segment.members) {
        if (from.tenant.name == to.tenant.name || !to.container->netns) continue;
        open_service(from, to, out);
        if (seen.insert({from.tenant.name, to.tenant.name}).second && seen.size() <= 64)
          probe(segment, from, to, out);
        if (out.open) return out;
      }
    }
    return out;
  }

  const SeatEntry* seat_of(const Member& member) const {
    const auto& seats = scene_.inventory.seats;
    const auto found = std::ranges::find_if(seats, [&](const SeatEntry& s) {
      return s.container != nullptr && s.ns == member.container->netns;
    });
    return found == seats.end() ? nullptr : &*found;
  }

  void open_service(const Member& from, const Member& to, Between& out) const {
    for (std::size_t i = 0; i < scene_.inventory.services.size() && !out.open; ++i) {
      const Service& service = scene_.inventory.services[i];
      if (to.container->netns != service.ns || i >= scene_.reach.of.size()) continue;
      for (const Asked& asked : scene_.reach.of[i].open) {
        const SeatEntry& seat = scene_.inventory.seats[asked.seat];
        if (seat.ns != from.container->netns || seat.container == nullptr ||
            asked.dial.via != Via::kDirect)
          continue;
        out.open = asked;
        out.service = &service;
        out.passes = true;
      }
    }
  }

  void probe(const Segment& segment, const Member& from, const Member& to, Between& out) const {
    const SeatEntry* seat = seat_of(from);
    if (seat == nullptr || seat->seat.origins.empty() || out.passes) return;
    for (const model::Attachment& a : to.container->attachments) {
      if (a.network != segment.network || !a.address4) continue;
      query::Target target;
      target.to = *a.address4;
      target.port = kProbePort;
      const query::Reply reply = scene_.oracle.ask(seat->seat, target);
      const bool got_there =
          reply.answer.how == trace::How::kAccepted || reply.answer.how == trace::How::kRefused;
      if (got_there && reply.answer.rules.empty()) out.passes = true;
      if (!got_there && out.stops.empty()) out.stops = closing_rule(reply.answer);
    }
  }

  const Scene& scene_;
};

}  // namespace

std::size_t Segment::tenants() const {
  std::set<std::string> names;
  for (const Member& member : members) names.insert(member.tenant.name);
  return names.size();
}

std::vector<Segment> find_segments(const model::Snapshot& snapshot, const policy::Config& config) {
  return SegmentFinder(snapshot, config).find();
}

std::vector<Draft> find_shared_segments(const Scene& scene) {
  return SharingFinder(scene).find();
}

}  // namespace bulkhead::audit
