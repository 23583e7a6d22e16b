// What does it take to plan a scan of a large host: which ports of which addresses, from each of
// its containers and the host? The hosts are those of host_snapshot.py.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdio>
#include <string>

#include "model/json.h"
#include "policy/zones.h"
#include "scan/plan.h"
#include "trace/trace.h"

namespace bulkhead::scan {
namespace {

std::string snapshot_of(int containers) {
  const std::string command = "python3 " BULKHEAD_SOURCE_DIR "/bench/host_snapshot.py " +
                              std::to_string(containers) + " 2>/dev/null";
  std::string out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 65536> data;
  for (std::size_t size = 1; size > 0;) {
    size = std::fread(data.data(), 1, data.size(), pipe);
    out.append(data.data(), size);
  }
  return ::pclose(pipe) == 0 ? out : "";
}

void plan(benchmark::State& state, const Wanted& wanted, std::size_t addresses) {
  const auto containers = static_cast<int>(state.range(0));
  const auto snapshot = model::read_snapshot(snapshot_of(containers));
  if (!snapshot) return state.SkipWithError(snapshot.error().message.c_str());
  const auto world = trace::World::build(*snapshot);
  const auto zones = policy::guess_zones(*snapshot);
  const query::Asker asker(*world, zones);
  std::size_t aims = 0;
  for (auto _ : state) {
    const auto made = make_plan(asker, wanted);
    if (!made) return state.SkipWithError(made.error().message.c_str());
    aims = made->aims.size();
  }
  const std::size_t seats = static_cast<std::size_t>(containers) + 1;
  if (aims < seats * addresses) state.SkipWithError("aims are missing");
}

Wanted all_ports_of_one() {
  Wanted out;
  out.full = true;
  out.to = {IpAddress::parse("10.0.0.6").value()};
  return out;
}

BENCHMARK_CAPTURE(plan, all_ports_of_one, all_ports_of_one(), 1)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plan, candidates_of_all, Wanted(), 100)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bulkhead::scan

BENCHMARK_MAIN();
