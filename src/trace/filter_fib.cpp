#include <algorithm>

#include "trace/filter_term.h"

namespace bulkhead::trace::filtering {
namespace {

constexpr std::uint8_t kUnicast = 1, kLocal = 2, kBlackhole = 6, kUnreachable = 7,
                       kProhibit = 8;  // RTN_*
constexpr std::uint32_t kLoopbackIndex = 1;
constexpr std::uint32_t kIffLoopback = 8;

IfIndex index_of(const model::Link* link) {
  return link == nullptr ? IfIndex{} : link->index;
}

// nft_fib_can_skip: what comes in by loopback needs no lookup.
bool by_loopback(const Run& run) {
  switch (run.point) {
    case FilterPoint::kIpPrerouting:
    case FilterPoint::kIpInput:
    case FilterPoint::kInetIngress:
    case FilterPoint::kNetdevIngress: break;
    case FilterPoint::kIpForward:
    case FilterPoint::kIpOutput:
    case FilterPoint::kIpPostrouting:
    case FilterPoint::kBridgePrerouting:
    case FilterPoint::kBridgeInput:
    case FilterPoint::kBridgeForward:
    case FilterPoint::kBridgeOutput:
    case FilterPoint::kBridgePostrouting:
    case FilterPoint::kArpInput:
    case FilterPoint::kArpOutput:
    case FilterPoint::kArpForward:
    case FilterPoint::kNetdevEgress: return false;
  }
  return run.context.in != nullptr && (run.context.in->flags & kIffLoopback) != 0;
}

bool store_device(Run& run, const model::FibTerm& term, IfIndex index, Value& out) {
  if (term.present) {
    out.set_host(index ? 1 : 0, 4, run.program.little_endian);
    return true;
  }
  if (term.result == model::FibResult::kOif) {
    out.set_host(index.value, 4, run.program.little_endian);
    return true;
  }
  std::string_view name;
  for (const model::Link* link : {run.context.in, run.context.out}) {
    if (index && link != nullptr && link->index == index) name = link->name;
  }
  if (index && name.empty()) name = run.context.around->link_name(index);
  if (index && name.empty()) {
    out.set_unknown(16, "the name of an interface");
    return true;
  }
  out.size = 16;
  std::copy_n(name.begin(), std::min<std::size_t>(name.size(), 15), out.bytes.begin());
  return true;
}

// get_saddr() of nft_fib_ipv4.c.
IpAddress usable_source(const IpAddress& address) {
  const bool odd =
      address.is_v4() && (address.is_multicast() || address.v4_number() == 0xffffffff ||
                          address.v4_number() >> 24 == 0);
  return odd ? IpAddress() : address;
}

bool from_nowhere(const Packet& packet) {  // DHCP and its like, ND of an address not yet ours
  if (packet.source.is_v4()) {
    const std::uint32_t to = packet.destination.v4_number();
    return packet.source.v4_number() >> 24 == 0 && (to == 0xffffffff || to >> 8 == 0xe00000);
  }
  return packet.source.is_unspecified() && packet.protocol == IpProtocol::kIcmpV6;
}

bool usable_route(bool v4, std::uint8_t type) {
  if (type == kLocal) return false;
  if (v4) return type != kBlackhole && type != kUnreachable && type != kProhibit;
  return type == kUnicast;  // RTF_REJECT, RTF_ANYCAST and RTF_LOCAL count as not found
}

bool lookup_device(Run& run, const model::FibTerm& term, Value& out) {
  const Packet& packet = run.packet;
  const model::Link* device = term.oif ? run.context.out : term.iif ? run.context.in : nullptr;
  if (by_loopback(run) || from_nowhere(packet)) {
    return store_device(run, term, index_of(run.context.in), out);
  }
  const IpAddress& lookup = term.daddr ? packet.destination : packet.source;
  const IpAddress& other = term.daddr ? packet.source : packet.destination;
  IfIndex iif{kLoopbackIndex};
  if (!term.daddr && term.iif && run.point == FilterPoint::kIpForward)
    iif = index_of(run.context.out);
  IfIndex constraint = index_of(device);
  if (lookup.is_v6() && lookup.is_link_local() && !constraint) {
    constraint = index_of(run.context.in != nullptr ? run.context.in : run.context.out);
  }
  const Surroundings::FibAnswer answer = run.context.around->fib_route(
      lookup, usable_source(other), term.mark ? packet.mark : 0, iif, constraint);
  const bool found = answer.found && usable_route(lookup.is_v4(), answer.type);
  const IfIndex shown = !found ? IfIndex{} : device != nullptr ? device->index : answer.oif;
  return store_device(run, term, shown, out);
}

}  // namespace

bool evaluate_fib(Run& run, const model::FibTerm& term, Value& out) {
  if (!run.packet.is_ip()) return false;
  if (run.context.around == nullptr) {
    out.set_unknown(Value::kMost, "routes");
    return true;
  }
  if (term.result != model::FibResult::kAddrtype) return lookup_device(run, term, out);
  const model::Link* device = term.iif ? run.context.in : term.oif ? run.context.out : nullptr;
  const IpAddress& address = term.daddr ? run.packet.destination : run.packet.source;
  out.set_host(run.context.around->address_type(address, index_of(device)), 4,
               run.program.little_endian);
  return true;
}

}  // namespace bulkhead::trace::filtering
