// Why an ordinary connection is closed, and the least that would have to change for it to be open:
// every obstacle on the packet's way there and back, each with a change that takes it away.
//
// Found by trying: a change is made to a copy of the model, and the question asked anew, until it
// is open; then every change that turns out not to be needed is left out again. So what is named is
// enough, and without any one of it the connection stays closed. It is advice to nobody: the
// narrowest accept that helps is shown, whether or not it should be made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"
#include "query/query.h"

namespace bulkhead::query {

enum class ChangeKind : std::uint8_t {
  kAccept,       // a rule that accepts this connection, before the one that drops it
  kRemove,       // the rule that drops it is taken out (where no accept could stand before it)
  kPolicy,       // the chain's policy becomes accept (likewise)
  kListen,       // somebody listens
  kForward,      // the machine forwards between its interfaces
  kReversePath,  // the reverse path filter of an interface is off
  kIsolation,    // a bridge port is no longer isolated
};
[[nodiscard]] std::string_view to_string(ChangeKind kind);  // "accept"

struct Change {
  ChangeKind kind = ChangeKind::kAccept;
  model::NsId ns;
  bool reply = false;  // on the way back
  // Rules: positions in the snapshot that was asked; `rule` past the last one is the policy.
  std::size_t table = 0, chain = 0, rule = 0;
  model::Rule accept;  // kAccept
  std::string place;   // "ip filter/DOCKER-USER handle 12"; escaped
  std::string match;   // kAccept: "ip daddr 172.18.0.2 tcp dport 6379"
  IpAddress address;   // kListen: any of the family
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  IpFamily family = IpFamily::kV4;  // kForward
  IfIndex link;                     // kReversePath, kIsolation
  std::string interface;            // its name, as it came from outside
  std::string because;              // what the connection met: Answer::reason
};

struct Opening {
  std::vector<Change> changes;  // in the order in which the packet meets what they take away
  bool opens = false;           // with all of them, and with none left out
  std::string left;  // else: what is in the way behind them, for which no change is known
};

// Whether there is anything to look for: the answer is closed, and of an ordinary connection.
[[nodiscard]] bool may_be_opened(const Target& target, const Reply& reply);

// `closed` is the asker's reply to this question; of a zone, the sender that it names is followed.
// Cost: a model to build for each change that is tried, at most some hundred.
[[nodiscard]] Opening opening(const Asker& asker, const Seat& seat, const Target& target,
                              const Reply& closed);

// Makes the changes; they are of this snapshot or of an equal one.
void make_changes(model::Snapshot& copy, std::span<const Change> changes);

}  // namespace bulkhead::query
