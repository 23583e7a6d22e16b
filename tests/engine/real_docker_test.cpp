// Against a real dockerd that the test starts in a network namespace of its own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/docker.h"
#include "model/json.h"

namespace bulkhead::engine {
namespace {

class RealDocker : public ::testing::Test {
 protected:
  // private-docker ends, and cleans up, when its input ends: also when this process dies.
  static void SetUpTestSuite() {
    int in[2], out[2];
    ASSERT_EQ(::pipe2(in, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(out, O_CLOEXEC), 0);
    script_ = ::fork();
    if (script_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::execl(BULKHEAD_SOURCE_DIR "/tests/engine/private-docker", "private-docker", nullptr);
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    FILE* lines = ::fdopen(out[0], "r");
    char line[512] = "";
    const bool said = ::fgets(line, sizeof line, lines) != nullptr;
    ::fclose(lines);
    std::string text = line;
    while (text.ends_with('\n')) text.pop_back();
    ASSERT_TRUE(said && text.starts_with("ready ")) << text;
    folder_ = text.substr(6);
    engine_ = read_engine({"unix://" + folder_ + "/docker.sock", "", true}, nullptr, Limits{});
  }

  static void TearDownTestSuite() {
    ::close(input_);
    ::waitpid(script_, nullptr, 0);
    EXPECT_FALSE(std::filesystem::exists(folder_)) << folder_ << " was left behind";
  }

  void SetUp() override { ASSERT_TRUE(engine_) << engine_.error().message; }

  static inline pid_t script_ = 0;
  static inline int input_ = -1;
  static inline std::string folder_;
  static inline Result<model::Engine> engine_ = fail(ErrorCode::kUnavailable, "no engine");
};

const model::Container* find(const model::Engine& engine, const std::string& name) {
  const auto found = std::ranges::find(engine.containers, name, &model::Container::name);
  return found == engine.containers.end() ? nullptr : &*found;
}

TEST_F(RealDocker, IsReadWithEveryContainerAndNetwork) {
  const model::Engine* const engine = &*engine_;
  EXPECT_EQ(engine->gaps.size(), 0U);
  EXPECT_EQ(engine->containers.size(), 13U);
  EXPECT_EQ(engine->networks.size(), 8U);

  // What it says is so: the process and the namespace are there, the bridge is named as we think.
  const model::Container* web = find(*engine, "web");
  ASSERT_NE(web, nullptr);
  EXPECT_TRUE(std::filesystem::exists("/proc/" + std::to_string(web->pid)));
  EXPECT_TRUE(std::filesystem::exists(web->sandbox)) << web->sandbox;
  const model::Container* beside = find(*engine, "beside");
  ASSERT_NE(beside, nullptr);
  EXPECT_EQ(beside->network_mode, "container:" + web->id);
  const std::string ns = "/proc/" + std::to_string(web->pid) + "/ns/net";
  EXPECT_EQ(std::filesystem::read_symlink(ns),
            std::filesystem::read_symlink("/proc/" + std::to_string(beside->pid) + "/ns/net"));

  model::Snapshot snapshot;
  snapshot.namespaces.resize(1);
  snapshot.engines.push_back(*engine);
  const std::string text = model::write_snapshot(snapshot);
  EXPECT_EQ(text.find("do-not-read-me"), std::string::npos);
  const auto back = model::read_snapshot(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(*back == snapshot);
}

TEST_F(RealDocker, NamesItsBridgesAsTheKernelDoes) {
  const model::Engine* const engine = &*engine_;
  const model::Container* onhost =
      find(*engine, "onhost");  // sees the links of the engine's namespace
  ASSERT_NE(onhost, nullptr);
  const std::string net = "/proc/" + std::to_string(onhost->pid) + "/net/dev";
  std::string links;
  if (FILE* file = ::fopen(net.c_str(), "r")) {
    char line[512];
    while (::fgets(line, sizeof line, file) != nullptr) links += line;
    ::fclose(file);
  }
  std::size_t bridges = 0;
  for (const auto& network : engine->networks) {
    if (network.bridge.empty()) continue;
    ++bridges;
    EXPECT_NE(links.find(network.bridge + ":"), std::string::npos) << network.bridge << "\n"
                                                                   << links;
  }
  EXPECT_EQ(bridges, 5U);
}

}  // namespace
}  // namespace bulkhead::engine
