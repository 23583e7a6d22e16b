#include "trace/filter_set.h"

#include <algorithm>
#include <cstring>

namespace bulkhead::trace::filtering {
namespace {

int order(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
}

std::size_t padded(std::size_t length) {
  return (length + 3) / 4 * 4;
}

}  // namespace

SetCode::SetCode(const model::SetDef& definition) : definition_(&definition) {
  if (definition.field_lengths.size() > 1) {
    for (std::uint32_t length : definition.field_lengths) {
      fields_.emplace_back(width_, length);
      width_ += padded(std::min<std::size_t>(length, Value::kMost + 1));
      if (width_ > Value::kMost) break;
    }
  } else {
    width_ = definition.key_length;
  }
  broken_ = width_ == 0 || width_ > Value::kMost;
  elements_.reserve(definition.elements.size());
  for (const model::SetElement& element : definition.elements) elements_.push_back({&element, {}});
  if (broken_) return;
  for (std::uint32_t i = 0; i < elements_.size(); ++i) add(i);
  std::sort(narrow_.begin(), narrow_.end(), [](const Narrow& a, const Narrow& b) {
    return std::pair(a.first, a.element) < std::pair(b.first, b.element);
  });
  std::sort(sorted_.begin(), sorted_.end(), [](const Interval& a, const Interval& b) {
    const int by_first = order(a.first, b.first);
    return by_first != 0 ? by_first < 0 : a.element < b.element;
  });
}

void SetCode::add(std::uint32_t index) {
  const model::SetElement& element = *elements_[index].element;
  if (element.catch_all) {
    catch_all_ = &elements_[index];
    return;
  }
  Interval interval{laid_out(element.first),
                    laid_out(element.last.empty() ? element.first : element.last), index};
  if (fields_.empty() && width_ <= 8) {
    narrow_.push_back({big_endian_number(interval.first), big_endian_number(interval.last), index});
  } else if (fields_.empty() || interval.first == interval.last) {
    sorted_.push_back(std::move(interval));
  } else {
    file(std::move(interval));
  }
}

std::string SetCode::filed_under(const File& file, std::span<const std::uint8_t> key) const {
  std::string out;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const auto field = key.subspan(fields_[i].first, fields_[i].second);
    if (file.exact[i]) out.append(field.begin(), field.end());
  }
  return out;
}

void SetCode::file(Interval interval) {
  std::vector<bool> exact;
  for (const auto& [offset, length] : fields_) {
    const auto first = std::span(interval.first).subspan(offset, length);
    exact.push_back(order(first, std::span(interval.last).subspan(offset, length)) == 0);
  }
  auto at = std::ranges::find(files_, exact, &File::exact);
  if (at == files_.end()) at = files_.insert(files_.end(), {std::move(exact), {}});
  at->by_value[filed_under(*at, interval.first)].push_back(ranges_.size());
  ranges_.push_back(std::move(interval));
}

// Keys as the kernel lays them out: each field of a concatenation padded to four bytes. A snapshot
// made by hand may hold them without the padding.
std::vector<std::uint8_t> SetCode::laid_out(const std::vector<std::uint8_t>& bytes) const {
  std::vector<std::uint8_t> out(width_);
  std::size_t bare = 0;
  for (const auto& [offset, length] : fields_) bare += length;
  if (!fields_.empty() && bytes.size() == bare && bare != width_) {
    std::size_t at = 0;
    for (const auto& [offset, length] : fields_) {
      std::memcpy(out.data() + offset, bytes.data() + at, length);
      at += length;
    }
    return out;
  }
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), std::min(bytes.size(), width_));
  return out;
}

bool SetCode::holds(const Interval& interval, std::span<const std::uint8_t> key) const {
  for (const auto& [offset, length] : fields_) {
    const auto field = key.subspan(offset, length);
    if (order(field, std::span(interval.first).subspan(offset, length)) < 0) return false;
    if (order(field, std::span(interval.last).subspan(offset, length)) > 0) return false;
  }
  return true;
}

const ElementCode* SetCode::search(std::span<const std::uint8_t> key) const {
  if (fields_.empty() && width_ <= 8) {
    const std::uint64_t number = big_endian_number(key);
    auto at = std::upper_bound(narrow_.begin(), narrow_.end(), number,
                               [](std::uint64_t n, const Narrow& i) { return n < i.first; });
    if (at == narrow_.begin() || number > std::prev(at)->last) return nullptr;
    return &elements_[std::prev(at)->element];
  }
  auto at = std::upper_bound(
      sorted_.begin(), sorted_.end(), key,
      [](std::span<const std::uint8_t> k, const Interval& i) { return order(k, i.first) < 0; });
  if (at != sorted_.begin() && order(key, std::prev(at)->last) <= 0) {
    return &elements_[std::prev(at)->element];
  }
  std::size_t first = ranges_.size();
  for (const File& file : files_) {
    const auto filed = file.by_value.find(filed_under(file, key));
    if (filed == file.by_value.end()) continue;
    const auto found = std::ranges::find_if(
        filed->second, [&](std::size_t i) { return i >= first || holds(ranges_[i], key); });
    if (found != filed->second.end()) first = std::min(first, *found);
  }
  return first == ranges_.size() ? nullptr : &elements_[ranges_[first].element];
}

SetCode::Found SetCode::find(const Value& key) const {
  if (broken_) return {nullptr, true};
  // Registers are padded with zeros; a key of the wrong length is a set that was made by hand.
  if (key.size < width_ && padded(key.size) < width_) return {nullptr, true};
  if (key.doubtful && key.doubt_within(std::min(width_, key.size))) return {nullptr, true};
  if (const ElementCode* found = search({key.bytes.data(), width_})) return {found, false};
  return {catch_all_, false};
}

}  // namespace bulkhead::trace::filtering
