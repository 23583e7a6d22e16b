// What edits of a host cannot have changed.
//
// A cure changes a few of the host's rules and sockets, all of them about certain ports and many of
// them about certain addresses. A walk on which no packet was for such a port at such an address
// goes as before: each rule that came or went asks for both, after nothing but what has no effect,
// so it broke off, or would; and a socket hears its own port only. Its verdict then need not be
// asked for again. tests/audit/change_scope_test.cpp compares with asking.
#pragma once

#include <optional>
#include <vector>

#include "model/snapshot.h"
#include "trace/edits.h"
#include "trace/trace.h"

namespace bulkhead::audit {

class ChangeScope {
 public:
  // A packet's destination. Without an address: any that has the port.
  struct Place {
    Port port;
    std::optional<IpAddress> address;  // IPv4
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  // Anything may have changed.
  ChangeScope() = default;
  // O(size of the edits), and of the tables whose translating rules they change.
  ChangeScope(const model::Snapshot& before, const trace::Edits& edits);

  // True: the same question has the same verdict in the changed model as in the first one, where it
  // had this answer. Of a zone: the same question from the answer's witness.
  [[nodiscard]] bool spares(const trace::Answer& answer) const;

  // Nothing but rules and sockets of the host about certain ports was changed.
  [[nodiscard]] bool is_narrow() const { return places_.has_value(); }
  // Only then: walks without a packet for one of these are spared. Ascending.
  [[nodiscard]] const std::vector<Place>& places() const { return *places_; }

 private:
  // Absent when more was changed than rules and sockets about certain ports.
  std::optional<std::vector<Place>> places_;
};

}  // namespace bulkhead::audit
