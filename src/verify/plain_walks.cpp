#include "verify/plain_walks.h"

#include <algorithm>
#include <span>
#include <utility>

namespace bulkhead::verify {
namespace {

using trace::AddressCell;
using trace::AddressPart;
using trace::EndReads;
using trace::ToldAddresses;
using trace::Verdict;
using Settled = PlainWalks::Settled;

// What a walk from `address` says of others; nullopt: nothing is known, or a socket was reached, so
// that it depends on who hears the answer.
std::optional<AddressCell> cell_of(const EndReads& reads, std::uint32_t address) {
  return reads.socket_was_reached() ? std::nullopt : reads.cell_of(address);
}

// The question outlives the records of this walk.
Settled opened(trace::Question q, trace::Answer answer) {
  q.to_reads = nullptr;
  return {std::pair(std::move(q), std::move(answer)), std::nullopt};
}

// What stops its packets may be said of other destinations.
bool is_retold(const trace::Question& q) {
  return !q.source_port && q.edges.empty();
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

std::optional<Settled> PlainWalks::settle(const Sender& sender, const query::Target& target) {
  trace::Question q;
  q.to = target.to.unmapped();
  q.port = target.port;
  q.protocol = target.protocol;
  q.source_port = target.source_port;
  q.edges = target.edges;
  q.to_reads = target.to_reads;
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

PlainWalks::Walked PlainWalks::walk(trace::Question q, trace::NatAreas* areas) const {
  Walked out;
  q.reads = &out.reads;
  q.nat_areas = areas;
  out.answer = world_.ask(q);
  return out;
}

PlainWalks::Walked PlainWalks::walk_alone(trace::Question q) const {
  Walked out;
  out.reads.note_port_alone();
  q.reads = &out.reads;
  out.answer = world_.ask(q);
  return out;
}

// Its packets differ in their source port alone.
std::optional<Settled> PlainWalks::bound(const Sender& sender, trace::Question q) const {
  auto [answer, reads] = walk(q);
  if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
  const bool any_port = sender.any_source_port && !q.source_port;
  // To itself, as 0.0.0.0 and :: are, the port of a connection may be that of its service.
  if (any_port && (answer.source == q.to || q.to.is_unspecified())) return std::nullopt;
  if (answer.verdict != Verdict::kClosed ||
      (any_port && (!reads.is_clear() || reads.port_was_asked())))
    return std::nullopt;
  Settled out{std::nullopt, std::nullopt};
  ToldAddresses told;
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
                                          std::optional<IpAddress> source) {
  const auto own = source ? source : own_address(forging, topology_, q.to.family());
  if (!own || own->family() != q.to.family()) return std::nullopt;
  q.from = trace::ForgedOrigin{forging.ns,  forging.link, forging.outside, *own,
                               forging.own, forging.to,   forging.tagged};
  if (q.to.is_v4() && !source) return from_anywhere(forging, std::move(q), *own);
  if (q.to_reads != nullptr) q.to_reads->unclear();
  auto [answer, reads] = walk(q);
  if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
  if (answer.verdict != Verdict::kClosed || !reads.none() || reads.socket_was_reached())
    return std::nullopt;
  return Settled{std::nullopt, std::nullopt};
}

struct PlainWalks::Told {
  ToldAddresses addresses;
  bool of_destination = false;  // as a source, too
  EndReads asked;               // of the destination, by all walks
};

std::optional<Settled> PlainWalks::from_anywhere(const Forging& forging, trace::Question q,
                                                 IpAddress own) {
  const Who who{forging.ns.value, forging.link.value, forging.outside,
                forging.own,      forging.to,         forging.tagged};
  const EndReads* record = nullptr;
  const auto same = [&](const EndReads& asked, const auto&) {
    record = &asked;
    return asked.same_to(q.to, q.port);
  };
  const auto* const known = is_retold(q) ? stopped_.find(who, q.protocol, q.to, same) : nullptr;
  if (known == nullptr) return anew(who, std::move(q), own);
  if (q.to_reads != nullptr) q.to_reads->also(*record);
  Settled out{std::nullopt, *known};
  trace::set_apart(*out.parts, q.to.v4_number());
  return out;
}

std::optional<Settled> PlainWalks::anew(const Who& who, trace::Question q, IpAddress own) {
  const bool retold = is_retold(q);
  const IpAddress to = q.to;
  const IpProtocol protocol = q.protocol;
  EndReads* const wanted = q.to_reads;
  Told told;
  told.addresses.add(to.v4_number());  // as a source it is not asked about
  q.to_reads = &told.asked;
  auto settled = walk_from_all(std::move(q), own, told);
  if (!retold || !settled || settled->open || !settled->parts || !told.of_destination)
    told.asked.unclear();
  if (wanted != nullptr) wanted->also(told.asked);
  if (told.asked.is_clear_by_type())
    stopped_.add(who, protocol, to, std::move(told.asked), *settled->parts);
  return settled;
}

// Walks from addresses of which nothing was told yet until one gets in or all have been told of.
// What is stopped on its way there is stopped whatever its source port and MAC address are; where
// only the answer is lost, others may hear it.
std::optional<Settled> PlainWalks::walk_from_all(trace::Question q, IpAddress own, Told& all) {
  ToldAddresses& told = all.addresses;
  std::uint32_t address = own.v4_number();
  AddressPart part = told.around(address);
  std::size_t tries = 0;  // of this part
  for (std::size_t walks = 0; walks < kMostWalks; ++walks) {
    std::get<trace::ForgedOrigin>(q.from).source = IpAddress::v4(address);
    if (!all.asked.is_clear_by_type()) q.to_reads = nullptr;  // no more is to be said of it
    auto [answer, reads] = part.is_single() ? walk_alone(q) : walk(q, &nat_areas_);
    if (answer.verdict == Verdict::kOpen) return opened(std::move(q), std::move(answer));
    if (answer.verdict != Verdict::kClosed || reads.port_was_asked() || reads.mac_was_asked())
      return std::nullopt;
    if (!part.is_single() && reads.is_singular()) {  // tells nothing of others there
      if (++tries == kMostTries) return std::nullopt;
      address = one_between(part.first, part.last, tries);
      continue;
    }
    if (part.is_single()) {
      told.add(address);
    } else if (const auto cell = cell_of(reads, address)) {
      told.add(*cell);
      all.of_destination = all.of_destination || contains(*cell, q.to.v4_number());
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
