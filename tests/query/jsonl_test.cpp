#include "query/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/host.h"

namespace bulkhead::query {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Lines : public ::testing::Test {
 protected:
  Lines()
      : world_(*trace::World::build(host_.net.snapshot)),
        asker_(world_, host_.zones),
        answerer_(asker_) {}

  std::string answer(std::string_view line) {
    std::string out;
    const Status status = answerer_.answer(line, out);
    return status ? out : "error: " + status.error().message;
  }

  testing::Host host_;
  trace::World world_;
  Asker asker_;
  LineAnswerer answerer_;
};

TEST_F(Lines, TheAnswerRepeatsTheQuestionAndAddsTheVerdict) {
  const std::string out =
      answer(R"({"id": [1, "x"], "from":"host","to":"10.1.0.2","port":80,"proto":"tcp"} )");
  EXPECT_THAT(
      out, StartsWith(R"({"id": [1, "x"], "from":"host","to":"10.1.0.2","port":80,"proto":"tcp")"));
  EXPECT_THAT(out, HasSubstr(R"("verdict":"open","how":"accepted","reason":)"));
  EXPECT_THAT(out, EndsWith("}\n"));
}

TEST_F(Lines, AnExplanationHasWitnessPathRulesAndSocket) {
  const std::string out = answer(R"({"from":"host","to":"10.1.0.2","port":80,"explain":true})");
  for (const char* key : {"\"witness\":{", "\"path\":[", "\"rules\":[", "\"socket\":{"}) {
    EXPECT_THAT(out, HasSubstr(key));
  }
}

TEST_F(Lines, ExpectationsThatAreNotMetAreCounted) {
  answer(R"({"from":"host","to":"10.1.0.2","port":80,"expect":"open"})");
  EXPECT_EQ(answerer_.unmet(), 0U);
  answer(R"({"from":"host","to":"10.1.0.2","port":81,"expect":"open"})");
  answer(R"({"from":"host","to":"10.1.0.2","port":80,"expect":"closed"})");
  EXPECT_EQ(answerer_.unmet(), 2U);
  EXPECT_EQ(answerer_.answered(), 3U);
}

TEST_F(Lines, BadLinesSayWhatIsWrongAndAnswerNothing) {
  struct Row {
    const char* line;
    const char* says;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"", "not a JSON object"},
           {"[]", "not a JSON object"},
           {"{", "not"},
           {R"({"from":"host"})", "\"to\" is missing"},
           {R"({"from":"host","to":"10.1.0.2"})", "\"port\" is missing"},
           {R"({"to":"10.1.0.2","port":1})", "\"from\" is missing"},
           {R"({"from":"host","to":"10.1.0.2","port":65536})", "0 to 65535"},
           {R"({"from":"host","to":"10.1.0.2","port":-1})", "0 to 65535"},
           {R"({"from":"host","to":"10.1.0.2","port":"80"})", "0 to 65535"},
           {R"({"from":"host","to":"web","port":80})", "not an IP address"},
           {R"({"from":"host","to":"10.1.0.2","port":80,"proto":"sctp"})", "tcp or udp"},
           {R"({"from":"host","to":"10.1.0.2","port":80,"source":"::1"})",
            "different address families"},
           {R"({"from":"host","to":"10.1.0.2","port":80,"expect":"maybe"})", "open or closed"},
           {R"({"from":"host","to":"10.1.0.2","port":80,"prot":"tcp"})", "unknown key"},
           {R"({"from":"host","to":"10.1.0.2","port":80,"port":81})", "\"port\" is there twice"},
           {R"({"id":[tru],"from":"host","to":"10.1.0.2","port":80})", "\"id\""},
           {R"({"id":{"a" 1},"from":"host","to":"10.1.0.2","port":80})", "\"id\""},
           {R"({"id":1x,"from":"host","to":"10.1.0.2","port":80})", "behind its value"},
           {R"({"id":[05],"from":"host","to":"10.1.0.2","port":80})", "starts with 0"},
           {R"({"id":[1.],"from":"host","to":"10.1.0.2","port":80})", "ends with its point"},
           {R"({"id":[1e+],"from":"host","to":"10.1.0.2","port":80})", "exponent"},
           {R"({"from":"nowhere","to":"10.1.0.2","port":80})", "not a vantage"},
           {R"({"from":"host","to":"10.1.0.2","port":80} {"port":81})", "follows the JSON object"},
           {R"({"from":"host","to":"10.1.0.2","port":80} x)", "not a JSON object"}}) {
    std::string out;
    const Status status = answerer_.answer(row.line, out);
    ASSERT_FALSE(status) << row.line;
    EXPECT_THAT(status.error().message, HasSubstr(row.says)) << row.line;
    EXPECT_EQ(out, "") << row.line;
  }
}

TEST_F(Lines, ALineWithoutAnEndIsRefused) {
  EXPECT_THAT(answer(std::string(LineAnswerer::kLongestLine + 1, ' ')),
              HasSubstr("a line of over"));
}

}  // namespace
}  // namespace bulkhead::query
