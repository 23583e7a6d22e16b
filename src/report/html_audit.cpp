#include <algorithm>
#include <map>

#include "base/text.h"
#include "report/audit_parts.h"
#include "report/html.h"
#include "report/page.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using audit::Finding;
using audit::Severity;
using audit::State;

constexpr std::size_t kLongestLine = 4096;

Tone tone_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
    case Severity::kHigh: return Tone::kBad;
    case Severity::kMedium: return Tone::kWarning;
    case Severity::kLow: return Tone::kNote;
    case Severity::kInfo: return Tone::kPlain;
  }
  return Tone::kPlain;
}

// Each line of what is to be pasted, escaped for itself: line ends stay.
std::string escaped_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += (out.empty() ? "" : "\n") + escape_text(text.substr(0, end), kLongestLine);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

class AuditPage {
 public:
  AuditPage(const audit::Report& report, const Style& style)
      : report_(report),
        style_(style),
        page_(say(Label::kAuditTitle, style,
                  {{"host", safe(report.host_name)}, {"time", utc_text(report.at_ms)}}),
              style) {}

  std::string write() {
    head();
    contradictions();
    bool any = false;
    for (const Finding& finding : report_.findings) {
      if (!finding.suppressed_by.empty()) continue;
      any = true;
      show(finding);
    }
    if (!any) {
      const bool clean = report_.unknown == 0 && report_.gaps.empty();
      page_.text(tell(clean ? Label::kNoFindings : Label::kNoFindingsButUnknown),
                 clean ? Tone::kGood : Tone::kWarning);
    }
    reachable();
    unknowns();
    foot();
    return page_.finish();
  }

 private:
  using Values = std::vector<std::pair<std::string_view, std::string>>;
  [[nodiscard]] std::string tell(Label label, const Values& values = {}) const {
    return say(label, style_, values);
  }

  void head() {
    const auto engines =
        each(report_.engines, [](const std::string& engine) { return safe(engine); });
    page_.text(tell(Label::kAuditScope, {{"engines", engines.empty() ? tell(Label::kNoEngine)
                                                                     : joined(engines, style_)},
                                         {"containers", std::to_string(report_.containers)},
                                         {"services", std::to_string(report_.services)},
                                         {"vantages", std::to_string(report_.vantages)}}));
    if (!report_.gaps.empty()) page_.text(tell(Label::kIncomplete), Tone::kWarning);
    std::map<Severity, std::size_t> by;
    for (const Finding& f : report_.findings) by[f.severity] += f.suppressed_by.empty() ? 1 : 0;
    std::vector<std::pair<std::string, std::string>> counts;
    for (const Severity s :
         {Severity::kCritical, Severity::kHigh, Severity::kMedium, Severity::kLow, Severity::kInfo})
      counts.emplace_back(std::to_string(by[s]), tell(severity_label(s)));
    page_.numbers(counts);
  }

  void contradictions() {
    if (report_.contradictions.empty()) return;
    page_.heading(tell(Label::kContradictionTitle));
    for (const audit::Contradiction& c : report_.contradictions) {
      page_.text(tell(Label::kContradictionLine, {{"vantage", safe(c.vantage)},
                                                  {"to", c.to.to_string()},
                                                  {"port", contradicted_text(c)},
                                                  {"computed", c.computed},
                                                  {"observed", safe(c.observed)}}),
                 Tone::kBad);
      if (!c.reason.empty()) page_.text(c.reason);
    }
  }

  void show(const Finding& finding) {
    std::vector<std::pair<std::string, Tone>> marks{
        {tell(severity_label(finding.severity)), tone_of(finding.severity)}};
    if (audit::is_threat(finding.kind))
      marks.emplace_back(std::string(to_string(finding.kind)), Tone::kPlain);
    if (audit::only_forged(finding.reaches))
      marks.emplace_back(tell(Label::kForgedTag), Tone::kNote);
    if (finding.state == State::kConfirmed)
      marks.emplace_back(tell(Label::kStateConfirmed), Tone::kBad);
    if (finding.state == State::kContradicted)
      marks.emplace_back(tell(Label::kStateContradicted), Tone::kNote);
    page_.begin_card(tone_of(finding.severity));
    page_.card_title(marks, say(finding.what, finding, style_));
    page_.field(tell(Label::kWhy), say(finding.why, finding, style_));
    if (!finding.cures.empty())
      page_.field(tell(Label::kFix), say(finding.cures.front().say, finding, style_));
    page_.begin_details(finding.id);
    evidence(finding);
    for (const audit::Cure& cure : finding.cures) show(cure, finding);
    page_.end_details();
    page_.end_card();
  }

  void evidence(const Finding& finding) {
    for (const audit::Text& reason : finding.severity_reasons)
      page_.field(tell(Label::kBecause), say(reason, finding, style_));
    for (const audit::Text& note : finding.notes)
      page_.field(tell(Label::kNote), say(note, finding, style_));
    const auto members =
        each(finding.members, [](const audit::Subject& m) { return safe(m.container); });
    if (!members.empty()) page_.field(tell(Label::kMembers), joined(members, style_));
    for (const audit::LinkCrossing& c : finding.crossings) crossing(c, finding);
    if (finding.crossings.empty()) rules(Label::kClosing, finding.closing);
    rules(Label::kOpening, finding.opening);
    for (const audit::Reach& reach : finding.reaches) reached(reach);
    if (!finding.references.empty())
      page_.field(tell(Label::kReferences), references_text(finding));
  }

  void crossing(const audit::LinkCrossing& c, const Finding& finding) {
    page_.text(crossing_text(c, style_));
    for (const audit::Text& stop : c.stops)
      page_.field(tell(Label::kCrossingStop), say(stop, finding, style_));
  }

  void rules(Label name, const std::vector<audit::RuleQuote>& quotes) {
    for (const audit::RuleQuote& q : quotes) page_.field(tell(name), quote_text(q, style_));
  }

  void reached(const audit::Reach& reach) {
    page_.field(tell(Label::kReachedFrom), reached_text(reach, style_));
    if (reach.socket) page_.field(tell(Label::kSocket), socket_text(*reach.socket));
    rules(Label::kRules, reach.rules);
    for (const audit::PathStep& step : reach.path)
      page_.field(tell(Label::kPath), step_text(step, style_));
  }

  void show(const audit::Cure& cure, const Finding& finding) {
    page_.field(tell(Label::kFix), say(cure.say, finding, style_));
    page_.code(tell(Label::kPaste, {{"where", cure.where}}), escaped_lines(cure.paste));
    const audit::Effect& effect = cure.effect;
    if (!effect.computed) return page_.text(tell(Label::kEffectUnknown));
    page_.text(tell(effect.gone ? Label::kEffectGone : Label::kEffectStays),
               effect.gone ? Tone::kGood : Tone::kWarning);
    if (effect.closes != 0) page_.text(closes_text(effect, style_));
    if (effect.opens != 0)
      page_.text(tell(Label::kEffectOpens, {{"count", std::to_string(effect.opens)}}),
                 Tone::kWarning);
  }

  void reachable() {
    auto by_zone = open_to_zones(report_, style_);
    std::ranges::sort(by_zone, {}, [](const auto& zone) { return zone.first; });
    page_.heading(tell(by_zone.empty() ? Label::kReachableNone : Label::kReachableTitle));
    for (const auto& [zone, what] : by_zone) {
      page_.begin_table({zone});
      for (const std::string& one : what) page_.row({one});
      page_.end_table();
    }
  }

  void unknowns() {
    if (report_.unknown != 0) {
      page_.text(tell(Label::kUnknownLine, {{"count", std::to_string(report_.unknown)},
                                            {"asked", std::to_string(report_.asked)}}),
                 Tone::kWarning);
      reasons(report_.unknowns);
    }
    if (report_.attackers.asked != 0) {
      page_.text(attackers_text(report_, style_));
      reasons(report_.attacker_unknowns);
    }
    for (const auto& [what, reason] : report_.gaps)
      page_.text(tell(Label::kGaps,
                      {{"what", escape_text(what, 100)}, {"reason", escape_text(reason, 400)}}),
                 Tone::kWarning);
  }

  void reasons(const std::vector<audit::Unknown>& unknowns) {
    for (const audit::Unknown& u : unknowns) page_.text(unknown_text(u, style_));
  }

  void foot() {
    if (const auto zones = guessed_zones(report_); !zones.empty())
      page_.text(tell(Label::kZonesGuessed, {{"zones", joined(zones, style_)}}));
    if (is_up_to_uplink(report_)) page_.text(tell(Label::kUplinkPrivate));
    for (const std::string& compared : compared_lines(report_, style_)) page_.text(compared);
    const auto suppressed = std::ranges::count_if(
        report_.findings, [](const Finding& f) { return !f.suppressed_by.empty(); });
    if (suppressed != 0)
      page_.text(tell(Label::kSuppressedCount, {{"count", std::to_string(suppressed)}}));
  }

  const audit::Report& report_;
  const Style& style_;
  Page page_;
};

}  // namespace

std::string audit_html(const audit::Report& report, const Style& style) {
  return AuditPage(report, style).write();
}

}  // namespace bulkhead::report
