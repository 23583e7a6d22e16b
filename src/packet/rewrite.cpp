// Rewriting: a packet set seen from before a rewrite (preimage: substitute the new value into the
// function) and from behind it (image: forget the old value, then fix the new one).
#include <algorithm>
#include <string>
#include <unordered_map>

#include "base/text.h"
#include "packet/operations.h"

namespace bulkhead::packet {
namespace {

// Copy as a relation between two fields holds a node edge for each value.
constexpr unsigned kMaxRelationBits = 12;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

std::string shown(const Layout& layout, FieldId field) {
  return "field \"" + escape_text(layout.name(field)) + "\"";
}

FieldId changed_field(const RewriteStep& step) {
  return std::visit(Overloaded{[](const Copy& copy) { return copy.to; },
                               [](const auto& other) { return other.field; }},
                    step);
}

std::vector<bool> only(const Store& store, unsigned level) {
  std::vector<bool> levels(store.levels(), false);
  levels[level] = true;
  return levels;
}

// The assignments that begin at `at`, as many as follow one another.
std::vector<Assign> assignments(const Rewrite& rewrite, std::size_t at) {
  std::vector<Assign> result;
  for (; at < rewrite.size(); ++at) {
    const Assign* assign = std::get_if<Assign>(&rewrite[at]);
    if (assign == nullptr) break;
    result.push_back(*assign);
  }
  return result;
}

// The packets whose field `a` equals their field `b`.
Id equal_fields(Store& store, unsigned a, unsigned b) {
  const unsigned upper = std::min(a, b), lower = std::max(a, b);
  std::vector<Edge> outer;
  for (std::uint64_t value = 0; value <= store.greatest(upper); ++value) {
    std::vector<Edge> inner;
    if (value > 0) inner.push_back({value - 1, kOut});
    inner.push_back({value, kIn});
    if (value < store.greatest(lower)) inner.push_back({store.greatest(lower), kOut});
    const Id child = store.make(lower, inner);
    if (child == kFailed) return kFailed;
    outer.push_back({value, child});
  }
  return store.make(upper, outer);
}

// The set with the old value of the field forgotten, cut to what `fix` holds.
Id replaced(Store& store, Id set, const std::vector<bool>& levels, Id fix) {
  if (fix == kFailed) return kFailed;
  const Id forgotten = project(store, set, levels, nullptr);
  return forgotten == kFailed ? kFailed : mask(store, fix, forgotten);
}

Id assigned(Store& store, Id set, const std::vector<Assign>& values) {
  std::vector<bool> levels(store.levels(), false);
  Product fix;
  for (const LevelValue& v : level_values(store.layout(), values)) {
    levels[v.level] = true;
    fix.where(store.layout().order()[v.level], IntervalSet::single(v.value));
  }
  return replaced(store, set, levels, store.product(fix, kIn));
}

Id image_of_step(Store& store, Id set, const RewriteStep& step) {
  const Layout& layout = store.layout();
  const unsigned level = layout.level(changed_field(step));
  return std::visit(
      Overloaded{[&](const Assign& assign) { return assigned(store, set, {assign}); },
                 [&](const Choose& choose) {
                   const Product fix = Product().where(choose.field, choose.values);
                   return replaced(store, set, only(store, level), store.product(fix, kIn));
                 },
                 [&](const Offset& offset) { return shift(store, set, level, ~offset.delta + 1); },
                 [&](const Invert&) { return invert(store, set, level); },
                 [&](const Copy& copy) {
                   if (copy.to == copy.from) return set;
                   return replaced(store, set, only(store, level),
                                   equal_fields(store, level, layout.level(copy.from)));
                 }},
      step);
}

Id preimage_of_step(Store& store, Id id, const RewriteStep& step) {
  const Layout& layout = store.layout();
  const unsigned level = layout.level(changed_field(step));
  return std::visit(
      Overloaded{
          [&](const Assign& assign) { return cofactor(store, id, {{level, assign.value}}); },
          [&](const Choose& choose) {
            return project(store, id, only(store, level), &choose.values);
          },
          [&](const Offset& offset) { return shift(store, id, level, offset.delta); },
          [&](const Invert&) { return invert(store, id, level); },
          [&](const Copy& copy) { return copied(store, id, level, layout.level(copy.from)); }},
      step);
}

// A function seen from before a chain whose leaves rewrite.
//
// Chain and function are walked together as long as they stand on fields that no action touches:
// there the packet is the same before and behind. From the first touched field on, the chain's
// leaves are replaced by what their actions make of the function that was reached.
class Before {
 public:
  Before(Store& store, std::span<const VerdictMap::LeafAction> actions)
      : store_(store), cofactors_(store), tag_(store.fresh_tag()), touched_(store.levels(), false) {
    for (const VerdictMap::LeafAction& action : actions) {
      for (const RewriteStep& step : action.rewrite) touch(step);
      const std::vector<Assign> values = assignments(action.rewrite, 0);
      const bool only_assigns = values.size() == action.rewrite.size();
      actions_.try_emplace(action.leaf,
                           Action{only_assigns ? nullptr : &action.rewrite,
                                  cofactors_.fix(level_values(store.layout(), values))});
    }
  }

  Id operator()(Id chain, Id function) {
    if (is_leaf(chain)) return acted(leaf_of(chain), function);
    if (const Id known = store_.cached(tag_, chain, function); known != kFailed) return known;
    if (!store_.step()) return kFailed;
    const unsigned level = std::min(store_.level(chain), store_.level(function));
    const Id result =
        touched_[level] ? replaced_leaves(chain, function) : together(chain, function, level);
    if (result != kFailed) store_.remember(tag_, chain, function, result);
    return result;
  }

 private:
  struct Action {
    const Rewrite* rewrite = nullptr;  // null: the assignments are all
    Cofactors::Fixed assigned;
  };

  void touch(const RewriteStep& step) {
    touched_[store_.layout().level(changed_field(step))] = true;
    if (const Copy* copy = std::get_if<Copy>(&step)) {
      touched_[store_.layout().level(copy->from)] = true;
    }
  }

  Id acted(Leaf leaf, Id function) {
    const auto action = actions_.find(leaf);
    if (action == actions_.end()) return function;
    const Rewrite* rewrite = action->second.rewrite;
    return rewrite != nullptr ? preimage(store_, function, *rewrite)
                              : cofactors_(function, action->second.assigned);
  }

  Id replaced_leaves(Id chain, Id function) {
    return select(store_, chain, [&](Leaf leaf) { return acted(leaf, function); });
  }

  Id together(Id chain, Id function, unsigned level) {
    const bool cut_chain = store_.level(chain) == level;
    const bool cut_function = store_.level(function) == level;
    const std::size_t base = store_.open();
    for (std::uint32_t i = 0, j = 0;;) {
      const std::uint64_t end_i = cut_chain ? store_.last(chain, i) : store_.greatest(level);
      const std::uint64_t end_j = cut_function ? store_.last(function, j) : store_.greatest(level);
      const std::uint64_t last = std::min(end_i, end_j);
      const Id child = (*this)(cut_chain ? store_.child(chain, i) : chain,
                               cut_function ? store_.child(function, j) : function);
      if (child == kFailed) return store_.abandon(base);
      store_.push(base, last, child);
      if (last == store_.greatest(level)) return store_.close(base, level);
      i += end_i == last;
      j += end_j == last;
    }
  }

  Store& store_;
  Cofactors cofactors_;
  std::uint32_t tag_;
  std::vector<bool> touched_;
  std::unordered_map<Leaf, Action> actions_;
};

Status check_step(const Layout& layout, const RewriteStep& step, bool choose_allowed) {
  const FieldId field = changed_field(step);
  if (const Choose* choose = std::get_if<Choose>(&step)) {
    if (!choose_allowed) {
      return fail(ErrorCode::kUnsupported,
                  shown(layout, field) + ": a map has no one verdict for a value that is chosen");
    }
    if (choose->values.intersect(IntervalSet::full(layout.bits(field))).empty()) {
      return fail(ErrorCode::kInvalidInput, shown(layout, field) + ": no value to choose from");
    }
  }
  const Assign* assign = std::get_if<Assign>(&step);
  if (assign != nullptr && assign->value > max_value(layout.bits(field))) {
    return fail(ErrorCode::kInvalidInput,
                shown(layout, field) + " does not hold " + std::to_string(assign->value));
  }
  const Copy* copy = std::get_if<Copy>(&step);
  if (copy != nullptr && layout.bits(copy->to) != layout.bits(copy->from)) {
    return fail(ErrorCode::kInvalidInput,
                shown(layout, field) + " is not as wide as " + shown(layout, copy->from));
  }
  return {};
}

}  // namespace

Status check(const Layout& layout, const Rewrite& rewrite, bool choose_allowed) {
  for (const RewriteStep& step : rewrite) {
    if (auto good = check_step(layout, step, choose_allowed); !good) return good;
  }
  return {};
}

Status check_image(const Layout& layout, const Rewrite& rewrite) {
  if (auto good = check(layout, rewrite, true); !good) return good;
  for (const RewriteStep& step : rewrite) {
    const Copy* copy = std::get_if<Copy>(&step);
    if (copy != nullptr && layout.bits(copy->from) > kMaxRelationBits) {
      return fail(ErrorCode::kUnsupported, shown(layout, copy->from) +
                                               ": a set of packets with two equal fields needs a "
                                               "field of at most " +
                                               std::to_string(kMaxRelationBits) + " bits");
    }
  }
  return {};
}

Id preimage(Store& store, Id id, const Rewrite& rewrite) {
  for (std::size_t end = rewrite.size(); end > 0 && id != kFailed;) {
    std::size_t begin = end;
    while (begin > 0 && std::holds_alternative<Assign>(rewrite[begin - 1])) --begin;
    if (begin < end) {
      const std::vector<Assign> run = assignments(rewrite, begin);
      id = cofactor(store, id, level_values(store.layout(), std::span(run).first(end - begin)));
      end = begin;
    } else {
      id = preimage_of_step(store, id, rewrite[--end]);
    }
  }
  return id;
}

Id before(Store& store, Id id, Id chain, std::span<const VerdictMap::LeafAction> actions) {
  return Before(store, actions)(chain, id);
}

Id image(Store& store, Id set, const Rewrite& rewrite) {
  for (std::size_t at = 0; at < rewrite.size() && set != kFailed;) {
    const std::vector<Assign> run = assignments(rewrite, at);
    if (run.empty()) {
      set = image_of_step(store, set, rewrite[at++]);
    } else {
      set = assigned(store, set, run);
      at += run.size();
    }
  }
  return set;
}

}  // namespace bulkhead::packet
