// Every set of a tiny universe, every pair of them, every operation: against truth tables.
#include <gtest/gtest.h>

#include <bit>
#include <functional>

#include "packet/truth_table.h"

namespace bulkhead::packet {
namespace {

using testing::Tiny;

// Each set from the one without its lowest packet.
std::vector<PacketSet> all_sets(const Tiny& tiny) {
  std::vector<PacketSet> singles, sets{tiny.space.none()};
  for (unsigned i = 0; i < tiny.packets(); ++i) singles.push_back(tiny.single(i));
  for (std::uint64_t t = 1; t < tiny.tables(); ++t) {
    const auto lowest = static_cast<std::size_t>(std::countr_zero(t));
    sets.push_back(*sets[t & (t - 1)].unite(singles[lowest]));
  }
  return sets;
}

TEST(TinyUniverse, EverySetOfTwoFieldsOfTwoBitsHoldsItsPacketsAndHasItsOwnReference) {
  for (bool b_first : {false, true}) {
    const Tiny tiny(2, 2, b_first);
    const std::vector<PacketSet> sets = all_sets(tiny);
    for (std::uint64_t t = 0; t < tiny.tables(); ++t) {
      ASSERT_EQ(tiny.table(sets[t]), t);
      ASSERT_EQ(sets[t].count(), std::popcount(t));
      ASSERT_EQ(sets[t].empty(), t == 0);
      ASSERT_EQ(sets[t].full(), t == tiny.tables() - 1);
      ASSERT_EQ(*sets[t].complement(), sets[~t & (tiny.tables() - 1)]);
    }
    // Equal content in another way gives the equal reference: the complement of the complement's
    // products, and so on; here the union in falling order.
    for (std::uint64_t t = 0; t < tiny.tables(); t += 7) {
      std::vector<PacketSet> parts;
      for (unsigned i = tiny.packets(); i-- > 0;) {
        if ((t >> i & 1) != 0) parts.push_back(sets[std::uint64_t{1} << i]);
      }
      ASSERT_EQ(*tiny.space.any_of(parts), sets[t]);
    }
  }
}

TEST(TinyUniverse, EveryPairOfSetsOfThreeBits) {
  for (bool b_first : {false, true}) {
    const Tiny tiny(2, 1, b_first);
    const std::vector<PacketSet> sets = all_sets(tiny);
    const std::uint64_t n = tiny.tables();
    for (std::uint64_t x = 0; x < n; ++x) {
      for (std::uint64_t y = 0; y < n; ++y) {
        ASSERT_EQ(*sets[x].unite(sets[y]), sets[x | y]) << x << ' ' << y;
        ASSERT_EQ(*sets[x].intersect(sets[y]), sets[x & y]) << x << ' ' << y;
        ASSERT_EQ(*sets[x].subtract(sets[y]), sets[x & ~y]) << x << ' ' << y;
        ASSERT_EQ(*sets[x].subset_of(sets[y]), (x & ~y) == 0) << x << ' ' << y;
        ASSERT_EQ(*sets[x].intersects(sets[y]), (x & y) != 0) << x << ' ' << y;
        ASSERT_EQ(sets[x] == sets[y], x == y);
      }
    }
  }
}

// What packet i becomes, for each rewrite of one step; nullopt for Choose, which has several.
struct TinyRewrite {
  RewriteStep step;
  std::function<std::vector<unsigned>(unsigned)> becomes;
};

std::vector<TinyRewrite> rewrites_of(const Tiny& tiny) {
  std::vector<TinyRewrite> result;
  const auto with_a = [&](unsigned i, std::uint64_t a) {
    return std::vector<unsigned>{tiny.number(a, tiny.b_of(i))};
  };
  const auto with_b = [&](unsigned i, std::uint64_t b) {
    return std::vector<unsigned>{tiny.number(tiny.a_of(i), b)};
  };
  for (std::uint64_t v = 0; v <= max_value(tiny.a_bits); ++v) {
    const std::uint64_t top = max_value(tiny.a_bits);
    result.push_back({Assign{tiny.a, v}, [=](unsigned i) { return with_a(i, v); }});
    result.push_back({Offset{tiny.a, v},
                      [=, &tiny](unsigned i) { return with_a(i, (tiny.a_of(i) + v) & top); }});
  }
  for (std::uint64_t v = 0; v <= max_value(tiny.b_bits); ++v) {
    result.push_back({Assign{tiny.b, v}, [=](unsigned i) { return with_b(i, v); }});
  }
  result.push_back({Invert{tiny.a}, [=, &tiny](unsigned i) {
                      return with_a(i, max_value(tiny.a_bits) - tiny.a_of(i));
                    }});
  result.push_back({Choose{tiny.b, IntervalSet::range(0, 1)}, [=, &tiny](unsigned i) {
                      return std::vector<unsigned>{tiny.number(tiny.a_of(i), 0),
                                                   tiny.number(tiny.a_of(i), 1)};
                    }});
  if (tiny.a_bits == tiny.b_bits) {
    result.push_back(
        {Copy{tiny.a, tiny.b}, [=, &tiny](unsigned i) { return with_a(i, tiny.b_of(i)); }});
    result.push_back(
        {Copy{tiny.b, tiny.a}, [=, &tiny](unsigned i) { return with_b(i, tiny.a_of(i)); }});
  }
  return result;
}

void every_rewrite(const Tiny& tiny, std::uint64_t every) {
  const std::vector<PacketSet> sets = all_sets(tiny);
  for (const TinyRewrite& rewrite : rewrites_of(tiny)) {
    for (std::uint64_t t = 0; t < tiny.tables(); t += every) {
      std::uint64_t image = 0, preimage = 0;
      for (unsigned i = 0; i < tiny.packets(); ++i) {
        for (const unsigned to : rewrite.becomes(i)) {
          image |= (t >> i & 1) << to;
          preimage |= (t >> to & 1) << i;
        }
      }
      ASSERT_EQ(*sets[t].image({rewrite.step}), sets[image]) << rewrite.step.index() << ' ' << t;
      ASSERT_EQ(*sets[t].preimage({rewrite.step}), sets[preimage])
          << rewrite.step.index() << ' ' << t;
    }
  }
}

TEST(TinyUniverse, EveryRewriteOfEverySet) {
  for (bool b_first : {false, true}) {
    every_rewrite(Tiny(2, 1, b_first), 1);
    every_rewrite(Tiny(1, 1, b_first), 1);
    every_rewrite(Tiny(2, 2, b_first), 11);
  }
}

TEST(TinyUniverse, EveryProjectionCofactorAndReadingOfEverySet) {
  for (bool b_first : {false, true}) {
    const Tiny tiny(2, 1, b_first);
    const std::vector<PacketSet> sets = all_sets(tiny);
    for (std::uint64_t t = 0; t < tiny.tables(); ++t) {
      std::uint64_t projected = 0, values_a = 0;
      for (unsigned i = 0; i < tiny.packets(); ++i) {
        if ((t >> i & 1) == 0) continue;
        values_a |= std::uint64_t{1} << tiny.a_of(i);
        for (std::uint64_t a = 0; a < 4; ++a) {
          projected |= std::uint64_t{1} << tiny.number(a, tiny.b_of(i));
        }
      }
      ASSERT_EQ(*sets[t].project(std::span(&tiny.a, 1)), sets[projected]);
      for (std::uint64_t a = 0; a < 4; ++a) {
        ASSERT_EQ(sets[t].values(tiny.a).contains(a), (values_a >> a & 1) != 0);
        std::uint64_t fixed = 0, among = 0;
        for (unsigned i = 0; i < tiny.packets(); ++i) {
          fixed |= (t >> tiny.number(a, tiny.b_of(i)) & 1) << i;
          for (std::uint64_t v = 0; v <= a; ++v) {
            among |= (t >> tiny.number(v, tiny.b_of(i)) & 1) << i;
          }
        }
        const Assign assign{tiny.a, a};
        ASSERT_EQ(*sets[t].cofactor(std::span(&assign, 1)), sets[fixed]);
        ASSERT_EQ(*sets[t].cofactor(tiny.a, IntervalSet::range(0, a)), sets[among]);
      }
      std::uint64_t again = 0;
      const Products products = sets[t].products(100);
      ASSERT_TRUE(products.complete);
      for (const Product& product : products.products) {
        for (unsigned i = 0; i < tiny.packets(); ++i) {
          if (!product.contains(tiny.packet(i))) continue;
          ASSERT_EQ(again >> i & 1, 0U) << "products are disjoint";
          again |= std::uint64_t{1} << i;
        }
      }
      ASSERT_EQ(again, t);
      const auto witness = sets[t].witness();
      ASSERT_EQ(witness.has_value(), t != 0);
      if (witness) {
        ASSERT_TRUE(sets[t].contains(*witness));
      }
    }
  }
}

// Maps of two fields of one bit to three leaves: 81 of them.
class TinyMaps {
 public:
  static constexpr unsigned kMaps = 81;
  explicit TinyMaps(bool b_first) : tiny_(1, 1, b_first) {
    for (unsigned number = 0; number < kMaps; ++number) maps_.push_back(built(number));
  }
  const Tiny& tiny() const { return tiny_; }
  const VerdictMap& operator[](unsigned number) const { return maps_[number]; }
  static Leaf leaf(unsigned number, unsigned packet) {
    for (; packet > 0; --packet) number /= 3;
    return number % 3;
  }
  template <class OfPacket>
  static unsigned number(OfPacket leaf_of) {
    unsigned result = 0;
    for (unsigned i = 4; i-- > 0;) result = result * 3 + leaf_of(i);
    return result;
  }

 private:
  VerdictMap built(unsigned number) const {
    std::vector<VerdictMap> rules;
    for (unsigned i = 0; i < 4; ++i) {
      rules.push_back(*tiny_.space.rule(Product()
                                            .where(tiny_.a, IntervalSet::single(tiny_.a_of(i)))
                                            .where(tiny_.b, IntervalSet::single(tiny_.b_of(i))),
                                        leaf(number, i)));
    }
    return *tiny_.space.first_match(rules);
  }
  Tiny tiny_;
  std::vector<VerdictMap> maps_;
};

TEST(TinyUniverse, EveryPairOfMaps) {
  for (bool b_first : {false, true}) {
    const TinyMaps maps(b_first);
    const LeafOperation sum =
        maps.tiny().space.operation([](Leaf a, Leaf b) { return (a + b) % 3; });
    for (unsigned x = 0; x < TinyMaps::kMaps; ++x) {
      for (unsigned i = 0; i < 4; ++i) {
        ASSERT_EQ(maps[x].at(maps.tiny().packet(i)), TinyMaps::leaf(x, i));
      }
      const auto parts = *maps[x].parts();
      ASSERT_EQ(parts.size(), maps[x].leaves().size());
      for (std::size_t n = 0; n < parts.size(); ++n) {
        ASSERT_EQ(parts[n].first, maps[x].leaves()[n]);
        ASSERT_EQ(parts[n].second, *maps[x].where(parts[n].first));
      }
      for (unsigned y = 0; y < TinyMaps::kMaps; ++y) {
        const auto x_at = [&](unsigned i) { return TinyMaps::leaf(x, i); };
        const auto y_at = [&](unsigned i) { return TinyMaps::leaf(y, i); };
        ASSERT_EQ(*maps[x].over(maps[y]),
                  maps[TinyMaps::number([&](unsigned i) { return x_at(i) ? x_at(i) : y_at(i); })]);
        ASSERT_EQ(*maps[x].combine(sum, maps[y]),
                  maps[TinyMaps::number([&](unsigned i) { return (x_at(i) + y_at(i)) % 3; })]);
        ASSERT_EQ(*maps[x].mask(*maps[y].where(2)),
                  maps[TinyMaps::number([&](unsigned i) { return y_at(i) == 2 ? x_at(i) : 0; })]);
        for (std::uint64_t v = 0; v < 2; ++v) {
          const Assign assign{maps.tiny().a, v};
          const auto there = [&](unsigned i) { return maps.tiny().number(v, maps.tiny().b_of(i)); };
          ASSERT_EQ(*maps[x].cofactor(std::span(&assign, 1), *maps[y].where(2)),
                    maps[TinyMaps::number(
                        [&](unsigned i) { return y_at(i) == 2 ? x_at(there(i)) : 0; })]);
        }
        // In place of 1 the map y, in place of 2 its rotation, kNone stays.
        const VerdictMap::Replacement turn[] = {{0, 1}, {1, 2}, {2, 0}};
        const VerdictMap turned = *maps[y].remap(turn);
        const VerdictMap::Branch branches[] = {{2, turned}, {1, maps[y]}};
        ASSERT_EQ(*maps[x].select(branches), maps[TinyMaps::number([&](unsigned i) {
          return x_at(i) == 0 ? 0 : x_at(i) == 1 ? y_at(i) : (y_at(i) + 1) % 3;
        })]);
        // y as seen from before a chain x that sets a to 1 or copies a to b.
        const VerdictMap::LeafAction actions[] = {{1, {Assign{maps.tiny().a, 1}}},
                                                  {2, {Copy{maps.tiny().b, maps.tiny().a}}}};
        ASSERT_EQ(*maps[y].before(maps[x], actions), maps[TinyMaps::number([&](unsigned i) {
          const std::uint64_t a = maps.tiny().a_of(i);
          if (x_at(i) == 1) return y_at(maps.tiny().number(1, maps.tiny().b_of(i)));
          return x_at(i) == 2 ? y_at(maps.tiny().number(a, a)) : y_at(i);
        })]);
      }
    }
  }
}

// Few and many branches are put together in different ways.
TEST(TinyUniverse, SelectTakesTheBranchOfEveryLeafHoweverManyThereAre) {
  for (bool b_first : {false, true}) {
    for (const unsigned leaves : {3U, 16U, 17U, 60U}) {
      const Tiny tiny(6, 6, b_first);
      std::vector<VerdictMap> rules;
      std::vector<VerdictMap::Branch> branches;
      for (std::uint64_t n = 0; n < 64; ++n) {
        rules.push_back(*tiny.space.rule(Product().where(tiny.a, IntervalSet::single(n)),
                                         1 + static_cast<Leaf>(n % leaves)));
      }
      for (unsigned leaf = 1; leaf <= leaves; ++leaf) {
        const VerdictMap low = *tiny.space.rule(Product()
                                                    .where(tiny.a, IntervalSet::range(0, 20))
                                                    .where(tiny.b, IntervalSet::range(leaf, 63)),
                                                100 + leaf);
        branches.push_back({leaf, *low.over(tiny.space.constant(200 + leaf % 2))});
      }
      const VerdictMap chosen = *tiny.space.first_match(rules)->select(branches);
      for (std::uint64_t a = 0; a < 64; ++a) {
        for (std::uint64_t b = 0; b < 64; ++b) {
          const auto leaf = 1 + static_cast<Leaf>(a % leaves);
          ASSERT_EQ(chosen.at(tiny.packet(static_cast<unsigned>(tiny.number(a, b)))),
                    a <= 20 && b >= leaf ? 100 + leaf : 200 + leaf % 2)
              << a << " " << b << " " << leaves;
        }
      }
    }
  }
}

TEST(TinyUniverse, FirstMatchIsAssociativeForEveryThreeMaps) {
  const TinyMaps maps(false);
  for (unsigned x = 0; x < TinyMaps::kMaps; ++x) {
    for (unsigned y = 0; y < TinyMaps::kMaps; ++y) {
      const VerdictMap front = *maps[x].over(maps[y]);
      for (unsigned z = 0; z < TinyMaps::kMaps; z += 4) {
        ASSERT_EQ(*front.over(maps[z]), *maps[x].over(*maps[y].over(maps[z])));
      }
    }
  }
}

}  // namespace
}  // namespace bulkhead::packet
