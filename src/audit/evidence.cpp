#include "audit/evidence.h"

#include <algorithm>

#include "audit/attackers.h"
#include "ruleset/print.h"

namespace bulkhead::audit {
namespace {

std::optional<SocketEvidence> socket_of(const Scene& scene, const trace::Answer& answer) {
  if (answer.socket == nullptr) return std::nullopt;
  SocketEvidence out;
  out.address = answer.socket->address;
  out.port = answer.socket->port;
  out.uid = answer.socket->uid;
  if (!answer.socket->owners.empty()) {
    out.process = answer.socket->owners.front().command;
    out.pid = answer.socket->owners.front().pid;
  }
  if (!answer.socket_ns || *answer.socket_ns == scene.snapshot.host) return out;
  for (const model::Engine& engine : scene.snapshot.engines) {
    for (const model::Container& c : engine.containers) {
      if (c.netns == answer.socket_ns && out.container.empty())
        out.container = engine.name + "/" + c.name;
    }
  }
  return out;
}

}  // namespace

RuleQuote quote(const trace::RuleRef& ref) {
  RuleQuote out;
  if (ref.table == nullptr || ref.chain == nullptr) return out;
  out.place = ruleset::print_place(*ref.table, *ref.chain, ref.rule);
  out.author = ruleset::guess_author(*ref.table, *ref.chain, ref.rule);
  if (ref.rule != nullptr) {
    out.text = ruleset::print_rule(*ref.table, *ref.rule);
  } else if (ref.chain->base) {
    out.text =
        ref.chain->base->policy == model::VerdictKind::kDrop ? "policy drop" : "policy accept";
  }
  return out;
}

std::vector<RuleQuote> quotes(const std::vector<trace::RuleRef>& rules) {
  std::vector<RuleQuote> out;
  for (const trace::RuleRef& rule : rules) {
    RuleQuote q = quote(rule);
    if (!q.place.empty() && std::ranges::find(out, q) == out.end()) out.push_back(std::move(q));
  }
  return out;
}

std::vector<RuleQuote> closing_rule(const trace::Answer& answer) {
  if (answer.rules.empty()) return {};
  return quotes({answer.rules.back()});
}

bool private_uplink(const policy::Zone& zone, const model::Snapshot& snapshot) {
  if (zone.role != policy::ZoneRole::kInternet || snapshot.host.value >= snapshot.namespaces.size())
    return false;
  bool any = false;
  for (const model::Address& a : snapshot.namespaces[snapshot.host.value].addresses) {
    if (a.link != zone.link || !a.local.is_v4()) continue;
    if (!a.local.is_private() && !a.local.is_link_local()) return false;
    any = true;
  }
  return any;
}

Opening opening_of(const Scene& scene, const Service* service, const Asked& asked) {
  const SeatEntry& seat = scene.inventory.seats[asked.seat];
  Opening out;
  out.vantage = seat.text;
  if (seat.zone != nullptr) {
    out.role = seat.zone->role;
    out.guessed_zone = seat.zone->guessed;
    out.up_to_uplink = asked.dial.to.is_v4() && private_uplink(*seat.zone, scene.snapshot);
  }
  out.as_attacker = asked.as_attacker();
  out.to = asked.dial.to;
  if (asked.dial.scope && seat.ns) out.link = link_name(scene.snapshot, *seat.ns, asked.dial.scope);
  out.port = asked.dial.port;
  out.protocol = service == nullptr ? IpProtocol::kTcp : service->subject.protocol;
  return out;
}

Reach reach_of(const Scene& scene, const Service* service, const Asked& asked) {
  const SeatEntry& seat = scene.inventory.seats[asked.seat];
  Reach out;
  static_cast<Opening&>(out) = opening_of(scene, service, asked);
  out.from = seat.ns;
  out.tenant = seat.tenant.name;
  out.also = seat.also;
  out.via = asked.dial.via;
  out.source = asked.source();
  out.some = asked.reply->some;
  out.rules = quotes(asked.reply->answer.rules);
  out.socket = socket_of(scene, asked.reply->answer);
  if (asked.as_attacker()) out.forged = forgery_of(scene.snapshot, seat, asked);
  return out;
}

namespace {

class OnePerSeat {
 public:
  explicit OnePerSeat(const Scene& scene) : scene_(scene), seen_(scene.inventory.seats.size()) {}
  void add(const std::vector<Asked>& open) {
    for (const Asked& asked : open) {
      if (!seen_[asked.seat]) order_.push_back(&asked);
      seen_[asked.seat] = true;
    }
  }
  std::vector<const Asked*> nearest_first() {
    const auto place = [this](const Asked* a) {
      return std::pair(a->as_attacker(), nearness(scene_.inventory.seats[a->seat]));
    };
    if (!std::ranges::is_sorted(order_, {}, place)) std::ranges::stable_sort(order_, {}, place);
    return std::move(order_);
  }

 private:
  const Scene& scene_;
  std::vector<const Asked*> order_;
  std::vector<bool> seen_;
};

}  // namespace

std::vector<Reach> reaches_of(const Scene& scene, const Service& service,
                              const std::vector<Asked>& open) {
  std::vector<Reach> out;
  OnePerSeat seats(scene);
  seats.add(open);
  for (const Asked* asked : seats.nearest_first()) out.push_back(reach_of(scene, &service, *asked));
  return out;
}

std::vector<const Asked*> openings_of(const Scene& scene, const Answers& answers) {
  OnePerSeat seats(scene);
  seats.add(answers.open);
  seats.add(answers.forged);
  return seats.nearest_first();
}

std::vector<PathStep> path_of(const Scene& scene, const Asked& asked, IpProtocol protocol) {
  query::Target target = target_of(asked.dial, protocol);
  target.explain = true;
  target.as_attacker = asked.as_attacker();
  const query::Reply reply = scene.oracle.ask(scene.inventory.seats[asked.seat].seat, target);
  std::vector<PathStep> out;
  out.reserve(reply.answer.steps.size());
  for (const trace::Step& step : reply.answer.steps) {
    out.push_back({step.leg == trace::Leg::kReply, name_of(scene.snapshot, step.ns), step.stage,
                   step.interface, step.detail, quotes(step.rules)});
  }
  return out;
}

}  // namespace bulkhead::audit
