// How long does it take to turn a forward hook's rules into one diagram? Rules as a container
// engine writes them (networks, published ports) and a firewall's list of addresses and ports. Each
// answer is checked against the interpreter on random packets before a time is reported.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <random>

#include "filter_trace/build.h"
#include "reach/compare.h"

namespace bulkhead::reach {
namespace {

using namespace trace::testing;  // NOLINT
using testing::Pair;

std::string bridge_name(int n) {
  return "br-" + std::to_string(n);
}

std::vector<model::Link> host_links(int networks) {
  std::vector<model::Link> out = {link(1, "lo", 772), link(2, "eth0")};
  for (int i = 0; i < networks; ++i)
    out.push_back(link(static_cast<std::uint32_t>(3 + i), bridge_name(i)));
  return out;
}

model::Statement device(model::MetaKey key, int n, bool same = true) {
  return same ? is(meta(key), name(bridge_name(n))) : is_not(meta(key), name(bridge_name(n)));
}

model::Statement state_established() {
  model::xt::Conntrack match;
  match.state_mask = 6;
  return xt("conntrack", match);
}

model::Ruleset engine_rules(int networks, int ports) {
  using K = model::MetaKey;
  std::vector<model::Rule> forward, one, two, docker;
  forward.push_back(rule({jump("ISOLATE")}));
  forward.push_back(rule({state_established(), accept()}));
  for (int i = 0; i < networks; ++i) {
    one.push_back(rule({device(K::kIifname, i), device(K::kOifname, i, false), jump("ISOLATE2")}));
    two.push_back(rule({device(K::kOifname, i), drop()}));
    forward.push_back(rule({device(K::kOifname, i), jump("DOCKER")}));
    forward.push_back(rule({device(K::kIifname, i), device(K::kOifname, i, false), accept()}));
    forward.push_back(rule({device(K::kIifname, i), device(K::kOifname, i), accept()}));
  }
  for (int i = 0; i < ports; ++i) {
    const int network = i % networks;
    docker.push_back(
        rule({is(net(16, 4), bytes({172, 17 + network / 200, network % 200, 2 + i / networks})),
              is(meta(K::kL4proto), bytes({6})), device(K::kIifname, network, false),
              device(K::kOifname, network),
              is(th(2, 2), be16(static_cast<unsigned>(8000 + i % 50))), accept()}));
  }
  return ruleset({table(
      model::NfFamily::kIp,
      {base("FORWARD", model::Hook::kForward, 0, std::move(forward), model::VerdictKind::kDrop),
       chain("ISOLATE", std::move(one)), chain("ISOLATE2", std::move(two)),
       chain("DOCKER", std::move(docker))})});
}

model::Ruleset firewall_rules(int rules) {
  std::mt19937 random(1);
  std::vector<model::Rule> list;
  for (int i = 0; i < rules; ++i) {
    const auto octet = [&] { return static_cast<int>(random() % 256); };
    const bool narrow = random() % 4 != 0;
    list.push_back(rule({is(net(12, 4), bytes({10, octet(), octet(), octet()})),
                         is(masked(net(16, 4), bytes({255, 255, narrow ? 255 : 0, 0})),
                            bytes({10, octet(), narrow ? octet() : 0, 0})),
                         is(meta(model::MetaKey::kL4proto), bytes({6})),
                         range(th(2, 2), be16(static_cast<unsigned>(random() % 4000)),
                               be16(static_cast<unsigned>(4000 + random() % 4000))),
                         random() % 2 == 0 ? accept() : drop()}));
  }
  return ruleset({table(model::NfFamily::kIp, {base("FORWARD", model::Hook::kForward, 0,
                                                    std::move(list), model::VerdictKind::kDrop)})});
}

void check(const model::Ruleset& rules, const std::vector<model::Link>& links) {
  Pair pair(rules, IpFamily::kV4, links);
  const auto map = pair.map(HookPoint::kIpForward, false);
  if (!map) std::abort();
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    packet::Packet p = pair.fields().layout().packet();
    pair.fields().set(p, Quantity::kIif, random() % links.size() + 1);
    pair.fields().set(p, Quantity::kOif, random() % links.size() + 1);
    pair.fields().set(p, Quantity::kSource, 0x0a000000 + random() % 0x1000000);
    pair.fields().set(p, Quantity::kDestination, 0xac110002 + random() % 50 * 256 + random() % 4);
    pair.fields().set(p, Quantity::kProtocol, 6);
    pair.fields().set(p, Quantity::kDestinationPort, 8000 + random() % 50);
    pair.fields().set(p, Quantity::kCtInfo, random() % 7);
    if (pair.by_reach(*map, p, false) != *pair.by_trace(HookPoint::kIpForward, false, p))
      std::abort();
  }
}

void compile(benchmark::State& state, const model::Ruleset& rules,
             const std::vector<model::Link>& link_list) {
  check(rules, link_list);
  MarkMasks marks;
  marks.add(rules, true);
  const Fields fields = Fields::make(IpFamily::kV4, marks);
  const Links links(link_list);
  std::size_t nodes = 0, edges = 0;
  for (auto _ : state) {
    const packet::PacketSpace space(fields.layout());
    Effects effects(space);
    Chains chains(fields, space, effects, links, nullptr, rules, true);
    const auto map = chains.filter(HookPoint::kIpForward, -1000, 1000, Image());
    if (!map) std::abort();
    nodes = map->size().nodes;
    edges = map->size().edges;
  }
  std::size_t count = 0;
  for (const auto& c : rules.tables[0].chains) count += c.rules.size();
  state.counters["rules"] = static_cast<double>(count);
  state.counters["nodes"] = static_cast<double>(nodes);
  state.counters["edges"] = static_cast<double>(edges);
}

void Engine(benchmark::State& state) {
  const int networks = static_cast<int>(state.range(0));
  compile(state, engine_rules(networks, static_cast<int>(state.range(1))), host_links(networks));
}
void Firewall(benchmark::State& state) {
  compile(state, firewall_rules(static_cast<int>(state.range(0))), host_links(2));
}

BENCHMARK(Engine)->Args({3, 10})->Args({50, 2111})->Unit(benchmark::kMillisecond);
BENCHMARK(Firewall)->Arg(500)->Arg(5000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bulkhead::reach

BENCHMARK_MAIN();
