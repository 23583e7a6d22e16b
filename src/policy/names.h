// The names that a bulkhead.yaml gives, and what a word at an end of a rule means by them.
// Inside policy.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "policy/party.h"
#include "policy/reader.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

// What is possible at one place of the file.
enum Possible : std::uint8_t {
  kZones = 1,
  kTrusts = 2,
  kOwnServices = 4,  // of the tenant in which it stands
  kServices = 8,     // of any tenant
  kTheHost = 16,
  kHostServices = 32,
  kPrefixes = 64,
};

// The words for a ZoneRole, in its order: zones of these names need no declaration.
inline constexpr std::array<std::string_view, 4> kRoles{"internet", "lan", "dmz", "management"};

struct Names {
  using Services = std::set<std::string, std::less<>>;
  std::set<std::string, std::less<>> zones, trust, host;
  std::map<std::string, Services, std::less<>> tenants;
};

// Of a document that need not be right otherwise; names that stand twice are complained of.
[[nodiscard]] Names gather_names(const yaml::Node& root, Reader& reader);

// A word at an end of a rule. `tenant`: the one in which it stands, "" outside of all. What it
// cannot be is complained of; a suggestion costs O(names).
struct PartyPlace {
  std::uint8_t possible = 0;  // Possible
  std::string_view tenant = {};
};
[[nodiscard]] std::optional<Party> read_party(const Names& names, Reader& reader, const Word& word,
                                              const PartyPlace& place);

}  // namespace bulkhead::policy
