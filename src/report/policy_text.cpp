#include "report/policy_text.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "policy/port_list.h"
#include "report/grid.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/policy_ends.h"
#include "yaml/yaml.h"

namespace bulkhead::report {
namespace {

using policy::Line;
using policy::LineKind;
using policy::Party;
using policy::PartyKind;

constexpr std::size_t kFromRoom = 26, kToRoom = 24, kVerdictRoom = 8;
constexpr std::size_t kLongestParty = 60;
constexpr std::size_t kMostNames = 6;

std::string party_text(const Party& party) {
  return escape_text(policy::to_string(party), kLongestParty);
}

std::string parties_text(std::span<const Party> parties) {
  std::string out;
  for (const Party& p : parties) out += (out.empty() ? "" : ", ") + party_text(p);
  return out;
}

std::string clause_text(const policy::Clause& clause, std::uint64_t now_ms, const Style& style) {
  std::string out;
  if (!clause.expires.empty()) {
    const Label label = clause.expired(now_ms) ? Label::kPolicyOver : Label::kPolicyUntil;
    out = say(label, style, {{"day", escape_text(clause.expires)}});
  }
  if (!clause.why.empty()) out += (out.empty() ? "" : "; ") + escape_text(clause.why);
  return out;
}

// "  FROM  TO  PORTS", columns widened by what does not fit; why and until when below.
void add_line(std::string& out, const Line& line, std::uint64_t now_ms, const Style& style) {
  const std::string from = parties_text(line.from);
  const std::string to = line.host != nullptr
                             ? "host." + escape_text(line.host->name, kLongestParty)
                             : parties_text(line.to);
  const std::string ports = policy::ports_text(line.ports);
  if (display_width(from) <= kFromRoom && display_width(to) <= kToRoom) {
    add_wrapped(out, "  " + padded(from, kFromRoom) + "  " + padded(to, kToRoom) + "  ", ports,
                style);
  } else {
    add_wrapped(out, "  ", from, style);
    if (display_width(to) <= kToRoom) {
      add_wrapped(out, std::string(kFromRoom + 4, ' ') + padded(to, kToRoom) + "  ", ports, style);
    } else {
      add_wrapped(out, std::string(kFromRoom + 4, ' '), to + " " + ports, style);
    }
  }
  if (const std::string more = clause_text(*line.clause, now_ms, style); !more.empty())
    add_wrapped(out, "      ", more, style);
}

void add_names(std::string& out, const policy::Bound& bound, const Style& style) {
  if (bound.strangers.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < bound.strangers.size() && i < kMostNames; ++i)
    names += (i == 0 ? "" : ", ") + safe(bound.strangers[i]->name);
  if (bound.strangers.size() > kMostNames) names += ", ...";
  out += "\n";
  add_wrapped(out, "",
              say(Label::kPolicyStrangers, style,
                  {{"count", std::to_string(bound.strangers.size())}, {"names", names}}),
              style);
}

// ---------------------------------------------------------------------------------------- matrix

class Grid {
 public:
  Grid(const policy::Config& config, const policy::Bound& bound, std::uint64_t now_ms)
      : config_(config), lines_(policy::permitted(config, now_ms)) {
    ends(bound);
  }

  std::string write(const Style& style) const {
    std::vector<std::string> rows, columns;
    for (const Party& p : from_) rows.push_back(party_text(p));
    for (const Party& p : to_) columns.push_back(party_text(p));
    const auto mark = [&](std::size_t row, std::size_t column) {
      return permits(from_[row], to_[column]) ? Mark{'X', Ink::kBold} : Mark{'.', Ink::kDim};
    };
    if (grid_blocks(rows, columns, style) == 1) return grid(rows, columns, mark, style);
    return grid(columns, rows, [&](std::size_t c, std::size_t r) { return mark(r, c); }, style);
  }
  [[nodiscard]] bool empty() const { return lines_.empty(); }

 private:
  void ends(const policy::Bound& bound) {
    std::set<std::string> seen_from, seen_to;
    const auto add = [](std::vector<Party>& to, std::set<std::string>& seen, const Party& party) {
      if (seen.insert(policy::to_string(party)).second) to.push_back(party);
    };
    for (const Line& line : lines_) {
      for (const Party& p : line.from) {
        if (p.kind != PartyKind::kService) add(from_, seen_from, p);
      }
    }
    for (const policy::HostRule& rule : config_.host) {
      Party host;
      host.kind = PartyKind::kHostService;
      host.name = rule.name;
      add(to_, seen_to, host);
    }
    for (std::size_t t = 0; t < config_.tenants.size(); ++t) {
      for (const std::string& name : policy_services(config_, bound, t)) {
        Party service;
        service.kind = PartyKind::kService;
        service.tenant = config_.tenants[t].name;
        service.name = name;
        add(from_, seen_from, service);
        add(to_, seen_to, service);
      }
    }
    for (const Line& line : lines_) {
      for (const Party& p : line.to) {
        if (p.kind != PartyKind::kService) add(to_, seen_to, p);
      }
    }
  }

  [[nodiscard]] bool permits(const Party& from, const Party& to) const {
    return std::ranges::any_of(lines_, [&](const Line& line) {
      const auto names = [&](std::span<const Party> parties, const Party& one) {
        return std::ranges::any_of(parties,
                                   [&](const Party& p) { return policy::covers(config_, p, one); });
      };
      if (!names(line.from, from)) return false;
      if (line.host != nullptr)
        return to.kind == PartyKind::kHostService && line.host->name == to.name;
      return names(line.to, to);
    });
  }

  const policy::Config& config_;
  std::vector<Line> lines_;
  std::vector<Party> from_, to_;
};

// ---------------------------------------------------------------------------------------- trials

Label outcome_label(plan::Outcome outcome) {
  switch (outcome) {
    case plan::Outcome::kHolds: return Label::kTrialHolds;
    case plan::Outcome::kBroken: return Label::kTrialBroken;
    case plan::Outcome::kUnknown: return Label::kTrialUnknown;
    case plan::Outcome::kVoid: return Label::kTrialVoid;
  }
  return Label::kTrialUnknown;
}

Ink outcome_ink(plan::Outcome outcome) {
  switch (outcome) {
    case plan::Outcome::kHolds: return Ink::kGreen;
    case plan::Outcome::kBroken: return Ink::kRed;
    case plan::Outcome::kUnknown:
    case plan::Outcome::kVoid: return Ink::kYellow;
  }
  return Ink::kPlain;
}

std::string witness_text(const plan::Witness& w, const Style& style) {
  std::string dial = dial_text(w.packet.to, w.packet.port) + "/" + bulkhead::to_string(w.protocol);
  std::string from = safe(w.from);
  if (w.packet.source) from += " (" + w.packet.source->to_string() + ")";
  std::string out =
      w.service
          ? say(Label::kTrialGets, style,
                {{"from", from},
                 {"service", service_text(*w.service, style) + " " + owner_text(*w.service, style)},
                 {"dial", dial}})
          : say(Label::kTrialLeaves, style, {{"from", from}, {"dial", dial}});
  if (w.forged) out += ", " + say(Label::kTrialForged, style);
  return out;
}

void add_trial(std::string& out, std::string_view section, const plan::Trial& trial,
               const Style& style) {
  const std::string verdict = say(outcome_label(trial.outcome), style);
  const std::size_t room =
      kVerdictRoom > display_width(verdict) ? kVerdictRoom - display_width(verdict) : 1;
  std::string text = std::string(section) + " " + trial.text;
  if (section == "test") text += trial.expects_open ? ": allow" : ": deny";
  add_wrapped(out,
              "  " + inked(verdict, outcome_ink(trial.outcome), style) + std::string(room, ' '),
              text + " (" + std::to_string(trial.clause->place.line) + ")", style);
  const std::string indent(kVerdictRoom + 4, ' ');
  for (const plan::Witness& w : trial.witnesses)
    add_wrapped(out, indent, witness_text(w, style), style);
  if (trial.breaches > trial.witnesses.size() && !trial.witnesses.empty())
    add_wrapped(out, indent,
                say(Label::kTrialMore, style,
                    {{"count", std::to_string(trial.breaches - trial.witnesses.size())}}),
                style);
  const bool tell = trial.outcome != plan::Outcome::kHolds || style.details;
  if (trial.witnesses.empty() && !trial.reason.empty() && tell)
    add_wrapped(out, indent, trial.reason, style);
}

}  // namespace

std::set<std::string> policy_services(const policy::Config& config, const policy::Bound& bound,
                                      std::size_t tenant) {
  std::set<std::string> out;
  for (const policy::ServiceSelector& s : config.tenants[tenant].services) out.insert(s.name);
  if (!out.empty()) return out;
  for (const policy::Member& m : bound.members) {
    if (m.tenant == tenant)
      out.insert(m.container->service.empty() ? m.container->name : m.container->service);
  }
  return out;
}

std::string policy_text(const policy::Config& config, const policy::Bound& bound,
                        std::uint64_t now_ms, const Style& style) {
  const std::vector<Line> lines = policy::all_lines(config);
  std::string out;
  add_wrapped(out, "",
              say(Label::kPolicyTitle, style,
                  {{"file", escape_text(config.file)},
                   {"tenants", std::to_string(config.tenants.size())},
                   {"lines", std::to_string(lines.size())}}),
              style);
  if (lines.empty()) add_wrapped(out, "  ", say(Label::kPolicyNothing, style), style);
  if (!config.host.empty())
    out += "\n" + inked(say(Label::kPolicyHost, style), Ink::kBold, style) + "\n";
  for (const Line& line : lines) {
    if (line.kind == LineKind::kHost) add_line(out, line, now_ms, style);
  }
  for (std::size_t t = 0; t < config.tenants.size(); ++t) {
    const policy::Tenant& tenant = config.tenants[t];
    const auto count = std::ranges::count(bound.members, t, &policy::Member::tenant);
    const std::string title = say(Label::kPolicyTenant, style,
                                  {{"tenant", safe(tenant.name)},
                                   {"mode", std::string(policy::to_string(config.mode_of(tenant)))},
                                   {"count", std::to_string(count)}});
    out += "\n" + inked(title, Ink::kBold, style) + "\n";
    for (const Line& line : lines) {
      if (line.tenant == &tenant) add_line(out, line, now_ms, style);
    }
    for (const policy::Member& m : bound.members) {
      if (m.tenant != t || m.unheld.empty()) continue;
      add_wrapped(out, "  ! ",
                  say(Label::kPolicyUnheld, style,
                      {{"container", safe(m.container->name)}, {"reason", m.unheld}}),
                  style);
    }
  }
  add_names(out, bound, style);
  return out;
}

std::string policy_matrix_text(const policy::Config& config, const policy::Bound& bound,
                               std::uint64_t now_ms, const Style& style) {
  const Grid grid(config, bound, now_ms);
  if (grid.empty()) return say(Label::kPolicyNothing, style) + "\n";
  return grid.write(style) + "\n" + say(Label::kPolicyLegend, style) + "\n";
}

std::string lint_text(const policy::Config& config, std::span<const policy::Lint> found,
                      const Style& style) {
  std::string out;
  std::size_t errors = 0;
  for (const policy::Lint& l : found) {
    const bool error = l.level == policy::LintLevel::kError;
    errors += error ? 1 : 0;
    out += yaml::locate(config.file, l.place) +
           inked(error ? "error" : "warning", error ? Ink::kRed : Ink::kYellow, style) + ": " +
           l.what + " [" + std::string(policy::to_string(l.kind)) + "]\n";
  }
  return out +
         say(Label::kLintCounts, style,
             {{"file", escape_text(config.file)},
              {"errors", std::to_string(errors)},
              {"warnings", std::to_string(found.size() - errors)}}) +
         "\n";
}

void add_trials(std::string& out, const plan::Trials& trials, const Style& style) {
  for (const plan::Trial& trial : trials.never) add_trial(out, "never", trial, style);
  for (const plan::Trial& trial : trials.tests) add_trial(out, "test", trial, style);
  const auto count = [&](plan::Outcome o) { return std::to_string(trials.count(o)); };
  add_wrapped(out, "",
              say(Label::kTrialCounts, style,
                  {{"holds", count(plan::Outcome::kHolds)},
                   {"broken", count(plan::Outcome::kBroken)},
                   {"unknown", count(plan::Outcome::kUnknown)},
                   {"void", count(plan::Outcome::kVoid)}}),
              style);
}

std::string trials_text(const policy::Config& config, const std::string& host,
                        const plan::Trials& trials, const Style& style) {
  std::string out;
  add_wrapped(
      out, "",
      say(Label::kTrialsTitle, style, {{"file", escape_text(config.file)}, {"host", safe(host)}}),
      style);
  if (trials.never.empty() && trials.tests.empty()) {
    add_wrapped(out, "  ", say(Label::kTrialsNone, style), style);
    return out;
  }
  add_trials(out, trials, style);
  return out;
}

}  // namespace bulkhead::report
