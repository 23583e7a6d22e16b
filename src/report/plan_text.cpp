#include "report/plan_text.h"

#include <map>
#include <unordered_map>

#include "base/text.h"
#include "learn/judge.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/policy_text.h"

namespace bulkhead::report {
namespace {

using plan::Way;

constexpr std::size_t kShown = 8;      // ways of one kind, without details
constexpr std::size_t kShownFrom = 4;  // senders on one line

std::string service_name(const audit::Subject& s, const Style& style) {
  return service_text(s, style) + " " + owner_text(s, style) + " " +
         port_text(s.port.value_or(Port{}), s.protocol);
}

// One line for each service: who of many loses it.
struct Group {
  std::vector<SharedText> from;
  std::string reason;
};

class PlanWriter {
 public:
  PlanWriter(const plan::Plan& plan, const Style& style, const Seen& seen)
      : plan_(plan), style_(style), seen_(seen) {}

  std::string write(const policy::Config& config, const std::string& host) {
    tell(Label::kPlanTitle, {{"file", escape_text(config.file)},
                             {"host", safe(host)},
                             {"containers", std::to_string(plan_.compiled.held.size())},
                             {"elements", std::to_string(plan_.compiled.elements)}});
    if (plan_.compiled.held.empty() && !plan_.compiled.host_held) tell(Label::kPlanNobody, {});
    if (plan_.compiled.host_held) tell(Label::kAppliedHost, {});
    if (!plan_.compiled.audited.empty() || plan_.compiled.host_audited)
      tell(Label::kPlanAudited, {{"containers", std::to_string(plan_.compiled.audited.size())}});
    if (plan_.compiled.host_audited) tell(Label::kStatusAuditedHost, {});
    out_ += "\n";
    if (!plan_.trials.never.empty() || !plan_.trials.tests.empty()) {
      add_trials(out_, plan_.trials, style_);
      for (const std::string& trial : plan_.awaits)
        add_wrapped(out_, "  ! ",
                    say(Label::kPlanBlockedBy, style_,
                        {{"pair", trial}, {"reason", say(Label::kTrialAudited, style_)}}),
                    style_);
      out_ += "\n";
    }
    ways(Label::kPlanOpens, plan_.opens);
    ways(Label::kPlanOpens, plan_.leaks);
    ways(Label::kPlanCloses, plan_.closes);
    ways(Label::kPlanReopens, plan_.reopens);
    ways(Label::kPlanBlocked, plan_.blocked);
    ways(Label::kPlanUnknown, plan_.unknown);
    fates();
    unheld();
    verdict();
    if (style_.details) out_ += "\n" + plan_.compiled.text;
    return std::move(out_);
  }

 private:
  void tell(Label label, const std::vector<std::pair<std::string_view, std::string>>& values) {
    add_wrapped(out_, "", say(label, style_, values), style_);
  }

  void ways(Label title, const std::vector<Way>& all) {
    if (all.empty()) return;
    tell(title, {{"count", std::to_string(all.size())}});
    std::map<std::string, Group> groups;
    std::unordered_map<const audit::Subject*, Group*> of;
    for (const Way& way : all) {
      Group*& group = of[way.to.get()];
      if (group == nullptr) group = &groups[service_name(*way.to, style_)];
      group->from.push_back(way.from);
      if (group->reason.empty()) group->reason = way.reason;
    }
    std::size_t left = style_.details ? SIZE_MAX : kShown;
    for (const auto& [service, group] : groups) {
      if (left-- == 0) {
        add_wrapped(
            out_, "  ",
            say(Label::kTrialMore, style_, {{"count", std::to_string(groups.size() - kShown)}}),
            style_);
        break;
      }
      one(service, group, title == Label::kPlanBlocked || title == Label::kPlanUnknown);
    }
    out_ += "\n";
  }

  void one(const std::string& service, const Group& group, bool with_reason) {
    std::string from;
    const std::size_t most = style_.details ? SIZE_MAX : kShownFrom;
    for (std::size_t i = 0; i < group.from.size() && i < most; ++i)
      from += (i == 0 ? "" : ", ") + safe(group.from[i].get());
    if (group.from.size() > most) from += ", ... (" + std::to_string(group.from.size()) + ")";
    const std::string pair = from + " -> " + service;
    add_wrapped(out_, "  ",
                with_reason && !group.reason.empty()
                    ? say(Label::kPlanBlockedBy, style_, {{"pair", pair}, {"reason", group.reason}})
                    : pair,
                style_);
  }

  void fates() {
    if (seen_.book == nullptr || seen_.fates == nullptr) return;
    using learn::Fate;
    const auto count = [this](Fate fate) { return std::to_string(seen_.fates->count(fate)); };
    tell(Label::kPlanSeen, {{"stays", count(Fate::kStays)},
                            {"permitted", count(Fate::kPermitted)},
                            {"breaks", count(Fate::kBreaks)},
                            {"closed", count(Fate::kClosed)},
                            {"unknown", count(Fate::kUnknown)},
                            {"gone", count(Fate::kGone)},
                            {"unasked", count(Fate::kUnasked)}});
    std::size_t left = style_.details ? SIZE_MAX : kShown;
    for (const learn::Fated& one : seen_.fates->flows) {
      if (one.fate != Fate::kBreaks && one.fate != Fate::kUnknown) continue;
      if (left-- == 0) {
        const std::size_t more =
            seen_.fates->count(Fate::kBreaks) + seen_.fates->count(Fate::kUnknown) - kShown;
        add_wrapped(out_, "  ", say(Label::kTrialMore, style_, {{"count", std::to_string(more)}}),
                    style_);
        break;
      }
      add_wrapped(out_, one.fate == Fate::kBreaks ? "  ! " : "  ? ",
                  say(Label::kPlanBlockedBy, style_,
                      {{"pair", learn::describe(*one.flow, *seen_.book)}, {"reason", one.reason}}),
                  style_);
    }
    out_ += "\n";
  }

  void unheld() {
    if (plan_.compiled.unheld.empty()) return;
    tell(Label::kPlanNotHeld, {});
    for (const std::string& what : plan_.compiled.unheld) add_wrapped(out_, "  ! ", what, style_);
    out_ += "\n";
  }

  void verdict() {
    if (plan_.fit()) {
      const std::string text =
          say(plan_.awaits.empty() ? Label::kPlanFit : Label::kPlanFitAwaits, style_);
      add_wrapped(out_, "", inked(text, Ink::kGreen, style_), style_);
      return;
    }
    std::string why =
        std::to_string(plan_.trials.count(plan::Outcome::kBroken)) + " broken, " +
        std::to_string(plan_.trials.count(plan::Outcome::kUnknown) + plan_.unknown.size()) +
        " unknown, " + std::to_string(plan_.trials.count(plan::Outcome::kVoid)) + " void";
    if (!plan_.opens.empty() || !plan_.leaks.empty())
      why += ", " + std::to_string(plan_.opens.size() + plan_.leaks.size()) + " not closed";
    const std::string text = say(Label::kPlanUnfit, style_, {{"reason", why}});
    add_wrapped(out_, "", inked(text, Ink::kRed, style_), style_);
  }

  const plan::Plan& plan_;
  const Style& style_;
  const Seen& seen_;
  std::string out_;
};

}  // namespace

std::string plan_text(const policy::Config& config, const std::string& host, const plan::Plan& plan,
                      const Style& style, const Seen& seen) {
  return PlanWriter(plan, style, seen).write(config, host);
}

}  // namespace bulkhead::report
