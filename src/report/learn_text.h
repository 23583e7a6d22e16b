// What was learnt, for people (a unified diff with remarks before it, which patch passes over) and
// for programs (schemas/learn.schema.json). Each ends with a newline.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "flows/book.h"
#include "learn/propose.h"

namespace bulkhead::report {

struct Learnt {
  const flows::Book& book;
  const learn::Proposal& proposal;
  std::string file;  // the policy's
  std::string diff;
  std::vector<std::string> gaps;       // escaped, one line each
  std::optional<std::size_t> audited;  // ways that mode audit counted; absent: it was not asked
};

[[nodiscard]] std::string learn_text(const Learnt& learnt);
[[nodiscard]] std::string learn_json(const Learnt& learnt);

}  // namespace bulkhead::report
