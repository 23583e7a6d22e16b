// Rules and chains of one namespace to pieces. Inside reach/chain only.
#pragma once

#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "reach/chain/piece.h"

namespace bulkhead::reach::chains {

class Compiler {
 public:
  // `context` says the hook; what is compiled is remembered per chain and image, so one compiler
  // serves one hook point and kind (filter or NAT).
  explicit Compiler(Context& context) : context_(context) {}

  // A chain that is jumped to: no leaf has kReturn.
  [[nodiscard]] Result<Piece> chain(std::uint32_t index, ImageId image);
  // A base chain: every leaf has a verdict.
  [[nodiscard]] Result<Piece> base_chain(std::uint32_t index, ImageId image);
  // The rest of one rule.
  [[nodiscard]] Result<Piece> statements(const TableIndex& table,
                                         std::span<const model::Statement> rest, ImageId image);

  [[nodiscard]] Context& context() { return context_; }

 private:
  using Key = std::pair<std::size_t, ImageId>;  // a rule's place in its chain, and the image there
  struct Task {
    Piece before;  // the rules up to the first that changes the image
    std::optional<std::pair<std::size_t, Piece>> change;
  };
  [[nodiscard]] Result<Piece> list(const ChainEntry& entry, ImageId image);
  [[nodiscard]] Result<Task> scan(const ChainEntry& entry, const Key& from);
  [[nodiscard]] Result<Piece> resolve(const Task& task, const Key& key,
                                      const std::map<Key, Piece>& solved);

  Context& context_;
  std::map<std::pair<std::uint32_t, ImageId>, Piece> chains_;
  std::set<std::pair<std::uint32_t, ImageId>> ask_tuples_;  // of chains_: Context::asked_tuples
  std::set<std::uint32_t> open_;                            // chains that are being compiled
  unsigned nested_ = 0;  // statements that change the image within one rule
};

}  // namespace bulkhead::reach::chains
