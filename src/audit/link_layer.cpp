// net/bridge/br_forward.c should_deliver(), br_input.c br_handle_frame_finish(),
// net/netfilter/nf_tables (families bridge, netdev, arp), drivers/net/macvlan.c.
#include "audit/link_layer.h"

#include <algorithm>
#include <optional>

#include "model/find.h"
#include "ruleset/print.h"
#include "verify/attacker.h"

namespace bulkhead::audit {
namespace {

constexpr std::uint8_t kForwarding = 3;  // BR_STATE_*

FrameAnswer closed(FrameStop stop, std::string name) {
  return {Verdict::kClosed, stop, std::move(name)};
}

FrameAnswer unknown(FrameStop stop, std::string name) {
  return {Verdict::kUnknown, stop, std::move(name)};
}

// Whether a base chain sees frames that go from one port to the other.
bool stands_between(const model::Table& table, const model::BaseChain& base, FrameKind kind,
                    bool arp_is_shown, const std::string& from, const std::string& to) {
  using model::Hook;
  const auto names = [&](const std::string& device) {
    return model::names_device(base.devices, device);
  };
  if (table.dormant) return false;
  if (table.family == model::NfFamily::kNetdev)
    return (base.hook == Hook::kIngress && names(from)) ||
           (base.hook == Hook::kEgress && names(to));
  if (table.family == model::NfFamily::kArp)
    return kind == FrameKind::kArp && arp_is_shown && base.hook == Hook::kForward;
  return table.family == model::NfFamily::kBridge &&
         (base.hook == Hook::kPrerouting || base.hook == Hook::kForward ||
          base.hook == Hook::kPostrouting);
}

// Only chains without a rule are understood here: of what others do to a frame that is not IP
// nothing is claimed.
std::optional<FrameAnswer> by_rules(const model::NetNs& ns, const model::Link& bridge,
                                    FrameKind kind, const std::string& from,
                                    const std::string& to) {
  const bool arp_is_shown = (bridge.bridge && bridge.bridge->nf_call_arptables) ||
                            ns.sysctls.bridge_nf_call_arptables.value_or(0) != 0;
  std::optional<FrameAnswer> out;
  for (const model::Table& table : ns.ruleset.tables) {
    for (const model::Chain& chain : table.chains) {
      if (!chain.base || !stands_between(table, *chain.base, kind, arp_is_shown, from, to))
        continue;
      const std::string place = ruleset::print_place(table, chain, nullptr);
      if (!chain.rules.empty())
        out = unknown(FrameStop::kMayRules, place);
      else if (chain.base->policy == model::VerdictKind::kDrop)
        return closed(FrameStop::kRules, place);
    }
  }
  return out;
}

FrameAnswer across_bridge(const model::NetNs& ns, const Segment& segment, const Member& from,
                          const Member& to, FrameKind kind) {
  const model::Link* const bridge = model::find_link(ns, segment.link);
  const model::Link* const in = model::find_link(ns, from.port);
  const model::Link* const out = model::find_link(ns, to.port);
  if (in == nullptr || bridge == nullptr) return unknown(FrameStop::kNoPort, from.container->name);
  if (out == nullptr) return unknown(FrameStop::kNoPort, to.container->name);
  for (const model::Link* link : {bridge, in, out}) {
    const bool forwards = link == bridge || !link->port || link->port->state == kForwarding;
    if ((link->flags & model::kLinkUp) == 0 || !forwards)
      return closed(FrameStop::kPortState, link->name);
  }
  const model::BridgePort first = in->port.value_or(model::BridgePort{});
  const model::BridgePort second = out->port.value_or(model::BridgePort{});
  if (first.isolated && second.isolated) return closed(FrameStop::kIsolated, out->name);
  if (bridge->bridge && bridge->bridge->vlan_filtering)
    return unknown(FrameStop::kMayOptions, bridge->name);
  if (first.locked || second.locked) return unknown(FrameStop::kMayOptions, in->name);
  const bool suppressed =
      first.neigh_suppress || second.neigh_suppress || first.proxy_arp || second.proxy_arp;
  if (kind == FrameKind::kArp && suppressed) return unknown(FrameStop::kMayOptions, in->name);
  if (auto ruled = by_rules(ns, *bridge, kind, in->name, out->name)) return *ruled;
  return {Verdict::kOpen, FrameStop::kNothing, {}};
}

// A macvlan in bridge mode hears its siblings; in vepa mode the switch outside decides, and ipvlan
// passes nothing but IP and ARP of its own making.
FrameAnswer across_parent(const model::Snapshot& snapshot, const Segment& segment,
                          const Member& from, const Member& to) {
  constexpr std::uint32_t kBridge = 4;  // MACVLAN_MODE_BRIDGE
  const auto bridged = [&](const Member& m) {
    if (!m.container->netns || m.container->netns->value >= snapshot.namespaces.size())
      return false;
    return std::ranges::any_of(snapshot.namespaces[m.container->netns->value].links,
                               [&](const model::Link& l) {
                                 return l.kind == "macvlan" && l.peer == segment.link &&
                                        l.detail.macvlan_mode.value_or(kBridge) == kBridge;
                               });
  };
  if (bridged(from) && bridged(to)) return {Verdict::kOpen, FrameStop::kNothing, {}};
  return unknown(FrameStop::kMayParent, segment.interface);
}

}  // namespace

FrameAnswer frame_between(const model::Snapshot& snapshot, const Segment& segment,
                          const Member& from, const Member& to, FrameKind kind) {
  if (!verify::may_forge(*from.container)) return closed(FrameStop::kNoRight, from.container->name);
  if (segment.ns.value >= snapshot.namespaces.size())
    return unknown(FrameStop::kNoPort, from.container->name);
  if (!segment.is_bridge) return across_parent(snapshot, segment, from, to);
  return across_bridge(snapshot.namespaces[segment.ns.value], segment, from, to, kind);
}

}  // namespace bulkhead::audit
