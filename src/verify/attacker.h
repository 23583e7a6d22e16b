// What root in a seat gets who forges packets: any source address, source port and MAC, sent to any
// machine on its wires, with false answers to ARP and neighbour discovery (`as: attacker`).
//
// Open: some packet gets in, and for TCP its answer comes back to the attacker (reach/ computes it
// for all packets at once, trace/ replays a witness). Closed: none does. Of a container without
// NET_RAW and NET_ADMIN: what bind() allows, its own addresses and any source port. Senders on the
// Internet: any address there and any source port; nobody on their way to the host lies.
//
// Not asked about: packets whose source is their destination, frames to group addresses, fragments,
// IP options, other TCP flags and hop limits than usual, and other protocols than TCP and UDP.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "query/query.h"
#include "topology/topology.h"

namespace bulkhead::verify {

struct Sender;

// Whether root in it can send frames of its own making. Engines grant NET_RAW unless told
// otherwise.
[[nodiscard]] bool may_forge(const model::Container& container);

// The asker must outlive it. Not for two threads at once. Cost of ask: one symbolic walk for each
// machine on the seat's wires; the first one builds what that needs.
class Attackers {
 public:
  explicit Attackers(const query::Asker& asker);
  ~Attackers();

  [[nodiscard]] query::Reply ask(const query::Seat& seat, const query::Target& target,
                                 query::Reply ordinary);

 private:
  struct Family;
  [[nodiscard]] Family& family(IpFamily family);
  void try_sender(const Sender& sender, const query::Target& target, query::Reply& best);

  const query::Asker& asker_;
  std::optional<topology::Topology> topology_;  // none: nothing was asked yet
  std::array<std::unique_ptr<Family>, 2> families_;
};

}  // namespace bulkhead::verify
