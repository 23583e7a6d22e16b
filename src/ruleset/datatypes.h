// nft's own numbers for the types of set keys and data. The kernel keeps them without looking; they
// say how wide the fields of a concatenation are and how a value is shown.
#pragma once

#include <cstdint>

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

// A concatenation holds 6 bits per field, the first field in the highest ones.
inline constexpr unsigned kDatatypeBits = 6;

// Bytes of a value; 0 when the type has no width of its own (integers, strings) or is not known.
[[nodiscard]] constexpr std::uint32_t datatype_length(Datatype type) {
  switch (type) {
    case Datatype::kInvalid:
    case Datatype::kVerdict:
    case Datatype::kBitmask:
    case Datatype::kInteger:
    case Datatype::kString:
    case Datatype::kLinkAddress: return 0;
    case Datatype::kNfproto:
    case Datatype::kProtocol:
    case Datatype::kIcmpType:
    case Datatype::kTcpFlags:
    case Datatype::kDccpType:
    case Datatype::kMhType:
    case Datatype::kCtDirection:
    case Datatype::kIcmp6Type:
    case Datatype::kPkttype:
    case Datatype::kIcmpCode:
    case Datatype::kIcmp6Code:
    case Datatype::kIcmpxCode:
    case Datatype::kDscp:
    case Datatype::kEcn:
    case Datatype::kBoolean:
    case Datatype::kIgmpType:
    case Datatype::kDay: return 1;
    case Datatype::kEtherType:
    case Datatype::kArpOperation:
    case Datatype::kService:
    case Datatype::kIfType: return 2;
    case Datatype::kIpv4:
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
    case Datatype::kHour: return 4;
    case Datatype::kEther: return 6;
    case Datatype::kTime:
    case Datatype::kDate:
    case Datatype::kCgroup2: return 8;
    case Datatype::kIpv6:
    case Datatype::kCtLabel:
    case Datatype::kIfname: return 16;
  }
  return 0;
}

}  // namespace bulkhead::ruleset
