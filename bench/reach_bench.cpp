// How long does it take to say what one guest of a container host reaches, for every address and
// port at once? A host with bridges of 20 guests each and the rules that an engine writes.
#include <benchmark/benchmark.h>

#include "reach/reach.h"
#include "trace/net.h"

namespace bulkhead::reach {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::MetaKey;

constexpr int kOnEach = 20;

std::string guest_address(int bridge, int guest) {
  return "10.1." + std::to_string(bridge) + "." + std::to_string(guest + 10);
}

model::Table engine_table(int bridges) {
  const auto established = is_not(masked(ct(model::CtKey::kState), le32(6)), le32(0));
  std::vector<model::Rule> forward{rule({established, accept()}), rule({jump("DOCKER")})}, docker,
      nat, masquerade;
  for (int b = 0; b < bridges; ++b) {
    const Bytes bridge = name("br" + std::to_string(b));
    for (int g = 0; g < kOnEach; ++g) {
      const Bytes to = address(guest_address(b, g));
      docker.push_back(
          rule({is(net(16, 4), to), is_not(meta(MetaKey::kIifname), bridge),
                is(meta(MetaKey::kOifname), bridge), is(meta(MetaKey::kL4proto), bytes({6})),
                is(th(2, 2), be16(80)), accept()}));
      model::Nat n;
      n.kind = model::NatKind::kDnat;
      n.family = IpFamily::kV4;
      n.address = constant(to);
      n.port = constant(be16(80));
      nat.push_back(
          rule({is_not(meta(MetaKey::kIifname), bridge), is(meta(MetaKey::kL4proto), bytes({6})),
                is(th(2, 2), be16(static_cast<unsigned>(8000 + 100 * b + g))), n}));
    }
    forward.push_back(rule(
        {is(meta(MetaKey::kIifname), bridge), is_not(meta(MetaKey::kOifname), bridge), accept()}));
    forward.push_back(
        rule({is(meta(MetaKey::kIifname), bridge), is(meta(MetaKey::kOifname), bridge), accept()}));
    model::Nat m;
    m.kind = model::NatKind::kMasquerade;
    m.family = IpFamily::kV4;
    masquerade.push_back(rule({is(masked(net(12, 4), address("255.255.255.0")),
                                  address("10.1." + std::to_string(b) + ".0")),
                               is_not(meta(MetaKey::kOifname), bridge), m}));
  }
  return table(model::NfFamily::kIp,
               {base("FORWARD", Hook::kForward, 0, forward, model::VerdictKind::kDrop),
                chain("DOCKER", docker),
                base("PREROUTING", Hook::kPrerouting, -100, nat, model::VerdictKind::kAccept,
                     model::ChainType::kNat),
                base("POSTROUTING", Hook::kPostrouting, 100, masquerade,
                     model::VerdictKind::kAccept, model::ChainType::kNat)});
}

Net engine_host(int bridges) {
  Net n;
  n.snapshot.namespaces.reserve(static_cast<std::size_t>(bridges * kOnEach) + 2);
  n.machine("host").machine("out");
  n.veth("host", "up0", "out", "eth0")
      .address("host", "up0", "192.0.2.1/24")
      .address("out", "eth0", "192.0.2.9/24");
  n.route("out", "default", "192.0.2.1", "eth0").route("host", "default", "192.0.2.9", "up0");
  std::uint8_t mac = 0;
  for (int b = 0; b < bridges; ++b) {
    const std::string br = "br" + std::to_string(b), gateway = "10.1." + std::to_string(b) + ".1";
    n.bridge("host", br).address("host", br, gateway + "/24");
    for (int g = 0; g < kOnEach; ++g) {
      const std::string guest = "g" + std::to_string(b) + "_" + std::to_string(g);
      n.machine(guest).joined("host", br, "v" + guest, guest);
      n.address(guest, "eth0", guest_address(b, g) + "/24")
          .route(guest, "default", gateway, "eth0");
      n.listen(guest, "0.0.0.0", 80);
      // The test network gives out 255 addresses; these are as many as are wanted.
      n.link(guest, "eth0").mac =
          MacAddress({2, 9, static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(g), 0, 1});
      n.link("host", "v" + guest).mac =
          MacAddress({2, 9, static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(g), 1, ++mac});
    }
  }
  n.forwarding("host").bridge_calls("host", true).rules("host", engine_table(bridges));
  return n;
}

void one_guest(benchmark::State& state) {
  const Net n = engine_host(static_cast<int>(state.range(0)));
  Reach reach = Reach::build(n.snapshot, IpFamily::kV4);
  LocalRequest request;
  request.ns = n.id("g0_0");
  std::size_t outcomes = 0;
  for (auto _ : state) {
    const auto answer = reach.from(request);
    if (!answer || answer->open().empty()) state.SkipWithError("no answer");
    outcomes = answer->outcomes().size();
  }
  state.counters["guests"] = static_cast<double>(state.range(0) * kOnEach);
  state.counters["outcomes"] = static_cast<double>(outcomes);
}
BENCHMARK(one_guest)->Arg(1)->Arg(5)->Arg(10)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bulkhead::reach

BENCHMARK_MAIN();
