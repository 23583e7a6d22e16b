// What a walk stands on: the topology of a snapshot, with each machine's rules and routing tables.
#include <algorithm>
#include <cassert>

#include "trace/run.h"
#include "trace/world_state.h"

namespace bulkhead::trace {
namespace {

// The ACK of a handshake has the SYN's addresses and ports. So it goes where the SYN went, or is
// lost in silence, unless rules refuse packets, mark them or leave them untracked.
bool is_plain(const model::Statement& statement) {
  if (const auto* t = std::get_if<model::XtTarget>(&statement)) {
    return std::holds_alternative<model::xt::Standard>(t->info) ||
           std::holds_alternative<model::xt::NatTarget>(t->info) ||
           std::holds_alternative<model::xt::PassTarget>(t->info);
  }
  return std::holds_alternative<model::Compare>(statement) ||
         std::holds_alternative<model::InRange>(statement) ||
         std::holds_alternative<model::InSet>(statement) ||
         std::holds_alternative<model::VerdictMap>(statement) ||
         std::holds_alternative<model::Decide>(statement) ||
         std::holds_alternative<model::Nat>(statement) ||
         std::holds_alternative<model::Observe>(statement) ||
         std::holds_alternative<model::XtHeader>(statement) ||
         std::holds_alternative<model::XtMatch>(statement);
}

bool may_answer_acks(const std::vector<model::Table>& tables) {
  for (const model::Table& table : tables) {
    for (const model::Chain& chain : table.chains) {
      for (const model::Rule& rule : chain.rules) {
        if (!std::ranges::all_of(rule.statements, is_plain)) return true;
      }
    }
  }
  return false;
}

bool routes_by_source(const model::NetNs& ns) {
  return std::ranges::any_of(ns.routing_rules,
                             [](const model::RoutingRule& r) {
                               return r.source || r.source_port || r.other_conditions;
                             }) ||
         std::ranges::any_of(
             ns.routes, [](const model::Route& r) { return r.source && r.source->length() > 0; });
}

}  // namespace

Stack::Stack(const Machine& of, bool little_endian)
    : machine(&of), filter(of.ns->ruleset, little_endian) {
  auto made = std::make_shared<Tables>();
  for (const auto& d : of.devices) {
    std::vector<MacAddress>& macs = made->port_macs.emplace_back();
    for (const Device* port : d->ports) macs.push_back(port->mac);
    std::ranges::sort(macs);
  }
  if (of.loopback != nullptr) {
    made->fib4.build(of);
    made->fib6.build(of);
  }
  tables = std::move(made);
  note_filter();
}

Stack::Stack(const Stack& base, Filter edited)
    : machine(base.machine), filter(std::move(edited)), tables(base.tables) {
  note_filter();
}

void Stack::note_filter() {
  tracks4 = filter.tracks_connections(IpFamily::kV4);
  tracks6 = filter.tracks_connections(IpFamily::kV6);
  nat4 = filter.has_nat(IpFamily::kV4);
  nat6 = filter.has_nat(IpFamily::kV6);
  for (std::size_t p = 0; p < kFilterPoints; ++p) {
    chains[p] = filter.has_chains(static_cast<FilterPoint>(p));
    open_order[p] = filter.has_open_order(static_cast<FilterPoint>(p));
    nat_chains[p] = filter.has_nat_chains(static_cast<FilterPoint>(p));
    priorities[p] = filter.priorities(static_cast<FilterPoint>(p));
  }
  for (const auto& d : machine->devices) {
    device_chains.push_back({filter.has_device_chains(FilterPoint::kNetdevIngress, d->name()),
                             filter.has_device_chains(FilterPoint::kNetdevEgress, d->name()),
                             filter.has_device_chains(FilterPoint::kInetIngress, d->name())});
  }
}

bool is_remembered(const model::Neighbour& neighbour) {
  constexpr auto kUsable =
      model::nud::kReachable | model::nud::kStale | model::nud::kDelay | model::nud::kProbe;
  return neighbour.mac && (neighbour.flags & topology::kProxy) == 0 &&
         (neighbour.state & kUsable) != 0;
}

bool Ground::has_at(const IpAddress& address, const MacAddress& mac) const {
  const auto at = owners.find(address);
  return at != owners.end() &&
         std::ranges::any_of(at->second, [&](const Device* d) { return d->mac == mac; });
}

void Ground::note_remembered(const Device& on, const model::Neighbour& n) {
  if (!is_remembered(n)) return;
  std::vector<Rememberer>& known = rememberers[n.address];
  if (std::ranges::count(known, *n.mac, &Rememberer::mac) < 2)
    known.push_back({on.machine, *n.mac});
  if (owners.contains(n.address) && !has_at(n.address, *n.mac)) misremembering.insert(&on);
}

Ground::Ground(const model::Snapshot& snapshot) : topology(topology::Topology::build(snapshot)) {
  stacks.reserve(topology.machines().size());
  for (const auto& m : topology.machines()) stacks.emplace_back(*m, snapshot.little_endian);
  for (const auto& m : topology.machines()) {
    for (const auto& [address, device] : m->addresses) owners[address].push_back(device);
  }
  for (const auto& m : topology.machines()) {
    for (const auto& d : m->devices) {
      for (const model::Neighbour* n : d->neighbours) note_remembered(*d, *n);
    }
  }
  source_routes = std::ranges::any_of(snapshot.namespaces, routes_by_source);
  acks_matter = std::ranges::any_of(snapshot.namespaces, [](const model::NetNs& ns) {
    return may_answer_acks(ns.ruleset.tables);
  });
}

EditedNamespace::EditedNamespace(const Ground& ground, const Edits& edits)
    : ns(edits.ns), stack(ground.stacks[ns.value], Filter(ground.stacks[ns.value].filter, edits)) {
  const Machine& m = *ground.stacks[ns.value].machine;
  for (const model::Socket* closed : edits.closed) {
    const auto key = Machine::socket_key(closed->protocol, closed->port);
    const auto [at, fresh] = sockets.try_emplace(key);
    if (fresh) {
      const auto* there = m.sockets_at(closed->protocol, closed->port);
      if (there != nullptr) at->second = *there;
    }
    std::erase(at->second, closed);
  }
}

WorldState::WorldState(const model::Snapshot& snapshot)
    : ground(std::make_shared<const Ground>(snapshot)),
      topology(ground->topology),
      acks_matter(ground->acks_matter),
      source_routes(ground->source_routes) {}

WorldState::WorldState(const WorldState& base, const Edits& edits)
    : ground(base.ground),
      edited(std::make_unique<const EditedNamespace>(*ground, edits)),
      topology(ground->topology),
      acks_matter(ground->acks_matter || may_answer_acks(edits.tables)),
      source_routes(ground->source_routes) {}

Result<World> World::build(const model::Snapshot& snapshot) {
  return World(std::make_unique<State>(snapshot));
}

World World::edited(const Edits& edits) const {
  assert(state_->edited == nullptr);
  return World(std::make_unique<State>(*state_, edits));
}

World::World(std::unique_ptr<State> state) : state_(std::move(state)) {}
World::~World() = default;
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;

const model::Snapshot& World::snapshot() const {
  return state_->topology.snapshot();
}

bool World::leads_outside(model::NsId ns, IfIndex link) const {
  const Machine* m = state_->topology.machine(ns);
  const Device* d = m != nullptr ? m->device(link) : nullptr;
  return d != nullptr && d->leads_outside && !d->loopback;
}

}  // namespace bulkhead::trace
