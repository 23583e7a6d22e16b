#include "reach/compare.h"

#include <algorithm>
#include <array>

namespace bulkhead::reach::testing {

using packet::IntervalSet;
using trace::testing::link;

std::vector<model::Link> some_links() {
  std::vector<model::Link> out = {
      link(1, "lo", 772), link(2, "eth0"), link(3, "br-0123"),    link(4, "docker0"),
      link(5, "veth1"),   link(6, "eth1"), link(7, "wg0", 65534), link(8, "averylongname15")};
  out[2].kind = out[3].kind = "bridge";
  out[4].kind = "veth";
  out[5].group = 7;
  out[6].kind = "wireguard";
  return out;
}

const std::vector<TestRoute>& routes_of(IpFamily family, bool marked) {
  const auto p = [](const char* text) { return Prefix::parse(text).value(); };
  static const std::vector<TestRoute> kV4 = {
      {p("127.0.0.0/8"), 2, 1},    {p("10.0.0.1/32"), 2, 2},   {p("10.0.1.1/32"), 2, 3},
      {p("10.0.0.255/32"), 3, 2},  {p("172.17.0.1/32"), 2, 4}, {p("192.0.2.1/32"), 2, 6},
      {p("224.0.0.0/4"), 5, 2},    {p("10.0.0.0/24"), 1, 2},   {p("10.0.1.0/24"), 1, 3},
      {p("192.168.0.0/16"), 6, 0}, {p("172.16.0.0/12"), 7, 0}};
  static const std::vector<TestRoute> kV4Marked = {{p("10.0.0.0/8"), 1, 6}};
  static const std::vector<TestRoute> kV6 = {{p("::1/128"), 2, 1},       {p("fd00::1/128"), 2, 2},
                                             {p("fd00:1::1/128"), 2, 3}, {p("fd00::/64"), 1, 2},
                                             {p("fe80::/10"), 1, 2},     {p("fd00:1::/64"), 1, 3},
                                             {p("2001:db8::/32"), 7, 0}};
  static const std::vector<TestRoute> kV6Marked = {{p("fd00::/16"), 1, 6}};
  if (family == IpFamily::kV4) return marked ? kV4Marked : kV4;
  return marked ? kV6Marked : kV6;
}

std::uint8_t type_of(const IpAddress& address, std::uint32_t on) {
  for (const TestRoute& route : routes_of(address.family(), false)) {
    if (!route.to.contains(address)) continue;
    if (route.type == 2 && on != 0 && on != route.oif && route.oif != 1) return 1;
    return route.type;
  }
  return 1;
}

trace::Surroundings::FibAnswer TraceRoutes::fib_route(IpAddress lookup, IpAddress,
                                                      std::uint32_t mark, IfIndex,
                                                      IfIndex constraint) const {
  FibAnswer out;
  for (const TestRoute& route : routes_of(lookup.family(), mark == 5)) {
    if (!route.to.contains(lookup)) continue;
    out.type = route.type;
    out.oif = IfIndex{route.oif};
    out.found = !constraint || constraint == out.oif;
    return out;
  }
  return out;
}

std::uint8_t TraceRoutes::address_type(IpAddress address, IfIndex on) const {
  return type_of(address, on.value);
}

namespace {

std::string_view name_of(IfIndex index) {
  static const std::vector<model::Link> kLinks = some_links();
  for (const model::Link& l : kLinks) {
    if (l.index == index) return l.name;
  }
  return {};
}

}  // namespace

std::string_view TraceRoutes::link_name(IfIndex index) const {
  return name_of(index);
}
std::string_view ReachRoutes::link_name(IfIndex index) const {
  return name_of(index);
}

namespace {

// The parts of a prefix that no earlier route of the list takes, as ranges of addresses.
struct Range {
  IpAddress first, last;
};

void cut(std::vector<Range>& ranges, const Prefix& hole) {
  std::vector<Range> out;
  for (const Range& r : ranges) {
    if (hole.last() < r.first || r.last < hole.first()) {
      out.push_back(r);
      continue;
    }
    if (r.first < hole.first()) out.push_back({r.first, hole.first().previous()});
    if (hole.last() < r.last) out.push_back({hole.last().next(), r.last});
  }
  ranges = std::move(out);
}

std::vector<Range> own_part(const std::vector<TestRoute>& routes, std::size_t i) {
  std::vector<Range> out = {{routes[i].to.first(), routes[i].to.last()}};
  for (std::size_t k = 0; k < i; ++k) cut(out, routes[k].to);
  return out;
}

}  // namespace

std::vector<Surroundings::TypeRange> ReachRoutes::address_types(IpFamily family, IfIndex on) const {
  std::vector<TypeRange> out;
  const auto& routes = routes_of(family, false);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (const Range& r : own_part(routes, i)) {
      out.push_back({r.first, r.last, type_of(r.first, on.value)});
    }
  }
  return out;
}

Result<std::vector<Surroundings::RouteCase>> ReachRoutes::routes(const RouteQuestion& question,
                                                                 const Image& image) const {
  const Quantity lookup = question.look_up_source ? Quantity::kSource : Quantity::kDestination;
  if (image.changed(lookup) != nullptr ||
      (question.with_mark && image.changed(Quantity::kMark) != nullptr)) {
    return fail(ErrorCode::kUnsupported, "an image that this test cannot route");
  }
  const IpFamily family = fields_.family();
  std::vector<RouteCase> out;
  for (const bool marked : {false, true}) {
    if (marked && !question.with_mark) continue;
    packet::Product is_five;
    for (const Fields::Part& part : fields_.parts(Quantity::kMark)) {
      is_five.where(part.field,
                    IntervalSet::single((5U >> part.low) & packet::max_value(part.bits)));
    }
    packet::PacketSet where = space_.all();
    if (question.with_mark) where = space_.set(is_five).value();
    if (question.with_mark && !marked) where = where.complement().value();
    packet::PacketSet rest = where;
    const auto& routes = routes_of(family, marked);
    for (std::size_t i = 0; i < routes.size(); ++i) {
      packet::PacketSet set = space_.none();
      for (const Range& r : own_part(routes, i)) {
        const auto parts = fields_.parts(lookup);
        packet::Packet low = fields_.layout().packet(), high = low;
        fields_.set_address(low, lookup, r.first);
        fields_.set_address(high, lookup, r.last);
        if (parts.size() == 1) {
          packet::Product p;
          p.where(parts[0].field, IntervalSet::range(low[parts[0].field], high[parts[0].field]));
          set = set.unite(space_.set(p).value()).value();
        } else {
          const packet::WideInterval wide{{low[parts[0].field], low[parts[1].field]},
                                          {high[parts[0].field], high[parts[1].field]}};
          set = set.unite(space_.set({parts[0].field, parts[1].field}, std::span(&wide, 1)).value())
                    .value();
        }
      }
      RouteCase one{set.intersect(where).value(), false, routes[i].type, IfIndex{routes[i].oif}};
      one.found = !question.constraint || question.constraint == one.oif;
      rest = rest.subtract(one.where).value();
      out.push_back(std::move(one));
    }
    out.push_back({rest, false, 7, {}});
  }
  return out;
}

// ----------------------------------------------------------------------------- one packet in both

struct Pair::Scene {
  trace::Packet packet;
  trace::ConnTrack entry;
  trace::CtView view;
  trace::Choices choices;
  trace::Context context;
};

Pair::Pair(const model::Ruleset& rules, IpFamily family, std::vector<model::Link> links,
           packet::Limits limits)
    : rules_(rules), link_list_(std::move(links)), filter_(rules_, true) {
  MarkMasks marks;
  marks.add(rules_, true);
  fields_ = std::make_unique<Fields>(Fields::make(family, marks));
  space_ = std::make_unique<packet::PacketSpace>(fields_->layout(), limits);
  effects_ = std::make_unique<Effects>(*space_);
  links_ = std::make_unique<Links>(link_list_);
  around_ = std::make_unique<ReachRoutes>(*fields_, *space_);
  chains_ =
      std::make_unique<Chains>(*fields_, *space_, *effects_, *links_, around_.get(), rules_, true);
}
Pair::~Pair() = default;

namespace {

Result<packet::VerdictMap> compiled(Chains& chains, HookPoint point, bool nat, bool legacy_last,
                                    const Image& image) {
  if (nat) return chains.nat(point, image, legacy_last);
  return chains.filter(point, -100000, 100000, image, legacy_last);
}

}  // namespace

Result<packet::VerdictMap> Pair::map(HookPoint point, bool nat, bool legacy_last,
                                     const Image& image) {
  return compiled(*chains_, point, nat, legacy_last, image);
}

Result<packet::VerdictMap> Pair::map_anew(HookPoint point, bool nat, bool legacy_last,
                                          const Image& image) {
  Chains chains(*fields_, *space_, *effects_, *links_, around_.get(), rules_, true);
  return compiled(chains, point, nat, legacy_last, image);
}

std::string Pair::show(const packet::Packet& packet) const {
  std::string out;
  for (std::size_t q = 0; q < kQuantities; ++q) {
    const auto quantity = static_cast<Quantity>(q);
    const std::string name = fields_->layout().name(fields_->only(quantity));
    const bool address = name.ends_with("src") || name.ends_with("dst") ||
                         name.starts_with("src") || name.starts_with("dst");
    out += name + "=" +
           (address && fields_->bits(quantity) >= 32
                ? fields_->address(packet, quantity).to_string()
                : std::to_string(fields_->get(packet, quantity))) +
           " ";
  }
  return out;
}

Fate Pair::fate_of(const packet::Packet& after, const std::string& outcome) const {
  return {outcome + " " + show(after)};
}

namespace {

std::string reject_text(bool reset, unsigned type, unsigned code) {
  return "reject " + (reset ? "reset" : std::to_string(type) + "/" + std::to_string(code));
}

template <class Request>
std::string nat_text(const Request& r) {
  const auto address = [](const std::optional<IpAddress>& a) { return a ? a->to_string() : "-"; };
  const auto port = [](const std::optional<Port>& p) {
    return p ? std::to_string(p->number) : "-";
  };
  return std::string("nat ") + (r.destination ? "d" : "s") + (r.masquerade ? "m" : "") +
         (r.redirect ? "r" : "") + (r.netmap ? "n" : "") + " " + address(r.first) + "-" +
         address(r.last) + ":" + port(r.port_first) + "-" + port(r.port_last) + "+" +
         port(r.base_port) + "/" + std::to_string(r.flags);
}

}  // namespace

Fates Pair::by_reach(const packet::VerdictMap& map, const packet::Packet& packet, bool) const {
  Fates out;
  for (const Effect& e : effects_->at(map.at(packet)).effects) {
    switch (e.kind) {
      case EffectKind::kAccept: {
        const std::string nat = e.nat == 0 ? "" : " " + nat_text(effects_->nat(e));
        out.insert(fate_of(effects_->image(e.image).apply(*fields_, packet), "accept" + nat));
        break;
      }
      case EffectKind::kDrop: out.insert({"drop"}); break;
      case EffectKind::kReject:
        out.insert({reject_text(e.reject.tcp_reset, e.reject.icmp_type, e.reject.icmp_code)});
        break;
      case EffectKind::kUnknown: out.insert({"unknown"}); break;
      case EffectKind::kPass:
      case EffectKind::kNext:
      case EffectKind::kReturn: out.insert({"an effect that no hook may leave"}); break;
    }
  }
  return out;
}

std::vector<std::string> Pair::reasons(const packet::VerdictMap& map,
                                       const packet::Packet& packet) const {
  std::vector<std::string> out;
  const Leaf& leaf = effects_->at(map.at(packet));
  for (ReasonId id : leaf.reasons) out.push_back(effects_->text(id));
  for (const Effect& e : leaf.effects) {
    if (e.kind == EffectKind::kUnknown) out.push_back(effects_->text(e.reason));
  }
  return out;
}

packet::Packet Pair::read_back(const packet::Packet& before, const trace::Packet& now,
                               const trace::CtView& view) const {
  packet::Packet out = before;
  const auto set = [&](Quantity q, std::uint64_t n) { fields_->set(out, q, n); };
  fields_->set_address(out, Quantity::kSource, now.source);
  fields_->set_address(out, Quantity::kDestination, now.destination);
  set(Quantity::kSourceMac, number_of(now.source_mac));
  set(Quantity::kDestinationMac, number_of(now.destination_mac));
  set(Quantity::kSourcePort, now.source_port.number);
  set(Quantity::kDestinationPort, now.destination_port.number);
  set(Quantity::kTcpFlags, now.tcp_flags);
  set(Quantity::kTos, now.tos);
  set(Quantity::kHopLimit, now.hop_limit);
  set(Quantity::kPacketType, static_cast<std::uint64_t>(now.type));
  set(Quantity::kMark, now.mark);
  if (view.entry != nullptr) set(Quantity::kCtMark, view.entry->mark);
  if (view.entry == nullptr) set(Quantity::kCtInfo, view.untracked ? 1 : 0);
  return out;
}

std::optional<Fates> Pair::by_trace(HookPoint point, bool nat, const packet::Packet& packet,
                                    bool legacy_last) const {
  const auto get = [&](Quantity q) { return fields_->get(packet, q); };
  const auto number = [&](Quantity q) { return static_cast<std::uint32_t>(get(q)); };
  const auto port = [&](Quantity q) { return Port{static_cast<std::uint16_t>(get(q))}; };
  Scene first;
  trace::Packet& p = first.packet;
  const bool v4 = fields_->family() == IpFamily::kV4;
  p.ether_type = v4 ? trace::EtherType::kIpv4 : trace::EtherType::kIpv6;
  p.source = fields_->address(packet, Quantity::kSource);
  p.destination = fields_->address(packet, Quantity::kDestination);
  p.source_mac = fields_->mac(packet, Quantity::kSourceMac);
  p.destination_mac = fields_->mac(packet, Quantity::kDestinationMac);
  p.protocol = static_cast<IpProtocol>(get(Quantity::kProtocol));
  p.hop_limit = static_cast<std::uint8_t>(get(Quantity::kHopLimit));
  p.tos = static_cast<std::uint8_t>(get(Quantity::kTos));
  p.length = static_cast<std::uint16_t>(get(Quantity::kLength));
  p.source_port = port(Quantity::kSourcePort);
  p.destination_port = port(Quantity::kDestinationPort);
  p.tcp_flags = static_cast<std::uint8_t>(get(Quantity::kTcpFlags));
  p.icmp_type = static_cast<std::uint8_t>(get(Quantity::kIcmpType));
  p.icmp_code = static_cast<std::uint8_t>(get(Quantity::kIcmpCode));
  p.mark = number(Quantity::kMark);
  p.type = static_cast<trace::PacketType>(get(Quantity::kPacketType));
  p.has_socket = get(Quantity::kHasSocket) != 0;
  p.socket_uid = number(Quantity::kUid);
  p.socket_gid = number(Quantity::kGid);
  const std::uint64_t status = get(Quantity::kCtStatus), info = get(Quantity::kCtInfo);
  trace::ConnTrack& e = first.entry;
  const auto protocol = static_cast<IpProtocol>(get(Quantity::kCtProtocol));
  e.original = {fields_->address(packet, Quantity::kCtOriginalSource),
                fields_->address(packet, Quantity::kCtOriginalDestination),
                port(Quantity::kCtOriginalSourcePort), port(Quantity::kCtOriginalDestinationPort),
                protocol};
  e.reply = {fields_->address(packet, Quantity::kCtReplySource),
             fields_->address(packet, Quantity::kCtReplyDestination),
             port(Quantity::kCtReplySourcePort), port(Quantity::kCtReplyDestinationPort), protocol};
  e.seen_reply = (status & ct_status::kSeenReply) != 0;
  e.assured = (status & ct_status::kAssured) != 0;
  e.confirmed = (status & ct_status::kConfirmed) != 0;
  e.snat = (status & ct_status::kSourceNat) != 0;
  e.dnat = (status & ct_status::kDestinationNat) != 0;
  e.snat_done = (status & ct_status::kSourceNatDone) != 0;
  e.dnat_done = (status & ct_status::kDestinationNatDone) != 0;
  e.mark = number(Quantity::kCtMark);
  e.zone = static_cast<std::uint16_t>(get(Quantity::kCtZone));

  constexpr std::array<trace::FilterPoint, 13> kPoints = {
      trace::FilterPoint::kIpPrerouting,  trace::FilterPoint::kIpInput,
      trace::FilterPoint::kIpForward,     trace::FilterPoint::kIpOutput,
      trace::FilterPoint::kIpPostrouting, trace::FilterPoint::kBridgePrerouting,
      trace::FilterPoint::kBridgeInput,   trace::FilterPoint::kBridgeForward,
      trace::FilterPoint::kBridgeOutput,  trace::FilterPoint::kBridgePostrouting,
      trace::FilterPoint::kNetdevIngress, trace::FilterPoint::kNetdevEgress,
      trace::FilterPoint::kInetIngress};
  const trace::FilterPoint at = kPoints[static_cast<std::size_t>(point)];
  trace::Choices choices;
  Fates out;
  do {
    trace::Packet now = first.packet;
    trace::ConnTrack entry = first.entry;
    trace::CtView view;
    if (info >= static_cast<std::uint64_t>(CtInfo::kEstablished)) view.entry = &entry;
    if (view.entry != nullptr) view.info = static_cast<trace::CtInfo>(info - 2);
    view.untracked = info == static_cast<std::uint64_t>(CtInfo::kUntracked);
    trace::Context context;
    context.packet = &now;
    context.ct = &view;
    context.in = links_->link(get(Quantity::kIif));
    context.out = links_->link(get(Quantity::kOif));
    context.physical_in = links_->link(get(Quantity::kPhysIn));
    context.physical_out = links_->link(get(Quantity::kPhysOut));
    context.bridged = get(Quantity::kBridged) != 0;
    context.around = &trace_around_;
    context.choices = &choices;
    context.legacy_last = legacy_last;
    std::optional<trace::NatRequest> request;
    const trace::HookResult result =
        nat ? filter_.run_nat(at, context, request) : filter_.run(at, -100000, 100000, context);
    switch (result.outcome) {
      case trace::Outcome::kAccept:
        out.insert(fate_of(read_back(packet, now, view),
                           "accept" + (request ? " " + nat_text(*request) : std::string())));
        break;
      case trace::Outcome::kDrop: out.insert({"drop"}); break;
      case trace::Outcome::kReject:
        out.insert({reject_text(result.reject->tcp_reset, result.reject->icmp_type,
                                result.reject->icmp_code)});
        break;
      case trace::Outcome::kUnknown: out.insert({"unknown"}); break;
    }
    if (choices.exhausted()) return std::nullopt;
  } while (choices.next());
  return out;
}

}  // namespace bulkhead::reach::testing
