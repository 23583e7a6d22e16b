#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/answers.h"
#include "engine/docker.h"
#include "recorded.h"

namespace bulkhead::engine {
namespace {

using model::EngineNetwork;
using ::testing::HasSubstr;

std::map<std::string, EngineNetwork> recorded_networks() {
  const auto list = parse_networks(recorded("networks"));
  EXPECT_TRUE(list) << list.error().message;
  std::map<std::string, EngineNetwork> out;
  for (const auto& network : *list) out[network.name] = network;
  return out;
}

TEST(ParseNetwork, EachKindThatDocker2010Makes) {
  const auto all = recorded_networks();
  ASSERT_EQ(all.size(), 8U);

  const EngineNetwork& usual = all.at("bridge");
  EXPECT_TRUE(usual.is_default_bridge);
  EXPECT_EQ(usual.bridge, "docker0");
  EXPECT_EQ(usual.icc, true);
  ASSERT_EQ(usual.subnets.size(), 1U);
  EXPECT_EQ(usual.subnets[0].to_string(), "172.17.0.0/16");

  const EngineNetwork& tenant = all.at("tenant-a");
  EXPECT_EQ(tenant.driver, "bridge");
  EXPECT_EQ(tenant.scope, "local");
  EXPECT_EQ(tenant.bridge, "br-" + tenant.id.substr(0, 12));
  EXPECT_EQ(tenant.icc, std::nullopt);
  EXPECT_EQ(tenant.labels.at("owner"), "a");
  ASSERT_EQ(tenant.gateways.size(), 1U);
  EXPECT_EQ(tenant.gateways[0], IpAddress::v4(172, 30, 1, 1));

  EXPECT_EQ(all.at("quiet").bridge, "br-quiet");
  EXPECT_EQ(all.at("quiet").icc, false);
  EXPECT_TRUE(all.at("inside").internal);
  EXPECT_FALSE(tenant.internal);

  const EngineNetwork& dual = all.at("dual");
  EXPECT_TRUE(dual.ipv6);
  ASSERT_EQ(dual.subnets.size(), 2U);
  EXPECT_EQ(dual.subnets[1].to_string(), "fd00:30:4::/64");

  EXPECT_EQ(all.at("lan").driver, "macvlan");
  EXPECT_EQ(all.at("lan").parent, "uplink");
  EXPECT_EQ(all.at("lan").bridge, "");
  EXPECT_EQ(all.at("host").bridge, "");
  EXPECT_EQ(all.at("none").driver, "null");
}

TEST(ParseNetwork, ASubnetGivenByOneOfItsAddressesIsTheNetwork) {
  const auto network = parse_network(
      R"({"Id":"0123456789abcdef","Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.30.1.5/24","Gateway":"172.30.1.1/24"},{"Subnet":"fd00::9/64"}]}})");
  ASSERT_TRUE(network) << network.error().message;
  EXPECT_EQ(network->subnets[0].to_string(), "172.30.1.0/24");
  EXPECT_EQ(network->subnets[1].to_string(), "fd00::/64");
  EXPECT_EQ(network->gateways[0].to_string(), "172.30.1.1");
  EXPECT_EQ(network->bridge, "br-0123456789ab");
}

TEST(ParseNetwork, AsPodmanTellsThem) {
  const auto networks = parse_podman_networks(recorded("podman-libpod-networks"));
  ASSERT_TRUE(networks) << networks.error().message;
  std::map<std::string, model::EngineNetwork> by_name;
  for (const auto& network : *networks) by_name[network.name] = network;
  std::map<std::string, std::string> bridges;
  for (const auto& [name, network] : by_name) bridges[name] = network.bridge;
  const std::map<std::string, std::string> expected = {{"podman", "podman0"},
                                                       {"tenant", "podman1"},
                                                       {"dual", "podman2"},
                                                       {"inside", "podman3"},
                                                       {"apart", "podman4"}};
  EXPECT_EQ(bridges, expected);
  EXPECT_TRUE(by_name["podman"].is_default_bridge);
  EXPECT_FALSE(by_name["tenant"].is_default_bridge);
  EXPECT_EQ(by_name["tenant"].labels.at("owner"), "a");
  EXPECT_TRUE(by_name["inside"].internal);
  EXPECT_FALSE(by_name["dual"].internal);
  EXPECT_TRUE(by_name["dual"].ipv6);
  EXPECT_EQ(by_name["dual"].subnets.size(), 2U);
  EXPECT_EQ(by_name["dual"].gateways.size(), 2U);
  EXPECT_EQ(by_name["apart"].options.at("isolate"), "true");
}

TEST(ParseNetwork, OfPodmanOnAnInterfaceOfTheHost) {
  const auto networks = parse_podman_networks(
      R"([{"name":"lan","id":"ab","driver":"macvlan","network_interface":"eth0","subnets":null}])");
  ASSERT_TRUE(networks) << networks.error().message;
  EXPECT_EQ(networks->at(0).parent, "eth0");
  EXPECT_EQ(networks->at(0).bridge, "");
  EXPECT_FALSE(parse_podman_networks(R"([{"name":"nameless"}])"));
}

struct NetworkRefusal {
  std::string name, json, message;
};
class RefusedNetwork : public ::testing::TestWithParam<NetworkRefusal> {};

TEST_P(RefusedNetwork, WithItsPlace) {
  const auto network = parse_network(GetParam().json);
  ASSERT_FALSE(network);
  EXPECT_THAT(network.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Hostile, RefusedNetwork,
    ::testing::Values(
        NetworkRefusal{"NoId", R"({"Name":"x"})", "Id is missing"},
        NetworkRefusal{"NoLength", R"({"Id":"a","IPAM":{"Config":[{"Subnet":"10.0.0.0"}]}})",
                       "has no prefix length"},
        NetworkRefusal{"NoNumber", R"({"Id":"a","IPAM":{"Config":[{"Subnet":"10.0.0.0/"}]}})",
                       "has no prefix length"},
        NetworkRefusal{"TooLong", R"({"Id":"a","IPAM":{"Config":[{"Subnet":"10.0.0.0/33"}]}})",
                       "$.IPAM.Config[0].Subnet"},
        NetworkRefusal{"NotAnAddress", R"({"Id":"a","IPAM":{"Config":[{"Subnet":"lan/24"}]}})",
                       "$.IPAM.Config[0].Subnet"},
        NetworkRefusal{"FlagIsText", R"({"Id":"a","Internal":"yes"})", "$.Internal"},
        NetworkRefusal{"OptionIsANumber", R"({"Id":"a","Options":{"a":1}})", "$.Options.a"}),
    [](const auto& row) { return row.param.name; });

TEST(ParseNetwork, AnAnswerCutShortAnywhereIsRefused) {
  std::string json = recorded("networks");
  while (json.ends_with('\n')) json.pop_back();
  for (std::size_t size = 0; size < json.size(); ++size) {
    ASSERT_FALSE(parse_networks(std::string_view(json).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace bulkhead::engine
