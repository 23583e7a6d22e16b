#include "trace/source_cells.h"

#include <algorithm>
#include <iterator>

namespace bulkhead::trace {

AddressCell without(const AddressCell& cell, const AddressCell& hole) {
  AddressCell out;
  auto h = hole.begin();
  for (AddressPart p : cell) {
    while (h != hole.end() && h->last < p.first) ++h;
    bool all = false;  // of the rest is taken away
    for (auto at = h; at != hole.end() && at->first <= p.last && !all; ++at) {
      if (p.first < at->first) out.push_back({p.first, at->first - 1});
      all = at->last >= p.last;
      if (!all) p.first = at->last + 1;
    }
    if (!all) out.push_back(p);
  }
  return out;
}

AddressCell between(const AddressPart& all, AddressCell holes) {
  std::ranges::sort(holes, {}, &AddressPart::first);
  AddressCell out;
  std::uint32_t from = all.first;
  for (const AddressPart& hole : holes) {
    if (hole.last < from) continue;
    if (hole.first > all.last) break;
    if (hole.first > from) out.push_back({from, hole.first - 1});
    if (hole.last >= all.last) return out;
    from = hole.last + 1;
  }
  out.push_back({from, all.last});
  return out;
}

AddressCell within(const AddressCell& cell, const AddressCell& other) {
  AddressCell out;
  for (auto a = cell.begin(), b = other.begin(); a != cell.end() && b != other.end();) {
    if (a->first <= b->last && b->first <= a->last)
      out.push_back({std::max(a->first, b->first), std::min(a->last, b->last)});
    ++(a->last < b->last ? a : b);
  }
  return out;
}

AddressCell joined(const AddressCell& cell, const AddressCell& other) {
  AddressCell all;
  std::ranges::merge(cell, other, std::back_inserter(all), {}, &AddressPart::first,
                     &AddressPart::first);
  AddressCell out;
  for (const AddressPart& p : all) {
    if (!out.empty() && out.back().last + 1 == p.first)
      out.back().last = p.last;
    else
      out.push_back(p);
  }
  return out;
}

bool contains(const AddressCell& cell, std::uint32_t address) {
  const auto at = std::ranges::lower_bound(cell, address, {}, &AddressPart::last);
  return at != cell.end() && at->first <= address;
}

namespace {

void insert(std::vector<std::uint32_t>& starts, std::uint32_t start) {
  const auto at = std::ranges::lower_bound(starts, start);
  if (at == starts.end() || *at != start) starts.insert(at, start);
}

}  // namespace

void set_apart(std::vector<std::uint32_t>& starts, std::uint32_t address) {
  insert(starts, address);
  if (address < kLastAddress) insert(starts, address + 1);
}

void ToldAddresses::add(const AddressCell& cell) {
  left_ = without(left_, cell);
  std::vector<std::uint32_t> starts, all;
  for (const AddressPart& p : cell) {
    starts.push_back(p.first);
    if (p.last < kLastAddress) starts.push_back(p.last + 1);
  }
  all.reserve(starts_.size() + starts.size());
  std::ranges::set_union(starts_, starts, std::back_inserter(all));
  starts_ = std::move(all);
}

void ToldAddresses::add(std::uint32_t address) {
  set_apart(starts_, address);
  const auto at = std::ranges::lower_bound(left_, address, {}, &AddressPart::last);
  if (at == left_.end() || at->first > address) return;
  const AddressPart part = *at;
  if (part.is_single()) {
    left_.erase(at);
  } else if (part.first == address) {
    at->first = address + 1;
  } else if (part.last == address) {
    at->last = address - 1;
  } else {
    at->last = address - 1;
    left_.insert(std::next(at), {address + 1, part.last});
  }
}

AddressPart ToldAddresses::around(std::uint32_t address) const {
  const auto at = std::ranges::find_if(
      left_, [address](const AddressPart& p) { return p.first <= address && address <= p.last; });
  return at == left_.end() ? AddressPart{address, address} : *at;
}

}  // namespace bulkhead::trace
