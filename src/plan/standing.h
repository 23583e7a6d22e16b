// What is open on a host as it stands. Inside plan.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "compile/compile.h"

namespace bulkhead::plan {

// By the seats and services of an inventory of the snapshot (audit/inventory.h), ordinary
// connections.
//
// What a seat gets is asked as an audit does, at the addresses at which services are known: an
// answer for seats that are alike. The host is computed (views/survey.h) unless all was found open
// to it: it reaches published ports by its loopback addresses, too, past rules for all others.
// Where rules send packets to services by other addresses, so is every seat.
class Standing {
 public:
  // The input's zones and configuration, and the snapshot, must outlive it.
  [[nodiscard]] static Result<Standing> of(const compile::Input& input,
                                           const model::Snapshot& snapshot);
  ~Standing();
  Standing(Standing&&) noexcept;
  Standing& operator=(Standing&&) noexcept;

  [[nodiscard]] bool is_open(std::size_t seat, std::size_t service) const;
  // To all packets; computed for the seat when it was only asked. The errors of Survey::row().
  [[nodiscard]] Result<bool> is_closed(std::size_t seat, std::size_t service);

 private:
  struct State;
  explicit Standing(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::plan
