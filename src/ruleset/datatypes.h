// nft's own numbers for the types of set keys and data. The kernel keeps them without looking; they
// say how wide the fields of a concatenation are and how a value is shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::ruleset {

enum class Datatype : std::uint32_t {
  kInvalid,
  kVerdict,
  kNfproto,
  kBitmask,
  kInteger,
  kString,
  kLinkAddress,
  kIpv4,
  kIpv6,
  kEther,
  kEtherType,
  kArpOperation,
  kProtocol,
  kService,
  kIcmpType,
  kTcpFlags,
  kDccpType,
  kMhType,
  kTime,
  kMark,
  kIfIndex,
  kIfType,
  kRealm,
  kClassid,
  kUid,
  kGid,
  kCtState,
  kCtDirection,
  kCtStatus,
  kIcmp6Type,
  kCtLabel,
  kPkttype,
  kIcmpCode,
  kIcmp6Code,
  kIcmpxCode,
  kDevgroup,
  kDscp,
  kEcn,
  kFibAddrtype,
  kBoolean,
  kCtEvent,
  kIfname,
  kIgmpType,
  kDate,
  kHour,
  kDay,
  kCgroup2,
};

// The order in which a value's bytes make a number.
enum class Order { kBig, kHost };

struct DatatypeFacts {
  std::string_view name;      // as nft writes it; empty when the number is not known
  std::uint32_t length = 0;   // bytes of a value; 0 when the type has no width of its own
  Order order = Order::kBig;  // of the kernel's bytes where no interval asks for network order
};
[[nodiscard]] const DatatypeFacts& datatype_facts(Datatype type);
[[nodiscard]] std::string type_name(Datatype type);  // its number when it has no name

// A concatenation holds 6 bits per field, the first field in the highest ones.
inline constexpr unsigned kDatatypeBits = 6;
// The types of the fields of a key by the number that nft gave the set. At most 6.
[[nodiscard]] std::vector<Datatype> split_types(std::uint32_t type);

}  // namespace bulkhead::ruleset
