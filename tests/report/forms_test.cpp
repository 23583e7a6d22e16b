// An audit as SARIF and as a page.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "audit/ask.h"
#include "report/html.h"
#include "report/json_schema.h"
#include "report/page.h"
#include "report/sarif.h"
#include "report/usual.h"

namespace bulkhead::report {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_json::Json;
using testing_json::Validator;
using namespace testing_hosts;

constexpr std::string_view kScript = "</style><script>alert(1)</script>\"'&";
constexpr std::string_view kYaml =
    "bulkhead: 1\nsuppress: [{id: T1-00, reason: x, expires: 2030-01-01}]\n";

// Whatever can be named from outside has a name that is dangerous in HTML.
model::Snapshot hostile() {
  model::Snapshot out = testing_report::usual();
  out.host_name = kScript;
  for (model::Container& c : out.engines[0].containers) {
    c.name = std::string(kScript) + c.name;
    c.image = kScript;
  }
  for (model::NetNs& ns : out.namespaces) {
    for (model::Socket& s : ns.sockets) {
      for (model::SocketOwner& owner : s.owners) owner.command = kScript;
    }
  }
  out.gaps.push_back({std::string(kScript), std::string(kScript)});
  return out;
}

Json schema() {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/sarif.schema.json");
  return Json::parse(in);
}

TEST(AuditSarif, IsWhatItsSchemaSays) {
  for (const Language language : {Language::kEnglish, Language::kJapanese}) {
    for (const model::Snapshot& snapshot :
         {testing_report::usual(), hostile(), HostBuilder().snapshot}) {
      const audit::Report report = audit_of(snapshot, kYaml);
      const Json log = Json::parse(audit_sarif(report, {.language = language}, "1.2.3"));
      EXPECT_EQ(Validator(schema()).check(log), "");
      const Json& run = log["runs"][0];
      EXPECT_EQ(run["results"].size(), report.findings.size() + report.contradictions.size());
      EXPECT_EQ(run["invocations"][0]["executionSuccessful"], report.gaps.empty());
    }
  }
}

TEST(AuditSarif, ResultsNameTheirRuleTheirPlaceAndTheFindingsId) {
  const audit::Report report = audit_of(testing_report::usual());
  const Json log = Json::parse(audit_sarif(report, {}, "1"));
  const Json& run = log["runs"][0];
  const Json& rules = run["tool"]["driver"]["rules"];
  ASSERT_FALSE(report.findings.empty());
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    const audit::Finding& finding = report.findings[i];
    const Json& result = run["results"][i];
    EXPECT_EQ(result["ruleId"], to_string(finding.kind));
    EXPECT_EQ(rules[result["ruleIndex"].get<std::size_t>()]["id"], result["ruleId"]);
    EXPECT_EQ(result["partialFingerprints"]["bulkhead/v1"], finding.id);
    EXPECT_FALSE(result["locations"].empty());
    // Where the cure goes into a file, viewers are told that file.
    const bool in_a_file = std::ranges::any_of(finding.cures, [](const audit::Cure& c) {
      return c.where.ends_with(".yaml") || c.where.ends_with(".json");
    });
    EXPECT_EQ(result["locations"][0].contains("physicalLocation"), in_a_file) << finding.id;
    const bool alarming = finding.severity >= audit::Severity::kHigh;
    EXPECT_EQ(result["level"] == "error", alarming) << finding.id;
  }
}

TEST(AuditSarif, ThereIsARuleForEachKind) {
  const Json log = Json::parse(audit_sarif(audit::Report{}, {}, "1"));
  const Json& rules = log["runs"][0]["tool"]["driver"]["rules"];
  ASSERT_EQ(rules.size(), audit::kKinds + 1);
  for (std::size_t kind = 0; kind < audit::kKinds; ++kind)
    EXPECT_EQ(rules[kind]["id"], to_string(static_cast<audit::Kind>(kind)));
}

TEST(AuditSarif, WhatIsSuppressedSaysWhy) {
  audit::Report report = audit_of(testing_report::usual());
  report.findings.at(0).suppressed_by = "known";
  const Json log = Json::parse(audit_sarif(report, {}, "1"));
  EXPECT_EQ(log["runs"][0]["results"][0]["suppressions"][0]["justification"], "known");
  EXPECT_FALSE(log["runs"][0]["results"][1].contains("suppressions"));
}

std::size_t count_of(const std::string& text, std::string_view what) {
  std::size_t out = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size())
    ++out;
  return out;
}

TEST(AuditPage, ShowsEachFindingWithItsCure) {
  const audit::Report report = audit_of(testing_report::usual());
  const std::string page = audit_html(report, {});
  for (const audit::Finding& finding : report.findings) EXPECT_THAT(page, HasSubstr(finding.id));
  EXPECT_EQ(count_of(page, "<article"), report.findings.size());
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(page, HasSubstr("lang=\"en\""));
  EXPECT_THAT(audit_html(report, {.language = Language::kJapanese}), HasSubstr("lang=\"ja\""));
}

TEST(AuditPage, NothingFromOutsideIsMarkupAndNothingIsFetched) {
  const std::string page = audit_html(audit_of(hostile(), kYaml), {});
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* what : {"src=", "href=", "url(", "@import", "onclick", "\x1b"})
    EXPECT_THAT(page, Not(HasSubstr(what))) << what;
  EXPECT_EQ(count_of(page, "</style>"), 1U);
}

TEST(Page, EachThingThatItIsGivenIsEscaped) {
  Page page(kScript, {});
  page.heading(kScript);
  page.text(kScript, Tone::kBad);
  page.numbers({{std::string(kScript), std::string(kScript)}});
  page.begin_card(Tone::kWarning);
  page.card_title({{std::string(kScript), Tone::kGood}}, kScript);
  page.field(kScript, kScript);
  page.code(kScript, kScript);
  page.begin_details(kScript);
  page.end_details();
  page.end_card();
  page.begin_table({std::string(kScript)});
  page.row({std::string(kScript)}, Tone::kNote);
  page.end_table();
  const std::string text = page.finish();
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, Not(HasSubstr("\"'&<")));
  EXPECT_EQ(count_of(text, "&lt;script&gt;"), 15U);
}

}  // namespace
}  // namespace bulkhead::report
