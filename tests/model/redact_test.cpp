#include <gtest/gtest.h>

#include "model/json.h"
#include "random_snapshot.h"

namespace bulkhead::model {
namespace {

Snapshot acme() {
  Snapshot s;
  s.host_name = "acme-prod-7";
  s.kernel_release = "6.1.0";
  NetNs ns;
  ns.paths = {"/run/docker/netns/acme0123"};
  Link link;
  link.name = "br-0123456789ab";
  link.alias = "acme uplink";
  ns.links.push_back(link);
  Socket socket;
  socket.owners.push_back(
      {77, "acme-billing", "/opt/acme/acme-billing", 0, "/docker/acmeid", "acmeid"});
  socket.owners.push_back({78, "docker-proxy", "/usr/bin/docker-proxy", 0, "", ""});
  ns.sockets.push_back(socket);
  Table table;
  table.name = "filter";
  Chain chain;
  chain.name = "DOCKER-USER";
  chain.rules.push_back(Rule{1,
                             {XtMatch{"comment", 0, xt::Comment{"acme said so"}, {}},
                              XtMatch{"string", 1, xt::Opaque{}, {'a', 'c', 'm', 'e'}},
                              Observe{"log", "prefix \"acme: \"", {}, {}}},
                             "acme rule"});
  table.chains.push_back(chain);
  ns.ruleset.tables.push_back(table);
  s.namespaces.push_back(ns);
  Engine engine;
  engine.name = "docker";
  engine.endpoint = "tcp://acme.example:2376";
  engine.id = "ACME:ID";
  engine.host_name = "acme-prod-7";
  EngineNetwork network;
  network.id = "acmenet";
  network.name = "acme_default";
  network.options = {{"com.docker.network.bridge.name", "br-x"}, {"acme", "acme"}};
  network.labels = {{"com.docker.compose.project", "acme"}};
  engine.networks.push_back(network);
  Container container;
  container.id = "acmeid";
  container.name = "acme-web-1";
  container.image = "registry.acme/web:1";
  container.network_mode = "acme_default";
  container.labels = {{"com.docker.compose.project", "acme"}};
  container.project = "acme";
  container.mounts = {{"/var/run/docker.sock", "/var/run/docker.sock", "bind", true},
                      {"/srv/acme", "/data/acme", "bind", true},
                      {"/", "/host", "bind", true}};
  container.environment_names = {"ACME_TOKEN"};
  container.attachments = {
      {"acme_default", "acmenet", IpAddress::v4(172, 18, 0, 2), {}, {}, {"acme"}}};
  Container sidecar;
  sidecar.id = "acmeid2";
  sidecar.network_mode = "container:acmeid";
  engine.containers = {container, sidecar};
  engine.gaps = {{"docker tcp://acme.example:2376", "acme did not answer"}};
  s.engines.push_back(engine);
  s.observations.push_back(
      {"container:docker/acme-web-1", {}, {}, {}, IpProtocol::kTcp, "accepted", 0, 0});
  return s;
}

TEST(Redact, NothingThatNamesItsOwnerIsLeft) {
  const std::string before = write_snapshot(acme());
  ASSERT_NE(before.find("acme"), std::string::npos);
  std::string after = write_snapshot(redact(acme()));
  // The key of an option or label is kept, as is documented.
  const auto key = after.find("\"acme\":\"name-");
  ASSERT_NE(key, std::string::npos) << after;
  after.erase(key, 7);
  EXPECT_EQ(after.find("acme"), std::string::npos) << after;
  EXPECT_EQ(after.find("ACME"), std::string::npos) << after;
  EXPECT_EQ(after.find("61636d65"), std::string::npos) << "raw bytes: " << after;
}

TEST(Redact, WhatAnswersDependOnStays) {
  const Snapshot s = redact(acme());
  EXPECT_TRUE(s.redacted);
  const NetNs& ns = s.namespaces[0];
  EXPECT_EQ(ns.links[0].name, "br-0123456789ab");
  EXPECT_EQ(ns.ruleset.tables[0].chains[0].name, "DOCKER-USER");
  EXPECT_EQ(ns.sockets[0].owners[1].command, "docker-proxy");
  EXPECT_EQ(ns.sockets[0].owners[1].executable, "/usr/bin/docker-proxy");
  const Container& web = s.engines[0].containers[0];
  EXPECT_EQ(web.attachments[0].address4, IpAddress::v4(172, 18, 0, 2));
  EXPECT_EQ(web.mounts[0].source, "/var/run/docker.sock");
  EXPECT_EQ(web.mounts[2].source, "/");
  EXPECT_EQ(s.engines[0].networks[0].options.at("com.docker.network.bridge.name"), "br-x");
}

TEST(Redact, WhatWasTheSameStaysTheSame) {
  const Snapshot s = redact(acme());
  const Engine& engine = s.engines[0];
  const Container& web = engine.containers[0];
  EXPECT_EQ(engine.host_name, s.host_name);
  EXPECT_EQ(web.network_mode, engine.networks[0].name);
  EXPECT_EQ(web.attachments[0].network_id, engine.networks[0].id);
  EXPECT_EQ(web.labels.at("com.docker.compose.project"), web.project);
  EXPECT_EQ(engine.containers[1].network_mode, "container:" + web.id);
  EXPECT_EQ(s.namespaces[0].sockets[0].owners[0].container_id, web.id);
  EXPECT_EQ(s.observations[0].vantage, "container:docker/" + web.name);
  EXPECT_NE(web.id.substr(0, 12), engine.containers[1].id.substr(0, 12));
}

TEST(Redact, ChangesOnlyTexts) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    const Snapshot before = RandomModel(seed).snapshot();
    const Snapshot after = redact(before);
    ASSERT_EQ(before.namespaces.size(), after.namespaces.size());
    for (std::size_t i = 0; i < before.namespaces.size(); ++i) {
      EXPECT_EQ(before.namespaces[i].addresses.size(), after.namespaces[i].addresses.size());
      EXPECT_TRUE(before.namespaces[i].routes == after.namespaces[i].routes);
      EXPECT_TRUE(before.namespaces[i].neighbours == after.namespaces[i].neighbours);
    }
    EXPECT_TRUE(read_snapshot(write_snapshot(after)));
  }
}

}  // namespace
}  // namespace bulkhead::model
