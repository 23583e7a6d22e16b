#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/answers.h"
#include "recorded.h"

namespace bulkhead::engine {
namespace {

using ::testing::HasSubstr;

TEST(ParseVersion, OfDockerAndPodman) {
  const auto docker = parse_version(recorded("version"));
  ASSERT_TRUE(docker) << docker.error().message;
  EXPECT_EQ(docker->kind, model::EngineKind::kDocker);
  EXPECT_THAT(docker->version, HasSubstr("20.10.24"));
  EXPECT_EQ(docker->api, "1.41");
  EXPECT_EQ(docker->oldest_api, "1.12");
  const auto podman = parse_version(
      R"({"Components":[{"Name":"Podman Engine","Version":"4.3.1"},{"Name":"Conmon"}],"Version":"4.3.1","ApiVersion":"1.41","MinAPIVersion":"1.24"})");
  ASSERT_TRUE(podman);
  EXPECT_EQ(podman->kind, model::EngineKind::kPodman);
}

TEST(ChoosePrefix, TakesTheNewestThatBothSpeak) {
  const auto prefix = [](const std::string& newest, const std::string& oldest) {
    const auto chosen = choose_prefix({model::EngineKind::kDocker, "", newest, oldest});
    return chosen ? *chosen : std::string(to_string(chosen.error().code));
  };
  EXPECT_EQ(prefix("1.41", "1.12"), "/v1.41");
  EXPECT_EQ(prefix("1.24", ""), "/v1.24");
  EXPECT_EQ(prefix("1.52", "1.44"), "/v1.50");
  EXPECT_EQ(prefix("1.23", "1.12"), to_string(ErrorCode::kUnsupported));
  EXPECT_EQ(prefix("1.60", "1.51"), to_string(ErrorCode::kUnsupported));
  EXPECT_EQ(prefix("1.41/../x", ""), to_string(ErrorCode::kInvalidInput));
  EXPECT_EQ(prefix("", ""), to_string(ErrorCode::kInvalidInput));
}

TEST(ParseInfo, OfDocker2010) {
  model::Engine engine;
  const Status good = parse_info(recorded("info"), engine);
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_FALSE(engine.id.empty());
  EXPECT_FALSE(engine.host_name.empty());
  EXPECT_EQ(engine.cgroup_driver, "cgroupfs");
  EXPECT_THAT(engine.data_root, HasSubstr("/data"));
  EXPECT_FALSE(engine.swarm || engine.live_restore || engine.rootless || engine.user_namespaces);
  EXPECT_EQ(engine.firewall_backend, "");
}

TEST(ParseInfo, WhatOtherEnginesAdd) {
  model::Engine engine;
  ASSERT_TRUE(parse_info(
      R"({"LiveRestoreEnabled":true,"Swarm":{"NodeID":"x","LocalNodeState":"active"},
          "SecurityOptions":["name=seccomp,profile=builtin","name=rootless","name=userns"],
          "FirewallBackend":{"Driver":"nftables+firewalld","Info":[["a","b"]]}})",
      engine));
  EXPECT_TRUE(engine.swarm);
  EXPECT_TRUE(engine.live_restore);
  EXPECT_TRUE(engine.rootless);
  EXPECT_TRUE(engine.user_namespaces);
  EXPECT_EQ(engine.firewall_backend, "nftables+firewalld");
}

TEST(ParseContainerList, OfDocker2010) {
  const auto list = parse_container_list(recorded("containers"), 100);
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(list->size(), 13U);
  EXPECT_TRUE(std::ranges::any_of(*list, [](const auto& c) { return c.name == "web"; }));
}

TEST(ParseContainerList, IsBoundedAndTakesOnlyIds) {
  const auto more = parse_container_list(recorded("containers"), 12);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kBudget);
  const std::vector<std::string> ids = {"", "../../events", "ABCDEF", std::string(64, 'g')};
  for (const std::string& id : ids) {
    const auto list = parse_container_list(R"([{"Id":")" + id + R"("}])", 10);
    ASSERT_FALSE(list) << id;
    EXPECT_THAT(list.error().message, HasSubstr("is not a container's id"));
  }
}

TEST(ParseErrorMessage, IsTheEnginesWordsOrTheText) {
  EXPECT_EQ(parse_error_message(recorded("not-found")), "No such container: nothere");
  EXPECT_EQ(parse_error_message("<h1>\x1b[2J"), "<h1>\\x1b[2J");
  EXPECT_LE(parse_error_message(std::string(10'000, 'a')).size(), 204U);
}

}  // namespace
}  // namespace bulkhead::engine
