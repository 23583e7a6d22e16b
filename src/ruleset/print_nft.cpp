// Statements in nft's words.
#include "ruleset/print_nft.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "ruleset/print_iptables.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

constexpr std::size_t kMaxRule = 1 << 16;  // bytes of one printed rule

std::string_view op_text(CompareOp op) {
  switch (op) {
    case CompareOp::kEqual: return "";
    case CompareOp::kNotEqual: return "!= ";
    case CompareOp::kLess: return "< ";
    case CompareOp::kLessEqual: return "<= ";
    case CompareOp::kGreater: return "> ";
    case CompareOp::kGreaterEqual: return ">= ";
  }
  return "";
}

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// The run of ones in a mask: first bit and length; nullopt when there are holes.
struct Run {
  std::uint32_t bit = 0, bits = 0;
};
std::optional<Run> run_of_ones(ByteView mask) {
  Run run;
  bool started = false, ended = false;
  for (std::uint32_t i = 0; i < mask.size() * 8; ++i) {
    const bool one = (mask[i / 8] >> (7 - i % 8) & 1) != 0;
    if (one && ended) return std::nullopt;
    if (one && !started) run.bit = i;
    started = started || one;
    ended = ended || (started && !one);
    run.bits += one ? 1 : 0;
  }
  if (!started) return std::nullopt;
  return run;
}

// The bits [run] of `value` as a number.
std::uint64_t bits_of(ByteView value, Run run) {
  std::uint64_t out = 0;
  for (std::uint32_t i = run.bit; i < run.bit + run.bits && i / 8 < value.size(); ++i) {
    out = out << 1 | (value[i / 8] >> (7 - i % 8) & 1);
  }
  return out;
}

std::string print_bits(Datatype type, std::uint64_t number) {
  Bytes bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
  return print_value(type, bytes, Order::kBig);
}

std::string nat_words(std::uint32_t flags) {
  std::string out;
  const auto word = [&](std::uint32_t bit, std::string_view name) {
    if ((flags & bit) != 0) out += (out.empty() ? " " : ",") + std::string(name);
  };
  word(NF_NAT_RANGE_PROTO_RANDOM, "random");
  word(NF_NAT_RANGE_PROTO_RANDOM_FULLY, "fully-random");
  word(NF_NAT_RANGE_PERSISTENT, "persistent");
  return out;
}

// A value of which only the first bytes are compared: a prefix for addresses.
std::string print_start(Datatype type, ByteView bytes, Order order) {
  const bool address = type == Datatype::kIpv4 || type == Datatype::kIpv6;
  const std::size_t whole = datatype_facts(type).length;
  if (!address || bytes.size() >= whole) return print_value(type, bytes, order);
  Bytes padded(bytes.begin(), bytes.end());
  padded.resize(whole, 0);
  return print_value(type, padded, order) + "/" + std::to_string(bytes.size() * 8);
}

const MapTerm* as_map(const std::optional<Term>& term) {
  return term ? std::get_if<MapTerm>(&term->node) : nullptr;
}

// Two terms that are parts of one map's data.
bool same_lookup(const MapTerm* a, const MapTerm* b) {
  return a != nullptr && b != nullptr && a->set == b->set && a->key == b->key;
}

}  // namespace

std::string NftPrinter::print(const Rule& rule) {
  pieces_.clear();
  protocol_.reset();
  ether_type_.reset();
  const auto& list = rule.statements;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i + 1 < list.size() && range_with_next(list[i], list[i + 1])) {
      ++i;
      continue;
    }
    std::visit([this](const auto& s) { statement(s); }, list[i]);
  }
  std::string out;
  for (const Piece& piece : pieces_) {
    if (piece.text.empty()) continue;
    out += (out.empty() ? "" : " ") + piece.text;
  }
  const bool native = std::none_of(list.begin(), list.end(), [](const Statement& s) {
    const auto* match = std::get_if<XtMatch>(&s);
    return match != nullptr && std::holds_alternative<xt::Comment>(match->info);
  });
  if (native && !rule.comment.empty()) out += " comment " + quoted(rule.comment);
  if (out.size() > kMaxRule) out = out.substr(0, kMaxRule) + "...";
  return out;
}

// nft writes ">= a" and "<= b" of one value as "a-b".
bool NftPrinter::range_with_next(const Statement& first, const Statement& second) {
  const auto* low = std::get_if<Compare>(&first);
  const auto* high = std::get_if<Compare>(&second);
  if (low == nullptr || high == nullptr || low->op != CompareOp::kGreaterEqual ||
      high->op != CompareOp::kLessEqual || !(low->left == high->left)) {
    return false;
  }
  const Words left = words(low->left);
  add(left.text + " " + print_value(left.type(), low->right, left.order) + "-" +
      print_value(left.type(), high->right, left.order));
  return true;
}

// A comparison that says which header comes next.
void NftPrinter::learn(const Compare& s) {
  if (s.op != CompareOp::kEqual || pieces_.empty()) return;
  const auto tag = [&](Implies implies) { pieces_.back().implies = implies; };
  const std::uint64_t number = to_number(s.right, Order::kBig);
  if (const auto* meta = std::get_if<MetaTerm>(&s.left.node)) {
    if (meta->key == MetaKey::kL4proto && s.right.size() == 1) {
      protocol_ = s.right.front();
      tag(Implies::kTransport);
    } else if (meta->key == MetaKey::kNfproto && s.right.size() == 1) {
      ether_type_ = s.right.front() == 10 ? 0x86dd : 0x0800;
      tag(Implies::kNetwork);
    } else if (meta->key == MetaKey::kProtocol && s.right.size() == 2) {
      ether_type_ = static_cast<std::uint16_t>(number);
      tag(Implies::kNetwork);
    } else if (meta->key == MetaKey::kIiftype) {
      tag(Implies::kLink);
    }
    return;
  }
  const auto* payload = std::get_if<PayloadTerm>(&s.left.node);
  if (payload == nullptr) return;
  const Field* field =
      find_exact_field(header_of(payload->base), payload->offset * 8, payload->length * 8);
  if (field != nullptr) learn_field(*field, s.right);
}

// What names a protocol in the network header takes the place of what said so before. nft keeps it
// where the table has packets of both families.
void NftPrinter::learn_field(const Field& field, ByteView value) {
  if (field.name == "ip protocol" || field.name == "ip6 nexthdr") {
    protocol_ = value.front();
    for (Piece& piece : pieces_) {
      if (piece.implies == Implies::kTransport) piece.implies = Implies::kNothing;
    }
    const bool one_family = table_.family == NfFamily::kIp || table_.family == NfFamily::kIp6;
    if (one_family) pieces_.back().implies = Implies::kTransport;
  } else if (field.name == "ether type") {
    ether_type_ = static_cast<std::uint16_t>(to_number(value, Order::kBig));
    pieces_.back().implies = Implies::kNetwork;
  }
}

// One comparison may cover several fields in a row: nft joins "ip saddr A ip daddr B". It may also
// cover the start of an address: a prefix.
bool NftPrinter::payload_compare(const Compare& s) {
  const auto* payload = std::get_if<PayloadTerm>(&s.left.node);
  if (payload == nullptr || payload->length != s.right.size()) return false;
  const Header header = header_of(payload->base);
  const std::uint32_t total = payload->length * 8;
  const ByteView right(s.right);
  if (find_exact_field(header, payload->offset * 8, total) != nullptr) return false;
  const Field* whole = find_field(header, payload->offset * 8, 128);
  if (whole != nullptr && whole->bits > total &&
      (whole->type == Datatype::kIpv4 || whole->type == Datatype::kIpv6)) {
    Bytes address = s.right;
    address.resize(whole->bits / 8, 0);
    header_used(header);
    add(std::string(whole->name) + " " + std::string(op_text(s.op)) +
        print_value(whole->type, address, Order::kBig) + "/" + std::to_string(total));
    return true;
  }
  if (s.op != CompareOp::kEqual) return false;
  std::vector<const Field*> fields;
  for (std::uint32_t bit = 0; bit < total; bit += fields.back()->bits) {
    fields.push_back(find_field(header, payload->offset * 8 + bit, total - bit));
    if (fields.back() == nullptr || fields.back()->bits % 8 != 0) return false;
  }
  header_used(header);
  std::size_t at = 0;
  for (const Field* field : fields) {
    const ByteView value = right.subspan(at, field->bits / 8);
    at += value.size();
    add(std::string(field->name) + " " + print_value(field->type, value, Order::kBig));
    learn_field(*field, value);
  }
  return true;
}

void NftPrinter::masked_compare(const Compare& s, const BitwiseTerm& left) {
  const auto* payload = std::get_if<PayloadTerm>(&left.operand.front().node);
  const auto run = run_of_ones(left.mask);
  const std::string op(op_text(s.op));
  if (payload != nullptr && run) {
    const Header header = header_of(payload->base);
    const Field* field = find_exact_field(header, payload->offset * 8 + run->bit, run->bits);
    if (field == nullptr && payload->base == PayloadBase::kLink) {
      field = find_exact_field(Header::kVlan, payload->offset * 8 + run->bit, run->bits);
    }
    if (field != nullptr && run->bits < left.mask.size() * 8) {
      header_used(field->header);
      add(std::string(field->name) + " " + op + print_bits(field->type, bits_of(s.right, *run)));
      return;
    }
  }
  const auto* exthdr = std::get_if<ExthdrTerm>(&left.operand.front().node);
  const Field* field = exthdr && run ? exthdr_field(*exthdr, run->bit, run->bits) : nullptr;
  if (run && field != nullptr) {
    forget(Implies::kNetwork);
    add(std::string(field->name) + " " + op + print_bits(field->type, bits_of(s.right, *run)));
    return;
  }
  const Words operand = words(left.operand.front());
  const Datatype type = operand.type();
  if (is_flag_type(type)) {
    const std::string mask = print_flags(type, to_number(left.mask, operand.order));
    if (all_zero(s.right) && s.op == CompareOp::kNotEqual) {
      add(operand.text + " " + mask);
    } else if (all_zero(s.right) && s.op == CompareOp::kEqual) {
      add(operand.text + " ! " + mask);
    } else {
      add(operand.text + " " + op + print_value(type, s.right, operand.order) + " / " + mask);
    }
    return;
  }
  const auto bits = mask_bits(left.mask);
  if ((type == Datatype::kIpv4 || type == Datatype::kIpv6) && bits) {
    add(operand.text + " " + op + print_value(type, s.right, operand.order) + "/" +
        std::to_string(*bits));
    return;
  }
  const std::string sign = s.op == CompareOp::kEqual ? "== " : op;
  add(words(s.left).text + " " + sign + print_value(type, s.right, operand.order));
}

void NftPrinter::statement(const Compare& s) {
  if (const auto* bitwise = std::get_if<BitwiseTerm>(&s.left.node);
      bitwise != nullptr && all_zero(bitwise->exclusive_or)) {
    masked_compare(s, *bitwise);
    return;
  }
  if (payload_compare(s)) return;
  Words left = words(s.left);
  // A flag is there when any of its bits is: "tcp flags == syn" is the exact comparison.
  if (is_flag_type(left.type()) && s.op == CompareOp::kEqual) left.text += " ==";
  add(left.text + " " + std::string(op_text(s.op)) + print_start(left.type(), s.right, left.order));
  learn(s);
}

void NftPrinter::statement(const InRange& s) {
  const Words left = words(s.left);
  add(left.text + (s.inverted ? " != " : " ") + print_value(left.type(), s.first, left.order) +
      "-" + print_value(left.type(), s.last, left.order));
}

void NftPrinter::statement(const InSet& s) {
  const Words key = words(s.key);
  add(key.text + " " + set_reference(s.set, key, s.inverted));
}

void NftPrinter::statement(const VerdictMap& s) {
  const Words key = words(s.key);
  add(key.text + " vmap " + set_reference(s.set, key, false));
}

void NftPrinter::statement(const Decide& s) {
  const bool nothing = s.verdict.kind == VerdictKind::kContinue;
  add(nothing ? "continue" : print_verdict(s.verdict));
}

void NftPrinter::statement(const SetMeta& s) {
  const MetaTerm target{s.key, static_cast<std::uint32_t>(s.key)};
  const Words left = words({target});
  add((left.text.starts_with("meta") ? left.text : "meta " + left.text) + " set " +
      constant_or_words(s.value, left.type(), left.order));
}

void NftPrinter::statement(const SetCt& s) {
  const Words left = words({CtTerm{s.key, s.direction, static_cast<std::uint32_t>(s.key)}});
  add(left.text + " set " + constant_or_words(s.value, left.type(), left.order));
}

// A part of a field is set by reading the whole, masking and writing it back.
void NftPrinter::statement(const SetPayload& s) {
  const Header header = header_of(s.target.base);
  const auto* bitwise = std::get_if<BitwiseTerm>(&s.value.node);
  const bool in_place = bitwise != nullptr && bitwise->operand.front() == Term{s.target};
  if (in_place) {
    Bytes changed = bitwise->mask;
    for (std::uint8_t& b : changed) b = static_cast<std::uint8_t>(~b);
    const auto run = run_of_ones(changed);
    const Field* field =
        run ? find_exact_field(header, s.target.offset * 8 + run->bit, run->bits) : nullptr;
    if (run && field != nullptr) {
      header_used(header);
      add(std::string(field->name) + " set " +
          print_bits(field->type, bits_of(bitwise->exclusive_or, *run)));
      return;
    }
  }
  const Words left = words({s.target});
  add(left.text + " set " + constant_or_words(s.value, left.type(), left.order));
}

// "10.0.0.1-10.0.0.9:80-90", with brackets for IPv6 in front of a port.
std::string NftPrinter::nat_target(const Nat& s) {
  if (same_lookup(as_map(s.address), as_map(s.port)) ||
      (s.address && same_lookup(as_map(s.address), as_map(s.address_max)))) {
    MapTerm whole = *as_map(s.address);
    whole.slice_offset = whole.slice_length = 0;
    return words({whole}).text;
  }
  const Datatype type = s.family == IpFamily::kV6 ? Datatype::kIpv6 : Datatype::kIpv4;
  std::string out;
  if (s.address) {
    out = constant_or_words(*s.address, type, Order::kBig);
    if (s.address_max) out += "-" + constant_or_words(*s.address_max, type, Order::kBig);
    const bool brackets = s.port && type == Datatype::kIpv6;
    if (brackets) out = "[" + out + "]";
  }
  if (s.port) {
    out += ":" + constant_or_words(*s.port, Datatype::kService, Order::kBig);
    if (s.port_max) out += "-" + constant_or_words(*s.port_max, Datatype::kService, Order::kBig);
  }
  return out;
}

void NftPrinter::statement(const Nat& s) {
  static constexpr std::array<std::string_view, 4> kNames = {"snat", "dnat", "masquerade",
                                                             "redirect"};
  std::string out(kNames[static_cast<std::size_t>(s.kind)]);
  const std::string target = nat_target(s);
  const bool parts = same_lookup(as_map(s.address), as_map(s.port));
  const bool prefix = (s.flags & NF_NAT_RANGE_NETMAP) != 0;
  if (s.family && s.address && (table_.family == NfFamily::kInet || parts || prefix)) {
    out += *s.family == IpFamily::kV4 ? " ip" : " ip6";
  }
  if (prefix) out += " prefix";
  if (!target.empty()) out += " to " + target;
  add(out + nat_words(s.flags));
}

void NftPrinter::statement(const Reject& s) {
  const bool v6_table = table_.family == NfFamily::kIp6;
  const bool v6 = v6_table || ether_type_ == 0x86dd;
  switch (s.kind) {
    case RejectKind::kTcpReset:
      // Where the family is known, a reset says the protocol.
      if (table_.family == NfFamily::kIp || v6_table) forget(Implies::kTransport);
      add("reject with tcp reset");
      return;
    case RejectKind::kIcmpx: {
      const bool plain = s.code == NFT_REJECT_ICMPX_PORT_UNREACH;
      const Bytes code = {s.code};
      add(plain ? "reject"
                : "reject with icmpx " + print_value(Datatype::kIcmpxCode, code, Order::kBig));
      return;
    }
    case RejectKind::kIcmp: {
      const bool plain = s.code == (v6 ? 4 : 3) && table_.family != NfFamily::kInet;
      header_used(v6 ? Header::kIp6 : Header::kIp);
      const Bytes code = {s.code};
      const auto type = v6 ? Datatype::kIcmp6Code : Datatype::kIcmpCode;
      add(plain ? "reject"
                : std::string("reject with ") + (v6 ? "icmpv6 " : "icmp ") +
                      print_value(type, code, Order::kBig));
      return;
    }
  }
}

void NftPrinter::statement(const Notrack&) {
  add("notrack");
}

void NftPrinter::statement(const Tproxy& s) {
  std::string out = "tproxy";
  const auto* constant = s.address ? std::get_if<ConstantTerm>(&s.address->node) : nullptr;
  const bool v6 = constant != nullptr && constant->bytes.size() == 16;
  if (s.address && table_.family == NfFamily::kInet) out += v6 ? " ip6" : " ip";
  out += " to ";
  if (s.address) {
    const auto text =
        constant_or_words(*s.address, v6 ? Datatype::kIpv6 : Datatype::kIpv4, Order::kBig);
    out += v6 && s.port ? "[" + text + "]" : text;
  }
  if (s.port) out += ":" + constant_or_words(*s.port, Datatype::kService, Order::kBig);
  add(std::move(out));
}

void NftPrinter::statement(const Forward& s) {
  std::string out = s.duplicate ? "dup to " : "fwd ";
  const Datatype type =
      s.address && table_.family == NfFamily::kIp6 ? Datatype::kIpv6 : Datatype::kIpv4;
  if (s.duplicate) {
    if (s.address) out += constant_or_words(*s.address, type, Order::kBig);
    if (s.address && s.device) out += " device ";
    if (s.device) out += constant_or_words(*s.device, Datatype::kIfIndex, Order::kHost);
  } else {
    if (s.address) out += "to " + constant_or_words(*s.address, type, Order::kBig) + " device ";
    if (!s.address) out += "to ";
    if (s.device) out += constant_or_words(*s.device, Datatype::kIfIndex, Order::kHost);
  }
  add(std::move(out));
}

void NftPrinter::statement(const May& s) {
  const bool count = s.what == "connlimit";
  add((count ? std::string("ct count") : safe(s.what)) +
      (s.detail.empty() ? "" : " " + safe(s.detail)));
}

void NftPrinter::statement(const UpdateSet& s) {
  static constexpr std::array<std::string_view, 3> kOps = {"add", "update", "delete"};
  const std::string op(s.op < kOps.size() ? kOps[s.op] : "dynset");
  const Words key = words(s.key);
  std::string out = op + " @" + safe(s.set) + " { " + key.text;
  if (s.data) {
    const SetDef* set = find_set(s.set);
    const auto types = set != nullptr ? split_types(set->data_type) : std::vector<Datatype>();
    const Datatype type = types.empty() ? Datatype::kInteger : types.front();
    out += " : " +
           constant_or_words(*s.data, type, type == Datatype::kMark ? Order::kHost : Order::kBig);
  }
  add(out + " }");
}

void NftPrinter::statement(const Observe& s) {
  // nft leaves out only what no other statement follows.
  for (Piece& piece : pieces_) piece.implies = Implies::kNothing;
  if (s.what == "counter") {
    add("counter packets " + std::to_string(s.packets.value_or(0)) + " bytes " +
        std::to_string(s.bytes.value_or(0)));
    return;
  }
  const std::string detail = safe(s.detail);
  if (s.what == "objref" || s.what == "exthdr") {
    add(detail);
  } else if (s.what == "flow" || s.what == "last") {
    add(safe(s.what) + (detail.empty() ? "" : " " + detail));
  } else {
    add(detail.empty() ? "log" : "log " + detail);
  }
}

void NftPrinter::statement(const XtHeader& s) {
  add(print_xt_header(s));
}
void NftPrinter::statement(const XtMatch& s) {
  add(print_xt_match(s, {}));
}
void NftPrinter::statement(const XtTarget& s) {
  const bool v6 = table_.family == NfFamily::kIp6;
  add(print_xt_target(s, {}, v6 ? IpFamily::kV6 : IpFamily::kV4));
}

void NftPrinter::statement(const OpaqueStatement& s) {
  static constexpr std::size_t kShown = 64;
  const ByteView shown = ByteView(s.raw).first(std::min(s.raw.size(), kShown));
  add("# " + safe(s.what) + " not understood: " + to_hex(shown) +
      (s.raw.size() > kShown ? "..." : ""));
}

}  // namespace bulkhead::ruleset
