#include "services/builtin.h"

#include <string>

#include "services/entry.h"

namespace bulkhead::services {

Entries builtin_entries() {
  std::string text;
  for (const std::string_view piece : builtin_text()) text += piece;
  return parse_entries(text, "catalogue.yaml");
}

}  // namespace bulkhead::services
