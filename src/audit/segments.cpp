#include "audit/segments.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>
#include <utility>

#include "audit/identity.h"
#include "audit/link_layer.h"
#include "audit/threats.h"
#include "model/find.h"
#include "policy/tenants.h"
#include "verify/attacker.h"

namespace bulkhead::audit {
namespace {

constexpr Port kProbePort{9};  // discard: somebody who refuses there was reached
constexpr std::size_t kMostPairs = 64, kMostServices = 4, kMostStops = 8;

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
      const model::Link* link = model::find_link(snapshot_.namespaces[ns.value], parent);
      if (link != nullptr) segment.interface = link->name;
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
  // What an ordinary connection between two members meets today.
  struct Meeting {
    Verdict verdict = Verdict::kUnknown;
    std::optional<Asked> open;  // a service that opens
    const Service* service = nullptr;
    std::vector<RuleQuote> stops;
    std::string reason;
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
    finding.why = {Phrase::kWhySegment, {}};
    cross(segment, draft);
    rate(finding, guessed);
    return draft;
  }

  // Pair by pair, each direction for itself.
  void cross(const Segment& segment, Draft& draft) const {
    std::array<LinkCrossing, 4> ways;
    for (std::size_t i = 0; i < ways.size(); ++i) ways[i].way = static_cast<LinkWay>(i);
    std::size_t pairs = 0;
    for (const Member& from : segment.members) {
      for (const Member& to : segment.members) {
        if (from.tenant.name == to.tenant.name || !to.container->netns) continue;
        if (pairs++ >= kMostPairs) {
          for (LinkCrossing& way : ways) left_out(kMostPairs, "pairs of members", way);
          continue;
        }
        connect(segment, from, to, ways[0], draft);
        forge(from, to, ways[1]);
        tally(frame_between(scene_.snapshot, segment, from, to, FrameKind::kArp), ways[2]);
        tally(frame_between(scene_.snapshot, segment, from, to, FrameKind::kOther), ways[3]);
      }
    }
    for (LinkCrossing& way : ways) {
      if (way.open + way.closed + way.unknown != 0)
        draft.finding.crossings.push_back(std::move(way));
    }
  }

  static void tally(Verdict verdict, LinkCrossing& way) {
    switch (verdict) {
      case Verdict::kOpen: ++way.open; return;
      case Verdict::kClosed: ++way.closed; return;
      case Verdict::kUnknown: ++way.unknown; return;
    }
  }

  static void tally(const FrameAnswer& answer, LinkCrossing& way) {
    tally(answer.verdict, way);
    if (answer.verdict != Verdict::kOpen)
      stop({phrase_of(answer.stop), {{"name", answer.name}}}, way);
  }

  // What is beyond a bound is not known.
  static void left_out(std::size_t most, const std::string& what, LinkCrossing& way) {
    tally(Verdict::kUnknown, way);
    stop({Phrase::kStopReason,
          {{"reason", "not asked: more than " + std::to_string(most) + " " + what}}},
         way);
  }

  static void stop(Text text, LinkCrossing& way) {
    const bool known = std::ranges::any_of(way.stops, [&](const Text& t) {
      return t.phrase == text.phrase && t.values == text.values;
    });
    if (!known && way.stops.size() < kMostStops) way.stops.push_back(std::move(text));
  }

  static Phrase phrase_of(FrameStop stop) {
    switch (stop) {
      case FrameStop::kNoRight: return Phrase::kStopNoRight;
      case FrameStop::kPortState: return Phrase::kStopPortState;
      case FrameStop::kIsolated: return Phrase::kStopIsolated;
      case FrameStop::kRules: return Phrase::kStopRules;
      case FrameStop::kMayRules: return Phrase::kStopMayRules;
      case FrameStop::kMayOptions: return Phrase::kStopMayOptions;
      case FrameStop::kMayParent: return Phrase::kStopMayParent;
      case FrameStop::kNothing:
      case FrameStop::kNoPort: return Phrase::kStopNoPort;
    }
    return Phrase::kStopNoPort;
  }

  void connect(const Segment& segment, const Member& from, const Member& to, LinkCrossing& way,
               Draft& draft) const {
    Meeting met = meet(segment, from, to);
    tally(met.verdict, way);
    if (met.open && draft.service == nullptr) {
      draft.service = met.service;
      draft.finding.reaches = {reach_of(scene_, met.service, *met.open)};
      draft.open = {std::move(*met.open)};
    }
    if (met.verdict == Verdict::kOpen) return;
    if (met.stops.empty()) {
      stop({Phrase::kStopReason, {{"reason", met.reason}}}, way);
      return;
    }
    const RuleQuote& rule = met.stops.front();
    stop({Phrase::kStopRule, {{"place", rule.place}, {"rule", rule.text}}}, way);
    if (draft.finding.closing.empty()) draft.finding.closing = std::move(met.stops);
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

  static void rate(Finding& finding, bool guessed) {
    const auto& ways = finding.crossings;
    const bool connects = !ways.empty() && ways.front().way == LinkWay::kConnections &&
                          ways.front().verdict() == Verdict::kOpen;
    const bool nothing = !ways.empty() && std::ranges::all_of(ways, [](const LinkCrossing& c) {
      return c.verdict() == Verdict::kClosed;
    });
    finding.severity = connects ? Severity::kHigh : Severity::kMedium;
    if (nothing) finding.severity = lower(finding.severity);
    finding.severity_reasons.push_back({connects  ? Phrase::kOpenBetweenTenants
                                        : nothing ? Phrase::kNothingPasses
                                                  : Phrase::kClosedToday,
                                        {}});
    finding.severity_reasons.push_back(
        {guessed ? Phrase::kTenantsGuessed : Phrase::kTenantsDeclared, {}});
    if (guessed) finding.severity = lower(finding.severity);
  }

  const SeatEntry* seat_of(const Member& member) const {
    const auto& seats = scene_.inventory.seats;
    const auto found = std::ranges::find_if(seats, [&](const SeatEntry& s) {
      return s.container != nullptr && s.ns == member.container->netns;
    });
    return found == seats.end() ? nullptr : &*found;
  }

  // A service that opens; else a port at which nobody listens: who refuses there was reached.
  Meeting meet(const Segment& segment, const Member& from, const Member& to) const {
    Meeting out;
    open_service(from, to, out);
    const SeatEntry* seat = seat_of(from);
    if (out.open || seat == nullptr || seat->seat.origins.empty()) {
      if (!out.open) out.reason = seat == nullptr ? "not a vantage" : seat->seat.unknown;
      return out;
    }
    for (const model::Attachment& a : to.container->attachments) {
      if (a.network != segment.network) continue;
      for (const auto& address : {a.address4, a.address6}) {
        if (address && out.verdict != Verdict::kOpen) probe(*seat, *address, out);
      }
    }
    if (out.verdict != Verdict::kOpen && out.reason.empty()) out.reason = "no address is known";
    return out;
  }

  void open_service(const Member& from, const Member& to, Meeting& out) const {
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
        out.verdict = Verdict::kOpen;
      }
    }
  }

  // Of two addresses the more open answer counts.
  void probe(const SeatEntry& from, IpAddress to, Meeting& out) const {
    query::Target target;
    target.to = to;
    target.port = kProbePort;
    const query::Reply reply = scene_.oracle.ask(from.seat, target);
    const trace::Answer& answer = reply.answer;
    const bool got_there = answer.how == trace::How::kAccepted ||
                           (answer.how == trace::How::kRefused && answer.rules.empty());
    if (got_there) {
      out.verdict = Verdict::kOpen;
      return;
    }
    const bool first = out.reason.empty() && out.stops.empty();
    if (first || answer.verdict == Verdict::kUnknown) out.verdict = answer.verdict;
    if (!first) return;
    out.stops = closing_rule(answer);
    out.reason = answer.reason;
  }

  // To what listens there: a port that refuses tells nothing to who forges.
  void forge(const Member& from, const Member& to, LinkCrossing& way) const {
    const SeatEntry* seat = seat_of(from);
    if (seat == nullptr || seat->seat.origins.empty()) return;
    std::optional<Verdict> best;
    std::string reason;
    std::size_t services = 0;
    for (const Service& service : scene_.inventory.services) {
      if (service.ns != to.container->netns || ++services > kMostServices) continue;
      for (const Dial& dial : service.dials) {
        if (dial.via != Via::kDirect || best == Verdict::kOpen) continue;
        query::Target target = target_of(dial, service.subject.protocol);
        target.as_attacker = true;
        const trace::Answer answer = scene_.oracle.ask(seat->seat, target).answer;
        if (!best || answer.verdict == Verdict::kOpen || *best == Verdict::kClosed) {
          best = answer.verdict;
          reason = answer.reason;
        }
      }
    }
    if (!best) return;
    if (best == Verdict::kClosed && services > kMostServices)
      return left_out(kMostServices, "services of one member", way);
    tally(*best, way);
    if (*best == Verdict::kOpen) return;
    const bool right = verify::may_forge(*from.container);
    stop(right ? Text{Phrase::kStopReason, {{"reason", reason}}}
               : Text{Phrase::kStopNoRight, {{"name", from.container->name}}},
         way);
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
