#include "query/source_classes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "query/source_marks.h"

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

// Where within a term's bytes an end's address (or something that may be one) lies.
struct Slot {
  std::size_t offset = 0;
  std::size_t length = 0;  // of the compared part: a shorter one is a prefix
  std::size_t width = 0;   // 4 or 16
  Bytes mask = {};         // under which it is compared; empty: whole
};

struct Slots {
  std::vector<Slot> known;
  bool opaque = false;  // parts of addresses, or what is computed of them
};

std::size_t padded(std::size_t length) {
  return (length + 3) / 4 * 4;
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

bool holds_address(model::CtKey key) {
  switch (key) {
    case model::CtKey::kSrc:
    case model::CtKey::kDst:
    case model::CtKey::kSrcIp:
    case model::CtKey::kDstIp:
    case model::CtKey::kSrcIp6:
    case model::CtKey::kDstIp6:
    case model::CtKey::kOther: return true;
    default: return false;
  }
}

// Finds the slots of a key of `size` bytes. Connection tracking's addresses count, too.
class SlotFinder {
 public:
  SlotFinder(model::NfFamily family, Slots& out) : family_(family), out_(out) {}

  void find(const model::Term& term, std::size_t offset, std::size_t size) {
    if (const auto* p = std::get_if<model::PayloadTerm>(&term.node)) {
      payload(*p, offset);
    } else if (const auto* b = std::get_if<model::BitwiseTerm>(&term.node)) {
      bitwise(*b, offset, size);
    } else if (const auto* ct = std::get_if<model::CtTerm>(&term.node)) {
      const std::size_t left = size - std::min(size, offset);
      if (holds_address(ct->key) && (left == 4 || left == 16))
        out_.known.push_back({offset, left, left});
    } else if (const auto* c = std::get_if<model::ConcatTerm>(&term.node)) {
      for (const model::Term& part : c->parts) {
        if (offset >= size) return;
        const std::size_t length = term_length(part, size - offset);
        find(part, offset, std::min(size, offset + length));
        offset += padded(length);
      }
    } else {
      computed(term);
    }
  }

 private:
  void operands(const model::Terms& of) {
    Slots inside;
    for (const model::Term& term : of) SlotFinder(family_, inside).find(term, 0, 16);
    out_.opaque = out_.opaque || inside.opaque || !inside.known.empty();
  }
  void computed(const model::Term& term) {
    if (const auto* boolean = std::get_if<model::BooleanTerm>(&term.node))
      operands(boolean->operands);
    if (const auto* shift = std::get_if<model::ShiftTerm>(&term.node)) operands(shift->operand);
    if (const auto* order = std::get_if<model::ByteOrderTerm>(&term.node)) operands(order->operand);
    if (const auto* map = std::get_if<model::MapTerm>(&term.node)) operands(map->key);
  }

  void bitwise(const model::BitwiseTerm& b, std::size_t offset, std::size_t size) {
    if (b.operand.empty()) return;
    const std::size_t before = out_.known.size();
    find(b.operand.front(), offset, size);
    for (std::size_t i = before; i < out_.known.size(); ++i) {
      Slot& slot = out_.known[i];
      const std::size_t at = slot.offset - offset;
      const auto is_set = [](std::uint8_t byte) { return byte != 0; };
      if (!slot.mask.empty() || at + slot.length > b.mask.size() ||
          std::ranges::any_of(b.exclusive_or, is_set)) {
        out_.opaque = true;
        continue;
      }
      const auto first = b.mask.begin() + static_cast<std::ptrdiff_t>(at);
      slot.mask.assign(first, first + static_cast<std::ptrdiff_t>(slot.length));
    }
  }

  // Bytes of the header of IPv4, IPv6 or ARP: whose it is the rule alone does not say.
  void payload(const model::PayloadTerm& p, std::size_t offset) {
    if (p.base == model::PayloadBase::kLink) out_.opaque |= p.offset + p.length > kEthernet;
    if (p.base != model::PayloadBase::kNetwork || p.length == 0) return;
    const bool link = family_ == model::NfFamily::kBridge || family_ == model::NfFamily::kNetdev;
    bool touches = false, known = false;
    const auto look = [&](std::size_t at, std::size_t width, bool sure) {
      touches = touches || (sure && p.offset < at + width && at < p.offset + p.length);
      const bool whole = p.offset <= at && p.offset + p.length >= at + width;
      if (!whole && (p.offset != at || p.length > width)) return;
      known = true;
      out_.known.push_back({offset + (at - p.offset), whole ? width : p.length, width, Bytes{}});
    };
    if (family_ != model::NfFamily::kIp6 && family_ != model::NfFamily::kArp) {
      look(12, 4, true);
      look(16, 4, true);
    }
    if (family_ != model::NfFamily::kIp && family_ != model::NfFamily::kArp) {
      look(8, 16, true);
      look(24, 16, true);
    }
    if (link || family_ == model::NfFamily::kArp) {
      look(14, 4, false);
      look(24, 4, false);
      known = known || (p.offset == 18 && p.length == 6);  // the MAC that is asked for
    }
    out_.opaque |= touches && !known;
  }

  static constexpr std::size_t kEthernet = 14;
  model::NfFamily family_;
  Slots& out_;
};

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

// What an element says, but for the address in the slot.
std::string told_by(const model::SetElement& element, const Slot& slot) {
  std::string out = around(slot, element.first) + around(slot, element.last);
  if (element.data) Marks::append(out, *element.data);
  if (element.verdict)
    out += std::to_string(static_cast<int>(element.verdict->kind)) + element.verdict->chain;
  return out;
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
    const Slots slots = slots_of(s.left, s.right.size());
    const bool equal = s.op == model::CompareOp::kEqual || s.op == model::CompareOp::kNotEqual;
    for (const Slot& slot : slots.known) {
      for (const auto& [first, last] : mark(slot, s.right, s.right)) {
        if (equal) continue;
        marks_.range(IpAddress::any(first.family()), first);
        marks_.range(IpAddress::any(first.family()), last);
      }
    }
  }
  void operator()(const model::InRange& s) {
    for (const Slot& slot : slots_of(s.left, s.first.size()).known) {
      const bool whole = slot.offset == 0 && slot.length >= s.first.size();
      for (const auto& [first, last] : mark(slot, s.first, s.last)) {
        if (!whole) marks_.opaque(first, last);
      }
    }
  }
  void operator()(const model::InSet& s) { set(s.key, s.set); }
  void operator()(const model::VerdictMap& s) { set(s.key, s.set); }
  void operator()(const model::Nat& s) {
    for (const auto* of : {&s.address, &s.address_max, &s.port, &s.port_max}) {
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
        (payload != nullptr && *payload == model::PayloadTerm{model::PayloadBase::kLink, 12, 2});
    if (ether_type && s.right == Bytes{0x08, 0x06}) family_ = model::NfFamily::kArp;
    if (ether_type && s.right == Bytes{0x08, 0x00}) family_ = model::NfFamily::kIp;
    if (ether_type && s.right == Bytes{0x86, 0xdd}) family_ = model::NfFamily::kIp6;
    if (meta == nullptr || meta->key != model::MetaKey::kNfproto || s.right.size() != 1) return;
    constexpr std::uint8_t kIpv4 = 2, kIpv6 = 10;  // NFPROTO_*
    if (s.right[0] == kIpv4) family_ = model::NfFamily::kIp;
    if (s.right[0] == kIpv6) family_ = model::NfFamily::kIp6;
  }

  Slots slots_of(const model::Term& of, std::size_t size) {
    Slots out;
    SlotFinder(family_, out).find(of, 0, size);
    if (out.opaque) everything();
    return out;
  }
  void everything() {
    for (const char* all : {"0.0.0.0/0", "::/0"}) {
      if (const auto prefix = Prefix::parse(all)) marks_.opaque(prefix->first(), prefix->last());
    }
  }

  std::vector<Range> mark(const Slot& slot, ByteView first, ByteView last) {
    Ranges ranges = ranges_of(slot, first, last);
    for (const auto& [from, to] : ranges.parts) {
      marks_.range(from, to);
      if (ranges.opaque) marks_.opaque(from, to);
    }
    return std::move(ranges.parts);
  }

  void term(const model::Term& of) {
    if (const auto* map = std::get_if<model::MapTerm>(&of.node);
        map != nullptr && !map->key.empty()) {
      set(map->key.front(), map->set);
    } else {
      slots_of(of, 16);
    }
  }

  void set(const model::Term& key, const std::string& name) {
    const auto found = sets_.find(name);
    if (found == sets_.end()) return;
    const model::SetDef& definition = *found->second;
    const std::string number = std::to_string(found->second - table_.sets.data());
    for (const Slot& slot : slots_of(key, definition.key_length).known) {
      const std::string place = std::to_string(slot.offset) + "/" + std::to_string(slot.length);
      if (done_.emplace(name, place + std::string(slot.mask.begin(), slot.mask.end())).second)
        elements(definition, slot, place_ + number + " " + place + " ");
    }
  }

  void elements(const model::SetDef& definition, const Slot& slot, const std::string& place) {
    // Where keys overlap the first element of a map counts: which that is must not be lost.
    const bool ordered =
        slot.length < definition.key_length &&
        std::ranges::any_of(
            definition.elements,
            [](const auto& e) { return e.data.has_value() || e.verdict.has_value(); });
    for (const model::SetElement& e : definition.elements) {
      if (e.catch_all) continue;
      const ByteView last = e.last.empty() ? e.first : e.last;
      if (ordered || !slot.mask.empty()) {
        mark(slot, e.first, last);
      } else {
        for (const auto& [from, to] : ranges_of(slot, e.first, last).parts)
          marks_.add(from, to, place + told_by(e, slot));
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
    for (const model::IpSetEntry& e : ruleset.ipsets[i].entries) {
      if (e.prefix)
        marks.add(e.prefix->first(), e.last_address.value_or(e.prefix->last()),
                  here + "1" + told_by(e, false));
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

// The ranges of a zone's prefix that differ in nothing else than the addresses.
struct Piece {
  IpAddress from, to;
  std::uint32_t kind = 0;
};

std::vector<Piece> pieces(const Prefix& prefix, const SourceClasses& classes) {
  std::vector<Piece> out;
  auto at = std::ranges::upper_bound(classes.cuts, prefix.first());
  IpAddress from = prefix.first();
  while (true) {
    const bool more = at != classes.cuts.end() && *at <= prefix.last();
    const auto kind = classes.kinds[static_cast<std::size_t>(at - classes.cuts.begin())];
    out.push_back({from, more ? at->previous() : prefix.last(), kind});
    if (!more) break;
    from = *at++;
  }
  // Whoever is somebody to people speaks for the class.
  const IpAddress liked = familiar(prefix.family());
  std::ranges::stable_partition(out,
                                [&](const Piece& p) { return p.from <= liked && liked <= p.to; });
  return out;
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
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
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
      if (spoken_for.contains(key)) continue;
      const auto found = pick(zone, prefix, piece.from, piece.to, own);
      if (!found) continue;
      if (out.addresses.size() == most) {
        out.complete = false;
        return out;
      }
      spoken_for.insert(key);
      out.addresses.push_back(*found);
    }
  }
  std::ranges::stable_partition(out.addresses,
                                [](IpAddress a) { return a == familiar(a.family()); });
  return out;
}

}  // namespace bulkhead::query
