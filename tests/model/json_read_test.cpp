// What the reader refuses, and with which words; and files of every version that was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "model/json.h"

namespace bulkhead::model {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& name) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR "/tests/model/data/") + name, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

struct Refusal {
  std::string_view name, json;
  ErrorCode code;
  std::string_view message;  // a part of it
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithItsPlace) {
  const auto read = read_snapshot(GetParam().json);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, GetParam().code) << read.error().message;
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().message));
}

constexpr ErrorCode kBad = ErrorCode::kInvalidInput;
const Refusal kRefusals[] = {
    {"Nothing", "", kBad, "$ (line 1, column 1): the text ends where an object is expected"},
    {"NotAnObject", "[1]", kBad, "an object is expected, not '[1]'"},
    {"NoVersion", "{}", kBad, "$.version is missing"},
    {"VersionIsText", R"({"version":"1"})", kBad,
     "$.version (line 1, column 12): a number is expected"},
    {"VersionZero", R"({"version":0})", ErrorCode::kUnsupported,
     "$.version is 0; there are versions 1 to"},
    {"VersionNewer", R"({"version":4000,"future":[{}],"tool_version":"9.1"})",
     ErrorCode::kUnsupported,
     "$.version is 4000, written by Bulkhead 9.1; this Bulkhead reads up to 1"},
    {"VersionTwice", R"({"version":1,"version":1,"namespaces":[{}]})", kBad,
     "$.version (line 1, column 24): this key is there twice"},
    {"UnknownKey", "{\"version\":1,\n \"namespaces\":[{\"links\":[{},{\"mtu_\":1}]}]}", kBad,
     "$.namespaces[0].links[1] (line 2, column 37): the key 'mtu_' is not known here"},
    {"UnknownKeyIsEscaped", R"({"version":1,"a\u001b[31m":1})", kBad, R"(the key 'a\x1b[31m')"},
    {"WrongType", R"({"version":1,"namespaces":[{"links":[{"mtu":true}]}]})", kBad,
     "$.namespaces[0].links[0].mtu (line 1, column 45): a number is expected, not 'true}]}]}'"},
    {"TextForNumber", R"({"version":1,"namespaces":[{"inode":"5"}]})", kBad,
     "$.namespaces[0].inode"},
    {"NumberForText", R"({"version":1,"host_name":5})", kBad,
     "$.host_name (line 1, column 26): text in quotes is expected"},
    {"TooLarge", R"({"version":1,"namespaces":[{"links":[{"hw_type":65536}]}]})", kBad,
     "65536 is out of range (0 to 65535)"},
    {"Negative", R"({"version":1,"namespaces":[{"links":[{"mtu":-1}]}]})", kBad,
     "-1 is out of range"},
    {"Huge", R"({"version":1,"taken_at_ms":99999999999999999999999999})", kBad,
     "out of range (0 to 18446744073709551615)"},
    {"TooSmall", R"({"version":1,"observations":[{"error":-2147483649}]})", kBad,
     "out of range (-2147483648 to 2147483647)"},
    {"Fraction", R"({"version":1,"taken_at_ms":1.5})", kBad, "a whole number is expected"},
    {"Exponent", R"({"version":1,"taken_at_ms":1e5})", kBad, "a whole number is expected"},
    {"LeadingZero", R"({"version":1,"taken_at_ms":01})", kBad, "starts with 0"},
    {"LoneMinus", R"({"version":1,"observations":[{"error":-}]})", kBad,
     "a minus without a number"},
    {"UnknownWord", R"({"version":1,"engines":[{"kind":"lxd"}]})", kBad,
     "$.engines[0].kind (line 1, column 38): 'lxd' is none of docker podman"},
    {"UnknownKind",
     R"({"version":1,"namespaces":[{"ruleset":{"tables":[{"chains":[{"rules":[{"statements":[{"nap":{}}]}]}]}]}}]})",
     kBad, "$.namespaces[0].ruleset.tables[0].chains[0].rules[0].statements[0]"},
    {"TwoKinds",
     R"({"version":1,"namespaces":[{"ruleset":{"tables":[{"chains":[{"rules":[{"statements":[{"notrack":{},"may":{}}]}]}]}]}}]})",
     kBad, "a second kind"},
    {"NoKind",
     R"({"version":1,"namespaces":[{"ruleset":{"tables":[{"chains":[{"rules":[{"statements":[{}]}]}]}]}}]})",
     kBad, "one member, the kind, is expected"},
    {"NoOperand",
     R"({"version":1,"namespaces":[{"ruleset":{"tables":[{"chains":[{"rules":[{"statements":[{"compare":{"left":{"bitwise":{}}}}]}]}]}]}}]})",
     kBad, "statements[0].compare.left.bitwise"},
    {"LongPayload",
     R"({"version":1,"namespaces":[{"ruleset":{"tables":[{"chains":[{"rules":[{"statements":[{"compare":{"left":{"payload":{"length":4000000000}}}}]}]}]}]}}]})",
     kBad, "length is at most 255"},
    {"PrefixOfAnAddress",
     R"({"version":1,"namespaces":[{"addresses":[{"local":"10.0.0.1","prefix_length":33}]}]})",
     kBad,
     "$.namespaces[0].addresses[0] (line 1, column 81): prefix_length is longer than the address"},
    {"HostBits", R"({"version":1,"namespaces":[{"routes":[{"destination":"10.0.0.1/8"}]}]})", kBad,
     "$.namespaces[0].routes[0].destination"},
    {"OddHex", R"({"version":1,"host_name":{"hex":"f"}})", kBad, "$.host_name.hex"},
    {"HexAndMore", R"({"version":1,"host_name":{"hex":"ff","x":1}})", kBad,
     "one member, hex, is expected"},
    {"NotHex", R"({"version":1,"host_name":{"name":"ff"}})", kBad, "text is a string or"},
    {"HostElsewhere", R"({"version":1,"host":1,"namespaces":[{}]})", kBad,
     "$.host: there is no namespace 1 (there are 1)"},
    {"NoNamespaceAtAll", R"({"version":1})", kBad, "$.host: there is no namespace 0 (there are 0)"},
    {"PeerElsewhere", R"({"version":1,"namespaces":[{"links":[{"peer_ns":7}]}]})", kBad,
     "$.namespaces[0].links[0].peer_ns: there is no namespace 7"},
    {"ContainerElsewhere",
     R"({"version":1,"namespaces":[{}],"engines":[{"containers":[{},{"netns":1}]}]})", kBad,
     "$.engines[0].containers[1].netns"},
    {"ObservedElsewhere", R"({"version":1,"namespaces":[{}],"observations":[{"from":4294967295}]})",
     kBad, "$.observations[0].from"},
    {"LabelTwice",
     R"({"version":1,"namespaces":[{}],"engines":[{"networks":[{"labels":{"a":"1","a":"2"}}]}]})",
     kBad, "$.engines[0].networks[0].labels.a"},
    {"PairOfOne",
     R"({"version":1,"namespaces":[{}],"engines":[{"networks":[{"labels":[["a"]]}]}]})", kBad,
     "a pair [key, value] is expected"},
    {"PairOfThree",
     R"({"version":1,"namespaces":[{}],"engines":[{"networks":[{"labels":[["a","b","c"]]}]}]})",
     kBad, "a pair [key, value] is expected"},
    {"TextAfterTheEnd", "{\"version\":1,\"namespaces\":[{}]}\n{}", kBad,
     "$ (line 2, column 1): text after the end"},
    {"CommaBeforeTheEnd", R"({"version":1,"namespaces":[{},]})", kBad, "a comma before the end"},
    {"NoComma", R"({"version":1 "host":0})", kBad, "',' or '}' is expected"},
    {"NoColon", R"({"version" 1})", kBad, "':' is expected"},
    {"KeyWithoutQuotes", R"({version:1})", kBad, "a key in quotes is expected"},
    {"ControlCharacter", "{\"version\":1,\"host_name\":\"a\nb\"}", kBad,
     "a control character in text"},
    {"NotUtf8", "{\"version\":1,\"host_name\":\"\xff\"}", kBad, "text that is not UTF-8"},
    {"HalfSurrogate", R"({"version":1,"host_name":"\ud800"})", kBad, "half of a surrogate pair"},
    {"ShortEscape", R"({"version":1,"host_name":"\u12"})", kBad, "four hexadecimal digits"},
    {"StrangeEscape", R"({"version":1,"host_name":"\x41"})", kBad,
     "a backslash before what needs none"},
    {"NullForText", R"({"version":1,"host_name":null})", kBad, "$.host_name"},
    {"OnlyAPrefixOfAWord", R"({"version":1,"complete":tru})", kBad, "true or false is expected"},
};

INSTANTIATE_TEST_SUITE_P(SnapshotJson, Refused, ::testing::ValuesIn(kRefusals),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(SnapshotJson, EveryVersionThatWasIsStillRead) {
  for (std::uint32_t version = 1; version <= kSnapshotVersion; ++version) {
    const auto read = read_snapshot(file("v" + std::to_string(version) + ".json"));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->version, kSnapshotVersion);
    ASSERT_EQ(read->namespaces.size(), 2U);
    const Link& link = read->namespaces[0].links.at(1);
    EXPECT_EQ(link.name, "eth0");
    EXPECT_EQ(link.peer_ns, NsId{1});
    EXPECT_TRUE(link.carrier);  // left out: what a new link has
    EXPECT_EQ(read->namespaces[0].routes.at(0).table, 254U);
    EXPECT_EQ(read->namespaces[0].links[0].name, "we\xffird");
    const auto& statements =
        read->namespaces[0].ruleset.tables.at(0).chains.at(0).rules.at(0).statements;
    const auto& match = std::get<XtMatch>(statements.at(1));
    EXPECT_EQ(std::get<xt::Conntrack>(match.info).state_mask, 6);
    EXPECT_EQ(read->engines.at(0).containers.at(0).published.at(0).host_port, Port{8080});
  }
}

TEST(SnapshotJson, MigrationOfTheCurrentVersionChangesNothing) {
  const std::string text = file("v1.json");
  const auto same = migrate(text, kSnapshotVersion);
  ASSERT_TRUE(same);
  EXPECT_EQ(*same, text);
  EXPECT_FALSE(migrate(text, kSnapshotVersion + 1));
}

TEST(SnapshotJson, AFileCutShortAnywhereIsRefused) {
  const std::string text = file("v1.json");
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {  // the last byte is the line's end
    const auto read = read_snapshot(std::string_view(text).substr(0, size));
    ASSERT_FALSE(read) << "cut at " << size;
    ASSERT_EQ(read.error().code, kBad);
  }
  EXPECT_TRUE(read_snapshot(std::string_view(text).substr(0, text.size() - 1)));
}

TEST(SnapshotJson, NestingIsBounded) {
  std::string deep =
      R"({"version":1,"namespaces":[{"ruleset":{"tables":[{"chains":[{"rules":[{"statements":[{"compare":{"left":)";
  for (int i = 0; i < 100'000; ++i) deep += R"({"concat":{"parts":[)";
  const auto read = read_snapshot(deep);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kBudget);
  EXPECT_LT(read.error().message.size(), 1000U);
  const auto unknown = read_snapshot(std::string(100'000, '['));
  EXPECT_FALSE(unknown);
  const auto skipped = read_snapshot(R"({"x":)" + std::string(1'000'000, '['));
  ASSERT_FALSE(skipped);
  EXPECT_EQ(skipped.error().code, ErrorCode::kBudget);
}

TEST(SnapshotJson, SmallTextCannotTakeMuchMemory) {
  std::string text = R"({"version":1,"namespaces":[{}],"gaps":[{})";
  for (int i = 0; i < 10'000; ++i) text += ",{}";
  text += "]}";
  EXPECT_TRUE(read_snapshot(text));
  const auto read = read_snapshot(text, {.memory_bytes = 1000 * sizeof(Gap)});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kBudget);
  EXPECT_THAT(read.error().message, HasSubstr("$.gaps[9"));
}

TEST(SnapshotJson, LongTextIsRefusedUnread) {
  const auto read = read_snapshot(R"({"version":1})", {.text_bytes = 12});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kBudget);
}

TEST(SnapshotJson, KeysMayComeInAnyOrderAndWithEscapes) {
  const auto read = read_snapshot(
      " {\"namespaces\":[{}], \"host_n\\u0061me\":\"\\ud83d\\udc33\\/\", \"version\" :1}\r\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->host_name, "\xf0\x9f\x90\xb3/");
}

TEST(SnapshotJson, RowsAreOnLinesOfTheirOwnAndDefaultsAreLeftOut) {
  Snapshot s;
  s.namespaces.resize(1);
  s.namespaces[0].links.resize(2);
  s.namespaces[0].links[1].name = "lo";
  EXPECT_EQ(write_snapshot(s),
            "{\"version\":1,\"namespaces\":[\n{\"links\":[\n{},\n{\"name\":\"lo\"}]}]}\n");
}

}  // namespace
}  // namespace bulkhead::model
