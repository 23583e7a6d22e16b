#include "report/json.h"

#include <gtest/gtest.h>

#include <fstream>

#include "audit/ask.h"
#include "policy/zones.h"
#include "report/audit_text.h"
#include "report/json_pieces.h"
#include "report/json_schema.h"

namespace bulkhead::report {
namespace {

using testing_json::Json;
using testing_json::Validator;
using namespace testing_hosts;

Json schema(const std::string& name) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/" + name + ".schema.json");
  return Json::parse(in);
}

// As many kinds of findings, and as many optional parts, as one host can have.
model::Snapshot everything() {
  HostBuilder h("10.0.0.5", "10.0.0.1");
  h.address(0, IfIndex{2}, "2001:db8::10", 64);
  h.route(0, "::/0", IfIndex{2}, ip("2001:db8::1"));
  h.interface("eth1", "10.99.0.1", 24);
  h.network("bridge", "docker0", "172.17.0.1", true);
  h.network("shop_default", "br-shop", "172.18.0.1");
  const auto db =
      h.container("shop-db-1", "shop_default", "172.18.0.2", "shop", "db", "postgres:16");
  h.container("odd\"\\\n\xff", "bridge", "172.17.0.2");
  h.container("two", "bridge", "172.17.0.3");
  h.listen(db.ns, 5432, "postgres");
  h.publish(db, 5432, 5432);
  h.publish(db, 5432, 5432, "::");
  h.listen(0, 2375, "dockerd", "::");
  h.closed_but_for({22});
  model::Container& x = h.engine().containers.emplace_back();
  x.name = "hosty", x.state = "running", x.network_mode = "host", x.netns = model::NsId{0};
  model::Container& ghost = h.engine().containers.emplace_back();
  ghost.name = "ghost", ghost.state = "running";
  h.engine().containers[1].mounts.push_back({"/run/docker.sock", "/x", "bind", false});
  h.snapshot.gaps.push_back({"nftables", "not allowed"});
  model::Observation o;
  o.vantage = "container:docker/two", o.to = ip("172.17.0.1"), o.port = Port{2375},
  o.how = "dropped";
  h.snapshot.observations.push_back(o);
  return h.snapshot;
}

constexpr std::string_view kConfig =
    "bulkhead: 1\nzones: {ipmi: {role: management, interface: eth1}}\n"
    "suppress: [{id: T1-00, reason: x, expires: 2030-01-01}, {id: T1-01, reason: x, expires: "
    "2020-01-01}]\n";

TEST(AuditJson, IsWhatItsSchemaSays) {
  const Json rules = schema("audit");
  for (const Language language : {Language::kEnglish, Language::kJapanese}) {
    const Json full =
        Json::parse(audit_json(audit_of(everything(), kConfig), {.language = language}));
    EXPECT_EQ(Validator(rules).check(full), "");
    EXPECT_GE(full["findings"].size(), 8U);
    EXPECT_FALSE(full["contradictions"].empty());
    EXPECT_FALSE(full["unknown"].empty());
    const Json empty =
        Json::parse(audit_json(audit_of(HostBuilder().snapshot), {.language = language}));
    EXPECT_EQ(Validator(rules).check(empty), "");
  }
}

TEST(AuditJson, TheValidatorSeesWhatIsWrong) {
  const Json rules = schema("audit");
  const Json good = Json::parse(audit_json(audit_of(everything(), kConfig), {}));
  Json bad = good;
  bad["findings"][0]["severity"] = "terrible";
  EXPECT_NE(Validator(rules).check(bad), "");
  bad = good;
  bad["surprise"] = 1;
  EXPECT_NE(Validator(rules).check(bad), "");
  bad = good;
  bad["counts"].erase("open");
  EXPECT_NE(Validator(rules).check(bad), "");
}

// It is written piece by piece: laid out as if it had been one tree.
TEST(AuditJson, IsLaidOutAsAWhole) {
  using Ordered = nlohmann::ordered_json;
  for (const model::Snapshot& snapshot : {everything(), HostBuilder().snapshot}) {
    audit::Report report = audit_of(snapshot, kConfig);
    if (!report.exposures.empty()) report.exposures.front().unknown = {0, 1};
    const std::string text = audit_json(report, {});
    EXPECT_EQ(Ordered::parse(text).dump(2, ' ', false) + "\n", text);
  }
}

TEST(JsonPieces, WriteWhatATreeOfThemWrites) {
  const nlohmann::ordered_json item = {{"text", "a\n\"b\xff"}, {"list", {1, {{"deep", 2}}}}},
                               nothing = nlohmann::ordered_json::array();
  JsonPieces pieces;
  pieces.member("first", item);
  pieces.begin_array("none");
  pieces.end_array();
  pieces.begin_array("some");
  pieces.element(item);
  pieces.element(nothing);
  pieces.end_array();
  pieces.member("last", nothing);
  const nlohmann::ordered_json tree = {
      {"first", item}, {"none", nothing}, {"some", {item, nothing}}, {"last", nothing}};
  EXPECT_EQ(std::move(pieces).finish(),
            tree.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  EXPECT_EQ(JsonPieces().finish(), "{}");
}

TEST(AuditJson, CountsAgreeWithTheTextAndTheList) {
  const auto report = audit_of(everything(), kConfig);
  const Json json = Json::parse(audit_json(report, {}));
  std::size_t by_severity = 0;
  for (const auto& [name, count] : json["counts"]["by_severity"].items())
    by_severity += count.get<std::size_t>();
  EXPECT_EQ(by_severity, json["findings"].size());
  const std::string text = audit_text(report, {});
  EXPECT_NE(text.find("\n" + std::to_string(by_severity) + " findings:"), std::string::npos);
}

TEST(MapJson, IsWhatItsSchemaSays) {
  const Json rules = schema("map");
  const model::Snapshot snapshot = everything();
  const Json full =
      Json::parse(map_json(audit::draw_map(snapshot, {}, policy::guess_zones(snapshot))));
  EXPECT_EQ(Validator(rules).check(full), "");
  EXPECT_EQ(Validator(rules).check(Json::parse(map_json({}))), "");
}

}  // namespace
}  // namespace bulkhead::report
