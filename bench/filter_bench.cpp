// How many times a second a packet passes the forward hook of a container host, by number of rules?
// Rules as a container engine writes them through iptables-nft: interfaces, addresses, ports,
// state.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "filter_trace/build.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT

model::Statement bridge(model::MetaKey key, int n, bool same) {
  const Bytes right = name("br-" + std::to_string(n));
  return same ? is(meta(key), right) : is_not(meta(key), right);
}

model::xt::Conntrack established() {
  model::xt::Conntrack match;
  match.state_mask = 6;
  return match;
}

model::xt::Tcp port_8080() {
  model::xt::Tcp match;
  match.destination = {Port{8080}, Port{8080}};
  return match;
}

model::Ruleset engine_rules(int networks, int ports) {
  std::vector<model::Rule> forward, isolate, docker;
  forward.push_back(rule({jump("ISOLATE")}));
  forward.push_back(rule({xt("conntrack", established()), accept()}));
  for (int i = 0; i < networks; ++i) {
    isolate.push_back(
        rule({bridge(model::MetaKey::kIifname, i, true), bridge(model::MetaKey::kOifname, i, false),
              model::Observe{"counter", {}, 0, 0}, jump("ISOLATE2")}));
    forward.push_back(rule({bridge(model::MetaKey::kOifname, i, true), jump("DOCKER")}));
    forward.push_back(rule({bridge(model::MetaKey::kIifname, i, true),
                            bridge(model::MetaKey::kOifname, i, false), accept()}));
  }
  for (int i = 0; i < ports; ++i) {
    docker.push_back(
        rule({is(net(16, 4), bytes({172, 17, i / 250, 2 + i % 250})),
              is(meta(model::MetaKey::kL4proto), bytes({6})),
              bridge(model::MetaKey::kIifname, 3, false), bridge(model::MetaKey::kOifname, 3, true),
              xt("tcp", port_8080()), model::Observe{"counter", {}, 0, 0}, accept()}));
  }
  return ruleset({table(
      model::NfFamily::kIp,
      {base("FORWARD", model::Hook::kForward, 0, std::move(forward), model::VerdictKind::kDrop),
       chain("ISOLATE", std::move(isolate)), chain("ISOLATE2", {}),
       chain("DOCKER", std::move(docker))})});
}

void forward_hook(benchmark::State& state, bool fast) {
  const auto rules =
      engine_rules(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const Filter filter = fast ? Filter(rules, true) : Filter::without_fast_forms(rules, true);
  Scene scene;
  scene.context.explain = nullptr;
  scene.out = link(9, "br-3");
  scene.tracked();
  scene.packet.destination_port = Port{9};
  for (auto _ : state) {
    HookResult result = filter.run(FilterPoint::kIpForward, -1000, 1000, scene.context);
    if (result.outcome != Outcome::kDrop) std::abort();
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations());
}

void Fast(benchmark::State& state) {
  forward_hook(state, true);
}
void General(benchmark::State& state) {
  forward_hook(state, false);
}
BENCHMARK(Fast)->Args({5, 12})->Args({20, 100});
BENCHMARK(General)->Args({5, 12})->Args({20, 100});

}  // namespace
}  // namespace bulkhead::trace

BENCHMARK_MAIN();
