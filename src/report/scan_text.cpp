#include "report/scan_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <system_error>

#include "audit/inventory.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/views_parts.h"

namespace bulkhead::report {
namespace {

using scan::Aim;
using scan::OpenPort;
using scan::PortRun;
using scan::Proof;
using scan::State;

constexpr std::size_t kMostOpenShown = 40;  // of one address, without details
constexpr std::size_t kMostDisagreementsShown = 50;

Label proof_label(Proof proof) {
  switch (proof) {
    case Proof::kAccepted: return Label::kProofAccepted;
    case Proof::kReset: return Label::kProofReset;
    case Proof::kPortUnreachable: return Label::kProofPortUnreachable;
    case Proof::kSilence: return Label::kProofSilence;
    case Proof::kIcmp: return Label::kProofIcmp;
    case Proof::kSendRefused: return Label::kProofSendRefused;
    case Proof::kLost: return Label::kProofLost;
    case Proof::kNoSocket: return Label::kProofNoSocket;
    case Proof::kNotFinished: return Label::kProofNotFinished;
    case Proof::kNoUdpAnswer: return Label::kProofNoUdpAnswer;
    case Proof::kUnchecked: return Label::kProofUnchecked;
  }
  return Label::kProofNotFinished;
}

Label state_label(State state) {
  switch (state) {
    case State::kOpen: return Label::kStateOpen;
    case State::kClosed: return Label::kStateClosed;
    case State::kFiltered: return Label::kStateFiltered;
    case State::kUnknown: return Label::kStateUnknown;
  }
  return Label::kStateUnknown;
}

std::string count(std::uint64_t n) {
  return std::to_string(n);
}

std::string range_text(const scan::PortRange& range) {
  return range.first == range.last ? count(range.first)
                                   : count(range.first) + "-" + count(range.last);
}

class ScanWriter {
 public:
  ScanWriter(const model::Snapshot& snapshot, const scan::Result& result, const Style& style)
      : snapshot_(snapshot), result_(result), style_(style) {}

  std::string write() {
    add_wrapped(out_, "",
                tell(Label::kScanTitle, {{"seats", count(result_.plan.seats.size())},
                                         {"targets", count(result_.plan.aims.size())}}),
                style_);
    disagreements();
    for (const auto& left : result_.plan.left_out) {
      add_wrapped(out_, "  ",
                  tell(Label::kScanLeftOut,
                       {{"seat", safe(left.what)}, {"reason", escape_text(left.why, 160)}}),
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

  [[nodiscard]] std::string proof_text(const PortRun& run) const {
    std::string out = tell(proof_label(run.proof));
    if (run.error != 0) out += " (" + std::generic_category().message(run.error) + ")";
    return out;
  }

  [[nodiscard]] std::string whose(const Aim& aim) const {
    std::string out;
    for (const model::NsId ns : aim.at)
      out += (out.empty() ? "" : ", ") + safe(audit::name_of(snapshot_, ns));
    return out;
  }

  void disagreements() {
    const auto& all = result_.judged.disagreements;
    for (std::size_t i = 0; i < std::min(all.size(), kMostDisagreementsShown); ++i) one(all[i]);
    if (all.size() > kMostDisagreementsShown) {
      add_wrapped(out_, "  ",
                  tell(Label::kScanMore, {{"count", count(all.size() - kMostDisagreementsShown)}}),
                  style_);
    }
  }

  // Both sides, with what each rests on.
  void one(const scan::Disagreement& d) {
    const Aim& aim = result_.plan.aims[d.aim];
    std::string to = dial_text(aim.to, Port{d.observed.ports.first});
    if (d.observed.ports.first != d.observed.ports.last) to += "-" + count(d.observed.ports.last);
    const std::string head =
        tell(Label::kScanDisagreement, {{"from", safe(result_.plan.seats[aim.seat].vantage)},
                                        {"to", to + "/" + to_string(aim.protocol)},
                                        {"whose", whose(aim)}});
    add_wrapped(out_, "", inked(head, Ink::kRed, style_), style_);
    add_wrapped(out_, "    ",
                tell(Label::kScanObserved, {{"state", tell(state_label(d.observed.state))},
                                            {"proof", proof_text(d.observed)}}),
                style_);
    std::string reason = d.reason.empty() ? tell(how_label(d.how)) : d.reason;
    add_wrapped(out_, "    ",
                tell(Label::kScanComputed,
                     {{"verdict", tell(verdict_label(d.computed))}, {"reason", reason}}),
                style_);
    for (const audit::RuleQuote& rule : d.rules)
      add_wrapped(out_, "      ", rule_text(rule), style_);
  }

  void seat(std::size_t index) {
    const scan::Seat& seat = result_.plan.seats[index];
    std::string names;
    for (const std::string& name : seat.names) names += (names.empty() ? "" : ", ") + safe(name);
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
    std::string head = aim.to.to_string() + " " + std::string(to_string(aim.protocol));
    if (const std::string who = whose(aim); !who.empty()) head += "  " + who;
    add_wrapped(out_, "  ", head, style_);
    const std::size_t shown = style_.details ? open.size() : std::min(open.size(), kMostOpenShown);
    for (std::size_t i = 0; i < shown; ++i) open_port(aim, open[i]);
    if (shown < open.size()) {
      add_wrapped(out_, "    ", tell(Label::kScanMore, {{"count", count(open.size() - shown)}}),
                  style_);
    }
    if (style_.details) {
      add_wrapped(out_, "    ", counts_text(counts), style_);
      for (const PortRun& run : runs) {
        if (run.state == State::kFiltered || run.state == State::kUnknown) not_told(run);
      }
    }
    return true;
  }

  void not_told(const PortRun& run) {
    add_wrapped(out_, "    " + padded(range_text(run.ports), 12) + " ",
                tell(state_label(run.state)) + ": " + proof_text(run), style_);
  }

  void open_port(const Aim& aim, const OpenPort& port) {
    Label label = Label::kScanConfirmed;
    Ink ink = Ink::kPlain;
    switch (port.agreement) {
      case scan::Agreement::kConfirmed: break;
      case scan::Agreement::kResolved: label = Label::kScanResolved, ink = Ink::kYellow; break;
      case scan::Agreement::kDisagrees: label = Label::kScanDisagrees, ink = Ink::kRed; break;
    }
    std::string text = service(aim, port);
    text += (text.empty() ? "" : ", ") + tell(label);
    add_wrapped(out_, "    " + padded(count(port.port.number), 6) + " ", inked(text, ink, style_),
                style_);
  }

  [[nodiscard]] std::string service(const Aim& aim, const OpenPort& port) const {
    if (port.service) return safe(port.service->name) + " (" + safe(port.service->access) + ")";
    return listener_text(port.socket, port.port, aim.protocol, style_);
  }

  [[nodiscard]] std::string counts_text(const std::array<std::uint64_t, scan::kStates>& n) const {
    return tell(Label::kScanCounts, {{"open", count(n[0])},
                                     {"closed", count(n[1])},
                                     {"filtered", count(n[2])},
                                     {"unknown", count(n[3])}});
  }

  void totals() {
    std::array<std::uint64_t, scan::kStates> sum{};
    std::uint64_t sent = 0, lost = 0;
    for (const scan::Swept& swept : result_.swept) {
      const auto counts = scan::count_states(swept.runs);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counts[i];
      sent += swept.counts.sent;
      lost += swept.counts.lost;
    }
    const scan::Judged& judged = result_.judged;
    add_wrapped(out_, "",
                tell(Label::kScanAgreement, {{"confirmed", count(judged.confirmed)},
                                             {"resolved", count(judged.resolved)},
                                             {"disagreeing", count(judged.disagreeing)},
                                             {"unproven", count(judged.unproven)}}),
                style_);
    const std::uint64_t ms = std::max<std::uint64_t>(result_.elapsed_ms, 1);
    add_wrapped(
        out_, "",
        counts_text(sum) +
            tell(Label::kScanRates, {{"sent", count(sent)},
                                     {"rate", count(sent * 1000 / ms)},
                                     {"lost", count(lost)},
                                     {"seats", count(result_.plan.seats.size())},
                                     {"seconds", count(ms / 1000) + "." + count(ms / 100 % 10)}}),
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
