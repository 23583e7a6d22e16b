#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "audit/ask.h"
#include "policy/zones.h"
#include "report/audit_text.h"
#include "report/map_text.h"
#include "report/trace_text.h"
#include "report/usual.h"

namespace bulkhead::report {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace testing_hosts;
using testing_report::expect_golden;
using testing_report::usual;

std::size_t widest(std::string_view text) {
  std::size_t most = 0;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) most = std::max(most, display_width(line));
  return most;
}

class BothLanguages : public testing::TestWithParam<Language> {
 protected:
  [[nodiscard]] Style style() const { return {.language = GetParam()}; }
  [[nodiscard]] std::string suffix() const {
    return GetParam() == Language::kEnglish ? ".en.txt" : ".ja.txt";
  }
};

TEST_P(BothLanguages, AnAuditReadsAsItShouldInEightyColumns) {
  const std::string text = audit_text(audit_of(usual()), style());
  EXPECT_LE(widest(text), 80U);
  expect_golden("audit" + suffix(), text);
}

TEST_P(BothLanguages, ThreeLinesAFindingAndTheCountsLast) {
  const auto report = audit_of(usual());
  const std::string text = audit_text(report, style());
  EXPECT_FALSE(std::regex_search(text, std::regex("\\{[a-z]+\\}"))) << "a value is missing";
  const std::size_t last = text.rfind('\n', text.size() - 2);
  EXPECT_THAT(text.substr(last), HasSubstr(std::to_string(report.findings.size())));
}

TEST_P(BothLanguages, DetailsHoldTheEvidence) {
  Style details = style();
  details.details = true;
  const auto report = audit_of(usual());
  const std::string text = audit_text(report, details);
  for (const audit::Finding& f : report.findings) {
    EXPECT_THAT(text, HasSubstr(f.id));
    for (const audit::Cure& c : f.cures)
      EXPECT_THAT(text, HasSubstr(c.paste.substr(0, c.paste.find('\n'))));
  }
  EXPECT_THAT(text, HasSubstr("ip nat/DOCKER"));
  expect_golden("details" + suffix(), text);
}

TEST_P(BothLanguages, AMapIsATree) {
  const model::Snapshot snapshot = usual();
  const auto map = audit::draw_map(snapshot, {}, policy::guess_zones(snapshot));
  const std::string text = map_text(map, style());
  EXPECT_LE(widest(text), 80U);
  expect_golden("map" + suffix(), text);
}

TEST_P(BothLanguages, ACleanHostIsCalledSo) {
  const std::string text = audit_text(audit_of(HostBuilder().snapshot), style());
  EXPECT_LE(widest(text), 80U);
  expect_golden("clean" + suffix(), text);
}

TEST_P(BothLanguages, ATraceEndsWithItsVerdict) {
  const model::Snapshot snapshot = usual();
  const auto world = trace::World::build(snapshot).value();
  const auto zones = policy::guess_zones(snapshot);
  const query::Asker asker(world, zones);
  const auto vantage = query::Vantage::parse("internet").value();
  query::Target target;
  target.to = ip("192.0.2.10");
  target.port = Port{5432};
  target.explain = true;
  const auto reply = asker.ask(asker.seat(vantage).value(), target);
  const std::string text = trace_text(snapshot, vantage, target, reply, std::nullopt, style());
  EXPECT_LE(widest(text), 80U);
  EXPECT_THAT(text, HasSubstr("filter/DOCKER"));
  EXPECT_THAT(text,
              HasSubstr(std::string("\n= ") +
                        (GetParam() == Language::kEnglish ? "open (accepted)" : "開 (受理)")));
}

INSTANTIATE_TEST_SUITE_P(All, BothLanguages,
                         testing::Values(Language::kEnglish, Language::kJapanese),
                         [](const auto& row) {
                           return row.param == Language::kEnglish ? "English" : "Japanese";
                         });

TEST(HostileText, CannotReachTheTerminal) {
  HostBuilder h;
  h.snapshot.host_name = "\x1b[2Jhost";
  h.network("net", "br-n", "172.18.0.1");
  const std::string names[] = {"\x1b[31mred\x1b[0m",
                               "\xe2\x80\xae"
                               "txt.exe",
                               std::string(4096, 'n'),
                               "line\nbreak\r",
                               "\xff\xfe",
                               "日本語コンテナ名",
                               "{who}"};
  int at = 2;
  for (const std::string& name : names) {
    const auto box = h.container(name, "net", "172.18.0." + std::to_string(at), name, name, name);
    h.listen(box.ns, 5432, name);
    h.publish(box, static_cast<std::uint16_t>(5000 + at), 5432);
    h.engine().containers[box.index].mounts.push_back(
        {"/\x1b]0;x/docker.sock", "/x", "bind", true});
    ++at;
  }
  h.snapshot.gaps.push_back({"\x1b[5m", "\x1b[6m"});
  const auto report = audit_of(h.snapshot);
  ASSERT_GE(report.findings.size(), 7U);
  for (const Language language : {Language::kEnglish, Language::kJapanese}) {
    Style style{.language = language};
    const std::string text = audit_text(report, style);
    EXPECT_LE(widest(text), 80U);
    style.details = true;
    const auto map = audit::draw_map(h.snapshot, {}, policy::guess_zones(h.snapshot));
    for (const std::string& shown : {text, audit_text(report, style), map_text(map, style)}) {
      EXPECT_EQ(shown.find('\x1b'), std::string::npos);
      EXPECT_EQ(shown.find('\r'), std::string::npos);
      EXPECT_EQ(shown.find("\xe2\x80\xae"), std::string::npos);
      EXPECT_EQ(shown.find(std::string(300, 'n')), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace bulkhead::report
