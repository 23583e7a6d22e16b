// Lookups in the sets of nf_tables (nft_set_hash.c, nft_set_rbtree.c, nft_set_pipapo.c).
//
// Elements with a time-out count as present: a snapshot is one instant. Of concatenated elements
// exact ones count before ranges, ranges in their order.
#include <algorithm>

#include "reach/chain/context.h"

namespace bulkhead::reach::chains {
namespace {

constexpr std::size_t kMostBytes = 64;

std::size_t padded(std::size_t length) {
  return (length + 3) / 4 * 4;
}

struct Shape {
  std::size_t width = 0;                                    // of a key in bytes, padding included
  std::vector<std::pair<std::size_t, std::size_t>> fields;  // offset, length; of concatenations

  explicit Shape(const model::SetDef& set) {
    if (set.field_lengths.size() < 2) {
      width = set.key_length;
      return;
    }
    for (std::uint32_t length : set.field_lengths) {
      fields.emplace_back(width, length);
      width += padded(std::min<std::size_t>(length, kMostBytes + 1));
      if (width > kMostBytes) return;
    }
  }
  [[nodiscard]] bool broken() const { return width == 0 || width > kMostBytes; }
};

// Keys as the kernel lays them out. A snapshot made by hand may hold concatenations without
// padding.
Bytes laid_out(const Shape& shape, const Bytes& bytes) {
  std::size_t bare = 0;
  for (const auto& [offset, length] : shape.fields) bare += length;
  Bytes out(shape.width);
  if (!shape.fields.empty() && bytes.size() == bare && bare != shape.width) {
    std::size_t at = 0;
    for (const auto& [offset, length] : shape.fields) {
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length,
                  out.begin() + static_cast<std::ptrdiff_t>(offset));
      at += length;
    }
    return out;
  }
  std::copy_n(bytes.begin(), std::min(bytes.size(), shape.width), out.begin());
  return out;
}

class LookUp {
 public:
  LookUp(const Here& here, const Shape& shape, Bits key)
      : here_(here), shape_(shape), key_(std::move(key)) {}

  // The packets whose key is the element's; nullopt: it cannot be said exactly.
  Result<std::optional<Cube>> element(const Bytes& first, const Bytes& last) const {
    if (first == last || shape_.fields.empty()) return part(0, shape_.width, first, last);
    Cube all;
    for (const auto& [offset, length] : shape_.fields) {
      auto one = part(offset, length, first, last);
      if (!one) return one;
      const std::optional<Cube>& cube = *one;
      if (!cube) return one;
      all.and_also(*cube);
    }
    return all;
  }

 private:
  [[nodiscard]] Result<std::optional<Cube>> part(std::size_t offset, std::size_t length,
                                                 const Bytes& first, const Bytes& last) const {
    const auto bits = std::span(key_).subspan(offset * 8, length * 8);
    const auto low = ByteView(first).subspan(offset, length);
    const auto high = ByteView(last).subspan(offset, length);
    const auto products = here_.context.solver.products(bits, low, high);
    if (!products) return std::optional<Cube>();
    auto cube = any_of(here_.context.space, *products);
    if (!cube) return std::unexpected(cube.error());
    return std::optional(*std::move(cube));
  }

  const Here& here_;
  const Shape& shape_;
  Bits key_;
};

}  // namespace

Result<Hits> look_up(const Here& here, const model::SetDef& set, const Value& key) {
  const Shape shape(set);
  Hits out;
  const std::size_t size = key.bits.size() / 8;
  out.doubt = shape.broken() || (size < shape.width && padded(size) < shape.width) ||
              doubt_within(key, std::min(shape.width, size));
  if (out.doubt) return out;
  Bits bits = key.bits;
  bits.resize(shape.width * 8, Bit::constant(false));  // registers are padded with zeros
  const LookUp search(here, shape, std::move(bits));
  std::vector<Hit> ranges;
  for (const model::SetElement& element : set.elements) {
    if (element.catch_all) {
      out.otherwise = &element;
      continue;
    }
    const Bytes first = laid_out(shape, element.first);
    const Bytes last = laid_out(shape, element.last.empty() ? element.first : element.last);
    auto found = search.element(first, last);
    if (!found) return std::unexpected(found.error());
    std::optional<Cube>& where = *found;
    if (!where) {
      out.doubt = true;
      out.why = here.context.solver.scattered();
      return out;
    }
    if (where->never()) continue;
    const bool linear = !shape.fields.empty() && first != last;
    (linear ? ranges : out.hits).push_back({*std::move(where), &element});
  }
  out.hits.insert(out.hits.end(), ranges.begin(), ranges.end());
  return out;
}

}  // namespace bulkhead::reach::chains
