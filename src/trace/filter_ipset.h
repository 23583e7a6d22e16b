// An ipset made ready for lookups (net/netfilter/ipset/ip_set_*.c, the "kadt" functions).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/ruleset.h"
#include "trace/packet.h"

namespace bulkhead::trace::filtering {

// What a set may ask of a packet.
struct IpSetQuery {
  const Packet* packet = nullptr;
  std::string_view in, out;                   // device names, "" for none
  bool has_mac = false;                       // an Ethernet header is there
  const std::vector<bool>* source = nullptr;  // by dimension: taken from the source side
};

enum class IpSetAnswer : std::uint8_t {
  kOut,
  kIn,
  kNoMatch,
  kUnknown
};  // kNoMatch: hit a `nomatch` entry

class IpSetCode {
 public:
  explicit IpSetCode(const model::IpSet& set);

  // `all` resolves the members of a list:set. The cost of a lookup is the number of distinct prefix
  // lengths, not of entries.
  [[nodiscard]] IpSetAnswer test(const IpSetQuery& query, std::span<const IpSetCode> all) const;
  [[nodiscard]] const model::IpSet& set() const { return *set_; }
  // kIn turned round for --return-nomatch: only types with that feature know it.
  [[nodiscard]] bool knows_nomatch() const;

 private:
  enum class Part : std::uint8_t { kIp, kNet, kPort, kMark, kMac, kIface };
  struct Key {
    std::uint8_t length = 0;
    IpAddress address;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<IpAddress>{}(key.address) * 131 + key.length;
    }
  };
  [[nodiscard]] IpSetAnswer test_list(const IpSetQuery& query,
                                      std::span<const IpSetCode> all) const;
  [[nodiscard]] bool entry_holds(const model::IpSetEntry& entry, const IpSetQuery& query,
                                 IpAddress first) const;
  [[nodiscard]] IpSetAnswer among(const std::vector<std::uint32_t>& entries,
                                  const IpSetQuery& query, IpAddress first) const;

  const model::IpSet* set_;
  std::vector<Part> parts_;  // empty: type not known
  bool list_ = false, bitmap_ = false;
  std::vector<std::uint8_t> lengths_;  // of first prefixes, longest first
  std::unordered_map<Key, std::vector<std::uint32_t>, KeyHash> by_prefix_;
  std::vector<std::uint32_t> rest_;  // ranges, and types without an address in front
};

}  // namespace bulkhead::trace::filtering
