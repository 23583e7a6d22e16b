// Matches of nf_tables: net/netfilter/nft_cmp.c, nft_range.c, nft_lookup.c.
#include <algorithm>

#include "base/text.h"
#include "reach/chain/context.h"

namespace bulkhead::reach::chains {
namespace {

using model::CompareOp;

// Where some packet's value fulfils `test`, which is asked about each value that there may be.
template <class Test>
Result<Condition> over(const Here& here, const Cases& cases, Test test) {
  std::vector<Condition> out;
  for (const Case& c : cases) {
    std::vector<Condition> some;
    for (const Value& value : c.alternatives) {
      auto one = test(value);
      if (!one) return one;
      some.push_back(*std::move(one));
    }
    Condition all = Condition::certain(c.where);
    if (some.size() == 1) {
      all.and_also(some[0]);
    } else {  // it is not known which: surely only where each of them holds
      auto possible = any_of(here.context.space, some);
      if (!possible) return possible;
      Cube surely = c.where;
      for (const Condition& s : some) surely.and_also(s.yes);
      Cube maybe = c.where;
      maybe.and_also(possible->at_most());
      all = Condition{std::move(surely), true, std::move(maybe), c.alternatives[0].why};
    }
    out.push_back(std::move(all));
  }
  if (out.size() == 1) return std::move(out[0]);
  return any_of(here.context.space, out);
}

Result<Condition> turned(const Here& here, Result<Condition> c) {
  return c ? complement(here.context.space, *c) : c;
}

Result<Condition> compared(const Here& here, const model::Compare& s, const Value& left) {
  const ReasonId why = left.why != ReasonId{} ? left.why
                                              : here.reason("a comparison longer than its value");
  const Solver& solver = here.context.solver;
  const Bytes least(s.right.size(), 0), most(s.right.size(), 0xff);
  switch (s.op) {
    case CompareOp::kEqual: return solver.equal(left.bits, s.right, why);
    case CompareOp::kNotEqual: return turned(here, solver.equal(left.bits, s.right, why));
    case CompareOp::kLess: return turned(here, solver.within(left.bits, s.right, most, why));
    case CompareOp::kLessEqual: return solver.within(left.bits, least, s.right, why);
    case CompareOp::kGreater: return turned(here, solver.within(left.bits, least, s.right, why));
    case CompareOp::kGreaterEqual: return solver.within(left.bits, s.right, most, why);
  }
  return Condition::never();
}

}  // namespace

Result<Condition> holds(const Here& here, const model::Compare& s) {
  const auto cases = evaluate(here, s.left);
  if (!cases) return std::unexpected(cases.error());
  return over(here, *cases, [&](const Value& left) { return compared(here, s, left); });
}

Result<Condition> holds(const Here& here, const model::InRange& s) {
  const auto cases = evaluate(here, s.left);
  if (!cases) return std::unexpected(cases.error());
  Bytes first = s.first, last = s.last;  // of different lengths: the shorter one's rest is open
  const std::size_t width = std::max(first.size(), last.size());
  first.resize(width, 0);
  last.resize(width, 0xff);
  return over(here, *cases, [&](const Value& left) -> Result<Condition> {
    const ReasonId why = left.why != ReasonId{} ? left.why
                                                : here.reason("a comparison longer than its value");
    auto inside = here.context.solver.within(left.bits, first, last, why);
    return s.inverted ? turned(here, std::move(inside)) : inside;
  });
}

Result<Condition> holds(const Here& here, const model::InSet& s) {
  const auto cases = evaluate(here, s.key);
  if (!cases) return std::unexpected(cases.error());
  const SetInfo* info = here.set(s.set);
  const ReasonId name = here.reason("set " + escape_text(s.set));
  return over(here, *cases, [&](const Value& key) -> Result<Condition> {
    if (info == nullptr || info->filled_by_rules) return Condition::maybe(Cube(), name);
    const auto hits = look_up(here, *info->definition, key);
    if (!hits) return std::unexpected(hits.error());
    if (hits->doubt) return Condition::maybe(Cube(), key.why != ReasonId{} ? key.why : name);
    if (hits->otherwise != nullptr) return s.inverted ? Condition::never() : Condition::always();
    std::vector<Cube> in;
    for (const Hit& hit : hits->hits) in.push_back(hit.where);
    auto found = any_of(here.context.space, in);
    if (!found) return std::unexpected(found.error());
    auto out = Condition::certain(*std::move(found));
    return s.inverted ? turned(here, std::move(out)) : std::move(out);
  });
}

}  // namespace bulkhead::reach::chains
