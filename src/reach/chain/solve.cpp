#include "reach/chain/solve.h"

#include <algorithm>
#include <utility>

#include "reach/chain/image.h"

namespace bulkhead::reach {

using packet::FieldId;
using packet::Interval;
using packet::IntervalSet;
using packet::Product;

namespace {

constexpr std::size_t kMostIntervals = 4096;

}  // namespace

// ----------------------------------------------------------------------------------- sources

namespace {

// Of numbers that come in ascending order.
void add_next(std::vector<Interval>& out, std::uint64_t x) {
  if (!out.empty() && out.back().last + 1 == x) {
    out.back().last = x;
  } else {
    out.push_back({x, x});
  }
}

IntervalSet set_of(std::span<const std::pair<std::uint64_t, std::uint64_t>> of_one_value) {
  std::vector<Interval> out;
  for (const auto& [value, x] : of_one_value) add_next(out, x);
  return IntervalSet::of(std::move(out));
}

}  // namespace

std::uint16_t Sources::add(FieldId field, std::vector<std::uint64_t> values, unsigned bits) {
  Table table{field, bits, std::move(values), {}};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
  pairs.reserve(table.values.size());
  for (std::uint64_t x = 0; x < table.values.size(); ++x) pairs.emplace_back(table.values[x], x);
  std::sort(pairs.begin(), pairs.end());
  for (auto at = pairs.begin(); at != pairs.end();) {
    const auto end =
        std::find_if(at, pairs.end(), [&](const auto& p) { return p.first != at->first; });
    table.by_value.emplace_back(at->first, set_of({at, end}));
    at = end;
  }
  tables_.push_back(std::move(table));
  return static_cast<std::uint16_t>(Bit::kFirstDerived + tables_.size() - 1);
}

const Sources::Table* Sources::table(std::uint16_t source) const {
  return source < Bit::kFirstDerived ? nullptr : &tables_.at(source - Bit::kFirstDerived);
}

FieldId Sources::field(std::uint16_t source) const {
  const Table* t = table(source);
  return t != nullptr ? t->field : FieldId{static_cast<std::uint8_t>(source)};
}

std::uint64_t Sources::at(std::uint16_t source, std::uint64_t x) const {
  const Table* t = table(source);
  return t == nullptr ? x : x < t->values.size() ? t->values[x] : 0;
}

unsigned Sources::bits(std::uint16_t source) const {
  const Table* t = table(source);
  return t != nullptr ? t->bits
                      : fields_->layout().bits(FieldId{static_cast<std::uint8_t>(source)});
}

IntervalSet Sources::where(const Table& table,
                           const std::function<bool(std::uint64_t)>& holds) const {
  std::vector<Interval> out;
  for (std::uint64_t x = 0; x < table.values.size(); ++x) {
    if (holds(table.values[x])) add_next(out, x);
  }
  return IntervalSet::of(std::move(out));
}

std::optional<IntervalSet> Sources::masked(std::uint16_t source, std::uint64_t mask,
                                           std::uint64_t value) const {
  const Table* t = table(source);
  if (t == nullptr) {
    auto out = IntervalSet::masked(value, mask, bits(source), kMostIntervals);
    return out ? std::optional(*std::move(out)) : std::nullopt;
  }
  if (mask != packet::max_value(t->bits)) {
    return where(*t, [&](std::uint64_t v) { return (v & mask) == value; });
  }
  const auto at = std::ranges::lower_bound(t->by_value, value, {}, &Table::ByValue::first);
  const bool found = at != t->by_value.end() && at->first == value;
  return found ? at->second : IntervalSet();
}

std::optional<IntervalSet> Sources::slice(std::uint16_t source, unsigned low, unsigned width,
                                          std::uint64_t first, std::uint64_t last) const {
  const std::uint64_t ones = packet::max_value(width);
  if (first > last) return IntervalSet();
  if (const Table* t = table(source)) {
    return where(*t, [&](std::uint64_t v) {
      const std::uint64_t s = v >> low & ones;
      return first <= s && s <= last;
    });
  }
  const unsigned all = bits(source);
  if (first == 0 && last == ones) return IntervalSet::full(all);
  const unsigned above = all - low - width;
  if (above > 12) return std::nullopt;  // 2^12 intervals
  const std::uint64_t below = low == 0 ? 0 : packet::max_value(low);
  std::vector<Interval> out;
  for (std::uint64_t high = 0; high < std::uint64_t{1} << above; ++high) {
    const std::uint64_t base = above == 0 ? 0 : high << (low + width);
    out.push_back({base | first << low, base | last << low | below});
  }
  return IntervalSet::of(std::move(out));
}

// ------------------------------------------------------------------------------------ equality

namespace {

bool bit_of(ByteView bytes, std::size_t i) {
  return (bytes[i / 8] >> (7 - i % 8) & 1U) != 0;
}

// What is wanted of one source.
struct Wanted {
  std::uint16_t source = 0;
  std::uint64_t mask = 0, value = 0;
};

}  // namespace

Bytes number_bytes(std::uint64_t number, std::size_t width) {
  Bytes out(width);
  for (std::size_t i = 0; i < width && i < 8; ++i) {
    out[width - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return out;
}

ReasonId Solver::scattered() const {
  return effects_->reason("a mask that leaves too many bits open");
}

Condition Solver::equal(std::span<const Bit> bits, ByteView bytes, ReasonId why) const {
  std::vector<Wanted> wanted;
  bool doubt = bits.size() < bytes.size() * 8;
  for (std::size_t i = 0; i < std::min(bits.size(), bytes.size() * 8); ++i) {
    const Bit bit = bits[i];
    const bool one = bit_of(bytes, i) != bit.flip;
    if (bit.is_constant()) {
      if (one) return Condition::never();
    } else if (bit.is_unknown()) {
      doubt = true;
    } else {
      if (wanted.empty() || wanted.back().source != bit.source) wanted.push_back({bit.source});
      Wanted& w = wanted.back();
      const std::uint64_t place = std::uint64_t{1} << bit.place;
      if ((w.mask & place) != 0 && ((w.value & place) != 0) != one) return Condition::never();
      w.mask |= place;
      if (one) w.value |= place;
    }
  }
  Cube cube;
  for (const Wanted& w : wanted) {
    auto set = sources_->masked(w.source, w.mask, w.value);
    if (!set) {
      doubt = true;
      why = scattered();
      continue;
    }
    cube.and_where(sources_->field(w.source), *std::move(set));
  }
  return doubt && !cube.never() ? Condition::maybe(std::move(cube), why)
                                : Condition::certain(std::move(cube));
}

Condition Solver::masked(const Bits& bits, std::uint64_t mask, std::uint64_t value) const {
  if (bits.size() < 64 && value >> bits.size() != 0) return Condition::never();
  if ((value & ~mask) != 0) return Condition::never();
  Bits kept;
  Bytes bytes((bits.size() + 7) / 8);
  std::size_t n = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::size_t place = bits.size() - 1 - i;
    if ((mask >> place & 1U) == 0) continue;
    if ((value >> place & 1U) != 0)
      bytes[n / 8] = static_cast<std::uint8_t>(bytes[n / 8] | 0x80U >> n % 8);
    kept.push_back(bits[i]);
    ++n;
  }
  while (kept.size() % 8 != 0) kept.push_back(Bit::constant(false));
  bytes.resize(kept.size() / 8);
  return equal(kept, bytes, {});
}

// -------------------------------------------------------------------------------------- order

namespace {

// Bits that lie in one source next to each other, the most significant first, or constants.
struct Run {
  std::uint16_t source = Bit::kConstant;
  unsigned low = 0, width = 0;
  bool flip = false;
  std::uint64_t constant = 0;
};

// nullopt: some bit is not known.
std::optional<std::vector<Run>> runs_of(std::span<const Bit> bits) {
  std::vector<Run> out;
  for (const Bit& bit : bits) {
    if (bit.is_unknown()) return std::nullopt;
    Run* last = out.empty() || out.back().width == 64 ? nullptr : &out.back();
    if (bit.is_constant()) {
      if (last == nullptr || last->source != Bit::kConstant) last = &out.emplace_back();
      last->constant = last->constant << 1 | (bit.flip ? 1U : 0U);
      ++last->width;
      continue;
    }
    const bool goes_on = last != nullptr && last->source == bit.source && last->flip == bit.flip &&
                         last->low == bit.place + 1U;
    if (!goes_on) last = &out.emplace_back(Run{bit.source, bit.place, 0, bit.flip, 0});
    last->low = bit.place;
    ++last->width;
  }
  return out;
}

class Between {
 public:
  Between(const Sources& sources, std::vector<Run> runs, ByteView first, ByteView last)
      : sources_(sources), runs_(std::move(runs)), first_(values(first)), last_(values(last)) {}

  std::vector<Product> out;
  bool failed = false;

  // The products within `base` for which the runs from i on lie between both ends.
  void between(const Product& base, std::size_t i) {
    while (i < runs_.size() && first_[i] == last_[i]) {
      const auto narrowed = restrict(base, i, first_[i], first_[i]);
      if (narrowed) between(*narrowed, i + 1);
      return;
    }
    if (i == runs_.size()) {
      out.push_back(base);
      return;
    }
    if (first_[i] > last_[i]) return;
    const bool first_open = rest_is(first_, i + 1, false), last_open = rest_is(last_, i + 1, true);
    std::uint64_t a = first_[i], b = last_[i];
    if (!first_open) {
      if (const auto at = restrict(base, i, a, a)) from(*at, i + 1);
      ++a;
    }
    if (!last_open) {
      if (const auto at = restrict(base, i, b, b)) up_to(*at, i + 1);
      --b;  // b > first_[i] >= 0
    }
    if (a > b) return;
    if (const auto middle = restrict(base, i, a, b)) out.push_back(*middle);
  }

 private:
  std::vector<std::uint64_t> values(ByteView bytes) const {
    std::vector<std::uint64_t> out_values;
    std::size_t at = 0;
    for (const Run& run : runs_) {
      std::uint64_t value = 0;
      for (unsigned k = 0; k < run.width; ++k, ++at)
        value = value << 1 | (bit_of(bytes, at) ? 1U : 0U);
      out_values.push_back(value);
    }
    return out_values;
  }

  [[nodiscard]] bool rest_is(const std::vector<std::uint64_t>& ends, std::size_t i,
                             bool ones) const {
    for (; i < runs_.size(); ++i) {
      if (ends[i] != (ones ? packet::max_value(runs_[i].width) : 0)) return false;
    }
    return true;
  }

  void from(const Product& base, std::size_t i) {  // runs from i on are >= first
    if (rest_is(first_, i, false)) {
      out.push_back(base);
      return;
    }
    const std::uint64_t most = packet::max_value(runs_[i].width);
    if (first_[i] < most) {
      const bool open = rest_is(first_, i + 1, false);
      if (const auto more = restrict(base, i, first_[i] + (open ? 0 : 1), most))
        out.push_back(*more);
      if (open) return;
    }
    if (const auto at = restrict(base, i, first_[i], first_[i])) from(*at, i + 1);
  }

  void up_to(const Product& base, std::size_t i) {
    if (rest_is(last_, i, true)) {
      out.push_back(base);
      return;
    }
    if (last_[i] > 0) {
      const bool open = rest_is(last_, i + 1, true);
      if (const auto less = restrict(base, i, 0, last_[i] - (open ? 0 : 1))) out.push_back(*less);
      if (open) return;
    }
    if (const auto at = restrict(base, i, last_[i], last_[i])) up_to(*at, i + 1);
  }

  // nullopt: no packet, or `failed`.
  std::optional<Product> restrict(const Product& base, std::size_t i, std::uint64_t a,
                                  std::uint64_t b) {
    const Run& run = runs_[i];
    if (run.source == Bit::kConstant) {
      return a <= run.constant && run.constant <= b ? std::optional(base) : std::nullopt;
    }
    if (run.flip) {
      const std::uint64_t ones = packet::max_value(run.width);
      const std::uint64_t low = ones - b;
      b = ones - a;
      a = low;
    }
    auto set = sources_.slice(run.source, run.low, run.width, a, b);
    if (!set) failed = true;
    if (!set || set->empty()) return std::nullopt;
    Product out_product = base;
    const FieldId field = sources_.field(run.source);
    out_product.where(field, *std::move(set));
    if (out_product.find(field)->empty()) return std::nullopt;
    return out_product;
  }

  const Sources& sources_;
  std::vector<Run> runs_;
  std::vector<std::uint64_t> first_, last_;
};

}  // namespace

std::optional<std::vector<Product>> Solver::products(std::span<const Bit> bits, ByteView first,
                                                     ByteView last) const {
  const std::size_t width = std::max(first.size(), last.size());
  if (bits.size() < width * 8 || first.size() != last.size()) return std::nullopt;
  if (std::equal(first.begin(), first.end(), last.begin())) {
    // All bits of a field at once: one by one those of a number in host order leave gaps.
    const Condition same = equal(bits.first(width * 8), first, {});
    if (same.doubt) return std::nullopt;
    if (same.yes.never()) return std::vector<Product>();
    return std::vector<Product>{same.yes.product()};
  }
  auto runs = runs_of(bits.first(width * 8));
  if (!runs) return std::nullopt;
  Between between(*sources_, *std::move(runs), first, last);
  between.between(Product(), 0);
  if (between.failed) return std::nullopt;
  return std::move(between.out);
}

Result<Condition> Solver::within(std::span<const Bit> bits, ByteView first, ByteView last,
                                 ReasonId why) const {
  const std::size_t width = std::max(first.size(), last.size());
  const auto known = bits.first(std::min(bits.size(), width * 8));
  const bool doubtful =
      bits.size() < width * 8 ||
      std::any_of(known.begin(), known.end(), [](Bit b) { return b.is_unknown(); });
  if (doubtful) return Condition::maybe(Cube(), why);
  const auto all = products(bits, first, last);
  if (!all) return Condition::maybe(Cube(), scattered());
  auto cube = any_of(*space_, *all);
  if (!cube) return std::unexpected(cube.error());
  return Condition::certain(*std::move(cube));
}

Result<Condition> Solver::within(const Bits& bits, std::uint64_t first, std::uint64_t last) const {
  Bits padded = bits;
  while (padded.size() % 8 != 0) padded.insert(padded.begin(), Bit::constant(false));
  const std::size_t width = padded.size() / 8;
  return within(padded, number_bytes(first, width), number_bytes(last, width), {});
}

}  // namespace bulkhead::reach
