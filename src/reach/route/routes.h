// What becomes of packets that came in, and which way packets made here go out.
//
// net/ipv4/route.c (ip_route_input_slow, ip_route_output_key_hash_rcu), fib_frontend.c
// (fib_validate_source); net/ipv6/route.c, ip6_output.c (ip6_dst_lookup_tail).
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "reach/route/fib.h"
#include "reach/route/select.h"

namespace bulkhead::reach::routes {

// A route as it hangs on a packet (struct dst_entry).
struct Dst {
  enum class Kind : std::uint8_t {
    kNone,
    kLocal,    // to a socket of this machine
    kForward,  // came in, goes out again
    kOutput,   // made here
    kError,    // answered with an ICMP error
    kDiscard,  // silent
  };
  Kind kind = Kind::kNone;
  Device* device = nullptr;
  std::optional<IpAddress> gateway;
  NetError error = NetError::kNone;     // kError
  bool local = false;                   // RTCF_LOCAL
  bool group = false;                   // broadcast or multicast
  bool input = false;                   // made by an input lookup
  bool bridge_stand_in = false;         // br_netfilter's fake route
  IfIndex arrives_at;                   // where a local packet seems to come in
  bool preferred_source = false;        // the route names a source
  const model::NextHop* hop = nullptr;  // chosen by a hash among others
  friend bool operator==(const Dst&, const Dst&) = default;
};

struct Way {
  packet::PacketSet set;
  Dst dst;
  NetError error = NetError::kNone;  // output: the send fails
  AddressOperand source;             // output: the one chosen when the flow had none
  std::string_view dropped;          // input: not empty: silently, and why
  std::string_view unknown;          // not empty: not modelled
  std::uint8_t route_type = 0;       // RTN_*, when a route was found
};

class Routes {
 public:
  Routes(const Machine& machine, IpFamily family)
      : machine_(machine), family_(family), fib_(machine, family) {}

  // A source is known when ask.source is not the unspecified address. `any_source`: it need not be
  // ours (FLOWI_FLAG_ANYSRC). IPv4: chooses a source too. IPv6: not (ip6_route_output).
  [[nodiscard]] std::vector<Way> output(Algebra& algebra, const Ask& ask, bool any_source,
                                        bool bound_device, const packet::PacketSet& set) const;
  // ip6_dst_lookup(): with source selection.
  [[nodiscard]] std::vector<Way> output_with_source6(Algebra& algebra, const Ask& ask,
                                                     bool bound_device,
                                                     const packet::PacketSet& set) const;
  // `ask`: what the packet says; iif is set here. `arp`: the question of an ARP request.
  [[nodiscard]] std::vector<Way> input(Algebra& algebra, const Device& in, Ask ask, bool arp,
                                       const packet::PacketSet& set) const;
  // IPv4: where inet_addr_type() is RTN_LOCAL or RTN_UNICAST.
  [[nodiscard]] packet::PacketSet local_or_unicast4(Algebra& algebra,
                                                    const AddressOperand& address) const;
  // IPv4: one of our addresses, or at least a local route (__ip_dev_find). Remembered for a field.
  [[nodiscard]] packet::PacketSet ours(Algebra& algebra, const AddressOperand& address) const;
  // inet_addr_type(): RTN_*.
  [[nodiscard]] std::uint8_t address_type4(Algebra& algebra, IpAddress address) const;
  // select_addresses6, remembered.
  [[nodiscard]] const std::vector<Selected>& selection6(const Device* device) const;
  [[nodiscard]] const Fib& fib() const { return fib_; }
  [[nodiscard]] const Machine& machine() const { return machine_; }

 private:
  void output4(Algebra& algebra, const Ask& ask, bool any_source, packet::PacketSet set,
               std::vector<Way>& out) const;
  void output6(Algebra& algebra, const Ask& ask, bool bound_device, const packet::PacketSet& set,
               std::vector<Way>& out) const;
  void make_output4(Algebra& algebra, const Ask& ask, const Case& c, std::uint8_t type,
                    Device* device, const AddressOperand& source, std::vector<Way>& out) const;
  void input4(Algebra& algebra, const Device& in, const Ask& ask, bool arp, packet::PacketSet set,
              std::vector<Way>& out) const;
  void input6(Algebra& algebra, const Device& in, const Ask& ask, const packet::PacketSet& set,
              std::vector<Way>& out) const;
  // fib_validate_source(): adds what is refused to `out`, returns what is not.
  [[nodiscard]] packet::PacketSet accepted_source(Algebra& algebra, const Device& in,
                                                  const Ask& ask, bool arp, IfIndex oif,
                                                  const packet::PacketSet& set,
                                                  std::vector<Way>& out) const;
  const Machine& machine_;
  IpFamily family_;
  Fib fib_;
  mutable std::map<const Device*, std::vector<Selected>> selections_;
  mutable std::map<Quantity, packet::PacketSet> ours_;  // of an address that varies
};

[[nodiscard]] bool needs_strict_interface(IpAddress address);  // rt6_need_strict

}  // namespace bulkhead::reach::routes
