// ARP and neighbour discovery, as frames that pass every hook which frames pass (net/ipv4/arp.c,
// net/ipv6/ndisc.c, net/core/neighbour.c).
//
// A question runs to its end in a queue of its own. Its outcome depends on who asks for whom in
// whose name, not on the packets that wait for it, so it is asked once for each such three.
#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::uint8_t kProxyFlag = 8;  // NTF_PROXY
constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr unsigned kMostNested = 3;
constexpr std::size_t kMostLearned = 256;

// confirm_addr_indev() for a given local address: the first address that is it with that scope, and
// a network of the device in which both lie.
bool confirms(const Device& dev, std::optional<IpAddress> peer, IpAddress local,
              std::uint8_t scope) {
  bool found = false, same = false;
  for (const model::Address* a : dev.addresses4) {
    const std::uint8_t own =
        std::min(a->scope, dev.route_localnet ? topology::kScopeLink : topology::kScopeHost);
    found = found || (a->local == local && own <= scope);
    same = same || (topology::on_network(*a, local) && (!peer || topology::on_network(*a, *peer)));
    if (found && same) return true;
  }
  return false;
}

bool has_proxy_entry(const Device& dev, IpAddress target) {
  return std::ranges::any_of(dev.neighbours, [&](const model::Neighbour* n) {
    return (n->flags & kProxyFlag) != 0 && n->address == target;
  });
}

const MacAddress* learned(const std::vector<Learned>& known, const Device& dev, IpAddress address) {
  for (const Learned& n : known) {
    if (n.device == &dev && n.address == address) return &n.mac;
  }
  return nullptr;
}

// arp_constructor(), ndisc_constructor() where nobody is asked. A veth has its peer's, so that the
// frame arrives.
MacAddress unasked_mac(const Device& dev) {
  if (dev.peer != nullptr) return dev.peer->mac;
  return dev.kind == DeviceKind::kIpvlan ? dev.mac : MacAddress::broadcast();
}

void set_discovery(Header& p, const Device& dev, std::uint8_t type, IpAddress from, IpAddress to,
                   IpAddress target) {
  p = Header();
  p.t = Tuple{AddressOperand::of(from), AddressOperand::of(to), {}, {}, IpProtocol::kIcmpV6};
  p.icmp_type = type;
  p.hop_limit = 255;
  p.length = 72;
  p.neighbour = NeighbourMessage{type == kSolicitation, dev.mac, from, target};
}

}  // namespace

void Walk::learn(Flow& flow, const Device& dev, IpAddress address, MacAddress mac) {
  if (forgery_ != nullptr && forgery_->claiming && asking_ != nullptr && asking_->device == &dev &&
      asking_->target == address)
    forgery_->insinuated = forgery_->insinuated || (!flow.in_doubt && forgery_->claim == mac);
  if (learned(flow.learned, dev, address) == nullptr && flow.learned.size() < kMostLearned)
    flow.learned.push_back({&dev, address, mac});
  if (asking_ == nullptr || asking_->learned.size() >= kMostLearned) return;
  if (learned(asking_->learned, dev, address) == nullptr)
    asking_->learned.push_back({&dev, address, mac});
}

void Walk::neighbour_output(Device& dev, Flow flow, const AddressOperand& next_hop) {
  flow.p.source_mac = dev.mac;
  flow.p.any_source_mac = false;
  if (dev.loopback) {
    flow.p.source_mac = flow.p.destination_mac = MacAddress();
    return transmit(dev, std::move(flow));
  }
  if (verdicts_alone_) cut_off(dev, flow);
  walk_one_by_one(flow);
  if (flow.set.empty()) return;
  const auto believed = [&](Flow f, MacAddress mac) {
    f.p.destination_mac = mac;
    transmit(dev, std::move(f));
  };
  by_claim(dev, std::move(flow), next_hop, believed, [&](Flow f) {
    if (next_hop.constant) return neighbour_output(dev, std::move(f), *next_hop.constant);
    if (!dev.no_arp && !dev.point_to_point) return by_neighbours(dev, std::move(f), next_hop);
    f.p.destination_mac = unasked_mac(dev);
    transmit(dev, std::move(f));
  });
}

Walk::Residents::Residents(const topology::Topology& topology, IpFamily family) {
  std::set<IpAddress> somebody;
  for (const auto& m : topology.machines()) {
    for (const auto& [address, d] : m->addresses) somebody.insert(address);
    for (const auto& d : m->devices) {
      for (const auto* n : d->neighbours) somebody.insert(n->address);
      proxies = proxies ||
                (family == IpFamily::kV4 && (d->proxy_arp || d->link->ipv4.proxy_arp_pvlan != 0));
    }
    for (const model::Route& r : m->ns->routes) {
      if (is_range(r) && r.destination.family() == family) ranges.push_back(r.destination);
    }
  }
  std::erase_if(somebody, [&](const IpAddress& a) { return a.family() != family; });
  addresses.assign(somebody.begin(), somebody.end());
}

bool Walk::Residents::is_range(const model::Route& route) {
  constexpr std::uint8_t kByKernel = 2;  // RTPROT_KERNEL
  const IpAddress to = route.destination.address();
  if (route.type != topology::rtn::kLocal || to.is_loopback()) return false;
  return route.protocol != kByKernel || route.destination.length() < to.bits();
}

// A network has many addresses, and a flow's packets hold few of them.
std::vector<IpAddress> Walk::held(const packet::PacketSet& set, Quantity field,
                                  std::span<const IpAddress> addresses) const {
  const Fields& fields = algebra_.fields();
  const auto parts = fields.parts(field);
  std::vector<packet::IntervalSet> values;
  for (const Fields::Part& part : parts) values.push_back(set.values(part.field));
  std::vector<IpAddress> out;
  packet::Packet p = fields.layout().packet();
  for (const IpAddress& address : addresses) {
    if (address.family() != fields.family()) continue;
    fields.set_address(p, field, address);
    bool may = true;
    for (std::size_t i = 0; i < parts.size(); ++i)
      may = may && values[i].contains(p[parts[i].field]);
    if (may) out.push_back(address);
  }
  return out;
}

// A next hop that varies: each address that anybody has goes its own way, and all that nobody has
// go the way of one of them.
void Walk::by_neighbours(Device& dev, Flow flow, const AddressOperand& next_hop) {
  std::set<IpAddress> more(outsider_gateways_.begin(), outsider_gateways_.end());
  for (const Learned& n : flow.learned) {
    if (n.device == &dev) more.insert(n.address);
  }
  if (outsider_ != nullptr) more.insert(outsider_->source);
  std::vector<IpAddress> somebody;
  std::ranges::set_union(residents_.addresses, more, std::back_inserter(somebody));
  packet::PacketSet rest = flow.set;
  const bool is_destination = next_hop == flow.p.t.destination;
  for (const IpAddress& address : held(flow.set, next_hop.field, somebody)) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, algebra_.where(next_hop, address));
    if (f.set.empty() || has_to_stop(f)) continue;
    if (is_destination) f.p.t.destination = AddressOperand::of(address);
    neighbour_output(dev, std::move(f), address);
  }
  const auto part = [&](const packet::PacketSet& condition, std::string_view why) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, condition);
    if (!f.set.empty()) unknown(std::move(f), why);
  };
  for (const Prefix& r : residents_.ranges)
    part(algebra_.where(next_hop, r), "a range of addresses that is local somewhere");
  const bool v4 = algebra_.family() == IpFamily::kV4;
  part(algebra_.where(next_hop, v4 ? Prefix::covering(IpAddress::v4(224, 0, 0, 0), 4)
                                   : Prefix::covering(IpAddress::v6({0xff}), 8)),
       "packets to a group");
  const auto one = rest.witness();
  if (!one) return;
  flow.set = std::move(rest);
  if (residents_.proxies) return unknown(std::move(flow), "proxy ARP for addresses that vary");
  neighbour_output(dev, std::move(flow), algebra_.fields().address(*one, next_hop.field));
}

void Walk::neighbour_output(Device& dev, Flow flow, IpAddress next_hop) {
  if (next_hop.is_multicast()) {
    flow.p.destination_mac = MacAddress::of_group(next_hop);
    return transmit(dev, std::move(flow));
  }
  if (dev.no_arp || dev.point_to_point) {
    flow.p.destination_mac = unasked_mac(dev);
    return transmit(dev, std::move(flow));
  }
  if (!flow.p.t.source.constant) return by_sources(dev, std::move(flow), next_hop);
  const AddressOperand own = flow.p.t.source;
  resolved(dev, flow, next_hop, resolve(dev, next_hop, flow, own));
}

// In whose name is asked depends on the source only if it is one of the machine's own.
void Walk::by_sources(Device& dev, Flow flow, IpAddress next_hop) {
  const AddressOperand source = flow.p.t.source;
  if (verdicts_alone_ && &dev == outsider_link_) answer_together(dev, flow, next_hop);
  packet::PacketSet rest = flow.set;
  for (const IpAddress& address :
       held(flow.set, source.field, routes::addresses_of(*dev.machine))) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, algebra_.where(source, address));
    if (f.set.empty() || has_to_stop(f)) continue;
    f.p.t.source = AddressOperand::of(address);
    neighbour_output(dev, std::move(f), next_hop);
  }
  if (algebra_.family() == IpFamily::kV4) {
    Flow f = flow;
    f.set = split_off(algebra_, rest, routes(*dev.machine).ours(algebra_, source));
    if (!f.set.empty())
      unknown(std::move(f), "a question for a neighbour in the name of addresses that vary");
  }
  const auto packet = rest.witness();
  if (!packet) return;
  flow.set = std::move(rest);
  const AddressOperand one = AddressOperand::of(algebra_.fields().address(*packet, source.field));
  resolved(dev, flow, next_hop, resolve(dev, next_hop, flow, one));
}

// Answers to an outsider, in whose name soever it is asked for: those to which that makes no
// difference go on as one and leave the flow.
void Walk::answer_together(Device& dev, Flow& flow, IpAddress next_hop) {
  const AddressOperand source = flow.p.t.source;
  std::vector<std::pair<std::vector<Resolution>, std::vector<IpAddress>>> answers;
  for (const IpAddress& address :
       held(flow.set, source.field, routes::addresses_of(*dev.machine))) {
    std::vector<Resolution> ways = resolve(dev, next_hop, flow, AddressOperand::of(address));
    const auto same = std::ranges::find_if(answers, [&](const auto& a) { return a.first == ways; });
    if (same != answers.end()) {
      same->second.push_back(address);
    } else {
      answers.push_back({std::move(ways), {address}});
    }
  }
  for (const auto& [ways, addresses] : answers) {
    Flow f = flow;
    f.set = split_off(algebra_, flow.set, algebra_.where(source, addresses));
    if (!f.set.empty()) resolved(dev, f, next_hop, ways);
  }
}

void Walk::resolved(Device& dev, const Flow& flow, IpAddress next_hop,
                    const std::vector<Resolution>& ways) {
  for (const Resolution& r : ways) {
    Flow f = flow;
    f.in_doubt = f.in_doubt || r.in_doubt;
    f.if_it_asked = f.if_it_asked || r.if_it_asked;
    for (const Learned& n : r.learned) {
      if (learned(f.learned, *n.device, n.address) == nullptr && f.learned.size() < kMostLearned)
        f.learned.push_back(n);
    }
    switch (r.how) {
      case Resolution::How::kFound:
        f.p.destination_mac = r.mac;
        transmit(dev, std::move(f));
        break;
      case Resolution::How::kOutside: leave(std::move(f), *r.exit, next_hop); break;
      case Resolution::How::kUnknown: unknown(std::move(f), r.why); break;
      case Resolution::How::kFailed: {
        lose(f, "no neighbour answers on " + escape_text(dev.name()) +
                    (r.why.empty() ? "" : " (" + r.why + ")"));
        if (f.dst.kind == Dst::Kind::kOutput) f.dst.local = false;
        const bool v4 = algebra_.family() == IpFamily::kV4;
        if (f.ours) icmp_error(std::move(f), v4 ? 3 : 1, v4 ? 1 : 3);
        break;
      }
    }
  }
}

// arp_solicit(), ndisc_solicit(): in whose name is asked. Unspecified: nobody's, no question is
// sent.
IpAddress Walk::asking_address(const Device& dev, IpAddress target, IpAddress own) {
  const Machine& m = *dev.machine;
  const auto chosen = [&]() {
    return routes::select_address4(m, &dev, target, topology::kScopeLink).value_or(IpAddress());
  };
  if (target.is_v6()) {
    if (own.is_v6() && routes::device_has_address6(dev, own)) return own;
    for (const model::Address* a : dev.addresses6) {
      if (a->local.is_link_local() && (a->flags & topology::kAddressTentative) == 0)
        return a->local;
    }
    return IpAddress::any(IpFamily::kV6);
  }
  if (!own.is_v4() || dev.arp_announce >= 2) return chosen();
  const bool ours =
      m.has_address(own) || routes(m).address_type4(algebra_, own) == topology::rtn::kLocal;
  if (!ours) return chosen();
  const bool onlink = std::ranges::any_of(dev.addresses4, [&](const model::Address* a) {
    return topology::on_network(*a, target) && topology::on_network(*a, own);
  });
  return dev.arp_announce == 0 || onlink ? own : chosen();
}

std::vector<Walk::Resolution> Walk::resolve(Device& dev, IpAddress target, const Flow& cause,
                                            const AddressOperand& own) {
  const auto found = [](MacAddress mac) {
    Resolution r;
    r.how = Resolution::How::kFound;
    r.mac = mac;
    return r;
  };
  if (const MacAddress* mac = learned(cause.learned, dev, target)) return {found(*mac)};
  std::optional<MacAddress> cached;
  for (const model::Neighbour* n : dev.neighbours) {
    if (n->address != target || !n->mac || (n->flags & kProxyFlag) != 0) continue;
    if ((n->state & (model::nud::kPermanent | model::nud::kNoArp)) != 0) return {found(*n->mac)};
    if ((n->state & (model::nud::kReachable | model::nud::kStale | model::nud::kDelay |
                     model::nud::kProbe)) != 0)
      cached = n->mac;
  }
  if (!own.constant) {
    Resolution r;
    r.how = Resolution::How::kUnknown;
    r.why = "a question for a neighbour in the name of addresses that vary";
    return {r};
  }
  const IpAddress source = asking_address(dev, target, *own.constant);
  std::vector<Resolution> out = ask_for(dev, target, source);
  if (!cached) {
    // As things stand a neighbour that does not answer is not known; it is when it asked before.
    if (!cause.ours) return out;
    for (std::size_t i = 0, n = out.size(); i < n; ++i) {
      Resolution other = out[i];
      if (other.how != Resolution::How::kFailed || !other.if_it_asks) continue;
      other.how = Resolution::How::kFound;
      other.mac = *other.if_it_asks;
      other.if_it_asked = other.in_doubt = out[i].in_doubt = true;
      out.push_back(std::move(other));
    }
    return out;
  }
  // The kernel uses what it remembers and asks again only later. Where the two agree all is well.
  const bool agrees = std::ranges::all_of(out, [&](const Resolution& r) {
    return r.how == Resolution::How::kOutside ||
           (r.how == Resolution::How::kFound && r.mac == *cached);
  });
  if (agrees) return out;
  for (Resolution& r : out) r.in_doubt = true;
  Resolution remembered = found(*cached);
  remembered.learned = out.front().learned;
  remembered.in_doubt = true;
  out.push_back(std::move(remembered));
  return out;
}

std::vector<Walk::Resolution> Walk::ask_for(Device& dev, IpAddress target, IpAddress source) {
  const auto key = std::tuple(static_cast<const Device*>(&dev), target, source);
  // An outsider answers on its own wire alone, and for no longer than it is asked about.
  const bool of_outsider = outsider_link_ != nullptr && outsider_link_->segment == dev.segment;
  auto& known = of_outsider ? asked_of_outsider_ : asked_;
  if (const auto at = known.find(key); at != known.end() && !claiming()) return at->second;
  Resolution r;
  if (depth_ >= kMostNested) {
    r.why = "questions for neighbours nest too deeply";
    return {r};
  }
  Asking asking;
  asking.device = &dev;
  asking.target = target;
  Asking* const outer = std::exchange(asking_, &asking);
  ++depth_;
  const std::size_t from = queue_.size();
  Flow flow(algebra_.all());
  if (target.is_v4()) {
    arp_send(dev, std::move(flow), NeighbourMessage{true, dev.mac, source, target},
             MacAddress::broadcast());
  } else if (!source.is_unspecified()) {
    set_discovery(flow.p, dev, kSolicitation, source, target.solicited_node(), target);
    flow.dst.kind = Dst::Kind::kOutput;
    flow.dst.device = &dev;
    local_out(std::move(flow));
  } else {
    asking.why = "no link-local address to ask with";
  }
  run_queue(from);
  --depth_;
  asking_ = outer;
  std::vector<Resolution> out;
  for (Resolution& a : asking.answers) {
    a.learned = asking.learned;
    a.learned.push_back({&dev, target, a.mac});
    out.push_back(a);
    if (!a.in_doubt) break;
  }
  if (out.empty() || out.back().in_doubt) {
    r.in_doubt = !out.empty();
    r.learned = asking.learned;
    r.exit = asking.exit;
    r.why = asking.why;
    if (!asking.unknown.empty()) {
      r.how = Resolution::How::kUnknown;
      r.why = asking.unknown;
    } else if (asking.exit != nullptr) {
      r.how = Resolution::How::kOutside;
    } else if (depth_ == 0) {
      r.if_it_asks = known_by_its_question(dev, target, source);
    }
    out.push_back(std::move(r));
  }
  // What was asked within another question may have been cut short by its depth, and any by the
  // bound on the work.
  if (depth_ == 0 && !claiming() && algebra_.work() <= last_work_) known.emplace(key, out);
  return out;
}

// Who is asked remembers the asker (neigh_event_ns, ndisc_recv_ns). So a neighbour that will not
// answer, by a rule or its reverse path filter, may still be known, if it had a reason to ask
// before.
std::optional<MacAddress> Walk::known_by_its_question(Device& dev, IpAddress target,
                                                      IpAddress source) {
  if (source.is_unspecified()) return std::nullopt;
  std::optional<MacAddress> mac;
  for (const auto& other : topology_.machines()) {
    if (other.get() == dev.machine || !other->has_address(target) || other->loopback == nullptr)
      continue;
    routes::Ask ask;
    ask.destination = AddressOperand::of(source);
    ask.source = AddressOperand::of(target);
    ask.source_known = true;
    const auto ways = routes(*other).output(algebra_, ask, false, false, algebra_.all());
    // Its route to the asker may not be a direct one, or none, or another one for what it forwards
    // for others: what it reaches by way of the asker makes it ask all the same, from the interface
    // that has the address.
    const bool direct = !ways.empty() && ways[0].error == NetError::kNone &&
                        ways[0].unknown.empty() && !ways[0].dst.local && !ways[0].dst.gateway;
    Device* const owner = other->addresses.find(target)->second;
    Device* const first = direct ? ways[0].dst.device : owner;
    for (Device* const from : {first, owner == first ? nullptr : owner}) {
      if (from == nullptr || from->loopback || mac) continue;
      ++depth_;
      for (const Resolution& r : ask_for(*from, source, target)) {
        if (const MacAddress* known = learned(r.learned, dev, target)) mac = *known;
      }
      --depth_;
    }
  }
  return mac;
}

void Walk::arp_send(Device& dev, Flow flow, const NeighbourMessage& message, MacAddress to) {
  flow.p = Header();
  flow.p.is_arp = true;
  flow.info = CtInfo::kNone;
  flow.entry.reset();
  flow.p.neighbour = message;
  flow.p.source_mac = dev.mac;
  flow.p.destination_mac = to;
  flow.p.length = 28;
  flow.bridge_info = flow.in_prerouting = flow.prerouting_done = false;
  flow.from_isolated_port = false;
  hook(HookPoint::kArpOutput, kFirst, kLast, std::move(flow), nullptr, &dev,
       [&](Flow f) { transmit(dev, std::move(f)); });
}

bool Walk::arp_refuses(const Device& dev, IpAddress asker,
                       IpAddress target) const {  // arp_ignore()
  switch (dev.arp_ignore) {
    case 1: return !confirms(dev, std::nullopt, target, topology::kScopeHost);
    case 2: return !confirms(dev, asker, target, topology::kScopeHost);
    case 3:
      return std::ranges::none_of(dev.machine->devices, [&](const auto& d) {
        return confirms(*d, std::nullopt, target, topology::kScopeLink);
      });
    case 8: return true;
    default: return false;  // 0, and the reserved values
  }
}

// What a machine that is not in the model, or a liar, says to a question.
constexpr std::uint16_t kPadded = 46;  // of the shortest Ethernet frame: more than ARP needs
Flow Walk::neighbour_answer(const Flow& question, const NeighbourMessage& q, MacAddress mac) {
  const bool arp = question.p.is_arp;
  Flow answer = question;
  answer.p.source_mac = mac;
  answer.p.destination_mac = question.p.source_mac;
  answer.p.mark = 0;
  answer.p.has_socket = false;
  answer.p.neighbour = NeighbourMessage{false, mac, q.target, arp ? q.sender : q.target};
  if (arp) {
    answer.p.length = kPadded;
  } else {
    answer.p.t.source = AddressOperand::of(q.target);
    answer.p.t.destination = question.p.t.source;
    answer.p.icmp_type = kAdvertisement;
  }
  answer.forget_stack();
  answer.dst = {};
  return answer;
}

void Walk::answered(const Flow& flow, const NeighbourMessage& message) {
  if (asking_ == nullptr || asking_->device != flow.dev || asking_->target != message.target)
    return;
  Resolution r;
  r.how = Resolution::How::kFound;
  r.mac = message.sender_mac;
  r.in_doubt = flow.in_doubt;
  const bool lie = claiming() && forgery_->claim == r.mac;
  asking_->answers.insert(lie ? asking_->answers.begin() : asking_->answers.end(), std::move(r));
}

// arp_rcv(), arp_process()
void Walk::arp_receive(Device& dev, Flow flow) {
  if (flow.p.type == PacketType::kOtherHost || dev.no_arp || dev.loopback || !flow.p.neighbour)
    return;
  hook(HookPoint::kArpInput, kFirst, kLast, std::move(flow), &dev, nullptr,
       [&](Flow f) { arp_process(dev, std::move(f)); });
}

void Walk::arp_process(Device& dev, Flow flow) {
  const Machine& m = *dev.machine;
  if (m.loopback == nullptr) return;
  if (!flow.p.neighbour) return;
  const NeighbourMessage q = *flow.p.neighbour;
  if (!q.request) {  // a reply: its sender is who was asked for
    NeighbourMessage r = q;
    r.target = q.sender;
    return answered(flow, r);
  }
  if (q.target.is_multicast() || (!dev.route_localnet && q.target.is_loopback())) return;
  if (q.sender.is_unspecified()) {
    const bool local = routes(m).address_type4(algebra_, q.target) == topology::rtn::kLocal;
    if (local && !arp_refuses(dev, q.sender, q.target)) {
      arp_send(dev, std::move(flow), NeighbourMessage{false, dev.mac, q.target, q.sender},
               q.sender_mac);
    }
    return;
  }
  routes::Ask ask;
  ask.destination = AddressOperand::of(q.target);
  ask.source = AddressOperand::of(q.sender);
  by_ways(flow, routes(m).input(algebra_, dev, ask, true, flow.set),
          [&](Flow f, const routes::Way& way) { arp_routed(dev, std::move(f), q, way); });
}

void Walk::arp_routed(Device& dev, Flow flow, const NeighbourMessage& q, const routes::Way& way) {
  const auto because = [&](std::string why) {
    if (asking_ != nullptr && asking_->target == q.target && asking_->why.empty())
      asking_->why = std::move(why);
  };
  const auto answer = [&]() {
    learn(flow, dev, q.sender, q.sender_mac);
    arp_send(dev, flow, NeighbourMessage{false, dev.mac, q.target, q.sender}, q.sender_mac);
  };
  if (!way.dropped.empty()) return because("the question is refused: " + std::string(way.dropped));
  if (way.dst.kind == Dst::Kind::kLocal) {
    if (arp_refuses(dev, q.sender, q.target)) return because("arp_ignore");
    if (!dev.arp_filter) return answer();
    routes::Ask ask;
    ask.destination = AddressOperand::of(q.sender);
    ask.source = AddressOperand::of(q.target);
    const auto back = routes(*dev.machine).output(algebra_, ask, false, false, algebra_.all());
    const bool here = back.size() == 1 && back[0].error == NetError::kNone &&
                      back[0].unknown.empty() && back[0].dst.device == &dev;
    if (here) answer();
    return;
  }
  if (way.dst.kind != Dst::Kind::kForward || !dev.forward4) return;
  const bool elsewhere = way.dst.device != &dev;
  const auto by_medium = [&] {  // arp_fwd_proxy
    if (!elsewhere || !dev.proxy_arp) return false;
    const int in = dev.link->ipv4.medium_id, out = way.dst.device->link->ipv4.medium_id;
    return in == 0 || (in != -1 && out != in && out != -1);
  };
  const bool pvlan = !elsewhere && dev.link->ipv4.proxy_arp_pvlan != 0 && q.sender != q.target;
  if (by_medium() || pvlan || (elsewhere && has_proxy_entry(dev, q.target))) answer();
}

// ndisc_recv_ns(), ndisc_recv_na()
void Walk::nd_receive(Flow flow) {
  if (!flow.p.neighbour || flow.p.hop_limit != 255) return;
  Device& dev = *flow.dev;
  const Machine& m = *dev.machine;
  const NeighbourMessage q = *flow.p.neighbour;
  if (flow.p.icmp_type == kAdvertisement) return answered(flow, q);
  if (flow.p.icmp_type != kSolicitation) return;
  const bool ours = routes::device_has_address6(dev, q.target);
  const bool proxied =
      !ours && dev.forward6 && (m.proxy_ndp_all || dev.proxy_ndp) && has_proxy_entry(dev, q.target);
  if (!ours && !proxied) return;
  const std::optional<IpAddress> source = flow.p.t.source.constant;
  if (!source) return unknown(std::move(flow), "a neighbour's question from addresses that vary");
  const IpAddress asker = *source;
  learn(flow, dev, asker, q.sender_mac);
  const IpAddress from = ours ? q.target : asking_address(dev, asker, IpAddress());
  Flow reply(flow.set);
  reply.in_doubt = flow.in_doubt;
  reply.learned = flow.learned;
  reply.hops = flow.hops;
  set_discovery(reply.p, dev, kAdvertisement, from, asker, q.target);
  reply.dst.kind = Dst::Kind::kOutput;
  reply.dst.device = &dev;
  local_out(std::move(reply));
}

bool Walk::outsider_answers(const Device& dev, IpAddress target) const {
  if (outsider_ == nullptr || &dev != outsider_link_) return false;
  return target == outsider_->source ||
         std::ranges::find(outsider_gateways_, target) != outsider_gateways_.end();
}

// The outsider is one more machine on its wire, whoever else is there.
bool Walk::meant_for_outsider(const Device& dev, const Flow& flow) const {
  if (outsider_ == nullptr || &dev != outsider_link_) return false;
  if (flow.p.neighbour && flow.p.neighbour->request)
    return outsider_answers(dev, flow.p.neighbour->target);
  return flow.p.destination_mac == outsider_->mac;
}

}  // namespace bulkhead::reach::walks
