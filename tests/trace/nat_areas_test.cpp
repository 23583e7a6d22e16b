// For which sources NAT chains wish the same, against asking them for each.
#include "trace/nat_areas.h"

#include <gtest/gtest.h>

#include <random>

#include "reach/random_net.h"
#include "trace/trace.h"

namespace bulkhead::trace {
namespace {

using reach::testing::random_net;
using reach::testing::RandomNet;

constexpr std::array kPoints{FilterPoint::kIpPrerouting, FilterPoint::kIpInput,
                             FilterPoint::kIpOutput, FilterPoint::kIpPostrouting};

// A machine that has every third address.
class Around final : public Surroundings {
 public:
  [[nodiscard]] FibAnswer fib_route(IpAddress, IpAddress, std::uint32_t, IfIndex,
                                    IfIndex) const override {
    return {};
  }
  [[nodiscard]] std::uint8_t address_type(IpAddress address, IfIndex) const override {
    constexpr std::uint8_t kUnicast = 1, kLocal = 2;
    return address.is_v4() && address.v4_number() % 3 == 0 ? kLocal : kUnicast;
  }
};

struct Asking {
  const Filter* filter;
  FilterPoint point;
  const model::Link *in, *out;
  IpAddress to;
  Port port;
};

// A new connection's packet from there.
class Attempt {
 public:
  Attempt(const Asking& asking, IpAddress source) {
    packet_.source = source;
    packet_.destination = asking.to;
    packet_.source_port = Port{49152};
    packet_.destination_port = asking.port;
    ct_.entry = &entry_;
    context_.packet = &packet_;
    context_.ct = &ct_;
    context_.in = asking.in;
    context_.out = asking.out;
    context_.around = &around_;
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  Context& context() { return context_; }

 private:
  Packet packet_;
  ConnTrack entry_;
  CtView ct_;
  Around around_;
  Context context_;
};

std::optional<NatRequest> wish(const Asking& asking, IpAddress source, Outcome& outcome) {
  Attempt attempt(asking, source);
  std::optional<NatRequest> out;
  outcome = asking.filter->run_nat(asking.point, attempt.context(), out).outcome;
  return out;
}

struct Counts {
  std::size_t areas = 0, cut = 0, inside = 0, outside = 0;
};

class OneNet {
 public:
  explicit OneNet(std::uint32_t seed)
      : net_(random_net(seed, {.nat = true, .types = seed % 2 == 0, .odd = true})), random_(seed) {}

  void run(Counts& counts) {
    for (const model::NsId ns : net_.machines) {
      const model::NetNs& there = net_.snapshot.namespaces[ns.value];
      const Filter filter(there.ruleset, net_.snapshot.little_endian);
      for (const FilterPoint point : kPoints) {
        if (!filter.has_nat_chains(point) || there.links.empty()) continue;
        NatAreas areas;
        for (int i = 0; i < 60; ++i) ask(there, filter, point, areas, counts);
      }
    }
  }

 private:
  IpAddress some_address() {
    for (int tries = 0; tries < 8; ++tries) {
      const IpAddress one = net_.addresses[random_() % net_.addresses.size()];
      if (one.is_v4()) return random_() % 2 == 0 ? one : one.next();
    }
    return IpAddress::v4(static_cast<std::uint32_t>(random_()));
  }

  void ask(const model::NetNs& there, const Filter& filter, FilterPoint point, NatAreas& areas,
           Counts& counts) {
    const auto link = [&] { return &there.links[random_() % there.links.size()]; };
    const Asking asking{
        &filter,
        point,
        point == FilterPoint::kIpPostrouting || point == FilterPoint::kIpOutput ? nullptr : link(),
        point == FilterPoint::kIpPrerouting || point == FilterPoint::kIpInput ? nullptr : link(),
        some_address(),
        Port{net_.ports[random_() % net_.ports.size()]}};
    const IpAddress from = some_address();
    Attempt first(asking, from);
    const AddressCell* const area = areas.of(filter, point, first.context()).sources;
    if (area == nullptr) return;
    ++counts.areas;
    counts.cut += *area == AddressCell{AddressPart{}} ? 0 : 1;
    ASSERT_TRUE(contains(*area, from.v4_number()));
    Outcome outcome = Outcome::kAccept, other = Outcome::kAccept;
    const auto expected = wish(asking, from, outcome);
    for (int i = 0; i < 40; ++i) {
      const IpAddress source = some_address();
      const bool same = same_request(wish(asking, source, other), expected) && other == outcome;
      ASSERT_EQ(contains(*area, source.v4_number()), same)
          << "from " << from.to_string() << ", asked for " << source.to_string() << " to "
          << asking.to.to_string() << "\n"
          << net_.text;
      ++(same ? counts.inside : counts.outside);
    }
  }

  RandomNet net_;
  std::mt19937 random_;
};

TEST(NatAreas, AreExactlyThoseThatGetTheSame) {
  Counts counts;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    OneNet(seed).run(counts);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(counts.areas, 500U);
  EXPECT_GT(counts.cut, 50U);
  EXPECT_GT(counts.inside, 1000U);
  EXPECT_GT(counts.outside, 300U);
}

TEST(AddressCells, AreTakenApartAndJoined) {
  const AddressCell all{AddressPart{}};
  EXPECT_EQ(between({}, {}), all);
  EXPECT_EQ(between({}, {{5, 9}, {0, 0}, {7, 20}, {kLastAddress, kLastAddress}}),
            (AddressCell{{1, 4}, {21, kLastAddress - 1}}));
  EXPECT_EQ(between({5, 9}, {{0, kLastAddress}}), AddressCell{});
  EXPECT_EQ(without(all, {{0, 3}, {10, 10}}), (AddressCell{{4, 9}, {11, kLastAddress}}));
  EXPECT_EQ(without({{4, 9}, {11, 20}}, {{0, 4}, {6, 6}, {9, 12}, {20, 30}}),
            (AddressCell{{5, 5}, {7, 8}, {13, 19}}));
  EXPECT_EQ(without(all, all), AddressCell{});
  EXPECT_EQ(within({{1, 5}, {8, 9}}, {{3, 8}}), (AddressCell{{3, 5}, {8, 8}}));
  EXPECT_EQ(joined({{0, 3}, {8, 9}}, {{4, 5}, {10, kLastAddress}}),
            (AddressCell{{0, 5}, {8, kLastAddress}}));
  EXPECT_TRUE(contains({{0, 3}, {8, 9}}, 9));
  EXPECT_FALSE(contains({{0, 3}, {8, 9}}, 4));
}

}  // namespace
}  // namespace bulkhead::trace
