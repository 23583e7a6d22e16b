#include <gmock/gmock.h>

#include "audit/ask.h"

namespace bulkhead::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using namespace testing_hosts;

const Finding* only(Report&&, Kind) = delete;  // it would point into nothing
const Finding* only(const Report& report, Kind kind) {
  const auto found = of_kind(report, kind);
  return found.size() == 1 ? found[0] : nullptr;
}

bool has(const Report& report, Kind kind) {
  return !of_kind(report, kind).empty();
}

HostBuilder published(std::vector<std::uint16_t> input_allows) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  const auto api = h.container("api", "n", "172.18.0.2");
  h.listen(api.ns, 7070, "api");
  h.publish(api, 8070, 7070);
  h.closed_but_for(std::move(input_allows));
  return h;
}

TEST(Advice, AFirewallThatSaysClosedIsQuotedBesideTheEngine) {
  const Report report = audit_of(published({22}).snapshot);
  const Finding* f = only(report, Kind::kFirewallContradicted);
  ASSERT_NE(f, nullptr);
  EXPECT_EQ(f->severity, Severity::kHigh);
  ASSERT_FALSE(f->closing.empty());
  EXPECT_THAT(f->closing[0].place, HasSubstr("filter"));
  EXPECT_THAT(f->closing[0].place, HasSubstr("INPUT"));
  ASSERT_FALSE(f->opening.empty());
  EXPECT_THAT(f->opening[0].place, HasSubstr("DOCKER"));
}

TEST(Advice, AFirewallThatAllowsThePortContradictsNothing) {
  EXPECT_FALSE(has(audit_of(published({22, 8070}).snapshot), Kind::kFirewallContradicted));
}

TEST(Advice, WithoutAFirewallNothingIsContradicted) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  const auto api = h.container("api", "n", "172.18.0.2");
  h.listen(api.ns, 7070, "api");
  h.publish(api, 8070, 7070);
  EXPECT_FALSE(has(audit_of(h.snapshot), Kind::kFirewallContradicted));
}

TEST(Advice, EngineSocketsAreFoundUnderAllTheirPaths) {
  struct Row {
    const char* source;
    bool found;
  };
  for (const Row row :
       {Row{"/var/run/docker.sock", true}, Row{"/run/docker.sock", true},
        Row{"/run/podman/podman.sock", true}, Row{"/run", true}, Row{"/var/run/", true},
        Row{"/", true}, Row{"/srv/docker.sock.d", false}, Row{"/srv/mydocker.sock", false},
        Row{"/srv/data", false}, Row{"", false}}) {
    HostBuilder h;
    h.network("n", "br-n", "172.18.0.1");
    h.container("agent", "n", "172.18.0.2");
    h.engine().containers[0].mounts.push_back({row.source, "/x", "bind", false});
    const Report report = audit_of(h.snapshot);
    const Finding* f = only(report, Kind::kEngineSocket);
    EXPECT_EQ(f != nullptr, row.found) << row.source;
    if (f == nullptr) continue;
    EXPECT_EQ(f->severity, Severity::kHigh);
    EXPECT_THAT(f->notes, Contains(testing::Field(&Text::phrase, Phrase::kNoteReadOnlySocket)));
  }
}

TEST(Advice, HostModeIsQuestionedOnlyWithoutAVisibleNeed) {
  const auto host_box = [](std::string image, bool privileged, std::vector<std::string> caps) {
    HostBuilder h;
    model::Container& c = h.engine().containers.emplace_back();
    c.id = std::string(64, 'd');
    c.name = "x";
    c.image = std::move(image);
    c.state = "running";
    c.network_mode = "host";
    c.netns = model::NsId{0};
    c.privileged = privileged;
    c.capabilities_added = std::move(caps);
    h.listen(0, 5432, "postgres", "127.0.0.1");
    return audit_of(h.snapshot);
  };
  const Report report = host_box("acme/app", false, {});
  const Finding* f = only(report, Kind::kHostMode);
  ASSERT_NE(f, nullptr);
  EXPECT_EQ(f->why.phrase, Phrase::kWhyHostModeSees);
  EXPECT_FALSE(has(host_box("acme/app", true, {}), Kind::kHostMode));
  EXPECT_FALSE(has(host_box("acme/app", false, {"NET_ADMIN"}), Kind::kHostMode));
  EXPECT_FALSE(has(host_box("prom/node-exporter:v1", false, {}), Kind::kHostMode));
}

TEST(Advice, TheDefaultBridgeIsNamedOncePerEngine) {
  HostBuilder h;
  h.network("bridge", "docker0", "172.17.0.1", true);
  h.container("a", "bridge", "172.17.0.2");
  h.container("b", "bridge", "172.17.0.3");
  const Report report = audit_of(h.snapshot);
  ASSERT_NE(only(report, Kind::kDefaultBridge), nullptr);
  EXPECT_EQ(only(report, Kind::kDefaultBridge)->members.size(), 2U);
  EXPECT_NE(only(report, Kind::kT6), nullptr) << "two containers without a project are two tenants";
  EXPECT_EQ(only(report, Kind::kT6)->severity, Severity::kMedium);
}

TEST(Advice, EgressCountsContainersThatMayLeave) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  auto& inner = h.network("inner", "br-i", "172.19.0.1");
  inner.internal = true;
  h.container("out", "n", "172.18.0.2");
  h.container("in", "inner", "172.19.0.2");
  const Report report = audit_of(h.snapshot);
  ASSERT_NE(only(report, Kind::kEgress), nullptr);
  EXPECT_THAT(from(*only(report, Kind::kEgress)), ElementsAre("container:docker/out"));
  ASSERT_NE(only(report, Kind::kMetadata), nullptr);
  EXPECT_EQ(only(report, Kind::kMetadata)->severity, Severity::kLow);
}

TEST(Advice, ARouteToTheMetadataServiceMeansACloud) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  h.container("out", "n", "172.18.0.2");
  h.route(0, "169.254.169.254/32", IfIndex{2}, ip("192.0.2.1"));
  const Report report = audit_of(h.snapshot);
  ASSERT_NE(only(report, Kind::kMetadata), nullptr);
  EXPECT_EQ(only(report, Kind::kMetadata)->severity, Severity::kHigh);
}

TEST(Advice, ManagementNetworksAreKeptFromContainers) {
  HostBuilder h;
  h.interface("eth1", "10.99.0.1", 24);
  h.network("n", "br-n", "172.18.0.1");
  h.container("app", "n", "172.18.0.2");
  const char* yaml = "bulkhead: 1\nzones: {ipmi: {role: management, interface: eth1}}\n";
  const Report report = audit_of(h.snapshot, yaml);
  const Finding* f = only(report, Kind::kManagementNetwork);
  ASSERT_NE(f, nullptr);
  EXPECT_THAT(from(*f), Contains("container:docker/app"));
  EXPECT_EQ(f->subject.network, "ipmi");
  EXPECT_FALSE(has(audit_of(h.snapshot), Kind::kManagementNetwork)) << "nobody said that it is one";
}

// The whole of IPv6 is open where somebody thought of IPv4 only.
HostBuilder both_families() {
  HostBuilder h;
  h.address(0, IfIndex{2}, "2001:db8::10", 64);
  h.route(0, "::/0", IfIndex{2}, ip("2001:db8::1"));
  h.network("n", "br-n", "172.18.0.1");
  return h;
}

TEST(Advice, ARuleForIpv4OnlyIsSeenOnAPublishedPort) {
  HostBuilder h = both_families();
  const auto db = h.container("db", "n", "172.18.0.2", "", "", "postgres:16");
  h.listen(db.ns, 5432, "postgres");
  h.publish(db, 5432, 5432);
  h.publish(db, 5432, 5432, "::");
  h.chain("filter", "DOCKER-USER").rules.push_back([&] {
    model::Rule r = h.rule();
    HostBuilder::add(r, HostBuilder::name_is(model::MetaKey::kIifname, "eth0"));
    HostBuilder::add(r, HostBuilder::decide(model::VerdictKind::kDrop));
    return r;
  }());
  const Report report = audit_of(h.snapshot);
  const Finding* f = only(report, Kind::kV4OnlyRule);
  ASSERT_NE(f, nullptr);
  EXPECT_TRUE(f->reaches[0].to.is_v6());
  ASSERT_FALSE(f->closing.empty());
  EXPECT_THAT(f->closing[0].place, HasSubstr("DOCKER-USER"));
}

TEST(Advice, AHostServiceOpenOverIpv6OnlyIsUnfirewalled) {
  HostBuilder h = both_families();
  h.listen(0, 8086, "influxd", "::");
  h.closed_but_for({22});
  const Report report = audit_of(h.snapshot);
  const Finding* f = only(report, Kind::kIpv6Unfirewalled);
  ASSERT_NE(f, nullptr);
  EXPECT_THAT(from(*f), ElementsAre("internet", "lan"));
  h.closed_but_for({22}, model::NfFamily::kIp6);
  EXPECT_FALSE(has(audit_of(h.snapshot), Kind::kIpv6Unfirewalled));
}

TEST(Advice, LoopbackPublishedIsSaidOnceOnly) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  const auto web = h.container("web", "n", "172.18.0.2", "", "", "nginx:1");
  h.listen(web.ns, 80, "nginx");
  h.publish(web, 8080, 80, "127.0.0.1");
  EXPECT_TRUE(has(audit_of(h.snapshot), Kind::kLoopbackPublished))
      << "a front end is no T4, but it is not meant to be seen";
  const auto db = h.container("db", "n", "172.18.0.3", "", "", "postgres:16");
  h.listen(db.ns, 5432, "postgres");
  h.publish(db, 5432, 5432, "127.0.0.1");
  const Report report = audit_of(h.snapshot);
  EXPECT_EQ(of_kind(report, Kind::kLoopbackPublished).size(), 1U);
  ASSERT_NE(only(report, Kind::kT5), nullptr);
  EXPECT_THAT(only(report, Kind::kT5)->notes,
              Contains(testing::Field(&Text::phrase, Phrase::kNoteLoopbackPublished)));
}

TEST(Advice, AnEmptyHostGetsNone) {
  EXPECT_THAT(audit_of(HostBuilder().snapshot).findings, IsEmpty());
}

TEST(Advice, ASnapshotWithoutItsHostIsAnError) {
  const policy::Config config;
  EXPECT_FALSE(audit(model::Snapshot{}, config, {}, world_oracle(config)));
}

}  // namespace
}  // namespace bulkhead::audit
