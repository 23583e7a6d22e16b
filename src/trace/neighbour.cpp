// ARP and neighbour discovery, as frames that pass every hook which frames pass (net/ipv4/arp.c,
// net/ipv6/ndisc.c, net/core/neighbour.c).
//
// A question runs to its end in a queue of its own. Its outcome depends on who asks for whom in
// whose name, not on the connection, and is remembered in the World.
#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "trace/run.h"

namespace bulkhead::trace {
namespace {

constexpr std::uint16_t kRequest = 1, kReply = 2;
constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr unsigned kMostNested = 3;
constexpr std::size_t kMostLearned = 256, kMostRemembered = 200'000;

// confirm_addr_indev() for a given local address.
bool confirms(const Device& dev, std::optional<IpAddress> peer, IpAddress local,
              std::uint8_t scope) {
  bool found = false, same = false;
  for (const model::Address* a : dev.addresses4) {
    const std::uint8_t own =
        std::min<std::uint8_t>(a->scope, dev.route_localnet ? kScopeLink : kScopeHost);
    if (!found && a->local == local && own <= scope) {
      found = true;
      if (same) break;
    }
    if (!same) {
      same = topology::on_network(*a, local) && (!peer || topology::on_network(*a, *peer));
      if (same && found) break;
    }
  }
  return same && found;
}

const model::Neighbour* proxy_entry(const Device& dev, IpAddress target) {
  for (const model::Neighbour* n : dev.neighbours) {
    if ((n->flags & topology::kProxy) != 0 && n->address == target) return n;
  }
  return nullptr;
}

// arp_constructor(), ndisc_constructor() where nobody is asked. A veth has its peer's, so that the
// frame arrives.
MacAddress unasked_mac(const Device& dev) {
  if (dev.peer != nullptr) return dev.peer->mac;
  return dev.kind == topology::DeviceKind::kIpvlan ? dev.mac : MacAddress::broadcast();
}

Skb nd_message(Device& dev, std::uint8_t type, IpAddress from, IpAddress to, IpAddress target) {
  Skb skb;
  skb.p.ether_type = EtherType::kIpv6;
  skb.p.source = from;
  skb.p.destination = to;
  skb.p.protocol = IpProtocol::kIcmpV6;
  skb.p.icmp_type = type;
  skb.p.tcp_flags = 0;
  skb.p.hop_limit = 255;
  skb.p.length = 72;
  skb.p.arp = Arp{type == kSolicitation ? kRequest : kReply, dev.mac, {}, from, target};
  skb.dst.kind = Dst::Kind::kOutput;
  skb.dst.device = &dev;
  return skb;
}

}  // namespace

void Run::learn(const Device& dev, IpAddress address, MacAddress mac) {
  if (forgery_ != nullptr && forgery_->claiming && asking_ != nullptr && asking_->device == &dev &&
      asking_->target == address)
    forgery_->insinuated = forgery_->insinuated || believes(mac);
  if (learned(dev, address) != nullptr || scratch_.learned.size() >= kMostLearned) return;
  scratch_.learned.push_back({&dev, address, mac});
}

const MacAddress* Run::learned(const Device& dev, IpAddress address) const {
  for (const LearnedNeighbour& n : scratch_.learned) {
    if (n.device == &dev && n.address == address) return &n.mac;
  }
  return nullptr;
}

void Run::neighbour_output(Device& dev, Skb& skb, IpAddress next_hop) {
  skb.p.source_mac = dev.mac;
  if (dev.loopback) {
    skb.p.source_mac = skb.p.destination_mac = MacAddress();
    transmit(dev, skb);
    return;
  }
  if (next_hop.is_multicast()) {
    skb.p.destination_mac = MacAddress::of_group(next_hop);
    transmit(dev, skb);
    return;
  }
  if (dev.no_arp || dev.point_to_point) {
    skb.p.destination_mac = unasked_mac(dev);
    transmit(dev, skb);
    return;
  }
  const Way way = resolve(dev, next_hop, skb);
  if (stopped_) return;
  switch (way.how) {
    case Resolution::kFound:
      skb.p.destination_mac = way.mac;
      transmit(dev, skb);
      return;
    case Resolution::kOutside: leave_model(skb, *way.asked->exit, next_hop); return;
    case Resolution::kFailed: break;
  }
  const std::string why = way.asked != nullptr ? way.asked->why : std::string();
  if (way.asked != nullptr) {
    for (const RuleRef& rule : way.asked->rules) decided(skb, rule);
  }
  lost(skb, "no neighbour answers for ",
       next_hop.to_string() + " on " + dev.name() + (why.empty() ? "" : " (" + why + ")"));
  if (skb.dst.kind == Dst::Kind::kOutput) skb.dst.local = false;
  const bool v4 = skb.p.source.is_v4();
  icmp_error(skb, v4 ? 3 : 1, v4 ? 1 : 3);
}

// arp_solicit(), ndisc_solicit(): in whose name is asked. Unspecified: nobody's (no question is
// sent).
IpAddress Run::asking_address(Device& dev, IpAddress target, const Skb& cause) const {
  const Machine& m = *dev.machine;
  const IpAddress own = cause.p.source;
  if (target.is_v6()) {
    if (own.is_v6() && device_has_address6(dev, own)) return own;
    for (const model::Address* a : dev.addresses6) {
      if (a->local.is_link_local() && (a->flags & kAddressTentative) == 0) return a->local;
    }
    return IpAddress::any(IpFamily::kV6);
  }
  if (own.is_v4() && dev.arp_announce < 2 &&
      (m.has_address(own) || address_type4(world_.stack(m), own, nullptr) == rtn::kLocal)) {
    const bool onlink = std::ranges::any_of(dev.addresses4, [&](const model::Address* a) {
      return topology::on_network(*a, target) && topology::on_network(*a, own);
    });
    if (dev.arp_announce == 0 || onlink) return own;
  }
  return select_address4(m, &dev, target, kScopeLink).value_or(IpAddress());
}

// What a machine remembers of its neighbours is its own: a source that is alike may remember, or be
// remembered, otherwise than as it would be told now.
bool Run::rests_on_memory(const Device& dev, IpAddress target, const Resolved& asked,
                          const Skb& cause) const {
  if (question_.reads == nullptr || client_ == nullptr || !cause.ours ||
      asked.how == Resolution::kOutside)
    return false;
  const bool found = asked.how == Resolution::kFound;
  if (dev.machine == client_ &&
      world_.others_remember(*client_, target, found ? std::optional(asked.mac) : std::nullopt))
    return true;
  if (!question_.reads->follows(target)) return false;
  // One that is alike would be told of as this one is: by whoever has the address, or not at all.
  if (found && world_.ground->has_at(target, asked.mac))
    return world_.ground->misremembering.contains(&dev);
  return std::ranges::any_of(dev.neighbours, [](const auto* n) { return is_remembered(*n); });
}

Run::Way Run::resolve(Device& dev, IpAddress target, const Skb& cause) {
  if (const auto mac = claimed(dev, target, cause)) return {Resolution::kFound, *mac, nullptr};
  if (const MacAddress* mac = learned(dev, target)) return {Resolution::kFound, *mac, nullptr};
  std::optional<MacAddress> cached;
  for (const model::Neighbour* n : dev.neighbours) {
    if (n->address != target || !n->mac || (n->flags & topology::kProxy) != 0) continue;
    if ((n->state & (model::nud::kPermanent | model::nud::kNoArp)) != 0)
      return {Resolution::kFound, *n->mac, nullptr};
    if (is_remembered(*n)) cached = n->mac;
  }
  const Resolved& r = ask_for(dev, target, asking_address(dev, target, cause));
  const Way way{r.how, r.mac, &r};
  if (r.how == Resolution::kFailed && !r.unknown.empty()) stop_unknown(r.unknown);
  if (stopped_) return way;
  if (rests_on_memory(dev, target, r, cause)) unclear_source(cause);
  if (!cached) {
    // As things stand it is not known: that is the first of the two ways.
    if (r.how == Resolution::kFailed && r.if_it_asks && cause.ours &&
        !choices_.pick("neighbour " + target.to_string() + std::string(kAskedFirst))) {
      return {Resolution::kFound, *r.if_it_asks, &r};
    }
    return way;
  }
  // The kernel uses what it remembers and asks again only later. Where the two agree all is well.
  if (r.how == Resolution::kOutside || (r.how == Resolution::kFound && r.mac == *cached))
    return way;
  unclear_source(cause);
  if (choices_.pick("neighbour " + target.to_string() +
                    " is remembered, but would not be found again")) {
    return {Resolution::kFound, *cached, &r};
  }
  return way;
}

const Resolved& Run::ask_for(Device& dev, IpAddress target, IpAddress source) {
  const NeighbourKey key{&dev, target, source};
  const bool shared =
      !outsider_may_answer(target) && !claiming();  // else the answer holds for this question alone
  if (!explain_ && shared) {
    const Resolved* found = nullptr;
    {
      const std::shared_lock guard(world_.lock);
      const auto at = world_.memory.find(key);
      if (at != world_.memory.end()) found = at->second.get();
    }
    if (found != nullptr && (outsider_ == nullptr || found->exit == nullptr)) {
      for (const LearnedNeighbour& n : found->learned) learn(*n.device, n.address, n.mac);
      return *found;
    }
  }
  Resolved r;
  if (depth_ >= kMostNested) {
    r.why = "questions for neighbours nest too deeply";
    return *scratch_.held.emplace_back(std::make_unique<const Resolved>(std::move(r)));
  }
  const std::size_t choices_before = choices_.reasons().size();
  const std::size_t learned_before = scratch_.learned.size();
  Asking asking;
  asking.device = &dev;
  asking.target = target;
  Asking* const outer = std::exchange(asking_, &asking);
  ++depth_;
  const std::size_t from = scratch_.queue.size();
  if (target.is_v4()) {
    arp_send(dev, Arp{kRequest, dev.mac, {}, source, target}, MacAddress::broadcast());
  } else if (!source.is_unspecified()) {
    Skb skb = nd_message(dev, kSolicitation, source, target.solicited_node(), target);
    ip_local_out(skb);
  } else {
    asking.why = "no link-local address to ask with";
  }
  run_queue(from);
  --depth_;
  asking_ = outer;
  r.exit = asking.exit;
  r.why = asking.why;
  r.rules = asking.rules;
  if (asking.answered) {
    r.how = Resolution::kFound;
    r.mac = asking.mac;
    learn(dev, target, asking.mac);
  } else if (!asking.unknown.empty()) {
    r.unknown = std::move(asking.unknown);
  } else if (asking.exit != nullptr) {
    r.how = Resolution::kOutside;
  } else if (!stopped_ && depth_ == 0) {
    r.if_it_asks = known_by_its_question(dev, target, source);
  }
  for (std::size_t i = learned_before; i < scratch_.learned.size(); ++i) {
    r.learned.push_back(scratch_.learned[i]);
  }
  // A failure within another question is not looked into (known_by_its_question), so it must not
  // stand for one that is: the answer would depend on what was asked before.
  const bool whole = r.how != Resolution::kFailed || depth_ == 0;
  const bool plain = shared && whole && choices_.reasons().size() == choices_before && !stopped_ &&
                     (outsider_ == nullptr || r.exit == nullptr);
  if (plain) {
    const std::unique_lock guard(world_.lock);
    if (world_.memory.size() < kMostRemembered) {
      return *world_.memory.try_emplace(key, std::make_unique<const Resolved>(std::move(r)))
                  .first->second;
    }
  }
  return *scratch_.held.emplace_back(std::make_unique<const Resolved>(std::move(r)));
}

// Who is asked remembers the asker (neigh_event_ns, ndisc_recv_ns). So a neighbour that will not
// answer, by a rule or its reverse path filter, may still be known, if it had a reason to ask
// before.
std::optional<MacAddress> Run::known_by_its_question(Device& dev, IpAddress target,
                                                     IpAddress source) {
  if (source.is_unspecified()) return std::nullopt;
  std::optional<MacAddress> mac;
  const std::size_t before = scratch_.learned.size();
  for (Device* const owner : world_.owners_of(target)) {
    const Machine* const other = owner->machine;
    if (other == dev.machine || other->loopback == nullptr) continue;
    Flow flow;
    flow.destination = source;
    flow.source = target;
    const Output o = target.is_v4() ? route_output4(world_.stack(*other), flow, false, nullptr)
                                    : route_output6(world_.stack(*other), flow, false, nullptr);
    // Its route to the asker may not be a direct one, or none, or another one for what it forwards
    // for others: what it reaches by way of the asker makes it ask all the same, from the interface
    // that has the address.
    const bool direct = o.error == NetError::kNone && !o.dst.local && !o.dst.gateway;
    Device* const first = direct ? o.dst.device : owner;
    for (Device* const from : {first, owner == first ? nullptr : owner}) {
      if (from == nullptr || from->loopback || mac) continue;
      ++depth_;
      static_cast<void>(ask_for(*from, source, target));
      --depth_;
      if (const MacAddress* found = learned(dev, target)) mac = *found;
    }
  }
  scratch_.learned.resize(before);
  return mac;
}

void Run::arp_send(Device& dev, const Arp& arp, MacAddress to) {
  Skb skb;
  skb.p.ether_type = EtherType::kArp;
  skb.p.arp = arp;
  skb.p.source_mac = dev.mac;
  skb.p.destination_mac = to;
  skb.p.length = 28;
  if (!hook(FilterPoint::kArpOutput, kFirst, kLast, skb, nullptr, &dev)) return;
  transmit(dev, skb);
}

// What a machine that is not in the model, or a liar, says to a question.
Skb Run::neighbour_answer(const Packet& question, const Arp& q, MacAddress mac) {
  Skb answer;
  answer.p.source_mac = mac;
  answer.p.destination_mac = question.source_mac;
  answer.p.ether_type = question.ether_type;
  if (question.ether_type == EtherType::kIpv6) {
    answer.p = question;
    answer.p.source_mac = mac;
    answer.p.destination_mac = question.source_mac;
    answer.p.source = q.target_ip;
    answer.p.destination = question.source;
    answer.p.icmp_type = kAdvertisement;
    answer.p.mark = 0;
    answer.p.arp = Arp{kReply, mac, question.source_mac, q.target_ip, q.target_ip};
  } else {
    answer.p.arp = Arp{kReply, mac, q.sender_mac, q.target_ip, q.sender_ip};
  }
  answer.p.has_socket = false;
  return answer;
}

// arp_ignore()
bool Run::arp_refuses(const Device& dev, IpAddress asker, IpAddress target) const {
  const auto anywhere = [&](std::uint8_t scope) {
    return std::ranges::any_of(dev.machine->devices, [&](const auto& d) {
      return confirms(*d, std::nullopt, target, scope);
    });
  };
  switch (dev.arp_ignore) {
    case 1: return !confirms(dev, std::nullopt, target, kScopeHost);
    case 2: return !confirms(dev, asker, target, kScopeHost);
    case 3: return !anywhere(kScopeLink);
    case 8: return true;
    default: return false;  // 0, and the reserved values
  }
}

// Most of those who hear a question have nothing to do with the address: seen without a route.
bool Run::may_answer(const Device& dev, IpAddress target) const {
  const Stack& stack = world_.stack(*dev.machine);
  const bool for_others = dev.forward4 && (dev.proxy_arp || dev.link->ipv4.proxy_arp_pvlan != 0 ||
                                           proxy_entry(dev, target) != nullptr);
  return for_others || stack.fib4().custom_rules() ||
         address_type4(stack, target, nullptr) == rtn::kLocal;
}

// arp_rcv(), arp_process()
void Run::arp_receive(Device& dev, Skb& skb) {
  if (skb.p.type == PacketType::kOtherHost || dev.no_arp || dev.loopback || !skb.p.arp) return;
  if (!hook(FilterPoint::kArpInput, kFirst, kLast, skb, &dev, nullptr)) return;
  const Arp arp = *skb.p.arp;
  Machine& m = *dev.machine;
  if (arp.operation == kReply) {
    if (asking_ != nullptr && asking_->device == &dev && asking_->target == arp.sender_ip &&
        (!asking_->answered || believes(arp.sender_mac))) {
      asking_->answered = true;
      asking_->mac = arp.sender_mac;
    }
    return;
  }
  const IpAddress sip = arp.sender_ip, tip = arp.target_ip;
  if (tip.is_multicast() || (!dev.route_localnet && tip.is_loopback())) return;
  if (!may_answer(dev, tip)) return;
  const auto answer = [&](bool remember) {
    if (remember) learn(dev, sip, arp.sender_mac);
    arp_send(dev, Arp{kReply, dev.mac, arp.sender_mac, tip, sip}, arp.sender_mac);
  };
  if (sip.is_unspecified()) {
    if (address_type4(world_.stack(m), tip, nullptr) == rtn::kLocal && !arp_refuses(dev, sip, tip))
      answer(false);
    return;
  }
  Dst dst;
  std::string_view why;
  if (!route_input4(world_.stack(m), dev, skb.p, true, tip, sip, &choices_, dst, why)) {
    if (asking_ != nullptr && asking_->target == tip && asking_->why.empty()) {
      asking_->why = "the question is refused: " + std::string(why);
    }
    return;
  }
  if (dst.kind == Dst::Kind::kLocal) {
    if (arp_refuses(dev, sip, tip)) {
      if (asking_ != nullptr && asking_->why.empty()) asking_->why = "arp_ignore";
      return;
    }
    if (dev.arp_filter) {
      Flow flow;
      flow.destination = sip;
      flow.source = tip;
      const Output o = route_output4(world_.stack(m), flow, false, &choices_);
      if (o.error != NetError::kNone || o.dst.device != &dev) return;
    }
    answer(true);
    return;
  }
  if (dst.kind != Dst::Kind::kForward || !dev.forward4) return;
  const bool elsewhere = dst.device != &dev;
  const bool medium = [&] {  // arp_fwd_proxy
    if (!elsewhere || !dev.proxy_arp) return false;
    const int in = dev.link->ipv4.medium_id, out = dst.device->link->ipv4.medium_id;
    if (in == 0) return true;
    return in != -1 && out != in && out != -1;
  }();
  const bool pvlan = !elsewhere && dev.link->ipv4.proxy_arp_pvlan != 0 && sip != tip;
  if (medium || pvlan || (elsewhere && proxy_entry(dev, tip) != nullptr)) answer(true);
}

// ndisc_recv_ns(), ndisc_recv_na()
void Run::nd_receive(Skb& skb) {
  if (!skb.p.arp || skb.p.hop_limit != 255) return;
  Device& dev = *skb.dev;
  const Machine& m = *dev.machine;
  const Arp nd = *skb.p.arp;
  const IpAddress target = nd.target_ip;
  if (skb.p.icmp_type == kAdvertisement) {
    if (asking_ != nullptr && asking_->device == &dev && asking_->target == target &&
        (!asking_->answered || believes(nd.sender_mac))) {
      asking_->answered = true;
      asking_->mac = nd.sender_mac;
    }
    return;
  }
  if (skb.p.icmp_type != kSolicitation) return;
  const bool ours = device_has_address6(dev, target);
  const bool proxied = !ours && dev.forward6 && (m.proxy_ndp_all || dev.proxy_ndp) &&
                       proxy_entry(dev, target) != nullptr;
  if (!ours && !proxied) return;
  learn(dev, skb.p.source, nd.sender_mac);
  Skb reply =
      nd_message(dev, kAdvertisement, ours ? target : asking_address(dev, skb.p.source, Skb()),
                 skb.p.source, target);
  ip_local_out(reply);
}

// Its own address, and that of a router of the namespace on its way to it.
bool Run::outsider_may_answer(IpAddress target) const {
  if (outsider_ == nullptr) return false;
  if (target == outsider_->source) return true;
  const Device& link = *outsider_link_;
  return std::ranges::any_of(link.machine->ns->routes, [&](const model::Route& route) {
    return std::ranges::any_of(route.next_hops, [&](const model::NextHop& hop) {
      return hop.gateway == target && route.destination.contains(outsider_->source) &&
             (hop.link == link.index() ||
              (link.bridge != nullptr && hop.link == link.bridge->index()));
    });
  });
}

bool Run::outsider_answers(const Device& dev, IpAddress target) const {
  return &dev == outsider_link_ && outsider_may_answer(target);
}

// The outsider is one more machine on its wire, whoever else is there: a link may lead to a
// namespace of the model and still be somebody's LAN.
bool Run::meant_for_outsider(const Device& dev, const Skb& skb) const {
  if (outsider_ == nullptr || &dev != outsider_link_) return false;
  const Packet& p = skb.p;
  if (p.arp && p.arp->operation == 1) return outsider_answers(dev, p.arp->target_ip);
  return p.destination_mac == outsider_->mac;
}

}  // namespace bulkhead::trace
