#include <gtest/gtest.h>

#include <fstream>

#include "base/text.h"
#include "report/html.h"
#include "report/json_schema.h"
#include "report/sarif.h"
#include "report/scan_text.h"
#include "scan/planned.h"
#include "scan/record.h"
#include "seen/nmap_xml.h"

namespace bulkhead::scan {
namespace {

using testing::Planned;
using testing::shop;
using testing_json::Json;
using testing_json::Validator;

// All that a report can hold: a disagreement, a seat left out, a failed check, an identified
// service and each kind of run.
struct Everything {
  static model::Snapshot host() {
    auto h = shop();
    model::Container& ghost = h.engine().containers.emplace_back();
    ghost.name = "gho\x1b[31mst", ghost.state = "running";
    return h.snapshot;
  }
  Planned p{host()};
  Result result;

  Everything() {
    const Aim* aim = p.aim("container:docker/api", "172.18.0.2");
    result.swept = p.swept(aim, {{80, 80}, State::kOpen, Proof::kAccepted, 0});
    std::vector<PortRun>& runs =
        result.swept[static_cast<std::size_t>(aim - p.plan.aims.data())].runs;
    runs.push_back({{5432, 5432}, State::kOpen, Proof::kAccepted, 0});
    runs.push_back({{6000, 6009}, State::kFiltered, Proof::kIcmp, 113});
    runs.push_back({{7000, 7000}, State::kUnknown, Proof::kLost, 0});
    result.judged = judge(p.asker, p.plan, result.swept);
    for (auto& ports : result.judged.open) {
      if (!ports.empty()) ports[0].service = Service{"nginx", "nginx", "open", "HTTP/1.1 200"};
    }
    result.checks.resize(p.plan.seats.size());
    result.checks[0] = {true, Engine::kSyn, ""};
    result.checks[1] = {false, Engine::kConnect, "silent"};
    result.plan = p.plan;
    result.plan.notes = {{"zone b\x1b[1mmc", "10.0.0.0/8 holds more than 256 addresses"}};
    result.finished = false;
    result.elapsed_ms = 1234;
  }
};

TEST(ScanReport, JsonIsWhatItsSchemaSays) {
  const Everything e;
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/scan.schema.json");
  const Json schema = Json::parse(in);
  const Json json = Json::parse(report::scan_json(e.p.snapshot, e.result));
  EXPECT_EQ(Validator(schema).check(json), "");
  EXPECT_EQ(json["disagreements"].size(), 1U);
  EXPECT_EQ(json["counts"]["unproven"], 1);
  EXPECT_EQ(json["notes"].size(), 1U);
}

TEST(ScanReport, ANoteLeavesAScanWhole) {
  Everything e;
  Result whole;
  whole.plan.notes = e.result.plan.notes;
  EXPECT_FALSE(is_incomplete(whole));
  EXPECT_TRUE(record_of(e.p.snapshot, whole).left_out.empty());
  const Json log = Json::parse(report::scan_sarif(e.p.snapshot, whole, {}, "1"));
  const Json& invocation = log["runs"][0]["invocations"][0];
  EXPECT_TRUE(invocation["executionSuccessful"].get<bool>());
  EXPECT_EQ(invocation["toolExecutionNotifications"][0]["level"], "note");
  EXPECT_NE(report::scan_text(e.p.snapshot, whole, {}).find("Note: zone"), std::string::npos);
  EXPECT_NE(report::scan_html(e.p.snapshot, whole, {}).find("Note: zone"), std::string::npos);
  whole.plan.left_out = whole.plan.notes;
  EXPECT_TRUE(is_incomplete(whole));
}

TEST(ScanReport, SarifIsWhatItsSchemaSays) {
  const Everything e;
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/sarif.schema.json");
  const Json schema = Json::parse(in);
  const Json log = Json::parse(report::scan_sarif(e.p.snapshot, e.result, {}, "1"));
  EXPECT_EQ(Validator(schema).check(log), "");
  const Json& run = log["runs"][0];
  std::size_t open = 0;
  for (const auto& ports : e.result.judged.open) open += ports.size();
  EXPECT_EQ(run["results"].size(), open + 1);
  EXPECT_EQ(run["results"][0]["ruleId"], "disagreement");
  EXPECT_EQ(run["results"][0]["level"], "error");
  EXPECT_FALSE(run["invocations"][0]["executionSuccessful"].get<bool>());
  EXPECT_GE(run["invocations"][0]["toolExecutionNotifications"].size(), 3U);
}

TEST(ScanReport, ThePageShowsBothSidesOfADisagreementAndWhyTheRestIsNotOpen) {
  const Everything e;
  const std::string page = report::scan_html(e.p.snapshot, e.result, {});
  for (const char* what : {"172.18.0.2:5432/tcp", "nginx (no login)", "6000-6009", "7000",
                           "No route to host", "SELF-CHECK FAILED", "NOT SCANNED", "PARTIAL"})
    EXPECT_NE(page.find(what), std::string::npos) << what;
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_EQ(page.find('{', page.find("</style>")), std::string::npos);  // a value that nobody gave
}

TEST(ScanReport, AsARecordItTellsWhatWasSeen) {
  const Everything e;
  const seen::Record record = record_of(e.p.snapshot, e.result);
  ASSERT_EQ(record.seats.size(), e.result.plan.seats.size());
  std::size_t targets = 0;
  for (const seen::SeenFrom& seat : record.seats) targets += seat.targets.size();
  EXPECT_EQ(targets, e.result.plan.aims.size());
  EXPECT_FALSE(record.finished);
  EXPECT_EQ(record.left_out.size(), e.result.plan.left_out.size());
  const std::string xml = seen::nmap_xml(record, "bulkhead scan");
  EXPECT_NE(xml.find("comment=\"from container:docker/api\""), std::string::npos);
  EXPECT_NE(xml.find("the self-check of"), std::string::npos);
}

TEST(ScanReport, DisagreementsComeFirstAndEachLineFits) {
  const Everything e;
  for (const report::Language language :
       {report::Language::kEnglish, report::Language::kJapanese}) {
    for (const bool details : {false, true}) {
      report::Style style;
      style.language = language;
      style.details = details;
      const std::string text = report::scan_text(e.p.snapshot, e.result, style);
      EXPECT_LT(text.find("172.18.0.2:5432/tcp"), text.find("container:docker/web"));
      EXPECT_EQ(text.find('\x1b'), std::string::npos);       // names are made safe
      EXPECT_EQ(text.find('{'), std::string::npos) << text;  // a value that nobody gave
      EXPECT_EQ(text.find("6000-6009") != std::string::npos, details);
      for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos;
           at = end + 1)
        EXPECT_LE(display_width(text.substr(at, end - at)), 80U) << text.substr(at, end - at);
    }
  }
}

}  // namespace
}  // namespace bulkhead::scan
