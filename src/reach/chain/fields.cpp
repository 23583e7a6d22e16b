#include "reach/chain/fields.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace bulkhead::reach {
namespace {

using packet::FieldId;

enum class Width : std::uint8_t { kNumber, kAddress, kMark };

struct Row {
  Quantity quantity;
  std::string_view name;
  Width width;
  unsigned bits;  // kNumber
};

// In the order in which diagrams ask: what constrains together stands together, endpoints first.
constexpr std::array<Row, kQuantities> kRows = {{
    {Quantity::kIif, "iif", Width::kNumber, 16},
    {Quantity::kPhysIn, "physin", Width::kNumber, 16},
    {Quantity::kSource, "src", Width::kAddress, 0},
    {Quantity::kSourceMac, "smac", Width::kNumber, 48},
    {Quantity::kOif, "oif", Width::kNumber, 16},
    {Quantity::kPhysOut, "physout", Width::kNumber, 16},
    {Quantity::kDestination, "dst", Width::kAddress, 0},
    {Quantity::kDestinationMac, "dmac", Width::kNumber, 48},
    {Quantity::kBridged, "bridged", Width::kNumber, 1},
    {Quantity::kPacketType, "pkttype", Width::kNumber, 2},
    {Quantity::kCtInfo, "ctinfo", Width::kNumber, 3},
    {Quantity::kCtStatus, "ctstatus", Width::kNumber, 9},
    {Quantity::kProtocol, "proto", Width::kNumber, 8},
    {Quantity::kTcpFlags, "flags", Width::kNumber, 8},
    {Quantity::kDestinationPort, "dport", Width::kNumber, 16},
    {Quantity::kSourcePort, "sport", Width::kNumber, 16},
    {Quantity::kIcmpType, "icmptype", Width::kNumber, 8},
    {Quantity::kIcmpCode, "icmpcode", Width::kNumber, 8},
    {Quantity::kMark, "mark", Width::kMark, 32},
    {Quantity::kCtMark, "ctmark", Width::kMark, 32},
    {Quantity::kTos, "tos", Width::kNumber, 8},
    {Quantity::kHopLimit, "hops", Width::kNumber, 8},
    {Quantity::kLength, "length", Width::kNumber, 16},
    {Quantity::kHasSocket, "socket", Width::kNumber, 1},
    {Quantity::kUid, "uid", Width::kNumber, 32},
    {Quantity::kGid, "gid", Width::kNumber, 32},
    {Quantity::kCtZone, "ctzone", Width::kNumber, 16},
    {Quantity::kCtProtocol, "ctproto", Width::kNumber, 8},
    {Quantity::kCtOriginalSource, "ctosrc", Width::kAddress, 0},
    {Quantity::kCtOriginalDestination, "ctodst", Width::kAddress, 0},
    {Quantity::kCtOriginalSourcePort, "ctosport", Width::kNumber, 16},
    {Quantity::kCtOriginalDestinationPort, "ctodport", Width::kNumber, 16},
    {Quantity::kCtReplySource, "ctrsrc", Width::kAddress, 0},
    {Quantity::kCtReplyDestination, "ctrdst", Width::kAddress, 0},
    {Quantity::kCtReplySourcePort, "ctrsport", Width::kNumber, 16},
    {Quantity::kCtReplyDestinationPort, "ctrdport", Width::kNumber, 16},
}};

// The widths of the fields of one quantity, most significant first.
std::vector<unsigned> widths(const Row& row, IpFamily family, const MarkMasks& marks) {
  if (row.width == Width::kNumber) return {row.bits};
  if (row.width == Width::kAddress) {
    return family == IpFamily::kV4 ? std::vector<unsigned>{32} : std::vector<unsigned>{64, 64};
  }
  std::vector<unsigned> out;
  unsigned from = 31;
  for (unsigned bit = 31; bit > 0; --bit) {
    if (!marks.cut_below(bit - 1)) continue;
    out.push_back(from - bit + 1);
    from = bit - 1;
  }
  out.push_back(from + 1);
  return out;
}

// ----------------------------------------------------------------------- masks in rules

std::uint32_t mark_number(const Bytes& bytes, bool little_endian) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint32_t byte = i < bytes.size() ? bytes[i] : 0U;
    out |= byte << (8 * (little_endian ? i : 3 - i));
  }
  return out;
}

bool speaks_of_mark(const model::Term& term, unsigned depth);

bool any_speaks_of_mark(const model::Terms& terms, unsigned depth) {
  return std::any_of(terms.begin(), terms.end(),
                     [&](const model::Term& t) { return speaks_of_mark(t, depth + 1); });
}

const model::Terms* children(const model::Term& term) {
  if (const auto* t = std::get_if<model::BitwiseTerm>(&term.node)) return &t->operand;
  if (const auto* t = std::get_if<model::BooleanTerm>(&term.node)) return &t->operands;
  if (const auto* t = std::get_if<model::ShiftTerm>(&term.node)) return &t->operand;
  if (const auto* t = std::get_if<model::ByteOrderTerm>(&term.node)) return &t->operand;
  if (const auto* t = std::get_if<model::ConcatTerm>(&term.node)) return &t->parts;
  if (const auto* t = std::get_if<model::MapTerm>(&term.node)) return &t->key;
  return nullptr;
}

bool speaks_of_mark(const model::Term& term, unsigned depth) {
  constexpr unsigned kDeepest = 24;
  if (depth > kDeepest) return false;
  if (const auto* meta = std::get_if<model::MetaTerm>(&term.node)) {
    return meta->key == model::MetaKey::kMark;
  }
  if (const auto* ct = std::get_if<model::CtTerm>(&term.node))
    return ct->key == model::CtKey::kMark;
  const model::Terms* below = children(term);
  return below != nullptr && any_speaks_of_mark(*below, depth);
}

struct Collect {
  MarkMasks& marks;
  bool little_endian;

  void term(const model::Term& t, unsigned depth = 0) const {
    constexpr unsigned kDeepest = 24;
    if (depth > kDeepest) return;
    const auto* bitwise = std::get_if<model::BitwiseTerm>(&t.node);
    if (bitwise != nullptr && speaks_of_mark(t, 0)) {
      marks.add(mark_number(bitwise->mask, little_endian));
      Bytes turned = bitwise->mask;  // behind a ByteOrder term
      turned.resize(4);
      marks.add(mark_number(turned, !little_endian));
    }
    const model::Terms* below = children(t);
    if (below == nullptr) return;
    for (const model::Term& child : *below) term(child, depth + 1);
  }

  void operator()(const model::Compare& s) const { term(s.left); }
  void operator()(const model::InRange& s) const { term(s.left); }
  void operator()(const model::InSet& s) const { term(s.key); }
  void operator()(const model::VerdictMap& s) const { term(s.key); }
  void operator()(const model::SetMeta& s) const { term(s.value); }
  void operator()(const model::SetCt& s) const { term(s.value); }
  void operator()(const model::XtMatch& s) const {
    if (const auto* mark = std::get_if<model::xt::Mark>(&s.info)) marks.add(mark->mask);
  }
  void operator()(const model::XtTarget& s) const {
    if (const auto* mark = std::get_if<model::xt::MarkTarget>(&s.info)) marks.add(mark->mask);
    if (const auto* mark = std::get_if<model::xt::ConnmarkTarget>(&s.info)) {
      marks.add(mark->ct_mask);
      marks.add(mark->nf_mask);
    }
    if (const auto* mark = std::get_if<model::xt::TproxyTarget>(&s.info))
      marks.add(mark->mark_mask);
  }
  template <class Other>
  void operator()(const Other&) const {}  // looks at no mark through a mask
};

}  // namespace

void MarkMasks::add(const model::Ruleset& rules, bool little_endian) {
  for (const model::Table& table : rules.tables) {
    for (const model::Chain& chain : table.chains) {
      for (const model::Rule& rule : chain.rules) {
        for (const model::Statement& s : rule.statements)
          std::visit(Collect{*this, little_endian}, s);
      }
    }
  }
  for (const model::IpSet& set : rules.ipsets) add(set.mark_mask);
}

Fields::Fields(IpFamily family, std::vector<packet::Field> fields,
               std::vector<std::vector<FieldId>> orders, packet::Layout layout)
    : family_(family),
      fields_(std::move(fields)),
      orders_(std::move(orders)),
      layout_(std::move(layout)),
      parts_(kQuantities) {}

Fields Fields::make(IpFamily family, const MarkMasks& marks) {
  std::vector<packet::Field> fields;
  std::vector<std::vector<Part>> parts(kQuantities);
  for (const Row& row : kRows) {
    const std::vector<unsigned> bits = widths(row, family, marks);
    unsigned low = 0;
    for (unsigned width : bits) low += width;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      low -= bits[i];
      const FieldId id{static_cast<std::uint8_t>(fields.size())};
      std::string name(row.name);
      if (bits.size() > 1) name += std::to_string(low);
      fields.push_back({std::move(name), bits[i]});
      parts[static_cast<std::size_t>(row.quantity)].push_back({id, bits[i], low});
    }
  }
  std::vector<FieldId> first, second;
  for (std::size_t i = 0; i < fields.size(); ++i) first.push_back({static_cast<std::uint8_t>(i)});
  // The second: interfaces together, then the source side, for rules that pair interfaces first.
  constexpr std::array<Quantity, 4> kOnTop = {Quantity::kIif, Quantity::kOif, Quantity::kProtocol,
                                              Quantity::kDestination};
  for (Quantity q : kOnTop) {
    for (const Part& part : parts[static_cast<std::size_t>(q)]) second.push_back(part.field);
  }
  for (FieldId id : first) {
    if (std::find(second.begin(), second.end(), id) == second.end()) second.push_back(id);
  }
  packet::Layout layout = packet::Layout::make(fields, first).value();
  Fields out(family, std::move(fields), {std::move(first), std::move(second)}, std::move(layout));
  out.parts_ = std::move(parts);
  return out;
}

std::span<const Fields::Part> Fields::parts(Quantity quantity) const {
  return parts_.at(static_cast<std::size_t>(quantity));
}

unsigned Fields::bits(Quantity quantity) const {
  unsigned sum = 0;
  for (const Part& part : parts(quantity)) sum += part.bits;
  return sum;
}

FieldId Fields::only(Quantity quantity) const {
  return parts(quantity).front().field;
}

std::uint64_t Fields::get(const packet::Packet& packet, Quantity quantity) const {
  std::uint64_t out = 0;
  for (const Part& part : parts(quantity)) {
    if (part.low < 64) out |= packet[part.field] << part.low;
  }
  return out;
}

void Fields::set(packet::Packet& packet, Quantity quantity, std::uint64_t number) const {
  for (const Part& part : parts(quantity)) {
    packet[part.field] = part.low >= 64 ? 0 : (number >> part.low) & packet::max_value(part.bits);
  }
}

std::uint64_t number_of(MacAddress mac) {
  std::uint64_t n = 0;
  for (const std::uint8_t o : mac.octets()) n = n << 8 | o;
  return n;
}

MacAddress Fields::mac(const packet::Packet& packet, Quantity quantity) const {
  const std::uint64_t number = get(packet, quantity);
  std::array<std::uint8_t, 6> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i)
    octets[i] = static_cast<std::uint8_t>(number >> (8 * (octets.size() - 1 - i)));
  return MacAddress(octets);
}

IpAddress Fields::address(const packet::Packet& packet, Quantity quantity) const {
  const auto all = parts(quantity);
  if (family_ == IpFamily::kV4) {
    return IpAddress::v4(static_cast<std::uint32_t>(packet[all[0].field]));
  }
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    octets[i] = static_cast<std::uint8_t>(packet[all[i / 8].field] >> (8 * (7 - i % 8)));
  }
  return IpAddress::v6(octets);
}

void Fields::set_address(packet::Packet& packet, Quantity quantity,
                         const IpAddress& address) const {
  const auto all = parts(quantity);
  const auto octets = address.octets();
  for (const Part& part : all) packet[part.field] = 0;
  if (octets.size() * 8 != bits(quantity)) return;  // of the other family
  for (std::size_t i = 0; i < octets.size(); ++i) {
    std::uint64_t& word = packet[all[i / 8].field];
    word = word << 8 | octets[i];
  }
}

}  // namespace bulkhead::reach
