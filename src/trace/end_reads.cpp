#include "trace/end_reads.h"

#include <algorithm>
#include <bit>

#include "trace/filter_index.h"
#include "trace/filter_set.h"

namespace bulkhead::trace {

void EndReads::asked(const Test& test) {
  if (port_alone_ || std::ranges::find(tests_, test) != tests_.end()) return;
  if (tests_.size() == kMost) return unclear();
  tests_.push_back(test);
}

void EndReads::looked_up(const filtering::ChainIndex& index, std::size_t part, std::uint32_t last,
                         const std::optional<Sight>& sight) {
  if (port_alone_) return;
  const auto known = std::ranges::find_if(
      looks_, [&](const Look& l) { return l.index == &index && l.part == part; });
  if (known != looks_.end()) {
    known->last = std::max(known->last, last);
    // Of packets that differ neither speaks for both.
    if (known->sight != sight) known->sight.reset();
  } else if (looks_.size() == kMost) {
    unclear();
  } else {
    looks_.push_back({&index, part, last, sight});
  }
}

void EndReads::searched(Search search) {
  for (std::size_t i = 0; i < search.count; ++i)
    port_was_searched_ = port_was_searched_ || search.places[i].port;
  if (port_alone_ || std::ranges::find(searches_, search) != searches_.end()) return;
  if (searches_.size() == kMost) return unclear();
  searches_.push_back(std::move(search));
}

void EndReads::sent_to(const IpAddress& translated) {
  if (translated == address_) return singular();
  if (port_alone_) return;
  if (std::ranges::find(sent_to_, translated) != sent_to_.end()) return;
  if (sent_to_.size() == kMost) return unclear();
  sent_to_.push_back(translated);
}

void EndReads::asked_within(const AddressCell& area) {
  if (port_alone_ || area == AddressCell{AddressPart{}} ||
      std::ranges::find(areas_, area) != areas_.end())
    return;
  if (areas_.size() == kMost) return unclear();
  areas_.push_back(area);
}

namespace {

RouteHit hit_of(const Fib4& fib, std::uint8_t tos, const IpAddress& destination) {
  Flow flow;
  flow.destination = destination;
  flow.tos = tos;
  return fib.lookup(flow, false, nullptr);
}

}  // namespace

void EndReads::routed(const Fib4& fib, std::uint8_t tos) {
  if (fib.custom_rules()) return unclear();
  const auto known = [&](const Way& way) { return way.fib == &fib && way.tos == tos; };
  if (std::ranges::none_of(ways_, known)) ways_.push_back({&fib, tos, hit_of(fib, tos, address_)});
}

void EndReads::also(const EndReads& other) {
  for (const Test& test : other.tests_) asked(test);
  for (const Look& look : other.looks_) looked_up(*look.index, look.part, look.last, look.sight);
  for (const Search& search : other.searches_) searched(search);
  for (const AddressCell& area : other.areas_) asked_within(area);
  for (const Way& way : other.ways_) routed(*way.fib, way.tos);
  port_ = port_ || other.port_;
  mac_ = mac_ || other.mac_;
  input_ = input_ || other.input_;
  type_ = type_ || other.type_;
  unclear_ = unclear_ || other.unclear_ || !other.sent_to_.empty();
  singular_ = singular_ || other.singular_;
  reached_ = reached_ || other.reached_;
}

namespace {

// Addresses that the kernel treats in their own way wherever they stand.
bool is_ordinary(const IpAddress& address) {
  return address.is_v4() && !address.is_loopback() && !address.is_multicast() &&
         !address.is_link_local() && address.v4_number() >> 24 != 0 &&
         address.v4_number() != kLastAddress;
}

}  // namespace

bool EndReads::reaches_alike(const IpAddress& other, Port port) const {
  if (unclear_ || singular_ || reached_ || !sent_to_.empty() || !is_ordinary(address_) ||
      !is_ordinary(other) || (port_ && port != port_number_))
    return false;
  return std::ranges::all_of(ways_, [&](const Way& way) {
    const RouteHit hit = hit_of(*way.fib, way.tos, other);
    return hit.error == way.hit.error && hit.route == way.hit.route && hit.hop == way.hit.hop;
  });
}

bool EndReads::lets_by(const Look& look, const IpAddress& to, Port port,
                       std::vector<Test>& asked_of_source) const {
  using filtering::Field;
  if (!look.sight || look.index->field_of(look.part) != Field::kIpv4Destination) return false;
  Sight packet = *look.sight;
  packet.fields.set(Field::kIpv4Destination, to.v4_number());
  if (packet.fields.has(Field::kDestinationPort))
    packet.fields.set(Field::kDestinationPort, port.number);
  return look.index->lets_by(look.part, look.last, packet, asked_of_source);
}

std::optional<std::vector<EndReads::Test>> EndReads::same_to_from(const IpAddress& other,
                                                                  Port port) const {
  if (!reaches_alike(other, port) || !same_but_looks(other, port)) return std::nullopt;
  std::vector<Test> out;
  for (const Look& look : looks_) {
    // What is filed for this one let its packet by: a rule that came to its address is a test.
    if (!same_file(look, other) && !lets_by(look, other, port, out)) return std::nullopt;
  }
  return out;
}

bool EndReads::finds_alike(const Search& search, const IpAddress& other, Port port) const {
  filtering::Value key;
  key.set(search.key);
  for (std::size_t i = 0; i < search.count; ++i) {
    filtering::Value part;
    if (search.places[i].port)
      part.set_big_endian(port.number, 2);
    else
      part.set(other.octets());
    std::ranges::copy(part.view(), key.bytes.begin() + search.places[i].at);
  }
  return search.set->find(key).element == search.found;
}

bool EndReads::same_but_looks(IpAddress other, Port port) const {
  const std::uint64_t mine = address_.v4_number(), theirs = other.v4_number();
  return std::ranges::all_of(
             areas_, [&](const AddressCell& area) { return contains(area, other.v4_number()); }) &&
         std::ranges::find(sent_to_, other) == sent_to_.end() &&
         std::ranges::all_of(tests_,
                             [&](const Test& t) { return t.holds(mine) == t.holds(theirs); }) &&
         std::ranges::all_of(searches_,
                             [&](const Search& s) { return finds_alike(s, other, port); });
}

bool EndReads::same_file(const Look& look, IpAddress other) const {
  return look.index->file_of(look.part, address_.v4_number(), look.last) ==
         look.index->file_of(look.part, other.v4_number(), look.last);
}

bool EndReads::same_for(IpAddress other) const {
  return same_for(other, port_number_);
}

bool EndReads::same_for(IpAddress other, Port port) const {
  return same_but_looks(other, port) &&
         std::ranges::all_of(looks_, [&](const Look& look) { return same_file(look, other); });
}

namespace {

// The addresses for which a test holds, none when the last is before the first; nullopt: it does
// not take a prefix of the address.
std::optional<AddressPart> range_of(const EndReads::Test& test) {
  if (test.mask > kLastAddress) return std::nullopt;
  const auto free = ~static_cast<std::uint32_t>(test.mask);
  const std::uint64_t end = test.first + test.span;
  if (!std::has_single_bit(std::uint64_t{free} + 1) || end < test.first) return std::nullopt;
  const std::uint64_t first = (test.first + free) & ~std::uint64_t{free};
  const std::uint64_t last = std::min<std::uint64_t>(end | free, kLastAddress);
  if (first > last) return AddressPart{1, 0};
  return AddressPart{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)};
}

}  // namespace

bool EndReads::same_file_within(const Look& look, const AddressPart& range) const {
  if (range.last - range.first >= kMostLooked) return false;
  const void* const mine = look.index->file_of(look.part, address_.v4_number(), look.last);
  for (std::uint32_t i = 0; i <= range.last - range.first; ++i) {
    if (look.index->file_of(look.part, range.first + i, look.last) != mine) return false;
  }
  return true;
}

bool EndReads::same_within(const AddressPart& range) const {
  if (!address_.is_v4() || !contains({range}, address_.v4_number()) || !searches_.empty())
    return false;
  const auto apart = [&range](const AddressPart& other) {
    return other.first > other.last || other.first > range.last || other.last < range.first;
  };
  const auto around = [&range](const AddressPart& other) {
    return other.first <= range.first && range.last <= other.last;
  };
  return std::ranges::all_of(tests_,
                             [&](const Test& test) {
                               const auto holds = range_of(test);
                               return holds && (apart(*holds) || around(*holds));
                             }) &&
         std::ranges::all_of(
             areas_, [&](const AddressCell& area) { return std::ranges::any_of(area, around); }) &&
         std::ranges::none_of(sent_to_,
                              [&](const IpAddress& to) {
                                return to.is_v4() && !apart({to.v4_number(), to.v4_number()});
                              }) &&
         std::ranges::all_of(looks_,
                             [&](const Look& look) { return same_file_within(look, range); });
}

std::optional<AddressCell> EndReads::cell_of(std::uint32_t address) const {
  const auto all = tests(kMostTests);
  if (!is_clear() || !all) return std::nullopt;
  AddressPart inside;
  AddressCell holes;
  const auto cut = [&](const Test& test) {
    const auto range = range_of(test);
    if (!range || range->first > range->last) return range.has_value();
    if (test.holds(address))
      inside = {std::max(inside.first, range->first), std::min(inside.last, range->last)};
    else
      holes.push_back(*range);
    return true;
  };
  for (const IpAddress& to : sent_to_) {
    if (to.is_v4() && !cut({kLastAddress, to.v4_number(), 0})) return std::nullopt;
  }
  for (const Test& test : *all) {
    if (!cut(test)) return std::nullopt;
  }
  AddressCell cell = between(inside, std::move(holes));
  for (const AddressCell& area : areas_) cell = within(cell, area);
  return cell;
}

std::optional<std::vector<EndReads::Test>> EndReads::tests(std::size_t most) const {
  if (!searches_.empty()) return std::nullopt;
  std::vector<Test> out = tests_;
  for (const Look& look : looks_) {
    if (!look.index->tests(look.part, look.last, most, out)) return std::nullopt;
  }
  if (out.size() > most) return std::nullopt;
  return out;
}

}  // namespace bulkhead::trace
