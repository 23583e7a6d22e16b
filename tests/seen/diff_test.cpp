#include "seen/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "report/json_schema.h"
#include "seen/records.h"
#include "seen/text.h"

namespace bulkhead::seen {
namespace {

using testing::HasSubstr;

// One word for each change: "new 6379", "state 1-9".
std::vector<std::string> told(const Difference& difference) {
  std::vector<std::string> out;
  for (const Change& c : difference.changes) {
    std::string text = std::string(to_string(c.turn)) + " " + std::to_string(c.ports.first);
    if (c.ports.last != c.ports.first) text += "-" + std::to_string(c.ports.last);
    out.push_back(text);
  }
  return out;
}

struct Case {
  const char* what;
  Record before, now;
  std::vector<std::string> changes;
  bool alarming, complete;
};

std::vector<Case> cases() {
  using enum State;
  const auto open = [](std::uint16_t port) { return run_of(port, port, kOpen, Proof::kAccepted); };
  const auto lost = [](std::uint16_t port) {
    return run_of(port, port, kUnknown, Proof::kNotFinished);
  };
  const auto silent = [](std::uint16_t port) {
    return run_of(port, port, kUnknown, Proof::kNoUdpAnswer);
  };
  const KnownPort open_redis = known(5, "redis", "open"), redis = known(5, "redis", "protected");
  return {
      {"nothing",
       record_of({run_of(1, 9, kClosed)}),
       record_of({run_of(1, 9, kClosed)}),
       {},
       false,
       true},
      {"a closed port answers",
       record_of({run_of(1, 9, kClosed)}),
       record_of({run_of(1, 4, kClosed), open(5), run_of(6, 9, kClosed)}),
       {"new 5"},
       true,
       true},
      {"a filtered port answers",
       record_of({run_of(1, 9, kFiltered)}),
       record_of({open(1), open(2)}),
       {"new 1", "new 2"},
       true,
       true},
      {"what was not asked answers", record_of({}), record_of({open(5)}), {"new 5"}, true, true},
      {"what was unknown answers",
       record_of({silent(5)}),
       record_of({open(5)}),
       {"new 5"},
       true,
       true},
      {"a new machine",
       record_of({open(5)}),
       record_of({open(5)}, {}, "192.168.7.10"),
       {"new 5"},
       true,
       true},
      {"what answered is closed",
       record_of({open(5)}),
       record_of({run_of(5, 5, kClosed)}),
       {"gone 5"},
       false,
       true},
      {"what answered is not known any more",
       record_of({open(5)}),
       record_of({silent(5)}),
       {"lost 5"},
       false,
       false},
      {"what answered was not asked again", record_of({open(5)}), record_of({}), {}, false, true},
      {"silence in place of a reset",
       record_of({run_of(1, 9, kClosed)}),
       record_of({run_of(1, 9, kFiltered)}),
       {"state 1-9"},
       false,
       true},
      {"what is unknown is no change",
       record_of({run_of(1, 9, kClosed), silent(10)}),
       record_of({run_of(1, 8, kClosed), silent(9), run_of(10, 10, kClosed)}),
       {},
       false,
       true},
      {"another service",
       record_of({open(5)}, {redis}),
       record_of({open(5)}, {known(5, "ssh", "protected")}),
       {"service 5"},
       true,
       true},
      {"the login is gone",
       record_of({open(5)}, {redis}),
       record_of({open(5)}, {open_redis}),
       {"login 5"},
       true,
       true},
      {"it got a login",
       record_of({open(5)}, {open_redis}),
       record_of({open(5)}, {redis}),
       {"login 5"},
       false,
       true},
      {"a login that is not known",
       record_of({open(5)}, {redis}),
       record_of({open(5)}, {known(5, "redis", "unknown")}),
       {},
       false,
       true},
      {"a service that nobody asked for",
       record_of({open(5)}, {redis}),
       record_of({open(5)}),
       {},
       false,
       true},
      {"what was not finished",
       record_of({run_of(1, 4, kClosed), lost(5)}),
       record_of({run_of(1, 5, kClosed)}),
       {},
       false,
       false},
      {"the worst first",
       record_of({open(3), open(4), run_of(5, 9, kClosed)}, {}),
       record_of({run_of(3, 3, kClosed), open(4), open(5), run_of(6, 9, kFiltered)}),
       {"new 5", "gone 3", "state 6-9"},
       true,
       true},
  };
}

TEST(Difference, TellsWhatIsAnother) {
  for (const Case& c : cases()) {
    const Difference difference = compare(c.before, c.now);
    EXPECT_EQ(told(difference), c.changes) << c.what;
    EXPECT_EQ(difference.alarming(), c.alarming) << c.what;
    EXPECT_EQ(difference.complete, c.complete) << c.what;
  }
}

// A tarpit accepts on every port, and a file may say so of thousands of addresses.
TEST(Difference, TellsPortsInARowAsOneUntilAServiceIsKnown) {
  const Record none = record_of({});
  const Record all = record_of({run_of(1, 65535, State::kOpen, Proof::kAccepted)},
                               {known(5, "redis", "open"), known(6, "ssh", "protected")});
  const Difference d = compare(none, all);
  EXPECT_THAT(told(d), testing::ElementsAre("new 1-4", "new 5", "new 6", "new 7-65535"));
  EXPECT_EQ(d.ports_of(Turn::kNew), 65535U);
  EXPECT_EQ(d.changes[1].now.service->id, "redis");
  EXPECT_FALSE(d.changes[3].now.service);
  EXPECT_TRUE(compare(all, all).empty());
  const Record closed = record_of({run_of(1, 65535, State::kClosed)});
  EXPECT_THAT(told(compare(all, closed)),
              testing::ElementsAre("gone 1-4", "gone 5", "gone 6", "gone 7-65535"));
}

TEST(Difference, CountsWhatBothAsked) {
  const Difference d = compare(record_of({run_of(1, 100, State::kClosed)}),
                               record_of({run_of(51, 200, State::kClosed)}));
  EXPECT_EQ(d.compared, 50U);
  EXPECT_EQ(d.not_asked_again, 50U);
}

TEST(Difference, OfARecordWithItselfIsEmpty) {
  for (const Case& c : cases()) {
    EXPECT_TRUE(compare(c.before, c.before).empty()) << c.what;
    EXPECT_TRUE(compare(c.now, c.now).empty()) << c.what;
  }
}

TEST(CarryOver, KeepsWhatTheNewOneDoesNotKnow) {
  using enum State;
  const auto unknown = run_of(5, 5, kUnknown, Proof::kLost);
  const auto open = run_of(5, 5, kOpen, Proof::kAccepted);
  const Record before = record_of({open, run_of(6, 9, kClosed)}, {known(5, "redis", "protected")});
  // Away for one scan, in two ways, and back: no news.
  for (const Record& away : {record_of({unknown, run_of(6, 9, kClosed)}), record_of({}),
                             record_of({open}, {}, "192.168.7.10")}) {
    const Record both = carry_over(before, away);
    EXPECT_TRUE(compare(both, before).empty());
    ASSERT_TRUE(read_record(record_json(both), "x"));
  }
  // What is known now counts.
  const Record now = record_of({run_of(5, 5, kClosed), run_of(6, 9, kFiltered)});
  EXPECT_TRUE(compare(carry_over(before, now), now).empty());
  EXPECT_THAT(told(compare(carry_over(before, now), before)),
              testing::ElementsAre("new 5", "state 6-9"));
  // A service that was not told this time is the one that it was.
  const Record again = carry_over(before, record_of({open}));
  EXPECT_EQ(again.seats[0].targets[0].service(Port{5})->id, "redis");
}

TEST(Difference, AsJsonIsAsTheSchemaSays) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/scan-diff.schema.json");
  const nlohmann::json schema = nlohmann::json::parse(in);
  for (const Case& c : cases()) {
    const auto json = nlohmann::json::parse(difference_json(compare(c.before, c.now)));
    EXPECT_EQ(testing_json::Validator(schema).check(json), "") << c.what;
    EXPECT_EQ(json["changes"].size(), c.changes.size());
  }
}

TEST(Difference, AsTextEscapesWhatServicesSay) {
  Record now = record_of({run_of(5, 5, State::kOpen)}, {known(5, "redis", "open")});
  now.seats[0].targets[0].services[0].service.name = "evil\x1b[31m";
  const std::string text = difference_text(compare(record_of({}), now), Language::kEnglish);
  EXPECT_THAT(text, HasSubstr("NEW      192.168.7.9:5/tcp  open, evil\\x1b[31m (no login); was not "
                              "asked"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Difference, IsToldInJapaneseToo) {
  const Difference d =
      compare(record_of({}), record_of({run_of(5, 5, State::kOpen, Proof::kAccepted)}));
  EXPECT_THAT(difference_text(d, Language::kJapanese), HasSubstr("新規  192.168.7.9:5/tcp  開"));
}

}  // namespace
}  // namespace bulkhead::seen
