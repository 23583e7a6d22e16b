#include "scan/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "topology/link_ends.h"
#include "verify/reachable.h"

namespace bulkhead::scan {
namespace {

using packet::IntervalSet;

constexpr IpProtocol kProtocols[] = {IpProtocol::kTcp, IpProtocol::kUdp};

// Named destinations, of one seat, up to which each is walked to. One computation of all that a
// seat reaches costs as much as a few hundred walks, more on large bridges.
constexpr std::uint64_t kFewDestinations = 256;
constexpr std::uint64_t kMostWalks = 4096;  // to one link-local address, which only a walk knows

// Ports that exist: 0 is no destination of a connection.
IntervalSet real_ports() {
  return IntervalSet::range(1, 65535);
}

// Link-local IPv6 needs an interface beside the address (LinkTarget).
bool usable(const model::Address& a) {
  constexpr std::uint32_t kTentativeOrFailed = 0x40 | 0x08;  // IFA_F_TENTATIVE, IFA_F_DADFAILED
  return !a.local.is_multicast() && !(a.local.is_v6() && a.local.is_link_local()) &&
         (a.flags & kTentativeOrFailed) == 0;
}

// A link-local address as one seat sees it.
struct LinkTarget {
  IpAddress to;
  const model::Link* link = nullptr;  // of the seat's
  std::vector<model::NsId> at;        // who has it
};

class Planner {
 public:
  Planner(const query::Asker& asker, const Wanted& wanted)
      : asker_(asker), snapshot_(asker.world().snapshot()), wanted_(wanted), solver_(asker) {}

  Result<Plan> plan() {
    if (Status s = find_seats(); !s) return std::unexpected(s.error());
    find_addresses();
    find_candidates();
    for (const BeyondAim& one : wanted_.beyond) out_.beyond.push_back(one.machine);
    if (Status s = check_links(); !s) return std::unexpected(s.error());
    for (std::size_t i = 0; i < out_.seats.size(); ++i) from_seat(i);
    return std::move(out_);
  }

 private:
  Status find_seats() {
    for (const Wanted::MadeSeat& seat : wanted_.seats) {
      if (Status made = made_seat(seat); !made) return made;
    }
    if (wanted_.from.empty()) return wanted_.seats.empty() ? all_seats() : Status();
    return named_seats();
  }

  Status made_seat(const Wanted::MadeSeat& made) {
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      if (snapshot_.namespaces[i].inode != made.inode) continue;
      query::Seat seat;
      seat.vantage = {query::VantageKind::kNetns, made.name, {}, {}};
      seat.origins.push_back(trace::LocalOrigin{model::NsId{i}});
      out_.seats.push_back({made.name, {made.name}, std::move(seat), model::NsId{i}});
      own_.insert(model::NsId{i});
      return {};
    }
    return fail(ErrorCode::kUnavailable,
                "the seat " + escape_text(made.name, 64) + " was made and is not found");
  }

  Status all_seats() {
    auto host = asker_.seat(query::Vantage{});
    if (!host) return std::unexpected(host.error());
    add_seat(*std::move(host));
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& c : engine.containers) {
        if (c.state == "running" || c.netns) add_seat(asker_.seat_of(engine, c));
      }
    }
    return {};
  }

  Status named_seats() {
    for (const query::Vantage& vantage : wanted_.from) {
      auto seat = asker_.seat(vantage);
      if (!seat) return std::unexpected(seat.error());
      if (seat->zone != nullptr)
        return fail(ErrorCode::kInvalidInput,
                    "'" + escape_text(vantage.to_string(), 64) +
                        "' is not on this host: a scan goes from host, container:NAME or "
                        "netns:PATH; what comes from outside is computed (bulkhead reach)");
      add_seat(*std::move(seat));
    }
    return {};
  }

  void add_seat(query::Seat seat) {
    const std::string text = seat.vantage.to_string();
    if (seat.origins.empty()) {
      out_.left_out.push_back({text, seat.unknown});
      return;
    }
    const auto* local = std::get_if<trace::LocalOrigin>(&seat.origins.front());
    if (local == nullptr) return;
    for (Seat& known : out_.seats) {
      if (known.ns != local->ns) continue;
      if (std::ranges::find(known.names, text) == known.names.end()) known.names.push_back(text);
      return;
    }
    out_.seats.push_back({text, {text}, std::move(seat), local->ns});
  }

  void find_addresses() {
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      if (own_.contains(model::NsId{i})) continue;  // nobody lives there
      for (const model::Address& a : snapshot_.namespaces[i].addresses) {
        if (!usable(a) || a.local.is_loopback()) continue;
        auto& at = addresses_[a.local];
        if (std::ranges::find(at, model::NsId{i}) == at.end()) at.push_back(model::NsId{i});
      }
    }
  }

  // Ports on which somebody listens, wherever: rules translate addresses, not often ports; and
  // published ones.
  void find_candidates() {
    for (const model::NetNs& ns : snapshot_.namespaces) {
      for (const model::Socket& s : ns.sockets)
        if (!s.peer) add_candidate(s.protocol, s.port);
    }
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& c : engine.containers) {
        for (const model::PublishedPort& p : c.published) {
          add_candidate(p.protocol, p.host_port);
          add_candidate(p.protocol, p.container_port);
        }
      }
    }
  }
  void add_candidate(IpProtocol protocol, Port port) {
    if (port.number == 0) return;
    IntervalSet& set = candidates_[protocol];
    set = set.unite(IntervalSet::single(port.number));
  }

  // A namespace of which others hold a part: their loopback is everybody's there.
  [[nodiscard]] bool is_shared(const Seat& seat) const {
    return seat.names.size() > 1 || seat.ns == snapshot_.host;
  }

  [[nodiscard]] bool speaks(const Seat& seat, IpFamily family) const {
    return std::ranges::any_of(
        snapshot_.namespaces[seat.ns.value].addresses, [&](const model::Address& a) {
          return a.local.family() == family && usable(a) && !a.local.is_loopback();
        });
  }

  // Packets from here to this address go to somebody outside who may have it as well, and who is
  // not ours to scan; only when it is named.
  [[nodiscard]] bool leaves(const Seat& seat, const IpAddress& to) const {
    constexpr std::uint16_t kSamples[] = {1, 80, 65535};
    return std::ranges::any_of(kSamples, [&](std::uint16_t port) {
      query::Target target;
      target.to = to;
      target.port = Port{port};
      return asker_.ask(seat.seat, target).answer.exit.has_value();
    });
  }

  [[nodiscard]] bool is_beyond(const IpAddress& to) const {
    return !addresses_.contains(to) &&
           std::ranges::any_of(out_.beyond,
                               [&](const policy::Beyond& one) { return one.to == to; });
  }

  // Those of others; one's own where somebody else sits there too.
  [[nodiscard]] std::map<IpAddress, std::vector<model::NsId>> targets(const Seat& seat) const {
    std::map<IpAddress, std::vector<model::NsId>> out;
    if (are_named()) {
      for (const IpAddress& to : wanted_.to) {
        if (holds_container(seat) && is_beyond(to)) continue;  // asked as what it is
        const auto known = addresses_.find(to);
        const bool own = to.is_loopback();
        out[to] = own                         ? std::vector{seat.ns}
                  : known == addresses_.end() ? std::vector<model::NsId>()
                                              : known->second;
      }
      return out;
    }
    for (const auto& [address, at] : addresses_) {
      const bool only_own = at.size() == 1 && at.front() == seat.ns;
      if (!speaks(seat, address.family()) || (only_own && !is_shared(seat))) continue;
      if (leaves(seat, address)) continue;
      out[address] = at;
    }
    if (!is_shared(seat)) return out;
    for (const model::Address& a : snapshot_.namespaces[seat.ns.value].addresses) {
      if (a.local.is_loopback()) out[a.local] = {seat.ns};
    }
    return out;
  }

  // The smallest prefix that holds all that is named: of the rest nothing needs to be computed.
  [[nodiscard]] std::optional<Prefix> named_network() const {
    if (wanted_.to.empty()) return std::nullopt;
    const IpAddress& first = wanted_.to.front();
    for (unsigned length = first.bits();; --length) {
      const Prefix prefix = Prefix::covering(first, static_cast<std::uint8_t>(length));
      const bool all = std::ranges::all_of(wanted_.to, [&](const IpAddress& to) {
        return to.family() == first.family() && prefix.contains(to);
      });
      if (all) return prefix;
      if (length == 0) return std::nullopt;  // of both families
    }
  }

  // The only one that is asked about.
  [[nodiscard]] std::optional<IpProtocol> named_protocol() const {
    if (wanted_.ports.empty()) return std::nullopt;
    const IpProtocol first = wanted_.ports.front().protocol.value_or(IpProtocol::kTcp);
    const bool alone = std::ranges::all_of(wanted_.ports, [&](const PortsWanted& w) {
      return w.protocol.value_or(IpProtocol::kTcp) == first;
    });
    return alone ? std::optional(first) : std::nullopt;
  }

  [[nodiscard]] bool are_named() const { return !wanted_.to.empty() || !wanted_.links.empty(); }

  [[nodiscard]] const model::NetNs& ns_of(const Seat& seat) const {
    return snapshot_.namespaces[seat.ns.value];
  }

  [[nodiscard]] const model::Link* link_of(const Seat& seat, std::string_view name) const {
    const auto& links = ns_of(seat).links;
    const auto at = std::ranges::find(links, name, &model::Link::name);
    return at == links.end() ? nullptr : &*at;
  }

  // Each named interface is somebody's.
  [[nodiscard]] Status check_links() const {
    for (const ScopedAddress& to : wanted_.links) {
      if (std::ranges::any_of(out_.seats, [&](const Seat& seat) { return link_of(seat, to.link); }))
        continue;
      return fail(ErrorCode::kNotFound, "no seat of this scan has an interface '" +
                                            escape_text(to.link, 64) +
                                            "': write its name as the seat itself sees it");
    }
    return {};
  }

  [[nodiscard]] std::vector<model::NsId> holders(const IpAddress& to) const {
    std::vector<model::NsId> out;
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      const auto& addresses = snapshot_.namespaces[i].addresses;
      if (std::ranges::find(addresses, to, &model::Address::local) != addresses.end())
        out.push_back(model::NsId{i});
    }
    return out;
  }

  [[nodiscard]] std::vector<LinkTarget> link_targets(const Seat& seat) const {
    std::vector<LinkTarget> out;
    for (const ScopedAddress& to : wanted_.links) {
      if (const model::Link* link = link_of(seat, to.link))
        out.push_back({to.address, link, holders(to.address)});
    }
    if (are_named()) return out;
    for (const topology::LinkEnd& end : topology::link_local_ends(snapshot_, seat.ns))
      out.push_back({end.to, end.on, {snapshot_.host}});
    return out;
  }

  void to_links(std::size_t index) {
    const Seat& seat = out_.seats[index];
    for (const LinkTarget& target : link_targets(seat)) {
      for (const IpProtocol protocol : kProtocols) {
        Aim aim{.seat = index,
                .to = target.to,
                .scope = target.link->index,
                .link = target.link->name,
                .at = target.at,
                .protocol = protocol};
        Computed known;
        const auto found = candidates_.find(protocol);
        const IntervalSet candidates = found == candidates_.end() ? IntervalSet() : found->second;
        aim.ports = wanted_ports(protocol, candidates);
        walk(seat, aim, candidates, known);
        // Each UDP port takes a second: those alone on which something may be.
        if (protocol == IpProtocol::kUdp && wanted_.ports.empty())
          aim.ports = aim.ports.intersect(known.open.unite(known.doubt));
        add_aim(std::move(aim), known);
      }
    }
  }

  // nullopt: few enough are asked about to walk to each.
  using Reached = std::optional<Result<verify::Reachable>>;
  Reached reached_from(const Seat& seat) {
    if (are_few_named()) return std::nullopt;
    verify::Limits limits;
    limits.doubts = true;
    limits.to = named_network();
    limits.protocol = named_protocol();
    return solver_.from(seat.seat, limits);
  }

  [[nodiscard]] bool are_few_named() const {
    if (wanted_.to.empty()) return !wanted_.links.empty();  // nothing else is asked
    if (wanted_.ports.empty()) return false;
    std::uint64_t ports = 0;
    for (const PortsWanted& w : wanted_.ports) ports += w.ports.last - w.ports.first + 1U;
    return ports * wanted_.to.size() <= kFewDestinations;
  }

  void from_seat(std::size_t index) {
    const Seat& seat = out_.seats[index];
    const Reached computed = reached_from(seat);
    for (const auto& [to, at] : targets(seat)) {
      for (const IpProtocol protocol : kProtocols) {
        Aim aim{.seat = index, .to = to, .at = at, .protocol = protocol};
        const Computed known = compute(seat, computed, to, protocol);
        aim.ports = wanted_ports(protocol, known.open.unite(known.doubt));
        add_aim(std::move(aim), known);
      }
    }
    to_links(index);
    if (!holds_container(seat)) return;
    for (std::size_t i = 0; i < wanted_.beyond.size(); ++i) beyond(index, i, computed);
  }

  void beyond(std::size_t index, std::size_t which, const Reached& computed) {
    const IpAddress& to = out_.beyond[which].to;
    if (addresses_.contains(to) || !speaks(out_.seats[index], to.family())) return;
    if (are_named() && std::ranges::find(wanted_.to, to) == wanted_.to.end()) return;
    for (const IpProtocol protocol : kProtocols) {
      Aim aim{.seat = index, .to = to, .at = {}, .protocol = protocol};
      aim.beyond = which;
      const bool udp = protocol == IpProtocol::kUdp;
      aim.ports = udp ? wanted_.beyond[which].udp : wanted_.beyond[which].tcp;
      if (!wanted_.ports.empty() || (wanted_.full && !udp)) aim.ports = wanted_ports(protocol, {});
      add_aim(std::move(aim), compute(out_.seats[index], computed, to, protocol));
    }
  }

  // Of those that may be named, somebody who is no process of the host's.
  static bool holds_container(const Seat& seat) {
    return std::ranges::any_of(
        seat.names, [](const std::string& name) { return name.starts_with("container:"); });
  }

  struct Computed {
    IntervalSet open, doubt;
  };
  void add_aim(Aim aim, const Computed& known) {
    if (aim.ports.empty()) return;
    aim.open = known.open.intersect(aim.ports);
    aim.doubt = known.doubt.intersect(aim.ports);
    out_.aims.push_back(std::move(aim));
  }

  [[nodiscard]] Computed compute(const Seat& seat, const Reached& computed, const IpAddress& to,
                                 IpProtocol protocol) const {
    Computed out;
    if (!computed)
      walk(seat,
           {.seat = 0,
            .to = to,
            .at = {},
            .protocol = protocol,
            .ports = wanted_ports(protocol, {})},
           {}, out);
    else if (*computed)
      compute(**computed, to, protocol, out.open, out.doubt);
    else
      out.doubt = real_ports();
    return out;
  }

  // To each port of the aim. Of very many to `candidates` alone; what the rest does is then not
  // known.
  void walk(const Seat& seat, const Aim& aim, const IntervalSet& candidates, Computed& out) const {
    const bool all = size_of(aim.ports) <= kMostWalks;
    const IntervalSet walked = all ? aim.ports : aim.ports.intersect(candidates);
    if (!all) out.doubt = aim.ports.intersect(walked.complement(16));
    for (const packet::Interval& ports : walked.intervals()) {
      for (std::uint64_t port = ports.first; port <= ports.last; ++port) {
        query::Target target;
        target.to = aim.to;
        target.port = Port{static_cast<std::uint16_t>(port)};
        target.protocol = aim.protocol;
        target.scope = aim.scope;
        const trace::Verdict verdict = asker_.ask(seat.seat, target).answer.verdict;
        if (verdict == trace::Verdict::kClosed) continue;
        IntervalSet& set = verdict == trace::Verdict::kOpen ? out.open : out.doubt;
        set = set.unite(IntervalSet::single(port));
      }
    }
  }

  static std::uint64_t size_of(const IntervalSet& set) {
    std::uint64_t size = 0;
    for (const packet::Interval& i : set.intervals()) size += i.last - i.first + 1;
    return size;
  }

  static void compute(const verify::Reachable& computed, const IpAddress& to, IpProtocol protocol,
                      IntervalSet& open, IntervalSet& doubt) {
    const auto holds = [&](const verify::AddressRange& range) {
      return range.first.family() == to.family() && range.first <= to && to <= range.last;
    };
    if (!computed.complete) doubt = real_ports();
    for (const verify::Reached& r : computed.open)
      if (r.protocol == protocol && holds(r.to)) open = open.unite(r.ports);
    for (const verify::Doubt& d : computed.doubts)
      if (d.protocol == protocol && holds(d.to)) doubt = doubt.unite(d.ports);
    for (const verify::Contradiction& c : computed.contradictions)
      if (c.computed.protocol == protocol && holds(c.computed.to))
        doubt = doubt.unite(c.computed.ports);
  }

  [[nodiscard]] IntervalSet wanted_ports(IpProtocol protocol, const IntervalSet& told) const {
    if (!wanted_.ports.empty()) {
      IntervalSet out;
      for (const PortsWanted& w : wanted_.ports) {
        if (w.protocol.value_or(IpProtocol::kTcp) == protocol)
          out = out.unite(IntervalSet::range(w.ports.first, w.ports.last));
      }
      return out.intersect(real_ports());
    }
    const auto found = candidates_.find(protocol);
    const IntervalSet candidates = found == candidates_.end() ? IntervalSet() : found->second;
    if (protocol == IpProtocol::kTcp && wanted_.full) return real_ports();
    // Each silent UDP port costs seconds and proves nothing: only where something may be.
    if (protocol == IpProtocol::kUdp) return told.intersect(candidates).intersect(real_ports());
    return told.unite(candidates).intersect(real_ports());
  }

  const query::Asker& asker_;
  const model::Snapshot& snapshot_;
  const Wanted& wanted_;
  verify::Solver solver_;
  std::set<model::NsId> own_;  // of the scan itself: neighbours' seats
  std::map<IpAddress, std::vector<model::NsId>> addresses_;
  std::map<IpProtocol, IntervalSet> candidates_;
  Plan out_;
};

}  // namespace

Result<Plan> make_plan(const query::Asker& asker, const Wanted& wanted) {
  return Planner(asker, wanted).plan();
}

}  // namespace bulkhead::scan
