// Whether a line of the policy permits ordinary connections from a seat to a service, and whether
// that is for the policy to say at all. Inside plan.
#pragma once

#include <vector>

#include "audit/inventory.h"
#include "compile/compile.h"
#include "policy/meaning.h"

namespace bulkhead::plan {

class Permits {
 public:
  // What it is given must outlive it.
  Permits(const compile::Input& input, const compile::Compiled& compiled);

  // One end of it is held: what no line permits is closed.
  [[nodiscard]] bool governs(const audit::SeatEntry& seat, const audit::Service& service) const;
  [[nodiscard]] bool permits(const audit::SeatEntry& seat, const audit::Service& service) const;

 private:
  [[nodiscard]] bool permits(const policy::Line& line, const audit::SeatEntry& seat,
                             const audit::Service& service) const;
  [[nodiscard]] bool names(std::span<const policy::Party> parties, model::NsId ns) const;
  [[nodiscard]] bool names(std::span<const policy::Party> parties,
                           const audit::SeatEntry& seat) const;
  [[nodiscard]] bool is_held(model::NsId ns) const;

  const compile::Input& input_;
  const compile::Compiled& compiled_;
  std::vector<policy::Line> lines_;
};

}  // namespace bulkhead::plan
