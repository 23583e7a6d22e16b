#include "verify/odd_rules.h"

#include <algorithm>
#include <iterator>
#include <random>

#include "trace/net.h"

namespace bulkhead::verify::testing {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::MetaKey;
using model::NatKind;
using model::VerdictKind;
using Statements = std::vector<model::Statement>;

class OddRules {
 public:
  OddRules(const reach::testing::RandomNet& on, std::uint32_t seed)
      : ports_(on.ports), random_(seed * 7 + 3) {
    std::ranges::copy_if(on.addresses, std::back_inserter(known_), [](const IpAddress& a) {
      return a.is_v4() && !a.is_loopback() && !a.is_unspecified();
    });
  }
  [[nodiscard]] bool knows_any() const { return !known_.empty(); }
  bool one_in(unsigned n) { return random_() % n == 0; }

  model::Table table() {
    if (one_in(2)) writing();
    if (one_in(2)) translating_destinations();
    if (one_in(2)) translating_sources();
    for (const Hook hook : {Hook::kForward, Hook::kInput, Hook::kOutput, Hook::kPostrouting}) {
      if (one_in(hook == Hook::kForward ? 2 : 4)) filtering(hook);
    }
    std::vector<model::Rule> rules;
    for (int i = 0; i < 6; ++i) {
      Statements asks = some();
      asks.push_back(verdict());
      rules.push_back(rule(std::move(asks)));
    }
    chains_.push_back(chain("sub", std::move(rules)));
    model::Table out = trace::testing::table(model::NfFamily::kIp, std::move(chains_));
    out.name = "odd";
    chains_.clear();
    return out;
  }

 private:
  Bytes any() { return address(known_[random_() % known_.size()].to_string()); }
  Bytes port() { return be16(ports_[random_() % ports_.size()]); }
  Bytes network() { return bytes({10, 1 + static_cast<int>(random_() % 3), 0}); }
  model::Statement mark() { return set_mark(1 + static_cast<std::uint32_t>(random_() % 2)); }

  Statements some() {
    Statements asks;
    if (one_in(3)) asks.push_back(is(net(12, 4), any()));
    if (one_in(3)) asks.push_back(is(net(16, 4), any()));
    if (one_in(4)) asks.push_back(is(th(2, 2), port()));
    if (one_in(4)) asks.push_back(is(net(16, 3), network()));
    if (one_in(6)) asks.push_back(is(meta(MetaKey::kMark), le32(1 + random_() % 2)));
    if (one_in(8)) asks.push_back(is(meta(MetaKey::kIifname), name(one_in(2) ? "br0" : "br1")));
    return asks;
  }
  model::Statement verdict() {
    switch (random_() % 5) {
      case 0: return accept();
      case 1: return mark();
      case 2: return go(VerdictKind::kReturn);
      default: return drop();
    }
  }
  model::Statement written() {
    using Base = model::PayloadBase;
    switch (random_() % 6) {
      case 0: return model::SetPayload{{Base::kNetwork, 16, 4}, constant(any())};
      case 1: return model::SetPayload{{Base::kNetwork, 16, 3}, constant(network())};
      case 2: return model::SetPayload{{Base::kNetwork, 12, 4}, constant(any())};
      case 3: return model::SetPayload{{Base::kTransport, 2, 2}, constant(port())};
      case 4: return verdict();
      default: return mark();
    }
  }

  void writing() {
    std::vector<model::Rule> rules;
    for (int i = 0; i < 3; ++i) {
      Statements asks = some();
      asks.push_back(written());
      rules.push_back(rule(std::move(asks)));
    }
    chains_.push_back(base("pre", Hook::kPrerouting, one_in(2) ? -150 : -50, std::move(rules)));
  }
  void translating_destinations() {
    std::vector<model::Rule> rules;
    for (int i = 0; i < 3; ++i) {
      Statements asks = some();
      asks.insert(asks.begin(), is(meta(MetaKey::kL4proto), bytes({one_in(3) ? 17 : 6})));
      model::Nat nat;
      nat.kind = NatKind::kDnat;
      nat.family = IpFamily::kV4;
      if (one_in(3)) {
        nat.flags = 1U << 6;  // NETMAP
        nat.address = constant(address("10.1.0.0"));
        nat.address_max = constant(bytes({10, 1, 0, one_in(2) ? 3 : 7}));
      } else {
        nat.address = constant(any());
      }
      asks.push_back(nat);
      rules.push_back(rule(std::move(asks)));
    }
    chains_.push_back(base("dnat", one_in(3) ? Hook::kOutput : Hook::kPrerouting, -101,
                           std::move(rules), VerdictKind::kAccept, model::ChainType::kNat));
  }
  void translating_sources() {
    std::vector<model::Rule> rules;
    for (int i = 0; i < 2; ++i) {
      Statements asks = some();
      model::Nat nat;
      nat.kind = one_in(3) ? NatKind::kMasquerade : NatKind::kSnat;
      nat.family = IpFamily::kV4;
      if (nat.kind == NatKind::kSnat) nat.address = constant(any());
      asks.push_back(nat);
      rules.push_back(rule(std::move(asks)));
    }
    chains_.push_back(base("snat", Hook::kPostrouting, 99, std::move(rules), VerdictKind::kAccept,
                           model::ChainType::kNat));
  }
  void filtering(Hook hook) {
    std::vector<model::Rule> rules;
    for (int i = 0; i < 4; ++i) {
      Statements asks = some();
      if (one_in(3)) {  // whether its source, or its destination, is translated
        const Bytes status = le32(one_in(3) ? 16 : 32);
        asks.insert(asks.begin(), is_not(masked(ct(model::CtKey::kStatus), status), le32(0)));
      }
      asks.push_back(one_in(3) && i < 3 ? jump("sub") : verdict());
      rules.push_back(rule(std::move(asks)));
    }
    chains_.push_back(base("odd" + std::to_string(static_cast<int>(hook)), hook,
                           one_in(2) ? -9 : 150, std::move(rules),
                           one_in(2) ? VerdictKind::kDrop : VerdictKind::kAccept));
  }

  std::vector<std::uint16_t> ports_;
  std::vector<IpAddress> known_;
  std::mt19937 random_;
  std::vector<model::Chain> chains_;
};

}  // namespace

void add_odd_rules(reach::testing::RandomNet& on, std::uint32_t seed) {
  OddRules odd(on, seed);
  if (!odd.knows_any()) return;
  for (const model::NsId ns : on.machines) {
    if (ns != on.snapshot.host && !odd.one_in(4)) continue;
    on.snapshot.namespaces[ns.value].ruleset.tables.push_back(odd.table());
  }
}

}  // namespace bulkhead::verify::testing
