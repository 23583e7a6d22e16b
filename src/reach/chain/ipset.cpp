// Lookups in ipsets: net/netfilter/xt_set.c, net/netfilter/ipset/ip_set_*.c (the "kadt" functions).
#include <algorithm>
#include <functional>
#include <string_view>

#include "base/text.h"
#include "reach/chain/context.h"
#include "reach/chain/headers.h"

namespace bulkhead::reach::chains {
namespace {

using packet::IntervalSet;

enum class Part : std::uint8_t { kIp, kNet, kPort, kMark, kMac, kIface };

std::optional<Part> part_named(std::string_view name) {
  if (name == "ip") return Part::kIp;
  if (name == "net") return Part::kNet;
  if (name == "port") return Part::kPort;
  if (name == "mark") return Part::kMark;
  if (name == "mac") return Part::kMac;
  if (name == "iface") return Part::kIface;
  return std::nullopt;
}

// The dimensions of a type; empty: not known, or a list of sets.
std::vector<Part> parts_of(std::string_view type) {
  if (!type.starts_with("hash:") && !type.starts_with("bitmap:")) return {};
  std::vector<Part> out;
  std::string_view rest = type.substr(type.find(':') + 1);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const auto part = part_named(rest.substr(0, comma));
    if (!part) return {};
    out.push_back(*part);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return out;
}

struct Found {
  Condition in;       // in the set
  Condition nomatch;  // hit an entry that says `nomatch`
};

class IpSetLookup {
 public:
  IpSetLookup(const Here& here, const model::IpSet& set, const std::vector<bool>& sides)
      : here_(here),
        set_(set),
        sides_(sides),
        parts_(parts_of(set.type)),
        bitmap_(set.type.starts_with("bitmap:")) {}

  Result<Found> run() const {
    if (set_.type == "list:set") return list();
    if (parts_.empty()) return Found{unknown(), Condition::never()};
    if (out_for_all()) return Found{Condition::never(), Condition::never()};
    auto out = among_entries();
    if (!out) return out;
    auto able = askable();
    if (!able) return std::unexpected(able.error());
    out->in.and_also(*able);
    out->nomatch.and_also(*able);
    return out;
  }

 private:
  [[nodiscard]] Condition unknown() const {
    return Condition::maybe(Cube(), here_.reason("ipset " + escape_text(set_.name)));
  }

  // ip_set_core.c ip_set_test(): too few dimensions, or the other family: not in it.
  [[nodiscard]] bool out_for_all() const {
    if (sides_.size() < parts_.size()) return true;
    if (set_.family && *set_.family != here_.context.fields.family()) return true;
    return bitmap_ && address_first() && !here_.context.v4();
  }

  [[nodiscard]] bool address_first() const {
    return parts_[0] == Part::kIp || parts_[0] == Part::kNet;
  }

  // The packets about which the set answers at all.
  [[nodiscard]] Result<Condition> askable() const {
    if (set_.type == "bitmap:port") {
      return here_.in(Quantity::kProtocol, IntervalSet::of({{protocol::kTcp, protocol::kTcp},
                                                            {protocol::kUdp, protocol::kUdp}}));
    }
    if (set_.type != "hash:ip") return Condition::always();
    const IpAddress zero = IpAddress::any(here_.context.fields.family());
    const IpAddress last =
        set_.netmask_length ? Prefix::covering(zero, *set_.netmask_length).last() : zero;
    auto none = here_.within(side(0, Quantity::kSource, Quantity::kDestination), zero, last);
    return none ? complement(here_.context.space, *none) : none;
  }

  [[nodiscard]] Quantity side(std::size_t dimension, Quantity source, Quantity destination) const {
    return sides_[dimension] ? source : destination;
  }

  // Of entries for one packet the longest first prefix counts, then the longest second prefix;
  // ranges and types without an address in front come last.
  [[nodiscard]] std::vector<const model::IpSetEntry*> ordered() const {
    std::vector<const model::IpSetEntry*> out;
    out.reserve(set_.entries.size());
    for (const model::IpSetEntry& entry : set_.entries) out.push_back(&entry);
    const auto key = [&](const model::IpSetEntry* e) {
      const bool by_prefix = address_first() && e->prefix && !e->last_address;
      return std::tuple(by_prefix ? -static_cast<int>(e->prefix->length()) : 1,
                        e->prefix2 ? -static_cast<int>(e->prefix2->length()) : 1);
    };
    std::stable_sort(out.begin(), out.end(),
                     [&](const auto* a, const auto* b) { return key(a) < key(b); });
    return out;
  }

  [[nodiscard]] Result<Found> among_entries() const {
    const bool exceptions = std::any_of(set_.entries.begin(), set_.entries.end(),
                                        [](const auto& e) { return e.nomatch; });
    if (exceptions) return first_entry();
    std::vector<Condition> all;
    for (const model::IpSetEntry& entry : set_.entries) {
      auto one = entry_holds(entry);
      if (!one) return std::unexpected(one.error());
      all.push_back(*std::move(one));
    }
    auto in = any_of(here_.context.space, all);
    if (!in) return std::unexpected(in.error());
    return Found{*std::move(in), Condition::never()};
  }

  [[nodiscard]] Result<Found> first_entry() const {
    constexpr packet::Leaf kIn = 1, kNoMatch = 2;
    const packet::PacketSpace& space = here_.context.space;
    std::vector<packet::VerdictMap> rules;
    for (const model::IpSetEntry* entry : ordered()) {
      const auto one = entry_holds(*entry);
      if (!one) return std::unexpected(one.error());
      if (one->doubt) return Found{unknown(), unknown()};
      auto rule = one->yes.rule(space, entry->nomatch ? kNoMatch : kIn);
      if (!rule) return std::unexpected(rule.error());
      rules.push_back(*std::move(rule));
    }
    const auto all = space.first_match(rules);
    if (!all) return std::unexpected(all.error());
    auto in = all->where(kIn), out = all->where(kNoMatch);
    if (!in) return std::unexpected(in.error());
    if (!out) return std::unexpected(out.error());
    return Found{Condition::certain(Cube::of(*std::move(in))),
                 Condition::certain(Cube::of(*std::move(out)))};
  }

  [[nodiscard]] Result<Condition> entry_holds(const model::IpSetEntry& entry) const {
    Condition all;
    bool address_seen = false;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      auto one = part_holds(entry, i, address_seen);
      if (!one) return one;
      all.and_also(*one);
      if (all.at_most().never()) return Condition::never();
      address_seen = address_seen || parts_[i] == Part::kIp || parts_[i] == Part::kNet;
    }
    return all;
  }

  [[nodiscard]] Result<Condition> part_holds(const model::IpSetEntry& entry, std::size_t i,
                                             bool address_seen) const {
    switch (parts_[i]) {
      case Part::kIp:
      case Part::kNet: return address_holds(entry, i, address_seen);
      case Part::kPort: return port_holds(entry, i);
      case Part::kMark:
        if (!entry.mark) return Condition::never();
        return here_.context.solver.masked(here_.bits(Quantity::kMark), set_.mark_mask,
                                           *entry.mark);
      case Part::kMac: {
        // bitmap:ip,mac without a MAC takes the first one that it sees: a match.
        if (!entry.mac) return bitmap_ ? Condition::always() : Condition::never();
        std::uint64_t number = 0;
        for (std::uint8_t octet : entry.mac->octets()) number = number << 8 | octet;
        auto same = here_.is(side(i, Quantity::kSourceMac, Quantity::kDestinationMac), number);
        if (same) same->and_also(has_mac_header(here_));
        return same;
      }
      case Part::kIface: break;
    }
    const IntervalSet named = entry.interface.empty() ? IntervalSet::single(0)
                                                      : here_.context.links.named(entry.interface);
    return here_.in(side(i, Quantity::kIif, Quantity::kOif), named);
  }

  [[nodiscard]] Result<Condition> address_holds(const model::IpSetEntry& entry, std::size_t i,
                                                bool seen) const {
    const Quantity quantity = side(i, Quantity::kSource, Quantity::kDestination);
    const auto& prefix = seen ? entry.prefix2 : entry.prefix;
    if (!prefix) return Condition::never();
    IpAddress first = prefix->first(), last = prefix->last();
    if (seen) return here_.within(quantity, first, last);
    if (entry.last_address) last = *entry.last_address;
    if (first.family() != last.family()) return Condition::never();
    if (set_.netmask_length && i == 0) {
      // The address is cut to its network, which then has to be one of those between both ends.
      const unsigned length = *set_.netmask_length;
      const Prefix at_first = Prefix::covering(first, length);
      if (at_first.address() != first) {
        first = at_first.last().next();
        if (first < at_first.address()) return Condition::never();  // wrapped around
      }
      last = Prefix::covering(last, length).last();
      if (last < first) return Condition::never();
    }
    return here_.within(quantity, first, last);
  }

  // ip_set_getport.c get_port(): ICMP types and codes are ports too, other protocols have port 0.
  [[nodiscard]] Result<Condition> port_holds(const model::IpSetEntry& entry, std::size_t i) const {
    if (!entry.port) return Condition::never();
    const std::uint64_t first = entry.port->number;
    const std::uint64_t last = entry.last_port ? entry.last_port->number : first;
    const IntervalSet ports = IntervalSet::of({{protocol::kTcp, protocol::kTcp},
                                               {protocol::kUdp, protocol::kUdp},
                                               {protocol::kSctp, protocol::kSctp},
                                               {protocol::kUdpLite, protocol::kUdpLite}});
    const IntervalSet icmp = IntervalSet::of(
        {{protocol::kIcmp, protocol::kIcmp}, {protocol::kIcmpV6, protocol::kIcmpV6}});
    const IntervalSet range = IntervalSet::range(first, last);
    Bits type_and_code = here_.bits(Quantity::kIcmpType);
    const Bits code = here_.bits(Quantity::kIcmpCode);
    type_and_code.insert(type_and_code.end(), code.begin(), code.end());
    std::vector<Condition> kinds;
    const auto kind = [&](const IntervalSet& protocols, Result<Condition> port) -> Status {
      IntervalSet wanted = protocols;
      if (entry.protocol) wanted = wanted.intersect(IntervalSet::single(*entry.protocol));
      if (!port) return std::unexpected(port.error());
      if (wanted.empty()) return {};
      port->and_also(here_.where(Quantity::kProtocol, wanted));
      kinds.push_back(*std::move(port));
      return {};
    };
    Status done =
        kind(ports, here_.in(side(i, Quantity::kSourcePort, Quantity::kDestinationPort), range));
    if (done) done = kind(icmp, here_.context.solver.within(type_and_code, first, last));
    if (done && first == 0) done = kind(ports.unite(icmp).complement(8), Condition::always());
    if (!done) return std::unexpected(done.error());
    if (kinds.size() == 1) return std::move(kinds[0]);
    return any_of(here_.context.space, kinds);
  }

  [[nodiscard]] Result<Found> list() const {
    std::vector<Condition> in;
    for (const model::IpSetEntry& entry : set_.entries) {
      const auto& all = here_.context.index.rules->ipsets;
      const auto member = std::find_if(all.begin(), all.end(), [&](const model::IpSet& other) {
        return other.name == entry.member_set;
      });
      if (member == all.end() || member->type == "list:set") {  // the kernel forbids both
        in.push_back(unknown());
        continue;
      }
      const auto found = IpSetLookup(here_, *member, sides_).run();
      if (!found) return found;
      in.push_back(found->in);
    }
    auto any = any_of(here_.context.space, in);
    if (!any) return std::unexpected(any.error());
    return Found{*std::move(any), Condition::never()};
  }

  const Here& here_;
  const model::IpSet& set_;
  const std::vector<bool>& sides_;
  std::vector<Part> parts_;
  bool bitmap_;
};

// Only types with networks know what --return-nomatch asks.
bool knows_nomatch(const model::IpSet& set) {
  const auto parts = parts_of(set.type);
  return std::find(parts.begin(), parts.end(), Part::kNet) != parts.end();
}

}  // namespace

Result<Condition> set_holds(const Here& here, const model::XtMatch& match,
                            const model::xt::Set& m) {
  const auto& all = here.context.index.rules->ipsets;
  const auto set = std::find_if(all.begin(), all.end(),
                                [&](const model::IpSet& s) { return s.index == m.index; });
  if (set == all.end()) {
    return Condition::maybe(
        Cube(), here.reason("xt match '" + escape_text(match.name) + "': no set of that number"));
  }
  const auto found = IpSetLookup(here, *set, m.dimension_source).run();
  if (!found) return std::unexpected(found.error());
  Condition in = found->in;
  if (m.return_nomatch && knows_nomatch(*set)) in = found->nomatch;
  if (m.counters_asked) {  // a member may still fail the conditions on its counters
    Cube possible = in.at_most();
    if (!m.inverted) {
      return Condition::maybe(std::move(possible), here.reason("ipset counters"));
    }
    auto surely = possible.complement(here.context.space);
    if (!surely) return std::unexpected(surely.error());
    return Condition{*std::move(surely), true, Cube(), here.reason("ipset counters")};
  }
  return m.inverted ? complement(here.context.space, in) : Result<Condition>(in);
}

}  // namespace bulkhead::reach::chains
