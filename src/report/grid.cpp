#include "report/grid.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace bulkhead::report {
namespace {

constexpr std::size_t kPitch = 3;         // columns of text from one mark to the next
constexpr std::size_t kLongestName = 30;  // of a column
constexpr std::size_t kLeastName = 12;    // a name is not cut shorter than this for the margin

std::size_t head_width(std::span<const std::string> rows, const Style& style) {
  std::size_t widest = 0;
  for (const std::string& row : rows) widest = std::max(widest, display_width(row));
  return std::min(widest, style.width * 2 / 5) + 4;  // two before, two behind
}

// The first column of each block, and the end.
std::vector<std::size_t> blocks(std::span<const std::string> rows,
                                std::span<const std::string> columns, const Style& style) {
  const std::size_t head = head_width(rows, style);
  std::vector<std::size_t> out{0};
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::size_t at = head + (c - out.back()) * kPitch;
    const std::size_t name = std::min(display_width(columns[c]), kLongestName);
    if (c > out.back() && at + name > style.width) out.push_back(c);
  }
  if (out.back() != columns.size()) out.push_back(columns.size());
  return out;
}

void staircase(std::string& out, std::span<const std::string> names, std::size_t head,
               const Style& style) {
  for (std::size_t c = 0; c < names.size(); ++c) {
    out += std::string(head, ' ');
    for (std::size_t i = 0; i < c; ++i) out += "|  ";
    const std::size_t used = head + c * kPitch;
    const std::size_t room = style.width > used ? style.width - used : 0;
    out += shortened(names[c], std::clamp(room, kLeastName, kLongestName)) + "\n";
  }
}

}  // namespace

std::size_t grid_blocks(std::span<const std::string> rows, std::span<const std::string> columns,
                        const Style& style) {
  return blocks(rows, columns, style).size() - 1;
}

std::string grid(std::span<const std::string> rows, std::span<const std::string> columns,
                 const std::function<Mark(std::size_t, std::size_t)>& mark, const Style& style) {
  const std::size_t head = head_width(rows, style);
  const std::vector<std::size_t> starts = blocks(rows, columns, style);
  std::string out;
  for (std::size_t b = 0; b + 1 < starts.size(); ++b) {
    if (b > 0) out += "\n";
    staircase(out, columns.subspan(starts[b], starts[b + 1] - starts[b]), head, style);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      out += "  " + padded(shortened(rows[r], head - 4), head - 2);
      for (std::size_t c = starts[b]; c < starts[b + 1]; ++c) {
        const Mark m = mark(r, c);
        out += inked(std::string(1, m.sign), m.ink, style);
        if (c + 1 < starts[b + 1]) out += std::string(kPitch - 1, ' ');
      }
      out += "\n";
    }
  }
  return out;
}

}  // namespace bulkhead::report
