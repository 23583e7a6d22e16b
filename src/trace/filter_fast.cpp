// Fast forms of the comparisons that nearly all rules are made of.
#include <algorithm>

#include "trace/filter_build.h"

namespace bulkhead::trace::filtering {
namespace {

using model::CompareOp;
using model::PayloadBase;

constexpr std::size_t kNameBytes = 16;  // IFNAMSIZ

FieldPlace payload_field(const model::PayloadTerm& p) {
  const auto place = [&](Field field, std::uint32_t offset, std::uint32_t width) -> FieldPlace {
    if (p.offset != offset || p.length == 0 || p.length > width) return {};
    return {field, static_cast<std::uint8_t>(width), static_cast<std::uint8_t>(p.length)};
  };
  if (p.base == PayloadBase::kLink) return place(Field::kEtherType, 12, 2);
  if (p.base == PayloadBase::kNetwork) {
    switch (p.offset) {
      case 6: return place(Field::kIpv6NextHeader, 6, 1);
      case 9: return place(Field::kIpv4Protocol, 9, 1);
      case 12: return place(Field::kIpv4Source, 12, 4);
      case 16: return place(Field::kIpv4Destination, 16, 4);
      default: return {};
    }
  }
  if (p.base == PayloadBase::kTransport) {
    switch (p.offset) {
      case 0: return place(Field::kSourcePort, 0, 2);
      case 2: return place(Field::kDestinationPort, 2, 2);
      case 13: return place(Field::kTcpFlags, 13, 1);
      default: return {};
    }
  }
  return {};
}

FieldPlace meta_field(const model::MetaTerm& m) {
  if (m.key == model::MetaKey::kL4proto) return {Field::kL4Proto, 1, 1};
  if (m.key == model::MetaKey::kNfproto) return {Field::kNfProto, 1, 1};
  if (m.key == model::MetaKey::kProtocol) return {Field::kProtocol, 2, 2};
  if (m.key == model::MetaKey::kPkttype) return {Field::kPacketType, 1, 1};
  if (m.key == model::MetaKey::kMark) return {Field::kMark, 4, 4};
  if (m.key == model::MetaKey::kIif) return {Field::kIif, 4, 4};
  if (m.key == model::MetaKey::kOif) return {Field::kOif, 4, 4};
  return {};
}

// A bitwise term without exclusive-or around a field; `mask` gets its mask.
const model::Term* masked(const model::Term& term, const Bytes*& mask) {
  const auto* bitwise = std::get_if<model::BitwiseTerm>(&term.node);
  if (bitwise == nullptr) return &term;
  if (bitwise->operand.size() != 1) return nullptr;
  if (std::any_of(bitwise->exclusive_or.begin(), bitwise->exclusive_or.end(),
                  [](std::uint8_t byte) { return byte != 0; })) {
    return nullptr;
  }
  mask = &bitwise->mask;
  return &bitwise->operand[0];
}

// Where the compared bytes lie within the field's number.
struct Shape {
  FieldPlace place;
  std::uint64_t mask = 0;  // of the bytes that are compared
  unsigned shift = 0;      // of the constant
};

std::optional<Shape> shape_of(const model::Term& left, std::size_t compared) {
  const Bytes* mask = nullptr;
  const model::Term* leaf = masked(left, mask);
  if (leaf == nullptr) return std::nullopt;
  Shape shape;
  shape.place = field_of(*leaf);
  if (shape.place.field == Field::kCount || compared == 0 || compared > shape.place.bytes) {
    return std::nullopt;
  }
  if (mask != nullptr && mask->size() != shape.place.bytes) return std::nullopt;
  shape.shift = 8U * static_cast<unsigned>(shape.place.width - compared);
  std::uint64_t bits = (std::uint64_t{1} << (8 * compared)) - 1;
  if (mask != nullptr) bits &= big_endian_number(ByteView(*mask).first(compared));
  shape.mask = bits << shape.shift;
  return shape;
}

void make_interval(Op& op, const Shape& shape, std::uint64_t first, std::uint64_t last,
                   bool inverted) {
  op.kind = OpKind::kField;
  op.field = shape.place.field;
  op.mask = shape.mask;
  op.first = first << shape.shift;
  op.span = (last << shape.shift) - op.first;
  op.inverted = inverted;
}

bool make_field(Op& op, const model::Compare& c) {
  const auto shape = shape_of(c.left, c.right.size());
  if (!shape) return false;
  const std::uint64_t most = (std::uint64_t{1} << (8 * c.right.size())) - 1;
  const std::uint64_t value = big_endian_number(c.right);
  switch (c.op) {
    case CompareOp::kEqual: make_interval(op, *shape, value, value, false); return true;
    case CompareOp::kNotEqual: make_interval(op, *shape, value, value, true); return true;
    case CompareOp::kLess: make_interval(op, *shape, value, most, true); return true;
    case CompareOp::kGreaterEqual: make_interval(op, *shape, value, most, false); return true;
    case CompareOp::kLessEqual: make_interval(op, *shape, 0, value, false); return true;
    case CompareOp::kGreater: make_interval(op, *shape, 0, value, true); return true;
  }
  return false;
}

void set_wide(Program& program, Op& op, OpKind kind, std::span<const std::uint8_t, 16> value,
              std::span<const std::uint8_t, 16> bits) {
  op.kind = kind;
  op.wide = static_cast<std::uint32_t>(program.wides.size());
  program.wides.push_back({big_endian_number(bits.first(8)), big_endian_number(bits.subspan(8)),
                           big_endian_number(value.first(8)), big_endian_number(value.subspan(8))});
}

// Compares the first bytes of an interface name, as many as are given.
void set_name(Program& program, Op& op, ByteView name) {
  std::array<std::uint8_t, kNameBytes> bits{}, value{};
  std::copy(name.begin(), name.end(), value.begin());
  std::fill_n(bits.begin(), name.size(), std::uint8_t{0xff});
  set_wide(program, op, OpKind::kName, value, bits);
}

bool make_name(Program& program, Op& op, const model::Compare& c) {
  const auto* meta = std::get_if<model::MetaTerm>(&c.left.node);
  if (meta == nullptr || c.right.empty() || c.right.size() > kNameBytes) return false;
  if (meta->key != model::MetaKey::kIifname && meta->key != model::MetaKey::kOifname) return false;
  set_name(program, op, c.right);
  op.second = meta->key == model::MetaKey::kOifname;
  op.inverted = c.op == CompareOp::kNotEqual;
  return true;
}

bool make_address6(Program& program, Op& op, const model::Compare& c) {
  constexpr std::size_t kWidth = 16;
  const Bytes* mask = nullptr;
  const model::Term* leaf = masked(c.left, mask);
  const auto* payload = leaf == nullptr ? nullptr : std::get_if<model::PayloadTerm>(&leaf->node);
  if (payload == nullptr || payload->base != PayloadBase::kNetwork) return false;
  if (payload->offset != 8 && payload->offset != 24) return false;
  if (payload->length > kWidth || c.right.empty() || c.right.size() > payload->length) return false;
  if (mask != nullptr && mask->size() != payload->length) return false;
  std::array<std::uint8_t, kWidth> bits{}, value{};
  for (std::size_t i = 0; i < c.right.size(); ++i) {
    bits[i] = mask == nullptr ? std::uint8_t{0xff} : (*mask)[i];
    value[i] = c.right[i];
  }
  set_wide(program, op, OpKind::kAddress6, value, bits);
  op.second = payload->offset == 24;
  op.inverted = c.op == CompareOp::kNotEqual;
  return true;
}

// ---------------------------------------------------------------------------- x_tables

Op field_op(const Op& like, Field field, std::uint64_t mask, std::uint64_t first,
            std::uint64_t last, bool inverted) {
  Op op = like;
  op.kind = OpKind::kField;
  op.field = field;
  op.mask = mask;
  op.first = first;
  op.span = last - first;
  op.inverted = inverted;
  return op;
}

Op port_op(const Op& like, Field field, const model::xt::PortRange& range, bool inverted) {
  return field_op(like, field, 0xffff, range.first.number, range.last.number, inverted);
}

bool all_ports(const model::xt::PortRange& range, bool inverted) {
  return !inverted && range.first.number == 0 && range.last.number == 0xffff;
}

bool in_order(const model::xt::PortRange& range) {
  return range.first <= range.last;
}

template <class PortMatch>
void lower_ports(std::vector<Op>& ops, const Op& like, const PortMatch& m) {
  if (!all_ports(m.source, m.source_inverted)) {
    ops.push_back(port_op(like, Field::kSourcePort, m.source, m.source_inverted));
  }
  if (!all_ports(m.destination, m.destination_inverted)) {
    ops.push_back(port_op(like, Field::kDestinationPort, m.destination, m.destination_inverted));
  }
}

bool lower_tcp(std::vector<Op>& ops, const Op& like, const model::xt::Tcp& m) {
  if (m.option != 0 || !in_order(m.source) || !in_order(m.destination)) return false;
  const auto tcp = static_cast<std::uint64_t>(IpProtocol::kTcp);
  ops.push_back(field_op(like, Field::kL4Proto, 0xff, tcp, tcp, false));
  lower_ports(ops, like, m);
  if (m.flag_mask != 0 || m.flag_value != 0 || m.flags_inverted) {
    ops.push_back(field_op(like, Field::kTcpFlags, m.flag_mask, m.flag_value, m.flag_value,
                           m.flags_inverted));
  }
  return true;
}

bool lower_conntrack(std::vector<Op>& ops, const Op& like, const model::xt::Conntrack& m) {
  model::xt::Conntrack only_state;
  only_state.state_mask = m.state_mask;
  only_state.state_inverted = m.state_inverted;
  if (!m.state_mask || !(m == only_state)) return false;
  ops.push_back(field_op(like, Field::kXtState, *m.state_mask, 1, 0xffff, m.state_inverted));
  return true;
}

// An address of the fixed part of a rule: absent ones match everything, unless inverted.
bool lower_address(Program& program, std::vector<Op>& ops, const Op& like,
                   const std::optional<IpAddress>& wanted, const std::optional<IpAddress>& mask,
                   bool inverted, bool destination) {
  if (!wanted) return !inverted;
  if (!mask || mask->family() != wanted->family()) return false;
  if (wanted->is_v4()) {
    const std::uint32_t bits = mask->v4_number(), value = wanted->v4_number() & bits;
    ops.push_back(field_op(like, destination ? Field::kIpv4Destination : Field::kIpv4Source, bits,
                           value, value, inverted));
    return true;
  }
  std::array<std::uint8_t, 16> bits{}, value{};
  for (std::size_t i = 0; i < bits.size(); ++i) {
    bits[i] = mask->octets()[i];
    value[i] = static_cast<std::uint8_t>(wanted->octets()[i] & bits[i]);
  }
  Op op = like;
  set_wide(program, op, OpKind::kAddress6, value, bits);
  op.second = destination;
  op.inverted = inverted;
  ops.push_back(op);
  return true;
}

bool lower_interface(Program& program, std::vector<Op>& ops, const Op& like,
                     const std::string& pattern, bool inverted, bool outgoing) {
  if (pattern.empty()) return !inverted;
  if (pattern.size() >= kNameBytes) return false;
  Bytes name(pattern.begin(), pattern.end());
  if (pattern.ends_with('+')) {
    name.pop_back();
    if (name.empty()) return !inverted;
  } else {
    name.resize(kNameBytes);
  }
  Op op = like;
  set_name(program, op, name);
  op.second = outgoing;
  op.inverted = inverted;
  ops.push_back(op);
  return true;
}

bool lower_header(Program& program, std::vector<Op>& ops, const Op& like,
                  const model::XtHeader& h) {
  if (h.fragment != h.fragment_inverted) return false;
  if (!lower_address(program, ops, like, h.source, h.source_mask, h.source_inverted, false) ||
      !lower_address(program, ops, like, h.destination, h.destination_mask, h.destination_inverted,
                     true) ||
      !lower_interface(program, ops, like, h.in_interface, h.in_inverted, false) ||
      !lower_interface(program, ops, like, h.out_interface, h.out_inverted, true)) {
    return false;
  }
  if (!h.protocol || *h.protocol == IpProtocol::kHopByHop) return true;
  const auto number = static_cast<std::uint64_t>(*h.protocol);
  ops.push_back(field_op(like, Field::kL4Proto, 0xff, number, number, h.protocol_inverted));
  return true;
}

}  // namespace

FieldPlace field_of(const model::Term& term) {
  if (const auto* payload = std::get_if<model::PayloadTerm>(&term.node))
    return payload_field(*payload);
  if (const auto* meta = std::get_if<model::MetaTerm>(&term.node)) return meta_field(*meta);
  if (const auto* ct = std::get_if<model::CtTerm>(&term.node)) {
    if (ct->key == model::CtKey::kState) return {Field::kCtState, 4, 4};
    if (ct->key == model::CtKey::kStatus) return {Field::kCtStatus, 4, 4};
  }
  return {};
}

const model::Terms* children_of(const model::Term& term) {
  if (const auto* t = std::get_if<model::BitwiseTerm>(&term.node)) return &t->operand;
  if (const auto* t = std::get_if<model::BooleanTerm>(&term.node)) return &t->operands;
  if (const auto* t = std::get_if<model::ShiftTerm>(&term.node)) return &t->operand;
  if (const auto* t = std::get_if<model::ByteOrderTerm>(&term.node)) return &t->operand;
  if (const auto* t = std::get_if<model::ConcatTerm>(&term.node)) return &t->parts;
  if (const auto* t = std::get_if<model::MapTerm>(&term.node)) return &t->key;
  return nullptr;
}

void make_fast(Program& program, Op& op, const model::Compare& compare) {
  if (make_field(op, compare)) return;
  const bool equality = compare.op == CompareOp::kEqual || compare.op == CompareOp::kNotEqual;
  if (!equality || make_name(program, op, compare)) return;
  static_cast<void>(make_address6(program, op, compare));
}

void make_fast(Op& op, const model::InRange& range) {
  if (range.first.size() != range.last.size()) return;
  const auto shape = shape_of(range.left, range.first.size());
  if (!shape) return;
  const std::uint64_t first = big_endian_number(range.first), last = big_endian_number(range.last);
  if (first <= last) make_interval(op, *shape, first, last, range.inverted);
}

bool lower(Program& program, const Op& op, std::vector<Op>& out) {
  const model::Statement& statement = *program.details[op.detail].statement;
  std::vector<Op> ops;
  bool done = false;
  if (const auto* header = std::get_if<model::XtHeader>(&statement)) {
    done = lower_header(program, ops, op, *header);
  } else if (const auto* match = std::get_if<model::XtMatch>(&statement)) {
    if (const auto* tcp = std::get_if<model::xt::Tcp>(&match->info)) {
      done = lower_tcp(ops, op, *tcp);
    } else if (const auto* state = std::get_if<model::xt::Conntrack>(&match->info)) {
      done = lower_conntrack(ops, op, *state);
    } else {
      done = std::holds_alternative<model::xt::Comment>(match->info);
    }
  } else if (const auto* target = std::get_if<model::XtTarget>(&statement)) {
    done = std::holds_alternative<model::xt::PassTarget>(target->info);
  } else {
    done = std::holds_alternative<model::Observe>(statement);
  }
  if (done) out.insert(out.end(), ops.begin(), ops.end());
  return done;
}

}  // namespace bulkhead::trace::filtering
