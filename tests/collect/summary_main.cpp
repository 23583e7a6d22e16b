// Reads this machine and says what was read: a line per namespace, then the gaps. With --json the
// whole snapshot. For engineers; users have `bulkhead snapshot`.
#include <chrono>
#include <cstdio>
#include <cstring>

#include "base/text.h"
#include "collect/collect.h"
#include "model/json.h"

namespace {

using namespace bulkhead;

void print_gaps(const std::vector<model::Gap>& gaps, const char* indent) {
  for (const model::Gap& gap : gaps) {
    std::printf("%sgap: %s: %s\n", indent, escape_text(gap.what).c_str(),
                escape_text(gap.reason).c_str());
  }
}

void print_namespace(const model::NetNs& ns, std::size_t number) {
  std::size_t rules = 0;
  for (const model::Table& table : ns.ruleset.tables) {
    for (const model::Chain& chain : table.chains) rules += chain.rules.size();
  }
  std::size_t owned = 0;
  for (const model::Socket& socket : ns.sockets) owned += socket.owners.empty() ? 0 : 1;
  std::printf(
      "#%zu net:[%llu] %s: %zu links, %zu addresses, %zu routes, %zu rules, %zu neighbours, "
      "%zu fdb, %zu sockets (%zu owned), %zu tables, %zu nf rules, %zu ipsets\n",
      number, static_cast<unsigned long long>(ns.inode),
      ns.paths.empty() ? "-" : escape_text(ns.paths.front()).c_str(), ns.links.size(),
      ns.addresses.size(), ns.routes.size(), ns.routing_rules.size(), ns.neighbours.size(),
      ns.fdb.size(), ns.sockets.size(), owned, ns.ruleset.tables.size(), rules,
      ns.ruleset.ipsets.size());
  for (const model::Link& link : ns.links) {
    std::printf("   %u %s %s", link.index.value, escape_text(link.name).c_str(), link.kind.c_str());
    if (link.peer) std::printf(" peer %u", link.peer.value);
    if (link.peer_ns) std::printf(" in #%u", link.peer_ns->value);
    if (link.master) std::printf(" master %u", link.master.value);
    std::printf("\n");
  }
  print_gaps(ns.gaps, "   ");
}

}  // namespace

int main(int argc, char** argv) {
  bool json = false;
  collect::Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) json = true;
    if (std::strcmp(argv[i], "--no-engines") == 0) options.read_engines = false;
  }
  auto broker = collect::Broker::start();
  if (!broker) {
    std::fprintf(stderr, "%s\n", broker.error().message.c_str());
    return 1;
  }
  if (auto dropped = collect::drop_privileges(); !dropped) {
    std::fprintf(stderr, "%s\n", dropped.error().message.c_str());
    return 1;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto snapshot = collect::take_snapshot(*broker, options);
  const auto took = std::chrono::steady_clock::now() - start;
  if (!snapshot) {
    std::fprintf(stderr, "%s\n", snapshot.error().message.c_str());
    return 3;
  }
  if (json) {
    std::fputs(model::write_snapshot(*snapshot).c_str(), stdout);
    return 0;
  }
  for (std::size_t i = 0; i < snapshot->namespaces.size(); ++i) {
    print_namespace(snapshot->namespaces[i], i);
  }
  for (const model::Engine& engine : snapshot->engines) {
    std::printf("engine %s: %zu containers, %zu networks\n", escape_text(engine.name).c_str(),
                engine.containers.size(), engine.networks.size());
    print_gaps(engine.gaps, "   ");
  }
  print_gaps(snapshot->gaps, "");
  std::printf("%zu namespaces, %s, %.1f ms\n", snapshot->namespaces.size(),
              snapshot->complete ? "complete" : "not complete",
              std::chrono::duration<double, std::milli>(took).count());
  return 0;
}
