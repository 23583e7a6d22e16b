// The registers of one nf_tables rule, holding terms instead of values.
//
// The kernel has 16 registers of 4 bytes; the older names NFT_REG_1..4 are four of them each
// (nf_tables_api.c, nft_parse_register). A load fills as many as its length needs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/ruleset.h"

namespace bulkhead::ruleset {

// The first slot of register `number` as netlink names it; nullopt for the verdict register and for
// numbers that do not exist.
[[nodiscard]] std::optional<std::uint32_t> register_slot(std::uint32_t number);

// `length` bytes of the value of `term`, from `offset` on, as a term; nullopt when that cannot be
// said.
[[nodiscard]] std::optional<model::Term> slice_term(const model::Term& term, std::uint32_t offset,
                                                    std::uint32_t length);

// Nodes in the tree of `term`.
[[nodiscard]] std::size_t count_nodes(const model::Term& term);

class RegisterFile {
 public:
  static constexpr std::uint32_t kSlots = 16;
  // Terms are copied when they are read, so a rule of N expressions could write one of 2^N nodes;
  // above this a term is opaque. No rule that a person writes comes near.
  static constexpr std::size_t kMaxNodes = 128;

  // `term` has `length` bytes. What does not fit in the registers is cut off.
  void write(std::uint32_t slot, std::uint32_t length, model::Term term);

  // The value of `length` bytes at `slot`: one term, or a ConcatTerm where several loads are
  // needed. OpaqueTerm where it is not known what is there.
  [[nodiscard]] model::Term read(std::uint32_t slot, std::uint32_t length) const;

  // The load that starts at `slot` and is at least `length` bytes long, whole; otherwise as read().
  // For comparisons of the first bytes of an interface name.
  [[nodiscard]] model::Term read_prefix(std::uint32_t slot, std::uint32_t length) const;

  // Nothing is known of any register any more.
  void forget();

 private:
  struct Load {
    model::Term term;
    std::uint32_t slot = 0;    // first
    std::uint32_t length = 0;  // bytes
  };
  struct Piece {
    model::Term term;
    std::uint32_t bytes = 0;  // of the value
  };
  [[nodiscard]] Piece read_piece(std::uint32_t slot, std::uint32_t length) const;

  std::vector<Load> loads_;
  std::array<std::int32_t, kSlots> slots_ = empty();  // index into loads_, -1: unknown

  static constexpr std::array<std::int32_t, kSlots> empty() {
    std::array<std::int32_t, kSlots> out{};
    out.fill(-1);
    return out;
  }
};

}  // namespace bulkhead::ruleset
