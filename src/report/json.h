// The same reports for programs: schemas/audit.schema.json and schemas/map.schema.json. Names are as
// they came from outside (JSON escapes them); texts come with their id, so that programs need not read
// them.
#pragma once

#include <string>

#include "audit/finding.h"
#include "audit/map.h"
#include "report/style.h"

namespace bulkhead::report {

// `style` decides the language of the texts. Ends with a newline.
[[nodiscard]] std::string audit_json(const audit::Report& report, const Style& style);
[[nodiscard]] std::string map_json(const audit::Map& map);

}  // namespace bulkhead::report
