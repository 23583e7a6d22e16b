// Kernel bytes to model::Ruleset. Pure: the bytes were read by someone else (collect/).
//
// Every function takes whole netlink replies or getsockopt blobs as they came, bounded by their
// size; what is not understood becomes Opaque (kept raw), what contradicts itself is an error.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ruleset.h"

namespace bulkhead::ruleset {

// Replies to NFT_MSG_GETTABLE, GETCHAIN, GETRULE, GETSET, GETOBJ dumps (family unspec) and to one
// GETSETELEM dump per set, each the concatenation of the datagrams received. Generation: from
// NFT_MSG_GETGEN before and after; the caller reads again when they differ.
struct NftDump {
  Bytes tables, chains, rules, sets, objects;
  std::vector<Bytes> set_elements;  // one dump per set, in any order: each names its table and set
};

// Table and set names for which GETSETELEM must be asked: decoded from `sets`.
struct SetName {
  model::NfFamily family;
  std::string table, set;
};
[[nodiscard]] Result<std::vector<SetName>> list_sets(ByteView sets_dump);

[[nodiscard]] Result<std::vector<model::Table>> decode_nftables(const NftDump& dump);

// NFT_MSG_NEWGEN: the generation id.
[[nodiscard]] Result<std::uint32_t> decode_generation(ByteView reply);

// IPT_SO_GET_ENTRIES / IP6T_SO_GET_ENTRIES: `info` is struct ipt_getinfo, `entries` the entry blob
// without the ipt_get_entries header.
[[nodiscard]] Result<model::Table> decode_legacy_table(IpFamily family, std::string_view name,
                                                       ByteView info, ByteView entries);

// Replies to IPSET_CMD_LIST (NFNL_SUBSYS_IPSET dump), all sets. Asked with protocol 7 the kernel
// adds each set's index (IPSET_ATTR_INDEX, Linux 4.20); asked with 6 it does not, and then the
// caller supplies it from IP_SET_OP_GET_BYNAME getsockopt results by name. IpSet::index is
// kNoIpSetIndex where neither says it: no match can name such a set.
inline constexpr std::uint32_t kNoIpSetIndex = 65535;  // IPSET_INVALID_ID
struct IpSetIndex {
  std::string name;
  std::uint32_t index = 0;
};
[[nodiscard]] Result<std::vector<model::IpSet>> decode_ipsets(ByteView list_dump,
                                                              std::span<const IpSetIndex> indexes);

}  // namespace bulkhead::ruleset
