#include "packet/rulesets.h"

#include <algorithm>
#include <random>
#include <utility>

namespace bulkhead::packet::testing {
namespace {

using Random = std::mt19937_64;

std::uint64_t below(Random& random, std::uint64_t bound) {
  return random() % bound;
}
bool chance(Random& random, unsigned percent) {
  return below(random, 100) < percent;
}

IntervalSet one(std::uint64_t value) {
  return IntervalSet::single(value);
}
IntervalSet net(std::uint64_t address, unsigned length) {
  return IntervalSet::prefix(address, length, 32);
}
IntervalSet not_if(std::uint64_t interface) {
  return one(interface).complement(32);
}
IntervalSet answers() {
  return IntervalSet::range(kEstablished, kRelated);
}

ChainRule jump(Product match, std::size_t chain) {
  return {std::move(match), kNone, chain};
}

constexpr std::uint64_t kTcp = 6, kUdp = 17, kIcmp = 1;

// ------------------------------------------------------------------------------------------ campus

constexpr std::uint64_t kNetwork = 0x83900000;  // 131.144.0.0
constexpr int kVlans = 24;

std::uint64_t vlan_network(int vlan) {
  return kNetwork | static_cast<std::uint64_t>(vlan) << 8;
}
std::uint64_t vlan_interface(int vlan) {
  return 2 + static_cast<std::uint64_t>(vlan);
}

IntervalSet ports(Random& random) {
  static constexpr std::uint64_t kCommon[] = {22,   80,   443,  25,  53,  993,
                                              3306, 5432, 8080, 111, 2049};
  const auto common = [&] { return kCommon[below(random, std::size(kCommon))]; };
  if (chance(random, 55)) return one(common());
  if (chance(random, 50)) {  // multiport
    IntervalSet set;
    for (int i = 0; i < 4; ++i) set = set.unite(one(common()));
    return set;
  }
  const std::uint64_t first = below(random, 60000);
  return IntervalSet::range(first, std::min<std::uint64_t>(65535, first + below(random, 5000)));
}

// Hosts by address and MAC; who is none of them does not pass.
RuleChain mac_chain(Random& random, int vlan, std::size_t hosts) {
  RuleChain chain{"mac_" + std::to_string(vlan), {}};
  for (std::size_t i = 0; i < hosts; ++i) {
    const std::uint64_t address = vlan_network(vlan) + 1 + below(random, 253);
    Product match;
    match.where(kIif, one(vlan_interface(vlan)))
        .where(kSrc, one(address))
        .where(kMac, one(mac_of(address)));
    chain.rules.push_back({std::move(match), kReturn, 0});
  }
  chain.rules.push_back({Product().where(kIif, one(vlan_interface(vlan))), kDrop, 0});
  return chain;
}

// Networks that services are restricted to: few, and they overlap.
IntervalSet trusted(Random& random) {
  static constexpr std::uint64_t kAdmins = kNetwork | 0x0510;
  static constexpr std::pair<std::uint64_t, unsigned> kTrusted[] = {
      {kNetwork, 16},          {kNetwork, 20},  {kNetwork | 0x0500, 24}, {kAdmins, 28},
      {kAdmins | 3, 32},       {0x0a000000, 8}, {0x0a140000, 14},        {0xac100000, 12},
      {kNetwork | 0x1000, 21}, {0x80000000, 3}, {kNetwork | 0x0c00, 23}};
  const auto& [address, length] = kTrusted[below(random, std::size(kTrusted))];
  return net(address, length);
}

// A VLAN has a few servers that rules name, one after another, and blocks of addresses.
std::uint64_t server(int vlan, std::size_t rule) {
  return vlan_network(vlan) + 4 + rule / 50 % 3 * 7;
}

Product service(Random& random, int vlan, std::size_t rule) {
  Product match;
  const std::uint64_t host = server(vlan, rule);
  match.where(kDst, chance(random, 95) ? one(host)
                                       : net(host, 24 + static_cast<unsigned>(below(random, 6))));
  if (vlan % 4 == 0 && chance(random, 12)) {
    const IntervalSet from = trusted(random);
    match.where(kSrc, chance(random, 10) ? from.complement(32) : from);
  }
  if (chance(random, 4)) match.where(kIif, one(1));
  if (chance(random, 90)) {
    match.where(kProto, one(chance(random, 75) ? kTcp : kUdp)).where(kDport, ports(random));
  } else {
    match.where(kProto, one(kIcmp));
  }
  if (chance(random, 5)) match.where(kState, one(kNew));
  if (chance(random, 1)) match.where(kMay, one(1));
  return match;
}

RuleChain filter_chain(Random& random, int vlan, std::size_t rules) {
  RuleChain chain{"filter_" + std::to_string(vlan), {}};
  for (std::size_t i = 0; i < rules; ++i) {
    const Leaf leaf = chance(random, 85) ? kAccept : chance(random, 50) ? kDrop : kReject;
    chain.rules.push_back({service(random, vlan, i), leaf, 0});
  }
  return chain;
}

// ------------------------------------------------------------------------------------------ Docker

constexpr std::uint64_t kUplink = 1;

std::uint64_t bridge(int network) {
  return 2 + static_cast<std::uint64_t>(network);
}

// The open ports: each one container's, one after another.
RuleChain docker_chain(const DockerShape& shape) {
  RuleChain chain{"DOCKER", {}};
  for (int i = 0; i < shape.ports; ++i) {
    const int container = static_cast<int>(std::int64_t{i} * shape.containers / shape.ports);
    const std::uint64_t on = bridge_of(shape, container);
    Product match;
    match.where(kDst, one(address_of(shape, container)))
        .where(kIif, not_if(on))
        .where(kOif, one(on))
        .where(kProto, one(kTcp))
        .where(kDport, one(static_cast<std::uint64_t>(80 + i * 7919 % 1013)));
    chain.rules.push_back({std::move(match), kAccept, 0});
  }
  return chain;
}

// ------------------------------------------------------------------------------------------ random

IntervalSet random_values(Random& random, unsigned bits) {
  const auto value = [&] { return random() & max_value(bits); };
  const auto range = [&] {
    const std::uint64_t a = value(), b = value();
    return IntervalSet::range(std::min(a, b), std::max(a, b));
  };
  if (chance(random, 30)) return one(value());
  if (chance(random, 20)) return range().unite(one(value()));
  return chance(random, 10) ? range().complement(bits) : range();
}

}  // namespace

std::vector<Field> v4_fields() {
  return {{"iif", 32},  {"src", 32},  {"mac", 48},   {"oif", 32},   {"dst", 32}, {"state", 3},
          {"proto", 8}, {"flags", 8}, {"dport", 16}, {"sport", 16}, {"may", 1}};
}

PacketSpace v4_space() {
  return PacketSpace(*Layout::make(v4_fields()));
}

std::uint64_t mac_of(std::uint64_t address) {
  return address * 0x9e3779b97f4a7c15 >> 16;
}

std::size_t Ruleset::rules() const {
  std::size_t count = 0;
  for (const RuleChain& chain : chains) count += chain.rules.size();
  return count;
}

Ruleset campus(std::size_t rules, std::uint64_t seed) {
  Random random(seed);
  Ruleset result;
  RuleChain forward{"FORWARD", {}};
  forward.rules.push_back({Product().where(kState, answers()), kAccept, 0});
  forward.rules.push_back({Product().where(kState, one(kInvalid)), kDrop, 0});
  const std::size_t each = rules / kVlans, hosts = each * 35 / 100;
  for (int vlan = 0; vlan < kVlans; ++vlan) {
    result.chains.push_back(mac_chain(random, vlan, hosts));
    forward.rules.push_back(
        jump(Product().where(kIif, one(vlan_interface(vlan))), result.chains.size() - 1));
  }
  for (int vlan = 0; vlan < kVlans; ++vlan) {
    result.chains.push_back(filter_chain(random, vlan, each - hosts - 5));
    forward.rules.push_back(
        jump(Product().where(kDst, net(vlan_network(vlan), 24)), result.chains.size() - 1));
    // What the hosts of a VLAN may send anywhere.
    forward.rules.push_back({Product()
                                 .where(kSrc, net(vlan_network(vlan), 24))
                                 .where(kOif, one(kUplink))
                                 .where(kProto, one(kTcp))
                                 .where(kDport, ports(random)),
                             kAccept, 0});
  }
  result.chains.push_back(std::move(forward));
  return result;
}

std::uint64_t bridge_of(const DockerShape& shape, int container) {
  return bridge(container / (shape.containers / shape.networks));
}
std::uint64_t address_of(const DockerShape& shape, int container) {
  const int each = shape.containers / shape.networks;
  return 0xac120000 + (static_cast<std::uint64_t>(container / each) << 16) + 2 +
         static_cast<std::uint64_t>(container % each);
}

Ruleset docker20(const DockerShape& shape) {
  Ruleset result;
  result.chains.push_back({"DOCKER-USER", {{Product(), kReturn, 0}}});
  RuleChain second{"DOCKER-ISOLATION-STAGE-2", {}}, first{"DOCKER-ISOLATION-STAGE-1", {}};
  RuleChain forward{"FORWARD", {}};
  forward.rules.push_back(jump(Product(), 0));
  forward.rules.push_back(jump(Product(), 2));
  for (int n = 0; n < shape.networks; ++n) {
    const std::uint64_t on = bridge(n);
    second.rules.push_back({Product().where(kOif, one(on)), kDrop, 0});
    first.rules.push_back(jump(Product().where(kIif, one(on)).where(kOif, not_if(on)), 1));
    forward.rules.push_back({Product().where(kOif, one(on)).where(kState, answers()), kAccept, 0});
    forward.rules.push_back(jump(Product().where(kOif, one(on)), 3));
    forward.rules.push_back({Product().where(kIif, one(on)).where(kOif, not_if(on)), kAccept, 0});
    forward.rules.push_back({Product().where(kIif, one(on)).where(kOif, one(on)), kAccept, 0});
  }
  result.chains.push_back(std::move(second));
  result.chains.push_back(std::move(first));
  result.chains.push_back(docker_chain(shape));
  result.chains.push_back(std::move(forward));
  return result;
}

Ruleset docker29(const DockerShape& shape) {
  Ruleset result;
  result.chains.push_back({"DOCKER-USER", {{Product(), kReturn, 0}}});
  RuleChain ct{"DOCKER-CT", {}}, docker = docker_chain(shape), into{"DOCKER-BRIDGE", {}};
  RuleChain all{"DOCKER-FORWARD", {jump(Product(), 1), jump(Product(), 3)}};
  for (int n = 0; n < shape.networks; ++n) {
    const std::uint64_t on = bridge(n);
    ct.rules.push_back({Product().where(kOif, one(on)).where(kState, answers()), kAccept, 0});
    docker.rules.push_back({Product().where(kIif, not_if(on)).where(kOif, one(on)), kDrop, 0});
    into.rules.push_back(jump(Product().where(kOif, one(on)), 2));
    all.rules.push_back({Product().where(kIif, one(on)), kAccept, 0});
  }
  result.chains.push_back(std::move(ct));
  result.chains.push_back(std::move(docker));
  result.chains.push_back(std::move(into));
  result.chains.push_back(std::move(all));
  result.chains.push_back({"FORWARD", {jump(Product(), 0), jump(Product(), 4)}});
  return result;
}

Ruleset random_rules(std::size_t rules, unsigned fields, unsigned bits, std::uint64_t seed) {
  Random random(seed);
  Ruleset result;
  RuleChain callee{"callee", {}}, base{"base", {}};
  for (std::size_t i = 0; i < rules; ++i) {
    Product match;
    for (unsigned f = 0; f < fields; ++f) {
      if (chance(random, 60)) {
        match.where(FieldId{static_cast<std::uint8_t>(f)}, random_values(random, bits));
      }
    }
    const bool in_callee = chance(random, 40);
    const auto leaf = static_cast<Leaf>(1 + below(random, in_callee ? 4 : 3));
    if (in_callee) {
      callee.rules.push_back({std::move(match), leaf, 0});
    } else {
      base.rules.push_back(chance(random, 20) ? jump(std::move(match), 0)
                                              : ChainRule{std::move(match), leaf, 0});
    }
  }
  result.chains = {std::move(callee), std::move(base)};
  return result;
}

namespace {

Leaf interpret_chain(const Ruleset& ruleset, std::size_t index, const Packet& packet) {
  for (const ChainRule& rule : ruleset.chains[index].rules) {
    if (!rule.match.contains(packet)) continue;
    const Leaf leaf = rule.leaf == kNone ? interpret_chain(ruleset, rule.jump, packet) : rule.leaf;
    if (leaf == kReturn) return kNone;
    if (leaf != kNone) return leaf;
  }
  return kNone;
}

}  // namespace

Leaf interpret(const Ruleset& ruleset, const Packet& packet) {
  const Leaf leaf = interpret_chain(ruleset, ruleset.chains.size() - 1, packet);
  return leaf == kNone ? ruleset.policy : leaf;
}

Result<VerdictMap> compile(const PacketSpace& space, const Ruleset& ruleset) {
  const VerdictMap::Replacement done{kReturn, kNone};
  std::vector<VerdictMap> chains;
  for (const RuleChain& chain : ruleset.chains) {
    std::vector<VerdictMap> maps;
    maps.reserve(chain.rules.size());
    for (const ChainRule& rule : chain.rules) {
      if (rule.leaf != kNone) {
        auto map = space.rule(rule.match, rule.leaf);
        if (!map) return map;
        maps.push_back(*std::move(map));
        continue;
      }
      auto match = space.set(rule.match);
      if (!match) return std::unexpected(match.error());
      auto map = chains[rule.jump].mask(*match);
      if (!map) return map;
      maps.push_back(*std::move(map));
    }
    auto map = space.first_match(maps);
    if (map) map = map->remap(std::span(&done, 1));
    if (!map) return map;
    chains.push_back(*std::move(map));
  }
  return chains.back().over(space.constant(ruleset.policy));
}

// ----------------------------------------------------------------------------------------- packets

PacketSource::PacketSource(const Layout& layout, const Ruleset& ruleset, std::uint64_t seed)
    : layout_(&layout), interesting_(layout.size()), state_(seed * 2 + 1) {
  for (const RuleChain& chain : ruleset.chains) {
    for (const ChainRule& rule : chain.rules) {
      for (const Product::Part& part : rule.match.parts()) {
        for (const Interval& i : part.values.intervals()) {
          for (const std::uint64_t v : {i.first, i.last, i.first - 1, i.last + 1}) {
            interesting_[part.field.index].push_back(v & max_value(layout.bits(part.field)));
          }
        }
      }
    }
  }
}

std::uint64_t PacketSource::random() {  // splitmix64
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Packet PacketSource::next() {
  Packet packet = layout_->packet();
  for (std::size_t f = 0; f < interesting_.size(); ++f) {
    const FieldId field{static_cast<std::uint8_t>(f)};
    const auto& values = interesting_[f];
    packet[field] = !values.empty() && random() % 8 != 0
                        ? values[random() % values.size()]
                        : random() & max_value(layout_->bits(field));
  }
  return packet;
}

}  // namespace bulkhead::packet::testing
