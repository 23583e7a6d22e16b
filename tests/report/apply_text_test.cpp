#include "report/apply_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "report/json_schema.h"
#include "report/status_text.h"

namespace bulkhead::report {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kNow = 1795562400000;  // 2026-11-24 23:20 UTC

Standing all_that_can_be_said() {
  Standing s;
  s.host = "vm\x1b[31m";
  Applied a;
  a.id = "0a";
  a.file = "/etc/bulkhead/{x}\x1b.yaml";
  a.sha256 = std::string(64, 'a');
  a.user = "an\nna";
  a.at_ms = kNow;
  a.uid = 1000;
  a.held = {{"docker", "web\x1b[2J"}};
  a.host_held = true;
  Audited& audited = a.audited.emplace();
  audited.containers = {{"docker", "app\x1b[2J"}};
  audited.host = audited.counting = true;
  audited.would_refuse = {
      {"", "to-host", "lan\r", "host", IpAddress::parse("2001:db8::1").value(),
       IpAddress::parse("2001:db8:1111:2222:3333:4444:5555:6666").value(), IpProtocol::kTcp,
       Port{22}, 1, kNow},
      {"blog\x1b", "inside", "blog/" + std::string(60, 'x'), "",
       IpAddress::parse("10.0.0.1").value(), IpAddress::parse("10.0.0.2").value(),
       IpProtocol::kIcmp, Port{}, 12, kNow}};
  audited.missed = 7;
  audited.full = {"inward", "to-host"};
  audited.since = {{"docker", "later\x1b", Uncovered::Why::kSince}};
  a.unheld = {
      "a line that says what these rules do not hold, and is longer than one line of a screen"};
  a.file_changed = true;
  a.until_ms = kNow + 61'000;
  a.differences = {"table inet bulkhead: set pol4: 1 elements gone, 1 added"};
  a.uncovered = {{"docker", "late\r", Uncovered::Why::kSince},
                 {"docker", "again", Uncovered::Why::kAnew},
                 {"docker", "moved", Uncovered::Why::kMoved}};
  using Shifted = report::Shifted;
  a.shifted = {{"wan0\x1b", "eth0", Shifted::Change::kRenamed, Shifted::Role::kZone},
               {"br-x", "br-shop", Shifted::Change::kRenamed, Shifted::Role::kBridge},
               {"tun0", "", Shifted::Change::kAnew, Shifted::Role::kZone},
               {"br-else", "", Shifted::Change::kGone, Shifted::Role::kOther},
               {"usb0", "", Shifted::Change::kNew, Shifted::Role::kNone}};
  s.applied = a;
  s.taken_back = TakenBack{"b.yaml", kNow, true};
  return s;
}

Standing what_is_not_known() {
  Standing s = all_that_can_be_said();
  s.applied->unread = "denied";
  s.applied->unknown = "docker: gone";
  s.applied->differences.clear();
  s.applied->uncovered.clear();
  s.applied->file_changed.reset();
  s.applied->audited->counting = false;
  s.applied->interrupted = true;
  s.taken_back->unconfirmed = false;
  return s;
}

Standing foreign_tables() {
  Standing s;
  s.foreign = true;
  return s;
}

TEST(StatusText, FitsEightyColumnsInBothLanguagesAndItsJsonItsSchema) {
  std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/status.schema.json");
  const auto schema = nlohmann::json::parse(file);
  for (const Standing& s :
       {Standing{}, foreign_tables(), all_that_can_be_said(), what_is_not_known()}) {
    for (const auto language : {Language::kEnglish, Language::kJapanese}) {
      Style style;
      style.language = language;
      style.details = true;
      const std::string text = status_text(s, style);
      EXPECT_EQ(text.find_first_of("\x1b\r"), std::string::npos);
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);)
        EXPECT_LE(display_width(line), 80U) << line;
    }
    EXPECT_EQ(testing_json::Validator(schema).check(nlohmann::json::parse(status_json(s))), "")
        << status_json(s);
  }
}

TEST(StatusText, SaysWhatIsNotAsItWasApplied) {
  const std::string text = status_text(all_that_can_be_said(), {});
  EXPECT_THAT(text, HasSubstr("2026-11-24 23:21:01 UTC"));
  EXPECT_THAT(text, HasSubstr("Its guardian is gone"));
  EXPECT_THAT(text, HasSubstr("set pol4: 1 elements gone"));
  EXPECT_THAT(text, HasSubstr("was started anew since"));
  EXPECT_THAT(text, HasSubstr("eth0 is called wan0"));
  EXPECT_THAT(text, HasSubstr("usb0 came since"));
  EXPECT_THAT(text, HasSubstr("2 ways would be refused"));
  EXPECT_THAT(text, HasSubstr("7 packets are not listed"));
  EXPECT_THAT(status_text(what_is_not_known(), {}), HasSubstr("Nothing is counted"));
  EXPECT_FALSE(all_that_can_be_said().sound());
  EXPECT_FALSE(what_is_not_known().known());
  EXPECT_FALSE(foreign_tables().sound());
  Standing renamed = foreign_tables();
  renamed.applied.emplace().shifted = {{"usb0", "", Shifted::Change::kNew, Shifted::Role::kNone}};
  EXPECT_TRUE(renamed.sound());
  renamed.applied->shifted[0].change = Shifted::Change::kRenamed;
  EXPECT_FALSE(renamed.sound());
  EXPECT_TRUE(Standing{}.sound() && Standing{}.known());
}

TEST(ApplyText, SaysHowToConfirmAndUntilWhen) {
  AppliedNow now{.host = "vm",
                 .file = "/etc/bulkhead/bulkhead.yaml",
                 .containers = 1,
                 .elements = 30,
                 .host_held = true,
                 .unheld = {"x"},
                 .until_ms = kNow + 9'000,
                 .console = false};
  for (const auto language : {Language::kEnglish, Language::kJapanese}) {
    Style style;
    style.language = language;
    const std::string text = applied_text(now, style);
    EXPECT_THAT(text, HasSubstr("sudo bulkhead confirm"));
    EXPECT_THAT(text, HasSubstr("23:20:09 UTC"));
    std::istringstream lines(text + kept_text(now.file, style) +
                             already_kept_text(now.file, kNow, style) + removed_text(style) +
                             rolled_back_text({}, style) +
                             rolled_back_text({true, now.file, kNow}, style) +
                             rolled_back_text({false, now.file, kNow}, style));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(display_width(line), 80U) << line;
      EXPECT_EQ(line.find('{'), std::string::npos) << line;
    }
  }
  now.until_ms = 0;
  EXPECT_THAT(applied_text(now, {}), testing::Not(HasSubstr("bulkhead confirm")));
}

}  // namespace
}  // namespace bulkhead::report
