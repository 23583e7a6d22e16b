#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/docker.h"
#include "recorded.h"

namespace bulkhead::engine {
namespace {

using model::Container;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string show(const model::PublishedPort& p) {
  return p.host_address.to_string() + " " + std::to_string(p.host_port.number) + "->" +
         std::to_string(p.container_port.number) + "/" + to_string(p.protocol);
}

std::vector<std::string> published(const Container& container) {
  std::vector<std::string> out;
  for (const auto& port : container.published) out.push_back(show(port));
  return out;
}

std::string ranges(const std::vector<model::xt::PortRange>& list) {
  std::string out;
  for (const auto& r : list) {
    out += std::to_string(r.first.number) + "-" + std::to_string(r.last.number) + " ";
  }
  return out;
}

Container parsed(const std::string& json) {
  const auto container = parse_container(json);
  if (!container) throw std::runtime_error(container.error().message);
  return *container;
}

TEST(ParseContainer, AContainerOfAProjectOnTwoNetworks) {
  const Container web = parsed(recorded("container-web"));
  EXPECT_EQ(web.id.size(), 64U);
  EXPECT_EQ(web.name, "web");
  EXPECT_EQ(web.image, "lab/busybox:1");
  EXPECT_EQ(web.state, "running");
  EXPECT_GT(web.pid, 1U);
  EXPECT_EQ(web.network_mode, "tenant-a");
  EXPECT_THAT(web.sandbox, HasSubstr("/netns/"));
  EXPECT_EQ(web.project, "shop");
  EXPECT_EQ(web.service, "web");
  EXPECT_FALSE(web.privileged);
  EXPECT_THAT(web.capabilities_added, ElementsAre("NET_ADMIN"));
  EXPECT_THAT(web.capabilities_dropped, ElementsAre("CHOWN"));
  EXPECT_THAT(published(web),
              UnorderedElementsAre("127.0.0.1 5353->53/udp", "0.0.0.0 8080->80/tcp",
                                   ":: 8080->80/tcp", "0.0.0.0 9000->9000/tcp", ":: 9000->9000/tcp",
                                   "0.0.0.0 9001->9001/tcp", ":: 9001->9001/tcp"));
  EXPECT_EQ(ranges(web.exposed_tcp), "80-80 9000-9002 ");
  EXPECT_EQ(ranges(web.exposed_udp), "53-53 ");
  ASSERT_EQ(web.attachments.size(), 2U);
  EXPECT_EQ(web.attachments[0].network, "inside");
  const auto& tenant = web.attachments[1];
  EXPECT_EQ(tenant.network, "tenant-a");
  EXPECT_EQ(tenant.network_id.size(), 64U);
  EXPECT_EQ(tenant.address4, IpAddress::v4(172, 30, 1, 2));
  EXPECT_FALSE(tenant.address6);
  EXPECT_EQ(tenant.mac->to_string(), "02:42:ac:1e:01:02");
  EXPECT_THAT(tenant.aliases, ::testing::Contains("front"));
}

TEST(ParseContainer, OfTheEnvironmentOnlyNamesAreKept) {
  const std::string json = recorded("container-web");
  ASSERT_THAT(json, HasSubstr("do-not-read-me"));
  EXPECT_THAT(parsed(json).environment_names, ElementsAre("SECRET_TOKEN"));
  EXPECT_THAT(
      parsed(R"({"Id":"a","Config":{"Env":["A=b=c","NO_VALUE","","=x"]}})").environment_names,
      ElementsAre("A", "NO_VALUE", "", ""));
}

TEST(ParseContainer, BothFamiliesOfAddresses) {
  const Container six = parsed(recorded("container-six"));
  ASSERT_EQ(six.attachments.size(), 1U);
  EXPECT_EQ(six.attachments[0].address4, IpAddress::v4(172, 30, 4, 2));
  EXPECT_EQ(six.attachments[0].address6->to_string(), "fd00:30:4::2");
  EXPECT_THAT(published(six), ElementsAre("::1 8443->443/tcp"));
}

struct Case {
  std::string name, mode;
  std::vector<std::string> published;
  bool live, has_sandbox;
};

class RecordedContainer : public ::testing::TestWithParam<Case> {};

TEST_P(RecordedContainer, IsReadAsItIs) {
  const Case& expected = GetParam();
  const Container c = parsed(recorded("container-" + expected.name));
  EXPECT_EQ(c.name, expected.name);
  EXPECT_EQ(c.network_mode, expected.mode);
  EXPECT_EQ(published(c), expected.published);
  EXPECT_EQ(c.pid != 0, expected.live);
  EXPECT_EQ(!c.sandbox.empty(), expected.has_sandbox);
}

INSTANTIATE_TEST_SUITE_P(
    Docker2010, RecordedContainer,
    ::testing::Values(
        Case{"plain", "bridge", {}, true, true}, Case{"quiet1", "quiet", {}, true, true},
        // asked for 7000, but an internal network publishes nothing
        Case{"inner", "inside", {}, true, true}, Case{"onlan", "lan", {}, true, true},
        Case{"onhost", "host", {}, true, true}, Case{"nowhere", "none", {}, true, true},
        Case{"frozen", "bridge", {}, true, true},
        // what it would open when it starts
        Case{"stopped", "bridge", {"0.0.0.0 6000->6000/tcp", ":: 6000->6000/tcp"}, false, false},
        Case{"never", "bridge", {}, false, false}),
    [](const auto& row) { return row.param.name; });

TEST(ParseContainer, OneThatSharesTheNamespaceOfAnother) {
  const Container beside = parsed(recorded("container-beside"));
  EXPECT_EQ(beside.network_mode, "container:" + parsed(recorded("container-web")).id);
  EXPECT_THAT(beside.sandbox, IsEmpty());
  EXPECT_THAT(beside.attachments, IsEmpty());
}

TEST(ParseContainer, WhatMakesItDangerous) {
  const Container onhost = parsed(recorded("container-onhost"));
  ASSERT_EQ(onhost.mounts.size(), 1U);
  EXPECT_EQ(onhost.mounts[0].destination, "/var/run/docker.sock");
  EXPECT_THAT(onhost.mounts[0].source, HasSubstr("docker.sock"));
  EXPECT_EQ(onhost.mounts[0].type, "bind");
  EXPECT_FALSE(onhost.mounts[0].writable);
  EXPECT_TRUE(parsed(recorded("container-never")).privileged);
  const Container nowhere = parsed(recorded("container-nowhere"));
  EXPECT_TRUE(nowhere.read_only);
  EXPECT_EQ(nowhere.user, "1000:1000");
}

TEST(ParseContainer, PortsThatTheEngineChose) {
  EXPECT_EQ(published(parsed(recorded("container-random"))).size(), 10U);
}

TEST(ParseContainer, WhatTheEngineOpenedWinsOverWhatWasAsked) {
  const std::string asked =
      R"("HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"1"}]}})";
  const auto with = [&](const std::string& state, const std::string& settings) {
    return published(parsed(R"({"Id":"a","State":)" + state + "," + asked +
                            R"(,"NetworkSettings":)" + settings + "}"));
  };
  const std::string opened = R"({"Ports":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"2"}]}})";
  EXPECT_THAT(with(R"({"Running":true,"Pid":5})", opened), ElementsAre("127.0.0.1 2->80/tcp"));
  EXPECT_THAT(with(R"({"Running":true,"Pid":5})", R"({"Ports":{}})"), IsEmpty());
  EXPECT_THAT(with(R"({"Running":true,"Pid":5})", "{}"),
              ElementsAre("0.0.0.0 1->80/tcp", ":: 1->80/tcp"));
  EXPECT_THAT(with(R"({"Running":true,"Pid":5})", R"({"Ports":null})"),
              ElementsAre("0.0.0.0 1->80/tcp", ":: 1->80/tcp"));
  EXPECT_THAT(with(R"({"Running":false})", opened),
              ElementsAre("0.0.0.0 1->80/tcp", ":: 1->80/tcp"));
}

TEST(ParseContainer, PortsThatAreNotChosenYetAreLeftOut) {
  for (const std::string port : {"", "0", "8000-8010"}) {
    EXPECT_THAT(
        published(parsed(
            R"({"Id":"a","HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":")" +
            port + R"("}]}}})")),
        IsEmpty())
        << port;
  }
}

TEST(ParseContainer, NullsStandForNothing) {
  const Container c = parsed(
      R"({"Id":"a","Name":null,"State":null,"Mounts":null,"Config":{"Env":null,"Labels":null,"ExposedPorts":null},
          "HostConfig":{"CapAdd":null,"PortBindings":null,"NetworkMode":"default"},
          "NetworkSettings":{"Ports":null,"Networks":null,"SandboxKey":""},"SizeRw":1.5e3})");
  EXPECT_EQ(c.network_mode, "bridge");
}

TEST(ParseContainer, NamesMayHoldAnyBytes) {
  EXPECT_EQ(parsed("{\"Id\":\"a\",\"Name\":\"/\xff\\u001b[31m\"}").name, "\xff\x1b[31m");
  EXPECT_EQ(parsed(R"({"Id":"a","Name":"\ud800x"})").name, "\xef\xbf\xbdx");
}

TEST(ParseContainer, LongDescriptionsAreCutAndLongNamesRefused) {
  const std::string lengthy(100'000, 'x');
  const Container c = parsed(R"({"Id":"a","Config":{"Labels":{"k":")" + lengthy + R"("},"Env":[")" +
                             lengthy + R"("]}})");
  EXPECT_EQ(c.labels.at("k").size(), 4096U);
  EXPECT_EQ(c.environment_names.at(0).size(), 4096U);
  const auto refused = parse_container(R"({"Id":"a","Name":")" + lengthy + "\"}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBudget);
}

struct Refusal {
  std::string name, json, message;
};
class RefusedContainer : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedContainer, WithItsPlace) {
  const auto container = parse_container(GetParam().json);
  ASSERT_FALSE(container);
  EXPECT_THAT(container.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Hostile, RefusedContainer,
    ::testing::Values(
        Refusal{"Empty", "", "an object is expected"}, Refusal{"Null", "null", "$.Id is missing"},
        Refusal{"NoId", "{}", "$.Id is missing"}, Refusal{"AList", "[]", "an object is expected"},
        Refusal{"NotJson", "<html>", "an object is expected"},
        Refusal{"TrailingText", R"({"Id":"a"}{)", "text after the end"},
        Refusal{"PidIsText", R"({"Id":"a","State":{"Pid":"5"}})", "$.State.Pid"},
        Refusal{"PidIsNegative", R"({"Id":"a","State":{"Pid":-1}})", "$.State.Pid"},
        Refusal{"PortOutOfRange",
                R"({"Id":"a","NetworkSettings":{"Ports":{"80/tcp":[{"HostPort":"65536"}]}}})",
                "'65536' is not a port"},
        Refusal{"PortWithText",
                R"({"Id":"a","NetworkSettings":{"Ports":{"80/tcp":[{"HostPort":"80x"}]}}})",
                "$.NetworkSettings.Ports.80/tcp[0]"},
        Refusal{"KeyIsNoPort", R"({"Id":"a","NetworkSettings":{"Ports":{"eighty":null}}})",
                "this is not a port"},
        Refusal{"KeyIsNoProtocol", R"({"Id":"a","NetworkSettings":{"Ports":{"80/smtp":null}}})",
                "this is not a port"},
        Refusal{"RangeBackwards", R"({"Id":"a","Config":{"ExposedPorts":{"90-80/tcp":{}}}})",
                "this is not a port"},
        Refusal{
            "HostIpIsAName",
            R"({"Id":"a","NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"localhost","HostPort":"80"}]}}})",
            "$.NetworkSettings.Ports"},
        Refusal{"AddressOfTheOtherFamily",
                R"({"Id":"a","NetworkSettings":{"Networks":{"n":{"IPAddress":"::1"}}}})",
                "the other family"},
        Refusal{"BadMac",
                R"({"Id":"a","NetworkSettings":{"Networks":{"n":{"MacAddress":"02:42"}}}})",
                "$.NetworkSettings.Networks.n.MacAddress"},
        Refusal{"Deep", R"({"Id":"a","x":)" + std::string(100'000, '['), "nested too deeply"}),
    [](const auto& row) { return row.param.name; });

TEST(ParseContainer, AnAnswerCutShortAnywhereIsRefused) {
  std::string json = recorded("container-web");
  while (json.ends_with('\n')) json.pop_back();
  for (std::size_t size = 0; size < json.size(); ++size) {
    ASSERT_FALSE(parse_container(std::string_view(json).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace bulkhead::engine
