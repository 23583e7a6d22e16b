#include "audit/cure_effect.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/advice.h"
#include "audit/change_scope.h"
#include "audit/segments.h"
#include "audit/shared_answers.h"
#include "audit/threats.h"

namespace bulkhead::audit {
namespace {

constexpr std::size_t kMostPairsNamed = 5;

class Afterwards {
 public:
  Afterwards(const Scene& scene, const KnownAnswers& known, const Draft& draft)
      : scene_(scene), known_(known), draft_(draft) {}

  Effect edited(const trace::Edits& edits) const {
    const auto oracle = scene_.oracle.edited(edits);
    return asked(*oracle, ChangeScope(scene_.snapshot, edits));
  }

  Effect copied(const model::Snapshot& changed, const MakeOracle& make) const {
    Effect out;
    out.computed = true;
    switch (draft_.finding.kind) {
      // A new network's addresses are the engine's choice: what else moves is not known here.
      case Kind::kT6: out.gone = !still_shared(changed); return out;
      // Packets go as before.
      case Kind::kEngineSocket: out.gone = !still_advised(changed); return out;
      default: break;
    }
    const auto oracle = make(changed);
    return oracle ? asked(**oracle, ChangeScope()) : Effect{};
  }

  [[nodiscard]] bool asks_attackers() const {
    return std::ranges::any_of(draft_.open, &Asked::as_attacker);
  }

 private:
  Effect asked(const Oracle& oracle, const ChangeScope& scope) const {
    Effect out;
    out.computed = true;
    out.gone = !still_open(oracle);
    compare(oracle, scope, out);
    return out;
  }

  const SeatEntry& seat(const Asked& asked) const { return scene_.inventory.seats[asked.seat]; }

  bool still_advised(const model::Snapshot& copy) const {
    const Scene changed{copy, scene_.config, scene_.oracle, scene_.inventory, scene_.reach};
    return std::ranges::any_of(find_engine_advice(changed),
                               [&](const Draft& d) { return d.finding.id == draft_.finding.id; });
  }

  bool still_shared(const model::Snapshot& copy) const {
    const Subject& subject = draft_.finding.subject;
    return std::ranges::any_of(find_segments(copy, scene_.config), [&](const Segment& s) {
      return s.network == subject.network && s.engine == subject.engine && s.tenants() > 1;
    });
  }

  // What root there can forge may have changed with the container.
  bool opens_to_attacker(const Oracle& oracle, std::size_t from, const Dial& dial,
                         IpProtocol protocol) const {
    const auto seat = oracle.seat(scene_.inventory.seats[from].vantage);
    if (!seat || seat->origins.empty()) return true;  // nothing shows that it is gone
    query::Target target = target_of(dial, protocol);
    target.as_attacker = true;
    return oracle.ask(*seat, target).answer.verdict != trace::Verdict::kClosed;
  }

  query::Reply ask(const Oracle& oracle, std::size_t from, const Dial& dial,
                   IpProtocol protocol) const {
    return oracle.ask(scene_.inventory.seats[from].seat, target_of(dial, protocol));
  }

  bool reaches(const trace::Answer& answer) const {
    return answer.verdict == trace::Verdict::kOpen ||
           (draft_.service == nullptr && answer.exit && answer.exit->ns == scene_.snapshot.host);
  }

  // Any way in, not only the one that was found first.
  bool still_open(const Oracle& oracle) const {
    std::map<std::size_t, bool> seats;  // whether asked as attacker
    for (const Asked& asked : draft_.open) seats[asked.seat] |= asked.as_attacker();
    const IpProtocol protocol = draft_.service == nullptr ? draft_.finding.subject.protocol
                                                          : draft_.service->subject.protocol;
    const auto open = [&](std::size_t from, const Dial& dial) {
      if (reaches(ask(oracle, from, dial, protocol).answer)) return true;
      return seats[from] && opens_to_attacker(oracle, from, dial, protocol);
    };
    if (std::ranges::any_of(draft_.open, [&](const Asked& a) { return open(a.seat, a.dial); }))
      return true;
    if (draft_.service == nullptr) return false;
    std::vector<Dial> dials = draft_.service->dials;
    for (const model::PublishedPort* p : draft_.service->published) {
      dials.push_back(
          {IpAddress::v4(127, 0, 0, 1), p->host_port, Via::kPublished});  // what a cure may leave
    }
    for (const auto& seat : seats) {
      for (const Dial& dial : dials) {
        if (!worth_asking(scene_.inventory.seats[seat.first], *draft_.service, dial)) continue;
        if (open(seat.first, dial)) return true;
      }
    }
    return false;
  }

  // What other pairs get, of which something else was known before.
  class Comparison {
   public:
    Comparison(const Scene& scene, const Oracle& oracle, const ChangeScope& scope)
        : scene_(scene), oracle_(oracle), scope_(scope), answers_(scene.inventory, oracle) {}

    trace::Verdict verdict(const Asked& asked, IpProtocol protocol) {
      const SeatEntry& seat = scene_.inventory.seats[asked.seat];
      if (scope_.is_narrow() && !seat.is_zone())
        return answers_.ask(asked.seat, asked.dial, protocol).reply->answer.verdict;
      query::Target target = target_of(asked.dial, protocol);
      if (seat.is_zone()) target.source = asked.reply->witness;
      return oracle_.ask(seat.seat, target).answer.verdict;
    }
    void next_service() { answers_.forget(); }

   private:
    const Scene& scene_;
    const Oracle& oracle_;
    const ChangeScope& scope_;
    SharedAnswers answers_;
  };

  void compare(const Oracle& oracle, const ChangeScope& scope, Effect& effect) const {
    const auto affected = known_.within(scope);
    Comparison now(scene_, oracle, scope);
    const Service* last = nullptr;
    for (const auto& [place, at] : affected) {
      const Service& service = scene_.inventory.services[place];
      if (&service == draft_.service) continue;
      if (&service != last) now.next_service();
      last = &service;
      const Answers& answers = scene_.reach.of[place];
      const bool was_open = at < answers.open.size();
      const Asked& asked = was_open ? answers.open[at] : answers.closed[at - answers.open.size()];
      const bool is_open = now.verdict(asked, service.subject.protocol) == trace::Verdict::kOpen;
      if (was_open == is_open) continue;
      ++(was_open ? effect.closes : effect.opens);
      if (was_open && effect.closed_pairs.size() < kMostPairsNamed)
        effect.closed_pairs.push_back(pair_name(asked, service));
    }
  }

  std::string pair_name(const Asked& asked, const Service& service) const {
    const Subject& s = service.subject;
    const std::string port = s.port ? std::to_string(s.port->number) + "/" : std::string();
    return seat(asked).text + " -> " + (s.container.empty() ? "host " + s.process : s.container) +
           " " + port + to_string(s.protocol);
  }

  const Scene& scene_;
  const KnownAnswers& known_;
  const Draft& draft_;
};

}  // namespace

Effect effect_of(const Change& change, const Scene& scene, const KnownAnswers& known,
                 const MakeOracle& make, const Draft& draft) {
  const Afterwards afterwards(scene, known, draft);
  const auto* edits = std::get_if<MakeEdits>(&change);
  if (edits != nullptr && !afterwards.asks_attackers()) return afterwards.edited((*edits)());
  model::Snapshot copy = scene.snapshot;
  if (edits != nullptr) trace::apply((*edits)(), scene.snapshot, copy);
  if (const auto* copied = std::get_if<ChangeCopy>(&change)) (*copied)(copy);
  return afterwards.copied(copy, make);
}

}  // namespace bulkhead::audit
