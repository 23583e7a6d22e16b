// Parts of building a Program.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "trace/filter_program.h"

namespace bulkhead::trace::filtering {

// A term that stands for the first `bytes` bytes of a field `width` bytes wide; kCount: none.
struct FieldPlace {
  Field field = Field::kCount;
  std::uint8_t width = 0, bytes = 0;
};
[[nodiscard]] FieldPlace field_of(const model::Term& term);
[[nodiscard]] const model::Terms* children_of(const model::Term& term);

// Give the op a fast form when there is one that means the same for every packet that has the
// field.
void make_fast(Program& program, Op& op, const model::Compare& compare);
void make_fast(Op& op, const model::InRange& range);

// Appends fast ops that stand for the statement of `op` together (none for what has no effect);
// false when there is no such form. Each falls back to the whole statement where it does not apply.
[[nodiscard]] bool lower(Program& program, const Op& op, std::vector<Op>& out);

// Base chains in the kernel's order (filter_hooks.cpp).
void add_hooks(Program& program);
// Notes when a rule makes the kernel track connections (filter_conntrack.cpp).
void note_conntrack_use(Program& program, const model::Table& table, const OpDetail& op);
// Whether it would by family, without the rules that `is_gone`. O(rules up to those that make it).
[[nodiscard]] std::array<bool, 2> conntrack_use(
    const Program& program, const std::function<bool(std::uint32_t rule)>& is_gone);

}  // namespace bulkhead::trace::filtering
