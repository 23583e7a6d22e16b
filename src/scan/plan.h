// What a scan asks: which ports of which addresses from which seats. Pure: it follows from the
// model and from what is computed over it.
//
// Where the computed answer is open or unknown, all of those ports are asked; elsewhere the
// candidates: ports on which something listens or that are published. So what the model claims is
// put to the test where a mistake would show, and what it does not know is found out.
//
// What listens on `::` of the host is reached at its link-local addresses, too, by who sits behind
// a link: each seat asks the other end of its own links, the bridge's where that is a port.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "base/scoped_address.h"
#include "model/snapshot.h"
#include "packet/interval_set.h"
#include "policy/scan_targets.h"
#include "query/query.h"
#include "seen/observed.h"
#include "seen/ports.h"

namespace bulkhead::scan {

// The words of what packets told are those of a scan.
using seen::count_states;
using seen::Engine;
using seen::kStates;
using seen::PortRange;
using seen::PortRun;
using seen::PortsWanted;
using seen::Proof;
using seen::SeatCheck;
using seen::State;
using seen::Swept;
using seen::to_string;

// A machine beyond the host that bulkhead.yaml declares, and what is asked of it.
struct BeyondAim {
  policy::Beyond machine;
  packet::IntervalSet tcp, udp;
};

struct Wanted {                      // empty: all
  std::vector<query::Vantage> from;  // host, containers, namespaces
  std::vector<IpAddress> to;
  std::vector<ScopedAddress>
      links;  // link-local addresses, each on the seats' interface of that name
  std::vector<PortsWanted> ports;
  bool full = false;  // each TCP port of each address
  // Neighbours' seats that were made for this scan. With them and without `from`: from them alone.
  struct MadeSeat {
    std::string name;
    std::uint64_t inode = 0;  // of its namespace
  };
  std::vector<MadeSeat> seats;
  // Asked from each namespace in which a container sits; with `to`, those of them that it names.
  std::vector<BeyondAim> beyond;
};

struct Seat {                      // one network namespace
  std::string vantage;             // "host", "container:docker/web"
  std::vector<std::string> names;  // of all who sit there, as vantages; the first is `vantage`
  query::Seat seat;
  model::NsId ns;
};

struct Aim {
  std::size_t seat = 0;  // in Plan::seats
  IpAddress to;
  IfIndex scope = {};           // of a link-local address: the seat's interface
  std::string link = {};        // its name
  std::vector<model::NsId> at;  // who has this address
  IpProtocol protocol = IpProtocol::kTcp;
  packet::IntervalSet ports = {};
  packet::IntervalSet open = {}, doubt = {};  // of them: computed to be open, and not known
  std::optional<std::size_t> beyond = {};     // in Plan::beyond: not of this host
  [[nodiscard]] ScopedAddress scoped() const { return {to, link}; }
};

struct Plan {
  std::vector<Seat> seats;
  std::vector<Aim> aims;  // by seat, address, protocol; none without ports; then those beyond
  std::vector<policy::Beyond> beyond;
  struct LeftOut {
    std::string what, why;  // raw; for a person
  };
  std::vector<LeftOut> left_out;  // seats from which nothing can be sent, and why
  std::vector<LeftOut> notes;     // what is not asked and need not be: the scan is whole without
};

// kInvalidInput for a vantage that is no namespace of this host; kNotFound for one that is not
// there. Cost: that of verify::Solver for each seat, or of a walk for each port where few are
// named.
[[nodiscard]] Result<Plan> make_plan(const query::Asker& asker, const Wanted& wanted);

}  // namespace bulkhead::scan
