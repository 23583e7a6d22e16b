#include "policy/nearest.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace bulkhead::policy {
namespace {

constexpr std::size_t kLongestWord = 64;
constexpr std::size_t kMostNamed = 16;

// Optimal string alignment distance. O(a * b), both at most kLongestWord.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), above(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.empty() || word.size() > kLongestWord) return {};
  std::string_view best;
  std::size_t least = std::min<std::size_t>(3, word.size() / 3 + 1) + 1;
  for (std::string_view candidate : known) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t d = distance(word, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
  if (const auto near = nearest(word, known); !near.empty()) {
    return "; did you mean '" + escape_text(near) + "'?";
  }
  std::string out = "; it may be one of:";
  for (std::string_view candidate : known.first(std::min(known.size(), kMostNamed)))
    out += (out.back() == ':' ? " " : ", ") + escape_text(candidate, kLongestWord);
  return known.size() > kMostNamed ? out + ", ..." : out;
}

}  // namespace bulkhead::policy
