// Everything that a seat reaches: computed for all packets at once (reach/), and each entry's
// witness replayed by the interpreter (trace/). Where the two differ the entry is not called open:
// it is a contradiction of ours, shown as such.
//
// Of an ordinary connection: the source is the one that the route chooses, the source port an
// ephemeral one. A zone stands for its source classes (query/source_classes.h); an entry that only
// some of them reach says so.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "model/snapshot.h"
#include "packet/interval_set.h"
#include "query/query.h"
#include "topology/topology.h"
#include "trace/trace.h"

namespace bulkhead::reach {
class Reach;
}

namespace bulkhead::verify {

class Attackers;
class Points;

struct AddressRange {  // both ends included, one family
  IpAddress first, last;
  friend auto operator<=>(const AddressRange&, const AddressRange&) = default;
};

struct Witness {  // a packet of the entry
  std::optional<IpAddress> source;
  IpAddress to;
  Port port;
  std::optional<Port> source_port = {};  // of forged packets
  std::optional<query::Reply::Frame> frame = {};
};

struct Reached {
  IpProtocol protocol = IpProtocol::kTcp;
  AddressRange to;
  packet::IntervalSet ports;
  const model::Socket* socket = nullptr;  // points into the snapshot; null: several may answer
  model::NsId ns;                         // of the socket
  Witness witness;
  bool some = false;    // not every sender of the zone
  bool forged = false;  // no ordinary connection gets there (verify/attacker.h)
};

struct WayOut {  // what leaves the model: whoever is beyond is not known
  model::NsId ns;
  IfIndex link;
  IpProtocol protocol = IpProtocol::kTcp;
  IpFamily family = IpFamily::kV4;
  bool all_ports = false;  // to some address
  Witness witness;
};

struct Unknown {
  std::string reason;  // escaped, one line
  IpProtocol protocol = IpProtocol::kTcp;
  Witness witness;
  const model::Socket* socket = nullptr;  // that may be what answers; null: not known
};

struct Doubt {  // destinations of which it is not known whether a packet gets in
  IpProtocol protocol = IpProtocol::kTcp;
  AddressRange to;
  packet::IntervalSet ports;
};

struct Contradiction {  // of reach and trace: a bug of ours
  Reached computed;
  trace::Verdict traced = trace::Verdict::kUnknown;
  std::string reason;
};

// Some ten seconds. One seat among 500 containers takes most of it.
inline constexpr std::uint64_t kMostForgingWork = 10'000'000;

struct Limits {  // of what is asked about; empty: all
  std::optional<Prefix> to;
  std::optional<Port> port;
  std::optional<IpProtocol> protocol;
  bool as_attacker = false;  // and what root there gets by other packets (verify/attacker.h)
  bool doubts = false;       // list Reachable::doubts
  // Ways out may be missing that rules of the next machine close, and what is unknown of packets
  // that they drop in any case; for who asks for services alone (reach::LocalRequest).
  bool verdicts_alone = false;
  // As attacker, in operations on sets (reach::ForgedRequest::most_work): see Reachable::exhausted.
  std::uint64_t most_work = kMostForgingWork;
};

struct Point {  // one destination
  IpAddress to;
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
};

struct Reachable {
  // By namespace of the socket, address, port; behind these what only forged packets reach.
  std::vector<Reached> open;
  std::vector<WayOut> leaves;
  std::vector<Unknown> unknown;
  std::vector<Doubt> doubts;  // when asked for: all that is unknown to ordinary packets, or more
  std::vector<Contradiction> contradictions;
  std::size_t confirmed = 0;           // of `open`: the witness replayed in trace is open too
  bool complete = true;                // false: there are more entries than are listed
  bool exhausted = false;              // Limits::most_work was met: what it left out is unknown
  std::vector<trace::Verdict> points;  // what reach says of the points asked about, in their order
};

inline constexpr std::size_t kMostEntries = 20'000;

// Answers for one seat after the other. The rules of the snapshot are compiled once for each
// address family, when the first seat meets them. The asker must outlive it. Not for two threads at
// once.
class Solver {
 public:
  explicit Solver(const query::Asker& asker);
  ~Solver();
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;

  // kBudget when the computation met its limits; kUnavailable with the seat's own reason when
  // nothing can be asked from it. Cost: see reach/reach.h, for each source class, family and
  // protocol asked about; a point costs three look-ups for each, unless it is closed.
  [[nodiscard]] Result<Reachable> from(const query::Seat& seat, const Limits& limits,
                                       std::span<const Point> points = {});

  [[nodiscard]] const query::Asker& asker() const { return asker_; }

 private:
  [[nodiscard]] Result<Reachable> attempt(const query::Seat& seat, const Limits& limits,
                                          Points& points);

  const query::Asker& asker_;
  std::array<std::unique_ptr<reach::Reach>, 2> reach_;  // by family; null: not built yet
  std::optional<topology::Topology> topology_;          // when attackers are asked about
  std::unique_ptr<Attackers> attackers_;                // the same
  std::unique_ptr<Points> points_;                      // the last that were asked about
};

// Of one seat alone.
[[nodiscard]] Result<Reachable> reachable(const query::Asker& asker, const query::Seat& seat,
                                          const Limits& limits);

}  // namespace bulkhead::verify
