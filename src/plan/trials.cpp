#include "plan/trials.h"

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "model/find.h"
#include "policy/meaning.h"

namespace bulkhead::plan {
namespace {

using policy::Party;
using policy::PartyKind;
using policy::PortSpec;
using trace::Verdict;

// Nothing that is asked from one would be answered otherwise from the other.
bool same_senders(const query::Seat& a, const query::Seat& b) {
  if (a.zone == nullptr || b.zone == nullptr || a.origins.empty()) return false;
  return a.zone->role == b.zone->role && a.zone->link == b.zone->link && a.many == b.many &&
         a.unknown == b.unknown && a.origins == b.origins;
}

constexpr std::size_t kLongestText = 160;

std::string joined(std::span<const Party> parties) {
  std::string out;
  for (const Party& p : parties) out += (out.empty() ? "" : ", ") + policy::to_string(p);
  return escape_text(out, kLongestText);
}

bool has_port(std::span<const PortSpec> ports, const audit::Service& service) {
  return ports.empty() || std::ranges::find(ports, service.port()) != ports.end();
}

class Court {
 public:
  Court(const Scene& scene, const trace::World& world, bool as_attacker, Computed computed)
      : scene_(scene),
        world_(world),
        asker_(computed.survey != nullptr ? computed.survey->asker()
                                          : query::Asker(world, scene.zones)),
        as_attacker_(as_attacker) {
    if (as_attacker) return;
    survey_ = computed.survey;
    ledger_ = std::move(computed.ledger);
  }

  Status prepare() {
    for (const policy::Zone& zone : scene_.zones) {
      if (zone.link) edges_.push_back({world_.snapshot().host, zone.link});
    }
    if (survey_ != nullptr) return {};
    verify::Limits limits;
    limits.as_attacker = as_attacker_;
    auto survey = views::Survey::make(asker_, scene_.config, limits, views::Detail::kReasons);
    if (!survey) return std::unexpected(survey.error());
    own_survey_ = std::make_unique<views::Survey>(*std::move(survey));
    survey_ = own_survey_.get();
    return {};
  }

  Result<Trial> never(const policy::NeverRule& rule) {
    Trial trial;
    trial.clause = &rule.clause;
    trial.text = joined(rule.from) + (rule.both ? " <-> " : " -> ") + joined(rule.to);
    for (const PortSpec& port : rule.ports) trial.text += " " + policy::to_string(port);
    if (auto done = forbid(rule.from, rule.to, rule.except, rule.ports, trial); !done)
      return std::unexpected(done.error());
    if (rule.both) {
      if (auto done = forbid(rule.to, rule.from, rule.except, rule.ports, trial); !done)
        return std::unexpected(done.error());
    }
    conclude(trial);
    return trial;
  }

  Result<Trial> test(const policy::TestRule& rule) {
    Trial trial;
    trial.clause = &rule.clause;
    trial.expects_open = rule.allow;
    trial.text = escape_text(rule.from.text + " -> " + rule.to.text, kLongestText);
    PortSpec port = rule.port;
    for (const policy::HostRule& host : scene_.config.host) {
      if (rule.to.kind == PartyKind::kHostService && host.name == rule.to.name) port = host.port;
    }
    if (rule.to.kind != PartyKind::kHostService) trial.text += " " + policy::to_string(port);
    if (rule.to.kind == PartyKind::kPrefix) return address_test(rule, port, std::move(trial));
    if (!rule.allow) {
      if (auto done = forbid({&rule.from, 1}, {&rule.to, 1}, {}, {&port, 1}, trial); !done)
        return std::unexpected(done.error());
    } else if (auto done = demand(rule, port, trial); !done) {
      return std::unexpected(done.error());
    }
    conclude(trial);
    return trial;
  }

 private:
  // ------------------------------------------------------------------ who sends, what is reached

  struct Crowd {
    std::vector<policy::Zone> zones;
    std::unique_ptr<query::Asker> asker;  // knows these zones
    std::vector<Sender> senders;
  };
  // On the heap: seats point to the zones.
  std::unique_ptr<Crowd> crowd(std::span<const Party> from, std::span<const Party> except) const {
    auto out = std::make_unique<Crowd>();
    out->zones = sending_zones(scene_, from, except);
    out->asker = std::make_unique<query::Asker>(asker_.with(out->zones));
    out->senders = senders(scene_, *out->asker, from, except);
    return out;
  }

  [[nodiscard]] std::vector<std::size_t> services(std::span<const Party> to,
                                                  std::span<const PortSpec> ports) const {
    const auto& all = survey_->inventory().services;
    std::vector<bool> named(all.size(), false);
    for (const Party& party : to) {
      const Members members(scene_, party);
      for (std::size_t i = 0; i < all.size(); ++i)
        named[i] = named[i] || names(party, members, all[i]);
    }
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (named[i] && has_port(ports, all[i])) out.push_back(i);
    }
    return out;
  }

  // The containers that a party names.
  struct Members {
    Members(const Scene& scene, const Party& party) {
      for (const std::size_t i : scene.bound.members_of(scene.config, party)) {
        const model::Container* c = scene.bound.members[i].container;
        containers.insert(c);
        if (c->netns) namespaces.insert(c->netns->value);
      }
    }
    std::unordered_set<const model::Container*> containers;
    std::unordered_set<std::uint32_t> namespaces;
  };

  [[nodiscard]] bool names(const Party& party, const Members& members,
                           const audit::Service& service) const {
    if (party.kind == PartyKind::kHost) return service.of_host();
    if (party.kind == PartyKind::kHostService) {
      return service.of_host() &&
             std::ranges::any_of(scene_.config.host, [&](const policy::HostRule& host) {
               return host.name == party.name && has_port({&host.port, 1}, service);
             });
    }
    return members.containers.contains(service.container) ||
           (!service.of_host() && members.namespaces.contains(service.ns.value));
  }

  // What is known already of a zone of which a rule has left all senders; null: nothing.
  [[nodiscard]] const std::vector<Brief>* of_whole_zone(const query::Seat& seat) const {
    for (const audit::SeatEntry& entry : survey_->inventory().seats) {
      if (!entry.is_zone() || !same_senders(entry.seat, seat)) continue;
      return ledger_.of(entry.text);
    }
    return nullptr;
  }

  // Zones are narrowed for each rule, so their rows are not kept.
  Result<const std::vector<Brief>*> row(const Sender& sender) {
    const bool zone = sender.member == nullptr && sender.text != "host";
    if (const auto* known = zone ? of_whole_zone(sender.seat) : nullptr; known != nullptr) {
      read_ = &ledger_;
      return known;
    }
    if (zone) of_zone_ = Ledger();
    Ledger& ledger = zone ? of_zone_ : ledger_;
    if (ledger.of(sender.text) == nullptr) {
      auto cells = survey_->row(sender.seat);
      if (!cells) return std::unexpected(cells.error());
      ledger.write(sender.text, *cells);
    }
    read_ = &ledger;
    return ledger.of(sender.text);
  }

  [[nodiscard]] bool is_own(const Sender& sender, const audit::Service& service) const {
    if (sender.text == "host") return service.ns == world_.snapshot().host;
    return sender.member != nullptr && sender.member->container->netns == service.ns;
  }

  // Whether a party names something that may be reached, be it that nothing listens.
  [[nodiscard]] bool is_there(std::span<const Party> to) const {
    return std::ranges::any_of(to, [&](const Party& p) {
      return p.kind == PartyKind::kHost || p.kind == PartyKind::kHostService ||
             !scene_.bound.members_of(scene_.config, p).empty();
    });
  }

  // -------------------------------------------------------------------------- what must not be

  Status forbid(std::span<const Party> from, std::span<const Party> to,
                std::span<const Party> except, std::span<const PortSpec> ports, Trial& trial) {
    const auto crowd = this->crowd(from, except);
    const std::vector<std::size_t> reached = services(to, ports);
    if (reached.empty() && is_there(to)) {
      trial.asked += crowd->senders.size();
      trial.reason = "nothing listens there";
    }
    for (const Sender& sender : crowd->senders) {
      if (!reached.empty()) {
        auto cells = row(sender);
        if (!cells) return std::unexpected(cells.error());
        for (const std::size_t i : reached) judge(sender, i, (**cells)[i], trial);
      }
      for (const Party& party : to) {
        if (party.kind != PartyKind::kZone || sender.seat.zone != nullptr) continue;
        if (Status s = forbid_leaving(sender, party, ports, trial); !s) return s;
      }
    }
    return {};
  }

  void judge(const Sender& sender, std::size_t index, const Brief& cell, Trial& trial) {
    const audit::Service& service = survey_->inventory().services[index];
    if (is_own(sender, service)) return;
    ++trial.asked;
    if (cell.verdict == Verdict::kUnknown) {
      doubt(trial, sender.text + ": " + read_->reason(cell));
    } else if (cell.verdict == Verdict::kOpen) {
      Witness witness;
      witness.from = sender.text;
      witness.service = service.subject;
      if (const verify::Reached* way = read_->way(cell)) {
        witness.protocol = way->protocol;
        witness.packet = way->witness;
        witness.forged = way->forged;
      }
      breach(trial, std::move(witness));
    } else if (trial.reason.empty()) {
      trial.reason = read_->reason(cell);
    }
  }

  // Packets to addresses of the zone, by its link.
  Status forbid_leaving(const Sender& sender, const Party& party, std::span<const PortSpec> ports,
                        Trial& trial) {
    for (const policy::Zone& zone : scene_.zones) {
      if (!policy::names_zone(party, zone) || !zone.link) continue;
      ++trial.asked;
      for (const Prefix& prefix : zone.prefixes) {
        auto left = leaves(sender, zone, prefix, ports, trial);
        if (!left) return std::unexpected(left.error());
        if (*left) break;
      }
    }
    return {};
  }

  Result<bool> leaves(const Sender& sender, const policy::Zone& zone, const Prefix& prefix,
                      std::span<const PortSpec> ports, Trial& trial) {
    if (std::ranges::any_of(zone.excluded, [&](const Prefix& e) { return e.contains(prefix); }))
      return false;
    const auto asked = [&](const std::optional<PortSpec>& port) -> Result<bool> {
      verify::Limits limits;
      limits.as_attacker = as_attacker_;
      limits.to = prefix;
      if (port) {
        limits.port = port->port;
        limits.protocol = port->protocol;
      }
      auto reachable = survey_->solver().from(sender.seat, limits);
      if (!reachable) return std::unexpected(reachable.error());
      return judge_leaving(sender, zone, prefix, *reachable, trial, ports);
    };
    if (ports.empty()) return asked(std::nullopt);
    for (const PortSpec& port : ports) {
      auto left = asked(port);
      if (!left || *left) return left;
    }
    return false;
  }

  // A witness that lies in what the zone leaves out says nothing of the rest: the prefix is halved.
  Result<bool> judge_leaving(const Sender& sender, const policy::Zone& zone, const Prefix& prefix,
                             const verify::Reachable& reachable, Trial& trial,
                             std::span<const PortSpec> ports) {
    for (const verify::WayOut& way : reachable.leaves) {
      if (way.ns != world_.snapshot().host || way.link != zone.link) continue;
      const bool excluded = std::ranges::any_of(
          zone.excluded, [&](const Prefix& e) { return e.contains(way.witness.to); });
      if (!excluded) {
        Witness witness;
        witness.from = sender.text;
        witness.protocol = way.protocol;
        witness.packet = way.witness;
        breach(trial, std::move(witness));
        return true;
      }
      return halves(sender, zone, prefix, ports, trial);
    }
    for (const verify::Unknown& u : reachable.unknown) doubt(trial, sender.text + ": " + u.reason);
    return false;
  }

  Result<bool> halves(const Sender& sender, const policy::Zone& zone, const Prefix& prefix,
                      std::span<const PortSpec> ports, Trial& trial) {
    if (prefix.length() == prefix.address().bits()) return false;
    const unsigned length = prefix.length() + 1;
    for (const IpAddress& at : {prefix.first(), prefix.last()}) {
      auto left = leaves(sender, zone, Prefix::covering(at, length), ports, trial);
      if (!left || *left) return left;
    }
    return false;
  }

  // ------------------------------------------------------------------------------ what must be

  Status demand(const policy::TestRule& rule, const PortSpec& port, Trial& trial) {
    const auto crowd = this->crowd({&rule.from, 1}, {});
    const std::vector<std::size_t> reached = services({&rule.to, 1}, {&port, 1});
    if (reached.empty() && !crowd->senders.empty()) {
      ++trial.asked;
      ++trial.breaches;
      trial.reason = "nothing listens there";
      return {};
    }
    for (const Sender& sender : crowd->senders) {
      auto cells = row(sender);
      if (!cells) return std::unexpected(cells.error());
      for (const std::size_t i : reached) {
        if (is_own(sender, survey_->inventory().services[i])) continue;
        ++trial.asked;
        const Brief& cell = (**cells)[i];
        const bool ordinary = cell.verdict == Verdict::kOpen && !cell.forged;
        if (cell.verdict == Verdict::kUnknown) {
          doubt(trial, sender.text + ": " + read_->reason(cell));
        } else if (!ordinary && trial.breaches++ == 0) {
          trial.reason =
              sender.text + ": " + (cell.forged ? "forged packets only" : read_->reason(cell));
        }
      }
    }
    return {};
  }

  // An address outside, or any other: by one packet.
  Result<Trial> address_test(const policy::TestRule& rule, const PortSpec& port, Trial trial) {
    const auto crowd = this->crowd({&rule.from, 1}, {});
    for (const Sender& sender : crowd->senders) {
      query::Target target;
      target.to = rule.to.prefix.address();
      target.port = port.port;
      target.protocol = port.protocol;
      target.edges = edges_;
      const trace::Answer answer = crowd->asker->ask(sender.seat, target).answer;
      ++trial.asked;
      const bool open = answer.verdict == Verdict::kOpen || answer.exit.has_value();
      if (!open && answer.verdict == Verdict::kUnknown) {
        doubt(trial, sender.text + ": " + answer.reason);
      } else if (open && !rule.allow) {
        Witness witness;
        witness.from = sender.text;
        witness.protocol = port.protocol;
        witness.packet.to = target.to;
        witness.packet.port = target.port;
        breach(trial, std::move(witness));
      } else if (!open && rule.allow && trial.breaches++ == 0) {
        trial.reason = sender.text + ": " + answer.reason;
      }
    }
    conclude(trial);
    return trial;
  }

  // ------------------------------------------------------------------------------ what is said

  static void breach(Trial& trial, Witness witness) {
    ++trial.breaches;
    if (trial.witnesses.size() < kMostWitnesses) trial.witnesses.push_back(std::move(witness));
  }
  static void doubt(Trial& trial, std::string reason) {
    if (trial.outcome == Outcome::kUnknown) return;
    trial.outcome = Outcome::kUnknown;
    trial.reason = std::move(reason);
  }
  static void conclude(Trial& trial) {
    if (trial.breaches > 0) {
      trial.outcome = Outcome::kBroken;
    } else if (trial.asked == 0) {
      trial.outcome = Outcome::kVoid;
      trial.reason = "nobody who sends, or nothing that listens, is there";
    }
  }

  const Scene& scene_;
  const trace::World& world_;
  query::Asker asker_;
  bool as_attacker_;
  std::vector<trace::Edge> edges_;
  std::unique_ptr<views::Survey> own_survey_;
  views::Survey* survey_ = nullptr;
  Ledger ledger_, of_zone_;
  const Ledger* read_ = nullptr;  // that the row at hand is of
};

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHolds: return "holds";
    case Outcome::kBroken: return "broken";
    case Outcome::kUnknown: return "unknown";
    case Outcome::kVoid: return "void";
  }
  return "";
}

std::size_t Trials::count(Outcome outcome) const {
  const auto is = [outcome](const Trial& t) { return t.outcome == outcome; };
  return static_cast<std::size_t>(std::ranges::count_if(never, is) +
                                  std::ranges::count_if(tests, is));
}

Result<Trials> try_policy(const Scene& scene, const trace::World& world, std::uint64_t now_ms,
                          bool as_attacker, Computed computed) {
  Court court(scene, world, as_attacker, std::move(computed));
  if (auto ready = court.prepare(); !ready) return std::unexpected(ready.error());
  Trials out;
  for (const policy::NeverRule& rule : scene.config.never) {
    if (rule.clause.expired(now_ms)) continue;
    auto trial = court.never(rule);
    if (!trial) return std::unexpected(trial.error());
    out.never.push_back(*std::move(trial));
  }
  for (const policy::TestRule& rule : scene.config.tests) {
    if (rule.clause.expired(now_ms)) continue;
    auto trial = court.test(rule);
    if (!trial) return std::unexpected(trial.error());
    out.tests.push_back(*std::move(trial));
  }
  return out;
}

bool cut_at_zones(model::Snapshot& snapshot, std::span<const policy::Zone> zones) {
  bool cut = false;
  if (snapshot.host.value >= snapshot.namespaces.size()) return cut;
  for (const policy::Zone& zone : zones) {
    model::Link* link = model::find_link(snapshot.namespaces[snapshot.host.value], zone.link);
    if (link == nullptr || !link->peer_ns || *link->peer_ns == snapshot.host) continue;
    link->peer_ns.reset();
    link->peer = {};
    link->peer_elsewhere = true;
    cut = true;
  }
  return cut;
}

}  // namespace bulkhead::plan
