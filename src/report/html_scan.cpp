#include <algorithm>
#include <array>

#include "base/text.h"
#include "report/html.h"
#include "report/page.h"
#include "report/parts.h"
#include "report/scan_parts.h"
#include "report/views_parts.h"

namespace bulkhead::report {
namespace {

using scan::Aim;
using scan::OpenPort;
using scan::PortRun;

constexpr std::size_t kMostOpen = 4096;  // rows of one seat and address
constexpr std::size_t kLongestWhy = 160;

class ScanPage {
 public:
  ScanPage(const model::Snapshot& snapshot, const scan::Result& result, const Style& style)
      : snapshot_(snapshot),
        result_(result),
        style_(style),
        page_(title(snapshot, result, style), style) {}

  std::string write() {
    totals();
    if (!result_.finished) page_.text(tell(Label::kScanPartial), Tone::kBad);
    for (const auto& left : result_.plan.left_out)
      page_.text(tell(Label::kScanLeftOut,
                      {{"seat", safe(left.what)}, {"reason", escape_text(left.why, kLongestWhy)}}),
                 Tone::kBad);
    for (const auto& note : result_.plan.notes)
      page_.text(tell(Label::kScanNote,
                      {{"what", safe(note.what)}, {"reason", escape_text(note.why, kLongestWhy)}}),
                 Tone::kNote);
    for (const scan::Disagreement& d : result_.judged.disagreements) disagreement(d);
    for (const scan::BeyondFinding& finding : result_.beyond) beyond(finding);
    for (std::size_t i = 0; i < result_.plan.seats.size(); ++i) seat(i);
    return page_.finish();
  }

 private:
  using Values = std::vector<std::pair<std::string_view, std::string>>;

  static std::string title(const model::Snapshot& snapshot, const scan::Result& result,
                           const Style& style) {
    std::string out = safe(snapshot.host_name) + ", " + utc_text(snapshot.taken_at_ms) + ": " +
                      say(Label::kScanTitle, style,
                          {{"seats", std::to_string(result.plan.seats.size())},
                           {"targets", std::to_string(result.plan.aims.size())}});
    if (out.ends_with(':')) out.pop_back();  // nothing follows it here
    return out;
  }

  [[nodiscard]] std::string tell(Label label, const Values& values = {}) const {
    return say(label, style_, values);
  }

  void totals() {
    std::array<std::uint64_t, scan::kStates> sum{};
    for (const scan::Swept& swept : result_.swept) {
      const auto counts = scan::count_states(swept.runs);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counts[i];
    }
    std::vector<std::pair<std::string, std::string>> numbers;
    for (const scan::State state :
         {scan::State::kOpen, scan::State::kClosed, scan::State::kFiltered, scan::State::kUnknown})
      numbers.emplace_back(std::to_string(sum[static_cast<std::size_t>(state)]),
                           tell(state_label(state)));
    page_.numbers(numbers);
    page_.text(agreement_text(result_.judged, style_),
               result_.judged.disagreements.empty() ? Tone::kGood : Tone::kBad);
  }

  void disagreement(const scan::Disagreement& d) {
    const DisagreementText text = disagreement_text(snapshot_, result_, d, style_);
    page_.begin_card(Tone::kBad);
    page_.card_title({}, text.head);
    page_.text(text.observed);
    page_.text(text.computed);
    for (const audit::RuleQuote& rule : d.rules) page_.field(tell(Label::kRules), rule_text(rule));
    page_.end_card();
  }

  void beyond(const scan::BeyondFinding& finding) {
    const BeyondText text = beyond_text(result_, finding, style_);
    const bool bad = finding.severity >= audit::Severity::kHigh && finding.suppressed_by.empty();
    page_.begin_card(bad ? Tone::kBad : Tone::kNote);
    page_.card_title({}, text.head);
    for (const std::string& line : {text.permitted, text.suppressed})
      if (!line.empty()) page_.text(line);
    page_.end_card();
  }

  void seat(std::size_t index) {
    page_.heading(names_text(result_.plan.seats[index]));
    if (index < result_.checks.size() && !result_.checks[index].passed)
      page_.text(tell(Label::kScanUnchecked,
                      {{"reason", escape_text(result_.checks[index].why, kLongestWhy)}}),
                 Tone::kBad);
    bool any = false;
    for (std::size_t i = 0; i < result_.plan.aims.size(); ++i) {
      if (result_.plan.aims[i].seat == index) any = target(i) || any;
    }
    if (!any) page_.text(tell(Label::kScanNothingOpen));
  }

  // False: nothing is open there.
  bool target(std::size_t index) {
    const Aim& aim = result_.plan.aims[index];
    const std::vector<OpenPort>& open = result_.judged.open[index];
    std::string head = aim.scoped().to_string() + " " + std::string(to_string(aim.protocol));
    if (const std::string who = whose_text(snapshot_, aim); !who.empty()) head += ", " + who;
    if (!open.empty()) {
      page_.begin_table({head, tell(Label::kStateOpen), tell(Label::kPageAgreement)});
      for (std::size_t i = 0; i < std::min(open.size(), kMostOpen); ++i) open_port(aim, open[i]);
      page_.end_table();
      if (open.size() > kMostOpen)
        page_.text(tell(Label::kScanMore, {{"count", std::to_string(open.size() - kMostOpen)}}));
    }
    rest(head, result_.swept[index].runs);
    return !open.empty();
  }

  void open_port(const Aim& aim, const OpenPort& port) {
    Tone tone = Tone::kPlain;
    if (port.agreement == scan::Agreement::kResolved) tone = Tone::kNote;
    if (port.service && port.service->access == "open") tone = Tone::kWarning;
    const bool unowned = port.service && port.service->access == "unowned";
    if (unowned || port.agreement == scan::Agreement::kDisagrees) tone = Tone::kBad;
    page_.row({std::to_string(port.port.number), open_service_text(aim, port, style_),
               tell(agreement_label(port.agreement))},
              tone);
  }

  // What is not open, and why: closed until somebody asks.
  void rest(const std::string& head, const std::vector<PortRun>& runs) {
    const auto untold = [](const PortRun& run) {
      return run.state == scan::State::kFiltered || run.state == scan::State::kUnknown;
    };
    page_.begin_details(head + ": " + counts_text(scan::count_states(runs), style_));
    for (const PortRun& run : runs) {
      if (untold(run))
        page_.field(range_text(run.ports),
                    tell(state_label(run.state)) + ": " + proof_text(run, style_));
    }
    page_.end_details();
  }

  const model::Snapshot& snapshot_;
  const scan::Result& result_;
  const Style& style_;
  Page page_;
};

}  // namespace

std::string scan_html(const model::Snapshot& snapshot, const scan::Result& result,
                      const Style& style) {
  return ScanPage(snapshot, result, style).write();
}

}  // namespace bulkhead::report
