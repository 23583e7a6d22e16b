// Rules of iptables, legacy or written by iptables-nft as native expressions, in iptables' words.
#include "ruleset/print_iptables.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ruleset/print_values.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

std::string address_option(bool inverted, std::string_view name, IpAddress address,
                           IpAddress mask) {
  const auto bits = mask_bits(mask.octets());
  return std::string(inverted ? "! " : "") + std::string(name) + " " + address.to_string() + "/" +
         (bits ? std::to_string(*bits) : mask.to_string());
}

void join(std::string& out, const std::string& text) {
  if (text.empty()) return;
  out += (out.empty() ? "" : " ") + text;
}

// The network header that a native rule of iptables-nft asks about, by its offsets.
struct Offsets {
  std::uint32_t source, destination, length;
};
constexpr Offsets kV4{12, 16, 4}, kV6{8, 24, 16};

// Gathers native statements until each has found its place in a rule of iptables.
class Translator {
 public:
  Translator(const Table& table, const SetNames& names)
      : names_(names), family_(table.family == NfFamily::kIp6 ? IpFamily::kV6 : IpFamily::kV4) {}

  bool take(const Statement& statement) {
    return std::visit([this](const auto& s) { return take(s); }, statement);
  }
  std::string finish();

 private:
  bool take(const Compare& s);
  bool take(const InRange& s);
  bool take(const Decide& s);
  bool take(const SetMeta& s);
  bool take(const May& s);
  bool take(const Observe& s);
  bool take(const XtHeader& s) {
    header_ = s;
    return true;
  }
  bool take(const XtMatch& s);
  bool take(const XtTarget& s);
  // What iptables never writes as an expression.
  template <class Other>
  bool take(const Other&) {
    return false;
  }

  bool meta(MetaKey key, const Compare& s);
  bool network(const PayloadTerm& payload, const Bytes& mask, const Compare& s);
  bool transport(const PayloadTerm& payload, const Bytes* mask, const Compare& s);
  bool port_range(const PayloadTerm& payload, std::uint16_t first, std::uint16_t last,
                  bool inverted);
  bool mark(const Bytes& mask, const Compare& s);
  void flush_transport();
  void add_match(const std::string& text) { join(matches_, text); }

  const SetNames& names_;
  IpFamily family_;
  XtHeader header_;
  std::string matches_, target_;
  // The ports and flags of one "-m tcp" come as expressions of their own.
  std::optional<xt::Tcp> transport_;
};

bool Translator::meta(MetaKey key, const Compare& s) {
  const bool inverted = s.op == CompareOp::kNotEqual;
  if (s.op != CompareOp::kEqual && !inverted) return false;
  switch (key) {
    case MetaKey::kIifname:
      header_.in_interface = interface_pattern(s.right, '+');
      header_.in_inverted = inverted;
      return true;
    case MetaKey::kOifname:
      header_.out_interface = interface_pattern(s.right, '+');
      header_.out_inverted = inverted;
      return true;
    case MetaKey::kL4proto:
      if (s.right.size() != 1) return false;
      header_.protocol = static_cast<IpProtocol>(s.right.front());
      header_.protocol_inverted = inverted;
      return true;
    case MetaKey::kMark: return mark(Bytes(4, 0xff), s);
    default: return false;  // iptables-nft asks no other key
  }
}

bool Translator::mark(const Bytes& mask, const Compare& s) {
  const bool inverted = s.op == CompareOp::kNotEqual;
  if ((s.op != CompareOp::kEqual && !inverted) || s.right.size() != 4) return false;
  flush_transport();
  XtMatch match;
  match.name = "mark";
  match.info = xt::Mark{false, static_cast<std::uint32_t>(to_number(s.right, Order::kHost)),
                        static_cast<std::uint32_t>(to_number(mask, Order::kHost)), inverted};
  add_match(print_xt_match(match, names_));
  return true;
}

bool Translator::network(const PayloadTerm& payload, const Bytes& mask, const Compare& s) {
  const Offsets& at = family_ == IpFamily::kV6 ? kV6 : kV4;
  const bool inverted = s.op == CompareOp::kNotEqual;
  if (s.op != CompareOp::kEqual && !inverted) return false;
  // Second and later fragments: offset bits of the IPv4 header.
  if (family_ == IpFamily::kV4 && payload.offset == 6 && payload.length == 2 &&
      mask == Bytes{0x1f, 0xff}) {
    header_.fragment = true;
    header_.fragment_inverted = !inverted;
    return true;
  }
  const std::uint32_t protocol_at = family_ == IpFamily::kV6 ? 6 : 9;
  if (payload.offset == protocol_at && payload.length == 1) {
    header_.protocol = static_cast<IpProtocol>(s.right.front());
    header_.protocol_inverted = inverted;
    return true;
  }
  if (s.right.size() > at.length || mask.size() != s.right.size()) return false;
  Bytes value = s.right, wide = mask;
  value.resize(at.length, 0);
  wide.resize(at.length, 0);
  const auto address = IpAddress::from_octets(value);
  const auto whole_mask = IpAddress::from_octets(wide);
  if (!address || !whole_mask) return false;
  if (payload.offset == at.source) {
    header_.source = *address;
    header_.source_mask = *whole_mask;
    header_.source_inverted = inverted;
    return true;
  }
  if (payload.offset != at.destination) return false;
  header_.destination = *address;
  header_.destination_mask = *whole_mask;
  header_.destination_inverted = inverted;
  return true;
}

bool Translator::port_range(const PayloadTerm& payload, std::uint16_t first, std::uint16_t last,
                            bool inverted) {
  if (payload.length != 2 || (payload.offset != 0 && payload.offset != 2)) return false;
  if (!transport_) transport_.emplace();
  const bool source = payload.offset == 0;
  xt::PortRange& range = source ? transport_->source : transport_->destination;
  // ">= a" and "<= b" narrow the same range.
  if (!inverted && first < range.first.number) first = range.first.number;
  if (!inverted && last > range.last.number) last = range.last.number;
  range = {Port{first}, Port{last}};
  (source ? transport_->source_inverted : transport_->destination_inverted) = inverted;
  return true;
}

bool Translator::transport(const PayloadTerm& payload, const Bytes* mask, const Compare& s) {
  const bool inverted = s.op == CompareOp::kNotEqual;
  if (payload.offset == 13 && payload.length == 1 && mask != nullptr && s.right.size() == 1) {
    if (s.op != CompareOp::kEqual && !inverted) return false;
    if (!transport_) transport_.emplace();
    transport_->flag_mask = mask->front();
    transport_->flag_value = s.right.front();
    transport_->flags_inverted = inverted;
    return true;
  }
  if (mask != nullptr || s.right.size() != 2) return false;
  const auto port = static_cast<std::uint16_t>(to_number(s.right, Order::kBig));
  switch (s.op) {
    case CompareOp::kEqual: return port_range(payload, port, port, false);
    case CompareOp::kNotEqual: return port_range(payload, port, port, true);
    case CompareOp::kLessEqual: return port_range(payload, 0, port, false);
    case CompareOp::kGreaterEqual: return port_range(payload, port, 0xffff, false);
    case CompareOp::kLess:
      return port != 0 && port_range(payload, 0, static_cast<std::uint16_t>(port - 1), false);
    case CompareOp::kGreater:
      return port != 0xffff &&
             port_range(payload, static_cast<std::uint16_t>(port + 1), 0xffff, false);
  }
  return false;
}

bool Translator::take(const Compare& s) {
  if (const auto* key = std::get_if<MetaTerm>(&s.left.node)) return meta(key->key, s);
  const PayloadTerm* payload = std::get_if<PayloadTerm>(&s.left.node);
  const Bytes* mask = nullptr;
  if (const auto* bitwise = std::get_if<BitwiseTerm>(&s.left.node)) {
    const bool plain = std::all_of(bitwise->exclusive_or.begin(), bitwise->exclusive_or.end(),
                                   [](std::uint8_t b) { return b == 0; });
    if (!plain) return false;
    mask = &bitwise->mask;
    payload = std::get_if<PayloadTerm>(&bitwise->operand.front().node);
    const auto* key = std::get_if<MetaTerm>(&bitwise->operand.front().node);
    if (key != nullptr && key->key == MetaKey::kMark) return mark(*mask, s);
  }
  if (payload == nullptr) return false;
  if (payload->base == PayloadBase::kNetwork) {
    return network(*payload, mask != nullptr ? *mask : Bytes(s.right.size(), 0xff), s);
  }
  if (payload->base != PayloadBase::kTransport) return false;
  return transport(*payload, mask, s);
}

bool Translator::take(const InRange& s) {
  const auto* payload = std::get_if<PayloadTerm>(&s.left.node);
  if (payload == nullptr || payload->base != PayloadBase::kTransport || s.first.size() != 2) {
    return false;
  }
  return port_range(*payload, static_cast<std::uint16_t>(to_number(s.first, Order::kBig)),
                    static_cast<std::uint16_t>(to_number(s.last, Order::kBig)), s.inverted);
}

bool Translator::take(const Decide& s) {
  switch (s.verdict.kind) {
    case VerdictKind::kAccept: target_ = "-j ACCEPT"; return true;
    case VerdictKind::kDrop: target_ = "-j DROP"; return true;
    case VerdictKind::kReturn: target_ = "-j RETURN"; return true;
    case VerdictKind::kJump: target_ = "-j " + safe(s.verdict.chain); return true;
    case VerdictKind::kGoto: target_ = "-g " + safe(s.verdict.chain); return true;
    case VerdictKind::kContinue:
    case VerdictKind::kQueue:
    case VerdictKind::kStolen: return false;
  }
  return false;
}

bool Translator::take(const SetMeta& s) {
  if (s.key != MetaKey::kNftrace) return false;
  target_ = "-j TRACE";
  return true;
}

// "rate 10/minute burst 7 packets" as "--limit 10/min --limit-burst 7".
bool Translator::take(const May& s) {
  if (s.what != "limit" || s.inverted) return false;
  constexpr std::string_view kRate = "rate ", kBurst = " burst ", kPackets = " packets";
  std::string_view text = s.detail;
  if (!text.starts_with(kRate)) return false;
  text.remove_prefix(kRate.size());
  const std::size_t at = text.find(kBurst);
  const std::string_view rate = text.substr(0, at);
  const std::size_t slash = rate.find('/');
  if (slash == std::string_view::npos) return false;
  std::string unit(rate.substr(slash + 1));
  if (unit == "second" || unit == "minute") unit.resize(3);
  std::string out = "-m limit --limit " + std::string(rate.substr(0, slash)) + "/" + unit;
  if (at != std::string_view::npos && text.ends_with(kPackets)) {
    const std::string burst(
        text.substr(at + kBurst.size(), text.size() - at - kBurst.size() - kPackets.size()));
    if (burst != "5") out += " --limit-burst " + burst;
  }
  flush_transport();
  add_match(out);
  return true;
}

bool Translator::take(const Observe& s) {
  if (s.what == "counter") return true;
  if (s.what != "nflog") return false;
  // prefix "x" group 3 ...: the options of NFLOG have the same order.
  constexpr std::string_view kPrefix = "prefix \"", kGroup = "group ";
  std::string_view text = s.detail;
  target_ = "-j NFLOG";
  if (text.starts_with(kPrefix)) {
    const std::size_t end = text.rfind("\" group ");
    if (end == std::string_view::npos) return false;
    target_ +=
        " --nflog-prefix " + iptables_string(text.substr(kPrefix.size(), end - kPrefix.size()));
    text.remove_prefix(end + 2);
  }
  if (!text.starts_with(kGroup)) return false;
  text.remove_prefix(kGroup.size());
  const std::string group(text.substr(0, text.find(' ')));
  if (group != "0") target_ += " --nflog-group " + group;
  constexpr std::string_view kSize = " snaplen ", kThreshold = " queue-threshold ";
  const auto option = [&](std::string_view key, std::string_view name) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return;
    const std::string_view rest = text.substr(at + key.size());
    target_ += " --" + std::string(name) + " " + std::string(rest.substr(0, rest.find(' ')));
  };
  option(kSize, "nflog-size");
  option(kThreshold, "nflog-threshold");
  return true;
}

bool Translator::take(const XtMatch& s) {
  flush_transport();
  add_match(print_xt_match(s, names_));
  return true;
}

bool Translator::take(const XtTarget& s) {
  target_ = print_xt_target(s, names_, family_);
  return true;
}

void Translator::flush_transport() {
  if (!transport_) return;
  XtMatch match;
  match.name = header_.protocol ? to_string(*header_.protocol) : "tcp";
  match.info = *transport_;
  add_match(print_xt_match(match, names_));
  transport_.reset();
}

std::string Translator::finish() {
  flush_transport();
  std::string out = print_xt_header(header_);
  join(out, matches_);
  join(out, target_);
  return out;
}

}  // namespace

std::string print_xt_header(const XtHeader& h) {
  std::string out;
  if (h.source && h.source_mask) {
    join(out, address_option(h.source_inverted, "-s", *h.source, *h.source_mask));
  }
  if (h.destination && h.destination_mask) {
    join(out, address_option(h.destination_inverted, "-d", *h.destination, *h.destination_mask));
  }
  const auto interface = [&](bool inverted, std::string_view name, const std::string& value) {
    if (value.empty()) return;
    join(out, std::string(inverted ? "! " : "") + std::string(name) + " " + safe(value));
  };
  interface(h.in_inverted, "-i", h.in_interface);
  interface(h.out_inverted, "-o", h.out_interface);
  if (h.protocol) {
    join(out, std::string(h.protocol_inverted ? "! " : "") + "-p " +
                  protocol_name(static_cast<std::uint8_t>(*h.protocol)));
  }
  if (h.fragment) join(out, h.fragment_inverted ? "! -f" : "-f");
  return out;
}

SetNames set_names(const Ruleset& ruleset) {
  SetNames out;
  for (const IpSet& set : ruleset.ipsets) out.emplace(set.index, set.name);
  return out;
}

bool looks_like_iptables(const Table& table) {
  static constexpr auto kTables =
      std::to_array<std::string_view>({"filter", "nat", "mangle", "raw", "security"});
  static constexpr auto kChains =
      std::to_array<std::string_view>({"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"});
  if (table.backend == TableBackend::kLegacy) return true;
  if (table.family != NfFamily::kIp && table.family != NfFamily::kIp6) return false;
  if (std::find(kTables.begin(), kTables.end(), table.name) == kTables.end()) return false;
  return std::all_of(table.chains.begin(), table.chains.end(), [&](const Chain& chain) {
    return !chain.base || std::find(kChains.begin(), kChains.end(), chain.name) != kChains.end();
  });
}

std::optional<std::string> print_iptables_rule(const Table& table, const Rule& rule,
                                               const SetNames& names) {
  Translator translator(table, names);
  for (const Statement& statement : rule.statements) {
    if (!translator.take(statement)) return std::nullopt;
  }
  return translator.finish();
}

}  // namespace bulkhead::ruleset
