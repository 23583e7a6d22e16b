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

using Edit = std::function<void(model::Snapshot&)>;

struct Seen {
  int spared = 0, asked = 0, changed = 0;
};

// Compares each pair of which the scope says that it stays.
Seen after(const Edit& edit) {
  const model::Snapshot before = shop();
  model::Snapshot changed = before;
  edit(changed);
  const ChangeScope scope(before, changed);
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

model::Chain& chain(model::Snapshot& s, std::string_view table, std::string_view name) {
  const auto t = std::ranges::find(s.namespaces[0].ruleset.tables, table, &model::Table::name);
  return *std::ranges::find(t->chains, name, &model::Chain::name);
}

CureRule drop_port(std::uint16_t port) {
  CureRule rule;
  rule.hook = CureHook::kPrerouting;
  rule.in = {"br-front", "br-back"};
  rule.protocol = IpProtocol::kTcp;
  rule.port = Port{port};
  return rule;
}

TEST(ChangeScope, ADropOfOnePortLeavesTheOthersAlone) {
  const Seen seen = after([](model::Snapshot& s) {
    const std::vector<CureRule> rules{drop_port(8080)};
    add_rules(s, rules);
  });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, seen.asked);
}

TEST(ChangeScope, APortThatIsNoLongerPublishedLeavesTheOthersAlone) {
  const Seen seen = after([](model::Snapshot& s) {
    std::vector<model::Rule>& nat = chain(s, "nat", "DOCKER").rules;
    nat.erase(nat.begin());  // of 8080
    std::erase_if(s.namespaces[0].sockets,
                  [](const model::Socket& k) { return k.port == Port{8080}; });
  });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, seen.asked);
}

TEST(ChangeScope, AnInnerPortCountsBehindTranslationToo) {
  const Seen seen = after([](model::Snapshot& s) {
    const std::vector<CureRule> rules{drop_port(80)};
    add_rules(s, rules);
    s.namespaces[0].ruleset.tables.back().chains[0].base->hook = model::Hook::kPostrouting;
    for (model::Rule& r : s.namespaces[0].ruleset.tables.back().chains[0].rules)
      r.statements.erase(r.statements.begin());  // any interface
  });
  EXPECT_GT(seen.changed, 0);
  EXPECT_GT(seen.spared, 0);
}

TEST(ChangeScope, ARuleThatNamesAnAddressLeavesOthersWithItsPortAlone) {
  const Seen seen = after([](model::Snapshot& s) {
    const std::vector<CureRule> rules{drop_port(80)};
    add_rules(s, rules);
    s.namespaces[0].ruleset.tables.back().chains[0].base->hook = model::Hook::kPostrouting;
    for (model::Rule& r : s.namespaces[0].ruleset.tables.back().chains[0].rules)
      r.statements.front() = HostBuilder::is_address(ip("172.18.0.2"));  // for an interface
  });
  EXPECT_GT(seen.changed, 0);
  EXPECT_LE(seen.asked, 10);  // those to 172.18.0.2 port 80, and to 8080, from five
}

// What is not surely about certain ports has everything asked again.
TEST(ChangeScope, SparesNothingWhenOtherThingsChange) {
  const std::vector<std::pair<const char*, Edit>> edits{
      {"a route", [](model::Snapshot& s) { s.namespaces[0].routes.pop_back(); }},
      {"a guest", [](model::Snapshot& s) { s.namespaces[2].sockets.clear(); }},
      {"a sysctl", [](model::Snapshot& s) { s.namespaces[0].sysctls.ip_forward = 0; }},
      {"a policy",
       [](model::Snapshot& s) {
         chain(s, "filter", "FORWARD").base->policy = model::VerdictKind::kAccept;
       }},
      {"a rule about every port",
       [](model::Snapshot& s) { chain(s, "filter", "FORWARD").rules.pop_back(); }},
      {"the order of rules",
       [](model::Snapshot& s) { std::ranges::reverse(chain(s, "filter", "FORWARD").rules); }},
      {"a port without its protocol",
       [](model::Snapshot& s) {
         model::Rule& r = chain(s, "filter", "DOCKER").rules.front();
         std::erase_if(r.statements, [](const model::Statement& one) {
           return one == model::Statement{HostBuilder::is_proto(6)};
         });
       }},
      {"all translation", [](model::Snapshot& s) { chain(s, "nat", "DOCKER").rules.clear(); }},
      {"a new chain that drops what it does not know",
       [](model::Snapshot& s) {
         const std::vector<CureRule> rules{drop_port(9)};
         add_rules(s, rules);
         s.namespaces[0].ruleset.tables.back().chains[0].base->policy = model::VerdictKind::kDrop;
       }},
  };
  for (const auto& [what, edit] : edits) {
    SCOPED_TRACE(what);
    EXPECT_EQ(after(edit).spared, 0);
  }
}

}  // namespace
}  // namespace bulkhead::audit
