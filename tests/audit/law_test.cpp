#include <gmock/gmock.h>

#include <set>

#include "audit/ask.h"
#include "audit/identity.h"
#include "base/bytes.h"

namespace bulkhead::audit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace testing_hosts;

HostBuilder some_host(int variant) {
  HostBuilder h;
  const std::string net = variant == 0 ? "172.18.0." : "10.77.0.";
  if (variant != 0) h.rule();  // shifts every handle
  h.network("shared", variant == 0 ? "br-s" : "br-t", net + "1");
  if (variant != 0) h.container("other", "shared", net + "99", "b", "zzz");
  const auto db =
      h.container("a-db-1", "shared", net + (variant == 0 ? "2" : "32"), "a", "db", "postgres:16");
  h.container("b-app-1", "shared", net + "3", "b", "app");
  h.listen(db.ns, 5432, "postgres");
  h.publish(db, 5432, 5432);
  h.listen(0, 2375, "dockerd");
  h.snapshot.taken_at_ms += static_cast<std::uint64_t>(variant) * 86'400'000;
  return h;
}

std::set<std::string> ids(const Report& report) {
  std::set<std::string> out;
  for (const Finding& f : report.findings) out.insert(f.id);
  return out;
}

TEST(Identity, IsTheSameWhateverIdsAddressesAndHandlesAre) {
  EXPECT_EQ(ids(audit_of(some_host(0).snapshot)), ids(audit_of(some_host(1).snapshot)));
}

TEST(Identity, DiffersBetweenThreatsAndServices) {
  const auto all = audit_of(some_host(0).snapshot);
  EXPECT_EQ(ids(all).size(), all.findings.size());
  Subject a, b;
  a.project = "x", a.service = "yz", a.container = "c";
  b.project = "xy", b.service = "z", b.container = "c";
  EXPECT_NE(finding_id(Kind::kT5, a), finding_id(Kind::kT5, b))
      << "parts must not run into each other";
  EXPECT_NE(finding_id(Kind::kT5, a), finding_id(Kind::kT4, a));
}

TEST(Identity, IsPinned) {  // users write ids into bulkhead.yaml
  Subject s;
  s.engine = "docker", s.project = "shop", s.service = "db", s.container = "shop-db-1",
  s.port = Port{5432};
  EXPECT_EQ(finding_id(Kind::kT5, s), "T5-29c5b44dd736424e");
}

TEST(Identity, Sha256IsThatOfFips180) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Suppression, HoldsUntilItsDayIsOver) {
  const model::Snapshot host = some_host(0).snapshot;  // of 2026-11-24
  const std::string id = of_kind(audit_of(host), Kind::kT5)[0]->id;
  const auto with = [&](const char* day) {
    return audit_of(
        host, "bulkhead: 1\nsuppress: [{id: " + id + ", reason: replica, expires: " + day + "}]\n");
  };
  const Report active = with("2026-11-24");
  EXPECT_EQ(of_kind(active, Kind::kT5)[0]->suppressed_by, "replica");
  EXPECT_EQ(active.suppressions[0].state, SuppressionState::kActive);
  EXPECT_EQ(active.findings.back().id, id) << "suppressed ones come last";
  const Report expired = with("2026-11-23");
  EXPECT_THAT(of_kind(expired, Kind::kT5)[0]->suppressed_by, IsEmpty());
  EXPECT_EQ(expired.suppressions[0].state, SuppressionState::kExpired);
  const Report unused =
      audit_of(host, "bulkhead: 1\nsuppress: [{id: T1-00, reason: x, expires: 2030-01-01}]\n");
  EXPECT_EQ(unused.suppressions[0].state, SuppressionState::kUnused);
}

model::Observation seen(std::string vantage, std::string how) {
  model::Observation o;
  o.vantage = std::move(vantage);
  o.to = ip("192.0.2.10");
  o.port = Port{2375};
  o.how = std::move(how);
  return o;
}

TEST(Observations, ConfirmFromContainersAndNeverFromTheInternet) {
  model::Snapshot host = some_host(0).snapshot;
  const Report before = audit_of(host);
  const auto wishes = wanted_probes(before);
  ASSERT_FALSE(wishes.empty());
  for (const ProbeWish& w : wishes) EXPECT_TRUE(w.vantage.starts_with("container:")) << w.vantage;
  const auto wish = std::ranges::find(wishes, Port{2375}, &ProbeWish::port);
  ASSERT_NE(wish, wishes.end());
  auto o = seen(wish->vantage, "accepted");
  o.to = wish->to;
  host.observations = {o, seen("internet", "dropped"), seen("lan", "accepted")};
  const Report report = audit_of(host);
  EXPECT_EQ(of_kind(report, Kind::kT2)[0]->state, State::kConfirmed);
  EXPECT_EQ(of_kind(report, Kind::kT1)[0]->state, State::kComputed);
  EXPECT_THAT(report.contradictions, IsEmpty());
  EXPECT_EQ(report.observed, 1U);
}

TEST(Observations, AContradictionStandsAtTheTop) {
  model::Snapshot host = some_host(0).snapshot;
  const Report before = audit_of(host);
  const Finding* t5 = of_kind(before, Kind::kT6)[0];
  ASSERT_FALSE(t5->reaches.empty());
  auto o = seen(t5->reaches[0].vantage, "dropped");
  o.to = t5->reaches[0].to;
  o.port = t5->reaches[0].port;
  host.observations = {o};
  const Report report = audit_of(host);
  EXPECT_EQ(report.findings[0].kind, Kind::kT6);
  EXPECT_EQ(report.findings[0].state, State::kContradicted);
  ASSERT_EQ(report.contradictions.size(), 1U);
  EXPECT_EQ(report.contradictions[0].computed, "accepted");
  EXPECT_EQ(report.contradictions[0].observed, "dropped");
}

// Merged with what was seen from a zone.
Report with_outside(const model::Snapshot& host, const std::vector<model::Observation>& seen) {
  Report report = audit_of(host);
  const policy::Config config;
  const auto oracle = world_oracle(config)(host);
  EXPECT_TRUE(oracle);
  merge_outside(report, seen, **oracle);
  return report;
}

TEST(Observations, FromOutsideConfirmOrContradictWhatThatZoneGets) {
  const model::Snapshot host = some_host(0).snapshot;
  const Report before = audit_of(host);
  const Finding* t1 = of_kind(before, Kind::kT1)[0];
  const auto reach = std::ranges::find(t1->reaches, "internet", &Reach::vantage);
  ASSERT_NE(reach, t1->reaches.end());
  auto o = seen("internet", "accepted");
  o.to = reach->to;
  o.port = reach->port;
  const Report confirmed = with_outside(host, {o});
  EXPECT_EQ(of_kind(confirmed, Kind::kT1)[0]->state, State::kConfirmed);
  EXPECT_THAT(confirmed.contradictions, IsEmpty());
  o.how = "dropped";
  const Report contradicted = with_outside(host, {o});
  EXPECT_EQ(contradicted.findings[0].state, State::kContradicted);
  ASSERT_EQ(contradicted.contradictions.size(), 1U);
  EXPECT_EQ(contradicted.contradictions[0].computed, "accepted");
  // What is open there and computed to be closed is one as well, though no finding speaks of it.
  o.how = "accepted";
  o.port = Port{4};
  const Report unheard = with_outside(host, {o});
  ASSERT_EQ(unheard.contradictions.size(), 1U);
  EXPECT_NE(unheard.contradictions[0].computed, "accepted");
  // From inside nobody is told what the Internet gets.
  EXPECT_EQ(with_outside(host, {seen("container:docker/a-db-1", "accepted")}).observed, 0U);
}

TEST(Observations, ASilentUdpSocketSaysNothing) {
  model::Snapshot host = some_host(0).snapshot;
  auto o = seen("container:docker/a-db-1", "dropped");
  o.protocol = IpProtocol::kUdp;
  host.observations = {o};
  EXPECT_EQ(audit_of(host).observed, 0U);
}

}  // namespace
}  // namespace bulkhead::audit
