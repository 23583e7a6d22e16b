#include "report/scan_text.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/scan_parts.h"
#include "report/views_parts.h"

namespace bulkhead::report {
namespace {

using scan::Aim;
using scan::OpenPort;
using scan::PortRun;

constexpr std::size_t kMostOpenShown = 40;  // of one address, without details
constexpr std::size_t kMostDisagreementsShown = 50;

class ScanWriter {
 public:
  ScanWriter(const model::Snapshot& snapshot, const scan::Result& result, const Style& style)
      : snapshot_(snapshot), result_(result), style_(style) {}

  std::string write() {
    add_wrapped(out_, "",
                tell(Label::kScanTitle, {{"seats", std::to_string(result_.plan.seats.size())},
                                         {"targets", std::to_string(result_.plan.aims.size())}}),
                style_);
    disagreements();
    for (const scan::BeyondFinding& finding : result_.beyond) beyond(finding);
    for (const auto& left : result_.plan.left_out) {
      add_wrapped(out_, "  ",
                  tell(Label::kScanLeftOut,
                       {{"seat", safe(left.what)}, {"reason", escape_text(left.why, 160)}}),
                  style_);
    }
    for (const auto& note : result_.plan.notes) {
      add_wrapped(out_, "  ",
                  tell(Label::kScanNote,
                       {{"what", safe(note.what)}, {"reason", escape_text(note.why, 160)}}),
                  style_);
    }
    if (!result_.finished) add_wrapped(out_, "  ", tell(Label::kScanPartial), style_);
    for (std::size_t i = 0; i < result_.plan.seats.size(); ++i) seat(i);
    totals();
    return std::move(out_);
  }

 private:
  using Values = std::vector<std::pair<std::string_view, std::string>>;
  [[nodiscard]] std::string tell(Label label, const Values& values = {}) const {
    return say(label, style_, values);
  }

  void disagreements() {
    const auto& all = result_.judged.disagreements;
    for (std::size_t i = 0; i < std::min(all.size(), kMostDisagreementsShown); ++i) one(all[i]);
    if (all.size() > kMostDisagreementsShown) {
      add_wrapped(
          out_, "  ",
          tell(Label::kScanMore, {{"count", std::to_string(all.size() - kMostDisagreementsShown)}}),
          style_);
    }
  }

  // Both sides, with what each rests on.
  void one(const scan::Disagreement& d) {
    const DisagreementText text = disagreement_text(snapshot_, result_, d, style_);
    add_wrapped(out_, "", inked(text.head, Ink::kRed, style_), style_);
    add_wrapped(out_, "    ", text.observed, style_);
    add_wrapped(out_, "    ", text.computed, style_);
    for (const audit::RuleQuote& rule : d.rules)
      add_wrapped(out_, "      ", rule_text(rule), style_);
  }

  void beyond(const scan::BeyondFinding& finding) {
    const BeyondText text = beyond_text(result_, finding, style_);
    const bool red = finding.severity >= audit::Severity::kHigh && finding.suppressed_by.empty();
    add_wrapped(out_, "", inked(text.head, red ? Ink::kRed : Ink::kYellow, style_), style_);
    for (const std::string& line : {text.permitted, text.suppressed})
      if (!line.empty()) add_wrapped(out_, "    ", line, style_);
  }

  void seat(std::size_t index) {
    const std::string names = names_text(result_.plan.seats[index]);
    std::vector<std::size_t> mine;
    for (std::size_t i = 0; i < result_.plan.aims.size(); ++i) {
      if (result_.plan.aims[i].seat == index) mine.push_back(i);
    }
    add_wrapped(out_, "",
                inked(shortened(names, 60), Ink::kBold, style_) +
                    (mine.empty() ? std::string() : engine_text(index)),
                style_);
    bool any = false;
    for (const std::size_t i : mine) any = target(i) || any;
    if (!any) add_wrapped(out_, "  ", tell(Label::kScanNothingOpen), style_);
  }

  [[nodiscard]] std::string engine_text(std::size_t index) {
    if (index >= result_.checks.size()) return {};
    const scan::SeatCheck& check = result_.checks[index];
    if (!check.passed) return "  " + tell(Label::kScanUnchecked, {{"reason", check.why}});
    return "  (" + std::string(to_string(check.engine)) + ")";
  }

  // False: it has nothing to show.
  bool target(std::size_t index) {
    const auto& open = result_.judged.open[index];
    const auto& runs = result_.swept[index].runs;
    const auto counts = scan::count_states(runs);
    if (open.empty() && !style_.details) return false;
    const Aim& aim = result_.plan.aims[index];
    std::string head = aim.scoped().to_string() + " " + std::string(to_string(aim.protocol));
    if (const std::string who = whose_text(snapshot_, aim); !who.empty()) head += "  " + who;
    if (aim.beyond) head += "  " + safe(result_.plan.beyond[*aim.beyond].target);
    add_wrapped(out_, "  ", head, style_);
    const std::size_t shown = style_.details ? open.size() : std::min(open.size(), kMostOpenShown);
    for (std::size_t i = 0; i < shown; ++i) open_port(aim, open[i]);
    if (shown < open.size()) {
      add_wrapped(out_, "    ",
                  tell(Label::kScanMore, {{"count", std::to_string(open.size() - shown)}}), style_);
    }
    if (style_.details) {
      add_wrapped(out_, "    ", counts_text(counts, style_), style_);
      for (const PortRun& run : runs) {
        if (run.state == scan::State::kFiltered || run.state == scan::State::kUnknown)
          not_told(run);
      }
    }
    return true;
  }

  void not_told(const PortRun& run) {
    add_wrapped(out_, "    " + padded(range_text(run.ports), 12) + " ",
                tell(state_label(run.state)) + ": " + proof_text(run, style_), style_);
  }

  void open_port(const Aim& aim, const OpenPort& port) {
    Ink ink = Ink::kPlain;
    if (port.agreement == scan::Agreement::kResolved) ink = Ink::kYellow;
    if (port.agreement == scan::Agreement::kDisagrees) ink = Ink::kRed;
    std::string text = open_service_text(aim, port, style_);
    text += (text.empty() ? "" : ", ") + tell(agreement_label(port.agreement));
    add_wrapped(out_, "    " + padded(std::to_string(port.port.number), 6) + " ",
                inked(text, ink, style_), style_);
  }

  void totals() {
    if (result_.paused_ms != 0)
      add_wrapped(
          out_, "",
          tell(Label::kScanPaused, {{"seconds", std::to_string((result_.paused_ms + 999) / 1000)}}),
          style_);
    std::array<std::uint64_t, scan::kStates> sum{};
    std::uint64_t sent = 0, lost = 0;
    for (const scan::Swept& swept : result_.swept) {
      const auto counts = scan::count_states(swept.runs);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counts[i];
      sent += swept.counts.sent;
      lost += swept.counts.lost;
    }
    add_wrapped(out_, "", agreement_text(result_.judged, style_), style_);
    const std::uint64_t ms = std::max<std::uint64_t>(result_.elapsed_ms, 1);
    add_wrapped(out_, "",
                counts_text(sum, style_) +
                    tell(Label::kScanRates, {{"sent", std::to_string(sent)},
                                             {"rate", std::to_string(sent * 1000 / ms)},
                                             {"lost", std::to_string(lost)},
                                             {"seats", std::to_string(result_.plan.seats.size())},
                                             {"seconds", std::to_string(ms / 1000) + "." +
                                                             std::to_string(ms / 100 % 10)}}),
                style_);
  }

  const model::Snapshot& snapshot_;
  const scan::Result& result_;
  const Style& style_;
  std::string out_;
};

}  // namespace

std::string scan_text(const model::Snapshot& snapshot, const scan::Result& result,
                      const Style& style) {
  return ScanWriter(snapshot, result, style).write();
}

}  // namespace bulkhead::report
