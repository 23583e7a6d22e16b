// Operations on two functions: walk both from the top, cut each field at the ends of both, and
// build the result from the bottom. What was computed is remembered.
#include <algorithm>

#include "packet/operations.h"

namespace bulkhead::packet {
namespace {

constexpr Id kUnknown = kFailed;  // of a short cut: look further

// An Operation has kTag, kCommutes and static Id short_cut(store, a, b), which must answer when
// both are leaves.
template <class Operation>
Id apply(Store& store, const Operation& operation, Id a, Id b);

template <class Operation>
Id walk(Store& store, const Operation& operation, Id a, Id b, unsigned level_a, unsigned level_b) {
  const unsigned level = std::min(level_a, level_b);
  const std::size_t base = store.open();
  const auto add = [&](std::uint64_t last, Id x, Id y) {
    const Id result = apply(store, operation, x, y);
    if (result == kFailed) return false;
    store.push(base, last, result);
    return true;
  };
  if (level_a < level_b) {
    for (std::uint32_t i = 0, n = store.count(a); i < n; ++i) {
      if (!add(store.last(a, i), store.child(a, i), b)) return store.abandon(base);
    }
  } else if (level_b < level_a) {
    for (std::uint32_t i = 0, n = store.count(b); i < n; ++i) {
      if (!add(store.last(b, i), a, store.child(b, i))) return store.abandon(base);
    }
  } else {
    const std::uint32_t count_a = store.count(a), count_b = store.count(b);
    for (std::uint32_t i = 0, j = 0; i < count_a && j < count_b;) {
      const std::uint64_t end_a = store.last(a, i), end_b = store.last(b, j);
      const std::uint64_t last = std::min(end_a, end_b);
      if (!add(last, store.child(a, i), store.child(b, j))) return store.abandon(base);
      i += end_a == last;
      j += end_b == last;
    }
  }
  return store.close(base, level);
}

template <class Operation>
Id apply(Store& store, const Operation& operation, Id a, Id b) {
  if (const Id known = operation.short_cut(store, a, b); known != kUnknown) return known;
  if (operation.kCommutes && a > b) std::swap(a, b);
  const std::uint32_t tag = operation.tag();
  if (const Id known = store.cached(tag, a, b); known != kFailed) return known;
  if (!store.step()) return kFailed;
  const Id result = walk(store, operation, a, b, store.level(a), store.level(b));
  if (result != kFailed) store.remember(tag, a, b, result);
  return result;
}

template <std::uint32_t Tag, bool Commutes>
struct Fixed {
  static constexpr bool kCommutes = Commutes;
  static constexpr std::uint32_t tag() { return Tag; }
};

struct Over : Fixed<1, false> {
  static Id short_cut(const Store& store, Id a, Id b) {
    if (a == kNoneId) return b;
    if (b == kNoneId || a == b || store.total(a)) return a;
    return kUnknown;
  }
};

struct Mask : Fixed<2, false> {
  static Id short_cut(const Store&, Id set, Id map) {
    if (set == kOut || map == kNoneId) return kNoneId;
    if (set == kIn || set == map) return map;
    return kUnknown;
  }
};

struct Subtract : Fixed<3, false> {
  static Id short_cut(const Store&, Id a, Id b) {
    if (a == kOut || b == kIn || a == b) return kOut;
    return b == kOut ? a : kUnknown;
  }
};

// Questions build a constant, so a walk of them stops where the answer is known: see below.
struct Disjoint : Fixed<4, true> {
  static Id short_cut(const Store&, Id a, Id b) {
    if (a == kOut || b == kOut) return kIn;
    // A node is neither empty nor full, so a full set meets it.
    return a == kIn || b == kIn || a == b ? kOut : kUnknown;
  }
};

struct Subset : Fixed<5, false> {
  static Id short_cut(const Store&, Id a, Id b) {
    if (a == kOut || b == kIn || a == b) return kIn;
    return a == kIn || b == kOut ? kOut : kUnknown;
  }
};

struct Combine {
  static constexpr bool kCommutes = false;
  const LeafOperation* operation;
  std::uint32_t lasting_tag;
  [[nodiscard]] std::uint32_t tag() const { return lasting_tag; }
  [[nodiscard]] Id short_cut(const Store&, Id a, Id b) const {
    if (!is_leaf(a) || !is_leaf(b)) return kUnknown;
    return leaf_id((*operation)(leaf_of(a), leaf_of(b)));
  }
};

// Is Question kIn for every pair of children that some packet reaches? Stops at the first kOut.
template <class Question>
Id ask(Store& store, Id a, Id b) {
  if (const Id known = Question::short_cut(store, a, b); known != kUnknown) return known;
  if (Question::kCommutes && a > b) std::swap(a, b);
  if (const Id known = store.cached(Question::tag(), a, b); known != kFailed) return known;
  if (!store.step()) return kFailed;
  const unsigned level = std::min(store.level(a), store.level(b));
  const bool in_a = store.level(a) == level, in_b = store.level(b) == level;
  const std::uint32_t count_a = in_a ? store.count(a) : 1, count_b = in_b ? store.count(b) : 1;
  Id result = kIn;
  for (std::uint32_t i = 0, j = 0; result == kIn && i < count_a && j < count_b;) {
    const std::uint64_t end_a = in_a ? store.last(a, i) : store.greatest(level);
    const std::uint64_t end_b = in_b ? store.last(b, j) : store.greatest(level);
    result = ask<Question>(store, in_a ? store.child(a, i) : a, in_b ? store.child(b, j) : b);
    i += end_a <= end_b;
    j += end_b <= end_a;
  }
  if (result != kFailed) store.remember(Question::tag(), a, b, result);
  return result;
}

}  // namespace

Id over(Store& store, Id a, Id b) {
  return apply(store, Over{}, a, b);
}
Id mask(Store& store, Id set, Id map) {
  return apply(store, Mask{}, set, map);
}
Id subtract(Store& store, Id a, Id b) {
  return apply(store, Subtract{}, a, b);
}
Id are_disjoint(Store& store, Id a, Id b) {
  return ask<Disjoint>(store, a, b);
}
Id is_subset(Store& store, Id a, Id b) {
  return ask<Subset>(store, a, b);
}
Id combine(Store& store, std::uint32_t tag, const LeafOperation& operation, Id a, Id b) {
  return apply(store, Combine{&operation, tag}, a, b);
}

Id first_match(Store& store, std::span<const Id> ids) {
  if (ids.empty()) return kNoneId;
  if (ids.size() == 1) return ids[0];
  const std::size_t half = ids.size() / 2;
  const Id front = first_match(store, ids.first(half));
  if (front == kFailed) return kFailed;
  const Id back = first_match(store, ids.subspan(half));
  return back == kFailed ? kFailed : over(store, front, back);
}

}  // namespace bulkhead::packet
