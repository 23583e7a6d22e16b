#include "ruleset/datatypes.h"

#include <array>

namespace bulkhead::ruleset {
namespace {

// By number. Names as nft writes them. Order: network fields and single bytes kBig.
constexpr auto kTypes = std::to_array<DatatypeFacts>({
    {"invalid", 0, Order::kBig},       {"verdict", 0, Order::kBig},
    {"nf_proto", 1, Order::kBig},      {"bitmask", 0, Order::kBig},
    {"integer", 0, Order::kBig},       {"string", 0, Order::kBig},
    {"ll_addr", 0, Order::kBig},       {"ipv4_addr", 4, Order::kBig},
    {"ipv6_addr", 16, Order::kBig},    {"ether_addr", 6, Order::kBig},
    {"ether_type", 2, Order::kBig},    {"arp_op", 2, Order::kBig},
    {"inet_proto", 1, Order::kBig},    {"inet_service", 2, Order::kBig},
    {"icmp_type", 1, Order::kBig},     {"tcp_flag", 1, Order::kBig},
    {"dccp_pkttype", 1, Order::kBig},  {"mh_type", 1, Order::kBig},
    {"time", 8, Order::kHost},         {"mark", 4, Order::kHost},
    {"iface_index", 4, Order::kHost},  {"iface_type", 2, Order::kHost},
    {"realm", 4, Order::kHost},        {"classid", 4, Order::kHost},
    {"uid", 4, Order::kHost},          {"gid", 4, Order::kHost},
    {"ct_state", 4, Order::kHost},     {"ct_dir", 1, Order::kBig},
    {"ct_status", 4, Order::kHost},    {"icmpv6_type", 1, Order::kBig},
    {"ct_label", 16, Order::kBig},     {"pkt_type", 1, Order::kBig},
    {"icmp_code", 1, Order::kBig},     {"icmpv6_code", 1, Order::kBig},
    {"icmpx_code", 1, Order::kBig},    {"devgroup", 4, Order::kHost},
    {"dscp", 1, Order::kBig},          {"ecn", 1, Order::kBig},
    {"fib_addrtype", 4, Order::kHost}, {"boolean", 1, Order::kBig},
    {"ct_event", 4, Order::kHost},     {"ifname", 16, Order::kBig},
    {"igmp_type", 1, Order::kBig},     {"date", 8, Order::kHost},
    {"hour", 4, Order::kHost},         {"day", 1, Order::kBig},
    {"cgroupsv2", 8, Order::kHost},
});
constexpr DatatypeFacts kUnknown;

static_assert(kTypes.size() == static_cast<std::size_t>(Datatype::kCgroup2) + 1);

}  // namespace

const DatatypeFacts& datatype_facts(Datatype type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypes.size() ? kTypes[index] : kUnknown;
}

std::string type_name(Datatype type) {
  const std::string_view name = datatype_facts(type).name;
  return name.empty() ? std::to_string(static_cast<std::uint32_t>(type)) : std::string(name);
}

std::vector<Datatype> split_types(std::uint32_t type) {
  std::vector<Datatype> out;
  for (; type != 0; type >>= kDatatypeBits) {
    out.insert(out.begin(), static_cast<Datatype>(type & ((1U << kDatatypeBits) - 1)));
  }
  return out;
}

}  // namespace bulkhead::ruleset
