// What is said of others without asking for them: of all sources after a few plain walks, of
// machines that are alike, and of destinations that nothing on the way told apart. On random
// networks, against asking for each. ALIKE_FIRST and ALIKE_SEEDS choose other networks.
#include "topology/alike.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <random>

#include "filter_trace/build.h"
#include "policy/zones.h"
#include "reach/random_net.h"
#include "trace/net.h"
#include "verify/attacker.h"
#include "verify/odd_rules.h"
#include "verify/set_rules.h"

namespace bulkhead::verify {
namespace {

using reach::testing::NetKinds;
using reach::testing::random_net;
using reach::testing::RandomNet;
using trace::Verdict;

struct Tally {
  std::size_t asked = 0, open = 0, settled = 0, shared = 0, shared_open = 0, let_by = 0, ranges = 0;
};

// A whitelist before all other rules of machines that forward: a rule for each of many pairs.
void add_whitelist(RandomNet& on, std::uint32_t seed) {
  using namespace trace::testing;
  std::mt19937 random(seed);
  std::vector<IpAddress> known;
  std::ranges::copy_if(on.addresses, std::back_inserter(known),
                       [](const IpAddress& a) { return a.is_v4() && !a.is_loopback(); });
  if (known.empty()) return;
  const auto any = [&] { return address(known[random() % known.size()].to_string()); };
  for (const model::NsId ns : on.machines) {
    std::vector<model::Rule> rules;
    for (int i = 0; i < 48; ++i) {
      std::vector<model::Statement> asks;
      if (random() % 4 != 0) asks.push_back(is(net(12, 4), any()));
      asks.push_back(is(net(16, 4), any()));
      if (random() % 3 == 0)
        asks.push_back(is(th(2, 2), be16(on.ports[random() % on.ports.size()])));
      asks.push_back(random() % 3 == 0 ? drop() : accept());
      rules.push_back(rule(std::move(asks)));
    }
    rules.push_back(rule({random() % 2 == 0 ? drop() : go(model::VerdictKind::kReturn)}));
    model::NetNs& at = on.snapshot.namespaces[ns.value];
    at.ruleset.tables.push_back(
        table(model::NfFamily::kIp, {base("list", model::Hook::kForward, -7, std::move(rules))}));
  }
}

enum class Beside : std::uint8_t { kNothing, kWhitelist, kOddRules, kBoth, kSets, kSetsAndOdd };

class OneNet {
 public:
  OneNet(std::uint32_t seed, NetKinds kinds, Tally& tally, Beside more = Beside::kNothing)
      : net_(made(seed, kinds, more)),
        seed_(seed),
        random_(seed),
        tally_(tally),
        world_(trace::World::build(net_.snapshot).value()),
        zones_(policy::guess_zones(net_.snapshot)),
        asker_(world_, zones_),
        both_(asker_),
        symbolic_(asker_, SIZE_MAX, Attackers::Ways::kSymbolic),
        alike_(topology::alike_namespaces(net_.snapshot)) {}

  void ordinary() {
    for (const model::NsId ns : net_.machines) {
      for (const IpAddress& to : net_.addresses) {
        for (const std::uint16_t port : net_.ports) ordinary(ns, target(to, port));
      }
    }
  }
  // What stops a packet, or an attacker, from one machine.
  void stopped(int attackers) {
    for (const model::NsId ns : net_.machines) {
      for (const IpAddress& to : net_.addresses) {
        for (const std::uint16_t port : net_.ports) stopped(ns, target(to, port));
      }
    }
    for (int i = 0; i < attackers; ++i) {
      const model::NsId ns = net_.machines[random_() % net_.machines.size()];
      stopped_attacker(ns, target(net_.addresses[random_() % net_.addresses.size()],
                                  net_.ports[random_() % net_.ports.size()]));
    }
  }
  void attackers(int questions) {
    for (int i = 0; i < questions; ++i) {
      const model::NsId ns = net_.machines[random_() % net_.machines.size()];
      attackers(ns, target(net_.addresses[random_() % net_.addresses.size()],
                           net_.ports[random_() % net_.ports.size()]));
    }
  }

 private:
  static RandomNet made(std::uint32_t seed, NetKinds kinds, Beside more) {
    RandomNet net = named(random_net(seed, kinds));
    if (more == Beside::kWhitelist || more == Beside::kBoth) add_whitelist(net, seed);
    const bool sets = more == Beside::kSets || more == Beside::kSetsAndOdd;
    if (more == Beside::kOddRules || more == Beside::kBoth || more == Beside::kSetsAndOdd)
      testing::add_odd_rules(net, seed);
    if (sets) testing::add_set_rules(net, seed);
    return net;
  }
  query::Target target(IpAddress to, std::uint16_t port) {
    query::Target t;
    t.to = to, t.port = Port{port};
    t.protocol = random_() % 3 == 0 ? IpProtocol::kUdp : IpProtocol::kTcp;
    return t;
  }
  query::Seat seat(model::NsId ns) const {
    const std::string name = "netns:/run/netns/" + std::to_string(ns.value);
    return asker_.seat(query::Vantage::parse(name).value()).value();
  }
  [[nodiscard]] IpAddress own(model::NsId ns) const {
    for (const model::Address& a : net_.snapshot.namespaces[ns.value].addresses) {
      if (a.local.is_v4() && !a.local.is_loopback()) return a.local;
    }
    return {};
  }
  [[nodiscard]] std::vector<model::NsId> others_like(model::NsId ns, const IpAddress& to) const {
    std::vector<model::NsId> out;
    for (const model::NsId other : net_.machines) {
      if (other != ns && alike_[other.value].first == alike_[ns.value].first && own(other) != to)
        out.push_back(other);
    }
    return own(ns) == to || !to.is_v4() || to.is_loopback() || to.is_unspecified()
               ? std::vector<model::NsId>{}
               : out;
  }
  std::string told(model::NsId from, const query::Target& t, const trace::Answer& a) const {
    return std::string(to_string(a.verdict)) + " from " + std::to_string(from.value) + " to " +
           t.to.to_string() + " port " + std::to_string(t.port.number) + " of seed " +
           std::to_string(seed_) + " (source " + (a.source ? a.source->to_string() : "?") +
           " port " + std::to_string(a.source_port.number) + "): " + a.reason + "\n" + net_.text;
  }

  void ordinary(model::NsId ns, query::Target t) {
    const auto others = others_like(ns, t.to);
    if (others.empty()) return;
    trace::EndReads reads;
    t.reads = &reads;
    const trace::Answer mine = asker_.ask(seat(ns), t).answer;
    t.reads = nullptr;
    if (!reads.is_clear() || reads.is_singular()) return;
    within_ranges(reads);
    for (const model::NsId other : others) {
      if (!reads.same_for(own(other)) || mine.socket_ns == other) continue;
      const trace::Answer theirs = asker_.ask(seat(other), t).answer;
      ++tally_.shared;
      tally_.shared_open += mine.verdict == Verdict::kOpen ? 1 : 0;
      EXPECT_EQ(mine.verdict, theirs.verdict) << told(ns, t, mine) << told(other, t, theirs);
    }
  }

  // What is said of a range is what is said of each address in it.
  void within_ranges(const trace::EndReads& reads) {
    std::vector<std::uint32_t> known;
    for (const IpAddress& a : net_.addresses) {
      if (a.is_v4()) known.push_back(a.v4_number());
    }
    std::ranges::sort(known);
    for (std::size_t i = 0; i < known.size(); ++i) {
      for (std::size_t j = i; j < std::min(known.size(), i + 3); ++j) {
        if (!reads.same_within({known[i], known[j]})) continue;
        tally_.ranges += i != j;
        for (std::uint32_t a = known[i]; a <= std::min(known[j], known[i] + 20); ++a)
          EXPECT_TRUE(reads.same_for(IpAddress::v4(a))) << a << " of seed " << seed_ << net_.text;
        for (std::size_t k = i; k <= j; ++k)
          EXPECT_TRUE(reads.same_for(IpAddress::v4(known[k]))) << "seed " << seed_ << net_.text;
      }
    }
  }

  void stopped(model::NsId ns, query::Target t) {
    trace::EndReads asked;
    t.to_reads = &asked;
    const trace::Answer mine = asker_.ask(seat(ns), t).answer;
    t.to_reads = nullptr;
    if (mine.verdict != Verdict::kClosed) return;
    for (const IpAddress& to : net_.addresses) {
      for (const std::uint16_t port : net_.ports) {
        query::Target other = t;
        other.to = to, other.port = Port{port};
        const auto more = asked.same_to_from(to, other.port);
        EXPECT_TRUE(more || !asked.same_to(to, other.port));
        if (!more || (to == t.to && other.port == t.port)) continue;
        const trace::Answer theirs = asker_.ask(seat(ns), other).answer;
        ++tally_.shared;
        tally_.let_by += more->empty() ? 0 : 1;
        EXPECT_EQ(theirs.verdict, Verdict::kClosed) << told(ns, t, mine) << told(ns, other, theirs);
      }
    }
  }

  void stopped_attacker(model::NsId ns, query::Target t) {
    const query::Seat from = seat(ns);
    trace::EndReads asked;
    t.to_reads = &asked;
    const query::Reply plain = asker_.ask(from, t);
    t.as_attacker = true;
    const query::Reply mine = both_.ask(from, t, plain);
    if (mine.answer.verdict != Verdict::kClosed) return;
    for (const IpAddress& to : net_.addresses) {
      query::Target other = t;
      other.to_reads = nullptr;
      other.to = to;
      if (to == t.to || !asked.same_to(to, t.port)) continue;
      const query::Reply theirs = symbolic_.ask(from, other, asker_.ask(from, other));
      ++tally_.settled;
      EXPECT_NE(theirs.answer.verdict, Verdict::kOpen)
          << told(ns, t, mine.answer) << told(ns, other, theirs.answer);
    }
  }

  void attackers(model::NsId ns, query::Target t) {
    const query::Seat from = seat(ns);
    const query::Reply plain = asker_.ask(from, t);
    t.as_attacker = true;
    const query::Reply walked = symbolic_.ask(from, t, plain);
    const query::Reply known = both_.ask(from, t, plain);
    ++tally_.asked;
    tally_.open += known.answer.verdict == Verdict::kOpen ? 1 : 0;
    if (walked.answer.verdict != Verdict::kUnknown) {
      EXPECT_EQ(known.answer.verdict, walked.answer.verdict)
          << told(ns, t, known.answer) << told(ns, t, walked.answer);
    }
    if (!known.parts) return;
    ++tally_.settled;
    for (const model::NsId other : others_like(ns, t.to)) {
      if (!query::same_part(*known.parts, own(ns), own(other))) continue;
      const query::Seat there = seat(other);
      const query::Reply theirs = symbolic_.ask(there, t, asker_.ask(there, t));
      ++tally_.shared;
      EXPECT_NE(theirs.answer.verdict, Verdict::kOpen)
          << told(ns, t, known.answer) << told(other, t, theirs.answer);
    }
  }

  RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
  Tally& tally_;
  trace::World world_;
  std::vector<policy::Zone> zones_;
  query::Asker asker_;
  Attackers both_, symbolic_;
  std::vector<topology::Alike> alike_;
};

std::uint32_t number(const char* name, std::uint32_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr ? otherwise : static_cast<std::uint32_t>(std::atoi(given));
}

// test(seed) for each, until one fails.
template <class Test>
void over_seeds(std::uint32_t first, std::uint32_t count, Test test) {
  const std::uint32_t begin = number("ALIKE_FIRST", first);
  const std::uint32_t end = begin + number("ALIKE_SEEDS", count);
  for (std::uint32_t seed = begin; seed < end && !::testing::Test::HasFailure(); ++seed) test(seed);
}

TEST(AlikeLaw, WhatNoRuleAskedOfASourceIsTheSameForOthers) {
  Tally tally;
  const auto one = [&](std::uint32_t seed) {
    OneNet(seed,
           {.filter = seed % 4 != 0,
            .nat = seed % 3 != 0,
            .types = seed % 2 == 0,
            .odd = seed % 5 == 0},
           tally)
        .ordinary();
  };
  over_seeds(0, 600, one);
  one(11415);  // two remember a neighbour otherwise than a third one would be told
  EXPECT_GT(tally.shared, 5000U);
  EXPECT_GT(tally.shared_open, 200U);
  EXPECT_GT(tally.ranges, 2000U);
}

TEST(AlikeLaw, WhatStopsAPacketStopsThoseToWhomNothingOnTheWayToldApart) {
  Tally tally;
  over_seeds(1000, 400, [&](std::uint32_t seed) {
    OneNet(seed,
           {.filter = seed % 4 != 0,
            .nat = seed % 3 != 0,
            .types = seed % 2 == 0,
            .policy = seed % 11 == 0,
            .odd = seed % 5 == 0,
            .stacked = seed % 7 == 0,
            .frames = seed % 13 == 0,
            .vxlan = seed % 17 == 0},
           tally, seed % 3 != 1 ? Beside::kWhitelist : Beside::kNothing)
        .stopped(seed % 20 == 0 ? 12 : 0);
  });
  EXPECT_GT(tally.shared, 5000U);
  EXPECT_GT(tally.let_by, 200U);
  EXPECT_GT(tally.settled, 20U);
}

TEST(AlikeLaw, HoldsWhereRulesMakeSomethingOfPackets) {
  Tally sources, destinations;
  over_seeds(800, 800, [&](std::uint32_t seed) {
    const NetKinds kinds{.filter = seed % 4 != 0, .nat = seed % 3 != 0, .types = seed % 2 == 0};
    OneNet(seed, kinds, sources, Beside::kOddRules).ordinary();
    if (seed % 4 == 0) OneNet(seed, kinds, destinations, Beside::kOddRules).stopped(0);
    if (seed % 4 == 1) OneNet(seed, kinds, destinations, Beside::kBoth).stopped(0);
  });
  EXPECT_GT(sources.shared, 2000U);
  EXPECT_GT(sources.shared_open, 50U);
  EXPECT_GT(destinations.shared, 2000U);
}

TEST(AlikeLaw, HoldsWhereRulesLookUpInSets) {
  Tally sources, destinations;
  over_seeds(2000, 800, [&](std::uint32_t seed) {
    const Beside beside = seed % 3 == 2 ? Beside::kSetsAndOdd : Beside::kSets;
    NetKinds kinds{.filter = seed % 8 == 0, .nat = seed % 3 != 0, .types = seed % 4 == 0};
    OneNet(seed, kinds, sources, beside).ordinary();
    if (seed % 2 != 0) return;
    kinds.policy = seed % 11 == 0;
    kinds.odd = seed % 5 == 0;
    kinds.stacked = seed % 7 == 0;
    kinds.frames = seed % 13 == 0;
    kinds.vxlan = seed % 17 == 0;
    OneNet(seed, kinds, destinations, beside).stopped(0);
  });
  EXPECT_GT(sources.shared, 2000U);
  EXPECT_GT(sources.shared_open, 50U);
  EXPECT_GT(destinations.shared, 10000U);
}

TEST(AlikeLaw, AFewPlainWalksSayWhatEveryForgedPacketGets) {
  Tally tally;
  const auto one = [&](std::uint32_t seed) {
    OneNet(seed,
           {.filter = true, .nat = seed % 2 != 0, .types = seed % 4 == 1, .odd = seed % 5 == 0},
           tally)
        .attackers(12);
  };
  over_seeds(100, 16, one);
  one(50167);  // from a port to the same port of oneself
  EXPECT_GT(tally.open, 4U);
  EXPECT_GT(tally.settled, 20U);
  EXPECT_GT(tally.shared, 3U);
}

}  // namespace
}  // namespace bulkhead::verify
