#include "audit/audit.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "audit/advice.h"
#include "audit/attackers.h"
#include "audit/beyond.h"
#include "audit/cure.h"
#include "audit/evidence.h"
#include "audit/segments.h"
#include "audit/threats.h"
#include "base/text.h"
#include "policy/meaning.h"

namespace bulkhead::audit {
namespace {

constexpr std::size_t kMostReasons = 50, kMostExamples = 3;

void append(std::vector<Draft>& to, std::vector<Draft> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Replicas of one service are one problem.
void merge_same(std::vector<Draft>& drafts) {
  std::map<std::string, std::size_t> first;
  std::vector<Draft> out;
  for (Draft& draft : drafts) {
    const auto [at, fresh] = first.emplace(draft.finding.id, out.size());
    if (fresh) {
      out.push_back(std::move(draft));
      continue;
    }
    Draft& kept = out[at->second];
    kept.finding.severity = std::max(kept.finding.severity, draft.finding.severity);
    if (kept.finding.members.empty()) kept.finding.members.push_back(kept.finding.subject);
    kept.finding.members.push_back(draft.finding.subject);
    for (Reach& reach : draft.finding.reaches) {
      const bool seen = std::ranges::any_of(kept.finding.reaches, [&](const Reach& r) {
        return r.vantage == reach.vantage && r.to == reach.to;
      });
      if (!seen) kept.finding.reaches.push_back(std::move(reach));
    }
  }
  drafts = std::move(out);
}

std::string subject_text(const Subject& s) {
  const std::string owner = s.container.empty() ? "host " + s.process : s.container;
  return owner + " " + (s.port ? std::to_string(s.port->number) + "/" + to_string(s.protocol) : "");
}

std::vector<Unknown> unknowns_of(const Scene& scene, std::vector<Asked> Answers::* which) {
  std::map<std::string, Unknown> by_reason;
  for (std::size_t i = 0; i < scene.inventory.services.size(); ++i) {
    for (const Asked& asked : scene.reach.of[i].*which) {
      std::string reason =
          asked.reply->answer.reason.empty() ? "no reason given" : asked.reply->answer.reason;
      if (by_reason.size() >= kMostReasons && !by_reason.contains(reason)) reason = "other reasons";
      Unknown& unknown = by_reason[reason];
      unknown.reason = reason;
      ++unknown.count;
      if (unknown.examples.size() < kMostExamples) {
        unknown.examples.push_back(scene.inventory.seats[asked.seat].text + " -> " +
                                   subject_text(scene.inventory.services[i].subject));
      }
    }
  }
  std::vector<Unknown> out;
  out.reserve(by_reason.size());
  for (auto& [reason, unknown] : by_reason) out.push_back(std::move(unknown));
  std::ranges::stable_sort(out, std::greater{}, &Unknown::count);
  return out;
}

void list_vantages(const Scene& scene, Report& report) {
  for (const SeatEntry& seat : scene.inventory.seats) {
    ReportVantage& vantage = report.all_vantages.emplace_back();
    vantage.text = seat.text;
    if (seat.zone == nullptr) continue;
    vantage.role = seat.zone->role;
    vantage.guessed_zone = seat.zone->guessed;
    vantage.private_uplink = private_uplink(*seat.zone, scene.snapshot);
  }
}

void list_exposures(const Scene& scene, Report& report) {
  list_vantages(scene, report);
  std::map<std::string, std::uint32_t> links;
  for (std::size_t i = 0; i < scene.inventory.services.size(); ++i) {
    Exposure& exposure = report.exposures.emplace_back();
    exposure.subject = scene.inventory.services[i].subject;
    const std::vector<const Asked*> open = openings_of(scene, scene.reach.of[i]);
    exposure.open.reserve(open.size());
    for (const Asked* asked : open) {
      const Dial& dial = asked->dial;
      Exposed& one = exposure.open.emplace_back();
      one.vantage = static_cast<std::uint32_t>(asked->seat);
      one.to = dial.to;
      one.port = dial.port;
      one.as_attacker = asked->as_attacker();
      const auto& ns = scene.inventory.seats[asked->seat].ns;
      if (!dial.scope || !ns) continue;
      const auto next = static_cast<std::uint32_t>(report.links.size());
      const auto [at, fresh] = links.emplace(link_name(scene.snapshot, *ns, dial.scope), next);
      if (fresh) report.links.push_back(at->first);
      one.link = at->second;
    }
    for (const Asked& asked : scene.reach.of[i].unknown)
      exposure.unknown.push_back(static_cast<std::uint32_t>(asked.seat));
  }
}

void list_gaps(const model::Snapshot& snapshot, Report& report) {
  const auto add = [&](const std::string& where, const std::vector<model::Gap>& gaps) {
    for (const model::Gap& gap : gaps) report.gaps.emplace_back(where + gap.what, gap.reason);
  };
  add("", snapshot.gaps);
  for (const model::Engine& engine : snapshot.engines) add(engine.name + ": ", engine.gaps);
  for (std::uint32_t i = 0; i < snapshot.namespaces.size(); ++i) {
    add(name_of(snapshot, model::NsId{i}) + ": ", snapshot.namespaces[i].gaps);
  }
}

void suppress(const policy::Config& config, std::uint64_t at_ms, Report& report) {
  for (const policy::Suppression& rule : config.suppress) {
    SuppressionUse use{rule.id, rule.reason, rule.expires, SuppressionState::kUnused};
    if (at_ms >= rule.expires_ms) {
      use.state = SuppressionState::kExpired;  // the finding stands again
    } else {
      for (Finding& finding : report.findings) {
        if (finding.id != rule.id) continue;
        finding.suppressed_by = rule.reason;
        use.state = SuppressionState::kActive;
      }
    }
    report.suppressions.push_back(std::move(use));
  }
}

std::string engine_text(const model::Engine& engine) {
  const std::string kind = engine.kind == model::EngineKind::kDocker ? "docker" : "podman";
  const std::string name =
      engine.name.empty() || engine.name == kind ? kind : engine.name + " (" + kind + ")";
  return engine.version.empty() ? name : name + " " + engine.version;
}

void describe(const model::Snapshot& snapshot, const Scene& scene, Report& report) {
  report.host_name = snapshot.host_name;
  report.zones.assign(scene.oracle.zones().begin(), scene.oracle.zones().end());
  for (const model::Engine& engine : snapshot.engines)
    report.engines.push_back(engine_text(engine));
  report.containers = scene.inventory.containers;
  report.services = scene.inventory.services.size();
  report.vantages = scene.inventory.seats.size();
  const PairCounts& pairs = scene.reach.ordinary;
  report.asked = pairs.asked;
  report.open = pairs.open;
  report.closed = pairs.closed;
  report.unknown = pairs.unknown;
  const PairCounts& forged = scene.reach.attackers;
  report.attackers = {forged.asked, forged.open, forged.closed, forged.unknown};
}

void show_path(const Scene& scene, Draft& draft) {
  if (draft.finding.reaches.empty()) return;
  Reach& first = draft.finding.reaches.front();
  for (const Asked& asked : draft.open) {
    if (scene.inventory.seats[asked.seat].text != first.vantage || asked.dial.to != first.to)
      continue;
    first.path = path_of(scene, asked, first.protocol);
    return;
  }
}

auto reading_order(const Finding& f) {
  return std::tuple(!f.suppressed_by.empty(), f.state != State::kContradicted,
                    -static_cast<int>(f.severity), static_cast<int>(f.kind),
                    -static_cast<std::int64_t>(f.reaches.size()), std::string_view(f.id));
}

bool is_zone(const query::Vantage& vantage) {
  return vantage.kind != query::VantageKind::kHost &&
         vantage.kind != query::VantageKind::kContainer &&
         vantage.kind != query::VantageKind::kNetns;
}

// A silent UDP socket answers nobody: only an answer tells something.
bool tells(const model::Observation& o) {
  return o.protocol != IpProtocol::kUdp || o.how == "accepted" || o.how == "refused";
}

void note(Report& report, const model::Observation& o, bool agrees) {
  for (Finding& finding : report.findings) {
    for (Reach& reach : finding.reaches) {
      if (reach.vantage != o.vantage || reach.to != o.to || reach.port != o.port ||
          reach.protocol != o.protocol || reach.forged)
        continue;
      reach.observed = o.how;
      if (!agrees) finding.state = State::kContradicted;
      if (agrees && finding.state == State::kComputed) finding.state = State::kConfirmed;
    }
  }
}

// "nothing listens on port 80": the same is said of 81.
std::string without_port(std::string reason, Port port) {
  const std::string word = " port " + std::to_string(port.number);
  if (reason.ends_with(word)) reason.resize(reason.size() - word.size());
  return reason;
}

// A machine that answers on every port is one line, not 65,535.
void contradict(Report& report, Contradiction one) {
  if (!report.contradictions.empty()) {
    Contradiction& before = report.contradictions.back();
    const Port end = before.last.value_or(before.port);
    const bool same =
        before.vantage == one.vantage && before.to == one.to && before.protocol == one.protocol &&
        before.computed == one.computed && before.observed == one.observed &&
        without_port(before.reason, before.port) == without_port(one.reason, one.port);
    if (same && end.number + 1U == one.port.number) {
      before.last = one.port;
      return;
    }
  }
  report.contradictions.push_back(std::move(one));
}

// Compares one connection with the model.
void merge_one(Report& report, const model::Observation& o, const query::Vantage& vantage,
               const Oracle& oracle) {
  const auto seat = oracle.seat(vantage);
  if (!seat || seat->origins.empty()) return;
  query::Target target;
  target.to = o.to;
  target.port = o.port;
  target.protocol = o.protocol;
  const query::Reply reply = oracle.ask(*seat, target);
  const trace::Answer& answer = reply.answer;
  const bool accepted = o.how == "accepted";
  // Another sender of that zone is one of those who get in.
  if (answer.verdict == trace::Verdict::kOpen && !accepted && reply.some) return;
  ++report.observed;
  const bool agrees = answer.verdict == trace::Verdict::kUnknown ||
                      (answer.verdict == trace::Verdict::kOpen) == accepted;
  note(report, o, agrees);
  if (agrees) return;
  contradict(report, {o.vantage, o.to, o.port, o.protocol, std::string(to_string(answer.how)),
                      o.how, answer.reason});
}

}  // namespace

void sort_findings(std::vector<Finding>& findings) {
  std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
    return reading_order(a) < reading_order(b);
  });
}

Result<Report> audit(const model::Snapshot& snapshot, const policy::Config& written,
                     const Options& options, const MakeOracle& make) {
  if (snapshot.host.value >= snapshot.namespaces.size()) {
    return fail(ErrorCode::kInvalidInput,
                "the snapshot does not hold the host's network namespace");
  }
  auto oracle = make(snapshot);
  if (!oracle) return std::unexpected(oracle.error());
  const std::uint64_t at_ms = options.at_ms != 0 ? options.at_ms : snapshot.taken_at_ms;
  const policy::Config config = policy::in_force(written, at_ms);
  const Inventory inventory = take_inventory(snapshot, config, **oracle, options.services);
  Reachability reach = ask_all(inventory, **oracle);
  ask_attackers(config, inventory, **oracle, reach);
  const Scene scene{snapshot, config, **oracle, inventory, reach};

  std::vector<Draft> drafts = find_service_threats(scene);
  append(drafts, find_shared_segments(scene));
  append(drafts, find_broken_promises(scene, make, drafts));
  append(drafts, find_engine_advice(scene));
  append(drafts, find_exits(scene));
  BeyondFound beyond = find_beyond(scene);
  append(drafts, std::move(beyond.drafts));
  merge_same(drafts);
  std::ranges::stable_sort(drafts, [](const Draft& a, const Draft& b) {
    return reading_order(a.finding) < reading_order(b.finding);
  });

  Report report;
  report.at_ms = at_ms;
  describe(snapshot, scene, report);
  CureFinder cures(scene, make, options.cures);
  for (Draft& draft : drafts) {
    show_path(scene, draft);
    cures.find(draft);
    report.findings.push_back(std::move(draft.finding));
  }
  list_exposures(scene, report);
  report.unknowns = unknowns_of(scene, &Answers::unknown);
  report.unknowns.insert(report.unknowns.end(), beyond.unknowns.begin(), beyond.unknowns.end());
  report.attacker_unknowns = unknowns_of(scene, &Answers::forged_unknown);
  list_gaps(snapshot, report);
  suppress(config, at_ms, report);
  merge_observations(report, snapshot.observations, **oracle);
  sort_findings(report.findings);
  return report;
}

std::vector<ProbeWish> wanted_probes(const Report& report) {
  std::vector<ProbeWish> out;
  for (const Finding& finding : report.findings) {
    if (finding.kind == Kind::kEgress || finding.kind == Kind::kMetadata ||
        finding.kind == Kind::kManagementNetwork || finding.beyond)
      continue;
    for (const Reach& r : finding.reaches) {
      const bool known = std::ranges::any_of(out, [&](const ProbeWish& w) {
        return w.vantage == r.vantage && w.to == r.to && w.port == r.port &&
               w.protocol == r.protocol;
      });
      if (r.from && !known && !r.forged && r.link.empty())
        out.push_back({r.vantage, *r.from, r.to, r.port, r.protocol});
    }
  }
  return out;
}

void merge_observations(Report& report, const std::vector<model::Observation>& observations,
                        const Oracle& oracle) {
  for (const model::Observation& o : observations) {
    const auto vantage = query::Vantage::parse(o.vantage);
    if (vantage && !is_zone(*vantage) && tells(o)) merge_one(report, o, *vantage, oracle);
  }
  sort_findings(report.findings);
}

void merge_outside(Report& report, const std::vector<model::Observation>& observations,
                   const Oracle& oracle) {
  for (const model::Observation& o : observations) {
    const auto vantage = query::Vantage::parse(o.vantage);
    if (vantage && is_zone(*vantage) && tells(o)) merge_one(report, o, *vantage, oracle);
  }
  sort_findings(report.findings);
}

}  // namespace bulkhead::audit
