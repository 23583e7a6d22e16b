#include "audit/audit.h"
#include "audit/oracle.h"
#include "cli/deliver.h"
#include "cli/instant.h"
#include "cli/language.h"
#include "cli/outside_views.h"
#include "cli/probing.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "identify/catalogue_files.h"
#include "report/audit_text.h"
#include "report/html.h"
#include "report/json.h"
#include "report/sarif.h"
#include "services/added.h"

namespace bulkhead::cli {
namespace {

bool at_or_above(const audit::Report& report, std::string_view fail_on) {
  if (fail_on == "never") return false;
  for (const audit::Finding& finding : report.findings) {
    if (!finding.suppressed_by.empty()) continue;
    for (auto level : {audit::Severity::kInfo, audit::Severity::kLow, audit::Severity::kMedium,
                       audit::Severity::kHigh, audit::Severity::kCritical}) {
      if (audit::to_string(level) == fail_on && finding.severity >= level) return true;
    }
  }
  return false;
}

using Views = std::vector<OutsideView>;

// What is wrong with the files is said before anything else is read.
Result<Views> read_views(const AuditOptions& options) {
  Views out;
  for (const std::string& text : options.with) {
    auto view = read_outside_view(text);
    if (!view) return std::unexpected(view.error());
    out.push_back(*std::move(view));
  }
  return out;
}

Result<audit::Report> make_report(const AuditOptions& options, const Views& views,
                                  std::uint64_t max_age_ms,
                                  std::span<const services::Service> added, Session& session) {
  audit::Options how;
  how.services = added;
  if (!options.at.empty()) {
    auto at = parse_instant(options.at);
    if (!at) return within("--at", at.error());
    how.at_ms = *at;
  }
  const audit::MakeOracle make = audit::world_oracle(session.config);
  auto report = audit::audit(*session.snapshot, session.config, how, make);
  const bool probe = options.probe && session.broker;
  if (!report || (!probe && views.empty())) return report;
  auto oracle = make(*session.snapshot);
  if (!oracle) return std::unexpected(oracle.error());
  if (probe)
    audit::merge_observations(*report, probe_wishes(session, audit::wanted_probes(*report)),
                              **oracle);
  for (const OutsideView& view : views) {
    if (auto merged = merge_outside_view(*report, view, max_age_ms, **oracle); !merged)
      return std::unexpected(merged.error());
  }
  return report;
}

Result<services::AddedServices> read_added(const std::string& folder) {
  if (folder.empty()) return services::AddedServices();
  const auto matcher = identify::read_catalogue(folder);
  if (!matcher) return std::unexpected(matcher.error());
  return services::AddedServices(matcher->entries());
}

std::string text_of(const AuditOptions& options, const audit::Report& report) {
  report::Style style = text_style(options.output);
  if (options.file != "-") style.color = false;
  if (options.format == "sarif") return report::audit_sarif(report, style, kVersion);
  if (options.format == "html") return report::audit_html(report, style);
  return options.output.json ? report::audit_json(report, style)
                             : report::audit_text(report, style);
}

}  // namespace

Exit run_audit(const AuditOptions& options) {
  auto views = read_views(options);
  if (!views) return complain(views.error());
  auto max_age = parse_period(options.with_max_age, "--with-max-age");
  if (!max_age) return complain(max_age.error());
  auto added = read_added(options.services);
  if (!added) return complain(within("--services", added.error()).error());
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  auto report = make_report(options, *views, *max_age, added->all(), *session);
  if (!report) return complain(report.error());
  const Exit delivered = deliver(text_of(options, *report), options.file);
  if (delivered != Exit::kDone) return delivered;
  if (at_or_above(*report, options.fail_on)) return Exit::kFindings;
  return session->snapshot->complete ? Exit::kDone : Exit::kIncomplete;
}

}  // namespace bulkhead::cli
