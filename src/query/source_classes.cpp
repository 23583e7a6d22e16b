#include "query/source_classes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

namespace bulkhead::query {
namespace {

// Collects cuts: a range [first, last] cuts before first and behind last.
class Cuts {
 public:
  void range(IpAddress first, IpAddress last) {
    if (last < first) std::swap(first, last);
    cuts_.push_back(first);
    const IpAddress behind = last.next();
    if (behind > last) cuts_.push_back(behind);
  }
  void prefix(const Prefix& p) { range(p.first(), p.last()); }
  void single(IpAddress a) { range(a, a); }

  std::vector<IpAddress> sorted() && {
    std::ranges::sort(cuts_);
    const auto rest = std::ranges::unique(cuts_);
    cuts_.erase(rest.begin(), rest.end());
    return std::move(cuts_);
  }

 private:
  std::vector<IpAddress> cuts_;
};

std::optional<IpAddress> padded_address(ByteView bytes, std::size_t width, std::uint8_t fill) {
  std::array<std::uint8_t, 16> octets{};
  std::ranges::fill(octets, fill);
  std::ranges::copy(bytes.first(std::min(bytes.size(), width)), octets.begin());
  auto address = IpAddress::from_octets(std::span(octets).first(width));
  if (!address) return std::nullopt;
  return *address;
}

// Where within a term's bytes a source address (or something that may be one) lies.
struct Slot {
  std::size_t offset = 0;
  std::size_t length = 0;  // of the compared part: a shorter one is a prefix
  std::size_t width = 0;   // 4 or 16
};

std::size_t padded(std::size_t length) {
  return (length + 3) / 4 * 4;
}

std::optional<std::size_t> address_width(const model::PayloadTerm& p) {
  if (p.base != model::PayloadBase::kNetwork || p.length == 0) return std::nullopt;
  if (p.offset == 12 && p.length <= 4) return 4;  // IPv4 source, or the first bytes of it
  if (p.offset == 8 && p.length <= 16) return 16;
  return std::nullopt;
}

std::size_t term_length(const model::Term& term, std::size_t rest) {
  if (const auto* p = std::get_if<model::PayloadTerm>(&term.node)) return p->length;
  if (const auto* b = std::get_if<model::BitwiseTerm>(&term.node)) return b->mask.size();
  if (const auto* m = std::get_if<model::MetaTerm>(&term.node)) {
    const bool name = m->key == model::MetaKey::kIifname || m->key == model::MetaKey::kOifname;
    return name ? 16 : 4;
  }
  return std::min<std::size_t>(rest, rest >= 16 && rest % 4 == 0 && rest < 20 ? 16 : 4);
}

// Slots of a key of `size` bytes. Conntrack addresses count as sources too.
void find_slots(const model::Term& term, std::size_t offset, std::size_t size,
                std::vector<Slot>& out) {
  if (const auto* p = std::get_if<model::PayloadTerm>(&term.node)) {
    if (auto width = address_width(*p)) out.push_back({offset, p->length, *width});
  } else if (const auto* b = std::get_if<model::BitwiseTerm>(&term.node)) {
    if (!b->operand.empty()) find_slots(b->operand.front(), offset, size, out);
  } else if (std::holds_alternative<model::CtTerm>(term.node)) {
    const std::size_t left = size - std::min(size, offset);
    if (left == 4 || left == 16) out.push_back({offset, left, left});
  } else if (const auto* c = std::get_if<model::ConcatTerm>(&term.node)) {
    for (const model::Term& part : c->parts) {
      if (offset >= size) return;
      const std::size_t length = term_length(part, size - offset);
      find_slots(part, offset, std::min(size, offset + length), out);
      offset += padded(length);
    }
  }
}

void cut_slot(Cuts& cuts, const Slot& slot, ByteView first, ByteView last) {
  if (first.size() < slot.offset + slot.length || last.size() < slot.offset + slot.length) return;
  auto from = padded_address(first.subspan(slot.offset, slot.length), slot.width, 0x00);
  auto to = padded_address(last.subspan(slot.offset, slot.length), slot.width, 0xff);
  if (from && to) cuts.range(*from, *to);
}

void cut_masked(Cuts& cuts, const model::Compare& compare) {
  const auto* bitwise = std::get_if<model::BitwiseTerm>(&compare.left.node);
  Bytes last = compare.right;
  if (bitwise != nullptr && bitwise->mask.size() == last.size()) {
    for (std::size_t i = 0; i < last.size(); ++i) {
      last[i] = static_cast<std::uint8_t>(last[i] | ~bitwise->mask[i]);
    }
  }
  std::vector<Slot> slots;
  find_slots(compare.left, 0, compare.right.size(), slots);
  for (const Slot& slot : slots) cut_slot(cuts, slot, compare.right, last);
}

class RuleCuts {
 public:
  RuleCuts(const model::Table& table, Cuts& cuts) : cuts_(cuts) {
    for (const model::SetDef& set : table.sets) sets_.emplace(set.name, &set);
  }

  void operator()(const model::Compare& s) { cut_masked(cuts_, s); }
  void operator()(const model::InRange& s) {
    std::vector<Slot> slots;
    find_slots(s.left, 0, s.first.size(), slots);
    for (const Slot& slot : slots) cut_slot(cuts_, slot, s.first, s.last);
  }
  void operator()(const model::InSet& s) { cut_set(s.key, s.set); }
  void operator()(const model::VerdictMap& s) { cut_set(s.key, s.set); }
  void operator()(const model::Nat& s) {
    for (const auto* term : {&s.address, &s.address_max, &s.port, &s.port_max}) {
      if (*term) cut_term(**term);
    }
  }
  void operator()(const model::SetMeta& s) { cut_term(s.value); }
  void operator()(const model::SetCt& s) { cut_term(s.value); }
  void operator()(const model::XtHeader& s) {
    if (!s.source) return;
    cut_mask(*s.source, s.source_mask.value_or(*s.source));
  }
  void operator()(const model::XtMatch& s) {
    if (const auto* range = std::get_if<model::xt::Iprange>(&s.info)) {
      if (range->source) cuts_.range(range->source->first, range->source->last);
    } else if (const auto* ct = std::get_if<model::xt::Conntrack>(&s.info)) {
      for (const auto* side : {&ct->original_source, &ct->reply_destination}) {
        if (*side) cut_mask((*side)->address, (*side)->mask);
      }
    }
  }
  template <class Other>
  void operator()(const Other&) {}

 private:
  void cut_term(const model::Term& term) {
    if (const auto* map = std::get_if<model::MapTerm>(&term.node);
        map != nullptr && !map->key.empty()) {
      cut_set(map->key.front(), map->set);
    }
  }
  void cut_set(const model::Term& key, const std::string& name) {
    const auto found = sets_.find(name);
    if (found == sets_.end()) return;
    std::vector<Slot> slots;
    find_slots(key, 0, found->second->key_length, slots);
    for (const Slot& slot : slots) {
      for (const model::SetElement& e : found->second->elements)
        cut_slot(cuts_, slot, e.first, e.last);
    }
  }
  // A mask that is no prefix still cuts at its lowest and highest member; what lies between may be
  // told apart, which a class then does not see (iptables writes such masks only when asked to).
  void cut_mask(IpAddress address, IpAddress mask) {
    std::array<std::uint8_t, 16> last{};
    const auto a = address.octets();
    const auto m = mask.octets();
    if (a.size() != m.size()) return;
    for (std::size_t i = 0; i < a.size(); ++i) last[i] = static_cast<std::uint8_t>(a[i] | ~m[i]);
    if (auto end = IpAddress::from_octets(std::span(last).first(a.size())))
      cuts_.range(address, *end);
  }

  Cuts& cuts_;
  std::unordered_map<std::string_view, const model::SetDef*> sets_;
};

void cut_ipsets(const model::Ruleset& ruleset, Cuts& cuts) {
  for (const model::IpSet& set : ruleset.ipsets) {
    for (const model::IpSetEntry& e : set.entries) {
      if (e.prefix) cuts.range(e.prefix->first(), e.last_address.value_or(e.prefix->last()));
      if (e.prefix2) cuts.prefix(*e.prefix2);
    }
  }
}

void cut_routing(const model::NetNs& ns, Cuts& cuts) {
  for (const model::Route& route : ns.routes) {
    cuts.prefix(route.destination);
    if (route.source) cuts.prefix(*route.source);
  }
  for (const model::RoutingRule& rule : ns.routing_rules) {
    if (rule.source) cuts.prefix(*rule.source);
    if (rule.destination) cuts.prefix(*rule.destination);
  }
}

bool usable(const policy::Zone& zone, const Prefix& inside, IpAddress a,
            std::span<const IpAddress> own) {
  if (std::ranges::find(own, a) != own.end()) return false;
  if (a.is_multicast() || a.is_unspecified() || a.is_loopback()) return false;
  if (std::ranges::any_of(zone.excluded, [a](const Prefix& p) { return p.contains(a); }))
    return false;
  const bool numbered = a.bits() - inside.length() > 1;
  return !numbered || (a != inside.first() && (a.is_v6() || a != inside.last()));
}

// What people recognise as "somebody out there" (RFC 5737, RFC 3849), when its class holds it.
IpAddress familiar(IpFamily family) {
  if (family == IpFamily::kV4) return IpAddress::v4(198, 51, 100, 7);
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7});
}

// A usable address in [from, to] that is inside the prefix and the zone.
std::optional<IpAddress> pick(const policy::Zone& zone, const Prefix& inside, IpAddress from,
                              IpAddress to, std::span<const IpAddress> own) {
  from = std::max(from, inside.first());
  to = std::min(to, inside.last());
  const IpAddress liked = familiar(inside.family());
  if (from <= liked && liked <= to && usable(zone, inside, liked, own)) return liked;
  if (from < to && usable(zone, inside, from.next(), own)) return from.next();
  for (int tries = 0; tries < 64 && from <= to; ++tries) {
    if (usable(zone, inside, from, own)) return from;
    const auto blocked =
        std::ranges::find_if(zone.excluded, [from](const Prefix& p) { return p.contains(from); });
    const IpAddress next = (blocked != zone.excluded.end() ? blocked->last() : from).next();
    if (next <= from) break;
    from = next;
  }
  return std::nullopt;
}

}  // namespace

std::vector<IpAddress> source_boundaries(const model::Snapshot& snapshot) {
  Cuts cuts;
  for (const char* text :
       {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8", "fe80::/10"}) {
    if (auto prefix = Prefix::parse(text)) cuts.prefix(*prefix);
  }
  for (const model::NetNs& ns : snapshot.namespaces) {
    cut_routing(ns, cuts);
    cut_ipsets(ns.ruleset, cuts);
    for (const model::Address& address : ns.addresses) cuts.single(address.local);
    for (const model::Neighbour& neighbour : ns.neighbours) cuts.single(neighbour.address);
    for (const model::Table& table : ns.ruleset.tables) {
      RuleCuts visit(table, cuts);
      for (const model::Chain& chain : table.chains) {
        for (const model::Rule& rule : chain.rules) {
          for (const model::Statement& s : rule.statements) std::visit(visit, s);
        }
      }
    }
  }
  return std::move(cuts).sorted();
}

Representatives representatives(const policy::Zone& zone, std::span<const IpAddress> boundaries,
                                std::span<const IpAddress> own, std::size_t most) {
  Representatives out;
  for (const Prefix& prefix : zone.prefixes) {
    auto at = std::ranges::upper_bound(boundaries, prefix.first());
    IpAddress from = prefix.first();
    while (from <= prefix.last()) {
      const bool more = at != boundaries.end() && *at <= prefix.last();
      const IpAddress to = more ? at->previous() : prefix.last();
      if (auto found = pick(zone, prefix, from, to, own)) {
        if (out.addresses.size() == most) {
          out.complete = false;
          return out;
        }
        out.addresses.push_back(*found);
      }
      if (!more) break;
      from = *at++;
    }
  }
  std::ranges::stable_partition(out.addresses,
                                [](IpAddress a) { return a == familiar(a.family()); });
  return out;
}

}  // namespace bulkhead::query
