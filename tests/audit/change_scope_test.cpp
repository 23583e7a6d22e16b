// What a change is said not to touch, against asking again.
#include "audit/change_scope.h"

#include <algorithm>
#include <functional>

#include "audit/ask.h"
#include "audit/cure_rules.h"
#include "audit/oracle.h"

namespace bulkhead::audit {
namespace {

using namespace testing_hosts;

// Two networks, two published services and one that is not.
model::Snapshot shop() {
  HostBuilder h;
  h.network("front", "br-front", "172.18.0.1");
  h.network("back", "br-back", "172.19.0.1");
  const auto web = h.container("web", "front", "172.18.0.2");
  const auto api = h.container("api", "front", "172.18.0.3");
  const auto db = h.container("db", "back", "172.19.0.2");
  h.container("job", "back", "172.19.0.3");
  h.listen(web.ns, 80, "nginx");
  h.listen(api.ns, 7070, "api");
  h.listen(api.ns, 80, "api");
  h.listen(db.ns, 5432, "postgres");
  h.publish(web, 8080, 80);
  h.publish(db, 15432, 5432);
  return h.snapshot;
}

struct Pair {
  std::uint32_t from;
  IpAddress to;
  std::uint16_t port;
};

std::vector<Pair> pairs() {
  std::vector<Pair> out;
  for (std::uint32_t from = 0; from < 5; ++from) {
    for (const auto& [to, port] : {std::pair("172.18.0.2", 80), std::pair("172.18.0.3", 7070),
                                   std::pair("172.18.0.3", 80), std::pair("172.19.0.2", 5432),
                                   std::pair("192.0.2.10", 8080), std::pair("192.0.2.10", 15432)}) {
      out.push_back({from, ip(to), static_cast<std::uint16_t>(port)});
    }
  }
  return out;
}

trace::Answer ask(const trace::World& world, const Pair& pair) {
  trace::Question q;
  q.from = trace::LocalOrigin{model::NsId{pair.from}, 0, 0};
  q.to = pair.to;
  q.port = Port{pair.port};
  return world.ask(q);
}

using Edit = std::function<trace::Edits(const model::Snapshot&)>;

struct Seen {
  int spared = 0, asked = 0, changed = 0;
};

// Compares each pair of which the scope says that it stays.
Seen after(const Edit& edit) {
  const model::Snapshot before = shop();
  const trace::Edits edits = edit(before);
  model::Snapshot changed = before;
  trace::apply(edits, before, changed);
  const ChangeScope scope(before, edits);
  const auto old_world = trace::World::build(before), new_world = trace::World::build(changed);
  Seen seen;
  for (const Pair& pair : pairs()) {
    const trace::Answer then = ask(*old_world, pair), now = ask(*new_world, pair);
    const bool differs = then.verdict != now.verdict;
    seen.changed += differs ? 1 : 0;
    ++(scope.spares(then) ? seen.spared : seen.asked);
    EXPECT_FALSE(differs && scope.spares(then))
        << "from " << pair.from << " to " << pair.to.to_string() << ' ' << pair.port;
  }
  return seen;
}

// The rule of that chain and place; from the end when it is negative.
trace::RuleRef rule(const model::Snapshot& s, std::string_view table, std::string_view name,
                    int place) {
  const auto t = std::ranges::find(s.namespaces[0].ruleset.tables, table, &model::Table::name);
  const auto c = std::ranges::find(t->chains, name, &model::Chain::name);
  const auto at = place < 0 ? static_cast<int>(c->rules.size()) + place : place;
  return {&*t, &*c, &c->rules[static_cast<std::size_t>(at)]};
}

trace::Edits without(std::vector<trace::RuleRef> rules) {
  trace::Edits out;
  out.removed = std::move(rules);
  return out;
}

CureRule drop_port(std::uint16_t port) {
  CureRule rule;
  rule.hook = CureHook::kPrerouting;
  rule.in = {"br-front", "br-back"};
  rule.protocol = IpProtocol::kTcp;
  rule.port = Port{port};
  return rule;
}

trace::Edits with_drop(const model::Snapshot& s, std::uint16_t port) {
  const std::vector<CureRule> rules{drop_port(port)};
  return with_rules(s, rules);
}

TEST(ChangeScope, ADropOfOnePortLeavesTheOthersAlone) {
  const Seen seen = after([](const model::Snapshot& s) { return with_drop(s, 8080); });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, seen.asked);
}

TEST(ChangeScope, APortThatIsNoLongerPublishedLeavesTheOthersAlone) {
  const Seen seen = after([](const model::Snapshot& s) {
    trace::Edits out = without({rule(s, "nat", "DOCKER", 0)});  // of 8080
    for (const model::Socket& k : s.namespaces[0].sockets) {
      if (k.port == Port{8080}) out.closed.push_back(&k);
    }
    return out;
  });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, seen.asked);
}

TEST(ChangeScope, APortForOneAddressLeavesTheOthersAlone) {
  const Seen seen = after([](const model::Snapshot& s) {
    trace::Edits out;
    out.narrowed.push_back({rule(s, "nat", "DOCKER", 0), ip("127.0.0.1")});
    return out;
  });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, seen.asked);
}

// A drop of port 80 behind routing, first asking for what `asks` says.
trace::Edits late_drop(const model::Snapshot& s, const model::Statement* asks) {
  trace::Edits out = with_drop(s, 80);
  out.tables[0].chains[0].base->hook = model::Hook::kPostrouting;
  for (model::Rule& r : out.tables[0].chains[0].rules) {
    r.statements.erase(r.statements.begin());  // any interface
    if (asks != nullptr) r.statements.insert(r.statements.begin(), *asks);
  }
  return out;
}

TEST(ChangeScope, AnInnerPortCountsBehindTranslationToo) {
  const Seen seen = after([](const model::Snapshot& s) { return late_drop(s, nullptr); });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, 0);
}

TEST(ChangeScope, ARuleThatNamesAnAddressLeavesOthersWithItsPortAlone) {
  const model::Statement address = HostBuilder::is_address(ip("172.18.0.2"));
  const Seen seen = after([&](const model::Snapshot& s) { return late_drop(s, &address); });
  EXPECT_GT(seen.changed, 0);
  EXPECT_LE(seen.asked, 10);  // those to 172.18.0.2 port 80, and to 8080, from five
}

// What is not surely about certain ports has everything asked again.
TEST(ChangeScope, SparesNothingWhenOtherThingsChange) {
  const std::vector<std::pair<const char*, Edit>> edits{
      {"a guest",
       [](const model::Snapshot& s) {
         trace::Edits out;
         out.ns = model::NsId{2};
         out.closed.push_back(&s.namespaces[2].sockets.front());
         return out;
       }},
      {"a rule about every port",
       [](const model::Snapshot& s) { return without({rule(s, "filter", "FORWARD", -1)}); }},
      {"all translation",
       [](const model::Snapshot& s) {
         trace::Edits out;
         for (const model::Table& table : s.namespaces[0].ruleset.tables) {
           for (const model::Chain& chain : table.chains) {
             if (table.name != "nat") continue;
             for (const model::Rule& r : chain.rules) out.removed.push_back({&table, &chain, &r});
           }
         }
         return out;
       }},
      {"a port without its protocol",
       [](const model::Snapshot& s) {
         trace::Edits out = with_drop(s, 9);
         for (model::Rule& r : out.tables[0].chains[0].rules)
           std::erase(r.statements, model::Statement{HostBuilder::is_proto(6)});
         return out;
       }},
      {"a new chain that drops what it does not know",
       [](const model::Snapshot& s) {
         trace::Edits out = with_drop(s, 9);
         out.tables[0].chains[0].base->policy = model::VerdictKind::kDrop;
         return out;
       }},
  };
  for (const auto& [what, edit] : edits) {
    SCOPED_TRACE(what);
    EXPECT_EQ(after(edit).spared, 0);
  }
}

}  // namespace
}  // namespace bulkhead::audit
