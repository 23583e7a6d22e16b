#include "query/source_classes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "query/source_marks.h"
#include "query/source_slots.h"

namespace bulkhead::query {
namespace {

std::optional<IpAddress> padded_address(ByteView bytes, std::size_t width, std::uint8_t fill) {
  std::array<std::uint8_t, 16> octets{};
  std::ranges::fill(octets, fill);
  std::ranges::copy(bytes.first(std::min(bytes.size(), width)), octets.begin());
  auto address = IpAddress::from_octets(std::span(octets).first(width));
  if (!address) return std::nullopt;
  return *address;
}

struct Range {
  IpAddress first, last;
};
struct Ranges {
  std::vector<Range> parts;
  bool opaque = false;  // others between the first and the last, too: too many to be listed
};

constexpr std::size_t kMostParts = 4096;  // of one comparison under a mask

bool is_prefix(ByteView mask) {
  bool open = false;
  for (const std::uint8_t byte : mask) {
    const auto free = static_cast<std::uint8_t>(~byte);
    if (open ? byte != 0 : (free & (free + 1U)) != 0) return false;
    open = open || free != 0;
  }
  return true;
}

// The keys that are `value` under a mask with holes: a range for each setting of the bits that are
// open above the lowest that counts. Nothing: too many.
std::vector<std::pair<Bytes, Bytes>> under_mask(ByteView value, ByteView mask) {
  std::vector<std::size_t> open;
  std::size_t low = mask.size() * 8;
  while (low > 0 && (mask[(low - 1) / 8] >> (7 - (low - 1) % 8) & 1) == 0) --low;
  for (std::size_t bit = 0; bit < low; ++bit) {
    if ((mask[bit / 8] >> (7 - bit % 8) & 1) == 0) open.push_back(bit);
  }
  std::vector<std::pair<Bytes, Bytes>> out;
  if (open.size() >= 16 || (std::size_t{1} << open.size()) > kMostParts) return out;
  for (std::size_t setting = 0; setting < std::size_t{1} << open.size(); ++setting) {
    Bytes first(value.begin(), value.end());
    for (std::size_t i = 0; i < open.size(); ++i) {
      if ((setting >> i & 1) != 0)
        first[open[i] / 8] |= static_cast<std::uint8_t>(1U << (7 - open[i] % 8));
    }
    Bytes last = first;
    for (std::size_t bit = low; bit < mask.size() * 8; ++bit)
      last[bit / 8] |= static_cast<std::uint8_t>(1U << (7 - bit % 8));
    out.emplace_back(std::move(first), std::move(last));
  }
  return out;
}

// The addresses whose bytes in the slot lie between those of two keys; empty when there are none.
Ranges ranges_of(const Slot& slot, ByteView first, ByteView last) {
  Ranges out;
  if (first.size() <= slot.offset || last.size() <= slot.offset) return out;
  const auto part = [&](ByteView key) {
    return key.subspan(slot.offset, std::min(slot.length, key.size() - slot.offset));
  };
  const auto add = [&](ByteView from, ByteView to) {
    const auto begin = padded_address(from, slot.width, 0x00);
    const auto end = padded_address(to, slot.width, 0xff);
    if (begin && end) out.parts.push_back({*begin, *end});
  };
  const ByteView low = part(first), high = part(last);
  const ByteView mask = ByteView(slot.mask).first(std::min(slot.mask.size(), high.size()));
  if (!is_prefix(mask) && std::ranges::equal(low, high)) {
    for (const auto& [from, to] : under_mask(low.first(mask.size()), mask)) add(from, to);
    if (!out.parts.empty()) return out;
  }
  out.opaque = !is_prefix(mask);
  if (out.opaque && !std::ranges::equal(low, high)) {  // of an interval: anywhere
    add({}, {});
    return out;
  }
  Bytes end(high.begin(), high.end());
  for (std::size_t i = 0; i < mask.size(); ++i)
    end[i] = static_cast<std::uint8_t>(end[i] | ~mask[i]);
  add(low, end);
  return out;
}

// The key without what lies in the slot.
std::string around(const Slot& slot, ByteView key) {
  std::string out;
  const std::size_t begin = std::min(slot.offset, key.size());
  Marks::append(out, key.first(begin));
  Marks::append(out, key.subspan(std::min(begin + slot.length, key.size())));
  return out;
}

// A key with its fields padded, as the kernel lays them out: a snapshot made by hand may hold them
// without (trace::SetCode).
Bytes laid_out(const model::SetDef& set, ByteView key) {
  std::size_t bare = 0;
  for (const std::uint32_t length : set.field_lengths) bare += length;
  if (set.field_lengths.size() < 2 || key.size() != bare) return {key.begin(), key.end()};
  Bytes out;
  for (const std::uint32_t length : set.field_lengths) {
    out.insert(out.end(), key.begin(), key.begin() + length);
    key = key.subspan(length);
    out.resize((out.size() + 3) / 4 * 4);
  }
  return out;
}

// What an element says, but for the address in the slot.
std::string told_by(const model::SetElement& element, const Slot& slot, ByteView first,
                    ByteView last) {
  std::string out = around(slot, first) + around(slot, last);
  if (element.data) Marks::append(out, *element.data);
  if (element.verdict) {
    out += std::to_string(static_cast<int>(element.verdict->kind)) + " " +
           std::to_string(element.verdict->queue) + (element.verdict->queue_bypass ? "b" : "") +
           element.verdict->chain;
  }
  return out;
}

// Do an element's ends bound the slot alone? Else they bound a longer number that it is a part of.
bool one_field(const model::SetDef& set, const Slot& slot) {
  std::size_t at = 0;
  for (const std::uint32_t length : set.field_lengths) {
    if (slot.offset == at && slot.length >= length) return true;
    at += (length + 3) / 4 * 4;
  }
  return slot.offset == 0 && slot.length >= set.key_length;
}

class RuleMarks {
 public:
  RuleMarks(const model::Table& table, std::string place, Marks& marks)
      : table_(table), place_(std::move(place)), marks_(marks) {
    for (const model::SetDef& set : table.sets) sets_.emplace(set.name, &set);
  }

  void rule(const model::Rule& rule) {
    family_ = table_.family;
    for (const model::Statement& s : rule.statements) std::visit(*this, s);
  }

  void operator()(const model::Compare& s) {
    narrow(s);
    const bool equal = s.op == model::CompareOp::kEqual || s.op == model::CompareOp::kNotEqual;
    for (const Slot& slot : slots(s.left, s.right.size()).known) {
      if (equal)
        mark(slot, s.right, s.right);
      else
        ordered(slot, s.right);
    }
  }
  void operator()(const model::InRange& s) {
    for (const Slot& slot : slots(s.left, s.first.size()).known) {
      const bool whole = slot.offset == 0 && slot.length >= s.first.size();
      between(slot, whole && slot.mask.empty(), s.first, s.last);
    }
  }
  void operator()(const model::InSet& s) { set(s.key, s.set); }
  void operator()(const model::VerdictMap& s) { set(s.key, s.set); }
  void operator()(const model::Nat& s) {
    for (const auto* of : {&s.address, &s.address_max, &s.port, &s.port_max}) {
      if (*of) term(**of);
    }
  }
  void operator()(const model::SetPayload& s) {
    term(s.value);
    for (const Slot& slot : slots({s.target}, kAllBytes).known) {
      if (slot.length < slot.width) everything(slot.width);  // the rest of it stays the sender's
    }
  }
  void operator()(const model::Tproxy& s) {
    for (const auto* of : {&s.address, &s.port}) {
      if (*of) term(**of);
    }
  }
  void operator()(const model::Forward& s) {
    for (const auto* of : {&s.device, &s.address}) {
      if (*of) term(**of);
    }
  }
  void operator()(const model::SetMeta& s) { term(s.value); }
  void operator()(const model::SetCt& s) { term(s.value); }
  void operator()(const model::XtHeader& s) {
    if (s.source) mask(*s.source, s.source_mask.value_or(*s.source));
    if (s.destination) mask(*s.destination, s.destination_mask.value_or(*s.destination));
  }
  void operator()(const model::XtMatch& s) {
    if (const auto* range = std::get_if<model::xt::Iprange>(&s.info)) {
      for (const auto* side : {&range->source, &range->destination}) {
        if (*side) marks_.range((*side)->first, (*side)->last);
      }
    } else if (const auto* ct = std::get_if<model::xt::Conntrack>(&s.info)) {
      for (const auto* side : {&ct->original_source, &ct->original_destination, &ct->reply_source,
                               &ct->reply_destination}) {
        if (*side) mask((*side)->address, (*side)->mask);
      }
    }
  }
  template <class Other>
  void operator()(const Other&) {}

 private:
  // What a rule asks behind such a comparison it asks of that protocol's headers.
  void narrow(const model::Compare& s) {
    if (s.op != model::CompareOp::kEqual) return;
    const auto* meta = std::get_if<model::MetaTerm>(&s.left.node);
    const auto* payload = std::get_if<model::PayloadTerm>(&s.left.node);
    const bool ether_type =
        (meta != nullptr && meta->key == model::MetaKey::kProtocol) ||
        (payload != nullptr && payload->base == model::PayloadBase::kLink && payload->length == 2 &&
         (payload->offset == 12 || payload->offset == 16));  // 16: behind the tag of a VLAN
    if (ether_type && s.right == Bytes{0x08, 0x06}) family_ = model::NfFamily::kArp;
    if (ether_type && s.right == Bytes{0x08, 0x00}) family_ = model::NfFamily::kIp;
    if (ether_type && s.right == Bytes{0x86, 0xdd}) family_ = model::NfFamily::kIp6;
    // The first byte of a header says which it is.
    const bool version = payload != nullptr && payload->base == model::PayloadBase::kNetwork &&
                         payload->offset == 0 && payload->length == 1 && s.right.size() == 1;
    if (version && s.right[0] >> 4 == 4) family_ = model::NfFamily::kIp;
    if (version && s.right[0] >> 4 == 6) family_ = model::NfFamily::kIp6;
    if (meta == nullptr || meta->key != model::MetaKey::kNfproto || s.right.size() != 1) return;
    constexpr std::uint8_t kIpv4 = 2, kIpv6 = 10;  // NFPROTO_*
    if (s.right[0] == kIpv4) family_ = model::NfFamily::kIp;
    if (s.right[0] == kIpv6) family_ = model::NfFamily::kIp6;
  }

  Slots slots(const model::Term& of, std::size_t size) {
    Slots out = slots_of(of, {table_.family, family_}, size);
    if (out.opaque_v4) everything(4);
    if (out.opaque_v6) everything(16);
    return out;
  }
  void everything(std::size_t width) {
    const auto all = Prefix::parse(width == 4 ? "0.0.0.0/0" : "::/0");
    if (all) marks_.opaque(all->first(), all->last());
  }

  std::vector<Range> mark(const Slot& slot, ByteView first, ByteView last) {
    Ranges ranges = ranges_of(slot, first, last);
    for (const auto& [from, to] : ranges.parts) {
      marks_.range(from, to);
      if (ranges.opaque) marks_.opaque(from, to);
    }
    return std::move(ranges.parts);
  }

  // Bytes of the key come before and behind the slot: those before and behind one of the ends are
  // told apart, too.
  void ordered(const Slot& slot, ByteView end) {
    if (!is_prefix(slot.mask)) return everything(slot.width);
    for (const auto& [first, last] : mark(slot, end, end)) {
      marks_.range(IpAddress::any(first.family()), first);
      marks_.range(IpAddress::any(first.family()), last);
    }
  }
  void between(const Slot& slot, bool whole, ByteView first, ByteView last) {
    if (whole || std::ranges::equal(first, last)) {
      mark(slot, first, last);
    } else {
      ordered(slot, first);
      ordered(slot, last);
    }
  }

  // What a rule writes: a number made of an address is compared who knows where.
  void term(const model::Term& of) {
    if (const auto* map = std::get_if<model::MapTerm>(&of.node);
        map != nullptr && !map->key.empty()) {
      set(map->key.front(), map->set);
    } else {
      for (const Slot& slot : slots(of, kAllBytes).known) everything(slot.width);
    }
  }

  void set(const model::Term& key, const std::string& name) {
    const auto found = sets_.find(name);
    if (found == sets_.end()) return;
    const model::SetDef& definition = *found->second;
    const std::string number = std::to_string(found->second - table_.sets.data());
    for (const Slot& slot : slots(key, kAllBytes).known) {
      const std::string place = std::to_string(slot.offset) + "/" + std::to_string(slot.length) +
                                "/" + std::to_string(slot.width);
      if (done_.emplace(name, place + std::string(slot.mask.begin(), slot.mask.end())).second)
        elements(definition, slot, place_ + number + " " + place + " ");
    }
  }

  void elements(const model::SetDef& definition, const Slot& slot, const std::string& place) {
    // Where keys overlap the first element of a map counts: which that is must not be lost.
    const bool first_counts =
        (slot.length < definition.key_length || !definition.field_lengths.empty()) &&
        std::ranges::any_of(definition.elements, [](const auto& e) {
          return e.data.has_value() || e.verdict.has_value();
        });
    for (const model::SetElement& e : definition.elements) {
      if (e.catch_all) continue;
      const Bytes first = laid_out(definition, e.first);
      const Bytes last = e.last.empty() ? first : laid_out(definition, e.last);
      if (first != last && (!slot.mask.empty() || !one_field(definition, slot))) {
        between(slot, false, first, last);
      } else if (first_counts || !slot.mask.empty()) {
        mark(slot, first, last);
      } else {
        for (const auto& [from, to] : ranges_of(slot, first, last).parts)
          marks_.add(from, to, place + told_by(e, slot, first, last));
      }
    }
  }

  void mask(IpAddress address, IpAddress mask) {
    const Slot slot{0, mask.octets().size(), mask.octets().size(),
                    Bytes(mask.octets().begin(), mask.octets().end())};
    mark(slot, address.octets(), address.octets());
  }

  const model::Table& table_;
  model::NfFamily family_ = table_.family;  // whose headers the statement at hand sees
  std::string place_;
  Marks& marks_;
  std::unordered_map<std::string_view, const model::SetDef*> sets_;
  std::set<std::pair<std::string, std::string>> done_;
};

// What an entry says, but for the address in one of its dimensions: the longest prefix counts.
std::string told_by(const model::IpSetEntry& entry, bool second) {
  const std::optional<Prefix>& own = second ? entry.prefix2 : entry.prefix;
  model::IpSetEntry rest = entry;
  (second ? rest.prefix2 : rest.prefix).reset();
  if (!second) rest.last_address.reset();
  rest.timeout_s.reset();
  std::string out = std::to_string(own ? own->length() : 0) + " ";
  const auto number = [&](const auto& value) { out += std::to_string(value) + " "; };
  if (rest.prefix) out += rest.prefix->to_string() + " ";
  if (rest.last_address) out += rest.last_address->to_string() + " ";
  if (rest.prefix2) out += rest.prefix2->to_string() + " ";
  if (rest.mac) out += rest.mac->to_string();
  number(rest.protocol.value_or(0));
  number(rest.port ? rest.port->number + 1 : 0);
  number(rest.last_port ? rest.last_port->number + 1 : 0);
  number(rest.mark ? std::uint64_t{*rest.mark} + 1 : 0);
  number(rest.nomatch ? 1 : 0);
  return out + rest.interface + "\n" + rest.member_set;
}

void mark_ipsets(const model::Ruleset& ruleset, const std::string& place, Marks& marks) {
  for (std::size_t i = 0; i < ruleset.ipsets.size(); ++i) {
    const std::string here = place + "ipset " + std::to_string(i) + " ";
    const auto& mask = ruleset.ipsets[i].netmask_length;
    for (const model::IpSetEntry& e : ruleset.ipsets[i].entries) {
      if (e.prefix) {
        IpAddress last = e.last_address.value_or(e.prefix->last());
        if (mask) last = std::max(last, Prefix::covering(last, *mask).last());
        marks.add(e.prefix->first(), last, here + "1" + told_by(e, false));
      }
      if (e.prefix2)
        marks.add(e.prefix2->first(), e.prefix2->last(), here + "2" + told_by(e, true));
    }
  }
}

void mark_routing(const model::NetNs& ns, Marks& marks) {
  for (const model::Route& route : ns.routes) {
    marks.prefix(route.destination);
    if (route.source) marks.prefix(*route.source);
  }
  for (const model::RoutingRule& rule : ns.routing_rules) {
    if (rule.source) marks.prefix(*rule.source);
    if (rule.destination) marks.prefix(*rule.destination);
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

// Whole ranges that no sender has.
std::optional<Prefix> nobodys(IpAddress a) {
  if (a.is_multicast()) return Prefix::covering(a, a.is_v4() ? 4 : 8);
  if (a.is_loopback() && a.is_v4()) return Prefix::covering(a, 8);
  return std::nullopt;
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
  // Each turn passes a prefix that is excluded, an address of the host, or an end of the prefix.
  for (std::size_t turns = zone.excluded.size() + own.size() + 4; turns > 0 && from <= to;) {
    if (usable(zone, inside, from, own)) return from;
    const std::optional<Prefix> nobody = nobodys(from);
    const auto blocked =
        std::ranges::find_if(zone.excluded, [from](const Prefix& p) { return p.contains(from); });
    IpAddress last = nobody ? nobody->last() : from;
    if (blocked != zone.excluded.end()) last = std::max(last, blocked->last());
    if (last.next() <= last) break;
    from = last.next();
    --turns;
  }
  return std::nullopt;
}

// The ranges of a zone's prefix that differ in nothing else than the addresses.
struct Piece {
  IpAddress from, to;
  std::uint32_t kind = 0;
  bool uneven = false;
};

std::vector<Piece> pieces(const Prefix& prefix, const SourceClasses& classes) {
  std::vector<Piece> out;
  auto at = std::ranges::upper_bound(classes.cuts, prefix.first());
  IpAddress from = prefix.first();
  while (true) {
    const bool more = at != classes.cuts.end() && *at <= prefix.last();
    const auto range = static_cast<std::size_t>(at - classes.cuts.begin());
    const IpAddress to = more ? at->previous() : prefix.last();
    out.push_back({from, to, classes.kinds[range], from < to && classes.uneven[range]});
    if (!more) break;
    from = *at++;
  }
  // Whoever is somebody to people speaks for the class.
  const IpAddress liked = familiar(prefix.family());
  std::ranges::stable_partition(out,
                                [&](const Piece& p) { return p.from <= liked && liked <= p.to; });
  return out;
}

// The namespaces that packets from the host's links may come to: those that wires or devices upon
// others join with the host's, over how many steps ever. Rules elsewhere tell no senders apart.
std::vector<bool> joined_with_host(const model::Snapshot& snapshot) {
  const std::size_t count = snapshot.namespaces.size();
  std::vector<std::vector<std::size_t>> next(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (const model::Link& link : snapshot.namespaces[i].links) {
      if (!link.peer_ns || link.peer_ns->value >= count) continue;
      next[i].push_back(link.peer_ns->value);
      next[link.peer_ns->value].push_back(i);
    }
  }
  std::vector<bool> joined(count, false);
  std::vector<std::size_t> todo;
  const auto come_to = [&](std::size_t ns) {
    if (ns >= count || joined[ns]) return;
    joined[ns] = true;
    todo.push_back(ns);
  };
  come_to(snapshot.host.value);
  while (!todo.empty()) {
    const std::size_t at = todo.back();
    todo.pop_back();
    for (const std::size_t ns : next[at]) come_to(ns);
  }
  return joined;
}

}  // namespace

std::uint32_t SourceClasses::kind_of(const IpAddress& address) const {
  const auto at = std::ranges::upper_bound(cuts, address);
  return kinds[static_cast<std::size_t>(at - cuts.begin())];
}

SourceClasses source_classes(const model::Snapshot& snapshot) {
  Marks marks;
  for (const char* text :
       {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8", "fe80::/10"}) {
    if (auto prefix = Prefix::parse(text)) marks.prefix(*prefix);
  }
  const std::vector<bool> joined = joined_with_host(snapshot);
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
    if (!joined[i]) continue;
    const model::NetNs& ns = snapshot.namespaces[i];
    const std::string place = std::to_string(i) + " ";
    mark_routing(ns, marks);
    mark_ipsets(ns.ruleset, place, marks);
    for (const model::Address& address : ns.addresses) marks.single(address.local);
    for (const model::Neighbour& neighbour : ns.neighbours) marks.single(neighbour.address);
    for (std::size_t t = 0; t < ns.ruleset.tables.size(); ++t) {
      const model::Table& table = ns.ruleset.tables[t];
      RuleMarks visit(table, place + std::to_string(t) + " ", marks);
      for (const model::Chain& chain : table.chains) {
        for (const model::Rule& rule : chain.rules) visit.rule(rule);
      }
    }
  }
  return std::move(marks).classes();
}

Representatives representatives(const policy::Zone& zone, const SourceClasses& classes,
                                std::span<const IpAddress> own, std::size_t most) {
  Representatives out;
  std::set<std::pair<IpFamily, std::uint32_t>> spoken_for;
  for (const Prefix& prefix : zone.prefixes) {
    for (const Piece& piece : pieces(prefix, classes)) {
      const std::pair key(prefix.family(), piece.kind);
      if (!piece.uneven && spoken_for.contains(key)) continue;
      const auto found = pick(zone, prefix, piece.from, piece.to, own);
      if (!found) continue;
      if (out.addresses.size() == most) {
        out.complete = false;
        return out;
      }
      spoken_for.insert(key);
      out.uneven = out.uneven || piece.uneven;
      out.addresses.push_back(*found);
    }
  }
  std::ranges::stable_partition(out.addresses,
                                [](IpAddress a) { return a == familiar(a.family()); });
  return out;
}

}  // namespace bulkhead::query
