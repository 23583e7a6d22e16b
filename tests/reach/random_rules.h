// Random rulesets of every kind of statement, and packets that are drawn to their boundaries.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "reach/compare.h"

namespace bulkhead::reach::testing {

// What a ruleset may be made of: from plain comparisons up.
struct Kinds {
  bool sets = false, xt = false, effects = false, may = false, routes = false;
  bool nat = false;  // chains of the NAT core
};

inline constexpr std::size_t kUserChains = 3;
const std::vector<std::uint32_t>& some_protocols();
Bytes plus(Bytes bytes, int step);  // in memcmp order

// The same seed draws the same with every compiler: of several draws each is a statement of its
// own, or stands in braces, which are evaluated in order (arguments of a function are not).
class RandomRules {
 public:
  RandomRules(std::uint32_t seed, IpFamily family, HookPoint point, Kinds kinds);

  model::Ruleset ruleset();
  packet::Packet packet(const Fields& fields, const Links& links);

 private:
  struct Drawn {  // a term, its width, and values near which it may lie
    model::Term term;
    std::size_t width = 0;
    std::function<Bytes()> value;
  };
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(static_cast<std::uint32_t>(list.size()))];
  }
  Bytes address();
  IpAddress ip_address();
  std::uint16_t port();
  std::uint32_t mark();
  std::string name();

  Drawn payload();
  Drawn meta();
  Drawn ct();
  Drawn leaf();
  Drawn term(unsigned depth);
  Bytes data(std::uint32_t length);
  model::SetDef set_for(const Drawn& key, bool verdicts, std::uint32_t data_length,
                        std::size_t chain);
  model::Verdict verdict(std::size_t chain);

  model::Statement match();
  model::Statement nft_match();
  model::Statement xt_match();
  model::Statement conntrack();
  model::Statement ipset_match();
  model::Statement header();
  model::Statement change();
  model::Statement xt_change();
  model::Statement nat();
  model::Statement decision(std::size_t chain);
  model::Rule rule(std::size_t chain);
  model::Table table();

  std::mt19937 random_;
  IpFamily family_;
  HookPoint point_;
  Kinds kinds_;
  std::vector<model::SetDef> sets_;
  std::vector<model::IpSet> ipsets_;
  std::uint64_t next_ = 0;
};

}  // namespace bulkhead::reach::testing
