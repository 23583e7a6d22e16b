#include "collect/forwarders.h"

#include <gmock/gmock.h>

#include "collect/access.h"
#include "collect/process_text.h"

namespace bulkhead::collect {
namespace {

using model::PublishedPort;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kNsA = 4026532001, kNsB = 4026532002;
constexpr std::uint32_t kUser = 1000, kForwarder = 77;

Bytes encode(std::uint32_t uid, const std::vector<std::uint64_t>& inodes, const std::string& text) {
  Bytes out;
  append_value(out, kForwarder);
  append_value(out, uid);
  append_value(out, static_cast<std::uint32_t>(inodes.size()));
  for (const std::uint64_t inode : inodes) append_value(out, inode);
  append_value(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

std::vector<Forwarder> decode(std::uint32_t uid, const std::vector<std::uint64_t>& inodes,
                              const std::string& text) {
  auto out = decode_forwarders(encode(uid, inodes, text));
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(std::vector<Forwarder>{});
}

model::Socket socket_at(const std::string& address, std::uint16_t port,
                        IpProtocol protocol = IpProtocol::kTcp) {
  model::Socket out;
  out.protocol = protocol;
  out.address = IpAddress::parse(address).value();
  out.port = Port{port};
  model::SocketOwner& owner = out.owners.emplace_back();
  owner.pid = kForwarder;
  owner.uid = kUser;
  return out;
}

// A host with a user's containers, a in namespace 1 and b in namespace 2.
model::Snapshot host(std::vector<model::Socket> sockets) {
  model::Snapshot out;
  out.namespaces.resize(3);
  out.namespaces[0].sockets = std::move(sockets);
  out.namespaces[1].inode = kNsA;
  out.namespaces[2].inode = kNsB;
  model::Engine& engine = out.engines.emplace_back();
  engine.kind = model::EngineKind::kPodman;
  engine.rootless = true;
  engine.endpoint = "unix:///run/user/1000/podman/podman.sock";
  for (std::uint32_t i = 0; i < 2; ++i) {
    model::Container& container = engine.containers.emplace_back();
    container.id = i == 0 ? kIdA : kIdB;
    container.state = "running";
    container.netns = model::NsId{i + 1};
  }
  return out;
}

std::vector<PublishedPort> published(const model::Snapshot& snapshot, std::size_t container) {
  return snapshot.engines[0].containers[container].published;
}

PublishedPort port_of(const std::string& address, std::uint16_t host, std::uint16_t inside,
                      IpProtocol protocol = IpProtocol::kTcp) {
  return {protocol, Port{inside}, IpAddress::parse(address).value(), Port{host}};
}

TEST(Forwarders, APortBelongsToTheContainerInWhichTheForwardersChildStands) {
  model::Snapshot snapshot = host({socket_at("::", 8080), socket_at("127.0.0.1", 8081)});
  publish_forwarded(decode(kUser, {kNsB}, line("rootlessport")), snapshot);
  EXPECT_THAT(published(snapshot, 0), IsEmpty());
  EXPECT_THAT(published(snapshot, 1),
              ElementsAre(port_of("::", 8080, 0), port_of("0.0.0.0", 8080, 0),
                          port_of("127.0.0.1", 8081, 0)));
}

TEST(Forwarders, ASocketOfIpv6AloneIsPublishedInThatAlone) {
  model::Socket socket = socket_at("::", 8080);
  socket.v6_only = true;
  model::Snapshot snapshot = host({socket});
  publish_forwarded(decode(kUser, {kNsA}, line("rootlessport")), snapshot);
  EXPECT_THAT(published(snapshot, 0), ElementsAre(port_of("::", 8080, 0)));
}

TEST(Forwarders, TheApiSocketOfSlirp4netnsNamesTheContainer) {
  model::Snapshot snapshot = host({socket_at("0.0.0.0", 8085)});
  publish_forwarded(decode(kUser, {},
                           line("/usr/bin/slirp4netns -c --api-socket /run/user/1000/libpod/tmp/" +
                                kIdB + ".net --netns-type=path /run/user/1000/netns/x tap0")),
                    snapshot);
  EXPECT_THAT(published(snapshot, 1), ElementsAre(port_of("0.0.0.0", 8085, 0)));
}

TEST(Forwarders, PastaSaysWhichPortIsBehind) {
  model::Snapshot snapshot =
      host({socket_at("0.0.0.0", 8091), socket_at("0.0.0.0", 9000),
            socket_at("0.0.0.0", 5353, IpProtocol::kUdp), socket_at("0.0.0.0", 4444)});
  publish_forwarded(decode(kUser, {kNsA},
                           line("pasta --config-net -t 127.0.0.1/8090-8092:80-82,9000 -u 5353:53 "
                                "-t auto -T none --netns /run/user/1000/netns/x")),
                    snapshot);
  EXPECT_THAT(
      published(snapshot, 0),
      ElementsAre(port_of("0.0.0.0", 8091, 81), port_of("0.0.0.0", 9000, 9000),
                  port_of("0.0.0.0", 5353, 53, IpProtocol::kUdp), port_of("0.0.0.0", 4444, 0)));
}

TEST(Forwarders, SpecificationsThatAreNoneNameNoPort) {
  for (const char* text : {"80:", ":80", "0:80", "70000:80", "90-80:1-2", "80-90:1-2", "x:80",
                           "80-:1", "99999999999:1", "~80"}) {
    const auto found = decode(kUser, {kNsA}, line("pasta -t " + std::string(text)));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_THAT(found[0].forwardings, IsEmpty()) << text;
  }
  EXPECT_EQ(decode(kUser, {}, line("pasta -t 1-65535,1-65535"))[0].forwardings.size(), 4096U);
}

TEST(Forwarders, NobodyGetsPortsOfAnotherUsersForwarderNorOfAnEngineThatTold) {
  model::Socket socket = socket_at("0.0.0.0", 8085);
  socket.owners[0].uid = kUser + 1;
  const std::string claim = line("slirp4netns --api-socket /x/" + kIdA + ".net");
  model::Snapshot other = host({socket});
  publish_forwarded(decode(kUser + 1, {kNsA}, claim), other);
  EXPECT_THAT(published(other, 0), IsEmpty());
  // Of that user, but the socket is somebody else's.
  publish_forwarded(decode(kUser, {kNsA}, claim), other);
  EXPECT_THAT(published(other, 0), IsEmpty());
  model::Snapshot told = host({socket_at("0.0.0.0", 8085)});
  told.engines[0].version = "4.3.1";
  publish_forwarded(decode(kUser, {kNsA}, claim), told);
  EXPECT_THAT(published(told, 0), IsEmpty());
}

TEST(Forwarders, OfAPodTheOneThatMadeTheNamespaceIsMeant) {
  model::Snapshot snapshot = host({socket_at("0.0.0.0", 8084)});
  snapshot.engines[0].containers[0].network_mode = "container:" + kIdB;
  snapshot.engines[0].containers[0].netns = snapshot.engines[0].containers[1].netns;
  publish_forwarded(decode(kUser, {kNsB}, line("rootlessport")), snapshot);
  EXPECT_THAT(published(snapshot, 0), IsEmpty());
  EXPECT_THAT(published(snapshot, 1), ElementsAre(port_of("0.0.0.0", 8084, 0)));
}

TEST(Forwarders, WhatIsCutShortIsAnError) {
  const Bytes whole = encode(kUser, {kNsA, kNsB}, line("rootlessport"));
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_FALSE(decode_forwarders(ByteView(whole).first(size))) << size;
  Bytes lying = whole;
  lying[8] = lying[9] = lying[10] = 0xff;  // how many namespaces
  EXPECT_FALSE(decode_forwarders(lying));
}

}  // namespace
}  // namespace bulkhead::collect
