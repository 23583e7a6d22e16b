// Does reading a snapshot cost more than building a plain JSON tree of the same text? (It does
// more: types, ranges, repeated keys.) Each run checks that what was read is what was written.
#include <benchmark/benchmark.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/json.h"

namespace {

using namespace bulkhead;
using namespace bulkhead::model;

Rule published_port(std::uint16_t i) {
  const Bytes address = {172, 18, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
  const Compare to{Term{PayloadTerm{PayloadBase::kNetwork, 16, 4}}, CompareOp::kEqual, address};
  xt::Tcp tcp;
  tcp.destination = {Port{i}, Port{i}};
  return Rule{i,
              {to, XtMatch{"tcp", 0, tcp, {}}, Observe{"counter", "", 12, 3456},
               Decide{{VerdictKind::kAccept, "", 0, false}}},
              ""};
}

// A host of `count` containers, each with its namespace, a published port and its rules.
Snapshot host(std::size_t count) {
  Snapshot s;
  s.namespaces.resize(count + 1);
  Engine engine;
  Chain chain;
  for (std::size_t i = 0; i < count; ++i) {
    NetNs& ns = s.namespaces[i + 1];
    ns.links.resize(2);
    ns.links[1].name = "eth0";
    ns.links[1].kind = "veth";
    ns.addresses.push_back({IfIndex{2},
                            IpAddress::v4(static_cast<std::uint32_t>(0xac120000U + i)),
                            16,
                            {},
                            {},
                            0,
                            0,
                            "eth0"});
    Socket socket;
    socket.port = Port{80};
    socket.owners.push_back({1, "nginx", "/usr/sbin/nginx", 0, "", ""});
    ns.sockets.push_back(socket);
    Container container;
    container.id = std::string(64, 'a');
    container.name = "web-" + std::to_string(i);
    container.netns = NsId{static_cast<std::uint32_t>(i + 1)};
    container.published.push_back({IpProtocol::kTcp, Port{80}, IpAddress(), Port{8080}});
    engine.containers.push_back(container);
    for (std::uint16_t r = 0; r < 4; ++r)
      chain.rules.push_back(published_port(static_cast<std::uint16_t>(4 * i + r)));
  }
  Table table;
  table.chains.push_back(chain);
  s.namespaces[0].ruleset.tables.push_back(table);
  s.engines.push_back(engine);
  return s;
}

void Write(benchmark::State& state) {
  const Snapshot s = host(static_cast<std::size_t>(state.range(0)));
  std::size_t size = 0;
  for (auto _ : state) size = write_snapshot(s).size();
  state.SetBytesProcessed(static_cast<std::int64_t>(size) * state.iterations());
}

void Read(benchmark::State& state) {
  const Snapshot s = host(static_cast<std::size_t>(state.range(0)));
  const std::string text = write_snapshot(s);
  for (auto _ : state) {
    const auto read = read_snapshot(text);
    state.PauseTiming();
    if (!read || !(*read == s)) throw std::runtime_error("read another snapshot");
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void PlainTree(benchmark::State& state) {
  const std::string text = write_snapshot(host(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(nlohmann::json::parse(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

BENCHMARK(Write)->Arg(12)->Arg(1000);
BENCHMARK(Read)->Arg(12)->Arg(1000);
BENCHMARK(PlainTree)->Arg(12)->Arg(1000);

}  // namespace

BENCHMARK_MAIN();
