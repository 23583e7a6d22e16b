// What root in a seat gets who forges packets: any source address, source port and MAC, sent to any
// machine on its wires, with false answers to ARP and neighbour discovery (`as: attacker`).
//
// Open: some packet gets in, and for TCP its answer comes back to the attacker (reach/ computes it
// for all packets at once, trace/ replays a witness). Closed: none does. Of a container without
// NET_RAW and NET_ADMIN: what bind() allows, its own addresses and any source port. Senders on the
// Internet: any address there and any source port; nobody on their way to the host lies.
//
// What gets in by way of a VXLAN device, in frames that the attacker sends to its UDP port, is
// unknown, not closed: see injecting_senders().
//
// Not asked about: packets whose source is their destination, frames to group addresses, fragments,
// IP options, other TCP flags and hop limits than usual, and other protocols than TCP and UDP.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "query/query.h"
#include "topology/alike.h"
#include "topology/topology.h"

namespace bulkhead::verify {

class PlainWalks;
struct Sender;

// Whether root in it can send frames of its own making. Engines grant NET_RAW unless told
// otherwise.
[[nodiscard]] bool may_forge(const model::Container& container);

// The asker must outlive it. Not for two threads at once. Cost of ask: for each machine on the
// seat's wires a few plain walks (plain_walks.h), or a symbolic one where these do not settle it;
// the first one builds what that needs. Beyond `most_symbolic` of those in all, and beyond a bound
// on the work of each, what they would have to settle is unknown.
class Attackers {
 public:
  // Without plain walks everything is walked symbolically: for tests, which compare the two.
  enum class Ways : std::uint8_t { kBoth, kSymbolic };
  explicit Attackers(const query::Asker& asker, std::size_t most_symbolic = SIZE_MAX,
                     Ways ways = Ways::kBoth);
  ~Attackers();

  [[nodiscard]] query::Reply ask(const query::Seat& seat, const query::Target& target,
                                 query::Reply ordinary);
  // VXLAN devices out of which frames may come that root in the seat has made: it gets UDP packets
  // to the port of one of their ends, perhaps by way of another such device. Remembered for the
  // seat. Cost: ask() for each address of each machine that has such a port.
  [[nodiscard]] const std::vector<topology::Device*>& tunnels(const query::Seat& seat);

  // A bound was met: some of what is unknown would be known with more work.
  [[nodiscard]] bool exhausted() const { return exhausted_; }

 private:
  struct Family;
  [[nodiscard]] Family& family(IpFamily family);
  void prepare();
  // By the wires of the seat alone.
  [[nodiscard]] query::Reply ask_on_wires(const query::Seat& seat, const query::Target& target,
                                          query::Reply ordinary);
  void ask_through(topology::Device& vxlan, const query::Target& target, query::Reply& best);
  [[nodiscard]] bool may_fill(const query::Seat& seat, topology::Device& vxlan,
                              const std::vector<topology::Device*>& others);
  class Senders;  // by seat
  struct Round;   // what is known of one question so far
  // A station like it was tried, which no rule could tell from it.
  [[nodiscard]] bool is_spared(const Sender& sender, const query::Target& target,
                               const Round& round) const;
  // False: it has to be walked symbolically.
  [[nodiscard]] bool try_plainly(const Sender& sender, const query::Target& target, Round& round,
                                 query::Reply& best);
  void try_sender(const Sender& sender, const query::Target& target, query::Reply& best);

  const query::Asker& asker_;
  std::size_t symbolic_left_;
  bool exhausted_ = false;
  Ways ways_;
  std::unique_ptr<topology::Topology> topology_;  // null: nothing was asked yet
  std::unique_ptr<PlainWalks> plain_;
  std::vector<topology::Alike> alike_;  // by namespace
  std::array<std::unique_ptr<Family>, 2> families_;
  std::unique_ptr<Senders> senders_;
  std::vector<topology::Device*> vxlans_;  // that are up
  // By what makes a seat: its container, its zone, and the namespace, user and link of its first
  // origin.
  using SeatKey = std::tuple<const model::Container*, const policy::Zone*, std::uint32_t,
                             std::uint32_t, std::uint32_t>;
  std::map<SeatKey, std::vector<topology::Device*>> tunnels_;
};

}  // namespace bulkhead::verify
