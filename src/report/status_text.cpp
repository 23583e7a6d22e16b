#include "report/status_text.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

constexpr std::size_t kShownRefused = 10;  // of a tenant, without details
constexpr std::size_t kShownInterfaces = 8;

Label label_of(Uncovered::Why why) {
  switch (why) {
    case Uncovered::Why::kSince: return Label::kStatusSince;
    case Uncovered::Why::kAnew: return Label::kStatusAnew;
    case Uncovered::Why::kMoved: return Label::kStatusMoved;
  }
  return Label::kStatusSince;
}

Label label_of(const Shifted& one) {
  switch (one.change) {
    case Shifted::Change::kRenamed:
      return one.role == Shifted::Role::kBridge ? Label::kStatusRenamedBridge
                                                : Label::kStatusRenamed;
    case Shifted::Change::kGone: return Label::kStatusGone;
    case Shifted::Change::kAnew: return Label::kStatusMadeAnew;
    case Shifted::Change::kNew: return Label::kStatusCame;
  }
  return Label::kStatusCame;
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

  void names(const std::vector<HeldName>& all) {
    for (const HeldName& one : all) out_ += "  " + safe(one.engine) + "/" + safe(one.name) + "\n";
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
    if (style_.details) names(a.held);
    if (a.host_held) tell(Label::kAppliedHost);
    if (a.audited) audited(*a.audited);
    if (a.file_changed.value_or(false)) tell(Label::kStatusFileChanged);
    awaiting(a);
    kernel(a);
    containers(a);
    interfaces(a);
    not_held(a);
  }

  void audited(const Audited& a) {
    tell(Label::kStatusAudited, {{"containers", std::to_string(a.containers.size())}});
    if (style_.details) names(a.containers);
    if (a.host) tell(Label::kStatusAuditedHost);
    if (!a.counting) {
      out_ += inked(say(Label::kStatusNotCounting, style_), Ink::kRed, style_) + "\n";
      return;
    }
    tell(a.would_refuse.empty() ? Label::kStatusRefusesNothing : Label::kStatusWouldRefuse,
         {{"count", std::to_string(a.would_refuse.size())}});
    for (std::size_t at = 0; at < a.would_refuse.size();) at = tenant(a, at);
    if (a.missed != 0)
      tell(Label::kStatusAuditFull,
           {{"kinds", joined_words(a.full)}, {"packets", std::to_string(a.missed)}}, "  ! ");
    for (const Uncovered& one : a.since)
      tell(Label::kStatusAuditSince, {{"container", safe(one.engine) + "/" + safe(one.name)}},
           "  ! ");
  }

  // Those of one tenant, from `at`; where the next begins.
  std::size_t tenant(const Audited& a, std::size_t at) {
    const std::string& name = a.would_refuse[at].tenant;
    out_ += "  " + (name.empty() ? say(Label::kStatusOfHost, style_) : safe(name)) + "\n";
    std::size_t shown = 0, left_out = 0;
    for (; at < a.would_refuse.size() && a.would_refuse[at].tenant == name; ++at) {
      if (!style_.details && shown == kShownRefused) {
        ++left_out;
        continue;
      }
      ++shown;
      refused(a.would_refuse[at]);
    }
    if (left_out != 0) tell(Label::kTrialMore, {{"count", std::to_string(left_out)}}, "    ");
    return at;
  }

  void refused(const WouldRefuse& one) {
    const auto end = [](const std::string& name, const IpAddress& address) {
      return name.empty() ? address.to_string() : safe(name) + " (" + address.to_string() + ")";
    };
    tell(Label::kStatusRefused,
         {{"from", end(one.from, one.from_address)},
          {"to", end(one.to, one.to_address)},
          {"port",
           one.port.number == 0 ? to_string(one.protocol) : port_text(one.port, one.protocol)},
          {"packets", std::to_string(one.packets)},
          {"time", utc_seconds_text(one.last_ms)}},
         "    ");
  }

  static std::string joined_words(const std::vector<std::string_view>& words) {
    std::string out;
    for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
    return out;
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

  void interfaces(const Applied& a) {
    if (a.shifted.empty()) return;
    const std::string title = say(Label::kStatusInterfaces, style_);
    add_wrapped(out_, "", renamed(a) ? inked(title, Ink::kRed, style_) : title, style_);
    std::size_t left = style_.details ? SIZE_MAX : kShownInterfaces;
    for (const Shifted& one : a.shifted) {
      if (left-- == 0) {
        tell(Label::kTrialMore, {{"count", std::to_string(a.shifted.size() - kShownInterfaces)}},
             "  ");
        return;
      }
      tell(label_of(one), {{"name", safe(one.name)}, {"was", safe(one.was)}}, "  ! ");
    }
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

bool renamed(const Applied& applied) {
  return std::ranges::any_of(
      applied.shifted, [](const Shifted& one) { return one.change == Shifted::Change::kRenamed; });
}

bool Standing::sound() const {
  if (!applied) return !foreign;
  const bool left_alone = applied->until_ms != 0 && !applied->guarded;
  return applied->differences.empty() && applied->uncovered.empty() && !applied->interrupted &&
         !left_alone && !renamed(*applied);
}

bool Standing::known() const {
  return !applied || (!applied->unread && !applied->unknown);
}

std::string status_text(const Standing& standing, const Style& style) {
  return StatusWriter(standing, style).write();
}

}  // namespace bulkhead::report
