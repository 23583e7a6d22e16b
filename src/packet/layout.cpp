#include "packet/layout.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace bulkhead::packet {
namespace {

Status check_fields(const std::vector<Field>& fields) {
  if (fields.empty() || fields.size() > Layout::kMaxFields) {
    return fail(ErrorCode::kInvalidInput, "a packet has 1 to " +
                                              std::to_string(Layout::kMaxFields) + " fields, not " +
                                              std::to_string(fields.size()));
  }
  std::set<std::string_view> names;
  for (const Field& field : fields) {
    const std::string shown = "field \"" + escape_text(field.name) + "\"";
    if (field.name.empty() || !names.insert(field.name).second) {
      return fail(ErrorCode::kInvalidInput, shown + ": a name is not empty and not repeated");
    }
    if (field.bits < 1 || field.bits > 64) {
      return fail(ErrorCode::kInvalidInput,
                  shown + " has " + std::to_string(field.bits) + " bits; use 1 to 64");
    }
  }
  return {};
}

}  // namespace

Result<Layout> Layout::make(std::vector<Field> fields, std::vector<FieldId> order) {
  if (auto good = check_fields(fields); !good) return std::unexpected(good.error());
  if (order.empty()) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      order.push_back(FieldId{static_cast<std::uint8_t>(i)});
    }
  }
  std::vector<FieldId> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  const bool repeated = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (repeated || sorted.size() != fields.size() || sorted.back().index >= fields.size()) {
    return fail(ErrorCode::kInvalidInput, "an order of fields names each field once");
  }
  Layout layout;
  layout.levels_.resize(fields.size());
  for (std::size_t level = 0; level < order.size(); ++level) {
    layout.levels_[order[level].index] = static_cast<std::uint8_t>(level);
  }
  layout.fields_ = std::move(fields);
  layout.order_ = std::move(order);
  return layout;
}

std::optional<FieldId> Layout::find(std::string_view name) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].name == name) return FieldId{static_cast<std::uint8_t>(i)};
  }
  return std::nullopt;
}

Product& Product::where(FieldId field, IntervalSet values) {
  const auto at = std::lower_bound(parts_.begin(), parts_.end(), field,
                                   [](const Part& part, FieldId id) { return part.field < id; });
  if (at != parts_.end() && at->field == field) {
    at->values = at->values.intersect(values);
  } else {
    parts_.insert(at, Part{field, std::move(values)});
  }
  return *this;
}

const IntervalSet* Product::find(FieldId field) const {
  for (const Part& part : parts_) {
    if (part.field == field) return &part.values;
  }
  return nullptr;
}

bool Product::contains(const Packet& packet) const {
  return std::all_of(parts_.begin(), parts_.end(),
                     [&](const Part& part) { return part.values.contains(packet[part.field]); });
}

WideInterval wide_prefix(Wide address, unsigned length) {
  const auto host = [](unsigned kept) {  // the bits of a half behind its first `kept` ones
    return kept >= 64 ? std::uint64_t{0} : max_value(64 - kept);
  };
  const std::uint64_t high = host(length), low = host(length > 64 ? length - 64 : 0);
  return {{address.high & ~high, address.low & ~low}, {address.high | high, address.low | low}};
}

std::vector<Product> wide_products(WideField field, const WideInterval& interval) {
  const auto [first, last] = interval;
  std::vector<Product> result;
  if (first > last) return result;
  const auto add = [&](Interval high, Interval low) {
    Product product;
    product.where(field.high, IntervalSet::range(high.first, high.last));
    if (low != Interval{0, max_value(64)}) {
      product.where(field.low, IntervalSet::range(low.first, low.last));
    }
    result.push_back(std::move(product));
  };
  if (first.high == last.high) {
    add({first.high, first.high}, {first.low, last.low});
    return result;
  }
  // A first and a last half that are whole join what lies between them.
  const bool whole_first = first.low == 0, whole_last = last.low == max_value(64);
  if (!whole_first) add({first.high, first.high}, {first.low, max_value(64)});
  const std::uint64_t from = whole_first ? first.high : first.high + 1;
  const std::uint64_t to = whole_last ? last.high : last.high - 1;
  if (from <= to) add({from, to}, {0, max_value(64)});
  if (!whole_last) add({last.high, last.high}, {0, last.low});
  return result;
}

}  // namespace bulkhead::packet
