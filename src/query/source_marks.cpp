#include "query/source_marks.h"

#include <algorithm>
#include <utility>

namespace bulkhead::query {
namespace {

// The tokens that hold, as a number: the root of a binary tree over all tokens, 64 to a leaf, whose
// equal subtrees are one. Equal sets have equal roots, and no others have. O(log tokens) for each
// leaf that changed since the root was asked for.
class Holding {
 public:
  explicit Holding(std::size_t tokens) : counts_(tokens, 0), words_(tokens / kBits + 1, 0) {
    for (std::size_t n = words_.size();; n = (n + 1) / 2) {
      levels_.emplace_back(n, kNothing);
      if (n == 1) break;
    }
  }
  void add(std::uint32_t token) {
    if (counts_[token]++ == 0) flip(token);
  }
  void take(std::uint32_t token) {
    if (--counts_[token] == 0) flip(token);
  }
  [[nodiscard]] std::uint32_t root() {
    std::ranges::sort(changed_);
    for (std::size_t level = 0; !changed_.empty(); ++level) {
      const auto [first, last] = std::ranges::unique(changed_);
      changed_.erase(first, last);
      for (std::size_t& at : changed_) {
        levels_[level][at] = level == 0 ? number(leaves_, words_[at]) : node(level, at);
        at /= 2;
      }
      if (level + 1 == levels_.size()) changed_.clear();
    }
    return levels_.back().front();
  }

 private:
  static constexpr std::uint32_t kNothing = 0;
  static constexpr std::size_t kBits = 64;
  using Known = std::unordered_map<std::uint64_t, std::uint32_t>;

  void flip(std::uint32_t token) {
    const std::size_t at = token / kBits;
    words_[at] ^= std::uint64_t{1} << token % kBits;
    if (changed_.empty() || changed_.back() != at) changed_.push_back(at);
  }
  std::uint32_t node(std::size_t level, std::size_t at) {
    const std::vector<std::uint32_t>& below = levels_[level - 1];
    const std::size_t left = 2 * at;
    const std::uint64_t right = left + 1 < below.size() ? below[left + 1] : kNothing;
    return number(nodes_, std::uint64_t{below[left]} << 32 | right);
  }
  // Of a leaf's tokens, or of the two numbers below a node.
  static std::uint32_t number(Known& known, std::uint64_t content) {
    if (content == 0) return kNothing;
    const auto next = static_cast<std::uint32_t>(known.size()) + 1;
    return known.try_emplace(content, next).first->second;
  }

  std::vector<std::uint32_t> counts_;               // by token
  std::vector<std::uint64_t> words_;                // a bit for each token
  std::vector<std::vector<std::uint32_t>> levels_;  // words first, the root last
  std::vector<std::size_t> changed_;                // of words_, not yet in levels_
  Known leaves_, nodes_;
};

}  // namespace

SourceClasses Marks::classes() && {
  std::ranges::sort(edges_, {}, [](const Edge& e) { return std::pair(e.at, e.token); });
  Holding holding(tokens_.size());
  std::unordered_map<std::uint32_t, std::uint32_t> known;  // by root
  std::uint32_t kinds = 0;
  std::size_t opaque = 0;
  const auto kind = [&] {
    if (opaque > 0) return kinds++;
    const auto [at, fresh] = known.try_emplace(holding.root(), kinds);
    kinds += fresh ? 1 : 0;
    return at->second;
  };
  SourceClasses out;
  out.kinds.push_back(kind());
  out.uneven.push_back(false);
  for (std::size_t i = 0; i < edges_.size();) {
    const IpAddress at = edges_[i].at;
    for (; i < edges_.size() && edges_[i].at == at; ++i) {
      const Edge& e = edges_[i];
      if (e.token == kOpaque)
        opaque += e.begins ? 1 : ~std::size_t{0};
      else if (e.begins)
        holding.add(e.token);
      else
        holding.take(e.token);
    }
    out.cuts.push_back(at);
    out.kinds.push_back(kind());
    out.uneven.push_back(opaque > 0);
  }
  return out;
}

}  // namespace bulkhead::query
