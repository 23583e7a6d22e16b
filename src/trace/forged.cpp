// An attacker on a wire: AF_PACKET sends past every rule of its own machine and hears every frame
// before them (net/packet/af_packet.c, PACKET_QDISC_BYPASS; net/core/dev.c ptype_all).
#include <algorithm>
#include <iterator>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "trace/run.h"

namespace bulkhead::trace {
namespace {

// An ARP request or a neighbour solicitation in the name of `as`.
Skb question_of(MacAddress mac, IpAddress as, IpAddress target) {
  Skb skb;
  skb.p.source_mac = mac;
  skb.p.arp = Arp{1, mac, {}, as, target};
  if (target.is_v4()) {
    skb.p.ether_type = EtherType::kArp;
    skb.p.destination_mac = MacAddress::broadcast();
    skb.p.length = 28;
    return skb;
  }
  skb.p.ether_type = EtherType::kIpv6;
  skb.p.source = as;
  skb.p.destination = target.solicited_node();
  skb.p.destination_mac = MacAddress::of_group(skb.p.destination);
  skb.p.protocol = IpProtocol::kIcmpV6;
  skb.p.icmp_type = 135;
  skb.p.tcp_flags = 0;
  skb.p.hop_limit = 255;
  skb.p.length = 72;
  return skb;
}

}  // namespace

const ForgerWires& WorldState::forger_wires(Device& link, bool outside) const {
  auto& known = forgers[outside ? 1 : 0];
  {
    const std::shared_lock guard(lock);
    const auto at = known.find(&link);
    if (at != known.end()) return at->second;
  }
  ForgerWires out;
  for (Device* d : topology::sending_devices(link, outside)) {
    out.segments.push_back(d->segment);
    const topology::Wires wires = topology::wires(*d, outside);
    std::ranges::copy(wires.entrances, std::back_inserter(out.entrances));
    std::ranges::copy(wires.tunnels, std::back_inserter(out.tunnels));
  }
  const std::unique_lock guard(lock);
  return known.try_emplace(&link, std::move(out)).first->second;
}

void Run::start_forged(const ForgedOrigin& origin) {
  Machine* m = world_.topology.machine(origin.ns);
  Device* link = m != nullptr ? m->device(origin.link) : nullptr;
  if (link == nullptr) return stop_unknown("the link of the vantage is not in the snapshot");
  if (origin.source.family() != server_address_.family())
    return local_error(NetError::kInvalid, "the source is of another address family");
  if (!link->up) return local_error(NetError::kNoDevice, "the attacker's interface is down");
  answer_.seen.add_any();
  forgery_ = std::make_unique<Forgery>(origin, *link, world_.forger_wires(*link, origin.outside));
  Skb skb = packet_from(origin.source);
  skb.p.tagged = origin.tagged;
  skb.p.source_mac = origin.mac;
  skb.p.destination_mac = origin.to;
  if (origin.outside) return enqueue(*link, skb);
  put_on_wire(*link, skb);
}

// True when the frame is the attacker's: it leaves by the wire on which an outside attacker sits,
// or arrives at an interface of an inside attacker.
bool Run::forger_takes(Device& dev, Skb& skb, bool leaving) {
  if (forgery_->origin->outside != leaving) return false;
  const bool here =
      leaving ? &dev == forgery_->link : dev.machine == forgery_->link->machine && !dev.loopback;
  if (!here) return false;
  const MacAddress own = leaving ? topology::kOutsiderMac : dev.mac;
  if (skb.p.arp) {
    if (skb.p.arp->operation != 1 || !claiming()) return false;
    forgery_->claim = own;
    Skb answer = neighbour_answer(skb.p, *skb.p.arp, own);
    if (leaving)
      enqueue(dev, answer);
    else
      put_on_wire(dev, answer);
    return false;  // others may hear the question as well
  }
  if (!skb.ours || (leaving && skb.p.destination_mac != own)) return false;
  if (skb.leg == Leg::kReply)
    client_hears(skb, dev.name());
  else
    lost(skb, "it comes back to its sender");
  return true;
}

// The lie is told first and most often: it replaces what the asker has learned, not what was set by
// hand.
std::optional<MacAddress> Run::claimed(Device& dev, IpAddress target, const Skb& cause) {
  if (!forgery_ || claiming() || !cause.ours || cause.leg != Leg::kReply) return std::nullopt;
  if (std::ranges::find(forgery_->wires->segments, dev.segment) == forgery_->wires->segments.end())
    return std::nullopt;  // the question is not heard there, nor would a lie be
  const bool fixed = std::ranges::any_of(dev.neighbours, [&](const model::Neighbour* n) {
    return n->address == target && (n->state & (model::nud::kPermanent | model::nud::kNoArp)) != 0;
  });
  if (fixed) return std::nullopt;
  forgery_->claiming = true;
  forgery_->insinuated = false;
  forgery_->claim.reset();
  const Resolved& r = ask_for(dev, target, asking_address(dev, target, cause));
  const bool believed = r.how == Resolution::kFound && forgery_->claim == r.mac;
  if (!believed) insinuate(dev, target);
  forgery_->claiming = false;
  return believed || forgery_->insinuated ? forgery_->claim : std::nullopt;
}

// Asks in the name of `target`, so that `dev`'s machine learns from the question (arp_process(),
// ndisc_recv_ns()).
void Run::insinuate(Device& dev, IpAddress target) {
  const auto& own = target.is_v4() ? dev.addresses4 : dev.addresses6;
  if (own.empty()) return;
  Asking asking;
  asking.device = &dev;
  asking.target = target;
  Asking* const outer = std::exchange(asking_, &asking);
  const std::size_t from = scratch_.queue.size();
  forgery_->insinuated = false;
  for (Device* d : topology::sending_devices(*forgery_->link, forgery_->origin->outside)) {
    const MacAddress claim = forgery_->origin->outside ? topology::kOutsiderMac : d->mac;
    forgery_->claim = claim;
    Skb skb = question_of(claim, target, own.front()->local);
    if (forgery_->origin->outside)
      enqueue(*d, skb);
    else
      put_on_wire(*d, skb);
    run_queue(from);
    if (forgery_->insinuated || stopped_) break;
  }
  asking_ = outer;
}

// Who has to get a packet, or has just sent it on, cannot be posed as at the same time. The frame
// that comes in at the attacker's door is its own; what routers made of it may come in there too.
void Run::note_passage(const Device& port, const Skb& skb) {
  if (!skb.ours || skb.leg != Leg::kRequest) return;
  forgery_->passed.push_back(skb.p.destination_mac);
  const bool own =
      skb.p.source_mac == forgery_->origin->mac &&
      std::ranges::find(forgery_->wires->entrances, &port) != forgery_->wires->entrances.end();
  if (!own) forgery_->passed.push_back(skb.p.source_mac);
}

// Where rules stand at the door it is not known what gets in beside the packet itself, which
// carried its own MAC in.
Run::Draws Run::draws(const Device& bridge, const Skb& skb, Device*& to) const {
  if (!skb.ours || skb.leg != Leg::kReply) return Draws::kNo;
  const auto at = std::ranges::find_if(forgery_->wires->entrances,
                                       [&](const Device* p) { return p->bridge == &bridge; });
  if (at == forgery_->wires->entrances.end() || *at == to) return Draws::kNo;
  if (std::ranges::find(forgery_->passed, skb.p.destination_mac) != forgery_->passed.end())
    return Draws::kNo;
  const model::BridgePort& port = (*at)->link->port.value_or(model::BridgePort{});
  const MacAddress mac = skb.p.destination_mac;
  if (!port.learning || !topology::can_be_drawn_away(bridge, mac)) return Draws::kNo;
  if (skb.from_isolated_port && port.isolated) return Draws::kNo;
  const Stack& stack = world_.stack(*bridge.machine);
  const Stack::DeviceChains& chains = world_.chains_on(**at);
  const bool guarded = chains.ingress || chains.inet_ingress ||
                       at != forgery_->wires->entrances.begin() ||
                       stack.chains[static_cast<std::size_t>(FilterPoint::kBridgePrerouting)];
  if (guarded && forgery_->origin->mac != mac) return Draws::kUnknown;
  to = *at;
  return Draws::kYes;
}

bool Run::believes(MacAddress sender) const {
  return claiming() && forgery_->claim == sender;
}

}  // namespace bulkhead::trace
