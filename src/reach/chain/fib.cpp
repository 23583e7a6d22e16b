// fib expressions, addrtype and rpfilter: nft_fib.c, nft_fib_ipv4.c, nft_fib_ipv6.c, xt_addrtype.c,
// ipt_rpfilter.c, ip6t_rpfilter.c.
#include <algorithm>

#include "reach/chain/context.h"

namespace bulkhead::reach::chains {
namespace {

using packet::IntervalSet;

constexpr std::uint8_t kUnicast = 1, kLocal = 2, kBlackhole = 6, kUnreachable = 7,
                       kProhibit = 8;  // RTN_*
constexpr std::uint32_t kLoopbackIndex = 1, kIffLoopback = 8;

// The packets whose address has that type.
struct Typed {
  std::uint8_t type = kUnicast;
  Cube where;
};

Result<std::vector<Typed>> types(const Here& here, Quantity quantity, IfIndex on) {
  std::vector<Typed> out;
  std::vector<Cube> other;
  for (const auto& range : here.context.around->address_types(here.context.fields.family(), on)) {
    auto where = here.within(quantity, range.first, range.last);
    if (!where) return std::unexpected(where.error());
    out.push_back({range.type, where->yes});
    other.push_back(where->yes);
  }
  auto named = any_of(here.context.space, other);
  if (!named) return std::unexpected(named.error());
  auto rest = named->complement(here.context.space);
  if (!rest) return std::unexpected(rest.error());
  out.push_back({kUnicast, *std::move(rest)});
  return out;
}

// A function of the device that a rule names, for each device that a packet may have there.
template <class Function>
Status each_device(const Here& here, std::optional<Quantity> device, Function function) {
  if (!device) return function(static_cast<const model::Link*>(nullptr), Cube());
  const Links& links = here.context.links;
  for (std::uint64_t n = 0; n < links.numbers(); ++n) {
    Cube where = here.where(*device, IntervalSet::single(n));
    if (where.never()) continue;
    if (Status done = function(links.link(n), std::move(where)); !done) return done;
  }
  return {};
}

IfIndex index_of(const model::Link* link) {
  return link == nullptr ? IfIndex{} : link->index;
}

Cube loopback(const Here& here, Quantity device) {
  return here.where(device, here.context.links.where([](const model::Link* link) {
    return link != nullptr && (link->flags & kIffLoopback) != 0;
  }));
}

// nft_fib_can_skip: what comes in by loopback needs no lookup.
Cube by_loopback(const Here& here) {
  switch (here.context.point) {
    case HookPoint::kIpPrerouting:
    case HookPoint::kIpInput:
    case HookPoint::kInetIngress:
    case HookPoint::kNetdevIngress: return loopback(here, Quantity::kIif);
    case HookPoint::kIpForward:
    case HookPoint::kIpOutput:
    case HookPoint::kIpPostrouting:
    case HookPoint::kBridgePrerouting:
    case HookPoint::kBridgeInput:
    case HookPoint::kBridgeForward:
    case HookPoint::kBridgeOutput:
    case HookPoint::kBridgePostrouting:
    case HookPoint::kNetdevEgress:
    case HookPoint::kArpInput:
    case HookPoint::kArpOutput:
    case HookPoint::kArpForward: break;
  }
  return Cube::none();
}

// DHCP and its like, and ND of an address that is not yet the sender's.
Result<Condition> from_nowhere(const Here& here, bool icmp_only) {
  constexpr std::uint64_t kIcmpV6 = 58;
  if (!here.context.v4()) {
    auto none = here.within(Quantity::kSource, IpAddress::any(IpFamily::kV6),
                            IpAddress::any(IpFamily::kV6));
    if (none && icmp_only) {
      none->and_also(here.where(Quantity::kProtocol, IntervalSet::single(kIcmpV6)));
    }
    return none;
  }
  const auto parse = [](const char* text) { return IpAddress::parse(text).value(); };
  auto source = here.within(Quantity::kSource, parse("0.0.0.0"), parse("0.255.255.255"));
  auto broadcast =
      here.within(Quantity::kDestination, parse("255.255.255.255"), parse("255.255.255.255"));
  auto groups = here.within(Quantity::kDestination, parse("224.0.0.0"), parse("224.0.0.255"));
  if (!source) return source;
  if (!broadcast) return broadcast;
  if (!groups) return groups;
  auto out = any_of(here.context.space, std::vector<Condition>{*broadcast, *groups});
  if (out) out->and_also(*source);
  return out;
}

bool usable_route(bool v4, std::uint8_t type) {
  if (type == kLocal) return false;
  if (v4) return type != kBlackhole && type != kUnreachable && type != kProhibit;
  return type == kUnicast;  // RTF_REJECT, RTF_ANYCAST and RTF_LOCAL count as not found
}

Value device_value(const Here& here, const model::FibTerm& term, IfIndex index) {
  if (term.present) return host_value(here, constant_bits(index ? 1 : 0, 32));
  if (term.result == model::FibResult::kOif) {
    return host_value(here, constant_bits(index.value, 32));
  }
  const model::Link* link = here.context.links.link(here.context.links.number(index));
  std::string_view name = link != nullptr ? std::string_view(link->name)
                          : index         ? here.context.around->link_name(index)
                                          : std::string_view();
  if (index && name.empty()) return unknown_value(16, here.reason("the name of an interface"));
  Bits out;
  for (std::size_t i = 0; i < 16; ++i) {
    const Bits byte =
        constant_bits(i < name.size() && i < 15 ? static_cast<std::uint8_t>(name[i]) : 0U, 8);
    out.insert(out.end(), byte.begin(), byte.end());
  }
  return {std::move(out), {}};
}

// fe80::/10, of the address that is looked up.
Result<Condition> link_local(const Here& here, Quantity quantity) {
  if (here.context.v4()) return Condition::never();
  return here.within(quantity, IpAddress::parse("fe80::").value(),
                     IpAddress::parse("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff").value());
}

// Asks the routes for each combination of devices that matters, and gathers the answers.
class RouteLookup {
 public:
  RouteLookup(const Here& here, const model::FibTerm& term)
      : here_(here),
        term_(term),
        through_out_(!term.daddr && term.iif && here.context.point == HookPoint::kIpForward) {}

  Result<Cases> run() {
    if (Status done = prepare(); !done) return std::unexpected(done.error());
    if (Status done = skipped(); !done) return std::unexpected(done.error());
    std::optional<Quantity> device;
    if (term_.oif) {
      device = Quantity::kOif;
    } else if (term_.iif) {
      device = Quantity::kIif;
    }
    const Status done = each_device(here_, device, [&](const model::Link* d, const Cube& where) {
      return with_device(d, where);
    });
    if (!done) return std::unexpected(done.error());
    return std::move(out_);
  }

 private:
  Status prepare() {
    auto nowhere = from_nowhere(here_, true);
    if (!nowhere) return std::unexpected(nowhere.error());
    auto skip = any_of(here_.context.space, std::vector<Cube>{by_loopback(here_), nowhere->yes});
    if (!skip) return std::unexpected(skip.error());
    skip_ = *std::move(skip);
    auto rest = skip_.complement(here_.context.space);
    if (!rest) return std::unexpected(rest.error());
    rest_ = *std::move(rest);
    const auto bound = link_local(here_, term_.daddr ? Quantity::kDestination : Quantity::kSource);
    if (!bound) return std::unexpected(bound.error());
    bound_ = bound->yes;
    auto free = bound_.complement(here_.context.space);
    if (!free) return std::unexpected(free.error());
    free_ = *std::move(free);
    return {};
  }

  // What needs no lookup gives the incoming device.
  Status skipped() {
    return each_device(here_, Quantity::kIif, [&](const model::Link* in, const Cube& where) {
      Cube both = where;
      both.and_also(skip_);
      if (!both.never()) out_.push_back({both, {device_value(here_, term_, index_of(in))}});
      return Status();
    });
  }

  Status with_device(const model::Link* device, const Cube& where) {
    Cube looked_up = where;
    looked_up.and_also(rest_);
    const auto via = through_out_ ? std::optional(Quantity::kOif) : std::nullopt;
    return each_device(here_, via, [&](const model::Link* link, const Cube& also) -> Status {
      Cube both = looked_up;
      both.and_also(also);
      const IfIndex iif = through_out_ ? index_of(link) : IfIndex{kLoopbackIndex};
      if (device != nullptr) return ask(device, iif, index_of(device), both);
      Cube unbound = both;
      unbound.and_also(free_);
      both.and_also(bound_);
      const Status done = ask(nullptr, iif, IfIndex{}, unbound);
      return done ? bound(iif, both) : done;
    });
  }

  // IPv6 link-local addresses are bound to the packet's device.
  Status bound(IfIndex iif, const Cube& where) {
    if (where.never()) return {};
    return each_device(here_, Quantity::kIif, [&](const model::Link* in, const Cube& at_in) {
      Cube entered = where;
      entered.and_also(at_in);
      if (in != nullptr) return ask(nullptr, iif, in->index, entered);
      return each_device(here_, Quantity::kOif, [&](const model::Link* o, const Cube& at_out) {
        Cube left = entered;
        left.and_also(at_out);
        return ask(nullptr, iif, index_of(o), left);
      });
    });
  }

  Status ask(const model::Link* device, IfIndex iif, IfIndex constraint, const Cube& where) {
    if (where.never()) return {};
    const auto cases =
        here_.context.around->routes({!term_.daddr, term_.mark, iif, constraint}, here_.image);
    if (!cases) return std::unexpected(cases.error());
    for (const auto& answer : *cases) {
      const bool found = answer.found && usable_route(here_.context.v4(), answer.type);
      const IfIndex shown = !found ? IfIndex{} : device != nullptr ? device->index : answer.oif;
      Case one{where, {device_value(here_, term_, shown)}};
      one.where.and_also(Cube::of(answer.where));
      if (!one.where.never()) out_.push_back(std::move(one));
    }
    return {};
  }

  const Here& here_;
  const model::FibTerm& term_;
  const bool through_out_;
  Cube skip_, rest_;   // no lookup; a lookup
  Cube bound_, free_;  // the address that is looked up is link-local; is not
  Cases out_;
};

}  // namespace

Result<Cases> evaluate_fib(const Here& here, const model::FibTerm& term) {
  if (here.context.arp()) return Cases{};
  if (here.context.around == nullptr) return one_case(unknown_value(64, here.reason("routes")));
  if (term.result != model::FibResult::kAddrtype) return RouteLookup(here, term).run();
  std::optional<Quantity> device;
  if (term.iif) {
    device = Quantity::kIif;
  } else if (term.oif) {
    device = Quantity::kOif;
  }
  Cases out;
  const Status status =
      each_device(here, device, [&](const model::Link* link, const Cube& where) -> Status {
        const auto all =
            types(here, term.daddr ? Quantity::kDestination : Quantity::kSource, index_of(link));
        if (!all) return std::unexpected(all.error());
        for (const Typed& typed : *all) {
          Case one{where, {host_value(here, constant_bits(typed.type, 32))}};
          one.where.and_also(typed.where);
          if (!one.where.never()) out.push_back(std::move(one));
        }
        return {};
      });
  if (!status) return std::unexpected(status.error());
  return out;
}

// ------------------------------------------------------------------------------------ addrtype

namespace {

// xt_addrtype.c match_type6 and match_lookup_rt6: masks are of XT_ADDRTYPE_*, which are 1 << RTN_*.
Result<Condition> type_holds_v6(const Here& here, Quantity quantity, std::uint16_t mask,
                                IfIndex on) {
  constexpr unsigned kUnspec = 1, kUnicastBit = 2, kLocalBit = 4, kAnycast = 16, kMulticast = 32,
                     kUnreachableBit = 128;
  const auto any = IpAddress::any(IpFamily::kV6);
  const auto groups =
      here.within(quantity, IpAddress::parse("ff00::").value(),
                  IpAddress::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").value());
  const auto none = here.within(quantity, any, any);
  const auto mapped = here.within(quantity, IpAddress::parse("::ffff:0:0").value(),
                                  IpAddress::parse("::ffff:ffff:ffff").value());
  if (!groups) return groups;
  if (!none) return none;
  if (!mapped) return mapped;
  Condition out;
  if ((mask & kMulticast) != 0) out.and_also(*groups);
  if ((mask & kUnspec) != 0) out.and_also(*none);
  if ((mask & kUnicastBit) != 0) {
    auto odd = any_of(here.context.space, std::vector<Condition>{*groups, *none, *mapped});
    auto unicast = odd ? complement(here.context.space, *odd) : std::move(odd);
    if (!unicast) return unicast;
    out.and_also(*unicast);
  }
  if ((mask & (kAnycast | kLocalBit | kUnreachableBit)) == 0) return out;
  const auto all = types(here, quantity, on);
  if (!all) return std::unexpected(all.error());
  std::vector<Cube> wanted;
  for (const Typed& typed : *all) {
    const unsigned found = typed.type == 2   ? kLocalBit
                           : typed.type == 4 ? kAnycast
                           : typed.type >= 6 ? kUnreachableBit
                                             : 0U;
    if ((mask & found) != 0) wanted.push_back(typed.where);
  }
  auto some = any_of(here.context.space, wanted);
  if (!some) return std::unexpected(some.error());
  out.and_also(*some);
  return out;
}

Result<Condition> type_holds(const Here& here, Quantity quantity, std::uint16_t mask, IfIndex on) {
  if (!here.context.v4()) return type_holds_v6(here, quantity, mask, on);
  const auto all = types(here, quantity, on);
  if (!all) return std::unexpected(all.error());
  std::vector<Cube> wanted;
  for (const Typed& typed : *all) {
    if (typed.type < 16 && (mask >> typed.type & 1U) != 0) wanted.push_back(typed.where);
  }
  auto some = any_of(here.context.space, wanted);
  if (!some) return std::unexpected(some.error());
  return Condition::certain(*std::move(some));
}

}  // namespace

Result<Condition> addrtype_holds(const Here& here, const model::xt::Addrtype& m) {
  if (here.context.around == nullptr) {
    return Condition::maybe(Cube(), here.reason("xt match 'addrtype' without routes"));
  }
  std::optional<Quantity> device;
  if (m.limit_in) {
    device = Quantity::kIif;
  } else if (m.limit_out) {
    device = Quantity::kOif;
  }
  std::vector<Condition> out;
  const Status status =
      each_device(here, device, [&](const model::Link* link, const Cube& where) -> Status {
        Condition one = Condition::certain(where);
        const auto side = [&](Quantity quantity, std::uint16_t mask, bool inverted) -> Status {
          if (mask == 0) return {};
          auto holds = type_holds(here, quantity, mask, index_of(link));
          if (holds && inverted) holds = complement(here.context.space, *holds);
          if (!holds) return std::unexpected(holds.error());
          one.and_also(*holds);
          return {};
        };
        Status done = side(Quantity::kSource, m.source_mask, m.source_inverted);
        if (done) done = side(Quantity::kDestination, m.destination_mask, m.destination_inverted);
        out.push_back(std::move(one));
        return done;
      });
  if (!status) return std::unexpected(status.error());
  return any_of(here.context.space, out);
}

// ------------------------------------------------------------------------------------ rpfilter

namespace {

Result<Condition> reverse_path(const Here& here, const model::xt::Rpfilter& m) {
  const auto bound = link_local(here, Quantity::kSource);
  if (!bound) return bound;
  std::vector<Condition> out;
  const Status status =
      each_device(here, Quantity::kIif, [&](const model::Link* in, const Cube& where) -> Status {
        for (const bool scoped : {false, true}) {
          Cube here_now = where;
          auto part = scoped ? bound : complement(here.context.space, *bound);
          if (!part) return std::unexpected(part.error());
          here_now.and_also(part->yes);
          if (here_now.never()) continue;
          const IfIndex constraint = m.loose && !scoped ? IfIndex{} : index_of(in);
          const auto cases = here.context.around->routes(
              {true, m.validmark, IfIndex{kLoopbackIndex}, constraint}, here.image);
          if (!cases) return std::unexpected(cases.error());
          for (const auto& answer : *cases) {
            const bool unicast = answer.found && answer.type == kUnicast;
            // ip6t_rpfilter.c: local is accepted whatever the device.
            const bool local =
                answer.type == kLocal && m.accept_local && (answer.found || !here.context.v4());
            if (!unicast && !local) continue;
            Cube one = here_now;
            one.and_also(Cube::of(answer.where));
            out.push_back(Condition::certain(std::move(one)));
          }
        }
        return {};
      });
  if (!status) return std::unexpected(status.error());
  return any_of(here.context.space, out);
}

}  // namespace

Result<Condition> rpfilter_holds(const Here& here, const model::xt::Rpfilter& m) {
  auto skipped = from_nowhere(here, false);
  if (!skipped) return skipped;
  auto out =
      any_of(here.context.space,
             std::vector<Condition>{Condition::certain(loopback(here, Quantity::kIif)), *skipped});
  if (!out) return out;
  if (here.context.around == nullptr) {
    const Condition unknown =
        Condition::maybe(Cube(), here.reason("xt match 'rpfilter' without routes"));
    out = any_of(here.context.space, std::vector<Condition>{*out, unknown});
  } else {
    const auto reverse = reverse_path(here, m);
    if (!reverse) return reverse;
    out = any_of(here.context.space, std::vector<Condition>{*out, *reverse});
  }
  return out && m.inverted ? complement(here.context.space, *out) : out;
}

}  // namespace bulkhead::reach::chains
