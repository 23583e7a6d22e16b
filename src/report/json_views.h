// The views of `bulkhead reach` for programs: schemas/reach-matrix.schema.json and its like. Names
// are as they came from outside. Each ends with a newline.
#pragma once

#include <string>

#include "model/snapshot.h"
#include "views/matrix.h"
#include "views/through.h"
#include "views/unused.h"
#include "views/who_reaches.h"

namespace bulkhead::report {

[[nodiscard]] std::string matrix_json(const model::Snapshot& snapshot, const views::Matrix& matrix);
[[nodiscard]] std::string who_reaches_json(const model::Snapshot& snapshot, std::string_view what,
                                           const views::WhoReaches& who);
[[nodiscard]] std::string unused_json(const views::Unused& unused);
[[nodiscard]] std::string through_json(const model::Snapshot& snapshot, std::string_view from,
                                       const views::Through& through);

}  // namespace bulkhead::report
