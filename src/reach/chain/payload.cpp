// Bytes of the packet as payload expressions read them (net/netfilter/nft_payload.c). What a
// snapshot cannot know (identification, sequence numbers, checksums, data) is not known.
#include <algorithm>

#include "reach/chain/headers.h"

namespace bulkhead::reach::chains {

using packet::IntervalSet;

namespace {

constexpr std::uint64_t kLengths = 0x1000000;  // keys of Context::tables from here on

}  // namespace

IntervalSet protocols_of(Transport transport) {
  IntervalSet ports = IntervalSet::of({{protocol::kDccp, protocol::kDccp},
                                       {protocol::kSctp, protocol::kSctp},
                                       {protocol::kUdpLite, protocol::kUdpLite}});
  IntervalSet icmp =
      IntervalSet::of({{protocol::kIcmp, protocol::kIcmp}, {protocol::kIcmpV6, protocol::kIcmpV6}});
  switch (transport) {
    case Transport::kTcp: return IntervalSet::single(protocol::kTcp);
    case Transport::kUdp: return IntervalSet::single(protocol::kUdp);
    case Transport::kOtherPorts: return ports;
    case Transport::kIcmp: return icmp;
    case Transport::kOther: break;
  }
  return ports.unite(icmp)
      .unite(IntervalSet::of({{protocol::kTcp, protocol::kTcp}, {protocol::kUdp, protocol::kUdp}}))
      .complement(8);
}

unsigned possible_transports(const Here& here) {
  constexpr unsigned kAll = (1U << kTransports.size()) - 1;
  if (here.image.changed(Quantity::kProtocol) != nullptr) return kAll;
  const IntervalSet* left = here.given.find(here.context.fields.only(Quantity::kProtocol));
  if (left == nullptr) return kAll;
  unsigned out = 0;
  for (std::size_t i = 0; i < kTransports.size(); ++i) {
    if (!left->intersect(protocols_of(kTransports[i])).empty()) out |= 1U << i;
  }
  return out;
}

Frame::Frame(const Here& here, Transport kind) : here_(here) {
  put(Quantity::kDestinationMac, true);
  put(Quantity::kSourceMac, true);
  if (here_.context.tagged()) {
    constant(0x8100, 16);
    if (here_.context.frames == FrameKind::kPriorityTagged)
      constant(0, 16);
    else
      unknown(16);
  }
  if (here_.context.arp()) {
    arp();
    return;
  }
  constant(here_.context.v4() ? 0x0800 : 0x86dd, 16);
  if (here_.context.v4()) {
    ipv4();
  } else {
    ipv6();
  }
  transport_start_ = bits_.size() / 8;
  transport(kind);
}

void Frame::put(Quantity quantity, bool writable) {
  const Bits more = here_.bits(quantity);
  bits_.insert(bits_.end(), more.begin(), more.end());
  for (unsigned i = 0; i < more.size(); ++i) {
    places_.push_back({writable ? std::optional(quantity) : std::nullopt, i});
  }
}

void Frame::constant(std::uint64_t number, unsigned bits) {
  const Bits more = constant_bits(number, bits);
  bits_.insert(bits_.end(), more.begin(), more.end());
  places_.resize(bits_.size());
}

void Frame::unknown(unsigned bits) {
  bits_.insert(bits_.end(), bits, Bit::unknown());
  places_.resize(bits_.size());
}

// A 16-bit function of the packet's length.
template <class Function>
void Frame::length(Function function) {
  const Bits now = here_.bits(Quantity::kLength);
  if (const auto number = constant_of(now)) return constant(function(*number), 16);
  if (here_.image.changed(Quantity::kLength) != nullptr) return unknown(16);
  const packet::FieldId field = here_.context.fields.only(Quantity::kLength);
  // Two such functions differ at one of the ends.
  const auto key = std::pair(static_cast<unsigned>(kLengths + function(0xffff) * 16 + function(0)),
                             unsigned{field.index});
  auto at = here_.context.tables.find(key);
  if (at == here_.context.tables.end()) {
    std::vector<std::uint64_t> values(0x10000);
    for (std::uint64_t n = 0; n < values.size(); ++n) values[n] = function(n);
    at = here_.context.tables.emplace(key, here_.context.sources.add(field, std::move(values), 16))
             .first;
  }
  for (unsigned i = 16; i-- > 0;) {
    bits_.push_back({at->second, static_cast<std::uint8_t>(i), false});
  }
  places_.resize(bits_.size());
}

void Frame::ipv4() {  // RFC 791, no options, never a fragment
  constant(0x45, 8);
  put(Quantity::kTos, true);
  put(Quantity::kLength, false);
  unknown(16);  // identification
  constant(0, 1);
  unknown(1);  // "do not fragment" depends on path MTU discovery
  constant(0, 14);
  put(Quantity::kHopLimit, true);
  put(Quantity::kProtocol, false);
  unknown(16);  // checksum
  put(Quantity::kSource, true);
  put(Quantity::kDestination, true);
}

void Frame::ipv6() {  // RFC 8200, no extension headers
  constant(6, 4);
  put(Quantity::kTos, true);
  unknown(20);  // flow label
  length([](std::uint64_t n) { return n > 40 ? n - 40 : 0; });
  put(Quantity::kProtocol, false);
  put(Quantity::kHopLimit, true);
  put(Quantity::kSource, true);
  put(Quantity::kDestination, true);
}

void Frame::arp() {  // RFC 826, for Ethernet and IPv4
  constant(0x0806, 16);
  constant(0x0001'0800'0604, 48);  // types and lengths of the addresses
  constant(0, 8);
  put(Quantity::kIcmpType, false);
  put(Quantity::kSourceMac, false);
  put(Quantity::kSource, false);
  unknown(48);  // nobody's MAC address in a question, the asker's in an answer
  put(Quantity::kDestination, false);
  transport_start_ = bits_.size() / 8;
}

void Frame::transport(Transport kind) {
  if (kind == Transport::kOther) return;
  if (kind == Transport::kIcmp) {
    put(Quantity::kIcmpType, false);
    put(Quantity::kIcmpCode, false);
    return unknown(48);
  }
  put(Quantity::kSourcePort, true);
  put(Quantity::kDestinationPort, true);
  if (kind == Transport::kTcp) {  // RFC 9293
    unknown(64);                  // sequence and acknowledgement numbers
    unknown(4);                   // data offset: depends on the options sent
    constant(0, 4);
    put(Quantity::kTcpFlags, true);
    unknown(32);      // window, checksum
    constant(0, 16);  // urgent pointer: unused by ordinary connections
  } else if (kind == Transport::kUdp) {
    const std::uint64_t header = here_.context.v4() ? 20 : 40;
    length([header](std::uint64_t n) { return n > header ? n - header : 8; });
    unknown(16);
  }
}

std::optional<std::size_t> start_of(const Here& here, model::PayloadBase base,
                                    std::uint32_t offset) {
  const std::size_t network = here.context.v4() ? 20 : 40;
  switch (base) {
    case model::PayloadBase::kLink: return std::size_t{offset};
    case model::PayloadBase::kNetwork: return here.context.link_bytes() + offset;
    case model::PayloadBase::kTransport: return here.context.link_bytes() + network + offset;
    case model::PayloadBase::kInner:
    case model::PayloadBase::kTunnel: break;
  }
  return std::nullopt;
}

Cube long_enough(const Here& here, std::size_t end, std::size_t known) {
  if (end <= known) return {};
  if (here.context.arp()) return Cube::none();
  const std::size_t link = here.context.link_bytes();
  if (end > 0xffff + link) return Cube::none();
  return here.where(Quantity::kLength, IntervalSet::range(end - link, 0xffff));
}

Cube has_mac_header(const Here& here) {
  constexpr std::uint16_t kEther = 1, kLoopback = 772;
  if (!here.context.is_ip_point()) return {};
  return here.where(Quantity::kIif, here.context.links.where([](const model::Link* link) {
    return link != nullptr && (link->hw_type == kEther || link->hw_type == kLoopback);
  }));
}

namespace {

// What the bytes are in packets with one kind of transport header.
Case case_of(const Here& here, Transport kind, std::size_t from, std::size_t end, ReasonId why) {
  const Frame frame(here, kind);
  Case out{long_enough(here, end, frame.known_bytes()), {Value{{}, why}}};
  for (std::size_t i = from * 8; i < end * 8; ++i) {
    out.alternatives[0].bits.push_back(frame.bit(i));
  }
  return out;
}

// Kinds of headers that have the same bytes there are one case; when there is only one case, every
// packet that the rule's matches leave is in it.
Cases by_transport(const Here& here, std::size_t from, std::size_t end, unsigned kinds) {
  const ReasonId why = here.reason("bytes of the packet that a snapshot does not know");
  const bool same_for_all =
      here.context.arp() || end <= here.context.link_bytes() + (here.context.v4() ? 20U : 40U);
  if (same_for_all) return {case_of(here, Transport::kOther, from, end, why)};
  struct Group {
    Case value;
    IntervalSet protocols;
    bool always_there = false;
  };
  std::vector<Group> groups;
  for (std::size_t i = 0; i < kTransports.size(); ++i) {
    if ((kinds >> i & 1U) == 0) continue;
    Case one = case_of(here, kTransports[i], from, end, why);
    if (one.where.never()) continue;
    const bool always = one.where.always();
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return g.always_there == always && always &&
             g.value.alternatives[0].bits == one.alternatives[0].bits;
    });
    if (same != groups.end()) {
      same->protocols = same->protocols.unite(protocols_of(kTransports[i]));
    } else {
      groups.push_back({std::move(one), protocols_of(kTransports[i]), always});
    }
  }
  IntervalSet covered;
  for (const Group& group : groups) covered = covered.unite(group.protocols);
  IntervalSet all;
  for (std::size_t i = 0; i < kTransports.size(); ++i) {
    if ((kinds >> i & 1U) != 0) all = all.unite(protocols_of(kTransports[i]));
  }
  Cases out;
  for (Group& group : groups) {
    if (groups.size() > 1 || covered != all) {
      group.value.where.and_also(here.where(Quantity::kProtocol, group.protocols));
    }
    if (!group.value.where.never()) out.push_back(std::move(group.value));
  }
  return out;
}

}  // namespace

Result<Cases> evaluate_payload(const Here& here, const model::PayloadTerm& term) {
  constexpr std::uint32_t kMost = 64;
  // NFT_PKTINFO_L4PROTO
  if (here.context.arp() && term.base == model::PayloadBase::kTransport) return Cases{};
  const auto from = start_of(here, term.base, term.offset);
  if (!from) {
    return one_case(unknown_value(term.length, here.reason("what a packet carries inside")));
  }
  if (term.length > kMost) return Cases{};
  const unsigned kinds = possible_transports(here);
  const Context::TermKey key{here.context.point, here.image_id, static_cast<unsigned>(term.base),
                             term.offset,        term.length,   kinds};
  const auto known = here.context.values.find(key);
  if (known != here.context.values.end()) return known->second;
  Cases out = by_transport(here, *from, *from + term.length, kinds);
  if (term.base == model::PayloadBase::kLink) {
    for (Case& c : out) c.where.and_also(has_mac_header(here));
    std::erase_if(out, [](const Case& c) { return c.where.never(); });
  }
  here.context.values.emplace(key, out);
  return out;
}

}  // namespace bulkhead::reach::chains
