#include "scan/outside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::scan {
namespace {

using seen::Proof;
using seen::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

IpAddress address(const char* text) {
  return IpAddress::parse(text).value();
}

model::Snapshot host() {
  model::Snapshot out;
  out.namespaces.resize(1);
  for (const char* own : {"192.0.2.10", "127.0.0.1"}) {
    model::Address one;
    one.local = address(own);
    out.namespaces[0].addresses.push_back(one);
  }
  return out;
}

seen::Record record(std::vector<seen::PortRun> runs, const char* to = "192.0.2.10",
                    IpProtocol protocol = IpProtocol::kTcp) {
  seen::Target target{.to = address(to), .protocol = protocol};
  target.swept.runs = std::move(runs);
  seen::Record out;
  out.taken_at_ms = 7;
  out.seats.push_back({"outside", {}, {target}});
  return out;
}

// Open for the Internet on these ports, as an audit says.
audit::Report report(std::vector<std::uint16_t> ports, const char* vantage = "internet") {
  audit::Report out;
  out.all_vantages.emplace_back().text = vantage;
  audit::Exposure exposure;
  for (const std::uint16_t port : ports) {
    audit::Exposed& opening = exposure.open.emplace_back();
    opening.to = address("192.0.2.10");
    opening.port = Port{port};
  }
  out.exposures.push_back(exposure);
  return out;
}

std::vector<std::string> told(const FromOutside& from) {
  std::vector<std::string> out;
  for (const model::Observation& o : from.observations)
    out.push_back(o.vantage + " " + std::to_string(o.port.number) + " " + o.how);
  return out;
}

TEST(FromOutside, IsWhatIsOpenThereOrForTheAudit) {
  const auto seen = record({{{1, 21}, State::kClosed, Proof::kReset, 0},
                            {{22, 23}, State::kOpen, Proof::kAccepted, 0},
                            {{24, 99}, State::kFiltered, Proof::kSilence, 0},
                            {{100, 199}, State::kFiltered, Proof::kIcmp, 113},
                            {{200, 299}, State::kUnknown, Proof::kLost, 0},
                            {{300, 399}, State::kFiltered, Proof::kSendRefused, 113}});
  EXPECT_THAT(told(from_outside(host(), report({7, 22, 80, 150, 250, 350}), seen, "internet")),
              ElementsAre("internet 7 refused", "internet 22 accepted", "internet 23 accepted",
                          "internet 80 dropped", "internet 150 unreachable"));
  EXPECT_THAT(told(from_outside(host(), report({7}, "lan"), seen, "internet")),
              ElementsAre("internet 22 accepted", "internet 23 accepted"));
}

TEST(FromOutside, OfOtherMachinesSaysNothingOfThisOne) {
  for (const char* other : {"192.0.2.11", "127.0.0.1"}) {
    const auto from =
        from_outside(host(), report({22}),
                     record({{{22, 22}, State::kOpen, Proof::kAccepted, 0}}, other), "internet");
    EXPECT_THAT(from.observations, IsEmpty());
    EXPECT_EQ(from.here, 0U);
  }
}

// A scan of a whole network in which this host is, and rightly has nothing open, is no mistake.
TEST(FromOutside, IsOfThisHostThoughNothingOfItIsOpen) {
  auto seen = record({{{1, 99}, State::kClosed, Proof::kReset, 0}});
  seen.seats[0].targets.push_back(seen.seats[0].targets[0]);
  seen.seats[0].targets[1].to = address("192.0.2.11");
  const auto from = from_outside(host(), report({}), seen, "internet");
  EXPECT_THAT(from.observations, IsEmpty());
  EXPECT_EQ(from.here, 1U);
}

TEST(FromOutside, IsBounded) {
  auto seen = record({{{1, 65535}, State::kOpen, Proof::kAccepted, 0}});
  EXPECT_EQ(from_outside(host(), report({}), seen, "lan").observations.size(), 65535U);
  for (int i = 0; i < 2; ++i) seen.seats[0].targets.push_back(seen.seats[0].targets[0]);
  const auto from = from_outside(host(), report({}), seen, "lan");
  EXPECT_EQ(from.observations.size(), kMostFromOutside);
  EXPECT_EQ(from.left_out, 3 * 65535 - kMostFromOutside);
}

policy::Zone zone(const char* name, policy::ZoneRole role) {
  policy::Zone out;
  out.name = name;
  out.role = role;
  return out;
}

TEST(ZoneVantage, IsTheZoneThatWasNamedOrTheOnlyOneOfItsRole) {
  using enum policy::ZoneRole;
  const std::vector<policy::Zone> guessed = {zone("internet", kInternet), zone("lan", kLan),
                                             zone("lan:eth1", kLan)};
  EXPECT_EQ(zone_vantage(guessed, "internet").value(), "internet");
  EXPECT_EQ(zone_vantage(guessed, "lan").value(), "lan");
  EXPECT_EQ(zone_vantage(guessed, "lan:eth1").value(), "lan:eth1");
  const std::vector<policy::Zone> named = {zone("uplink", kInternet), zone("office", kLan),
                                           zone("guests", kLan)};
  EXPECT_EQ(zone_vantage(named, "internet").value(), "zone:uplink");
  EXPECT_EQ(zone_vantage(named, "zone:office").value(), "zone:office");
  const auto two = zone_vantage(named, "lan");
  ASSERT_FALSE(two);
  EXPECT_THAT(two.error().message, HasSubstr("zone:uplink, zone:office, zone:guests"));
}

}  // namespace
}  // namespace bulkhead::scan
