#include <algorithm>
#include <array>

#include "audit/advice.h"
#include "audit/identity.h"
#include "audit/threats.h"

namespace bulkhead::audit {
namespace {

using policy::ZoneRole;

class ExitFinder {
 public:
  // A zone is outside, even where the snapshot happens to hold the machine at the other end.
  explicit ExitFinder(const Scene& scene) : scene_(scene) {
    for (const policy::Zone& zone : scene.oracle.zones()) {
      if (zone.link) edges_.push_back({scene.snapshot.host, zone.link});
    }
  }

  std::vector<Draft> find() {
    egress();
    metadata();
    for (const policy::Zone& zone : scene_.oracle.zones()) {
      if (zone.role == ZoneRole::kManagement && zone.link) management(zone);
    }
    return std::move(out_);
  }

 private:
  // Asked of the model only; no packet is sent to these addresses.
  static std::vector<Dial> somewhere_on_the_internet() {
    return {{IpAddress::v4(9, 9, 9, 9), Port{443}, Via::kDirect},
            {IpAddress::v6({0x26, 0x20, 0, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe}), Port{443},
             Via::kDirect}};
  }
  static std::vector<Dial> metadata_services() {
    return {{IpAddress::v4(169, 254, 169, 254), Port{80}, Via::kDirect},
            {IpAddress::v6({0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}),
             Port{80}, Via::kDirect}};
  }

  std::optional<Asked> ask(std::size_t seat, const std::vector<Dial>& dials, auto leaves) const {
    const SeatEntry& from = scene_.inventory.seats[seat];
    if (from.seat.origins.empty()) return std::nullopt;
    for (const Dial& dial : dials) {
      query::Target target;
      target.to = dial.to;
      target.port = dial.port;
      target.edges = edges_;
      auto reply = std::make_shared<query::Reply>(scene_.oracle.ask(from.seat, target));
      if (leaves(reply->answer)) return Asked{seat, dial, std::move(reply)};
    }
    return std::nullopt;
  }

  std::vector<Asked> ask_containers(const std::vector<Dial>& dials, auto leaves) const {
    std::vector<Asked> out;
    for (std::size_t i = 0; i < scene_.inventory.seats.size(); ++i) {
      if (scene_.inventory.seats[i].container == nullptr) continue;
      if (auto asked = ask(i, dials, leaves)) out.push_back(std::move(*asked));
    }
    return out;
  }

  // Containers in the host's network leave as the host does, if the host can.
  void add_host_mode(Finding& finding, const std::vector<Dial>& dials, auto leaves) const {
    for (std::size_t i = 0; i < scene_.inventory.seats.size(); ++i) {
      const SeatEntry& seat = scene_.inventory.seats[i];
      if (seat.zone != nullptr || seat.container != nullptr) continue;
      const auto asked = ask(i, dials, leaves);
      if (!asked) return;
      for_host_mode([&](const model::Engine& engine, const model::Container& c) {
        Reach reach = reach_of(scene_, nullptr, *asked);
        reach.vantage =
            query::Vantage{query::VantageKind::kContainer, c.name, engine.name, {}}.to_string();
        finding.reaches.push_back(std::move(reach));
        finding.members.push_back(subject_of(scene_.config, engine, c));
      });
    }
  }

  template <class Use>
  void for_host_mode(Use use) const {
    for (const model::Engine& engine : scene_.snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (engine.local && c.state == "running" && c.network_mode == "host") use(engine, c);
      }
    }
  }

  std::size_t all_containers() const { return scene_.inventory.containers; }

  Draft start(Kind kind, Subject subject, Severity severity, const std::vector<Asked>& open) const {
    Draft draft;
    draft.open = open;
    Finding& f = draft.finding;
    f.kind = kind;
    f.id = finding_id(kind, subject);
    f.subject = std::move(subject);
    f.severity = severity;
    f.references = references_of(kind);
    for (const Asked& asked : open) {
      f.reaches.push_back(reach_of(scene_, nullptr, asked));
      const SeatEntry& seat = scene_.inventory.seats[asked.seat];
      if (seat.container == nullptr) continue;
      for (const model::Container& c : seat.engine->containers) {
        const bool shares = std::ranges::find(seat.also, c.name) != seat.also.end();
        if (&c == seat.container || shares)
          f.members.push_back(subject_of(scene_.config, *seat.engine, c));
      }
    }
    return draft;
  }

  bool by_internet_link(const trace::Answer& answer) const {
    if (!answer.exit || answer.exit->ns != scene_.snapshot.host) return false;
    return std::ranges::any_of(scene_.oracle.zones(), [&](const policy::Zone& z) {
      return z.role == ZoneRole::kInternet && z.link == answer.exit->link;
    });
  }

  void egress() {
    const auto leaves = [&](const trace::Answer& a) { return by_internet_link(a); };
    const auto open = ask_containers(somewhere_on_the_internet(), leaves);
    Draft draft = start(Kind::kEgress, {}, Severity::kLow, open);
    Finding& f = draft.finding;
    add_host_mode(f, somewhere_on_the_internet(), leaves);
    if (f.members.empty()) return;
    f.what = {
        Phrase::kEgressWhat,
        {{"count", std::to_string(f.members.size())}, {"of", std::to_string(all_containers())}}};
    f.why = {Phrase::kWhyEgress, {}};
    f.severity_reasons.push_back({Phrase::kAdviceOnly, {}});
    f.notes.push_back({Phrase::kNoteRepresentative,
                       {{"address", f.reaches.front().to.to_string()}, {"port", "443/tcp"}}});
    out_.push_back(std::move(draft));
  }

  // Cloud images set a host route to it, or have spoken to it already.
  bool looks_like_a_cloud() const {
    if (scene_.snapshot.host.value >= scene_.snapshot.namespaces.size()) return false;
    const model::NetNs& host = scene_.snapshot.namespaces[scene_.snapshot.host.value];
    const IpAddress service = IpAddress::v4(169, 254, 169, 254);
    return std::ranges::any_of(
               host.routes,
               [&](const model::Route& r) { return r.destination == Prefix::single(service); }) ||
           std::ranges::any_of(host.neighbours, [&](const model::Neighbour& n) {
             return n.address == service && n.mac;
           });
  }

  void metadata() {
    const auto leaves = [&](const trace::Answer& a) {
      return a.verdict == trace::Verdict::kOpen || (a.exit && a.exit->ns == scene_.snapshot.host);
    };
    const auto open = ask_containers(metadata_services(), leaves);
    const bool cloud = looks_like_a_cloud();
    Draft draft = start(Kind::kMetadata, {}, cloud ? Severity::kHigh : Severity::kLow, open);
    Finding& f = draft.finding;
    add_host_mode(f, metadata_services(), leaves);
    if (f.members.empty()) return;
    f.what = {
        Phrase::kMetadataWhat,
        {{"count", std::to_string(f.members.size())}, {"of", std::to_string(all_containers())}}};
    f.why = {Phrase::kWhyMetadata, {{"address", f.reaches.front().to.to_string()}}};
    f.severity_reasons.push_back({cloud ? Phrase::kCloudRoute : Phrase::kMaybeNoCloud, {}});
    out_.push_back(std::move(draft));
  }

  // Somebody who is known to be there, else the first address that is not our own.
  std::vector<Dial> in_zone(const policy::Zone& zone) const {
    const model::NetNs& host = scene_.snapshot.namespaces[scene_.snapshot.host.value];
    std::optional<IpAddress> to;
    const auto inside = [&](IpAddress a) {
      return std::ranges::any_of(zone.prefixes, [&](const Prefix& p) { return p.contains(a); });
    };
    const auto own = [&](IpAddress a) {
      return std::ranges::any_of(host.addresses,
                                 [&](const model::Address& x) { return x.local == a; });
    };
    for (const model::Neighbour& n : host.neighbours) {
      if (n.link == zone.link && n.mac && inside(n.address) && !to) to = n.address;
    }
    for (const Prefix& prefix : zone.prefixes) {
      if (to) break;
      IpAddress a = prefix.first().next();
      while (own(a)) a = a.next();
      if (prefix.contains(a)) to = a;
    }
    if (!to) return {};
    return {{*to, Port{443}, Via::kDirect},
            {*to, Port{22}, Via::kDirect},
            {*to, Port{623}, Via::kDirect}};
  }

  void management(const policy::Zone& zone) {
    const std::vector<Dial> dials = in_zone(zone);
    const auto leaves = [&](const trace::Answer& a) {
      return a.exit && a.exit->ns == scene_.snapshot.host && a.exit->link == zone.link;
    };
    std::vector<Asked> open;
    for (std::size_t i = 0; i < scene_.inventory.seats.size(); ++i) {
      const SeatEntry& seat = scene_.inventory.seats[i];
      const bool host = seat.zone == nullptr && seat.container == nullptr;
      if (host || (seat.zone != nullptr && seat.zone->link == zone.link)) continue;
      if (auto asked = ask(i, dials, leaves)) open.push_back(std::move(*asked));
    }
    if (open.empty()) return;
    Subject subject;
    subject.network = zone.name;
    Draft draft = start(Kind::kManagementNetwork, subject, Severity::kHigh, open);
    Finding& f = draft.finding;
    f.what = {Phrase::kManagementNetworkWhat, {{"zone", zone.name}}};
    f.why = {Phrase::kWhyManagementNetwork, {{"interface", zone.interface}}};
    f.severity_reasons.push_back({Phrase::kImpactConsole, {}});
    f.notes.push_back({Phrase::kNoteRepresentative,
                       {{"address", f.reaches.front().to.to_string()},
                        {"port", std::to_string(f.reaches.front().port.number) + "/" +
                                     to_string(IpProtocol::kTcp)}}});
    out_.push_back(std::move(draft));
  }

  const Scene& scene_;
  std::vector<trace::Edge> edges_;
  std::vector<Draft> out_;
};

}  // namespace

std::vector<Draft> find_exits(const Scene& scene) {
  return ExitFinder(scene).find();
}

}  // namespace bulkhead::audit
