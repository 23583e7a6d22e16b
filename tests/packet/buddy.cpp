#include "packet/buddy.h"

#include <utility>

namespace bulkhead::packet::testing {

Buddy::Buddy(const Layout& layout, int nodes, int cache)
    : layout_(&layout), first_variable_(layout.size()) {
  int variables = 0;
  for (const FieldId field : layout.order()) {
    first_variable_[field.index] = variables;
    variables += static_cast<int>(layout.bits(field));
  }
  bdd_init(nodes, cache);
  bdd_gbc_hook(nullptr);  // which would print
  bdd_setvarnum(variables);
}

Buddy::~Buddy() {
  intervals_.clear();
  bdd_done();
}

void Buddy::forget() {
  intervals_.clear();
  bdd_gbc();
}

bdd Buddy::interval(FieldId field, const Interval& interval) {
  const auto [at, is_new] =
      intervals_.try_emplace({field.index, {interval.first, interval.last}}, bddtrue);
  if (!is_new) return at->second;
  bdd at_least = bddtrue, at_most = bddtrue;
  const int bits = static_cast<int>(layout_->bits(field));
  for (int bit = 0; bit < bits; ++bit) {  // from the least significant up
    const int variable = first_variable_[field.index] + bits - 1 - bit;
    at_least = (interval.first >> bit & 1) != 0 ? bdd_ithvar(variable) & at_least
                                                : bdd_ithvar(variable) | at_least;
    at_most = (interval.last >> bit & 1) != 0 ? bdd_nithvar(variable) | at_most
                                              : bdd_nithvar(variable) & at_most;
  }
  return at->second = at_least & at_most;
}

bdd Buddy::product(const Product& product) {
  bdd result = bddtrue;
  // From the bottom of the order up: conjunctions then stay short.
  for (std::size_t level = layout_->size(); level-- > 0;) {
    const FieldId field = layout_->order()[level];
    const IntervalSet* values = product.find(field);
    if (values == nullptr) continue;
    bdd some = bddfalse;
    for (const Interval& i : values->intervals()) some |= interval(field, i);
    result = some & result;
  }
  return result;
}

Buddy::Chain Buddy::merged(std::span<const Chain> rules) const {
  if (rules.empty()) return {bddfalse, bddfalse, bddfalse};
  if (rules.size() == 1) return rules[0];
  const Chain a = merged(rules.first(rules.size() / 2));
  const Chain b = merged(rules.subspan(rules.size() / 2));
  const auto over = [&](const bdd& x, const bdd& y) {
    return y == bddfalse ? x : x | bdd_apply(y, a.decided, bddop_diff);
  };
  return {over(a.accept, b.accept), a.decided | b.decided, over(a.returned, b.returned)};
}

bdd Buddy::accepted(const Ruleset& ruleset) {
  std::vector<Chain> chains;
  for (const RuleChain& chain : ruleset.chains) {
    std::vector<Chain> rules;
    for (const ChainRule& rule : chain.rules) {
      const bdd match = product(rule.match);
      if (rule.leaf == kNone) {
        const Chain& callee = chains[rule.jump];
        rules.push_back({match & callee.accept, match & callee.decided, bddfalse});
      } else {
        rules.push_back({rule.leaf == kAccept ? match : bdd(bddfalse), match,
                         rule.leaf == kReturn ? match : bdd(bddfalse)});
      }
    }
    Chain whole = merged(rules);
    whole.decided = bdd_apply(whole.decided, whole.returned, bddop_diff);
    chains.push_back(std::move(whole));
  }
  const Chain& base = chains.back();
  return ruleset.policy == kAccept ? base.accept | !base.decided : base.accept;
}

bool Buddy::contains(const bdd& set, const Packet& packet) const {
  // Follows the variables; a copy of the handle at each step is fast enough for a test.
  std::vector<bool> values;
  for (const FieldId field : layout_->order()) {
    for (unsigned bit = layout_->bits(field); bit-- > 0;) {
      values.push_back((packet[field] >> bit & 1) != 0);
    }
  }
  bdd at = set;
  while (at != bddtrue && at != bddfalse) {
    at = values[static_cast<std::size_t>(bdd_var(at))] ? bdd_high(at) : bdd_low(at);
  }
  return at == bddtrue;
}

}  // namespace bulkhead::packet::testing
