// The whole host at a glance: classes of seats that reach the same services.
#pragma once

#include <cstddef>
#include <vector>

#include "views/survey.h"

namespace bulkhead::views {

struct SeatClass {
  std::vector<std::size_t> seats;  // into Matrix::seats, never empty
};

struct Matrix {
  std::vector<audit::SeatEntry> seats;   // nearest to the Internet first
  std::vector<Row> rows;                 // by seat; cells in the order of `services`
  std::vector<audit::Service> services;  // that somebody else than they themselves reaches, or may
  bool as_attacker = false;              // forged packets count too
  std::size_t unreached = 0;             // other services: all others are closed to all
  std::vector<SeatClass> classes;        // members agree on the mark of every service
};

// Errors and cost: Survey::row() for each seat.
[[nodiscard]] Result<Matrix> draw_matrix(Survey& survey);

}  // namespace bulkhead::views
