// Walks one connection's packets through the model, as the kernel would: there and back.
//
// A plainly written interpreter: correctness first, every step can be told. The symbolic engine of
// reach/ does not know it; verify/ compares the two.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/verdict.h"
#include "model/snapshot.h"
#include "topology/outsider.h"
#include "trace/end_reads.h"
#include "trace/filter.h"

namespace bulkhead::trace {

using bulkhead::How;
using bulkhead::to_string;
using bulkhead::Verdict;

// A process in a namespace of the model.
struct LocalOrigin {
  model::NsId ns;
  std::uint32_t uid = 0, gid = 0;
  friend bool operator==(const LocalOrigin&, const LocalOrigin&) = default;
};

// A machine that is not in the model, on the wire of `link` (which leads out of the model). It
// sends frames to that link's own MAC address whatever the destination address is, and it answers
// ARP and ND for `source`, or for the gateway through which `source` is reached.
struct OutsideOrigin {
  model::NsId ns;
  IfIndex link;
  IpAddress source;
  MacAddress mac = topology::kOutsiderMac;
  friend bool operator==(const OutsideOrigin&, const OutsideOrigin&) = default;
};

// Root with raw sockets, who puts a frame of one TCP or UDP packet on a wire and hears all that
// comes out of it: no rule of its own machine sees either. While an answer is on its way it claims
// every address that is asked for (ARP, ND) and asks in its name; whoever hears it believes it
// before others, but for entries that were set by hand. Bridges on its wires believe that every MAC
// is behind its port, but for their own and sticky ones.
struct ForgedOrigin {
  model::NsId ns;
  IfIndex link;  // of the attacker's own namespace, or when `outside` the one that hears it
  bool outside = false;
  IpAddress source;
  MacAddress mac, to;   // the frame's source and destination
  bool tagged = false;  // with a VLAN tag of number 0, which receivers ignore
};

// A link beyond which the question is not followed, whether or not the snapshot knows what is
// there: a request that is sent on it has left (Answer::exit).
struct Edge {
  model::NsId ns;
  IfIndex link;
};

class NatAreas;  // nat_areas.h

struct Question {
  std::variant<LocalOrigin, OutsideOrigin, ForgedOrigin> from;
  IpAddress to;
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::optional<IpAddress> source;  // else by route lookup (LocalOrigin), or the origin's
  std::optional<Port> source_port;  // else an ephemeral one
  // LocalOrigin: the interface to which a link-local address belongs (sin6_scope_id). Without, an
  // ordinary connection to one fails.
  IfIndex scope = {};
  std::uint32_t mark = 0;
  bool explain = false;
  std::vector<Edge> edges = {};
  EndReads* reads = nullptr;     // filled when given, by all runs that make the answer together
  EndReads* to_reads = nullptr;  // the same of the destination (EndReads::same_to)
  // With `reads`: what NAT chains ask of the source is noted by what they wish, and kept there for
  // other sources of the same question.
  NatAreas* nat_areas = nullptr;
};

enum class Leg : std::uint8_t { kRequest, kReply };

// One thing that happened on the way. `detail` is for people, in the language-neutral terms of the
// field ("route 172.18.0.0/16 dev br-1a2b"), already escaped.
struct Step {
  Leg leg = Leg::kRequest;
  model::NsId ns;
  std::string stage;  // "output", "route", "prerouting", "forward", "bridge", "arp", "socket", ...
  std::string interface;  // where it is, when it is at one
  std::string detail;
  std::vector<RuleRef> rules;
};

// The packet left what the snapshot knows: a link whose other end is not in it.
struct Exit {
  model::NsId ns;
  IfIndex link;
  std::optional<IpAddress> next_hop;
  IpAddress source, destination;  // as they are on that wire (after NAT)
  Port source_port, destination_port;
};

// The ends, address and port, that IP packets of a walk had where rules of the host could see them.
// A walk knows a handful; when there were more, any may have been among them.
class EndsSeen {
 public:
  struct End {
    IpAddress address;
    Port port;
  };
  void add(const IpAddress& address, Port port) {
    const std::size_t kept = std::min(count_, kMost);
    for (std::size_t i = 0; i < kept; ++i) {
      if (ends_[i].port == port && ends_[i].address == address) return;
    }
    if (kept < kMost) ends_[kept] = {address, port};
    count_ = kept + 1;
  }
  void add(const EndsSeen& other) {
    for (std::size_t i = 0; i < std::min(other.count_, kMost); ++i)
      add(other.ends_[i].address, other.ends_[i].port);
    if (other.count_ > kMost) count_ = other.count_;
  }
  // They are not told one by one: it may have been any.
  void add_any() { count_ = kMost + 1; }
  // nullopt: there were more than are kept.
  [[nodiscard]] std::optional<std::span<const End>> all() const {
    if (count_ > kMost) return std::nullopt;
    return std::span(ends_).first(count_);
  }
  // False: no packet had an end for which `matches` holds.
  template <class Matches>
  [[nodiscard]] bool may_hold(Matches matches) const {
    return count_ > kMost || std::any_of(ends_.begin(), ends_.begin() + count_, matches);
  }

 private:
  static constexpr std::size_t kMost = 8;
  std::array<End, kMost> ends_{};
  std::size_t count_ = 0;  // kMost + 1: more than are kept
};

struct Answer {
  Verdict verdict = Verdict::kUnknown;
  How how = How::kUnknown;
  std::string reason;  // what decided, one line; always set for closed and unknown
  std::vector<RuleRef>
      rules;  // the rules that decided (drop, reject, NAT, accept under a drop policy)
  std::optional<model::NsId> rules_ns;    // the namespace of the first of them
  const model::Socket* socket = nullptr;  // that accepted; points into the snapshot
  std::optional<model::NsId> socket_ns;
  std::optional<Exit> exit;         // verdict is kUnknown then: what is beyond is not modelled
  std::optional<IpAddress> source;  // of the request when it was sent
  Port source_port;
  EndsSeen seen;            // of all runs that made the answer; any, of a forged packet
  std::vector<Step> steps;  // when Question::explain
};

struct Edits;  // edits.h

// Indexes of a snapshot (which must outlive it and not change). build is O(size of the snapshot);
// ask costs a few route lookups and rule evaluations per machine passed, and allocates only for the
// text of an answer that is not plain. ask() may be called from several threads.
class World {
 public:
  [[nodiscard]] static Result<World> build(const model::Snapshot& snapshot);
  // With these differences; snapshot() stays that of this world, which has none itself. What is
  // kept of the edits is copied. O(size of the edits + links of that namespace).
  [[nodiscard]] World edited(const Edits& edits) const;
  ~World();
  World(World&&) noexcept;
  World& operator=(World&&) noexcept;

  [[nodiscard]] Answer ask(const Question& question) const;

  [[nodiscard]] const model::Snapshot& snapshot() const;
  // True for a link whose other end is outside the snapshot (an uplink, a veth into an unread
  // namespace, a tunnel).
  [[nodiscard]] bool leads_outside(model::NsId ns, IfIndex link) const;

 private:
  struct State;
  explicit World(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::trace
