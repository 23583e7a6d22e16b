// Words to write rules and packets with in tests: one record per case, built by chained calls.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/ruleset.h"
#include "trace/filter.h"

namespace bulkhead::trace::testing {

inline Bytes bytes(std::initializer_list<int> list) {
  Bytes out;
  for (int b : list) out.push_back(static_cast<std::uint8_t>(b));
  return out;
}
inline Bytes be16(unsigned n) {
  return bytes({static_cast<int>(n >> 8), static_cast<int>(n & 255)});
}
inline Bytes le32(std::uint32_t n) {
  return bytes({static_cast<int>(n & 255), static_cast<int>(n >> 8 & 255),
                static_cast<int>(n >> 16 & 255), static_cast<int>(n >> 24)});
}
inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}
inline Bytes address(std::string_view text) {
  const IpAddress a = ip(text);
  return Bytes(a.octets().begin(), a.octets().end());
}
inline Bytes name(std::string text, bool whole = true) {
  Bytes out(text.begin(), text.end());
  if (whole) out.resize(16);
  return out;
}
inline Bytes joined(std::initializer_list<Bytes> parts) {  // a concatenated key
  Bytes out;
  for (const Bytes& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
    while (out.size() % 4 != 0) out.push_back(0);
  }
  return out;
}

// ------------------------------------------------------------------------------------ terms
inline model::Term payload(model::PayloadBase base, std::uint32_t offset, std::uint32_t length) {
  return {model::PayloadTerm{base, offset, length}};
}
inline model::Term net(std::uint32_t offset, std::uint32_t length) {
  return payload(model::PayloadBase::kNetwork, offset, length);
}
inline model::Term th(std::uint32_t offset, std::uint32_t length) {
  return payload(model::PayloadBase::kTransport, offset, length);
}
inline model::Term ll(std::uint32_t offset, std::uint32_t length) {
  return payload(model::PayloadBase::kLink, offset, length);
}
inline model::Term meta(model::MetaKey key) {
  return {model::MetaTerm{key, 0}};
}
inline model::Term ct(model::CtKey key, std::optional<model::CtDirection> direction = {}) {
  return {model::CtTerm{key, direction, 0}};
}
inline model::Term constant(Bytes value) {
  return {model::ConstantTerm{std::move(value)}};
}
inline model::Term masked(model::Term term, Bytes mask, Bytes flip = {}) {
  if (flip.empty()) flip.resize(mask.size());
  return {model::BitwiseTerm{{std::move(term)}, std::move(mask), std::move(flip)}};
}
inline model::Term concat(std::vector<model::Term> parts) {
  return {model::ConcatTerm{std::move(parts)}};
}
inline model::Term map_of(std::string set, model::Term key) {
  return {model::MapTerm{std::move(set), {std::move(key)}, 0, 0}};
}

// ------------------------------------------------------------------------------- statements
using model::CompareOp;
inline model::Statement cmp(model::Term left, CompareOp op, Bytes right) {
  return model::Compare{std::move(left), op, std::move(right)};
}
inline model::Statement is(model::Term left, Bytes right) {
  return cmp(std::move(left), CompareOp::kEqual, std::move(right));
}
inline model::Statement is_not(model::Term left, Bytes right) {
  return cmp(std::move(left), CompareOp::kNotEqual, std::move(right));
}
inline model::Statement range(model::Term left, Bytes first, Bytes last, bool inverted = false) {
  return model::InRange{std::move(left), inverted, std::move(first), std::move(last)};
}
inline model::Statement in_set(model::Term key, std::string set, bool inverted = false) {
  return model::InSet{std::move(key), std::move(set), inverted};
}
inline model::Statement vmap(model::Term key, std::string set) {
  return model::VerdictMap{std::move(key), std::move(set)};
}
inline model::Verdict verdict(model::VerdictKind kind, std::string chain = {}) {
  return {kind, std::move(chain), 0, false};
}
inline model::Statement go(model::VerdictKind kind, std::string chain = {}) {
  return model::Decide{verdict(kind, std::move(chain))};
}
inline model::Statement accept() {
  return go(model::VerdictKind::kAccept);
}
inline model::Statement drop() {
  return go(model::VerdictKind::kDrop);
}
inline model::Statement jump(std::string chain) {
  return go(model::VerdictKind::kJump, std::move(chain));
}
inline model::Statement set_mark(std::uint32_t mark) {
  return model::SetMeta{model::MetaKey::kMark, constant(le32(mark))};
}
inline model::Statement xt(std::string match, model::xt::Match info) {
  return model::XtMatch{std::move(match), 0, std::move(info), {}};
}
inline model::Statement target(std::string target, model::xt::Target info) {
  return model::XtTarget{std::move(target), 0, std::move(info), {}};
}

// ----------------------------------------------------------------------------------- tables
inline model::Rule rule(std::vector<model::Statement> statements) {
  static std::uint64_t handle = 0;
  return {++handle, std::move(statements), {}};
}
inline model::Chain chain(std::string name, std::vector<model::Rule> rules) {
  return {std::move(name), 1, std::nullopt, std::move(rules)};
}
inline model::Chain base(std::string name, model::Hook hook, std::int32_t priority,
                         std::vector<model::Rule> rules,
                         model::VerdictKind policy = model::VerdictKind::kAccept,
                         model::ChainType type = model::ChainType::kFilter) {
  return {std::move(name), 1, model::BaseChain{hook, type, priority, policy, {}}, std::move(rules)};
}
inline model::Table table(model::NfFamily family, std::vector<model::Chain> chains,
                          std::vector<model::SetDef> sets = {}) {
  model::Table out;
  out.family = family;
  out.name = "t";
  out.chains = std::move(chains);
  out.sets = std::move(sets);
  return out;
}
inline model::Ruleset ruleset(std::vector<model::Table> tables) {
  model::Ruleset out;
  out.tables = std::move(tables);
  return out;
}
inline model::SetElement element(Bytes first, Bytes last = {}) {
  if (last.empty()) last = first;
  return {std::move(first), std::move(last), false, {}, {}, {}, {}, {}};
}
inline model::SetElement element(Bytes key, model::Verdict v) {
  model::SetElement e = element(std::move(key));
  e.verdict = std::move(v);
  return e;
}
inline model::SetDef set(std::string name, std::uint32_t key_length,
                         std::vector<model::SetElement> elements,
                         std::vector<std::uint32_t> fields = {}) {
  model::SetDef out;
  out.name = std::move(name);
  out.key_length = key_length;
  out.elements = std::move(elements);
  out.field_lengths = std::move(fields);
  return out;
}

// ------------------------------------------------------------------------------------ packets
struct Tcp4 {
  Packet packet;
  Tcp4() {
    packet.source = ip("10.0.0.2");
    packet.destination = ip("10.0.1.3");
    packet.source_port = Port{40000};
    packet.destination_port = Port{80};
    packet.source_mac = MacAddress({2, 0, 0, 0, 0, 1});
    packet.destination_mac = MacAddress({2, 0, 0, 0, 0, 2});
  }
};
inline Packet tcp4() {
  return Tcp4().packet;
}
inline Packet tcp6() {
  Packet p = tcp4();
  p.ether_type = EtherType::kIpv6;
  p.source = ip("fd00::2");
  p.destination = ip("fd00:1::3");
  p.length = 80;
  return p;
}
inline Packet arp_request() {
  Packet p;
  p.ether_type = EtherType::kArp;
  p.source_mac = MacAddress({2, 0, 0, 0, 0, 1});
  p.destination_mac = MacAddress::broadcast();
  p.type = PacketType::kBroadcast;
  p.arp = Arp{1, p.source_mac, {}, ip("10.0.0.2"), ip("10.0.0.1")};
  return p;
}
inline model::Link link(std::uint32_t index, std::string name, std::uint16_t hw_type = 1) {
  model::Link out;
  out.index = IfIndex{index};
  out.name = std::move(name);
  out.hw_type = hw_type;
  if (hw_type == 772) out.flags = 8;
  return out;
}

// A packet in front of a filter, with everything that a Context points to.
struct Scene {
  Packet packet = tcp4();
  ConnTrack entry;
  CtView view;
  model::Link in = link(2, "eth0"), out = link(3, "br-0123");
  Choices choices;
  std::vector<RuleRef> explained;
  Context context;

  explicit Scene(Packet p = tcp4()) : packet(std::move(p)) {
    context.packet = &packet;
    context.ct = &view;
    context.in = &in;
    context.out = &out;
    context.choices = &choices;
    context.explain = &explained;
    entry.original = {packet.source, packet.destination, packet.source_port,
                      packet.destination_port, packet.protocol};
    entry.reply = {packet.destination, packet.source, packet.destination_port, packet.source_port,
                   packet.protocol};
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  Scene& tracked(CtInfo info = CtInfo::kNew) {
    view.entry = &entry;
    view.info = info;
    return *this;
  }
};

inline FilterPoint point_of(model::NfFamily family, model::Hook hook) {
  const auto at = static_cast<int>(hook);
  if (family == model::NfFamily::kBridge) {
    return static_cast<FilterPoint>(static_cast<int>(FilterPoint::kBridgePrerouting) + at);
  }
  return static_cast<FilterPoint>(at);
}

inline HookResult run(const model::Ruleset& rules, FilterPoint point, Scene& scene) {
  const Filter filter(rules, true);
  return filter.run(point, -10000, 10000, scene.context);
}

// True when a single rule of these statements matches (it then drops).
inline bool matches(std::vector<model::Statement> statements, Scene& scene,
                    FilterPoint point = FilterPoint::kIpForward,
                    model::NfFamily family = model::NfFamily::kInet,
                    model::Hook hook = model::Hook::kForward,
                    std::vector<model::SetDef> sets = {}) {
  statements.push_back(drop());
  const auto rules = ruleset(
      {table(family, {base("c", hook, 0, {rule(std::move(statements))})}, std::move(sets))});
  const Filter plain = Filter::without_fast_forms(rules, true);
  const bool general = plain.run(point, -10000, 10000, scene.context).outcome == Outcome::kDrop;
  const bool fast = run(rules, point, scene).outcome == Outcome::kDrop;
  if (general != fast && !scene.choices.any())
    throw std::logic_error("fast and general forms differ");
  return fast;
}

}  // namespace bulkhead::trace::testing
