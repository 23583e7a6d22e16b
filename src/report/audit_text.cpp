#include "report/audit_text.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "report/audit_parts.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using audit::Finding;
using audit::Reach;
using audit::Severity;
using audit::State;

constexpr std::size_t kMostUnknowns = 5, kMostGaps = 5;

Ink ink_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
    case Severity::kHigh: return Ink::kRed;
    case Severity::kMedium: return Ink::kYellow;
    case Severity::kLow: return Ink::kCyan;
    case Severity::kInfo: return Ink::kDim;
  }
  return Ink::kPlain;
}

class Writer {
 public:
  Writer(const audit::Report& report, const Style& style) : report_(report), style_(style) {}

  std::string write() {
    head();
    contradictions();
    findings();
    reachable();
    unknowns();
    suppressions();
    foot();
    return std::move(out_);
  }

 private:
  std::string tell(Label label,
                   const std::vector<std::pair<std::string_view, std::string>>& values = {}) const {
    return say(label, style_, values);
  }
  void line(std::string_view text) { add_wrapped(out_, "", text, style_); }
  void blank() { out_ += '\n'; }

  void head() {
    out_ += inked(shortened(tell(Label::kAuditTitle, {{"host", safe(report_.host_name)},
                                                      {"time", utc_text(report_.at_ms)}}),
                            style_.width),
                  Ink::kBold, style_) +
            "\n";
    const auto engines =
        each(report_.engines, [](const std::string& engine) { return safe(engine); });
    line(tell(Label::kAuditScope,
              {{"engines", engines.empty() ? tell(Label::kNoEngine) : joined(engines, style_)},
               {"containers", std::to_string(report_.containers)},
               {"services", std::to_string(report_.services)},
               {"vantages", std::to_string(report_.vantages)}}));
    if (!report_.gaps.empty()) line(tell(Label::kIncomplete));
    blank();
  }

  static bool from_zone(const audit::Contradiction& c) {
    const auto begins = [&c](std::string_view with) { return c.vantage.starts_with(with); };
    return begins("internet") || begins("lan") || begins("zone:");
  }

  void contradictions() {
    if (report_.contradictions.empty()) return;
    add_wrapped(out_, "", tell(Label::kContradictionTitle), style_);
    for (const audit::Contradiction& c : report_.contradictions) {
      add_wrapped(out_, "  ",
                  tell(Label::kContradictionLine, {{"vantage", safe(c.vantage)},
                                                   {"to", c.to.to_string()},
                                                   {"port", contradicted_text(c)},
                                                   {"computed", c.computed},
                                                   {"observed", safe(c.observed)}}),
                  style_);
      if (!c.reason.empty()) add_wrapped(out_, "    ", c.reason, style_);
    }
    if (std::ranges::any_of(report_.contradictions, from_zone))
      add_wrapped(out_, "  ", tell(Label::kContradictionOutside), style_);
    blank();
  }

  void findings() {
    std::size_t number = 0;
    for (const Finding& finding : report_.findings) {
      if (!finding.suppressed_by.empty()) continue;
      show(++number, finding);
    }
    if (number != 0) return;
    line(tell(report_.unknown == 0 && report_.gaps.empty() ? Label::kNoFindings
                                                           : Label::kNoFindingsButUnknown));
    blank();
  }

  std::size_t severity_width() const {
    std::size_t width = 0;
    for (const Severity s : {Severity::kInfo, Severity::kLow, Severity::kMedium, Severity::kHigh,
                             Severity::kCritical}) {
      width = std::max(width, display_width(tell(severity_label(s))));
    }
    return width;
  }

  void show(std::size_t number, const Finding& finding) {
    const std::string n = std::to_string(number);
    const std::string severity = padded(tell(severity_label(finding.severity)), severity_width());
    const std::string code =
        audit::is_threat(finding.kind) ? std::string(to_string(finding.kind)) : "--";
    const std::string head =
        std::string(n.size() < 2 ? 2 - n.size() : 0, ' ') + n + " " + severity + " " + code + " ";
    std::string what = say(finding.what, finding, style_);
    if (audit::only_forged(finding.reaches)) what += " [" + tell(Label::kForgedTag) + "]";
    if (finding.state != State::kComputed) what += " [" + state_word(finding.state) + "]";
    std::string block;
    add_wrapped(block, head, what, style_);
    const std::size_t at = block.find(severity);
    if (at != std::string::npos)
      block.replace(at, severity.size(), inked(severity, ink_of(finding.severity), style_));
    out_ += block;
    field(Label::kWhy, say(finding.why, finding, style_));
    if (!finding.cures.empty()) field(Label::kFix, say(finding.cures.front().say, finding, style_));
    if (style_.details) details(finding);
    if (style_.details) blank();
  }

  std::string state_word(State state) const {
    const std::string text =
        tell(state == State::kConfirmed ? Label::kStateConfirmed : Label::kStateContradicted);
    return style_.details ? text : text.substr(0, text.find(' '));
  }

  void field(Label name, std::string_view text) {
    add_wrapped(out_, "     " + padded(tell(name), 4) + " ", text, style_);
  }
  void sub(std::string_view name, std::string_view text) {
    add_wrapped(out_, "     " + std::string(name) + ": ", text, style_);
  }

  // ------------------------------------------------------------------ all that stands behind it
  void details(const Finding& finding) {
    out_ += "     " + inked(finding.id, Ink::kDim, style_) + ", " +
            tell(state_label(finding.state)) + "\n";
    const auto reasons = each(finding.severity_reasons, [&](const audit::Text& reason) {
      return say(reason, finding, style_);
    });
    if (!reasons.empty()) sub(tell(Label::kBecause), listed(reasons));
    for (const audit::Text& note : finding.notes)
      sub(tell(Label::kNote), say(note, finding, style_));
    members(finding);
    for (const audit::LinkCrossing& c : finding.crossings) crossing(c, finding);
    if (finding.crossings.empty()) rules(Label::kClosing, finding.closing);
    rules(Label::kOpening, finding.opening);
    for (const Reach& reach : finding.reaches) reached(reach);
    for (const audit::Cure& cure : finding.cures) show(cure, finding);
    if (!finding.references.empty()) sub(tell(Label::kReferences), references_text(finding));
  }

  static Label state_label(State state) {
    switch (state) {
      case State::kComputed: return Label::kStateComputed;
      case State::kConfirmed: return Label::kStateConfirmed;
      case State::kContradicted: return Label::kStateContradicted;
    }
    return Label::kStateComputed;
  }

  void members(const Finding& finding) {
    const auto names =
        each(finding.members, [](const audit::Subject& m) { return safe(m.container); });
    if (!names.empty()) sub(tell(Label::kMembers), joined(names, style_));
  }

  void crossing(const audit::LinkCrossing& c, const Finding& finding) {
    add_wrapped(out_, "     ", crossing_text(c, style_), style_);
    for (const audit::Text& stop : c.stops)
      add_wrapped(out_, "       " + tell(Label::kCrossingStop) + ": ", say(stop, finding, style_),
                  style_);
  }

  void rules(Label name, const std::vector<audit::RuleQuote>& quotes) {
    for (const audit::RuleQuote& q : quotes) sub(tell(name), quote_text(q, style_));
  }

  void reached(const Reach& reach) {
    sub(tell(Label::kReachedFrom), reached_text(reach, style_));
    if (reach.socket)
      add_wrapped(out_, "       " + tell(Label::kSocket) + ": ", socket_text(*reach.socket),
                  style_);
    for (const audit::RuleQuote& q : reach.rules)
      add_wrapped(out_, "       " + tell(Label::kRules) + ": ", quote_text(q, style_), style_);
    for (const audit::PathStep& step : reach.path)
      add_wrapped(out_, "       " + tell(Label::kPath) + ": ", step_text(step, style_), style_);
  }

  void show(const audit::Cure& cure, const Finding& finding) {
    field(Label::kFix, say(cure.say, finding, style_));
    sub(tell(Label::kPaste, {{"where", cure.where}}), "");
    out_.pop_back();
    while (out_.ends_with(' ')) out_.pop_back();
    out_ += '\n';
    std::string_view rest = cure.paste;
    while (!rest.empty()) {  // never wrapped: it is to be pasted
      const std::size_t end = rest.find('\n');
      out_ += "       " + escape_text(rest.substr(0, end), 4096) + "\n";
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    effect(cure.effect);
  }

  void effect(const audit::Effect& effect) {
    if (!effect.computed) {
      add_wrapped(out_, "       ", tell(Label::kEffectUnknown), style_);
      return;
    }
    add_wrapped(out_, "       ", tell(effect.gone ? Label::kEffectGone : Label::kEffectStays),
                style_);
    if (effect.closes != 0) add_wrapped(out_, "       ", closes_text(effect, style_), style_);
    if (effect.opens != 0)
      add_wrapped(out_, "       ",
                  tell(Label::kEffectOpens, {{"count", std::to_string(effect.opens)}}), style_);
  }

  // ------------------------------------------------------------------ what else there is to know
  void reachable() {
    const auto by_zone = open_to_zones(report_, style_);
    if (!style_.details && !report_.findings.empty()) blank();
    if (by_zone.empty()) {
      line(tell(Label::kReachableNone));
      return;
    }
    line(tell(Label::kReachableTitle));
    for (const auto& [zone, what] : by_zone) {
      add_wrapped(out_, "  " + zone + ": ", listed(what), style_);
    }
  }

  void unknowns() {
    if (report_.unknown != 0) {
      line(tell(Label::kUnknownLine, {{"count", std::to_string(report_.unknown)},
                                      {"asked", std::to_string(report_.asked)}}));
      reasons(report_.unknowns);
    }
    attackers();
    std::size_t shown = 0;
    for (const auto& [what, reason] : report_.gaps) {
      if (!style_.details && shown++ == kMostGaps) break;
      line(tell(Label::kGaps,
                {{"what", escape_text(what, 100)}, {"reason", escape_text(reason, 200)}}));
    }
  }

  void reasons(const std::vector<audit::Unknown>& unknowns) {
    std::size_t shown = 0;
    for (const audit::Unknown& u : unknowns) {
      if (!style_.details && shown++ == kMostUnknowns) break;
      add_wrapped(out_, "  ", unknown_text(u, style_), style_);
    }
  }

  // On the first screen only what is not known: what opens is among the findings.
  void attackers() {
    const auto& pairs = report_.attackers;
    if (pairs.asked == 0 || (!style_.details && pairs.unknown == 0)) return;
    line(attackers_text(report_, style_));
    if (style_.details) reasons(report_.attacker_unknowns);
  }

  void suppressions() {
    std::size_t active = 0;
    for (const audit::SuppressionUse& use : report_.suppressions) {
      if (use.state == audit::SuppressionState::kActive) ++active;
      if (use.state == audit::SuppressionState::kExpired) {
        line(tell(Label::kSuppressionExpired,
                  {{"id", safe(use.id)}, {"expires", safe(use.expires)}}));
      }
      if (use.state == audit::SuppressionState::kUnused)
        line(tell(Label::kSuppressionUnused, {{"id", safe(use.id)}}));
    }
    if (active != 0) line(tell(Label::kSuppressedCount, {{"count", std::to_string(active)}}));
  }

  void foot() {
    std::map<Severity, std::size_t> by;
    std::size_t standing = 0, confirmed = 0;
    for (const Finding& f : report_.findings) {
      if (!f.suppressed_by.empty()) continue;
      ++standing;
      ++by[f.severity];
      confirmed += f.state == State::kConfirmed ? 1 : 0;
    }
    if (const auto zones = guessed_zones(report_); !zones.empty())
      line(tell(Label::kZonesGuessed, {{"zones", joined(zones, style_)}}));
    if (is_up_to_uplink(report_)) line(tell(Label::kUplinkPrivate));
    for (const std::string& compared : compared_lines(report_, style_)) line(compared);
    if (!style_.details && standing != 0) line(inked(tell(Label::kMoreHint), Ink::kDim, style_));
    line(tell(Label::kCounts, {{"findings", std::to_string(standing)},
                               {"critical", std::to_string(by[Severity::kCritical])},
                               {"high", std::to_string(by[Severity::kHigh])},
                               {"medium", std::to_string(by[Severity::kMedium])},
                               {"low", std::to_string(by[Severity::kLow] + by[Severity::kInfo])},
                               {"confirmed", std::to_string(confirmed)},
                               {"unknown", std::to_string(report_.unknown)}}));
  }

  const audit::Report& report_;
  const Style& style_;
  std::string out_;
};

}  // namespace

std::string audit_text(const audit::Report& report, const Style& style) {
  return Writer(report, style).write();
}

}  // namespace bulkhead::report
