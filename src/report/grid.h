// A table of marks for 80 columns: long names down the side, names of the columns as a staircase
// above them, in several blocks when they do not fit.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "report/layout.h"
#include "report/style.h"

namespace bulkhead::report {

struct Mark {
  char sign = ' ';
  Ink ink = Ink::kPlain;
};

// `mark` is asked for (row, column). Names are escaped already; what is too long is cut.
[[nodiscard]] std::string grid(std::span<const std::string> rows,
                               std::span<const std::string> columns,
                               const std::function<Mark(std::size_t, std::size_t)>& mark,
                               const Style& style);

// How many blocks grid() makes.
[[nodiscard]] std::size_t grid_blocks(std::span<const std::string> rows,
                                      std::span<const std::string> columns, const Style& style);

}  // namespace bulkhead::report
