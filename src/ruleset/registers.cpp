#include "ruleset/registers.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace bulkhead::ruleset {
namespace {

using namespace model;

constexpr std::uint32_t slots_for(std::uint32_t length) {
  return (length + 3) / 4;
}

Term opaque(std::string_view what) {
  return {OpaqueTerm{std::string(what), {}}};
}

Bytes slice_bytes(const Bytes& bytes, std::uint32_t offset, std::uint32_t length) {
  return {bytes.begin() + offset, bytes.begin() + offset + length};
}

bool fits(std::size_t size, std::uint32_t offset, std::uint32_t length) {
  return offset <= size && length <= size - offset;
}

std::optional<Term> slice_bitwise(const BitwiseTerm& term, std::uint32_t offset,
                                  std::uint32_t length) {
  if (!fits(term.mask.size(), offset, length) || !fits(term.exclusive_or.size(), offset, length)) {
    return std::nullopt;
  }
  auto operand = slice_term(term.operand.front(), offset, length);
  if (!operand) return std::nullopt;
  return Term{BitwiseTerm{{std::move(*operand)},
                          slice_bytes(term.mask, offset, length),
                          slice_bytes(term.exclusive_or, offset, length)}};
}

std::optional<Term> slice_map(MapTerm term, std::uint32_t offset, std::uint32_t length) {
  term.slice_offset += offset;
  term.slice_length = length;
  return Term{std::move(term)};
}

const Terms* children(const Term& term) {
  return std::visit(
      [](const auto& node) -> const Terms* {
        using T = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<T, BitwiseTerm> || std::is_same_v<T, ShiftTerm> ||
                      std::is_same_v<T, ByteOrderTerm>) {
          return &node.operand;
        } else if constexpr (std::is_same_v<T, BooleanTerm>) {
          return &node.operands;
        } else if constexpr (std::is_same_v<T, ConcatTerm>) {
          return &node.parts;
        } else if constexpr (std::is_same_v<T, MapTerm>) {
          return &node.key;
        } else {
          return nullptr;
        }
      },
      term.node);
}

}  // namespace

std::optional<std::uint32_t> register_slot(std::uint32_t number) {
  if (number >= NFT_REG_1 && number <= NFT_REG_4) return (number - NFT_REG_1) * 4;
  if (number >= NFT_REG32_00 && number <= NFT_REG32_15) return number - NFT_REG32_00;
  return std::nullopt;
}

std::optional<Term> slice_term(const Term& term, std::uint32_t offset, std::uint32_t length) {
  if (const auto* constant = std::get_if<ConstantTerm>(&term.node)) {
    if (!fits(constant->bytes.size(), offset, length)) return std::nullopt;
    return Term{ConstantTerm{slice_bytes(constant->bytes, offset, length)}};
  }
  if (const auto* payload = std::get_if<PayloadTerm>(&term.node)) {
    if (!fits(payload->length, offset, length)) return std::nullopt;
    return Term{PayloadTerm{payload->base, payload->offset + offset, length}};
  }
  // Recursion over bitwise nodes only; RegisterFile::kMaxNodes bounds its depth.
  if (const auto* bitwise = std::get_if<BitwiseTerm>(&term.node)) {
    return slice_bitwise(*bitwise, offset, length);
  }
  if (const auto* map = std::get_if<MapTerm>(&term.node)) return slice_map(*map, offset, length);
  return std::nullopt;
}

std::size_t count_nodes(const Term& term) {
  std::size_t nodes = 0;
  std::vector<const Term*> pending = {&term};
  while (!pending.empty()) {
    const Term* next = pending.back();
    pending.pop_back();
    ++nodes;
    const Terms* below = children(*next);
    if (below == nullptr) continue;
    for (const Term& child : *below) pending.push_back(&child);
  }
  return nodes;
}

void RegisterFile::write(std::uint32_t slot, std::uint32_t length, Term term) {
  if (slot >= kSlots || length == 0) return;
  if (count_nodes(term) > kMaxNodes) term = opaque("expression too deep");
  const auto index = static_cast<std::int32_t>(loads_.size());
  loads_.push_back({std::move(term), slot, length});
  const std::uint32_t end = std::min<std::uint32_t>(kSlots, slot + slots_for(length));
  for (std::uint32_t i = slot; i < end; ++i) slots_[i] = index;
}

// As much of `length` as one load gives.
RegisterFile::Piece RegisterFile::read_piece(std::uint32_t slot, std::uint32_t length) const {
  if (slot >= kSlots || slots_[slot] < 0) return {opaque("register never written"), length};
  const std::int32_t index = slots_[slot];
  const Load& load = loads_[static_cast<std::size_t>(index)];
  std::uint32_t run = 0;  // slots of this load that are still its own
  while (slot + run < kSlots && slots_[slot + run] == index) ++run;
  const std::uint32_t offset = (slot - load.slot) * 4;
  const std::uint32_t bytes = std::min({load.length - offset, run * 4, length});
  if (offset == 0 && bytes == load.length) return {load.term, bytes};
  if (auto part = slice_term(load.term, offset, bytes)) return {std::move(*part), bytes};
  return {opaque("part of a value"), bytes};
}

Term RegisterFile::read(std::uint32_t slot, std::uint32_t length) const {
  std::vector<Term> parts;
  std::uint32_t left = length;
  while (left > 0 && parts.size() < kSlots) {
    Piece piece = read_piece(slot, left);
    const std::uint32_t step = slots_for(piece.bytes);
    parts.push_back(std::move(piece.term));
    slot += step;
    left -= std::min(left, step * 4);
  }
  if (parts.empty()) return opaque("empty value");
  if (parts.size() == 1) return std::move(parts.front());
  return {ConcatTerm{std::move(parts)}};
}

Term RegisterFile::read_prefix(std::uint32_t slot, std::uint32_t length) const {
  if (slot < kSlots && slots_[slot] >= 0) {
    const Load& load = loads_[static_cast<std::size_t>(slots_[slot])];
    const bool named = std::holds_alternative<MetaTerm>(load.term.node) ||
                       std::holds_alternative<FibTerm>(load.term.node) ||
                       std::holds_alternative<CtTerm>(load.term.node);
    if (named && load.slot == slot && load.length >= length) return load.term;
  }
  return read(slot, length);
}

void RegisterFile::forget() {
  loads_.clear();
  slots_.fill(-1);
}

}  // namespace bulkhead::ruleset
