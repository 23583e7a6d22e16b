#include "verify/plain_walks.h"

#include <algorithm>
#include <bit>
#include <set>
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
};

// The parts of the IPv4 addresses that the tests of all walks so far tell apart.
class Parts {
 public:
  // False: of a form that does not cut the addresses into intervals.
  [[nodiscard]] bool cut(const SourceReads::Test& test) {
    const auto mask = static_cast<std::uint32_t>(test.mask), free = ~mask;
    if (test.mask > kLastAddress || !std::has_single_bit(std::uint64_t{free} + 1)) return false;
    const std::uint64_t last = (test.first + test.span) | free;
    if (test.first != 0 && test.first <= kLastAddress)
      starts_.insert(static_cast<std::uint32_t>(test.first));
    if (last < kLastAddress) starts_.insert(static_cast<std::uint32_t>(last) + 1);
    return true;
  }
  [[nodiscard]] std::vector<std::uint32_t> starts() const {
    return {starts_.begin(), starts_.end()};
  }
  void walked(std::uint32_t address) { walked_.insert(address); }

  // One of which no address was walked; nullopt: there is none.
  [[nodiscard]] std::optional<Part> next() const {
    for (auto at = starts_.begin(); at != starts_.end(); ++at) {
      const auto after = std::next(at);
      const std::uint32_t last = after == starts_.end() ? kLastAddress : *after - 1;
      const auto walk = walked_.lower_bound(*at);
      if (walk == walked_.end() || *walk > last) return Part{*at, last};
    }
    return std::nullopt;
  }

 private:
  std::set<std::uint32_t> starts_ = {0}, walked_;
};

Settled opened(trace::Question q, trace::Answer answer) {
  return {std::pair(std::move(q), std::move(answer)), std::nullopt};
}

// False: what was asked does not cut the addresses into few intervals, or a socket was reached, so
// that it depends on who hears the answer.
bool cut_by(const SourceReads& reads, Parts& parts) {
  constexpr std::size_t kMostTests = 512;
  const auto tests = reads.tests(kMostTests);
  for (const IpAddress& to : reads.destinations()) {
    if (to.is_v4() && !parts.cut({kLastAddress, to.v4_number(), 0})) return false;
  }
  return reads.is_clear() && !reads.socket_was_reached() && tests &&
         std::ranges::all_of(*tests, [&](const auto& test) { return parts.cut(test); });
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
  Parts parts;
  const bool everybodys = sender.bound && sender.bound->is_loopback();  // no other source is meant
  const bool told =
      everybodys ? reads.is_clear() : q.to.is_v4() && !reads.is_singular() && cut_by(reads, parts);
  if (told) out.parts = parts.starts();
  return out;
}

std::optional<Settled> PlainWalks::forged(const Forging& forging, trace::Question q,
                                          std::optional<IpAddress> source) const {
  const auto own = source ? source : own_address(forging, q.to.family());
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

// Walks from an address of each part until one gets in. What is stopped on its way there is stopped
// whatever its source port and MAC address are; where only the answer is lost, others may hear it.
std::optional<Settled> PlainWalks::from_anywhere(trace::Question q, IpAddress own) const {
  Parts parts;
  const std::uint32_t to = q.to.v4_number();  // as a source it is not asked about
  if (!parts.cut({kLastAddress, to, 0})) return std::nullopt;
  parts.walked(to);
  Part part;
  std::uint32_t address = own.v4_number();
  std::size_t tries = 0;  // of this part
  for (std::size_t walks = 0; walks < kMostWalks; ++walks) {
    std::get<trace::ForgedOrigin>(q.from).source = IpAddress::v4(address);
    auto [answer, reads] = walk(q);
    if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
    if (answer.verdict != Verdict::kClosed || reads.port_was_asked()) return std::nullopt;
    if (part.first != part.last && reads.is_singular()) {  // tells nothing of others there
      if (++tries == kMostTries) return std::nullopt;
      address = one_between(part.first, part.last, tries);
      continue;
    }
    if (part.first != part.last && !cut_by(reads, parts)) return std::nullopt;
    parts.walked(address);
    const auto next = parts.next();
    if (!next) return Settled{std::nullopt, parts.starts()};
    part = *next;
    tries = 0;
    address = one_between(part.first, part.last, tries);
  }
  return std::nullopt;
}

std::optional<IpAddress> PlainWalks::own_address(const Forging& forging, IpFamily family) const {
  if (forging.address) return forging.address;
  const topology::Machine* m = topology_.machine(forging.ns);
  const topology::Device* link = m != nullptr ? m->device(forging.link) : nullptr;
  if (link == nullptr || forging.outside) return std::nullopt;
  const auto& own = family == IpFamily::kV4 ? link->addresses4 : link->addresses6;
  for (const model::Address* a : own) {
    if (!a->local.is_link_local()) return a->local;
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
