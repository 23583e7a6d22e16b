#include "seen/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/json_schema.h"
#include "seen/records.h"
#include "seen/text.h"

namespace bulkhead::seen {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

Record usual() {
  Record out = record_of({run_of(1, 21, State::kClosed),
                          run_of(22, 22, State::kOpen, Proof::kAccepted),
                          run_of(23, 30, State::kFiltered, Proof::kSilence),
                          {{31, 31}, State::kFiltered, Proof::kIcmp, 113},
                          run_of(40, 41, State::kUnknown, Proof::kLost)},
                         {known(22, "ssh", "protected")});
  out.zone = "internet";
  out.seats[0].targets[0].names = {"db.example"};
  out.left_out.push_back({"3 open ports", "too many"});
  return out;
}

TEST(Record, IsReadAsItWasWritten) {
  const Record record = usual();
  const auto read = read_record(record_json(record), "x");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(record_json(*read), record_json(record));
  EXPECT_EQ(read->seats[0].targets[0].swept.runs, record.seats[0].targets[0].swept.runs);
  EXPECT_EQ(read->seats[0].targets[0].service(Port{22})->id, "ssh");
  EXPECT_EQ(read->zone, "internet");
}

// fe80::1 is another machine on each link.
TEST(Record, ALinkLocalAddressIsReadWithItsInterface) {
  Record record = record_of({run_of(80, 80, State::kOpen, Proof::kAccepted)}, {}, "fe80::1");
  record.seats[0].targets[0].link = "eth0";
  record.seats[0].targets.push_back(record.seats[0].targets[0]);
  record.seats[0].targets[1].link = "eth1";
  const auto read = read_record(record_json(record), "a");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->seats[0].targets[0].link, "eth0");
  EXPECT_EQ(read->seats[0].targets[1].link, "eth1");
  record.seats[0].targets[1].link = "eth0";
  EXPECT_FALSE(read_record(record_json(record), "a")) << "twice";
}

TEST(Record, IsAsTheSchemaSays) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/outside.schema.json");
  const Json schema = Json::parse(in);
  EXPECT_EQ(testing_json::Validator(schema).check(Json::parse(record_json(usual()))), "");
}

TEST(Record, IsValidUtf8WhateverServicesAnswer) {
  Record record = usual();
  record.seats[0].targets[0].services[0].service.evidence = "\xff\xfe\x00\x80";
  EXPECT_FALSE(Json::parse(record_json(record), nullptr, false).is_discarded());
}

// The rest of that form (what is computed, who listens) is passed over.
TEST(Record, OfAScanFromInsideIsReadAsWell) {
  const auto read = read_record(R"({"schema": "https://bulkhead.example/schemas/scan/1",
    "host": "h", "finished": true, "elapsed_ms": 5, "disagreements": [], "left_out": [],
    "counts": {"confirmed": 2},
    "seats": [{"vantage": "container:docker/web", "names": [], "engine": "syn", "checked": true,
      "targets": [{"to": "10.0.0.2", "places": ["host"], "proto": "tcp", "engine": "syn",
        "rounds": 1, "rtt_us": 9, "counts": {},
        "open": [{"port": 80, "agreement": "confirmed",
                  "service": {"id": "nginx", "name": "nginx", "access": "open", "evidence": ""}}],
        "runs": [{"ports": [80, 80], "state": "open", "proof": "accepted"},
                 {"ports": [81, 90], "state": "closed", "proof": "reset"}]}]}]})",
                                "x");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->seats[0].vantage, "container:docker/web");
  EXPECT_EQ(count_states(*read)[0], 1U);
  EXPECT_EQ(count_states(*read)[1], 10U);
  EXPECT_FALSE(is_incomplete(*read));
}

TEST(Record, ThatIsNoneIsRefusedWithWhatIsWrong) {
  const std::string head = R"({"schema": "https://bulkhead.example/schemas/outside/1", )";
  const auto target = [&head](const std::string& fields) {
    return head + R"("seats": [{"vantage": "outside", "targets": [{)" + fields + "}]}]}";
  };
  const std::string good = R"("to": "10.0.0.1", "proto": "tcp")";
  const std::pair<std::string, std::string> cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {std::string(100'000, '['), "nested too deeply"},
      {head + R"("deep": )" + std::string(50, '[') + std::string(50, ']') + "}",
       "nested too deeply"},
      {head + R"("a": "\"[[[[[[[[[[[[[[[[[[[[", "zone": "moon"})", "it is internet or lan"},
      {head + R"("taken_at_ms": 18446744073709551615})", "beyond the year 9999"},
      {"[]", "not the result of a scan"},
      {R"({"schema": "https://bulkhead.example/schemas/audit/1"})", "not the result of a scan"},
      {head + R"("zone": "moon"})", "it is internet or lan"},
      {head + R"("seats": [{}]})", "without a vantage"},
      {head + R"("seats": [7]})", "without a vantage"},
      {target(R"("to": "nowhere", "proto": "tcp")"), "'nowhere' is no address"},
      {target(R"("to": "10.0.0.1", "proto": "sctp")"), "not tcp or udp"},
      {target(good + R"(}, {)" + good), "stands there twice"},
      {target(good + R"(, "runs": [{"ports": [2, 1], "state": "open", "proof": "reset"}])"),
       "out of order"},
      {target(good + R"(, "runs": [{"ports": [1, 65536], "state": "open", "proof": "reset"}])"),
       "out of order"},
      {target(good + R"(, "runs": [{"ports": [-1, 5], "state": "open", "proof": "reset"}])"),
       "out of order"},
      {target(good + R"(, "runs": [{"ports": [1, 5], "state": "ajar", "proof": "reset"}])"),
       "not understood"},
      {target(good + R"(, "runs": [{"ports": [1, 5], "state": "open", "proof": "reset"},
                                   {"ports": [5, 6], "state": "open", "proof": "reset"}])"),
       "out of order"},
      {target(good + R"(, "open": [{}])"), "without a number"},
      {target(good + R"(, "open": [{"port": 2, "service": {}}, {"port": 2, "service": {}}])"),
       "out of order"},
  };
  for (const auto& [text, wrong] : cases) {
    const auto read = read_record(text, "file\n.json");
    ASSERT_FALSE(read) << text.substr(0, 200);
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(read.error().message, HasSubstr(wrong));
    EXPECT_THAT(read.error().message, testing::StartsWith("file\\x0a.json: "));
  }
}

TEST(Record, IsIncompleteWhenSomethingIsMissing) {
  const auto silent = record_of({run_of(53, 53, State::kUnknown, Proof::kNoUdpAnswer)});
  EXPECT_FALSE(is_incomplete(silent));
  EXPECT_TRUE(is_incomplete(record_of({run_of(53, 53, State::kUnknown, Proof::kLost)})));
  Record cut = silent;
  cut.finished = false;
  EXPECT_TRUE(is_incomplete(cut));
}

TEST(Record, AsTextShowsWhatIsOpenAndCountsTheRest) {
  const std::string text = record_text(usual(), Language::kEnglish);
  EXPECT_THAT(text, HasSubstr("192.168.7.9 tcp db.example\n  22    ssh server (login)\n"
                              "  open 1, closed 21, filtered 9, unknown 2\n"
                              "  unknown 40-41: lost\n"));
  EXPECT_THAT(record_text(usual(), Language::kJapanese), HasSubstr("開1、閉21、遮断9、不明2"));
  EXPECT_THAT(record_text(record_of({run_of(1, 9, State::kClosed)}), Language::kEnglish),
              HasSubstr("nothing open: 192.168.7.9 tcp"));
}

TEST(Record, AsTextKeepsToEightyColumns) {
  Record long_one = usual();
  long_one.host = std::string(70, 'h');
  long_one.left_out.push_back({"a machine", std::string(30, 'x') + " " + std::string(300, 'y')});
  long_one.seats[0].targets[0].names = {std::string(70, 'n'), std::string(60, 'm')};
  long_one.elapsed_ms = 123'456'789;
  for (const Language language : {Language::kEnglish, Language::kJapanese}) {
    const std::string text = record_text(long_one, language);
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos;
         at = end + 1)
      EXPECT_LE(display_width(text.substr(at, end - at)), 80U) << text.substr(at, end - at);
  }
  EXPECT_EQ(record_text(usual(), Language::kEnglish).find("  22    ssh server"),
            record_text(usual(), Language::kEnglish).find("  22"));
}

}  // namespace
}  // namespace bulkhead::seen
