// The indexes that a walk needs, made once from a snapshot. Internal to trace/.
//
// Everything here is immutable after build, but for the memory of resolved neighbours (its own
// lock).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/snapshot.h"
#include "topology/topology.h"
#include "topology/vxlan.h"
#include "trace/edits.h"
#include "trace/fib.h"
#include "trace/filter.h"
#include "trace/trace.h"

namespace bulkhead::trace {

struct Scratch;

inline constexpr std::size_t kFilterPoints = 16;  // FilterPoint's values

// What the packets of one machine meet: its rules and its routing tables.
struct Stack final : Surroundings {
  // Hooks that stand on a device: whether any chain does.
  struct DeviceChains {
    bool ingress = false, egress = false, inet_ingress = false;
  };

  explicit Stack(const Machine& of, bool little_endian);
  // The same machine with other rules.
  Stack(const Stack& base, Filter edited);

  // What rests on no rule.
  struct Tables {
    Fib4 fib4;
    Fib6 fib6;
    std::vector<std::vector<MacAddress>> port_macs;  // of a bridge, sorted; by Device::position
  };

  const Machine* machine;
  Filter filter;
  std::shared_ptr<const Tables> tables;
  bool tracks4 = false, tracks6 = false, nat4 = false, nat6 = false;
  std::array<bool, kFilterPoints> chains{};      // by FilterPoint: there are any
  std::array<bool, kFilterPoints> open_order{};  // by FilterPoint: Filter::has_open_order
  std::array<bool, kFilterPoints> nat_chains{};  // by FilterPoint
  std::array<Filter::Priorities, kFilterPoints> priorities{};  // by FilterPoint
  std::vector<DeviceChains> device_chains;                     // by Device::position

  [[nodiscard]] const Fib4& fib4() const { return tables->fib4; }
  [[nodiscard]] const Fib6& fib6() const { return tables->fib6; }
  [[nodiscard]] bool tracks(IpFamily f) const { return f == IpFamily::kV4 ? tracks4 : tracks6; }
  [[nodiscard]] bool nat(IpFamily f) const { return f == IpFamily::kV4 ? nat4 : nat6; }
  // Whether a filter or route chain may stand at a priority p with from <= p < to.
  [[nodiscard]] bool filters(FilterPoint point, std::int32_t from, std::int32_t to) const {
    const Filter::Priorities& p = priorities[static_cast<std::size_t>(point)];
    return p.lowest < to && p.highest >= from;
  }

  // Whether a port of the bridge has that address itself: such frames are for this machine.
  [[nodiscard]] bool is_port_mac(const Device& bridge, const MacAddress& mac) const {
    return std::ranges::binary_search(tables->port_macs[bridge.position], mac);
  }

  // Surroundings
  [[nodiscard]] FibAnswer fib_route(IpAddress lookup, IpAddress other, std::uint32_t mark,
                                    IfIndex iif, IfIndex oif_constraint) const override;
  [[nodiscard]] std::uint8_t address_type(IpAddress address, IfIndex on) const override;

 private:
  void note_filter();
};

// What asking for a neighbour came to.
enum class Resolution : std::uint8_t { kFound, kFailed, kOutside };

struct LearnedNeighbour {  // a machine that heard a request knows the asker from then on
  const Device* device = nullptr;
  IpAddress address;
  MacAddress mac;
};

struct Resolved {
  Resolution how = Resolution::kFailed;
  MacAddress mac;
  const Device* exit = nullptr;  // kOutside: where the question left the model
  std::string why;               // kFailed
  std::string unknown;           // kFailed, but it is not known whether it has: why
  std::vector<RuleRef> rules;
  std::vector<LearnedNeighbour> learned;
  // kFailed, but the neighbour exists and would make itself known by a question of its own.
  std::optional<MacAddress> if_it_asks;
};

struct NeighbourKey {
  const Device* device = nullptr;
  IpAddress target, source;
  friend bool operator==(const NeighbourKey&, const NeighbourKey&) = default;
};
struct NeighbourKeyHash {
  std::size_t operator()(const NeighbourKey& k) const noexcept {
    const auto mix = [](std::size_t h, std::size_t v) { return (h ^ v) * 0x9e3779b97f4a7c15ULL; };
    return mix(mix(reinterpret_cast<std::size_t>(k.device), std::hash<IpAddress>{}(k.target)),
               std::hash<IpAddress>{}(k.source));
  }
};

// What became of the packet around a frame, and what that rests on.
struct Carried {
  topology::VxlanPacket packet;
  topology::VxlanCarried result;
  std::vector<RuleRef> rules;
  std::optional<model::NsId> rules_ns;
  EndsSeen seen;
  std::vector<Step> steps;  // when it was to be explained
};

// Where the frames of an attacker get to that sends by a link (topology::sending_devices).
struct ForgerWires {
  std::vector<Device*> entrances;       // of its frames into bridges
  std::vector<Device*> tunnels;         // vxlans out of which they come
  std::vector<std::uint32_t> segments;  // in which it sends
};

// A neighbour's MAC address was told, and serves until it is asked for again.
[[nodiscard]] bool is_remembered(const model::Neighbour& neighbour);

// What a world shares with those that were made from it by edits.
struct Ground {
  explicit Ground(const model::Snapshot& snapshot);
  topology::Topology topology;
  std::vector<Stack> stacks;  // by NsId
  // By machine the first device that has an address, in the order of the machines.
  std::unordered_map<IpAddress, std::vector<Device*>> owners;
  // By address who remembers it as a neighbour (is_remembered), and as which; of many who agree
  // the first two.
  struct Rememberer {
    const Machine* machine = nullptr;
    MacAddress mac;
  };
  std::unordered_map<IpAddress, std::vector<Rememberer>> rememberers;
  // Where a machine of the snapshot is remembered with another MAC address than it has.
  std::unordered_set<const Device*> misremembering;
  // Whether a machine has the address at the device with this MAC address.
  [[nodiscard]] bool has_at(const IpAddress& address, const MacAddress& mac) const;
  void note_remembered(const Device& on, const model::Neighbour& n);
  // Some rule could make of the handshake's ACK something else than of its SYN and yet answer it.
  bool acks_matter = false;
  // Somewhere the way of a packet rests on its source.
  bool source_routes = false;
};

// The namespace in which a world differs from its ground.
struct EditedNamespace {
  EditedNamespace(const Ground& ground, const Edits& edits);
  model::NsId ns;
  Stack stack;
  // By Machine::socket_key, where sockets were closed: those that are left.
  std::unordered_map<std::uint32_t, std::vector<const model::Socket*>> sockets;
};

struct WorldState {
  explicit WorldState(const model::Snapshot& snapshot);
  WorldState(const WorldState& base, const Edits& edits);
  WorldState(const WorldState&) = delete;
  WorldState& operator=(const WorldState&) = delete;
  ~WorldState();
  std::shared_ptr<const Ground> ground;
  std::unique_ptr<const EditedNamespace> edited;  // null: as in the snapshot
  const topology::Topology& topology;             // of the ground
  mutable std::mutex scratch_lock;
  mutable std::vector<std::unique_ptr<Scratch>> scratches;  // one for each walk under way
  mutable std::shared_mutex lock;
  // Entries are never taken out again, so that pointers to them stay good.
  mutable std::unordered_map<NeighbourKey, std::unique_ptr<const Resolved>, NeighbourKeyHash>
      memory;
  mutable std::unordered_map<const Device*, ForgerWires> forgers[2];  // the same; inside, outside
  mutable std::vector<std::unique_ptr<const Carried>> carried;        // the same; few: one for each
                                                                      // pair of ends

  // Cost: the size of its wires the first time.
  [[nodiscard]] const ForgerWires& forger_wires(Device& link, bool outside) const;

  [[nodiscard]] std::span<Device* const> owners_of(const IpAddress& address) const {
    const auto at = ground->owners.find(address);
    return at == ground->owners.end() ? std::span<Device* const>() : at->second;
  }

  // Whether another machine remembers the address, as anything but `told`. O(MAC addresses).
  [[nodiscard]] bool others_remember(const Machine& m, const IpAddress& address,
                                     const std::optional<MacAddress>& told) const {
    const auto at = ground->rememberers.find(address);
    return at != ground->rememberers.end() &&
           std::ranges::any_of(at->second, [&](const Ground::Rememberer& other) {
             return other.machine != &m && other.mac != told;
           });
  }

  bool acks_matter = false, source_routes = false;  // as of the ground, and of what was added

  [[nodiscard]] const Stack& stack(const Machine& m) const {
    return edited != nullptr && edited->ns == m.id ? edited->stack : ground->stacks[m.id.value];
  }
  // Machine::sockets_at
  [[nodiscard]] const std::vector<const model::Socket*>* sockets_at(const Machine& m,
                                                                    IpProtocol protocol,
                                                                    Port port) const {
    if (edited != nullptr && edited->ns == m.id) {
      const auto at = edited->sockets.find(Machine::socket_key(protocol, port));
      if (at != edited->sockets.end()) return at->second.empty() ? nullptr : &at->second;
    }
    return m.sockets_at(protocol, port);
  }
  [[nodiscard]] const Stack::DeviceChains& chains_on(const Device& d) const {
    return stack(*d.machine).device_chains[d.position];
  }
};

// `within`: how many packets are around it, and itself.
[[nodiscard]] Carried carry_packet(const WorldState& world, const topology::VxlanPacket& packet,
                                   unsigned within, bool explain);

struct World::State final : WorldState {
  using WorldState::WorldState;
};

}  // namespace bulkhead::trace
