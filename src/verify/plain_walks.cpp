#include "verify/plain_walks.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

namespace bulkhead::verify {
namespace {

using trace::SourceReads;
using trace::Verdict;
using Settled = PlainWalks::Settled;

constexpr std::uint32_t kLastAddress = 0xffffffff;

struct Part {
  std::uint32_t first = 0, last = kLastAddress;
  [[nodiscard]] bool is_single() const { return first == last; }
};

// The addresses for which a test holds, none when the last is before the first; nullopt: it does
// not take a prefix of the address.
std::optional<Part> range_of(const SourceReads::Test& test) {
  if (test.mask > kLastAddress) return std::nullopt;
  const auto free = ~static_cast<std::uint32_t>(test.mask);
  const std::uint64_t end = test.first + test.span;
  if (!std::has_single_bit(std::uint64_t{free} + 1) || end < test.first) return std::nullopt;
  const std::uint64_t first = (test.first + free) & ~std::uint64_t{free};
  const std::uint64_t last = std::min<std::uint64_t>(end | free, kLastAddress);
  if (first > last) return Part{1, 0};
  return Part{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)};
}

// Ascending parts that do not touch.
using Cell = std::vector<Part>;

Cell without(const Cell& cell, const Part& hole) {
  Cell out;
  for (const Part& p : cell) {
    if (p.first < hole.first) out.push_back({p.first, std::min(p.last, hole.first - 1)});
    if (p.last > hole.last) out.push_back({std::max(p.first, hole.last + 1), p.last});
  }
  return out;
}

Cell within(const Cell& cell, const Part& part) {
  Cell out;
  for (const Part& p : cell) {
    if (p.first <= part.last && part.first <= p.last)
      out.push_back({std::max(p.first, part.first), std::min(p.last, part.last)});
  }
  return out;
}

// What a walk from `address` says of others: all for which each comparison that it met comes out
// the same. nullopt: a comparison is of a form that does not cut the addresses into intervals, or a
// socket was reached, so that it depends on who hears the answer.
std::optional<Cell> cell_of(const SourceReads& reads, std::uint32_t address) {
  constexpr std::size_t kMostTests = 512;
  const auto tests = reads.tests(kMostTests);
  if (!reads.is_clear() || reads.socket_was_reached() || !tests) return std::nullopt;
  Cell cell = {Part{}};
  const auto cut = [&](const SourceReads::Test& test) {
    const auto range = range_of(test);
    if (range && range->first <= range->last)
      cell = test.holds(address) ? within(cell, *range) : without(cell, *range);
    return range.has_value();
  };
  for (const IpAddress& to : reads.destinations()) {
    if (to.is_v4() && !cut({kLastAddress, to.v4_number(), 0})) return std::nullopt;
  }
  for (const SourceReads::Test& test : *tests) {
    if (!cut(test)) return std::nullopt;
  }
  return cell;
}

// Which addresses have been told of by walks, and where they tell addresses apart.
class Told {
 public:
  void add(const Cell& cell) {
    for (const Part& p : cell) {
      left_ = without(left_, p);
      insert(p.first);
      if (p.last < kLastAddress) insert(p.last + 1);
    }
  }
  void add(std::uint32_t address) { add(Cell{{address, address}}); }
  // The first part of which nothing was told; nullopt: there is none.
  [[nodiscard]] std::optional<Part> next() const {
    return left_.empty() ? std::nullopt : std::optional(left_.front());
  }
  // In which one lies of which nothing was told yet.
  [[nodiscard]] Part around(std::uint32_t address) const {
    const auto at = std::ranges::find_if(
        left_, [address](const Part& p) { return p.first <= address && address <= p.last; });
    return at == left_.end() ? Part{address, address} : *at;
  }
  // query::Reply::parts
  [[nodiscard]] const std::vector<std::uint32_t>& starts() const { return starts_; }

 private:
  void insert(std::uint32_t start) {
    const auto at = std::ranges::lower_bound(starts_, start);
    if (at == starts_.end() || *at != start) starts_.insert(at, start);
  }

  Cell left_ = {Part{}};
  std::vector<std::uint32_t> starts_ = {0};
};

Settled opened(trace::Question q, trace::Answer answer) {
  return {std::pair(std::move(q), std::move(answer)), std::nullopt};
}

}  // namespace

PlainWalks::PlainWalks(const trace::World& world, const topology::Topology& topology)
    : world_(world), topology_(topology) {
  for (const auto& m : topology.machines()) {
    for (const auto& [address, device] : m->addresses) {
      if (address.is_v4() && !address.is_loopback()) known_.push_back(address.v4_number());
    }
  }
  std::ranges::sort(known_);
}

std::optional<Settled> PlainWalks::settle(const Sender& sender, const query::Target& target) const {
  trace::Question q;
  q.to = target.to.unmapped();
  q.port = target.port;
  q.protocol = target.protocol;
  q.source_port = target.source_port;
  q.edges = target.edges;
  if (const auto* forging = std::get_if<Forging>(&sender.from))
    return forged(*forging, std::move(q), target.source);
  if (const auto* local = std::get_if<trace::LocalOrigin>(&sender.from)) {
    q.from = *local;
    q.source = sender.bound;
  } else {
    q.from = std::get<trace::OutsideOrigin>(sender.from);
  }
  return bound(sender, std::move(q));
}

PlainWalks::Walked PlainWalks::walk(trace::Question q) const {
  Walked out;
  q.reads = &out.reads;
  out.answer = world_.ask(q);
  return out;
}

// Its packets differ in their source port alone.
std::optional<Settled> PlainWalks::bound(const Sender& sender, trace::Question q) const {
  auto [answer, reads] = walk(q);
  if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
  const bool any_port = sender.any_source_port && !q.source_port;
  // To itself the port of a connection may be that of its service.
  if (any_port && answer.source == q.to) return std::nullopt;
  if (answer.verdict != Verdict::kClosed ||
      (any_port && (!reads.is_clear() || reads.port_was_asked())))
    return std::nullopt;
  Settled out{std::nullopt, std::nullopt};
  Told told;
  const bool everybodys = sender.bound && sender.bound->is_loopback();  // no other source is meant
  if (everybodys) {
    if (reads.is_clear()) out.parts = told.starts();
  } else if (q.to.is_v4() && (answer.source || reads.none()) && !reads.is_singular()) {
    const auto cell = cell_of(reads, answer.source ? answer.source->unmapped().v4_number() : 0);
    if (cell) told.add(*cell);
    if (cell) out.parts = told.starts();
  }
  return out;
}

std::optional<Settled> PlainWalks::forged(const Forging& forging, trace::Question q,
                                          std::optional<IpAddress> source) const {
  const auto own = source ? source : own_address(forging, topology_, q.to.family());
  if (!own || own->family() != q.to.family()) return std::nullopt;
  q.from = trace::ForgedOrigin{forging.ns,  forging.link, forging.outside, *own,
                               forging.own, forging.to,   forging.tagged};
  if (q.to.is_v4() && !source) return from_anywhere(std::move(q), *own);
  auto [answer, reads] = walk(q);
  if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
  if (answer.verdict != Verdict::kClosed || !reads.none() || reads.socket_was_reached())
    return std::nullopt;
  return Settled{std::nullopt, std::nullopt};
}

// Walks from addresses of which nothing was told yet until one gets in or all have been told of.
// What is stopped on its way there is stopped whatever its source port and MAC address are; where
// only the answer is lost, others may hear it.
std::optional<Settled> PlainWalks::from_anywhere(trace::Question q, IpAddress own) const {
  Told told;
  told.add(q.to.v4_number());  // as a source it is not asked about
  std::uint32_t address = own.v4_number();
  Part part = told.around(address);
  std::size_t tries = 0;  // of this part
  for (std::size_t walks = 0; walks < kMostWalks; ++walks) {
    std::get<trace::ForgedOrigin>(q.from).source = IpAddress::v4(address);
    auto [answer, reads] = walk(q);
    if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
    if (answer.verdict != Verdict::kClosed || reads.port_was_asked()) return std::nullopt;
    if (!part.is_single() && reads.is_singular()) {  // tells nothing of others there
      if (++tries == kMostTries) return std::nullopt;
      address = one_between(part.first, part.last, tries);
      continue;
    }
    if (part.is_single()) {
      told.add(address);
    } else if (const auto cell = cell_of(reads, address)) {
      told.add(*cell);
    } else {
      return std::nullopt;
    }
    const auto next = told.next();
    if (!next) return Settled{std::nullopt, told.starts()};
    part = *next;
    tries = 0;
    address = one_between(part.first, part.last, tries);
  }
  return std::nullopt;
}

// First an address that nobody has: what is special about somebody's (it is the receiver's own,
// say) would tell nothing of the others.
std::uint32_t PlainWalks::one_between(std::uint32_t first, std::uint32_t last,
                                      std::size_t turn) const {
  constexpr std::uint32_t kSomewhere = 0x01010101;  // parts often begin where no real address is
  const std::span known(std::ranges::lower_bound(known_, first),
                        std::ranges::upper_bound(known_, last));
  if (turn > 0 && turn <= known.size()) return known[turn - 1];
  if (first < kSomewhere && kSomewhere <= last) return kSomewhere;
  std::uint32_t address = first;
  while (address < last && std::ranges::binary_search(known, address)) ++address;
  return address;
}

}  // namespace bulkhead::verify
