// Running the packet filter at one point, and what a REJECT sends back.
#include "base/text.h"
#include "trace/run.h"

namespace bulkhead::trace {
namespace {

std::string_view family_name(model::NfFamily family) {
  switch (family) {
    case model::NfFamily::kInet: return "inet";
    case model::NfFamily::kIp: return "ip";
    case model::NfFamily::kArp: return "arp";
    case model::NfFamily::kNetdev: return "netdev";
    case model::NfFamily::kBridge: return "bridge";
    case model::NfFamily::kIp6: return "ip6";
  }
  return "";
}

bool on_link(FilterPoint point) {
  switch (point) {
    case FilterPoint::kBridgePrerouting:
    case FilterPoint::kBridgeInput:
    case FilterPoint::kBridgeForward:
    case FilterPoint::kBridgeOutput:
    case FilterPoint::kBridgePostrouting:
    case FilterPoint::kNetdevIngress:
    case FilterPoint::kNetdevEgress:
    case FilterPoint::kInetIngress: return true;
    case FilterPoint::kIpPrerouting:
    case FilterPoint::kIpInput:
    case FilterPoint::kIpForward:
    case FilterPoint::kIpOutput:
    case FilterPoint::kIpPostrouting:
    case FilterPoint::kArpInput:
    case FilterPoint::kArpOutput:
    case FilterPoint::kArpForward: return false;
  }
  return false;
}

}  // namespace

std::string describe(const RuleRef& rule) {
  std::string out;
  if (rule.chain == nullptr || rule.table == nullptr) return "a rule";
  if (rule.rule != nullptr) {
    out = "rule " + std::to_string(rule.rule->handle) + " of chain ";
  } else {
    out = "policy of chain ";
  }
  out += escape_text(rule.chain->name, 64);
  out += " in table ";
  out += family_name(rule.table->family);
  out += ' ';
  out += escape_text(rule.table->name, 64);
  return out;
}

Context Run::context_of(Skb& skb, Device* in, Device* out) {
  Context c;
  c.packet = &skb.p;
  c.ct = &skb.ct;
  c.in = in != nullptr ? in->link : nullptr;
  c.out = out != nullptr ? out->link : nullptr;
  if (skb.bridge_info) {
    c.physical_in = skb.physical_in != nullptr ? skb.physical_in->link : nullptr;
    c.physical_out = skb.physical_out != nullptr ? skb.physical_out->link : nullptr;
    c.bridged = skb.physical_out != nullptr;
  }
  c.choices = &choices_;
  if (skb.ours) c.reads = question_.reads, c.to_reads = question_.to_reads;
  c.jumps_unclear = (in != nullptr ? in : out)->machine->id != world_.topology.snapshot().host;
  c.next_hop = skb.dst.gateway;
  c.now_ms = world_.topology.snapshot().taken_at_ms;
  return c;
}

namespace {

constexpr std::string_view kOrder =
    "legacy and nft chains of one priority: which were made first is not known";

bool same_result(const HookResult& a, const HookResult& b) {
  if (a.outcome != b.outcome || a.reject.has_value() != b.reject.has_value()) return false;
  return !a.reject ||
         (a.reject->tcp_reset == b.reject->tcp_reset &&
          a.reject->icmp_type == b.reject->icmp_type && a.reject->icmp_code == b.reject->icmp_code);
}

bool same_route(const Dst& a, const Dst& b) {
  return a.kind == b.kind && a.device == b.device && a.gateway == b.gateway;
}

}  // namespace

// Where legacy tables and nft chains stand at one priority both orders are tried; when they differ,
// which is right is a choice.
HookResult Run::run_filter(FilterPoint point, std::int32_t from, std::int32_t to, Context& c,
                           Skb& skb, const Machine& m) {
  const Stack& stack = world_.stack(m);
  if (!stack.open_order[static_cast<std::size_t>(point)])
    return stack.filter.run(point, from, to, c);
  ConnTrack* const entry = skb.ct.entry;
  const Skb before = skb;
  const ConnTrack entry_before = entry != nullptr ? *entry : ConnTrack{};
  HookResult one = stack.filter.run(point, from, to, c);
  const Skb after = skb;
  const ConnTrack entry_after = entry != nullptr ? *entry : ConnTrack{};
  skb = before;
  if (entry != nullptr) *entry = entry_before;
  if (explain_) seen_.clear();
  c.next_hop = skb.dst.gateway;
  c.legacy_last = true;
  HookResult other = stack.filter.run(point, from, to, c);
  const bool same = same_result(one, other) && after.p.mark == skb.p.mark &&
                    after.p.destination == skb.p.destination && after.p.tos == skb.p.tos &&
                    after.ct.untracked == skb.ct.untracked && same_route(after.dst, skb.dst) &&
                    (entry == nullptr || entry->mark == entry_after.mark);
  if (!same && choices_.pick(kOrder)) {
    skb = after;
    if (entry != nullptr) *entry = entry_after;
    return one;
  }
  return other;
}

HookResult Run::run_nat(FilterPoint point, Context& c, const Machine& m,
                        std::optional<NatRequest>& request) {
  const Stack& stack = world_.stack(m);
  HookResult one = stack.filter.run_nat(point, c, request);
  if (!stack.open_order[static_cast<std::size_t>(point)]) return one;
  std::optional<NatRequest> second;
  c.legacy_last = true;
  HookResult other = stack.filter.run_nat(point, c, second);
  if (same_result(one, other) && same_request(request, second)) return one;
  if (choices_.pick(kOrder)) return one;
  request = second;
  return other;
}

// What a route chain of OUTPUT asks for.
class Run::RouteAgain final : public Rerouter {
 public:
  RouteAgain(Run& run, Skb& skb) : run_(run), skb_(skb) {}
  bool reroute(Context& context) override {
    if (!run_.route_again(skb_)) return false;
    context.next_hop = skb_.dst.gateway;
    return true;
  }

 private:
  Run& run_;
  Skb& skb_;
};

namespace {

// A frame with a packet to the end that is followed, before the bridge has looked where it goes:
// all that it shows of that end beside the packet is who is the next hop.
bool comes_in_by_bridge(FilterPoint point, const Context& c) {
  return point == FilterPoint::kBridgePrerouting && c.packet->is_ip() &&
         c.to_reads->follows(c.packet->destination) && c.packet->source != c.packet->destination;
}

}  // namespace

bool Run::run_hook(FilterPoint point, std::int32_t from, std::int32_t to, Skb& skb, Device* in,
                   Device* out) {
  const Machine& m = *(in != nullptr ? in : out)->machine;
  Context c = context_of(skb, in, out);
  c.around = &world_.stack(m);
  RouteAgain again(*this, skb);
  if (point == FilterPoint::kIpOutput) c.rerouter = &again;
  if (explain_) {
    seen_.clear();
    c.explain = &seen_;
  }
  if (c.reads != nullptr && point > FilterPoint::kIpPostrouting) c.reads->unclear();
  if (c.to_reads != nullptr && point > FilterPoint::kIpPostrouting && !comes_in_by_bridge(point, c))
    c.to_reads->unclear();
  const HookResult r = run_filter(point, from, to, c, skb, m);
  if (c.to_reads != nullptr && c.to_reads->type_was_asked()) routed_by_destination(m, skb);
  if (m.rules_unknown) stop_unknown(m.unknown_why);
  if (stopped_) return false;
  if (explain_ && !seen_.empty()) {
    step(skb, m, "filter", in != nullptr ? in : out,
         r.outcome == Outcome::kAccept ? "passes" : "stopped");
    if (!answer_.steps.empty()) answer_.steps.back().rules = seen_;
  }
  switch (r.outcome) {
    case Outcome::kAccept: return true;
    case Outcome::kDrop:
      decided(skb, r.decided_by);
      if (r.no_route) {
        lost(skb, "no route after the packet was changed at output");
      } else {
        lost(skb, "dropped by ", describe(r.decided_by));
      }
      return false;
    case Outcome::kReject:
      decided(skb, r.decided_by);
      lost(skb, "rejected by ", describe(r.decided_by));
      if (r.reject) reject(point, skb, in, out, *r.reject);
      return false;
    case Outcome::kUnknown:
      if (asking_ != nullptr && !skb.ours) {
        if (asking_->why.empty()) asking_->why = r.unknown;
      }
      decided(skb, r.decided_by);
      stop_unknown(r.unknown + " (" + describe(r.decided_by) + ")");
      return false;
  }
  return false;
}

void Run::reject(FilterPoint point, Skb& skb, Device* in, Device* out, const RejectAnswer& how) {
  if (on_link(point)) {
    if (in != nullptr) reject_on_link(skb, *in, how);
    return;
  }
  if (skb.p.ether_type == EtherType::kArp) return;
  if (how.tcp_reset) {
    reset(point, skb, in);
    return;
  }
  Skb cause = skb;
  if (cause.dst.kind == Dst::Kind::kNone) {  // nf_reject_fill_skb_dst
    Flow flow;
    flow.destination = skb.p.source;
    flow.source = IpAddress::any(skb.p.source.family());
    const Machine& m = *(in != nullptr ? in : out)->machine;
    const Output o = skb.p.source.is_v4() ? route_output4(world_.stack(m), flow, false, &choices_)
                                          : route_output6(world_.stack(m), flow, false, &choices_);
    if (o.error != NetError::kNone) return;
    cause.dst = o.dst;
  }
  if (cause.dev == nullptr) cause.dev = (in != nullptr ? in : out)->machine->loopback;
  icmp_error(cause, skb.p.source.is_v4() ? kUnreachable4 : kUnreachable6, how.icmp_code);
}

namespace {

// nf_reject_ip_tcphdr_put(): enough of it for what a receiver asks.
Packet reset_of(const Packet& p) {
  Packet r;
  r.ether_type = p.ether_type;
  r.source = p.destination;
  r.destination = p.source;
  r.source_port = p.destination_port;
  r.destination_port = p.source_port;
  r.protocol = IpProtocol::kTcp;
  r.tcp_flags = (p.tcp_flags & tcp::kAck) != 0 ? tcp::kRst : tcp::kRst | tcp::kAck;
  r.length = p.source.is_v4() ? 40 : 60;
  return r;
}

}  // namespace

// nf_send_reset(), nf_send_reset6()
void Run::reset(FilterPoint point, Skb& skb, Device* in) {
  if (skb.p.protocol != IpProtocol::kTcp || (skb.p.tcp_flags & tcp::kRst) != 0) return;
  if (skb.dst.group) return;
  Skb answer;
  answer.p = reset_of(skb.p);
  answer.ours = skb.ours;
  answer.leg = Leg::kReply;
  Machine& m = *(in != nullptr ? in : skb.dst.device)->machine;
  if (m.mark_reflect) answer.p.mark = skb.p.mark;
  answer.dst = skb.dst;
  if (answer.dst.device == nullptr) answer.dst.device = m.loopback;
  answer.dev = nullptr;
  if (skb.p.source.is_v4()) {
    if (!route_again(answer)) return;
  } else {
    Flow flow = flow_of(answer);
    const Output o = route_output6(world_.stack(m), flow, false, &choices_);
    if (o.error != NetError::kNone) return;
    answer.dst = o.dst;
  }
  attach(answer, skb);
  if (skb.bridge_info && skb.physical_in != nullptr) {
    // Sent out of the port on which the packet came, in the name of its destination: no hook sees
    // it.
    answer.p.source_mac = skb.p.destination_mac;
    answer.p.destination_mac = skb.p.source_mac;
    answer.dst = {};
    transmit(*skb.physical_in, answer);
    return;
  }
  static_cast<void>(point);
  ip_local_out(answer);
}

// nft_reject_bridge.c, nft_reject_netdev.c: built from the packet alone and sent back where it came
// from.
void Run::reject_on_link(Skb& skb, Device& in, const RejectAnswer& how) {
  if (!skb.p.is_ip() || skb.p.destination_mac.is_multicast()) return;
  Skb answer;
  if (how.tcp_reset) {
    if (skb.p.protocol != IpProtocol::kTcp || (skb.p.tcp_flags & tcp::kRst) != 0) return;
    answer.p = reset_of(skb.p);
  } else {
    answer.p.ether_type = skb.p.ether_type;
    answer.p.source = skb.p.destination;
    answer.p.destination = skb.p.source;
    const bool v4 = skb.p.source.is_v4();
    answer.p.protocol = v4 ? IpProtocol::kIcmp : IpProtocol::kIcmpV6;
    answer.p.icmp_type = v4 ? kUnreachable4 : kUnreachable6;
    answer.p.icmp_code = how.icmp_code;
    answer.p.quoted = Quoted{skb.p.source, skb.p.destination, skb.p.protocol, skb.p.source_port,
                             skb.p.destination_port};
  }
  answer.p.source_mac = skb.p.destination_mac;
  answer.p.destination_mac = skb.p.source_mac;
  answer.ours = skb.ours;
  answer.leg = Leg::kReply;
  answer.p.tagged = skb.p.tagged && in.bridge != nullptr;  // nft_reject_br_push_etherhdr()
  answer.p.vlan = skb.p.vlan;
  transmit(in, answer);
}

}  // namespace bulkhead::trace
