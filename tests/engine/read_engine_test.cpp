// The whole reader against a server that answers as a real one did, and against servers that lie.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "engine/docker.h"
#include "engine/unix_socket.h"
#include "fake_engine.h"
#include "recorded.h"

namespace bulkhead::engine {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kIdA(64, 'a'), kIdB(64, 'b'), kIdC(64, 'c');

std::string listed(const std::string& id, const std::string& name) {
  return R"({"Id":")" + id + R"(","Names":["/)" + name + R"("]})";
}
std::string inspected(const std::string& id, const std::string& name,
                      const std::string& mode = "bridge") {
  return R"({"Id":")" + id + R"(","Name":"/)" + name + R"(","HostConfig":{"NetworkMode":")" + mode +
         R"("}})";
}

// Answers everything that is asked before the containers.
FakeAnswer usual(const std::string& path) {
  if (path == "/version") return json_answer(recorded("version"));
  if (path == "/v1.41/info") return json_answer(recorded("info"));
  if (path == "/v1.41/networks") return json_answer(recorded("networks"));
  if (path == "/v1.41/containers/json?all=1") return json_answer("[" + listed(kIdA, "a") + "]");
  if (path == "/v1.41/containers/" + kIdA + "/json") return json_answer(inspected(kIdA, "a"));
  return json_answer(R"({"message":"page not found"})", "404 Not Found");
}

Limits quick() {
  Limits limits;
  limits.timeout_ms = 400;
  limits.response_bytes = 1U << 20;
  return limits;
}

Result<model::Engine> read(FakeEngine& fake, const Limits& limits = quick()) {
  return read_engine({fake.url(), "", true}, nullptr, limits);
}

std::vector<std::string> names(const model::Engine& engine) {
  std::vector<std::string> out;
  for (const auto& container : engine.containers) out.push_back(container.name);
  return out;
}

std::vector<std::string> reasons(const model::Engine& engine) {
  std::vector<std::string> out;
  for (const auto& gap : engine.gaps) out.push_back(gap.reason);
  return out;
}

TEST(ReadEngine, AsRecordedFromDocker2010) {
  FakeEngine fake([](const std::string& path) {
    const auto slash = path.rfind('/', path.size() - 6);
    if (path.starts_with("/v1.41/containers/") && path.ends_with("/json")) {
      const std::string id = path.substr(slash + 1, 64);
      for (const std::string name : {"web", "plain", "quiet1", "six", "inner", "onlan", "onhost",
                                     "nowhere", "beside", "random", "stopped", "frozen", "never"}) {
        const std::string text = recorded("container-" + name);
        if (text.find("\"Id\":\"" + id) != std::string::npos) return json_answer(text);
      }
    }
    if (path == "/v1.41/containers/json?all=1") return json_answer(recorded("containers"));
    return usual(path);
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ(engine->containers.size(), 13U);
  EXPECT_EQ(engine->networks.size(), 8U);
  EXPECT_EQ(engine->api_version, "1.41");
  EXPECT_EQ(engine->endpoint, fake.url());
  EXPECT_EQ(engine->kind, model::EngineKind::kDocker);
  EXPECT_THAT(reasons(*engine), ElementsAre());
  EXPECT_EQ(names(*engine).front(), "beside");  // by name, whatever order the engine has
  EXPECT_EQ(fake.connections(), 1);
  EXPECT_THAT(fake.requests(), Each(StartsWith("GET /")));
}

TEST(ReadEngine, ByADescriptorThatAnotherProcessWouldHaveOpened) {
  FakeEngine fake(usual);
  std::vector<std::string> asked;
  const UnixConnector connect = [&](const std::string& path) {
    asked.push_back(path);
    return connect_unix(fake.path(), 1000);
  };
  const auto engine =
      read_engine({"unix:///run/only-the-broker-may.sock", "", true}, connect, quick());
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("a"));
  EXPECT_THAT(asked, ElementsAre("/run/only-the-broker-may.sock"));
}

TEST(ReadEngine, ByTcp) {
  FakeEngine fake(usual, FakeEngine::Socket::kTcp);
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("a"));
  EXPECT_THAT(fake.requests(), Each(StartsWith("GET /")));
  EXPECT_EQ(fake.connections(), 1);
}

TEST(ReadEngine, AsksAgainWhenAKeptConnectionWasClosed) {
  FakeEngine fake([](const std::string& path) {
    FakeAnswer answer = usual(path);
    answer.close = true;  // without a word of it in the headers
    return answer;
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("a"));
  EXPECT_EQ(fake.connections(), 6);
}

TEST(ReadEngine, SaysWhyTheConnectorFailed) {
  const UnixConnector refuse = [](const std::string&) -> Result<int> {
    return fail(ErrorCode::kDenied, "no right to it");
  };
  const auto engine = read_engine({"unix:///run/docker.sock", "", true}, refuse, quick());
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kDenied);
  EXPECT_EQ(engine.error().message, "docker unix:///run/docker.sock: GET /version: no right to it");
}

TEST(ReadEngine, WhereNothingIs) {
  const auto none = read_engine({"unix:///nowhere/docker.sock", "", true}, nullptr, quick());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  const auto refused = read_engine({"tcp://127.0.0.1:1", "", true}, nullptr, quick());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("tcp://127.0.0.1:1"));
}

// ----------------------------------------------------------------------------------- lies

struct Lie {
  std::string name;
  FakeAnswer answer;
  ErrorCode code;
  std::string message;
};

FakeAnswer raw(const std::string& bytes, bool close = true) {
  return {bytes, close, "", 0, false};
}
const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
constexpr ErrorCode kGone = ErrorCode::kUnavailable;

// Enough in one piece that a busy machine reaches the bound before the time is over.
std::string many_chunks() {
  std::string chunks;
  for (int i = 0; i < 4096; ++i) chunks += "4\r\n    \r\n";
  return chunks;
}

std::vector<Lie> lies() {
  return {
      {"EndlessBody",
       {kHead + "\r\n", true, std::string(65536, ' '), 0, false},
       ErrorCode::kBudget,
       "longer than"},
      {"EndlessChunks",
       {kHead + "Transfer-Encoding: chunked\r\n\r\n", true, many_chunks(), 0, false},
       ErrorCode::kBudget,
       "longer than"},
      {"SlowDrip", {kHead + "\r\n", true, " ", 20, false}, kGone, "imed out"},
      {"Silence", {"", false, "", 0, true}, kGone, "imed out"},
      {"SlowHeaders", {"HTTP/1.1 200 OK\r\n", true, "X: y\r\n", 20, false}, kGone, "imed out"},
      {"CutInsideAChunk", raw(kHead + "Transfer-Encoding: chunked\r\n\r\n100\r\n{\"Version"), kGone,
       "GET /version"},
      {"ChunkLengthIsNoNumber",
       raw(kHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), kGone,
       "GET /version"},
      {"ChunkLengthOverflows",
       raw(kHead + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}"), kGone,
       "GET /version"},
      {"FewerBytesThanSaid", raw(kHead + "Content-Length: 500\r\n\r\n{}"), kGone, "GET /version"},
      {"NegativeLength", raw(kHead + "Content-Length: -1\r\n\r\n{}"), kGone, "GET /version"},
      {"HugeLength", raw(kHead + "Content-Length: 99999999999999999999\r\n\r\n{}"), kGone,
       "GET /version"},
      {"ServerError",
       json_answer(R"({"message":"it broke\u001b[2J"})", "500 Internal Server Error"), kGone,
       R"(answered 500: it broke\x1b[2J)"},
      {"Forbidden", json_answer(R"({"message":"not you"})", "403 Forbidden"), ErrorCode::kDenied,
       "answered 403: not you"},
      {"NotFound", raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), ErrorCode::kNotFound,
       "answered 404"},
      {"Redirect", raw("HTTP/1.1 302 Found\r\nLocation: /stolen\r\nContent-Length: 0\r\n\r\n"),
       kGone, "redirect"},
      {"HugeHeaders",
       {"HTTP/1.1 200 OK\r\n", true, "X-Filler: " + std::string(4000, 'x') + "\r\n", 0, false},
       ErrorCode::kBudget,
       "longer than"},
      {"OneEndlessHeader",
       {"HTTP/1.1 200 OK\r\nX: ", true, std::string(4000, 'x'), 0, false},
       ErrorCode::kBudget,
       "longer than"},
      {"APage",
       raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), kGone,
       "'text/html' where JSON is expected"},
      {"NoType", raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), kGone,
       "where JSON is expected"},
      {"NotHttp", raw("SSH-2.0-OpenSSH_9.2\r\n"), kGone, "GET /version"},
      {"NothingAtAll", raw(""), kGone, "GET /version"},
      {"NotJson", raw(kHead + "Content-Length: 6\r\n\r\n<html>"), ErrorCode::kInvalidInput,
       "GET /version: $ (line 1"},
      {"OldEngine", json_answer(R"({"ApiVersion":"1.18"})"), ErrorCode::kUnsupported,
       "1.24 to 1.50"},
  };
}

// A read without bounds would not end at all; so this tells it from one that ends on a busy
// machine.
constexpr std::chrono::seconds kForEver{30};

class LyingEngine : public ::testing::TestWithParam<Lie> {};

TEST_P(LyingEngine, IsRefusedInTime) {
  FakeEngine fake([](const std::string&) { return GetParam().answer; });
  const auto start = std::chrono::steady_clock::now();
  const auto engine = read(fake);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kForEver);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, GetParam().code) << engine.error().message;
  EXPECT_THAT(engine.error().message, HasSubstr(GetParam().message));
  EXPECT_LT(engine.error().message.size(), 600U);
  EXPECT_THAT(fake.requests(), Not(Contains(HasSubstr("stolen"))));
}

// The same by TCP, where libcurl speaks HTTP: its words and some codes differ, the outcome does
// not.
TEST_P(LyingEngine, IsRefusedInTimeByTcpToo) {
  FakeEngine fake([](const std::string&) { return GetParam().answer; }, FakeEngine::Socket::kTcp);
  const auto start = std::chrono::steady_clock::now();
  const auto engine = read(fake);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kForEver);
  ASSERT_FALSE(engine);
  EXPECT_THAT(engine.error().message, HasSubstr(fake.url()));
  EXPECT_LT(engine.error().message.size(), 600U);
  EXPECT_THAT(fake.requests(), Not(Contains(HasSubstr("stolen"))));
  EXPECT_FALSE(fake.requests().empty());
}

INSTANTIATE_TEST_SUITE_P(ReadEngine, LyingEngine, ::testing::ValuesIn(lies()),
                         [](const auto& row) { return row.param.name; });

// ------------------------------------------------------------------------- things that move

TEST(ReadEngine, AContainerThatVanishesIsLeftOutAndNamed) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1") {
      return json_answer("[" + listed(kIdA, "a") + "," + listed(kIdB, "brief\\u001b") + "]");
    }
    return usual(path);  // 404 for b
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("a"));
  EXPECT_THAT(reasons(*engine), ElementsAre("container brief\\x1b: gone while it was read"));
  EXPECT_EQ(engine->gaps[0].what, "docker " + fake.url());
}

TEST(ReadEngine, AListThatChangesIsFollowedOnce) {
  std::atomic<int> lists = 0;
  FakeEngine fake([&](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1") {
      return json_answer(lists++ == 0 ? "[" + listed(kIdA, "a") + "," + listed(kIdB, "b") + "]"
                                      : "[" + listed(kIdB, "b") + "," + listed(kIdC, "c") + "]");
    }
    if (path == "/v1.41/containers/" + kIdB + "/json") return json_answer(inspected(kIdB, "b"));
    if (path == "/v1.41/containers/" + kIdC + "/json") return json_answer(inspected(kIdC, "c"));
    return usual(path);
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("b", "c"));
  EXPECT_THAT(reasons(*engine), ElementsAre("container a: gone while it was read"));
  EXPECT_EQ(lists, 2);
}

TEST(ReadEngine, OneBadContainerDoesNotHideTheOthers) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1") {
      return json_answer("[" + listed(kIdB, "b") + "," + listed(kIdC, "c") + "," +
                         listed(kIdA, "a") + "]");
    }
    if (path == "/v1.41/containers/" + kIdB + "/json") return json_answer(R"({"Id":5})");
    if (path == "/v1.41/containers/" + kIdC + "/json")
      return json_answer(inspected(kIdA, "posing"));
    return usual(path);
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("a"));
  EXPECT_THAT(reasons(*engine), ElementsAre(HasSubstr("container b: $.Id"),
                                            "container c: the engine answered with another"));
}

TEST(ReadEngine, WhatItDoesNotTellIsAGap) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/info") return json_answer("{}", "500 Internal Server Error");
    if (path == "/v1.41/networks") return json_answer("[5]");
    return usual(path);
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(names(*engine), ElementsAre("a"));
  EXPECT_THAT(reasons(*engine), ElementsAre(HasSubstr("GET /v1.41/info: answered 500"),
                                            HasSubstr("GET /networks: $[0]")));
}

TEST(ReadEngine, WithoutTheListOfContainersThereIsNoAnswer) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1")
      return json_answer("{}", "500 Internal Server Error");
    return usual(path);
  });
  EXPECT_FALSE(read(fake));
}

TEST(ReadEngine, AListThatNamesAPathIsRefused) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1") return json_answer(R"([{"Id":"../events?x="}])");
    return usual(path);
  });
  ASSERT_FALSE(read(fake));
  EXPECT_THAT(fake.requests(), Not(Contains(HasSubstr("events"))));
}

TEST(ReadEngine, TooManyContainersAreRefused) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1")
      return json_answer("[" + listed(kIdA, "a") + "," + listed(kIdB, "b") + "]");
    return usual(path);
  });
  Limits limits = quick();
  limits.containers = 1;
  const auto engine = read(fake, limits);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kBudget);
}

TEST(ReadEngine, TheTimeOfAllRequestsTogetherIsBounded) {
  FakeEngine fake([](const std::string& path) {
    if (path == "/v1.41/containers/json?all=1") {
      std::string list = "[";
      for (char c : std::string("0123456789abcdef"))
        list += (list.size() > 1 ? "," : "") + listed(std::string(64, c), std::string(2, c));
      return json_answer(list + "]");
    }
    if (path.starts_with("/v1.41/containers/")) return FakeAnswer{"", false, "", 0, true};
    return usual(path);
  });
  Limits limits = quick();
  limits.timeout_ms = 200;
  limits.total_ms = 500;
  const auto start = std::chrono::steady_clock::now();
  const auto engine = read(fake, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kForEver);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(reasons(*engine),
              Contains(HasSubstr("containers were not read: time or bytes are used up")));
}

TEST(ReadEngine, SharedNamespacesAreNamedById) {
  for (const std::string& given :
       {std::string("a"), kIdA, kIdA.substr(0, 12), kIdA.substr(0, 20)}) {
    FakeEngine fake([given](const std::string& path) {
      if (path == "/v1.41/containers/json?all=1")
        return json_answer("[" + listed(kIdA, "a") + "," + listed(kIdB, "b") + "]");
      if (path == "/v1.41/containers/" + kIdB + "/json")
        return json_answer(inspected(kIdB, "b", "container:" + given));
      return usual(path);
    });
    const auto engine = read(fake);
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_EQ(engine->containers.at(1).network_mode, "container:" + kIdA) << given;
  }
}

FakeAnswer podman_answer(const std::string& path) {
  if (path == "/version") return json_answer(recorded("podman-version"));
  if (path == "/v1.41/info") return json_answer(recorded("podman-info"));
  if (path == "/v4.0.0/libpod/networks/json")
    return json_answer(recorded("podman-libpod-networks"));
  if (path == "/v4.0.0/libpod/containers/json?all=true")
    return json_answer(recorded("podman-libpod-containers"));
  if (path == "/v1.41/containers/json?all=1") return json_answer(recorded("podman-containers"));
  for (const std::string name :
       {"web", "six", "beside", "onhost", "never", "infra", "front", "till", "liar"}) {
    const std::string text = recorded("podman-container-" + name);
    if (text.find("\"Id\":\"" + path.substr(18, 64)) != std::string::npos) return json_answer(text);
  }
  return usual("");
}

std::map<std::string, model::Container> by_name(const model::Engine& engine) {
  std::map<std::string, model::Container> out;
  for (const auto& container : engine.containers) {
    const bool infra = container.name.ends_with("-infra");  // its name begins with the pod's id
    out[infra ? "infra" : container.name] = container;
  }
  return out;
}

TEST(ReadEngine, AsRecordedFromPodman43) {
  FakeEngine fake(podman_answer);
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_EQ(engine->kind, model::EngineKind::kPodman);
  EXPECT_THAT(reasons(*engine), ElementsAre());
  ASSERT_EQ(engine->containers.size(), 9U);

  std::map<std::string, model::EngineNetwork> networks;
  for (const auto& network : engine->networks) networks[network.name] = network;
  ASSERT_EQ(networks.size(), 5U);
  EXPECT_EQ(networks.at("podman").bridge, "podman0");
  EXPECT_TRUE(networks.at("podman").is_default_bridge);
  EXPECT_EQ(networks.at("tenant").bridge, "podman1");
  EXPECT_FALSE(networks.at("tenant").is_default_bridge);
  EXPECT_TRUE(networks.at("inside").internal);
  EXPECT_EQ(networks.at("apart").options.at("isolate"), "true");

  auto containers = by_name(*engine);
  const model::Container& web = containers["web"];
  EXPECT_EQ(web.network_mode, "tenant");
  EXPECT_EQ(web.project, "shop");
  ASSERT_EQ(web.attachments.size(), 1U);
  EXPECT_EQ(web.attachments[0].network_id, networks.at("tenant").id);
  EXPECT_THAT(web.sandbox, StartsWith("/run/netns/"));
  EXPECT_THAT(web.capabilities_dropped, Contains("NET_RAW"));  // of Docker's usual ones

  const model::Container& beside = containers["beside"];  // Podman repeats web's ports and networks
  EXPECT_EQ(beside.network_mode, "container:" + web.id);
  EXPECT_EQ(beside.published.size(), 0U);
  EXPECT_EQ(beside.attachments.size(), 0U);
  EXPECT_EQ(beside.sandbox, web.sandbox);

  EXPECT_EQ(containers["never"].network_mode, "bridge");  // on the default network
  EXPECT_TRUE(containers["never"].privileged);
  EXPECT_EQ(containers["onhost"].network_mode, "host");
  EXPECT_EQ(containers["onhost"].mounts.size(), 1U);
}

TEST(ReadEngine, PodmanPublishesInTheFamiliesThatTheContainerHas) {
  FakeEngine fake(podman_answer);
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  auto containers = by_name(*engine);
  const auto families = [&](const std::string& name) {
    std::string out;
    for (const auto& port : containers[name].published) {
      out += std::to_string(port.host_port.number) + (port.host_address.is_v4() ? "v4 " : "v6 ");
    }
    return out;
  };
  EXPECT_EQ(families("web"), "5353v4 8080v4 ");
  EXPECT_EQ(families("six"), "8081v4 8081v6 ");
  EXPECT_EQ(families("infra"), "8082v4 ");
  EXPECT_EQ(families("never"), "8083v4 8083v6 ");  // not known before it runs
}

TEST(ReadEngine, PodsComeFromPodmanNotFromLabels) {
  FakeEngine fake(podman_answer);
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  auto containers = by_name(*engine);
  for (const char* name : {"infra", "front", "till"}) {
    EXPECT_EQ(containers[name].labels["io.podman.pod.name"], "cart") << name;
    EXPECT_EQ(containers[name].labels["io.podman.pod.id"].size(), 64U) << name;
  }
  for (const char* name : {"liar", "web", "onhost"})
    EXPECT_FALSE(containers[name].labels.contains("io.podman.pod.name")) << name;
  for (const char* name : {"front", "till"})
    EXPECT_EQ(containers[name].network_mode, "container:" + containers["infra"].id) << name;
  EXPECT_EQ(containers["infra"].network_mode, "tenant");
  EXPECT_EQ(containers["infra"].project, "market");  // of the one member that has a project
  EXPECT_EQ(containers["front"].project, "");
}

TEST(ReadEngine, PodmanThatDoesNotTellItsNetworksOrPods) {
  FakeEngine fake([](const std::string& path) {
    return path.starts_with("/v4.0.0/libpod/") ? usual("") : podman_answer(path);
  });
  const auto engine = read(fake);
  ASSERT_TRUE(engine) << engine.error().message;
  EXPECT_THAT(reasons(*engine),
              ElementsAre(HasSubstr("/libpod/networks/json: answered 404"),
                          HasSubstr("/libpod/containers/json?all=true: answered 404")));
  EXPECT_EQ(engine->networks.size(), 0U);
  for (const auto& container : engine->containers)
    EXPECT_FALSE(container.labels.contains("io.podman.pod.name")) << container.name;
}

TEST(ReadEngine, ProxiesOfTheEnvironmentAreNotUsed) {
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"})
    ::setenv(name, "http://127.0.0.1:1", 1);
  FakeEngine fake(usual);
  EXPECT_TRUE(read(fake));
  const auto refused = read_engine({"http://127.0.0.1:2", "", true}, nullptr, quick());
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("port 2"));  // the engine was asked, not the proxy
}

TEST(ReadEngine, LeavesNoDescriptorOpen) {
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  FakeEngine fake(usual);
  static_cast<void>(read(fake));
  const int before = open_descriptors();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(read(fake));
  EXPECT_LE(open_descriptors(), before + 1);  // the server's end of the last one may still close
}

}  // namespace
}  // namespace bulkhead::engine
