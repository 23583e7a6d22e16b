// How long does one snapshot of many namespaces take, warm, and what is that beside asking `ip` for
// the addresses alone? Each run checks that every namespace was read with its interface, and that
// the interface's other end was found.
//
// The namespaces are real: each has a veth to a bridge of one host. Needs root.
#include <benchmark/benchmark.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "collect/collect.h"

namespace {

using namespace bulkhead;

void feed(const std::string& command, const std::string& lines) {
  FILE* pipe = popen(command.c_str(), "w");
  if (pipe == nullptr) return;
  fwrite(lines.data(), 1, lines.size(), pipe);
  pclose(pipe);
}

// `count` namespaces around one host, as long as it lives.
class Crowd {
 public:
  explicit Crowd(std::size_t count) : count_(count), prefix_("bkbench" + std::to_string(getpid())) {
    std::string spaces = "netns add " + host() + "\n", links = "link add br0 up type bridge\n";
    for (std::size_t i = 0; i < count; ++i) {
      spaces += "netns add " + name(i) + "\n";
      links += "link add v" + std::to_string(i) + " master br0 up type veth peer name eth0 netns " +
               name(i) + "\n";
    }
    feed("ip -batch -", spaces);
    feed("ip -netns " + host() + " -batch -", links);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    std::string spaces = "netns del " + host() + "\n";
    for (std::size_t i = 0; i < count_; ++i) spaces += "netns del " + name(i) + "\n";
    feed("ip -force -batch -", spaces);
  }
  [[nodiscard]] std::string host() const { return prefix_ + "-host"; }
  [[nodiscard]] std::string name(std::size_t i) const { return prefix_ + "-" + std::to_string(i); }
  [[nodiscard]] std::uint64_t inode(const std::string& space) const {
    struct stat info{};
    return stat(("/run/netns/" + space).c_str(), &info) == 0 ? info.st_ino : 0;
  }

 private:
  std::size_t count_;
  std::string prefix_;
};

bool all_read(const Crowd& crowd, std::size_t count, const model::Snapshot& snapshot) {
  std::map<std::uint64_t, const model::NetNs*> read;
  for (const model::NetNs& ns : snapshot.namespaces) read[ns.inode] = &ns;
  const std::uint64_t host = crowd.inode(crowd.host());
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = read.find(crowd.inode(crowd.name(i)));
    if (found == read.end() || found->second->links.size() != 2) return false;
    const auto& peer = found->second->links[1].peer_ns;
    if (!peer || snapshot.namespaces[peer->value].inode != host) return false;
  }
  return read.contains(host) && read[host]->links.size() == count + 2;
}

void snapshot(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Crowd crowd(count);
  auto broker = collect::Broker::start();
  collect::Options options;
  options.read_engines = false;
  if (!broker || !collect::take_snapshot(*broker, options)) {  // the second look is warm
    state.SkipWithError("no snapshot");
    return;
  }
  std::size_t looks = 0;
  for (auto unused : state) {
    const auto taken = collect::take_snapshot(*broker, options);
    ++looks;
    if (!taken || !all_read(crowd, count, *taken)) {
      state.SkipWithError("not everything was read");
      break;
    }
  }
  state.counters["namespaces/s"] =
      benchmark::Counter(static_cast<double>(looks * count), benchmark::Counter::kIsRate);
}
BENCHMARK(snapshot)
    ->Name("collect/snapshot")
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// A program per namespace, for its addresses alone.
void by_program(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Crowd crowd(count);
  for (auto unused : state) {
    for (std::size_t i = 0; i < count; ++i) {
      if (std::system(("ip -netns " + crowd.name(i) + " addr >/dev/null").c_str()) != 0) {
        state.SkipWithError("ip failed");
        return;
      }
    }
  }
}
BENCHMARK(by_program)->Name("collect/base")->Arg(100)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
