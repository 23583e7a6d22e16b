// Rulesets to test and measure with, as plain chains of products; fixed by their seed. Three
// shapes: a campus firewall (VLANs, MAC chains, services by overlapping prefixes and port ranges),
// a Docker host in the form that engine 20.10 writes and in that of 29, and short random lists.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packet/packet_space.h"

namespace bulkhead::packet::testing {

// IPv4, in the order that measured best.
inline constexpr FieldId kIif{0}, kSrc{1}, kMac{2}, kOif{3}, kDst{4}, kState{5}, kProto{6},
    kFlags{7}, kDport{8}, kSport{9}, kMay{10};
[[nodiscard]] std::vector<Field> v4_fields();
[[nodiscard]] PacketSpace v4_space();

// Conntrack states as the numbers of an exact field.
inline constexpr std::uint64_t kNew = 0, kEstablished = 1, kRelated = 2, kInvalid = 3;

inline constexpr Leaf kAccept = 1, kDrop = 2, kReject = 3, kReturn = 4;

struct ChainRule {
  Product match;
  Leaf leaf = kNone;     // kNone: a jump
  std::size_t jump = 0;  // index of the chain, which stands before this one
};
struct RuleChain {
  std::string name;
  std::vector<ChainRule> rules;
};
struct Ruleset {
  std::vector<RuleChain> chains;  // the last one is the base chain
  Leaf policy = kDrop;
  [[nodiscard]] std::size_t rules() const;
};

[[nodiscard]] Ruleset campus(std::size_t rules, std::uint64_t seed = 1);
// The MAC that the campus knows a host by.
[[nodiscard]] std::uint64_t mac_of(std::uint64_t address);
struct DockerShape {
  int networks = 50;
  int containers = 1000;
  int ports = 2111;
};
[[nodiscard]] Ruleset docker20(const DockerShape& shape);
[[nodiscard]] Ruleset docker29(const DockerShape& shape);
// `fields` fields of `bits` bits; every rule is a product of up to `fields` intervals or unions of
// two.
[[nodiscard]] Ruleset random_rules(std::size_t rules, unsigned fields, unsigned bits,
                                   std::uint64_t seed);

// Interfaces and addresses of a Docker host: bridge n is interface 2 + n, interface 1 is the
// uplink.
[[nodiscard]] std::uint64_t bridge_of(const DockerShape& shape, int container);
[[nodiscard]] std::uint64_t address_of(const DockerShape& shape, int container);

// Rule by rule, chain by chain: what the diagrams must agree with.
[[nodiscard]] Leaf interpret(const Ruleset& ruleset, const Packet& packet);
// The verdict of every packet, compiled chain by chain.
[[nodiscard]] Result<VerdictMap> compile(const PacketSpace& space, const Ruleset& ruleset);
// A packet whose values lie at, before and behind the ends of intervals of the rules, more often
// than not.
class PacketSource {
 public:
  PacketSource(const Layout& layout, const Ruleset& ruleset, std::uint64_t seed);
  [[nodiscard]] Packet next();

 private:
  std::uint64_t random();
  const Layout* layout_;
  std::vector<std::vector<std::uint64_t>> interesting_;  // by field
  std::uint64_t state_;
};

}  // namespace bulkhead::packet::testing
