// VXLAN: a frame in a UDP packet of its own machine, which is walked like any other, and out of the
// device that takes it at the other end (drivers/net/vxlan/vxlan_core.c,
// net/ipv4/udp_tunnel_core.c).
//
// Where a packet gets to does not depend on the connection whose frame is in it, but for its mark,
// its TOS and hop limit where these are inherited. So it is walked once, in a run of its own, and
// remembered in the World.
#include "topology/vxlan.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "base/text.h"
#include "trace/run.h"

namespace bulkhead::trace {
namespace {

constexpr unsigned kMostWithin = 3;
constexpr int kMostCarryingRuns = 128;
constexpr std::size_t kMostCarried = 20'000;

std::string around(const topology::VxlanPacket& p) {
  return "the VXLAN packet of " + escape_text(p.from->name()) + " to " + p.remote.to.to_string();
}

bool differ(const topology::VxlanCarried& a, const topology::VxlanCarried& b) {
  return !a.same_as(b) || (a.lost.empty() != b.lost.empty());
}

}  // namespace

// A question that goes on where nothing is known may be answered all the same.
void Run::not_known(const Skb& skb, std::string why) {
  if (skb.ours || asking_ == nullptr) return stop_unknown(std::move(why));
  if (asking_->unknown.empty()) asking_->unknown = std::move(why);
}

void Run::transmit_vxlan(Device& dev, Skb& skb) {
  unclear_destination(skb);
  if (std::string why = topology::vxlan_unmodelled(dev); !why.empty())
    return not_known(skb, std::move(why));
  const bool question = skb.p.arp && (!skb.p.is_ip() || skb.p.icmp_type == 135);
  const std::optional<model::VxlanInfo>& settings = dev.link->vxlan;
  if (settings && settings->proxy && question) return proxied(dev, skb);
  if (may_be_drawn(dev, skb))
    return not_known(
        skb, "whether a frame with another's MAC address gets into " + escape_text(dev.name()));
  topology::VxlanWay way = topology::vxlan_way(world_.topology, dev, skb.p.destination_mac);
  if (!way.unknown.empty()) return not_known(skb, std::move(way.unknown));
  if (way.learned_from != nullptr && way.heard_by &&
      !topology::vxlan_learn(
          dev, carried(topology::vxlan_packet(*way.learned_from, *way.heard_by, {})).result, way))
    return not_known(skb, std::move(way.unknown));
  if (way.remotes.empty())
    return lost(skb, "the VXLAN device knows nobody who has that MAC address: ", dev.name());
  for (const topology::VxlanRemote& remote : way.remotes) {
    if (!stopped_) send_vxlan(dev, skb, remote);
  }
}

void Run::send_vxlan(Device& dev, const Skb& skb, const topology::VxlanRemote& remote) {
  if (remote.to.family() != topology::vxlan_family(dev))
    return lost(skb, "the other end is of another address family: ", dev.name());
  const topology::VxlanPacket packet =
      topology::vxlan_packet(dev, remote, {skb.p.mark, skb.p.tos, skb.p.hop_limit});
  const Carried& outer = carried(packet);
  const topology::VxlanCarried& to = outer.result;
  if (!to.unknown.empty()) return not_known(skb, around(packet) + ": " + to.unknown);
  if (explain_ && skb.ours) {
    step(skb, *dev.machine, "vxlan", &dev,
         "in UDP to " + remote.to.to_string() + " port " + std::to_string(remote.port.number) +
             ", VNI " + std::to_string(remote.number));
    for (Step s : outer.steps) {
      s.leg = skb.leg;
      if (answer_.steps.size() < 512) answer_.steps.push_back(std::move(s));
    }
  }
  if (skb.ours) answer_.seen.add(outer.seen);
  if (to.outside) outsider_hears(dev, skb);
  if (stopped_) return;
  if (to.arrivals.empty() && !to.outside) {
    for (const RuleRef& rule : outer.rules) decided(skb, rule);
    if (skb.ours && !outer.rules.empty() && answer_.rules.size() == outer.rules.size())
      answer_.rules_ns = outer.rules_ns;
    return lost(skb, around(packet) + " is lost: " + to.lost);
  }
  for (const topology::VxlanArrival& arrival : to.arrivals) {
    topology::VxlanTaker taker = topology::vxlan_taker(packet, arrival);
    if (!taker.unknown.empty()) {
      not_known(skb, std::move(taker.unknown));
      continue;
    }
    if (taker.device == nullptr) {
      lost(skb, around(packet) + " is not taken: " + taker.nobody);
      continue;
    }
    if (std::ranges::find(taker.refused, skb.p.source_mac) != taker.refused.end()) {
      lost(skb, "its sender is not believed by ", taker.device->name());
      continue;
    }
    Skb frame = skb;
    frame.p.mark = 0;
    forward_to(*taker.device, dev, frame);
    Skb& out = scratch_.queue[scratch_.queue.size() - 1].skb;
    out.p.mark = taker.mark;
  }
}

// What the device knows of its neighbours it says itself; no such question leaves by it.
void Run::proxied(Device& dev, const Skb& skb) {
  const std::optional<Arp>& question = skb.p.arp;
  if (!question || question->operation != 1) return;
  const auto mac = topology::vxlan_proxied(dev, question->target_ip);
  if (mac) enqueue(dev, neighbour_answer(skb.p, *question, *mac));
}

// Ends learn from frames, the attacker's too (vxlan_snoop). Which of two senders of one MAC address
// was heard last is not known.
bool Run::may_be_drawn(const Device& vxlan, const Skb& skb) const {
  const std::optional<model::VxlanInfo>& settings = vxlan.link->vxlan;
  if (!forgery_ || !skb.ours || skb.leg != Leg::kReply || !settings || !settings->learning)
    return false;
  const MacAddress mac = skb.p.destination_mac;
  if (std::ranges::find(forgery_->wires->tunnels, &vxlan) == forgery_->wires->tunnels.end() ||
      topology::vxlan_pinned(vxlan, mac))
    return false;
  const bool own = std::ranges::any_of(forgery_->link->machine->devices,
                                       [mac](const auto& d) { return d->mac == mac; });
  if (own && !forgery_->origin->outside) return false;
  return std::ranges::find(forgery_->passed, mac) == forgery_->passed.end();
}

const Carried& Run::carried(const topology::VxlanPacket& packet) {
  if (!explain_) {
    const std::shared_lock guard(world_.lock);
    for (const auto& known : world_.carried) {
      if (known->packet == packet) return *known;
    }
  }
  auto made = std::make_unique<const Carried>(carry_packet(world_, packet, within_ + 1, explain_));
  if (!explain_ && within_ == 0) {
    const std::unique_lock guard(world_.lock);
    if (world_.carried.size() < kMostCarried) return *world_.carried.emplace_back(std::move(made));
  }
  return *scratch_.carried.emplace_back(std::move(made));
}

Carried carry_packet(const WorldState& world, const topology::VxlanPacket& packet, unsigned within,
                     bool explain) {
  Carried out;
  out.packet = packet;
  if (within > kMostWithin) {
    out.result.unknown = "packets within packets without end";
    return out;
  }
  Question question;
  question.from = LocalOrigin{packet.from->underlay->id, 0, 0};
  question.to = packet.remote.to;
  question.port = packet.remote.port;
  question.protocol = IpProtocol::kUdp;
  question.source = packet.from->link->detail.vxlan_local;
  question.mark = packet.mark;
  question.explain = explain;
  const topology::PortRange ports = topology::vxlan_source_ports(*packet.from);
  const auto middle = static_cast<std::uint16_t>(ports.first + (ports.last - ports.first) / 2);
  bool first = true;
  for (const std::uint16_t port : {ports.first, middle, ports.last}) {
    Choices choices;
    int runs = 0;
    do {
      Answer answer;
      Scratch scratch;
      Run run(world, question, choices, scratch, answer);
      topology::VxlanCarried result = run.carry(packet, Port{port}, within);
      out.seen.add(answer.seen);
      if (first) {
        out.result = std::move(result);
        out.rules = std::move(answer.rules);
        out.rules_ns = answer.rules_ns;
        out.steps = std::move(answer.steps);
      } else if (differ(out.result, result) && out.result.unknown.empty()) {
        out.result.unknown = choices.any() ? "depends on: " + choices.reasons().back()
                                           : "it depends on its source port, a hash of the frame";
      }
      if (choices.exhausted() || ++runs == kMostCarryingRuns)
        out.result.unknown = "too many choices";
      first = false;
    } while (out.result.unknown.empty() && choices.next());
  }
  return out;
}

topology::VxlanCarried Run::carry(const topology::VxlanPacket& packet, Port source_port,
                                  unsigned within) {
  carrying_ = std::make_unique<Carrying>();
  carrying_->packet = &packet;
  within_ = within;
  server_address_ = question_.to;
  server_port_ = question_.port;
  client_port_ = source_port;
  start_carrying(packet);
  if (!stopped_) run_queue(0);
  topology::VxlanCarried& result = carrying_->result;
  if (stopped_ && answer_.verdict == Verdict::kUnknown) {
    result.unknown = answer_.reason;
  } else if (result.arrivals.empty() && !result.outside) {
    finish();
    result.lost = answer_.reason;
  }
  return std::move(result);
}

// udp_tunnel_dst_lookup(), udp_tunnel6_dst_lookup(), encap_bypass_if_local(), iptunnel_xmit()
void Run::start_carrying(const topology::VxlanPacket& packet) {
  Machine& m = *packet.from->underlay;
  client_ = &m;
  if (m.loopback == nullptr || m.routes_unknown) return stop_unknown(m.unknown_why);
  const bool v4 = server_address_.is_v4();
  Skb skb;
  skb.ours = true;
  Packet& p = skb.p;
  p.ether_type = v4 ? EtherType::kIpv4 : EtherType::kIpv6;
  p.protocol = IpProtocol::kUdp;
  p.source_port = client_port_;
  p.destination_port = server_port_;
  p.tcp_flags = 0;
  p.length = topology::vxlan_length(server_address_.family());
  p.mark = packet.mark;
  p.tos = packet.tos;
  p.hop_limit = packet.hop_limit;
  Flow flow = flow_of(skb);
  flow.destination = server_address_;
  flow.source = question_.source.value_or(IpAddress::any(server_address_.family()));
  flow.source_known = !flow.source.is_unspecified();
  flow.oif = packet.remote.via;
  const Output o =
      v4 ? route_output4(world_.stack(m), flow, false, &choices_)
         : route_lookup6(world_.stack(m), flow, static_cast<bool>(flow.oif), &choices_);
  if (o.error != NetError::kNone) return lost(skb, "no route to ", server_address_.to_string());
  if (o.dst.device == packet.from) return lost(skb, "its route leads into itself");
  client_address_ = p.source = flow.source_known ? flow.source : o.source;
  p.destination = server_address_;
  skb.dst = o.dst;
  skb.bound_to = flow.oif;
  const std::optional<model::VxlanInfo>& settings = packet.from->link->vxlan;
  if (o.dst.local && !o.dst.group && settings && settings->local_bypass) {
    const IpAddress loopback = IpAddress::loopback(server_address_.family());
    carrying_->result.arrivals.push_back({&m, loopback, server_port_, p.mark, true});
    return;
  }
  if (explain_)
    step(skb, m, "route", skb.dst.device,
         "dev " + skb.dst.device->name() +
             (skb.dst.gateway ? " via " + skb.dst.gateway->to_string() : "") + " source " +
             client_address_.to_string());
  ip_local_out(skb);
}

void Run::arrived(const Skb& skb, const Machine& m, const model::Socket* socket) {
  if (socket == nullptr && m.sockets_unknown) return stop_unknown(m.unknown_why);
  if (!topology::is_vxlan_socket(m, socket))
    return lost(skb, socket == nullptr ? "nothing listens on port " : "a program listens on port ",
                std::to_string(skb.p.destination_port.number));
  if (explain_)
    step(skb, m, "socket", skb.dev, "port " + std::to_string(skb.p.destination_port.number));
  const topology::VxlanArrival arrival{world_.topology.machine(m.id), skb.p.source,
                                       skb.p.destination_port, skb.p.mark, false};
  auto& arrivals = carrying_->result.arrivals;
  if (std::ranges::find(arrivals, arrival) == arrivals.end()) arrivals.push_back(arrival);
}

bool Run::hears_group(const Device& dev, const Skb& skb) const {
  return carrying_ && skb.ours && skb.leg == Leg::kRequest &&
         topology::vxlan_joined(dev, skb.p.destination);
}

}  // namespace bulkhead::trace
