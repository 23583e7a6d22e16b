#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "audit/ask.h"
#include "policy/zones.h"
#include "report/audit_text.h"
#include "report/map_text.h"
#include "report/trace_text.h"

namespace bulkhead::report {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace testing_hosts;

model::Snapshot usual() {
  HostBuilder h;
  h.network("shop_default", "br-shop", "172.18.0.1");
  h.network("shared", "br-shared", "172.19.0.1");
  const auto db =
      h.container("shop-db-1", "shop_default", "172.18.0.2", "shop", "db", "postgres:16");
  const auto web =
      h.container("shop-web-1", "shop_default", "172.18.0.3", "shop", "web", "nginx:1");
  h.container("a-app-1", "shared", "172.19.0.2", "a", "app");
  h.container("b-app-1", "shared", "172.19.0.3", "b", "app");
  h.listen(db.ns, 5432, "postgres");
  h.listen(web.ns, 80, "nginx");
  h.publish(db, 5432, 5432);
  h.publish(web, 80, 80);
  h.listen(0, 2375, "dockerd");
  h.listen(0, 22, "sshd");
  h.closed_but_for({22, 80, 2375});
  h.engine().containers[2].mounts.push_back(
      {"/var/run/docker.sock", "/var/run/docker.sock", "bind", true});
  return h.snapshot;
}

std::size_t widest(std::string_view text) {
  std::size_t most = 0;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) most = std::max(most, display_width(line));
  return most;
}

// BULKHEAD_GOLDEN=write makes the files anew; look at the difference before you keep it.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(BULKHEAD_SOURCE_DIR) + "/tests/report/golden/" + name;
  if (std::getenv("BULKHEAD_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream in(path, std::ios::binary);
  const std::string kept((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text, kept) << path;
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
  const std::string text = trace_text(snapshot, vantage, target, reply, style());
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
