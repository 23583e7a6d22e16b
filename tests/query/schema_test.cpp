// The schemas of questions and answers against what is read and written.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "query/host.h"
#include "query/jsonl.h"
#include "report/json_schema.h"

namespace bulkhead::query {
namespace {

using testing_json::Json;
using testing_json::Validator;

Json schema(const std::string& name) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/" + name + ".schema.json");
  return Json::parse(in);
}

class Schemas : public ::testing::Test {
 protected:
  Schemas() {
    host_.only_from("192.0.2.200");
    host_.net.link("host", "up0").ipv4.rp_filter = 1;
    for (model::Socket& socket : host_.net.ns("host").sockets) {
      socket.owners.push_back({7, "sshd", "/usr/sbin/sshd", 0, "/x", std::string(64, 'a')});
    }
    world_.emplace(*trace::World::build(host_.net.snapshot));
    asker_.emplace(*world_, host_.zones);
    // In the place of verify/attacker.h: what a forged packet's witness looks like.
    asker_->forged_by([](const Seat&, const Target&, Reply ordinary) {
      ordinary.frame = {MacAddress({2, 0, 0, 0, 0, 1}), MacAddress({2, 0, 0, 0, 0, 2}), true};
      return ordinary;
    });
    answerer_.emplace(*asker_);
  }

  // The line's answer; null when it is refused.
  Json answer(const std::string& line) {
    std::string out;
    if (!answerer_->answer(line, out)) return {};
    return Json::parse(out);
  }

  testing::Host host_;
  std::optional<trace::World> world_;
  std::optional<Asker> asker_;
  std::optional<LineAnswerer> answerer_;
};

const std::vector<std::string> kAnswered = {
    R"({"from":"host","to":"10.1.0.2","port":80})",
    R"({"id":[1,{"a":null}],"from":"lan","to":"192.0.2.10","port":22,"proto":"tcp","explain":true})",
    R"({"id":"x","from":"addr:192.0.2.200@lan","to":"192.0.2.10","port":22,"as":"attacker"})",
    R"({"from":"internet","to":"192.0.2.10","port":22,"as":"ordinary","expect":"open","explain":true})",
    R"({"from":"lan:up0","to":"192.0.2.10","port":22,"source":"192.0.2.200","source_port":7,"explain":true})",
    R"({"from":"netns:/run/netns/web","to":"10.1.0.1","port":53,"proto":"udp","expect":"closed"})",
    R"({"from":"zone:lan","to":"10.1.0.2","port":0,"explain":false})",
    R"({"from":"host","to":"2001:db8::1","port":65535,"explain":true})",
    R"({"from":"host","to":"10.1.0.2","port":81,"explain":true})",
    R"({"from":"addr:10.1.0.9@lan","to":"10.1.0.2","port":80,"explain":true})",
};

// Which properties of the schema occur: "witness.source", "path[].leg".
void note(const Json& value, const std::string& at, std::set<std::string>& seen) {
  if (at == "id") return;  // anything
  if (value.is_array()) {
    for (const Json& item : value) note(item, at + "[]", seen);
  }
  if (!value.is_object()) return;
  for (const auto& [name, inner] : value.items()) {
    const std::string path = at.empty() ? name : at + "." + name;
    seen.insert(path);
    note(inner, path, seen);
  }
}

void wanted(const Json& schema, const std::string& at, std::set<std::string>& out) {
  if (schema.contains("items")) wanted(schema.at("items"), at + "[]", out);
  if (!schema.contains("properties")) return;
  for (const auto& [name, inner] : schema.at("properties").items()) {
    const std::string path = at.empty() ? name : at + "." + name;
    out.insert(path);
    wanted(inner, path, out);
  }
}

TEST_F(Schemas, AnswersAreValidAndShowEveryFieldThatTheSchemaNames) {
  const Json questions = schema("query-in"), answers = schema("query-out");
  std::set<std::string> asked, shown;
  for (const std::string& line : kAnswered) {
    EXPECT_EQ(Validator(questions).check(Json::parse(line)), "") << line;
    const Json out = answer(line);
    ASSERT_TRUE(out.is_object()) << line;
    EXPECT_EQ(Validator(answers).check(out), "") << out.dump();
    note(Json::parse(line), "", asked);
    note(out, "", shown);
  }
  std::set<std::string> all_asked, all_shown;
  wanted(questions, "", all_asked);
  wanted(answers, "", all_shown);
  EXPECT_EQ(asked, all_asked);
  EXPECT_EQ(shown, all_shown);
}

TEST_F(Schemas, WhatTheReaderRefusesForItsFormTheSchemaRefusesToo) {
  const Json questions = schema("query-in");
  for (const char* line : {
           "[]",
           R"({"to":"10.1.0.2","port":1})",
           R"({"from":"host","port":1})",
           R"({"from":"host","to":"10.1.0.2"})",
           R"({"from":"host","to":"10.1.0.2","port":65536})",
           R"({"from":"host","to":"10.1.0.2","port":-1})",
           R"({"from":"host","to":"10.1.0.2","port":"80"})",
           R"({"from":"host","to":7,"port":80})",
           R"({"from":"nowhere","to":"10.1.0.2","port":80})",
           R"({"from":"lan:","to":"10.1.0.2","port":80})",
           R"({"from":"addr:192.0.2.1","to":"10.1.0.2","port":80})",
           R"({"from":"host","to":"10.1.0.2","port":80,"proto":"sctp"})",
           R"({"from":"host","to":"10.1.0.2","port":80,"source_port":1.5})",
           R"({"from":"host","to":"10.1.0.2","port":80,"as":"root"})",
           R"({"from":"host","to":"10.1.0.2","port":80,"expect":"unknown"})",
           R"({"from":"host","to":"10.1.0.2","port":80,"explain":1})",
           R"({"from":"host","to":"10.1.0.2","port":80,"verdict":"open"})",
       }) {
    EXPECT_NE(Validator(questions).check(Json::parse(line)), "") << line;
    EXPECT_TRUE(answer(line).is_null()) << line;
  }
}

TEST_F(Schemas, AnAnswerToAQuestionOfFlagsIsValidToo) {
  const Vantage from = *Vantage::parse("lan");
  Target target;
  target.to = *IpAddress::parse("192.0.2.10");
  target.port = Port{22};
  target.explain = true;
  const std::string line = answer_line(from, target, asker_->ask(*asker_->seat(from), target), {});
  const Json answers = schema("query-out");
  EXPECT_EQ(Validator(answers).check(Json::parse(line)), "") << line;
}

}  // namespace
}  // namespace bulkhead::query
