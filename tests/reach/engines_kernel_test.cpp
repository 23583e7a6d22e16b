// The rules that engines write, loaded into a network namespace of the real kernel and read back:
// reach = trace on all their hooks, and Docker's iptables and nftables rules for one configuration
// forward the same packets.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "reach/compare.h"
#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead::reach {
namespace {

using namespace testing;  // NOLINT
using packet::VerdictMap;

std::string data_file(const std::string& name) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/tests/reach/data/engines/" + name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const std::vector<std::string> kDocker29 = {"usernet-internal",
                                            "usernet-portmap",
                                            "usernet-portmap-lo",
                                            "usernet-portmap-natunprot",
                                            "new-daemon",
                                            "usernet-portmap-noicc",
                                            "usernet-portmap-noproxy",
                                            "usernet-portmap-routed"};

std::vector<std::string> all_files() {
  std::vector<std::string> out = {"netavark-1.4-isolate.rules", "29-swarm-portmap.rules",
                                  "28-swarm-portmap.rules"};
  for (const std::string& name : kDocker29) {
    out.push_back("28-" + name + ".rules");
    out.push_back("29-" + name + ".rules");
    out.push_back("29-" + name + ".nft");
  }
  return out;
}

std::vector<model::Link> host_links() {
  std::vector<model::Link> out;
  std::uint32_t index = 1;
  for (const char* name :
       {"lo", "eth0", "docker0", "bridge1", "docker_gwbridge", "p3podman0", "eth1"}) {
    out.push_back(trace::testing::link(index, name, index == 1 ? 772 : 1));
    ++index;
  }
  return out;
}

class Engines : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(test::enter_fresh_network()) << "needs root"; }

  // The namespace's rules are those of the file and nothing else.
  static model::Ruleset load(const std::string& file) {
    std::string wrong = test::run("nft flush ruleset").text;
    wrong += test::run("ipset destroy").text;
    wrong += test::run("ipset restore", data_file("ipsets.txt")).text;
    const auto loaded = file.ends_with(".nft") ? test::run("nft -f -", data_file(file))
                                               : test::run("iptables-nft-restore", data_file(file));
    EXPECT_EQ(loaded.status, 0) << file << ": " << wrong << loaded.text;
    model::Ruleset out;
    auto tables = ruleset::decode_nftables(test::read_nftables());
    if (!tables) throw std::runtime_error(tables.error().message);
    out.tables = std::move(*tables);
    auto sets = ruleset::decode_ipsets(test::read_ipsets(),
                                       test::read_ipset_indexes({"docker-ext-bridges-v4"}));
    if (!sets) throw std::runtime_error(sets.error().message);
    out.ipsets = std::move(*sets);
    EXPECT_FALSE(out.tables.empty()) << file;
    return out;
  }
};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  packet::Packet packet(const Fields& fields, const Links& links) {
    packet::Packet out = fields.layout().packet();
    const auto address = [&] {
      static const std::vector<const char*> kAll = {
          "192.0.2.2",  "192.0.2.1", "192.0.2.3",      "192.0.3.0", "172.17.0.1", "172.17.0.9",
          "10.231.0.2", "10.0.0.1",  "8.8.8.8",        "127.0.0.1", "224.0.0.1",  "172.18.0.5",
          "172.18.0.2", "10.0.0.2",  "10.230.255.255", "10.232.0.0"};
      return IpAddress::parse(kAll[random_() % kAll.size()]).value();
    };
    const auto one_of = [&](std::vector<std::uint64_t> list) {
      return list[random_() % list.size()];
    };
    const auto set = [&](Quantity q, std::uint64_t n) { fields.set(out, q, n); };
    set(Quantity::kIif, random_() % links.numbers());
    set(Quantity::kOif, random_() % links.numbers());
    fields.set_address(out, Quantity::kSource, address());
    fields.set_address(out, Quantity::kDestination, address());
    set(Quantity::kProtocol, one_of({6, 6, 17, 1, 47}));
    set(Quantity::kSourcePort, one_of({40000, 80, 8080}));
    set(Quantity::kDestinationPort, one_of({80, 8080, 53, 2377, 7946, 4789, 443, 79, 81, 8081}));
    set(Quantity::kMark, one_of({0, 0x2000, 1}));
    set(Quantity::kCtInfo, random_() % 7);
    set(Quantity::kCtStatus, random_() % 512 & 0x1be);
    set(Quantity::kLength, 60);
    set(Quantity::kTcpFlags, 2);
    return out;
  }

 private:
  std::mt19937 random_;
};

TEST_F(Engines, ReachIsTraceOnTheRulesThatEnginesWrite) {
  constexpr int kPackets = 400;
  std::size_t packets = 0, dropped = 0, several = 0;
  for (const std::string& file : all_files()) {
    const model::Ruleset rules = load(file);
    Pair pair(rules, IpFamily::kV4, host_links());
    Dice dice(1);
    for (const bool nat : {false, true}) {
      for (int hook = 0; hook < 5; ++hook) {
        const auto point = static_cast<HookPoint>(hook);
        const auto map = pair.map(point, nat);
        ASSERT_TRUE(map) << file << ": " << map.error().message;
        for (int i = 0; i < kPackets; ++i) {
          const packet::Packet packet = dice.packet(pair.fields(), pair.links());
          const auto truth = pair.by_trace(point, nat, packet);
          ASSERT_TRUE(truth);
          const Fates ours = pair.by_reach(*map, packet, nat);
          ASSERT_EQ(ours.size(), truth->size()) << file;
          ASSERT_TRUE(ours == *truth) << file << " hook " << hook << (nat ? " nat" : "")
                                      << "\n trace " << truth->begin()->text << "\n reach "
                                      << ours.begin()->text << "\n packet " << pair.show(packet);
          ++packets;
          dropped += truth->begin()->text == "drop";
          several += truth->size() > 1;
        }
      }
    }
  }
  std::cout << all_files().size() << " rulesets, " << packets << " packets, " << dropped
            << " dropped, " << several << " with several outcomes\n";
  EXPECT_GT(dropped, 500U);
}

// Only whether packets pass counts; leaves of one space and one Effects.
VerdictMap passes(Effects& effects, const VerdictMap& map) {
  std::vector<VerdictMap::Replacement> by;
  for (packet::Leaf leaf : map.leaves()) {
    Leaf kinds;
    for (const Effect& e : effects.at(leaf).effects) {
      kinds.effects.push_back(e.kind == EffectKind::kAccept ? Effect::accept({}) : Effect::drop());
    }
    by.push_back({leaf, effects.leaf(std::move(kinds))});
  }
  return map.remap(by).value();
}

TEST_F(Engines, DockersIptablesAndNftablesForwardTheSamePackets) {
  for (const std::string& name : kDocker29) {
    const model::Ruleset xt = load("29-" + name + ".rules"), nft = load("29-" + name + ".nft");
    MarkMasks marks;
    marks.add(xt, true);
    marks.add(nft, true);
    const Fields fields = Fields::make(IpFamily::kV4, marks);
    const packet::PacketSpace space(fields.layout());
    Effects effects(space);
    const auto link_list = host_links();
    const Links links(link_list);
    const ReachRoutes routes(fields, space);
    Chains by_xt(fields, space, effects, links, &routes, xt, true);
    Chains by_nft(fields, space, effects, links, &routes, nft, true);
    const auto a = by_xt.filter(HookPoint::kIpForward, -1000, 1000, Image());
    const auto b = by_nft.filter(HookPoint::kIpForward, -1000, 1000, Image());
    ASSERT_TRUE(a && b) << name;
    const VerdictMap one = passes(effects, *a), other = passes(effects, *b);
    EXPECT_GE(one.leaves().size(), 2U) << name;
    // Numbers above the last interface are no packets.
    packet::Product real;
    for (Quantity q : {Quantity::kIif, Quantity::kOif}) {
      real.where(fields.only(q), packet::IntervalSet::range(1, links.numbers() - 1));
    }
    real.where(fields.only(Quantity::kCtInfo), packet::IntervalSet::range(0, kLastCtInfo));
    const packet::PacketSet packets = space.set(real).value();
    const auto open = effects.leaf(Effect::accept({}));
    const auto open_a = one.where(open)->intersect(packets).value();
    const auto open_b = other.where(open)->intersect(packets).value();
    if (open_a == open_b) continue;
    const auto only_xt = open_a.subtract(open_b).value(),
               only_nft = open_b.subtract(open_a).value();
    for (const auto* set : {&only_xt, &only_nft}) {
      if (set->empty()) continue;
      const packet::Packet p = *set->witness();
      ADD_FAILURE() << name << ": open only by " << (set == &only_xt ? "iptables" : "nftables")
                    << ": in " << links.link(p[fields.only(Quantity::kIif)])->name << " out "
                    << links.link(p[fields.only(Quantity::kOif)])->name << " "
                    << fields.address(p, Quantity::kSource).to_string() << " > "
                    << fields.address(p, Quantity::kDestination).to_string() << " proto "
                    << fields.get(p, Quantity::kProtocol) << " dport "
                    << fields.get(p, Quantity::kDestinationPort) << " ctinfo "
                    << fields.get(p, Quantity::kCtInfo);
    }
  }
}

}  // namespace
}  // namespace bulkhead::reach
