// Who answers the auditor's questions: the model of this snapshot, or of a changed copy of it (what
// would be if the cure were applied).
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/result.h"
#include "model/snapshot.h"
#include "policy/config.h"
#include "policy/zone.h"
#include "query/query.h"
#include "trace/edits.h"

namespace bulkhead::audit {

class Oracle {
 public:
  virtual ~Oracle() = default;
  [[nodiscard]] virtual Result<query::Seat> seat(const query::Vantage& vantage) const = 0;
  [[nodiscard]] virtual query::Reply ask(const query::Seat& seat,
                                         const query::Target& target) const = 0;
  [[nodiscard]] virtual std::span<const policy::Zone> zones() const = 0;
  [[nodiscard]] virtual const model::Snapshot& snapshot() const = 0;
  // The same with other rules and sockets, for questions of ordinary connections; snapshot() stays
  // that of this one, which must outlive it.
  [[nodiscard]] virtual std::unique_ptr<Oracle> edited(const trace::Edits& edits) const = 0;
};

// Of a model that is there already. The asker must outlive it.
class AskerOracle : public Oracle {
 public:
  explicit AskerOracle(const query::Asker& asker) : asker_(asker) {}
  [[nodiscard]] Result<query::Seat> seat(const query::Vantage& vantage) const override {
    return asker_.seat(vantage);
  }
  [[nodiscard]] query::Reply ask(const query::Seat& seat,
                                 const query::Target& target) const override {
    return asker_.ask(seat, target);
  }
  [[nodiscard]] std::span<const policy::Zone> zones() const override { return asker_.zones(); }
  [[nodiscard]] const model::Snapshot& snapshot() const override {
    return asker_.world().snapshot();
  }
  [[nodiscard]] std::unique_ptr<Oracle> edited(const trace::Edits& edits) const override;

 private:
  const query::Asker& asker_;
};

// Of a question of which nothing is known but that it is closed, as another was that is alike.
[[nodiscard]] const std::shared_ptr<const query::Reply>& closed_reply();

// The snapshot must outlive the oracle.
using MakeOracle = std::function<Result<std::unique_ptr<Oracle>>(const model::Snapshot&)>;

// Walks packets through the model (trace::World), those of attackers too (verify::Attackers). An
// oracle is not for two threads at once. `config` must outlive the function.
[[nodiscard]] MakeOracle world_oracle(const policy::Config& config);

}  // namespace bulkhead::audit
