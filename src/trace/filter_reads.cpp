// What rules ask of the ends of the connection at hand (EndReads): beside each comparison that is
// made, not instead of it.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <variant>

#include "trace/end_reads.h"
#include "trace/filter_run.h"

namespace bulkhead::trace::filtering {
namespace {

namespace xt = model::xt;

// Where addresses stand in their headers; the destination follows the source.
constexpr std::int64_t kSource4 = 12, kDestination4 = 16, kSource6 = 8, kDestination6 = 24;

// Bytes of a packet, counted from where its network header begins: a term may read on behind
// the header in which it starts.
struct PacketBytes {
  std::int64_t first = 0, length = 0;
  [[nodiscard]] bool overlap(std::int64_t at, std::int64_t width) const {
    return first < at + width && at < first + length;
  }
};

std::int64_t link_bytes(const Packet& p) {
  return p.tagged ? 18 : 14;
}
std::int64_t network_bytes(const Packet& p) {
  return p.is_ip() && p.source.is_v4() ? 20 : 40;
}

// nullopt: of what a packet carries inside.
std::optional<PacketBytes> bytes_of(const Packet& p, const model::PayloadTerm& term) {
  switch (term.base) {
    case model::PayloadBase::kLink: return PacketBytes{term.offset - link_bytes(p), term.length};
    case model::PayloadBase::kNetwork: return PacketBytes{term.offset, term.length};
    case model::PayloadBase::kTransport:
      return PacketBytes{term.offset + network_bytes(p), term.length};
    case model::PayloadBase::kInner:
    case model::PayloadBase::kTunnel: break;
  }
  return std::nullopt;
}

bool asks_all(const xt::PortRange& range, bool inverted) {
  return !inverted && range.first.number == 0 && range.last.number == 0xffff;
}

}  // namespace

bool Run::follows(const EndReads& record, Field field) const {
  switch (field) {
    case Field::kIpv4Source: return record.follows(packet.source);
    case Field::kIpv4Destination: return record.follows(packet.destination);
    case Field::kSourcePort: return record.follows(packet.source_port);
    case Field::kDestinationPort: return record.follows(packet.destination_port);
    default: return false;
  }
}

// Who puts a packet on a wire is the same for all destinations to which one route leads.
bool Run::tells_sender_alone(const EndReads& record) const {
  return &record == context.to_reads && packet.is_ip() && record.follows(packet.destination) &&
         packet.source != packet.destination;
}

void Run::reads_index(const ChainIndex& index, std::uint32_t last, EndReads& record) const {
  for (std::size_t part = 0; part < index.parts(); ++part) {
    const auto field = index.field_of(part);
    if (index.is_input_name(part) || field == Field::kIif) record.asked_input();
    if (!field || !follows(record, *field)) continue;
    if (*field == Field::kSourcePort || *field == Field::kDestinationPort)
      record.asked_port();
    else if (&record == context.to_reads)
      record.looked_up(index, part, last, EndReads::Sight{&program, fields, names_});
    else
      record.looked_up(index, part, last);
  }
}

namespace {

// Statements that are evaluated by terms are noted where the terms are (reads_term).
struct Asks {
  const Packet& packet;
  EndReads& record;

  [[nodiscard]] bool source() const { return record.follows(packet.source); }
  [[nodiscard]] bool destination() const { return record.follows(packet.destination); }
  void unclear_if(bool asked) const {
    if (asked) record.unclear();
  }
  void ports(bool source_port, bool destination_port) const {
    if ((source_port && record.follows(packet.source_port)) ||
        (destination_port && record.follows(packet.destination_port)))
      record.asked_port();
  }

  void operator()(const model::XtHeader& h) const {
    if (!h.in_interface.empty()) record.asked_input();
    unclear_if((h.source && source()) || (h.destination && destination()));
  }
  void operator()(const model::XtMatch& m) const { std::visit(*this, m.info); }
  void operator()(const model::XtTarget& t) const { std::visit(*this, t.info); }
  void operator()(const model::OpaqueStatement&) const { record.unclear(); }
  void operator()(const model::Tproxy&) const { record.asked_input(); }
  void operator()(const xt::TproxyTarget&) const { record.asked_input(); }
  void operator()(const auto& /*by its terms, or by nothing of the packet*/) const {}

  // Of a tuple it is not told whose port it is.
  void tracked_port() const {
    record.asked_port();
    record.unclear();
  }
  template <class Ports>
  void tcp_or_udp(const Ports& m) const {
    ports(!asks_all(m.source, m.source_inverted), !asks_all(m.destination, m.destination_inverted));
  }
  void operator()(const xt::Tcp& m) const { tcp_or_udp(m); }
  void operator()(const xt::Udp& m) const { tcp_or_udp(m); }
  void operator()(const xt::Multiport& m) const {
    ports(m.side != xt::MultiportSide::kDestination, m.side != xt::MultiportSide::kSource);
  }
  void operator()(const xt::Conntrack& m) const {
    unclear_if(m.original_source || m.original_destination || m.reply_source ||
               m.reply_destination);
    if (m.original_source_port || m.original_destination_port || m.reply_source_port ||
        m.reply_destination_port)
      tracked_port();
  }
  void operator()(const xt::Addrtype& m) const {
    if (m.limit_in) record.asked_input();
    const bool asked =
        (m.source_mask != 0 && source()) || (m.destination_mask != 0 && destination());
    if (asked && !m.limit_in && !m.limit_out) return record.asked_type();
    unclear_if(asked);
  }
  void operator()(const xt::Iprange& m) const {
    unclear_if((m.source && source()) || (m.destination && destination()));
  }
  void operator()(const xt::Mac&) const {
    record.asked_mac();
    record.unclear();
  }
  void operator()(const xt::Physdev&) const { record.unclear(); }
  void operator()(const xt::Rpfilter&) const { record.unclear(); }
  void operator()(const xt::Set&) const {  // its key may hold any of these
    record.asked_port();
    record.asked_mac();
    record.unclear();
  }
  void operator()(const xt::Opaque&) const { record.unclear(); }
  void operator()(const xt::May&) const { record.unclear(); }
};

struct AsksTerm {
  const Run& run;
  EndReads& record;

  void operator()(const model::PayloadTerm& term) const {
    const Packet& p = run.packet;
    const std::optional<PacketBytes> bytes = bytes_of(p, term);
    if (!bytes) return record.unclear();
    const bool v4 = p.is_ip() && p.source.is_v4();
    const std::int64_t width = v4 ? 4 : 16, ports = network_bytes(p), frame = -link_bytes(p);
    if ((bytes->overlap(v4 ? kSource4 : kSource6, width) && record.follows(p.source)) ||
        (bytes->overlap(v4 ? kDestination4 : kDestination6, width) &&
         record.follows(p.destination)))
      record.unclear();
    if ((bytes->overlap(ports, 2) && record.follows(p.source_port)) ||
        (bytes->overlap(ports + 2, 2) && record.follows(p.destination_port)))
      record.asked_port();
    if (bytes->overlap(ports + 4, 1U << 16) || bytes->overlap(frame, 6)) record.unclear();
    if (!bytes->overlap(frame + 6, 6)) return;
    record.asked_mac();
    if (!run.tells_sender_alone(record)) record.unclear();
  }
  void operator()(const model::MetaTerm& term) const {
    switch (term.key) {
      case model::MetaKey::kOther: return record.unclear();
      case model::MetaKey::kLength:
      case model::MetaKey::kProtocol:
      case model::MetaKey::kMark:
      case model::MetaKey::kOif:
      case model::MetaKey::kOifname:
      case model::MetaKey::kOiftype:
      case model::MetaKey::kOifgroup:
      case model::MetaKey::kOifkind:
      case model::MetaKey::kSkuid:
      case model::MetaKey::kSkgid:
      case model::MetaKey::kNfproto:
      case model::MetaKey::kL4proto:
      case model::MetaKey::kPkttype: return;
      default: record.asked_input();  // or it might be: what else there is is not told apart
    }
  }
  void operator()(const model::CtTerm& term) const {
    switch (term.key) {
      case model::CtKey::kState:
      case model::CtKey::kDirection:
      case model::CtKey::kStatus:
      case model::CtKey::kMark:
      case model::CtKey::kL3protocol:
      case model::CtKey::kProtocol:
      case model::CtKey::kZone: return;
      case model::CtKey::kProtoSrc:
      case model::CtKey::kProtoDst: record.asked_port(); [[fallthrough]];
      default: record.unclear();
    }
  }
  void operator()(const model::FibTerm& term) const {
    const Packet& p = run.packet;
    const bool type = term.result == model::FibResult::kAddrtype;  // looks at one address alone
    const bool asked = (!(type && term.daddr) && record.follows(p.source)) ||
                       (!(type && !term.daddr) && record.follows(p.destination));
    const bool by_device = !type || term.iif || term.oif;
    if (by_device) record.asked_input();  // the route may rest on it
    if (!asked) return;
    if (by_device)
      record.unclear();
    else
      record.asked_type();
  }
  void operator()(const model::RtTerm&) const { record.unclear(); }
  void operator()(const model::SocketTerm&) const { record.unclear(); }
  void operator()(const model::OpaqueTerm&) const { record.unclear(); }
  void operator()(const auto& /*constants, and what is made of other terms*/) const {}
};

}  // namespace

void Run::reads(const Op& op, EndReads& record) const {
  switch (op.kind) {
    case OpKind::kField:
      if (!fields.has(op.field)) break;  // the general form is asked
      if (op.field == Field::kIif) record.asked_input();
      if (!follows(record, op.field)) return;
      if (op.field == Field::kSourcePort || op.field == Field::kDestinationPort)
        record.asked_port();
      else
        record.asked({op.mask, op.first, op.span});
      return;
    case OpKind::kAddress6:
      if (packet.is_ip() && record.follows(op.second ? packet.destination : packet.source))
        record.unclear();
      return;
    case OpKind::kName:
      if (!op.second) record.asked_input();
      return;
    case OpKind::kStatement: break;
  }
  const model::Statement& statement = *program.details[op.detail].statement;
  std::visit(Asks{packet, record}, statement);
  const auto* set = std::get_if<model::SetPayload>(&statement);
  if (set == nullptr) return;
  // What is written there is of others too, in whole or in part, and no longer followed. An address
  // may become that of the other end.
  AsksTerm{*this, record}(set->target);
  const std::optional<PacketBytes> bytes = bytes_of(packet, set->target);
  const bool v4 = packet.is_ip() && packet.source.is_v4();
  if (bytes && bytes->overlap(v4 ? kSource4 : kSource6, v4 ? 8 : 32)) record.unclear();
}

void Run::reads_term(std::uint32_t term, EndReads& record) const {
  const TermCode& code = program.terms[term];
  if (code.term == nullptr) return record.unclear();
  std::visit(AsksTerm{*this, record}, code.term->node);
}

// Values that are whole fields of headers, or of what is known beside them, one after the other;
// none: the key is made otherwise.
std::span<const TermCode> Run::parts_of_key(std::uint32_t term) const {
  const TermCode& code = program.terms[term];
  if (code.term == nullptr) return {};
  const bool joined = std::holds_alternative<model::ConcatTerm>(code.term->node);
  const std::span<const TermCode> parts =
      joined ? std::span(program.terms).subspan(code.first_child, code.children)
             : std::span(&code, 1);
  const auto is_plain = [](const TermCode& part) {
    return part.children == 0 && part.term != nullptr &&
           (std::holds_alternative<model::PayloadTerm>(part.term->node) ||
            std::holds_alternative<model::MetaTerm>(part.term->node) ||
            std::holds_alternative<model::CtTerm>(part.term->node));
  };
  return std::ranges::all_of(parts, is_plain) ? parts : std::span<const TermCode>();
}

// The whole address or port of the end that is followed, which is not the other end's as well.
bool Run::is_part_of_end(const EndReads& record, const TermCode& part) const {
  if (!fields.has(part.field) || !follows(record, part.field)) return false;
  switch (part.field) {
    case Field::kIpv4Source:
    case Field::kIpv4Destination:
      return part.field_bytes == 4 && packet.source != packet.destination;
    // Of a source the port is not one, but any of many.
    case Field::kSourcePort:
    case Field::kDestinationPort:
      return part.field_bytes == 2 && packet.source_port != packet.destination_port &&
             &record == context.to_reads;
    default: return false;
  }
}

bool Run::evaluate_key(std::uint32_t term, Value& out) {
  if (context.reads == nullptr && context.to_reads == nullptr) return evaluate(term, out);
  const auto parts = parts_of_key(term);
  if (parts.empty()) return evaluate(term, out);
  each_record([&](EndReads& record) {
    for (const TermCode& part : parts) {
      if (!is_part_of_end(record, part)) std::visit(AsksTerm{*this, record}, part.term->node);
    }
  });
  is_key_ = true;
  const bool there = evaluate(term, out);
  is_key_ = false;
  return there;
}

void Run::reads_search(std::uint32_t term, const SetCode& set, const Value& key,
                       const ElementCode* found) const {
  if (context.reads == nullptr && context.to_reads == nullptr) return;
  const auto parts = parts_of_key(term);
  each_record([&](EndReads& record) {
    EndReads::Search search;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!is_part_of_end(record, parts[i])) continue;
      if (search.count == search.places.size()) return record.unclear();
      const Field field = parts[i].field;
      const bool port = field == Field::kSourcePort || field == Field::kDestinationPort;
      search.places[search.count++] = {parts.size() > 1 ? key_at_[i] : std::uint8_t{0}, port};
    }
    if (search.count == 0) return;
    search.set = &set;
    search.key.assign(key.view().begin(), key.view().end());
    search.found = found;
    record.searched(std::move(search));
  });
}

}  // namespace bulkhead::trace::filtering
