// The packet filter of one namespace: all rules of all tables and back ends, in the order in which
// the kernel runs them at each hook.
//
// Built once from a Ruleset (which must outlive it); running a packet through a hook allocates
// nothing unless `explain` is on. Thread use: a Filter is immutable after build; run() may be
// called from several threads with their own Context.
//
// Kernel: net/netfilter/core.c (order of hooks), nf_tables_core.c, nft_*.c, x_tables.c, xt_*.c,
// ip_set_*.c, nf_nat_core.c (NAT chains are run by the NAT core at its own priority).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/network.h"
#include "trace/choices.h"
#include "trace/end_reads.h"
#include "trace/packet.h"

namespace bulkhead::trace {

// Where a packet is filtered: NFPROTO and hook. Ingress and egress belong to a device.
enum class FilterPoint : std::uint8_t {
  kIpPrerouting,
  kIpInput,
  kIpForward,
  kIpOutput,
  kIpPostrouting,  // v4 and v6, by packet
  kBridgePrerouting,
  kBridgeInput,
  kBridgeForward,
  kBridgeOutput,
  kBridgePostrouting,
  kArpInput,
  kArpOutput,
  kArpForward,  // kArpForward: br_netfilter only
  kNetdevIngress,
  kNetdevEgress,  // netdev family
  kInetIngress,   // inet family, hook ingress
};

// What rules may ask of the world around them; the walk answers (routing tables, sockets).
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  struct FibAnswer {
    bool found = false;
    std::uint8_t type = 7;  // RTN_*
    IfIndex oif;
  };
  // nft fib and xt rpfilter: routes `lookup` as if it were a destination, from `other`
  // (unspecified: no source; for IPv6 it counts only when it is unicast), with `mark`, coming in by
  // `iif` (the index of lo, 1, unless said otherwise). IPv4:
  // fib_lookup(FIB_LOOKUP_IGNORE_LINKSTATE) in scope universe; IPv6: ip6_route_lookup().
  // `oif_constraint` never restricts which route wins (but for an IPv6 link-local `lookup`, which
  // is bound to that device). It only says what `found` means: with it, that the winning route has
  // a next hop on that device (fib_info_nh_uses_dev; IPv6: the route's device is it); without it,
  // that a route was found. `type` and `oif` are those of the winning route, even when `found` is
  // false because of the constraint; a reject route (blackhole...) is found with its type.
  // net/ipv4/netfilter/nft_fib_ipv4.c, ipt_rpfilter.c, net/ipv6/netfilter/nft_fib_ipv6.c,
  // ip6t_rpfilter.c.
  virtual FibAnswer fib_route(IpAddress lookup, IpAddress other, std::uint32_t mark, IfIndex iif,
                              IfIndex oif_constraint) const = 0;
  // inet_addr_type / inet_dev_addr_type and nft_fib6 / xt_addrtype for IPv6: RTN_* of an address,
  // as seen from device `on` when given.
  virtual std::uint8_t address_type(IpAddress address, IfIndex on) const = 0;
  // For `fib ... oifname`; "" when it is not known.
  virtual std::string_view link_name(IfIndex) const { return {}; }
};

// Finds a new route for the context's packet, at once, as a route chain wants it: later chains
// already see the new route, and what they change no longer counts. False: there is none, the
// packet is lost.
class Rerouter {
 public:
  Rerouter() = default;
  Rerouter(const Rerouter&) = delete;
  Rerouter& operator=(const Rerouter&) = delete;
  virtual ~Rerouter() = default;
  virtual bool reroute(struct Context& context) = 0;
};

struct RuleRef {  // a rule, or a chain's policy when `rule` is null
  const model::Table* table = nullptr;
  const model::Chain* chain = nullptr;
  const model::Rule* rule = nullptr;
};

enum class Outcome : std::uint8_t { kAccept, kDrop, kReject, kUnknown };

struct RejectAnswer {
  bool tcp_reset = false;
  std::uint8_t icmp_type = 3, icmp_code = 3;  // ICMP or ICMPv6, by the packet's family
};

// A NAT rule's wish: what to make of the tuple. Absent: unchanged.
struct NatRequest {
  bool destination = false;  // DNAT or redirect; else SNAT or masquerade
  bool masquerade = false;   // the address is chosen by the outgoing interface and next hop
  bool redirect = false;     // local: 127.0.0.1 / ::1 at output, the incoming interface's primary
                             // address otherwise
  bool netmap = false;       // `first` is a network: keep host bits; `last` is its last address
  std::optional<IpAddress> first, last;
  std::optional<Port> port_first, port_last;
  std::optional<Port> base_port;
  std::uint32_t flags = 0;  // NF_NAT_RANGE_*
  RuleRef rule;
};

// Wishes for the same, whichever rule they come from.
[[nodiscard]] bool same_request(const std::optional<NatRequest>& a,
                                const std::optional<NatRequest>& b);

struct Context {
  Packet* packet = nullptr;  // mark may be changed by rules
  CtView* ct = nullptr;      // notrack and ct mark may be changed by rules
  const model::Link* in = nullptr;
  const model::Link* out = nullptr;
  const model::Link* physical_in = nullptr;  // br_netfilter (physdev) and meta ibrname's port
  const model::Link* physical_out = nullptr;
  bool bridged = false;  // br_netfilter: the packet is switched, not routed
  const Surroundings* around = nullptr;
  Choices* choices = nullptr;
  Rerouter* rerouter = nullptr;             // at OUTPUT
  std::vector<RuleRef>* explain = nullptr;  // when set: every rule that took part in the decision
  std::uint32_t next_hop_mtu = 1500;
  std::optional<IpAddress> next_hop;  // rt nexthop
  bool legacy_last = false;           // of equal priorities: nft chains before legacy tables
  EndReads* reads = nullptr;          // when set: what rules ask of the source is noted there
  EndReads* to_reads = nullptr;       // the same of the destination
  bool jumps_unclear = false;         // and a record that sees a jump is unclear
  std::uint64_t now_ms = 0;           // of the snapshot: time-outs of elements, time matches
};

struct HookResult {  // of one run of a hook
  Outcome outcome = Outcome::kAccept;
  RuleRef decided_by;  // of kDrop, kReject, kUnknown
  std::optional<RejectAnswer> reject;
  std::string unknown;    // why, for kUnknown (queue without bypass, fwd, tproxy, ...)
  bool no_route = false;  // kDrop: what a chain changed left no route; decided_by is that chain
};

struct Edits;

class Filter {
 public:
  Filter(const model::Ruleset& ruleset, bool little_endian);
  // Shares what it can with `base`; each edit is of the ruleset of `base`, which must have none
  // itself.
  Filter(const Filter& base, const Edits& edits);
  ~Filter();
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;

  // Runs the filter and route chains (and legacy tables) whose priority p has from <= p < to, in
  // the kernel's order. The walk splits a hook at the priorities of conntrack (-200), NAT (-100,
  // 100) and br_netfilter, between which it does their work itself. Of equal priorities, the one
  // registered last runs first (net/netfilter/core.c nf_hook_entries_grow); what a snapshot cannot
  // tell (legacy against nft) is run in the order legacy, nft. A route chain (or the legacy mangle
  // OUTPUT) that changed mark, addresses or tos asks the context's rerouter right after it has run
  // (nft_chain_route.c, iptable_mangle.c).
  [[nodiscard]] HookResult run(FilterPoint point, std::int32_t from, std::int32_t to,
                               Context& context) const;

  // Asks the NAT chains of a hook, in their order, what to do with a new connection; stops at the
  // first that decides for this kind (destination at prerouting and output, source at input and
  // postrouting). A NAT chain may also drop.
  [[nodiscard]] HookResult run_nat(FilterPoint point, Context& context,
                                   std::optional<NatRequest>& request) const;

  // Legacy tables and nft chains stand at one priority: a snapshot does not tell which were
  // registered first, and so which run first. Context::legacy_last chooses.
  [[nodiscard]] bool has_open_order(FilterPoint point) const;
  [[nodiscard]] bool has_chains(FilterPoint point) const;  // anything at all, NAT included
  // Of its filter and route chains, for both families: outside of them run() finds nothing to do.
  // Lowest above highest when there is no such chain.
  struct Priorities {
    std::int32_t lowest, highest;
  };
  [[nodiscard]] Priorities priorities(FilterPoint point) const;
  [[nodiscard]] bool has_nat_chains(FilterPoint point) const;  // else run_nat() asks nobody
  [[nodiscard]] bool has_device_chains(FilterPoint point, std::string_view device) const;
  // Conntrack works in a namespace only once a rule needs it (nf_ct_netns_get): NAT chains, ct
  // expressions, conntrack-based xt matches and targets, per family.
  [[nodiscard]] bool tracks_connections(IpFamily family) const;
  [[nodiscard]] bool has_nat(IpFamily family) const;

  // The same filter without the fast forms of common comparisons: for tests, which compare the two.
  [[nodiscard]] static Filter without_fast_forms(const model::Ruleset& ruleset, bool little_endian);

 private:
  struct Program;  // filter_program.h
  struct Edited;   // filter_edited.h
  explicit Filter(std::shared_ptr<const Program> program);
  [[nodiscard]] const auto& hooks(FilterPoint point) const;
  std::shared_ptr<const Program> program_;
  std::unique_ptr<const Edited> edited_;  // null: as in the ruleset
};

}  // namespace bulkhead::trace
