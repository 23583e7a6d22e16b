#include "audit/change_scope.h"

#include <algorithm>
#include <string_view>
#include <type_traits>

namespace bulkhead::audit {
namespace {

using Place = ChangeScope::Place;
using Places = std::optional<std::vector<Place>>;
using Difference = std::vector<const model::Rule*>;

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

// Rules that are not in both: the others stand in the same order in both. `common_nat` is set when
// one of those translates.
void compare_chains(const model::Chain& before, const model::Chain& after, Difference& out,
                    bool& common_nat) {
  auto b = before.rules.begin(), a = after.rules.begin();
  while (b != before.rules.end()) {
    if (a != after.rules.end() && *a == *b) {
      common_nat = common_nat || translates(*a);
      ++a;
    } else {
      out.push_back(&*b);
      if (a != after.rules.end() && a->handle == b->handle) out.push_back(&*a++);
    }
    ++b;
  }
  for (; a != after.rules.end(); ++a) out.push_back(&*a);
}

bool collect(std::vector<Place>& places, const Difference& rules, bool nat_stays) {
  for (const model::Rule* rule : rules) {
    const auto place = place_asked(*rule);
    if (!place || !is_ordinary(*rule, nat_stays)) return false;
    places.push_back(*place);
  }
  return true;
}

// All members are equal, but for the two that are named.
template <class Struct>
bool same_but_for(const Struct& one, const Struct& other, std::string_view first,
                  std::string_view second) {
  bool same = true;
  std::vector<const void*> members;
  Struct::fields(other, [&](std::string_view, const auto& member) { members.push_back(&member); });
  std::size_t at = 0;
  Struct::fields(one, [&](std::string_view name, const auto& member) {
    using Member = std::remove_cvref_t<decltype(member)>;
    const auto& twin = *static_cast<const Member*>(members[at++]);
    if (name != first && name != second) same = same && member == twin;
  });
  return same;
}

bool compare_tables(const model::Table& before, const model::Table& after,
                    std::vector<Place>& places) {
  if (!same_but_for(before, after, "chains", "") || before.chains.size() != after.chains.size())
    return false;
  Difference rules;
  bool common_nat = false;
  for (std::size_t i = 0; i < before.chains.size(); ++i) {
    if (!same_but_for(before.chains[i], after.chains[i], "rules", "")) return false;
    compare_chains(before.chains[i], after.chains[i], rules, common_nat);
  }
  return collect(places, rules, common_nat);
}

// Of base chains that let pass what their rules do not stop.
bool new_table(const model::Table& table, std::vector<Place>& places) {
  Difference rules;
  for (const model::Chain& chain : table.chains) {
    if (!chain.base || chain.base->type != model::ChainType::kFilter ||
        chain.base->policy != model::VerdictKind::kAccept || !chain.base->devices.empty())
      return false;
    for (const model::Rule& rule : chain.rules) rules.push_back(&rule);
  }
  const bool ip = table.family == model::NfFamily::kInet || table.family == model::NfFamily::kIp ||
                  table.family == model::NfFamily::kIp6;
  return ip && table.sets.empty() && collect(places, rules, false);
}

bool compare_rulesets(const model::Ruleset& before, const model::Ruleset& after,
                      std::vector<Place>& places) {
  if (!same_but_for(before, after, "tables", "generation") ||
      before.tables.size() > after.tables.size())
    return false;
  for (std::size_t i = 0; i < before.tables.size(); ++i) {
    if (!compare_tables(before.tables[i], after.tables[i], places)) return false;
  }
  // Where a legacy table stands at the priority of a new chain, both orders are looked at.
  const bool legacy = std::ranges::any_of(before.tables, [](const model::Table& t) {
    return t.backend != model::TableBackend::kNftables;
  });
  if (legacy && after.tables.size() > before.tables.size()) return false;
  for (std::size_t i = before.tables.size(); i < after.tables.size(); ++i) {
    if (!new_table(after.tables[i], places)) return false;
  }
  return true;
}

void compare_sockets(const std::vector<model::Socket>& before,
                     const std::vector<model::Socket>& after, std::vector<Place>& places) {
  auto a = after.begin();
  for (const model::Socket& socket : before) {
    if (a != after.end() && *a == socket) {
      ++a;
    } else {
      places.push_back({socket.port, {}});
    }
  }
  for (; a != after.end(); ++a) places.push_back({a->port, {}});
}

Places places_of(const model::Snapshot& before, const model::Snapshot& after) {
  if (!same_but_for(before, after, "namespaces", "engines") ||
      before.namespaces.size() != after.namespaces.size())
    return std::nullopt;
  std::vector<Place> places;
  for (std::size_t i = 0; i < before.namespaces.size(); ++i) {
    const model::NetNs &b = before.namespaces[i], &a = after.namespaces[i];
    if (i != before.host.value) {
      if (b != a) return std::nullopt;
      continue;
    }
    if (!same_but_for(b, a, "ruleset", "sockets") ||
        !compare_rulesets(b.ruleset, a.ruleset, places))
      return std::nullopt;
    compare_sockets(b.sockets, a.sockets, places);
  }
  std::ranges::sort(places);
  const auto rest = std::ranges::unique(places);
  places.erase(rest.begin(), rest.end());
  return places;
}

}  // namespace

ChangeScope::ChangeScope(const model::Snapshot& before, const model::Snapshot& after)
    : places_(places_of(before, after)) {}

bool ChangeScope::spares(const trace::Answer& answer) const {
  return places_ && !answer.seen.may_hold([&](const trace::EndsSeen::End& end) {
    return std::ranges::any_of(*places_, [&](const Place& p) {
      return p.port == end.port && (!p.address || end.address.is_v6() || *p.address == end.address);
    });
  });
}

}  // namespace bulkhead::audit
