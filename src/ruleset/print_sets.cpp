// Elements of sets and maps in nft's syntax.
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>

#include "ruleset/print_nft.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

constexpr auto kTypeNames = std::to_array<std::string_view>({
    "invalid",    "verdict",      "nf_proto",     "bitmask",     "integer",      "string",
    "ll_addr",    "ipv4_addr",    "ipv6_addr",    "ether_addr",  "ether_type",   "arp_op",
    "inet_proto", "inet_service", "icmp_type",    "tcp_flag",    "dccp_pkttype", "mh_type",
    "time",       "mark",         "iface_index",  "iface_type",  "realm",        "classid",
    "uid",        "gid",          "ct_state",     "ct_dir",      "ct_status",    "icmpv6_type",
    "ct_label",   "pkt_type",     "icmp_code",    "icmpv6_code", "icmpx_code",   "devgroup",
    "dscp",       "ecn",          "fib_addrtype", "boolean",     "ct_event",     "ifname",
    "igmp_type",  "date",         "hour",         "day",         "cgroupsv2",
});

// Which order the kernel's bytes of this type have where no interval asks for network order.
Order natural_order(Datatype type) {
  switch (type) {
    case Datatype::kMark:
    case Datatype::kIfIndex:
    case Datatype::kRealm:
    case Datatype::kClassid:
    case Datatype::kUid:
    case Datatype::kGid:
    case Datatype::kCtState:
    case Datatype::kCtStatus:
    case Datatype::kDevgroup:
    case Datatype::kFibAddrtype:
    case Datatype::kCtEvent:
    case Datatype::kIfType:
    case Datatype::kTime:
    case Datatype::kDate:
    case Datatype::kHour:
    case Datatype::kCgroup2: return Order::kHost;
    default: return Order::kBig;  // network fields and single bytes
  }
}

std::string print_fields(const SetDef& set, std::span<const Datatype> types, Order integers,
                         ByteView first, ByteView last) {
  const bool interval = (set.flags & NFT_SET_INTERVAL) != 0;
  const auto order = [&](Datatype t) {
    if (interval) return Order::kBig;
    return t == Datatype::kInteger ? integers : natural_order(t);
  };
  if (types.size() < 2) {
    const Datatype type = types.empty() ? Datatype::kInteger : types.front();
    return print_range(type, first, last, order(type));
  }
  std::string out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < types.size(); ++i) {
    std::size_t length = datatype_length(types[i]);
    if (i < set.field_lengths.size()) length = set.field_lengths[i];
    if (length == 0) length = 4;
    if (at > first.size() || length > first.size() - at || last.size() != first.size()) break;
    out += (out.empty() ? "" : " . ") + print_range(types[i], first.subspan(at, length),
                                                    last.subspan(at, length), order(types[i]));
    at += (length + 3) / 4 * 4;
  }
  return out;
}

std::string print_data(const SetDef& set, const Bytes& data) {
  const std::vector<Datatype> types = split_types(set.data_type);
  const Datatype type = types.empty() ? Datatype::kInteger : types.front();
  // A range of addresses: dnat prefix.
  if (types.size() == 1 && datatype_length(type) * 2 == data.size()) {
    const ByteView view(data);
    return print_range(type, view.first(data.size() / 2), view.last(data.size() / 2), Order::kBig);
  }
  SetDef plain;
  return print_fields(plain, types, Order::kBig, data, data);
}

}  // namespace

std::string type_name(Datatype type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypeNames.size() ? std::string(kTypeNames[index]) : std::to_string(index);
}

std::vector<Datatype> split_types(std::uint32_t type) {
  std::vector<Datatype> out;
  for (; type != 0; type >>= kDatatypeBits) {
    out.insert(out.begin(), static_cast<Datatype>(type & ((1U << kDatatypeBits) - 1)));
  }
  return out;
}

std::string print_elements(const SetDef& set, std::span<const Datatype> types, std::size_t limit,
                           Order integers) {
  std::string out;
  std::size_t written = 0;
  for (const SetElement& element : set.elements) {
    if (written == limit) {
      out += ", ... " + std::to_string(set.elements.size() - limit) + " more";
      break;
    }
    out += written++ == 0 ? "" : ", ";
    out +=
        element.catch_all ? "*" : print_fields(set, types, integers, element.first, element.last);
    if (!element.comment.empty()) out += " comment " + quoted(element.comment);
    if (element.verdict) out += " : " + print_verdict(*element.verdict);
    if (element.data) out += " : " + print_data(set, *element.data);
  }
  return out.empty() ? "{ }" : "{ " + out + " }";
}

}  // namespace bulkhead::ruleset
