#include "report/status_text.h"

#include <array>

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

Label label_of(Uncovered::Why why) {
  switch (why) {
    case Uncovered::Why::kSince: return Label::kStatusSince;
    case Uncovered::Why::kAnew: return Label::kStatusAnew;
    case Uncovered::Why::kMoved: return Label::kStatusMoved;
  }
  return Label::kStatusSince;
}

class StatusWriter {
 public:
  StatusWriter(const Standing& standing, const Style& style) : standing_(standing), style_(style) {}

  std::string write() {
    if (standing_.applied) {
      applied(*standing_.applied);
    } else {
      tell(Label::kStatusNothing, {{"host", safe(standing_.host)}});
      if (standing_.foreign) tell(Label::kStatusForeign);
    }
    if (standing_.taken_back) taken_back(*standing_.taken_back);
    return std::move(out_);
  }

 private:
  using Pairs = std::vector<std::pair<std::string_view, std::string>>;

  void tell(Label label, const Pairs& values = {}, std::string_view head = "") {
    add_wrapped(out_, head, say(label, style_, values), style_);
  }
  void list(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) add_wrapped(out_, "  ! ", line, style_);
  }

  void applied(const Applied& a) {
    const std::string who =
        (a.user.empty() ? "" : safe(a.user) + ", ") + "uid " + std::to_string(a.uid);
    tell(Label::kStatusApplied, {{"file", escape_text(a.file)},
                                 {"host", safe(standing_.host)},
                                 {"time", utc_text(a.at_ms)},
                                 {"user", who}});
    tell(Label::kStatusHeld,
         {{"containers", std::to_string(a.held.size())}, {"elements", std::to_string(a.elements)}});
    if (style_.details) {
      for (const HeldName& one : a.held)
        out_ += "  " + safe(one.engine) + "/" + safe(one.name) + "\n";
    }
    if (a.host_held) tell(Label::kAppliedHost);
    if (a.file_changed.value_or(false)) tell(Label::kStatusFileChanged);
    awaiting(a);
    kernel(a);
    containers(a);
    not_held(a);
  }

  void awaiting(const Applied& a) {
    if (a.interrupted) tell(Label::kStatusInterrupted);
    if (a.until_ms == 0) return;
    tell(Label::kStatusAwaits, {{"time", utc_seconds_text(a.until_ms)}});
    if (!a.guarded) tell(Label::kStatusNoGuardian);
  }

  void kernel(const Applied& a) {
    if (a.unread) {
      tell(Label::kStatusUnread, {{"reason", *a.unread}});
    } else if (a.differences.empty()) {
      tell(Label::kStatusExact);
    } else {
      out_ += inked(say(Label::kStatusDrift, style_), Ink::kRed, style_) + "\n";
      list(a.differences);
    }
  }

  void containers(const Applied& a) {
    if (a.unknown) tell(Label::kStatusUncoveredUnknown, {{"reason", *a.unknown}});
    if (a.uncovered.empty()) return;
    out_ += inked(say(Label::kStatusUncovered, style_), Ink::kRed, style_) + "\n";
    for (const Uncovered& one : a.uncovered)
      tell(label_of(one.why), {{"container", safe(one.engine) + "/" + safe(one.name)}}, "  ! ");
  }

  void not_held(const Applied& a) {
    tell(Label::kPlanNotHeld);
    list(a.unheld);
    for (const Label label : {Label::kStatusNoGuard, Label::kStatusNoRearm, Label::kStatusNoBoot})
      tell(label, {}, "  ! ");
  }

  void taken_back(const TakenBack& t) {
    tell(t.unconfirmed ? Label::kStatusUnconfirmed : Label::kStatusTakenBack,
         {{"file", escape_text(t.file)}, {"time", utc_text(t.at_ms)}});
  }

  const Standing& standing_;
  const Style& style_;
  std::string out_;
};

}  // namespace

bool Standing::sound() const {
  if (!applied) return !foreign;
  const bool left_alone = applied->until_ms != 0 && !applied->guarded;
  return applied->differences.empty() && applied->uncovered.empty() && !applied->interrupted &&
         !left_alone;
}

bool Standing::known() const {
  return !applied || (!applied->unread && !applied->unknown);
}

std::string status_text(const Standing& standing, const Style& style) {
  return StatusWriter(standing, style).write();
}

}  // namespace bulkhead::report
