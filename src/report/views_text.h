// The views of `bulkhead reach` for people: the matrix, who reaches one thing, published ports that
// nobody reaches, and chains of containers. Each ends with a newline.
#pragma once

#include <string>

#include "model/snapshot.h"
#include "report/style.h"
#include "views/matrix.h"
#include "views/through.h"
#include "views/unused.h"
#include "views/who_reaches.h"

namespace bulkhead::report {

// Seats down and services across when the services fit on a line of 80 columns; the other way round
// when they do not. `style.details` lists the addresses of every open cell.
[[nodiscard]] std::string matrix_text(const model::Snapshot& snapshot, const views::Matrix& matrix,
                                      const Style& style);
// One line for each vantage and service (RFC 4180): vantage, owner, process, port, protocol,
// verdict, addresses, reason.
[[nodiscard]] std::string matrix_csv(const views::Matrix& matrix);

// `what` is named as the command line had it.
[[nodiscard]] std::string who_reaches_text(const model::Snapshot& snapshot, std::string_view what,
                                           const views::WhoReaches& who, const Style& style);
[[nodiscard]] std::string unused_text(const views::Unused& unused, const Style& style);
[[nodiscard]] std::string through_text(std::string_view from, const views::Through& through,
                                       const Style& style);

}  // namespace bulkhead::report
