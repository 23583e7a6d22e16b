#include "reach/chain/tracking.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace bulkhead::reach::chains {
namespace {

constexpr unsigned kDeepestTracking = 24;

template <std::size_t N>
bool named(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool any_tracks(const model::Terms& terms, unsigned depth);

bool tracks(const model::Term& term, unsigned depth = 0) {
  if (depth > kDeepestTracking) return false;
  if (std::holds_alternative<model::CtTerm>(term.node)) return true;
  if (const auto* t = std::get_if<model::BitwiseTerm>(&term.node))
    return any_tracks(t->operand, depth);
  if (const auto* t = std::get_if<model::BooleanTerm>(&term.node)) {
    return any_tracks(t->operands, depth);
  }
  if (const auto* t = std::get_if<model::ShiftTerm>(&term.node))
    return any_tracks(t->operand, depth);
  if (const auto* t = std::get_if<model::ByteOrderTerm>(&term.node)) {
    return any_tracks(t->operand, depth);
  }
  if (const auto* t = std::get_if<model::ConcatTerm>(&term.node))
    return any_tracks(t->parts, depth);
  if (const auto* t = std::get_if<model::MapTerm>(&term.node)) return any_tracks(t->key, depth);
  return false;
}

bool any_tracks(const model::Terms& terms, unsigned depth) {
  return std::any_of(terms.begin(), terms.end(),
                     [&](const model::Term& t) { return tracks(t, depth + 1); });
}

struct Tracks {
  bool operator()(const model::Compare& s) const { return tracks(s.left); }
  bool operator()(const model::InRange& s) const { return tracks(s.left); }
  bool operator()(const model::InSet& s) const { return tracks(s.key); }
  bool operator()(const model::VerdictMap& s) const { return tracks(s.key); }
  bool operator()(const model::SetMeta& s) const { return tracks(s.value); }
  bool operator()(const model::SetPayload& s) const { return tracks(s.value); }
  bool operator()(const model::UpdateSet& s) const { return tracks(s.key); }
  bool operator()(const model::SetCt&) const { return true; }
  bool operator()(const model::Nat&) const { return true; }
  bool operator()(const model::May& s) const {
    return s.what == "connlimit" || s.what == "ct count";
  }
  bool operator()(const model::XtMatch& s) const {
    constexpr std::array<std::string_view, 9> kNames = {"conntrack", "state",     "connmark",
                                                        "helper",    "connlimit", "connbytes",
                                                        "connlabel", "cluster",   "socket-ct"};
    return named(s.name, kNames);
  }
  bool operator()(const model::XtTarget& s) const {
    constexpr std::array<std::string_view, 8> kNames = {
        "CONNMARK", "CONNSECMARK", "SYNPROXY", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"};
    if (const auto* ct = std::get_if<model::xt::CtTarget>(&s.info)) return !ct->notrack;
    return named(s.name, kNames) || std::holds_alternative<model::xt::NatTarget>(s.info) ||
           std::holds_alternative<model::xt::ConnmarkTarget>(s.info);
  }
  bool operator()(const model::OpaqueStatement& s) const {
    constexpr std::array<std::string_view, 4> kNames = {"synproxy", "flow_offload", "ct",
                                                        "connlimit"};
    return named(s.what, kNames);
  }
  template <class Other>
  bool operator()(const Other&) const {  // asks nothing of connection tracking
    return false;
  }
};

bool table_counts(model::NfFamily table, IpFamily family) {
  switch (table) {
    case model::NfFamily::kIp: return family == IpFamily::kV4;
    case model::NfFamily::kIp6: return family == IpFamily::kV6;
    case model::NfFamily::kInet:
    case model::NfFamily::kBridge: return true;
    case model::NfFamily::kArp:
    case model::NfFamily::kNetdev: break;
  }
  return false;
}

}  // namespace

bool tracks_connections(const model::Ruleset& rules, IpFamily family) {
  for (const model::Table& table : rules.tables) {
    if (!table_counts(table.family, family)) continue;
    for (const model::Chain& chain : table.chains) {
      for (const model::Rule& rule : chain.rules) {
        for (const model::Statement& s : rule.statements) {
          if (std::visit(Tracks{}, s)) return true;
        }
      }
    }
  }
  return false;
}

}  // namespace bulkhead::reach::chains
