#include "report/apply_text.h"

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

void tell_applied(std::string& out, Label label, const Style& style,
                  const std::vector<std::pair<std::string_view, std::string>>& values = {}) {
  add_wrapped(out, "", say(label, style, values), style);
}

std::string one_line(Label label, const Style& style,
                     const std::vector<std::pair<std::string_view, std::string>>& values = {}) {
  std::string out;
  tell_applied(out, label, style, values);
  return out;
}

}  // namespace

std::string applied_text(const AppliedNow& now, const Style& style) {
  std::string out;
  tell_applied(out, Label::kApplied, style,
               {{"file", escape_text(now.file)},
                {"host", safe(now.host)},
                {"containers", std::to_string(now.containers)},
                {"elements", std::to_string(now.elements)}});
  if (now.host_held) tell_applied(out, Label::kAppliedHost, style);
  if (now.audited != 0 || now.host_audited)
    tell_applied(out, Label::kAppliedAudited, style, {{"containers", std::to_string(now.audited)}});
  if (now.host_audited) tell_applied(out, Label::kStatusAuditedHost, style);
  if (!now.unheld.empty()) {
    tell_applied(out, Label::kPlanNotHeld, style);
    for (const std::string& what : now.unheld) add_wrapped(out, "  ! ", what, style);
  }
  if (now.until_ms == 0) {
    tell_applied(out, Label::kAppliedKept, style);
    return out;
  }
  tell_applied(out, now.console ? Label::kAppliedAwaitsConsole : Label::kAppliedAwaits, style,
               {{"time", utc_seconds_text(now.until_ms)}});
  out += "  sudo bulkhead confirm\n";
  tell_applied(out, Label::kAppliedElse, style);
  return out;
}

std::string kept_text(const std::string& file, const Style& style) {
  return one_line(Label::kConfirmed, style, {{"file", escape_text(file)}});
}

std::string already_kept_text(const std::string& file, std::uint64_t applied_at_ms,
                              const Style& style) {
  return one_line(Label::kConfirmedBefore, style,
                  {{"file", escape_text(file)}, {"time", utc_text(applied_at_ms)}});
}

std::string rolled_back_text(const RolledBack& what, const Style& style) {
  if (what.file.empty())
    return one_line(what.now ? Label::kRolledBack : Label::kRollbackNothing, style);
  return one_line(what.now ? Label::kRolledBackTo : Label::kRollbackBefore, style,
                  {{"file", escape_text(what.file)}, {"time", utc_text(what.applied_at_ms)}});
}

std::string removed_text(const Style& style) {
  return one_line(Label::kRollbackRemoved, style);
}

}  // namespace bulkhead::report
