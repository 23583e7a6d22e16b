// A world that was edited against one that is built from the edited snapshot.
#include <gtest/gtest.h>

#include <random>

#include "reach/random_net.h"
#include "trace/edits.h"
#include "trace/trace.h"

namespace bulkhead::trace {
namespace {

using reach::testing::random_net;
using reach::testing::RandomNet;

class Comparison {
 public:
  explicit Comparison(std::uint32_t seed)
      : net_(random_net(seed, {.filter = true, .nat = true, .policy = seed % 3 == 0, .odd = true})),
        seed_(seed),
        random_(seed),
        world_(World::build(net_.snapshot).value()) {}

  void run() {
    for (const model::NsId ns : net_.machines) {
      const Edits edits = some_edits(ns);
      model::Snapshot copy = net_.snapshot;
      apply(edits, net_.snapshot, copy);
      const World built = World::build(copy).value(), edited = world_.edited(edits);
      for (int i = 0; i < 60; ++i) compare(question(), built, edited);
    }
  }

  std::size_t asked = 0, open = 0, changed = 0;

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }

  Edits some_edits(model::NsId ns) {
    Edits out;
    out.ns = ns;
    const model::NetNs& there = net_.snapshot.namespaces[ns.value];
    for (const model::Table& table : there.ruleset.tables) {
      for (const model::Chain& chain : table.chains) {
        for (const model::Rule& rule : chain.rules) {
          if (one_in(2)) {
            out.removed.push_back({&table, &chain, &rule});
          } else if (table.family == model::NfFamily::kIp && one_in(4)) {
            const IpAddress to = net_.addresses[random_() % net_.addresses.size()];
            if (to.is_v4()) out.narrowed.push_back({{&table, &chain, &rule}, to});
          }
        }
      }
      if (one_in(2)) out.tables.push_back(as_new(table));
    }
    for (const model::Socket& socket : there.sockets) {
      if (one_in(4)) out.closed.push_back(&socket);
    }
    return out;
  }

  static model::Table as_new(model::Table table) {
    table.name = "added";
    table.handle = 0;
    for (model::Chain& chain : table.chains) chain.handle = 0;
    return table;
  }

  Question question() {
    Question q;
    q.from = LocalOrigin{net_.machines[random_() % net_.machines.size()], 0, 0};
    q.to = net_.addresses[random_() % net_.addresses.size()];
    q.port = Port{net_.ports[random_() % net_.ports.size()]};
    q.protocol = one_in(3) ? IpProtocol::kUdp : IpProtocol::kTcp;
    return q;
  }

  void compare(Question q, const World& built, const World& edited) {
    EndReads read_built, read_edited;
    q.reads = &read_built;
    const Answer expected = built.ask(q);
    q.reads = &read_edited;
    const Answer got = edited.ask(q);
    q.reads = nullptr;
    ++asked;
    open += got.verdict == Verdict::kOpen ? 1 : 0;
    changed += world_.ask(q).verdict != got.verdict ? 1 : 0;
    const auto told = [&](const Answer& a) {
      return "seed " + std::to_string(seed_) + " to " + q.to.to_string() + " " +
             std::to_string(q.port.number) + ": " + a.reason + "\n" + net_.text;
    };
    ASSERT_EQ(got.verdict, expected.verdict) << told(expected) << told(got);
    ASSERT_EQ(got.how, expected.how) << told(expected) << told(got);
    ASSERT_EQ(got.source, expected.source);
    ASSERT_EQ(got.rules.size(), expected.rules.size()) << told(expected) << told(got);
    ASSERT_EQ(read_edited.none(), read_built.none()) << told(got);
    ASSERT_EQ(read_edited.is_clear(), read_built.is_clear()) << told(got);
    ASSERT_EQ(read_edited.tests(512).has_value(), read_built.tests(512).has_value());
  }

  RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
  World world_;
};

TEST(EditedWorld, SaysWhatOneSaysThatIsBuiltFromTheEditedSnapshot) {
  std::size_t asked = 0, open = 0, changed = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    Comparison one(seed);
    one.run();
    asked += one.asked, open += one.open, changed += one.changed;
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(asked, 20000U);
  EXPECT_GT(open, asked / 40);
  EXPECT_GT(changed, 100U);
}

}  // namespace
}  // namespace bulkhead::trace
