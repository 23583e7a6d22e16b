#include "audit/change_scope.h"

#include <algorithm>

namespace bulkhead::audit {
namespace {

using Place = ChangeScope::Place;
using Places = std::optional<std::vector<Place>>;

// A comparison of what every packet has; where an IPv4 address lies there is one in IPv6 too. So
// nothing of it can be in doubt.
bool is_harmless(const model::Compare& compare) {
  const model::Term* term = &compare.left;
  if (const auto* bits = std::get_if<model::BitwiseTerm>(&term->node)) {
    if (bits->operand.size() != 1) return false;
    term = &bits->operand.front();
  }
  if (const auto* meta = std::get_if<model::MetaTerm>(&term->node)) {
    return meta->key == model::MetaKey::kIifname || meta->key == model::MetaKey::kOifname ||
           meta->key == model::MetaKey::kNfproto || meta->key == model::MetaKey::kL4proto;
  }
  const auto* field = std::get_if<model::PayloadTerm>(&term->node);
  if (field == nullptr || field->base != model::PayloadBase::kNetwork) return false;
  return (field->offset == 12 || field->offset == 16) && field->length <= 4;
}

bool is_transport(const model::Compare& compare) {
  constexpr std::uint8_t kTcp = static_cast<std::uint8_t>(IpProtocol::kTcp),
                         kUdp = static_cast<std::uint8_t>(IpProtocol::kUdp);
  const auto* meta = std::get_if<model::MetaTerm>(&compare.left.node);
  return meta != nullptr && meta->key == model::MetaKey::kL4proto &&
         compare.op == model::CompareOp::kEqual &&
         (compare.right == Bytes{kTcp} || compare.right == Bytes{kUdp});
}

// Where the packet is one of IPv4.
std::optional<IpAddress> destination_address(const model::Compare& compare) {
  const auto* field = std::get_if<model::PayloadTerm>(&compare.left.node);
  if (field == nullptr || field->base != model::PayloadBase::kNetwork || field->offset != 16 ||
      field->length != 4 || compare.op != model::CompareOp::kEqual || compare.right.size() != 4)
    return std::nullopt;
  return IpAddress::v4(compare.right[0], compare.right[1], compare.right[2], compare.right[3]);
}

std::optional<Port> destination_port(const model::Compare& compare) {
  const auto* field = std::get_if<model::PayloadTerm>(&compare.left.node);
  if (field == nullptr || field->base != model::PayloadBase::kTransport || field->offset != 2 ||
      field->length != 2 || compare.op != model::CompareOp::kEqual || compare.right.size() != 2)
    return std::nullopt;
  return Port{static_cast<std::uint16_t>(compare.right[0] << 8 | compare.right[1])};
}

// The destination without which a TCP or UDP packet leaves the rule, before it has done anything;
// absent when there may be another end.
std::optional<Place> place_asked(const model::Rule& rule) {
  bool transport = false;
  std::optional<IpAddress> address;
  for (const model::Statement& statement : rule.statements) {
    if (std::holds_alternative<model::Observe>(statement)) continue;
    const auto* compare = std::get_if<model::Compare>(&statement);
    if (compare == nullptr) return std::nullopt;
    if (transport) {
      if (const auto port = destination_port(*compare)) return Place{*port, address};
    }
    if (!is_harmless(*compare)) return std::nullopt;
    if (!address) address = destination_address(*compare);
    transport = transport || is_transport(*compare);
  }
  return std::nullopt;
}

bool translates(const model::Statement& statement) {
  const auto* target = std::get_if<model::XtTarget>(&statement);
  return std::holds_alternative<model::Nat>(statement) ||
         (target != nullptr && std::holds_alternative<model::xt::NatTarget>(target->info));
}

bool translates(const model::Rule& rule) {
  return std::ranges::any_of(rule.statements,
                             [](const model::Statement& s) { return translates(s); });
}

// What trace's world asks of all rules together (whether connections are tracked, whether the ACK
// of a handshake may be answered) does not rest on this one. `nat_stays`: translation is wanted by
// another rule of the table.
bool is_ordinary(const model::Rule& rule, bool nat_stays) {
  return std::ranges::all_of(rule.statements, [&](const model::Statement& s) {
    if (std::holds_alternative<model::Decide>(s) || std::holds_alternative<model::Observe>(s))
      return true;
    if (const auto* compare = std::get_if<model::Compare>(&s))
      return is_harmless(*compare) || destination_port(*compare).has_value();
    return nat_stays && translates(s);
  });
}

// A rule of this table that translates, and stays, beside the changed ones.
bool still_translates(const model::Table& table, const trace::Edits& edits) {
  const auto is_changed = [&](const model::Rule& rule) {
    return std::ranges::any_of(edits.removed, [&](const auto& r) { return r.rule == &rule; }) ||
           std::ranges::any_of(edits.narrowed, [&](const auto& n) { return n.rule.rule == &rule; });
  };
  return std::ranges::any_of(table.chains, [&](const model::Chain& chain) {
    return std::ranges::any_of(chain.rules, [&](const model::Rule& rule) {
      return translates(rule) && !is_changed(rule);
    });
  });
}

bool add_place(const trace::RuleRef& ref, const trace::Edits& edits, std::vector<Place>& places) {
  const auto place = place_asked(*ref.rule);
  if (!place || !is_ordinary(*ref.rule, true)) return false;
  if (translates(*ref.rule) && !still_translates(*ref.table, edits)) return false;
  places.push_back(*place);
  return true;
}

// Of base chains that let pass what their rules do not stop.
bool add_table(const model::Table& table, std::vector<Place>& places) {
  const bool ip = table.family == model::NfFamily::kInet || table.family == model::NfFamily::kIp ||
                  table.family == model::NfFamily::kIp6;
  if (!ip || !table.sets.empty()) return false;
  for (const model::Chain& chain : table.chains) {
    if (!chain.base || chain.base->type != model::ChainType::kFilter ||
        chain.base->policy != model::VerdictKind::kAccept || !chain.base->devices.empty())
      return false;
    for (const model::Rule& rule : chain.rules) {
      const auto place = place_asked(rule);
      if (!place || !is_ordinary(rule, false)) return false;
      places.push_back(*place);
    }
  }
  return true;
}

// Where a legacy table stands at the priority of a new chain, both orders are looked at.
bool has_legacy(const model::Ruleset& rules) {
  return std::ranges::any_of(rules.tables, [](const model::Table& t) {
    return t.backend != model::TableBackend::kNftables;
  });
}

Places places_of(const model::Snapshot& before, const trace::Edits& edits) {
  if (edits.ns != before.host) return std::nullopt;
  std::vector<Place> places;
  const auto add = [&](const trace::RuleRef& ref) { return add_place(ref, edits, places); };
  if (!std::ranges::all_of(edits.removed, add) ||
      !std::ranges::all_of(edits.narrowed, add, &trace::Edits::Narrowed::rule))
    return std::nullopt;
  if (!edits.tables.empty() && has_legacy(before.namespaces[before.host.value].ruleset))
    return std::nullopt;
  for (const model::Table& table : edits.tables) {
    if (!add_table(table, places)) return std::nullopt;
  }
  for (const model::Socket* closed : edits.closed) places.push_back({closed->port, {}});
  std::ranges::sort(places);
  const auto rest = std::ranges::unique(places);
  places.erase(rest.begin(), rest.end());
  return places;
}

}  // namespace

ChangeScope::ChangeScope(const model::Snapshot& before, const trace::Edits& edits)
    : places_(places_of(before, edits)) {}

bool ChangeScope::spares(const trace::Answer& answer) const {
  return places_ && !answer.seen.may_hold([&](const trace::EndsSeen::End& end) {
    return std::ranges::any_of(*places_, [&](const Place& p) {
      return p.port == end.port && (!p.address || end.address.is_v6() || *p.address == end.address);
    });
  });
}

}  // namespace bulkhead::audit
