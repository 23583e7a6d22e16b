// What a changed copy of a snapshot cannot have changed.
//
// A cure changes a few of the host's rules and sockets, all of them about certain ports. A walk on
// which no packet had such a port goes as before: each rule that came or went asks for the port,
// after nothing but what has no effect, so it broke off, or would; and a socket hears its own port
// only. Its verdict then need not be asked for again. tests/audit/change_scope_test.cpp compares
// with asking.
#pragma once

#include <optional>
#include <vector>

#include "model/snapshot.h"
#include "trace/trace.h"

namespace bulkhead::audit {

class ChangeScope {
 public:
  // O(size of both).
  ChangeScope(const model::Snapshot& before, const model::Snapshot& after);

  // True: the same question has the same verdict in the changed model as in the first one, where it
  // had this answer. Of a zone: the same question from the answer's witness.
  [[nodiscard]] bool spares(const trace::Answer& answer) const;

 private:
  // Absent when more was changed than rules and sockets about certain ports.
  std::optional<std::vector<Port>> ports_;
};

}  // namespace bulkhead::audit
