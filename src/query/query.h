// Questions from a vantage, answered by walking packets through the model.
//
// A container, the host and a namespace are one seat. `internet`, `lan` and `zone:` stand for every
// address there that can send such a packet: their answer is for *some* of them. The addresses that
// rules and routes can tell apart are asked one by one (one of each class), so the answer is exact
// for sources, not a sample.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "model/snapshot.h"
#include "policy/zone.h"
#include "query/vantage.h"
#include "trace/trace.h"

namespace bulkhead::query {

// A vantage found in a snapshot.
struct Seat {
  Vantage vantage;
  std::vector<std::variant<trace::LocalOrigin, trace::OutsideOrigin>> origins;  // one of each class
  bool many = false;  // stands for many senders
  const policy::Zone* zone = nullptr;
  const model::Container* container = nullptr;
  std::string unknown;  // when set: nothing can be asked from here, and why
};

struct Target {
  IpAddress to;
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::optional<IpAddress> source;
  std::optional<Port> source_port;
  bool as_attacker = false;
  bool explain = false;
  std::vector<trace::Edge> edges = {};  // links beyond which is not asked
  IfIndex scope =
      {};  // of a link-local address: the seat's own link, else an ordinary connection fails
  // Of an ordinary connection from one seat: filled (trace::Question).
  trace::EndReads* reads = nullptr;
  // The same of the destination, of all packets that were looked at; unclear where not all of them
  // were walked one by one.
  trace::EndReads* to_reads = nullptr;
};

struct Reply {
  trace::Answer answer;              // of the witness
  std::optional<IpAddress> witness;  // the source of the packet that `answer` is about
  // Of a forged packet, that carried it.
  struct Frame {
    MacAddress source, destination;
    bool tagged = false;  // with a VLAN tag of number 0
  };
  std::optional<Frame> frame;
  bool some = false;  // other senders of the zone get another answer
  // As attacker, closed, and known from plain walks alone: the first addresses of the parts of IPv4
  // that the rules on the way tell apart, ascending. Seats whose namespaces are alike
  // (topology::alike_namespaces) and whose addresses lie in one part get the same.
  std::optional<std::vector<std::uint32_t>> parts = {};
};

// Whether both addresses lie in one of the parts that begin at `firsts` (ascending, the first 0).
[[nodiscard]] bool same_part(std::span<const std::uint32_t> firsts, IpAddress a, IpAddress b);

// What root there gets who forges packets, given the ordinary connection's answer.
using AskForged = std::function<Reply(const Seat&, const Target&, Reply ordinary)>;

// Owns nothing but indexes; the world and the zones must outlive it. ask() is const and may be
// called from several threads.
class Asker {
 public:
  Asker(const trace::World& world, std::span<const policy::Zone> zones);
  // The same world with other zones; shares what is known of classes of sources. Nobody answers for
  // attackers.
  [[nodiscard]] Asker with(std::span<const policy::Zone> zones) const;

  // kNotFound names what is there. O(containers) for names; build seats once and reuse them.
  [[nodiscard]] Result<Seat> seat(const Vantage& vantage) const;

  // The container's network namespace may be shared (host mode, container:X): same seat, other
  // name.
  [[nodiscard]] Seat seat_of(const model::Engine& engine, const model::Container& container) const;

  // False: nobody there can send to this address at all (the Internet does not route private ones).
  [[nodiscard]] bool is_asked(const Seat& seat, IpAddress to) const;

  [[nodiscard]] Reply ask(const Seat& seat, const Target& target) const;

  // Who answers for attackers (verify/attacker.h). Without, what an ordinary connection does not
  // get is unknown. Must outlive the questions.
  void forged_by(AskForged ask) { ask_forged_ = std::move(ask); }

  [[nodiscard]] const trace::World& world() const { return *world_; }
  [[nodiscard]] std::span<const policy::Zone> zones() const { return zones_; }

 private:
  AskForged ask_forged_;
  [[nodiscard]] Seat zone_seat(const Vantage& vantage, const policy::Zone& zone) const;

  const trace::World* world_;
  std::span<const policy::Zone> zones_;
  struct Boundaries;  // of the classes of sources; made when a zone is first asked for
  std::shared_ptr<Boundaries> boundaries_;
};

}  // namespace bulkhead::query
