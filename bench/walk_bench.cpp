// How many verdicts a second in process, on a container host with 12 guests and the rules that an
// engine writes? Every guest asks for every other one, the host and what lies outside.
#include <benchmark/benchmark.h>

#include "trace/net.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::Hook;
using model::MetaKey;

constexpr int kGuests = 12;

model::Table engine_table() {
  const auto established = is_not(masked(ct(model::CtKey::kState), le32(6)), le32(0));
  std::vector<model::Rule> forward, docker, nat;
  forward.push_back(rule({is(meta(MetaKey::kOifname), name("br0")), established, accept()}));
  forward.push_back(rule({is(meta(MetaKey::kOifname), name("br0")), jump("DOCKER")}));
  forward.push_back(rule({is(meta(MetaKey::kIifname), name("br0")), accept()}));
  for (int i = 0; i < kGuests; ++i) {
    docker.push_back(
        rule({is(net(16, 4), bytes({10, 1, 0, 10 + i})), is(meta(MetaKey::kL4proto), bytes({6})),
              is(th(2, 2), be16(80)), accept()}));
    model::Nat to;
    to.kind = model::NatKind::kDnat;
    to.family = IpFamily::kV4;
    to.address = constant(bytes({10, 1, 0, 10 + i}));
    to.port = constant(be16(80));
    nat.push_back(rule({is(meta(MetaKey::kL4proto), bytes({6})),
                        is(th(2, 2), be16(static_cast<unsigned>(8000 + i))), to}));
  }
  return table(model::NfFamily::kIp,
               {base("FORWARD", Hook::kForward, 0, forward, model::VerdictKind::kDrop),
                chain("DOCKER", docker),
                base("PREROUTING", Hook::kPrerouting, -100, nat, model::VerdictKind::kAccept,
                     model::ChainType::kNat)});
}

Net engine_host() {
  Net n;
  n.machine("host").machine("out").bridge("host", "br0").veth("host", "up0", "out", "eth0");
  n.address("host", "br0", "10.1.0.1/24").address("host", "up0", "192.0.2.1/24");
  n.address("out", "eth0", "192.0.2.9/24").route("out", "default", "192.0.2.1", "eth0");
  for (int i = 0; i < kGuests; ++i) {
    const std::string g = "g" + std::to_string(i);
    n.machine(g).joined("host", "br0", "v" + g, g);
    n.address(g, "eth0", "10.1.0." + std::to_string(10 + i) + "/24")
        .route(g, "default", "10.1.0.1", "eth0");
    n.listen(g, "0.0.0.0", 80);
  }
  n.forwarding("host").bridge_calls("host", true).rules("host", engine_table());
  return n;
}

void verdicts(benchmark::State& state) {
  const Net n = engine_host();
  const auto world = World::build(n.snapshot);
  std::vector<Question> questions;
  std::vector<std::string> from{"host", "out"};
  for (int i = 0; i < kGuests; ++i) from.push_back("g" + std::to_string(i));
  for (const std::string& f : from) {
    for (int i = 0; i < kGuests; ++i) {
      for (const std::uint16_t port : {80, 81, 8000 + i}) {
        Question q;
        q.from = LocalOrigin{n.id(f), 0, 0};
        q.to = port >= 8000 ? ip("192.0.2.1") : ip("10.1.0." + std::to_string(10 + i));
        q.port = Port{port};
        questions.push_back(q);
      }
    }
  }
  std::size_t open = 0, asked = 0;
  for (auto _ : state) {
    open = 0;
    for (const Question& q : questions) open += world->ask(q).verdict == Verdict::kOpen ? 1U : 0U;
    asked += questions.size();
  }
  // Port 80: from everyone. Published ports: from outside and from every guest but a hairpin to
  // itself.
  const std::size_t expected = 14 * kGuests + 1 * kGuests + kGuests * (kGuests - 1);
  if (open != expected)
    state.SkipWithError(
        ("wrong: open " + std::to_string(open) + " of " + std::to_string(questions.size()))
            .c_str());
  state.counters["verdicts/s"] =
      benchmark::Counter(static_cast<double>(asked), benchmark::Counter::kIsRate);
  state.counters["at_least:verdicts/s"] = 500000;
}
BENCHMARK(verdicts)->Name("verdicts/base");

}  // namespace
}  // namespace bulkhead::trace

BENCHMARK_MAIN();
