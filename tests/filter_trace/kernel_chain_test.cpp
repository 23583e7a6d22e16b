// The kernel as judge of the way through chains: random tables, base chains of equal and different
// priorities, jumps, gotos, returns, verdict maps. Each rule that matches shifts the packet's mark
// and flips some of its bits, so that the last mark tells the whole path; a chain at the end keeps
// it.
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "filter_trace/build.h"
#include "filter_trace/kernel_lab.h"
#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT

class Generator {
 public:
  explicit Generator(std::uint32_t seed) : random_(seed) {}

  std::string ruleset() {
    std::ostringstream out;
    out << "flush ruleset\ntable inet zz {\nset seen { type mark; size 64; flags dynamic; }\nchain "
           "last "
           "{\ntype filter hook input priority 500;\nadd @seen { meta mark }\n}\n}\n";
    const int tables = 1 + pick(3);
    for (int t = 0; t < tables; ++t) table(out, t);
    return out.str();
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  template <std::size_t N>
  std::string one_of(const std::array<const char*, N>& list) {
    return list[static_cast<std::size_t>(pick(N))];
  }

  void table(std::ostringstream& out, int number) {
    out << "table " << one_of<2>({"ip", "inet"}) << " t" << number << " {\n";
    const int subs = pick(4), bases = 1 + pick(2);
    for (int i = subs - 1; i >= 0; --i) chain(out, "u" + std::to_string(i), "", i + 1, subs);
    for (int i = 0; i < bases; ++i) {
      const std::string head = "type filter hook input priority " +
                               one_of<5>({"-10", "0", "0", "0", "10"}) + "; policy " +
                               one_of<4>({"accept", "accept", "accept", "drop"}) + ";\n";
      chain(out, "b" + std::to_string(i), head, 0, subs);
    }
    out << "}\n";
  }

  // May jump to the chains u<first>..u<subs - 1>.
  void chain(std::ostringstream& out, const std::string& name, const std::string& head, int first,
             int subs) {
    out << "chain " << name << " {\n" << head;
    const int rules = 1 + pick(6);
    for (int i = 0; i < rules; ++i) {
      for (int m = pick(3); m > 0; --m) {
        out << one_of<12>({"tcp dport 80 ", "tcp dport 81 ", "tcp dport 1-100 ",
                           "iifname \"eth0\" ", "iifname \"lo\" ", "ip saddr 10.1.0.2 ",
                           "ip saddr 10.9.0.0/16 ", "meta mark & 1 == 1 ", "meta mark & 1 == 0 ",
                           "tcp flags syn ", "ip daddr { 10.1.0.1, 10.1.0.7 } ",
                           "meta l4proto != tcp "});
      }
      out << "meta mark set meta mark << 3 meta mark set meta mark xor 0x" << std::hex
          << (random_() & 0xffffff) << std::dec << " " << verdict(first, subs) << "\n";
    }
    out << "}\n";
  }

  std::string target(int first, int subs) {
    return "u" + std::to_string(first + pick(subs - first));
  }

  std::string verdict(int first, int subs) {
    const int kind = pick(20);
    if (kind < 8) return "";
    if (kind == 8) return "accept";
    if (kind == 9) return "drop";
    if (kind == 10) return "return";
    if (kind == 11) return "continue";
    if (first >= subs) return kind < 14 ? "return" : "";
    if (kind < 16) return "jump " + target(first, subs);
    if (kind < 18) return "goto " + target(first, subs);
    return "tcp dport vmap { 80 : " + one_of<2>({"jump ", "goto "}) + target(first, subs) +
           ", 81 : drop }";
  }

  std::mt19937 random_;
};

// The mark of the packet that came to the end, or nothing when it was dropped.
std::optional<std::uint32_t> seen_mark(const std::vector<model::Table>& tables) {
  for (const model::Table& t : tables) {
    for (const model::SetDef& set : t.sets) {
      if (set.name != "seen" || set.elements.empty()) continue;
      const Bytes& b = set.elements[0].first;
      return b[0] | b[1] << 8U | b[2] << 16U | std::uint32_t{b[3]} << 24U;
    }
  }
  return std::nullopt;
}

TEST(KernelChains, AgreeOnThePathThroughRandomChains) {
  KernelLab lab;
  ASSERT_EQ(lab.build(), "");
  int accepted = 0;
  constexpr int kSeeds = 60;
  for (std::uint32_t seed = 1; seed <= kSeeds; ++seed) {
    const std::string text = Generator(seed).ruleset();
    const auto loaded = bulkhead::test::run("nft -f -", text);
    ASSERT_EQ(loaded.status, 0) << loaded.text << text;
    const auto port = static_cast<std::uint16_t>(40000 + seed);
    ASSERT_EQ(lab.send("10.1.0.2", "10.1.0.1", true, port), "");
    const auto tables = ruleset::decode_nftables(bulkhead::test::read_nftables());
    ASSERT_TRUE(tables) << tables.error().message;
    const auto truth = seen_mark(*tables);
    accepted += truth.has_value();
    const model::Ruleset rules = ruleset(*tables);
    for (bool fast : {true, false}) {
      Packet packet = tcp4();
      packet.source = ip("10.1.0.2");
      packet.destination = ip("10.1.0.1");
      packet.source_port = Port{port};
      Scene scene(packet);
      scene.context.out = nullptr;
      const Filter filter = fast ? Filter(rules, true) : Filter::without_fast_forms(rules, true);
      const HookResult result = filter.run(FilterPoint::kIpInput, -1000, 1000, scene.context);
      EXPECT_FALSE(scene.choices.any());
      EXPECT_EQ(result.outcome, truth ? Outcome::kAccept : Outcome::kDrop)
          << "seed " << seed << "\n"
          << text;
      const std::uint32_t last = truth ? *truth : scene.packet.mark;
      EXPECT_EQ(scene.packet.mark, last) << "seed " << seed << "\n" << text;
    }
  }
  EXPECT_GT(accepted, kSeeds / 4);
  EXPECT_LT(accepted, kSeeds);
}

}  // namespace
}  // namespace bulkhead::trace
