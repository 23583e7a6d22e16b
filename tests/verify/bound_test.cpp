// A bound on the work of forged packets, on random networks: where it is not met nothing changes,
// and where it is, what was not asked is in doubt. And what is listed for an attacker is what
// asking for one destination after the other tells.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "policy/zones.h"
#include "reach/random_net.h"
#include "verify/attacker.h"
#include "verify/reachable.h"

namespace bulkhead::verify {
namespace {

using reach::testing::NetKinds;
using reach::testing::random_net;
using reach::testing::RandomNet;
using trace::Verdict;

struct Tally {
  std::size_t fits = 0, met = 0, open = 0, forged = 0, lost = 0, compared = 0;
};

bool within(const AddressRange& range, const IpAddress& address) {
  return range.first.family() == address.family() && range.first <= address &&
         address <= range.last;
}

Verdict said_of(const Reachable& r, const Point& p) {
  const auto holds = [&](const auto& entry) {
    return entry.protocol == p.protocol && within(entry.to, p.to) &&
           entry.ports.contains(p.port.number);
  };
  if (std::ranges::any_of(r.open, holds)) return Verdict::kOpen;
  return std::ranges::any_of(r.doubts, holds) ? Verdict::kUnknown : Verdict::kClosed;
}

bool same_lists(const Reachable& a, const Reachable& b) {
  return std::ranges::equal(a.open, b.open, [](const Reached& x, const Reached& y) {
    return x.protocol == y.protocol && x.to == y.to && x.ports == y.ports && x.socket == y.socket &&
           x.forged == y.forged;
  });
}

class OneNet {
 public:
  OneNet(std::uint32_t seed, NetKinds kinds, Tally& tally)
      : net_(named(random_net(seed, kinds))),
        seed_(seed),
        random_(seed),
        tally_(tally),
        world_(trace::World::build(net_.snapshot).value()),
        zones_(policy::guess_zones(net_.snapshot)),
        asker_(world_, zones_),
        solver_(asker_),
        one_by_one_(asker_, SIZE_MAX, Attackers::Ways::kSymbolic) {}

  void seat(model::NsId ns) {
    const std::string name = "netns:/run/netns/" + std::to_string(ns.value);
    const query::Seat from = asker_.seat(query::Vantage::parse(name).value()).value();
    Limits limits;
    limits.as_attacker = limits.doubts = true;
    limits.most_work = UINT64_MAX;
    const auto all = solver_.from(from, limits);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_FALSE(all->exhausted);
    for (const Contradiction& c : all->contradictions) ADD_FAILURE() << told(ns) << told(c);
    for (const std::uint64_t bound : {0U, 40U, 300U, 2000U, 20'000U}) {
      limits.most_work = bound;
      const auto some = solver_.from(from, limits);
      ASSERT_TRUE(some) << some.error().message;
      compare(ns, *all, *some);
    }
    for (int i = 0; i < 6; ++i) ask(ns, from, *all);
  }
  [[nodiscard]] const RandomNet& net() const { return net_; }

 private:
  [[nodiscard]] std::string told(model::NsId ns) const {
    return "seed " + std::to_string(seed_) + " from " + std::to_string(ns.value) + "\n" + net_.text;
  }

  [[nodiscard]] static std::string told(const Contradiction& c) {
    const Witness& w = c.computed.witness;
    return (w.source ? w.source->to_string() : "?") + " port " +
           (w.source_port ? std::to_string(w.source_port->number) : "?") + " to " +
           w.to.to_string() + " port " + std::to_string(w.port.number) + " by " +
           (w.frame ? w.frame->destination.to_string() : "its own routes") + " is " +
           std::string(to_string(c.traced)) + " in trace: " + c.reason;
  }

  void compare(model::NsId ns, const Reachable& all, const Reachable& some) {
    ++(some.exhausted ? tally_.met : tally_.fits);
    if (!some.exhausted) {
      EXPECT_TRUE(same_lists(all, some)) << told(ns);
      EXPECT_EQ(all.unknown.size(), some.unknown.size()) << told(ns);
      return;
    }
    EXPECT_TRUE(std::ranges::any_of(some.unknown, [](const Unknown& u) {
      return u.reason.starts_with("not asked to the end");
    })) << told(ns);
    for (const IpAddress& to : net_.addresses) {
      for (const std::uint16_t port : net_.ports) {
        for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
          const Point p{to, Port{port}, protocol};
          const Verdict full = said_of(all, p), bounded = said_of(some, p);
          tally_.lost += full != bounded ? 1 : 0;
          // Never closed for it, nor open.
          if (full == bounded || bounded == Verdict::kUnknown) continue;
          EXPECT_EQ(full, Verdict::kUnknown)
              << told(ns) << to.to_string() << " port " << port << " is " << to_string(bounded)
              << ", without a bound " << to_string(full);
        }
      }
    }
  }

  void ask(model::NsId ns, const query::Seat& from, const Reachable& all) {
    query::Target t;
    t.to = net_.addresses[random_() % net_.addresses.size()];
    // From and to nowhere is a broadcast, but to one's own source is not asked about.
    if (t.to.is_unspecified()) return;
    t.port = Port{net_.ports[random_() % net_.ports.size()]};
    t.protocol = random_() % 3 == 0 ? IpProtocol::kUdp : IpProtocol::kTcp;
    const query::Reply plain = asker_.ask(from, t);
    t.as_attacker = true;
    const Verdict one = one_by_one_.ask(from, t, plain).answer.verdict;
    const Verdict listed = said_of(all, {t.to, t.port, t.protocol});
    if (one == Verdict::kUnknown || listed == Verdict::kUnknown) return;
    ++tally_.compared;
    tally_.open += one == Verdict::kOpen ? 1 : 0;
    tally_.forged += one == Verdict::kOpen && plain.answer.verdict != Verdict::kOpen ? 1 : 0;
    EXPECT_EQ(one, listed) << told(ns) << t.to.to_string() << " port " << t.port.number;
  }

  RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
  Tally& tally_;
  trace::World world_;
  std::vector<policy::Zone> zones_;
  query::Asker asker_;
  Solver solver_;
  Attackers one_by_one_;
};

TEST(BoundLaw, WhatABoundLeavesOutIsUnknownAndAllElseStaysAsItIs) {
  Tally tally;
  for (std::uint32_t seed = 300; seed < 312; ++seed) {
    OneNet one(seed, {.filter = true, .nat = seed % 2 != 0, .odd = seed % 3 == 0}, tally);
    for (std::size_t i = 0; i < std::min<std::size_t>(one.net().machines.size(), 3); ++i)
      one.seat(one.net().machines[i]);
    if (HasFailure()) break;
  }
  EXPECT_GT(tally.fits, 5U);
  EXPECT_GT(tally.met, 30U);
  EXPECT_GT(tally.lost, 20U);
  EXPECT_GT(tally.compared, 60U);
  EXPECT_GT(tally.open, 10U);
  EXPECT_GT(tally.forged, 1U);
}

}  // namespace
}  // namespace bulkhead::verify
