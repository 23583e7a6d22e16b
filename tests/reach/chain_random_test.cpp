// reach = trace on random rulesets and packets: every outcome that the interpreter holds possible
// is in the leaf, and (but for the few things that diagrams only know as unknown) no other.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <vector>

#include "reach/random_rules.h"

namespace bulkhead::reach {
namespace {

using namespace testing;  // NOLINT

constexpr std::array<HookPoint, 13> kPoints = {
    HookPoint::kIpPrerouting,      HookPoint::kIpInput,       HookPoint::kIpForward,
    HookPoint::kIpOutput,          HookPoint::kIpPostrouting, HookPoint::kBridgePrerouting,
    HookPoint::kBridgeInput,       HookPoint::kBridgeForward, HookPoint::kBridgeOutput,
    HookPoint::kBridgePostrouting, HookPoint::kNetdevIngress, HookPoint::kNetdevEgress,
    HookPoint::kInetIngress};

struct Count {
  std::size_t rulesets = 0, refused = 0, packets = 0, skipped = 0, wider = 0, several = 0;
  std::size_t accepted = 0, dropped = 0, rejected = 0, unknown = 0;
};

std::string text_of(const Fates& fates) {
  std::string out;
  for (const Fate& f : fates) out += "\n    " + f.text;
  return out;
}

void note(const Fates& fates, Count& count) {
  count.several += fates.size() > 1;
  const std::string& text = fates.begin()->text;
  count.accepted += text.starts_with("accept");
  count.dropped += text.starts_with("drop");
  count.rejected += text.starts_with("reject");
  count.unknown += text.starts_with("unknown");
}

// What diagrams do not follow exactly, and then say so: masks with too many bits left open, two
// values that are joined bit by bit, numbers that a rule takes from a packet. Reasons are cut
// short, too.
bool is_coarse(const std::vector<std::string>& reasons) {
  return reasons.size() >= Effects::kMostReasons ||
         std::any_of(reasons.begin(), reasons.end(), [](const std::string& r) {
           return r.find("too many") != std::string::npos || r.find("join") != std::string::npos ||
                  r.find("takes from a packet") != std::string::npos ||
                  r.find("address or port of a NAT rule") != std::string::npos;
         });
}

// True when all is well.
bool same(const Pair& pair, const packet::VerdictMap& map, HookPoint point, bool nat,
          const packet::Packet& packet, std::uint32_t seed, bool legacy_last, Count& count) {
  const auto truth = pair.by_trace(point, nat, packet, legacy_last);
  ++count.packets;
  if (!truth) {
    ++count.skipped;
    return true;
  }
  const Fates ours = pair.by_reach(map, packet, nat);
  note(*truth, count);
  if (ours == *truth) return true;
  // An unknown says that anything may happen.
  const bool covers = ours.contains({"unknown"}) ||
                      std::includes(ours.begin(), ours.end(), truth->begin(), truth->end());
  if (covers && is_coarse(pair.reasons(map, packet))) {
    ++count.wider;
    return true;
  }
  ADD_FAILURE() << "seed " << seed << " point " << static_cast<int>(point)
                << "\n  trace:" << text_of(*truth) << "\n  reach:" << text_of(ours)
                << "\n  reasons " << ::testing::PrintToString(pair.reasons(map, packet))
                << "\n  packet " << pair.show(packet);
  return false;
}

// Chains that ask for no addresses or ports of a tracked connection are compiled once, whatever
// these are.
void same_for_other_tuples(Pair& pair, HookPoint point, bool nat, bool legacy_last,
                           std::uint32_t seed) {
  const Fields& fields = pair.fields();
  Image image;
  image.set(fields, Quantity::kCtOriginalSource, Image().of(fields, Quantity::kSource));
  image.set(fields, Quantity::kCtReplySource, Image().of(fields, Quantity::kDestination));
  image.set(fields, Quantity::kCtOriginalDestinationPort, constant_bits(80, 16));
  image.set(fields, Quantity::kCtReplyDestinationPort, constant_bits(443, 16));
  const auto told = pair.map(point, nat, legacy_last, image);
  const auto anew = pair.map_anew(point, nat, legacy_last, image);
  if (!told || !anew) return;
  EXPECT_TRUE(*told == *anew) << "seed " << seed << ", other tuples";
}

std::uint32_t rounds(std::uint32_t otherwise) {
  const char* more = std::getenv("BULKHEAD_REACH_ROUNDS");
  return more == nullptr ? otherwise : static_cast<std::uint32_t>(std::atoi(more));
}

// `more`: seeds that once failed.
Count compare(Kinds kinds, std::uint32_t first_seed, std::uint32_t rulesets,
              const std::vector<std::uint32_t>& more = {}) {
  constexpr int kPackets = 150;
  Count count;
  std::vector<std::uint32_t> seeds(rounds(rulesets));
  std::iota(seeds.begin(), seeds.end(), first_seed);
  seeds.insert(seeds.end(), more.begin(), more.end());
  for (const std::uint32_t seed : seeds) {
    std::mt19937 random(seed);
    const IpFamily family = random() % 2 == 0 ? IpFamily::kV4 : IpFamily::kV6;
    HookPoint point = kPoints[random() % 13];
    if (kinds.nat || random() % 2 == 0) point = kPoints[random() % 5];
    RandomRules dice(seed, family, point, kinds);
    const model::Ruleset rules = dice.ruleset();
    Pair pair(rules, family);
    const bool legacy_last = random() % 2 == 0;
    ++count.rulesets;
    const auto map = pair.map(point, kinds.nat, legacy_last);
    if (!map) {
      EXPECT_TRUE(map.error().code == ErrorCode::kUnsupported ||
                  map.error().code == ErrorCode::kBudget)
          << "seed " << seed << ": " << map.error().message;
      ++count.refused;
      continue;
    }
    for (int i = 0; i < kPackets; ++i) {
      const packet::Packet packet = dice.packet(pair.fields(), pair.links());
      if (!same(pair, *map, point, kinds.nat, packet, seed, legacy_last, count)) break;
    }
    same_for_other_tuples(pair, point, kinds.nat, legacy_last, seed);
    if (::testing::Test::HasFailure() && std::getenv("BULKHEAD_REACH_GO_ON") == nullptr) break;
  }
  std::cout << count.rulesets << " rulesets (" << count.refused << " refused), " << count.packets
            << " packets: " << count.accepted << " accepted, " << count.dropped << " dropped, "
            << count.rejected << " rejected, " << count.unknown << " unknown; " << count.several
            << " with several outcomes, " << count.wider << " unknown to reach alone, "
            << count.skipped << " not followed\n";
  EXPECT_LT(count.refused * 10, count.rulesets);
  // At most 5.2 % of a group: masks that leave more bits open than a diagram follows.
  EXPECT_LT(count.wider * 18, count.packets);
  EXPECT_GT(count.dropped * 10, count.packets);
  return count;
}

Kinds kinds(int step) {
  Kinds out;
  out.sets = step >= 1;
  out.xt = step >= 2;
  out.routes = step >= 2;
  out.effects = step >= 3;
  out.may = step >= 4;
  return out;
}

TEST(ChainRandom, ComparisonsAndVerdicts) {
  static_cast<void>(compare(kinds(0), 1, 120));
}
TEST(ChainRandom, SetsMapsAndVerdictMaps) {
  static_cast<void>(compare(kinds(1), 100001, 120));
}
TEST(ChainRandom, XTablesIpsetsAndRoutes) {
  static_cast<void>(compare(kinds(2), 200001, 120));
}
TEST(ChainRandom, MarksTrackingAndRewrites) {
  static_cast<void>(compare(kinds(3), 300001, 120));
}
TEST(ChainRandom, WhatGoesBothWays) {
  const Count count = compare(kinds(4), 400001, 120, {400289});
  EXPECT_GT(count.several * 20, count.packets);
}
TEST(ChainRandom, NatRequests) {
  Kinds all = kinds(4);
  all.nat = true;
  static_cast<void>(compare(all, 500001, 120));
}

}  // namespace
}  // namespace bulkhead::reach
