// The same rulesets as binary decision diagrams of BuDDy, as an oracle and to measure against. One
// variable per bit, most significant first, fields in the order of a layout; chains are merged in
// halves as the product does it. BuDDy is global: one Buddy at a time.
#pragma once

#include <bdd.h>

#include <map>
#include <span>
#include <vector>

#include "packet/rulesets.h"

namespace bulkhead::packet::testing {

class Buddy {
 public:
  // Sized in advance: no table grows and nothing is collected while a ruleset is built.
  Buddy(const Layout& layout, int nodes, int cache);
  ~Buddy();
  Buddy(const Buddy&) = delete;
  Buddy& operator=(const Buddy&) = delete;

  // The packets that the ruleset accepts.
  [[nodiscard]] bdd accepted(const Ruleset& ruleset);
  [[nodiscard]] bool contains(const bdd& set, const Packet& packet) const;
  [[nodiscard]] bdd product(const Product& product);
  // Forgets all but what is held outside, and the caches.
  void forget();

 private:
  struct Chain {  // decided: some verdict, RETURN included
    bdd accept, decided, returned;
  };
  [[nodiscard]] Chain merged(std::span<const Chain> rules) const;
  [[nodiscard]] bdd interval(FieldId field, const Interval& interval);

  const Layout* layout_;
  std::vector<int> first_variable_;  // by field
  std::map<std::pair<std::uint8_t, std::pair<std::uint64_t, std::uint64_t>>, bdd> intervals_;
};

}  // namespace bulkhead::packet::testing
