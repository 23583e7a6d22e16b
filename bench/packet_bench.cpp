// How fast are packet sets, against BuDDy and against their bars? Inputs: a campus firewall of
// 5,000 rules, a Docker host of 1,000 containers in 50 networks (rules as of engine 20.10 and 29).
//
// build/base is BuDDy with the best of three variable orders, its tables sized in advance, cleared
// between runs outside the time; build/packet is a fresh space each time, its making included.
// Processor time throughout.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <memory>
#include <optional>

#include "packet/buddy.h"
#include "packet/endpoint_classes.h"
#include "packet/rule_tree.h"
#include "packet/rulesets.h"

namespace bulkhead::packet {
namespace {

using namespace testing;  // NOLINT
// Processor time: the machine may be shared, and nothing here waits.
double milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}
double milliseconds_since(double start) {
  return milliseconds() - start;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

enum Input { kCampus, kDocker20, kDocker29 };

const Ruleset& input(int which) {
  static const Ruleset inputs[] = {campus(5000), docker20({}), docker29({})};
  return inputs[which];
}

const std::vector<std::vector<FieldId>>& orders() {
  static const std::vector<std::vector<FieldId>> orders = {
      {},
      {kState, kIif, kSrc, kMac, kOif, kDst, kProto, kFlags, kDport, kSport, kMay},
      {kIif, kSrc, kMac, kDst, kProto, kFlags, kDport, kSport, kState, kOif, kMay}};
  return orders;
}

// BuDDy with one order, and how long its build took.
double buddy_build(Buddy& buddy, const Ruleset& rules, bdd& accepted) {
  accepted = bddfalse;
  buddy.forget();
  const double start = milliseconds();
  accepted = buddy.accepted(rules);
  return milliseconds_since(start);
}

constexpr int kBuddyNodes = 6000000, kBuddyCache = 600000;

struct Base {
  double milliseconds = 0;  // median of three, of the best order
  std::size_t order = 0;
  double accepted = 0;  // packets
};

const Base& base(int which) {
  static std::optional<Base> known[3];
  if (known[which]) return *known[which];
  Base best{.milliseconds = INFINITY};
  for (std::size_t order = 0; order < orders().size(); ++order) {
    const Layout layout = *Layout::make(v4_fields(), orders()[order]);
    Buddy buddy(layout, kBuddyNodes, kBuddyCache);
    bdd accepted;
    std::vector<double> times;
    for (int i = 0; i < 3; ++i) {
      times.push_back(buddy_build(buddy, input(which), accepted));
      if (times.back() > 2 * best.milliseconds) break;  // out of the race
    }
    if (median(times) < best.milliseconds) {
      best = {median(times), order, bdd_satcount(accepted)};
    }
    accepted = bddfalse;
  }
  return *(known[which] = best);
}

void build_base(benchmark::State& state) {
  const int which = static_cast<int>(state.range(0));
  const Layout layout = *Layout::make(v4_fields(), orders()[base(which).order]);
  Buddy buddy(layout, kBuddyNodes, kBuddyCache);
  bdd accepted;
  for (auto _ : state) state.SetIterationTime(buddy_build(buddy, input(which), accepted) / 1e3);
  state.counters["order"] = static_cast<double>(base(which).order);
  accepted = bddfalse;
}

void build_packet(benchmark::State& state) {
  const int which = static_cast<int>(state.range(0));
  static constexpr double kTargets[] = {40, 15, 15};
  std::vector<double> times;
  std::size_t bytes = 0;
  Diagram::Size size;
  for (auto _ : state) {
    const double start = milliseconds();
    const PacketSpace space = v4_space();
    const auto map = compile(space, input(which));
    times.push_back(milliseconds_since(start));
    state.SetIterationTime(times.back() / 1e3);
    if (!map) return state.SkipWithError("the limits were reached");
    bytes = space.usage().bytes;
    size = map->size();
    const double count = static_cast<double>(map->where(kAccept)->count());
    if (std::abs(count / base(which).accepted - 1) > 1e-12) {
      return state.SkipWithError("accepts other packets than BuDDy's diagram");
    }
  }
  state.counters["ratio"] = base(which).milliseconds / median(times);
  state.counters["at_least:ratio"] = kTargets[which];
  state.counters["nodes"] = static_cast<double>(size.nodes);
  state.counters["edges"] = static_cast<double>(size.edges);
  state.counters["megabytes"] = static_cast<double>(bytes) / 1e6;
  state.counters["at_most:megabytes"] = 8;
}
BENCHMARK(build_base)
    ->Name("build/base")
    ->Arg(kCampus)
    ->Arg(kDocker20)
    ->Arg(kDocker29)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(build_packet)
    ->Name("build/packet")
    ->Arg(kCampus)
    ->Arg(kDocker20)
    ->Arg(kDocker29)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// ------------------------------------------------------------------------------------------- pairs

struct Endpoints {
  std::vector<Packet> sources, destinations;  // their own fields set, NEW TCP packets
};

Endpoints endpoints(int which, const Layout& layout) {
  Endpoints result;
  const DockerShape shape;
  for (int i = 0; i < 1000; ++i) {
    Packet from = layout.packet(), to = layout.packet();
    if (which == kCampus) {
      const auto vlan = static_cast<std::uint64_t>(i % 24);
      const std::uint64_t address = 0x83900000 | vlan << 8 | static_cast<std::uint64_t>(i / 4);
      from[kIif] = to[kOif] = 2 + vlan;
      from[kSrc] = to[kDst] = address;
      from[kMac] = mac_of(address);
    } else {
      from[kIif] = to[kOif] = bridge_of(shape, i);
      from[kSrc] = to[kDst] = address_of(shape, i);
    }
    result.sources.push_back(from);
    result.destinations.push_back(to);
  }
  return result;
}

// Of how many pairs of a sample something is open: every pair alone, as the answer to compare with.
std::size_t open_pairs(const VerdictMap& map, const Endpoints& ends) {
  std::size_t open = 0;
  for (std::size_t from = 0; from < ends.sources.size(); from += 50) {
    for (std::size_t to = 0; to < ends.destinations.size(); to += 7) {
      const Assign fixed[] = {
          {kIif, ends.sources[from][kIif]},    {kSrc, ends.sources[from][kSrc]},
          {kMac, ends.sources[from][kMac]},    {kOif, ends.destinations[to][kOif]},
          {kDst, ends.destinations[to][kDst]}, {kState, kNew}};
      open += !map.cofactor(fixed)->where(kAccept)->empty();
    }
  }
  return open;
}

void pairs(benchmark::State& state) {
  const int which = static_cast<int>(state.range(0));
  const PacketSpace space = v4_space();
  const Assign is_new{kState, kNew};
  const VerdictMap map = *compile(space, input(which))->cofactor(std::span(&is_new, 1));
  const Endpoints ends = endpoints(which, space.layout());
  static constexpr FieldId kRestOfPacket[] = {kState, kProto, kFlags, kDport, kSport, kMay};
  const VerdictMap is_open = space.constant(1);
  std::vector<std::uint8_t> open(1000000);
  std::vector<double> times;
  std::size_t source_classes = 0, target_classes = 0;
  for (auto _ : state) {
    const double start = milliseconds();
    // Open for some protocol, port and so on: a function of the endpoints alone.
    const VerdictMap somewhere = *map.where(kAccept)->project(kRestOfPacket)->to_map(1);
    const auto by_source = *EndpointClasses::of(space, std::span(&somewhere, 1), 3);
    std::vector<std::uint32_t> from, to;
    std::vector<std::int32_t> place(by_source.size(), -1);
    std::vector<VerdictMap> rest;  // of the classes that have a source
    for (const Packet& packet : ends.sources) {
      std::int32_t& at = place[by_source.find(packet)];
      if (at < 0) {
        at = static_cast<std::int32_t>(rest.size());
        rest.push_back(by_source.maps(by_source.find(packet))[0]);
      }
      from.push_back(static_cast<std::uint32_t>(at));
    }
    const auto by_target = *EndpointClasses::of(space, rest, 5);
    for (const Packet& packet : ends.destinations) {
      to.push_back(static_cast<std::uint32_t>(by_target.find(packet)));
    }
    std::vector<std::uint8_t> table;  // by target class, then source class: open somewhere?
    for (std::size_t t = 0; t < by_target.size(); ++t) {
      for (const VerdictMap& pair : by_target.maps(t)) table.push_back(pair == is_open);
    }
    std::vector<std::uint8_t> rows(rest.size() * to.size());  // by source class, then target
    for (std::size_t c = 0; c < rest.size(); ++c) {
      for (std::size_t t = 0; t < to.size(); ++t) {
        rows[c * to.size() + t] = table[to[t] * rest.size() + c];
      }
    }
    for (std::size_t f = 0; f < from.size(); ++f) {
      std::copy_n(rows.data() + from[f] * to.size(), to.size(), open.data() + f * to.size());
    }
    times.push_back(milliseconds_since(start));
    state.SetIterationTime(times.back() / 1e3);
    source_classes = rest.size();
    target_classes = by_target.size();
  }
  std::size_t sampled = 0;
  for (std::size_t f = 0; f < 1000; f += 50) {
    for (std::size_t t = 0; t < 1000; t += 7) sampled += open[f * 1000 + t];
  }
  if (sampled == 0 || sampled != open_pairs(map, ends))
    return state.SkipWithError("other pairs are open");
  state.counters["sources"] = static_cast<double>(source_classes);
  state.counters["targets"] = static_cast<double>(target_classes);
  state.counters["ms"] = median(times);
  state.counters["at_most:ms"] = 3;
}
BENCHMARK(pairs)->Arg(kCampus)->Arg(kDocker20)->Arg(kDocker29)->UseManualTime()->Unit(
    benchmark::kMillisecond);

// ---------------------------------------------------------------------------------- one rule
// changed

// A ruleset as one tree per call of a chain, cut to what the call lets in; rules of which nothing
// is left are not there. A changed rule changes the few calls that it reaches, and their callers.
class Calls {
 public:
  Calls(const PacketSpace& space, const Ruleset& rules) : space_(space), rules_(rules) {
    add(rules.chains.size() - 1, space.all(), 0, 0);
  }

  bool replace(std::size_t chain, std::size_t index, const VerdictMap& rule) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (calls_[i].chain != chain || calls_[i].place[index] < 0) continue;
      if (!set(i, static_cast<std::size_t>(calls_[i].place[index]), *rule.mask(calls_[i].match))) {
        return false;
      }
    }
    return true;
  }

  VerdictMap verdicts() const { return *done(0).over(space_.constant(rules_.policy)); }

 private:
  struct Call {
    std::size_t chain = 0;
    PacketSet match;
    RuleTree tree;
    std::vector<int> place;                // of each rule in the tree; -1: not there
    std::size_t caller = 0, position = 0;  // whose rule this is, and which
  };

  VerdictMap done(std::size_t call) const {
    const VerdictMap::Replacement to_caller{kReturn, kNone};
    return *calls_[call].tree.first_match().remap(std::span(&to_caller, 1));
  }

  // A call and all that it calls; callers come first in the list.
  void add(std::size_t chain, const PacketSet& match, std::size_t caller, std::size_t position) {
    const std::size_t index = calls_.size();
    calls_.push_back({chain, match, RuleTree(space_), {}, caller, position});
    std::vector<VerdictMap> maps;
    std::vector<int> place;
    for (const ChainRule& rule : rules_.chains[chain].rules) {
      const PacketSet here = *space_.set(rule.match)->intersect(match);
      place.push_back(here.empty() ? -1 : static_cast<int>(maps.size()));
      if (here.empty()) continue;
      if (rule.leaf == kNone) {
        const std::size_t callee = calls_.size();
        add(rule.jump, here, index, maps.size());
        maps.push_back(done(callee));
      } else {
        maps.push_back(*here.to_map(rule.leaf));
      }
    }
    calls_[index].tree = *RuleTree::of(space_, maps);
    calls_[index].place = std::move(place);
  }

  bool set(std::size_t call, std::size_t position, const VerdictMap& rule) {
    if (!calls_[call].tree.replace(position, rule)) return false;
    return call == 0 || set(calls_[call].caller, calls_[call].position, done(call));
  }

  const PacketSpace& space_;
  const Ruleset& rules_;
  std::vector<Call> calls_;
};

// Every time another port in a rule of the longest chains, never the same twice; changed back
// outside the time.
void change(benchmark::State& state) {
  const PacketSpace space = v4_space();
  const Ruleset& rules = input(static_cast<int>(state.range(0)));
  std::vector<std::size_t> chains;
  for (std::size_t i = 0; i < rules.chains.size(); ++i) {
    const auto& list = rules.chains[i].rules;
    const bool jumps = std::any_of(list.begin(), list.end(),
                                   [](const ChainRule& rule) { return rule.leaf == kNone; });
    if (!jumps && list.size() > 100) chains.push_back(i);
  }
  Calls calls(space, rules);
  const VerdictMap before = calls.verdicts();
  if (before != *compile(space, rules)) return state.SkipWithError("calls are not the ruleset");
  std::vector<double> times;
  std::size_t turn = 0, seen = 0;
  for (auto _ : state) {
    const std::size_t chain = chains[turn % chains.size()];
    const auto& list = rules.chains[chain].rules;
    const ChainRule& rule = list[turn * 379 % list.size()];
    const auto changed = space.rule(
        Product(rule.match).where(kSport, IntervalSet::single(turn++ % 65536)), rule.leaf);
    const double start = milliseconds();
    const bool good = calls.replace(chain, (turn - 1) * 379 % list.size(), *changed);
    times.push_back(milliseconds_since(start));
    state.SetIterationTime(times.back() / 1e3);
    seen += calls.verdicts() != before;
    if (!good ||
        !calls.replace(chain, (turn - 1) * 379 % list.size(), *space.rule(rule.match, rule.leaf))) {
      return state.SkipWithError("the limits were reached");
    }
    if (calls.verdicts() != before) return state.SkipWithError("changed back, it is another");
  }
  if (turn > 20 && seen == 0) return state.SkipWithError("no change was seen");
  state.counters["seen"] = static_cast<double>(seen) / static_cast<double>(turn);
  state.counters["ms"] = median(times);
  state.counters["at_most:ms"] = 0.5;
}
BENCHMARK(change)->Arg(kCampus)->Arg(kDocker20)->Arg(kDocker29)->UseManualTime()->Unit(
    benchmark::kMillisecond);

// ---------------------------------------------------------------------------------------------
// DNAT

void dnat(benchmark::State& state) {
  const DockerShape shape;
  const PacketSpace space = v4_space();
  const VerdictMap filter = *compile(space, docker20(shape));
  std::vector<VerdictMap> chain;
  std::vector<VerdictMap::LeafAction> actions;
  for (int i = 0; i < 2000; ++i) {
    const int container = static_cast<int>(std::int64_t{i} * shape.containers / shape.ports);
    const Leaf leaf = static_cast<Leaf>(i) + 1;
    const Product match =
        Product()
            .where(kIif, IntervalSet::single(bridge_of(shape, container)).complement(32))
            .where(kDst, IntervalSet::single(0xc0a80001))
            .where(kProto, IntervalSet::single(6))
            .where(kDport, IntervalSet::single(8000 + static_cast<std::uint64_t>(i)));
    chain.push_back(*space.rule(match, leaf));
    actions.push_back({leaf,
                       {Assign{kDst, address_of(shape, container)},
                        Assign{kDport, static_cast<std::uint64_t>(80 + i * 7919 % 1013)},
                        Assign{kOif, bridge_of(shape, container)}}});
  }
  const VerdictMap nat = *space.first_match(chain);
  std::optional<VerdictMap> seen;
  std::vector<double> times;
  for (auto _ : state) {
    seen.reset();
    const double start = milliseconds();
    seen = *filter.before(nat, actions);
    times.push_back(milliseconds_since(start));
    state.SetIterationTime(times.back() / 1e3);
  }
  PacketSource source(space.layout(), docker20(shape), 1);
  for (int i = 0; i < 3000; ++i) {
    Packet packet = source.next();
    packet[kDst] = 0xc0a80001;
    packet[kProto] = 6;
    packet[kDport] = 7990 + static_cast<std::uint64_t>(i) % 2020;
    const Leaf leaf = nat.at(packet), verdict = seen->at(packet);
    if (leaf != kNone) {
      for (const RewriteStep& step : actions[leaf - 1].rewrite) {
        packet[std::get<Assign>(step).field] = std::get<Assign>(step).value;
      }
    }
    if (verdict != filter.at(packet)) return state.SkipWithError("another verdict behind DNAT");
  }
  state.counters["ms"] = median(times);
  state.counters["at_most:ms"] = 15;
}
BENCHMARK(dnat)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bulkhead::packet

BENCHMARK_MAIN();
