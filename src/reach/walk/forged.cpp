// An attacker on a wire: AF_PACKET sends past every rule of its own machine and hears every frame
// before them (net/packet/af_packet.c, PACKET_QDISC_BYPASS; net/core/dev.c ptype_all).
//
// Of what it sends only what is accepted counts, so refusals end the walk where they are made.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

// An ARP request or a neighbour solicitation in the name of `as`.
Header question_of(MacAddress mac, IpAddress as, IpAddress target) {
  Header p;
  p.source_mac = mac;
  p.neighbour = NeighbourMessage{true, mac, as, target};
  if (target.is_v4()) {
    p.is_arp = true;
    p.destination_mac = MacAddress::broadcast();
    p.length = 28;
    return p;
  }
  const IpAddress group = target.solicited_node();
  p.t = Tuple{AddressOperand::of(as), AddressOperand::of(group), {}, {}, IpProtocol::kIcmpV6};
  p.destination_mac = MacAddress::of_group(group);
  p.icmp_type = 135;
  p.hop_limit = 255;
  p.length = 72;
  return p;
}

// To an ipvlan comes what is for its own addresses, so whether it hears a question depends on them.
bool on_ipvlan(const Machine& m) {
  return std::ranges::any_of(m.devices,
                             [](const auto& d) { return d->kind == DeviceKind::kIpvlan; });
}

}  // namespace

void Walk::start(const ForgedRequest& request) {
  const Machine* m = topology_.machine(request.ns);
  Device* link = m != nullptr ? m->device(request.link) : nullptr;
  Flow flow(asked_set(request.protocol, request.asked));
  flow.ours = true;
  if (link == nullptr)
    return unknown(std::move(flow), "the link of the vantage is not in the snapshot");
  const AddressOperand source = AddressOperand::in(Quantity::kSource);
  const NumberOperand source_port = NumberOperand::in(Quantity::kSourcePort);
  const auto only = [&](const packet::PacketSet& set) { flow.set = algebra_.both(flow.set, set); };
  if (request.source) only(algebra_.where(source, *request.source));
  if (request.source_port)
    only(algebra_.where(source_port, packet::IntervalSet::single(request.source_port->number)));
  if (request.asked.to)
    flow.set = algebra_.without(flow.set, algebra_.where(source, *request.asked.to));
  if (flow.set.empty()) return;
  if (!link->up)
    return fails(std::move(flow), NetError::kNoDevice, "the attacker's interface is down");
  forgery_->link = link;
  for (Device* d : topology::sending_devices(*link, request.outside)) {
    const topology::Wires wires = topology::wires(*d, request.outside);
    std::ranges::copy(wires.entrances, std::back_inserter(forgery_->entrances));
    std::ranges::copy(wires.tunnels, std::back_inserter(forgery_->tunnels));
  }
  Header& p = flow.p;
  p.t = asked_tuple(source, source_port, request.protocol, request.asked);
  p.tcp_flags = request.protocol == IpProtocol::kTcp ? tcp::kSyn : 0;
  p.length = algebra_.family() == IpFamily::kV4 ? 60 : 80;
  p.any_source_mac = true;
  p.tagged = request.tagged;
  p.destination_mac = request.to;
  flow.client.sent = p.t;
  if (request.outside) return enqueue(*link, std::move(flow));
  put_on_wire(*link, std::move(flow));
}

// True when the frame is the attacker's: it leaves by the wire on which an outside attacker sits,
// or arrives at an interface of an inside attacker.
bool Walk::forger_takes(Device& dev, const Flow& flow, bool leaving) {
  if (forgery_->request->outside != leaving || forgery_->link == nullptr) return false;
  const bool here =
      leaving ? &dev == forgery_->link : dev.machine == forgery_->link->machine && !dev.loopback;
  if (!here) return false;
  const MacAddress own = leaving ? topology::kOutsiderMac : dev.mac;
  if (const auto& message = flow.p.neighbour) {
    if (!message->request || !claiming()) return false;
    forgery_->claim = own;
    Flow answer = neighbour_answer(flow, *message, own);
    if (leaving)
      enqueue(dev, std::move(answer));
    else
      put_on_wire(dev, std::move(answer));
    return false;  // others may hear the question as well
  }
  if (!flow.ours || (leaving && flow.p.destination_mac != own)) return false;
  if (flow.leg == Leg::kReply)
    client_hears(flow);
  else
    drop(flow, "it comes back to its sender");
  return true;
}

// The lie is told first and most often: it replaces what the asker has learned, not what was set by
// hand.
void Walk::by_claim(Device& dev, Flow flow, const AddressOperand& next_hop,
                    const std::function<void(Flow, MacAddress)>& believed, const Next& usual) {
  const bool answer = forgery_ && !claiming() && flow.ours && flow.leg == Leg::kReply;
  if (!answer || dev.no_arp || dev.point_to_point) return usual(std::move(flow));
  std::vector<IpAddress> fixed;
  for (const model::Neighbour* n : dev.neighbours) {
    if ((n->state & (model::nud::kPermanent | model::nud::kNoArp)) != 0)
      fixed.push_back(n->address);
  }
  const packet::PacketSet by_hand = algebra_.where(next_hop, fixed);
  const auto ask = [&](Flow f, const AddressOperand& hop) {
    const auto mac = claimed(dev, f, hop);
    if (!mac) return usual(std::move(f));
    believed(std::move(f), *mac);
  };
  split(std::move(flow), by_hand, usual, [&](Flow f) {
    if (next_hop.constant || !on_ipvlan(*forgery_->link->machine))
      return ask(std::move(f), next_hop);
    packet::PacketSet rest = f.set;
    for (const auto& [address, device] : forgery_->link->machine->addresses) {
      if (address.family() != algebra_.family()) continue;
      Flow own = f;
      own.set = split_off(algebra_, rest, algebra_.where(next_hop, address));
      if (!own.set.empty()) ask(std::move(own), AddressOperand::of(address));
    }
    f.set = std::move(rest);
    if (!f.set.empty()) ask(std::move(f), next_hop);
  });
}

// Whether a lie is believed does not depend on the address, so of those that vary one is asked for.
std::optional<MacAddress> Walk::claimed(Device& dev, const Flow& flow,
                                        const AddressOperand& next_hop) {
  const auto one = flow.set.witness();
  if (!one) return std::nullopt;
  const auto some = [&](const AddressOperand& a) {
    return a.constant ? *a.constant : algebra_.fields().address(*one, a.field);
  };
  const IpAddress target = some(next_hop);
  const auto [at, fresh] =
      forgery_->claims.try_emplace({&dev, next_hop.constant ? target : IpAddress()});
  if (!fresh) return at->second;
  const IpAddress source = asking_address(dev, target, some(flow.p.t.source));
  forgery_->claiming = true;
  forgery_->claim.reset();
  for (const Resolution& r : ask_for(dev, target, source)) {
    const std::optional<MacAddress> claim = forgery_->claim;
    if (r.how == Resolution::How::kFound && !r.in_doubt && claim && r.mac == *claim) {
      at->second = r.mac;
      break;
    }
  }
  if (!at->second) at->second = insinuated(dev, target);
  forgery_->claiming = false;
  return at->second;
}

// Asks in the name of `target`, so that `dev`'s machine learns from the question (arp_process(),
// ndisc_recv_ns()).
std::optional<MacAddress> Walk::insinuated(Device& dev, IpAddress target) {
  const auto& own = target.is_v4() ? dev.addresses4 : dev.addresses6;
  if (own.empty()) return std::nullopt;
  Asking asking;
  asking.device = &dev;
  asking.target = target;
  Asking* const outer = std::exchange(asking_, &asking);
  ++depth_;
  const std::size_t from = queue_.size();
  forgery_->insinuated = false;
  for (Device* d : topology::sending_devices(*forgery_->link, forgery_->request->outside)) {
    if (forgery_->insinuated) break;
    const MacAddress mac = forgery_->request->outside ? topology::kOutsiderMac : d->mac;
    forgery_->claim = mac;
    Flow flow(algebra_.all());
    flow.p = question_of(mac, target, own.front()->local);
    if (forgery_->request->outside)
      enqueue(*d, std::move(flow));
    else
      put_on_wire(*d, std::move(flow));
    run_queue(from);
  }
  --depth_;
  asking_ = outer;
  return forgery_->insinuated ? forgery_->claim : std::nullopt;
}

// Who has to get a packet, or has just sent it on, cannot be posed as at the same time.
void Walk::note_passage(Flow& flow) {
  if (!flow.ours || flow.leg != Leg::kRequest) return;
  flow.passed.push_back(flow.p.destination_mac);
  if (!flow.p.any_source_mac) flow.passed.push_back(flow.p.source_mac);
}

// Where rules stand at the door it is not known what gets in beside the packet itself, which
// carried its own MAC in (kSourceMac).
void Walk::drawn(const Device& bridge, Flow flow,
                 const std::function<void(Flow, Device&)>& drawn_to, const Next& usual) {
  if (!forgery_ || !flow.ours || flow.leg != Leg::kReply) return usual(std::move(flow));
  const auto at = std::ranges::find_if(forgery_->entrances,
                                       [&](const Device* p) { return p->bridge == &bridge; });
  const MacAddress mac = flow.p.destination_mac;
  if (at == forgery_->entrances.end() || topology_.find_mac(bridge, mac).port == *at ||
      std::ranges::find(flow.passed, mac) != flow.passed.end())
    return usual(std::move(flow));
  const model::BridgePort port = (*at)->link->port.value_or(model::BridgePort{});
  if (!port.learning || !topology::can_be_drawn_away(bridge, mac) ||
      (flow.from_isolated_port && port.isolated)) {
    return usual(std::move(flow));
  }
  Device& to = **at;
  const bool guarded = at != forgery_->entrances.begin() ||
                       hooks_.has_chains_on(**at, HookPoint::kNetdevIngress) ||
                       hooks_.has_chains_on(**at, HookPoint::kInetIngress) ||
                       hooks_.has_chains(*bridge.machine, HookPoint::kBridgePrerouting);
  if (!guarded) return drawn_to(std::move(flow), to);
  const packet::PacketSet carried = algebra_.where(NumberOperand::in(Quantity::kSourceMac),
                                                   packet::IntervalSet::single(number_of(mac)));
  split(
      std::move(flow), carried, [&](Flow f) { drawn_to(std::move(f), to); },
      [&](Flow f) {
        unknown(std::move(f), "whether a frame with another's MAC address gets into " +
                                  escape_text(bridge.name()));
      });
}

bool Walk::told_forger(const Flow& flow) {
  if (!forgery_ || !flow.ours) return false;
  settle(flow, Verdict::kClosed, How::kRefused,
         flow.first_loss.empty() ? "refused" : flow.first_loss);
  return true;
}

}  // namespace bulkhead::reach::walks
