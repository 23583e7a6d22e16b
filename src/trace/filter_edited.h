// A Program with a few rules gone or narrowed and with tables behind its own. Inside trace.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/ruleset.h"
#include "trace/edits.h"
#include "trace/filter_program.h"

namespace bulkhead::trace::filtering {

struct RuleEdit {
  std::uint32_t rule = 0;  // in Program::rules
  bool removed = false;
  Op asks;  // of a rule that stays: before all else
};

struct Edited {
  // O(chains of the program + size of the edits), and where a rule went that had connections
  // tracked, up to the first other one that does.
  Edited(const Program& program, const Edits& edits);

  std::vector<RuleEdit> rules;  // ascending
  model::Ruleset added;
  std::unique_ptr<const Program> more;  // of `added`; null when there is no table
  std::array<std::array<Hooks, 2>, kPoints> hooks;
  std::array<bool, 2> tracks{}, nat{};

  [[nodiscard]] const RuleEdit* find(std::uint32_t rule) const;
};

}  // namespace bulkhead::trace::filtering
