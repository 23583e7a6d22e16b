#include "seen/diff.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace bulkhead::seen {
namespace {

using Key = std::tuple<std::string, ScopedAddress, IpProtocol>;
using Index = std::map<Key, const Target*>;

Index index_of(const Record& record) {
  Index out;
  for (const SeenFrom& seat : record.seats) {
    for (const Target& target : seat.targets)
      out.emplace(Key{seat.vantage, target.scoped(), target.protocol}, &target);
  }
  return out;
}

const PortRun* run_at(const Target* target, std::uint32_t port) {
  if (target == nullptr) return nullptr;
  const auto& runs = target->swept.runs;
  const auto at = std::ranges::lower_bound(
      runs, port, {}, [](const PortRun& r) { return std::uint32_t{r.ports.last}; });
  return at == runs.end() || at->ports.first > port ? nullptr : &*at;
}

// Where a run of either side begins, and the end of each: between two of them nothing changes.
std::set<std::uint32_t> cuts(const Target* before, const Target* now) {
  std::set<std::uint32_t> out;
  for (const Target* target : {before, now}) {
    if (target == nullptr) continue;
    for (const PortRun& run : target->swept.runs) {
      out.insert(run.ports.first);
      out.insert(run.ports.last + 1U);
    }
  }
  return out;
}

class Comparison {
 public:
  void target(const Key& key, const Target* before, const Target* now) {
    const std::set<std::uint32_t> at = cuts(before, now);
    for (auto cut = at.begin(); cut != at.end(); ++cut) {
      const auto next = std::next(cut);
      if (next == at.end()) break;
      const PortRun* was = run_at(before, *cut);
      const PortRun* is = run_at(now, *cut);
      const PortRange range{static_cast<std::uint16_t>(*cut),
                            static_cast<std::uint16_t>(*next - 1)};
      const std::uint64_t ports = *next - *cut;
      if (was != nullptr && is != nullptr) out_.compared += ports;
      if (was != nullptr && is == nullptr) out_.not_asked_again += ports;
      if (is != nullptr) stretch(key, range, {before, was}, {now, is});
    }
  }

  Difference finish() {
    std::ranges::sort(out_.changes, {}, [](const Change& c) {
      return std::tuple(c.turn, c.vantage, c.to, c.protocol, c.ports.first);
    });
    return std::move(out_);
  }

 private:
  struct Half {
    const Target* target;
    const PortRun* run;  // null: not asked
    [[nodiscard]] bool open() const { return run != nullptr && run->state == State::kOpen; }
    [[nodiscard]] bool unknown() const { return run == nullptr || run->state == State::kUnknown; }
    [[nodiscard]] Side side(std::uint16_t port) const {
      if (run == nullptr) return {};
      Side out{.asked = true, .state = run->state, .proof = run->proof};
      if (const Service* service = open() ? target->service(Port{port}) : nullptr)
        out.service = *service;
      return out;
    }
  };

  void stretch(const Key& key, PortRange range, const Half& before, const Half& now) {
    if (now.open() || (before.open() && !now.unknown())) {
      std::uint32_t from = range.first;
      for (const std::uint16_t port : named_ports(range, before, now)) {
        if (from < port) open_ports(key, ports(from, port - 1U), before, now);
        open_ports(key, {port, port}, before, now);
        from = port + 1U;
      }
      if (from <= range.last) open_ports(key, ports(from, range.last), before, now);
    } else if (before.open()) {
      out_.complete = false;
      add(Turn::kLost, key, range, before, now);
    } else if (!before.unknown() && !now.unknown() && before.run->state != now.run->state) {
      add(Turn::kState, key, range, before, now);
    }
  }

  static PortRange ports(std::uint32_t first, std::uint32_t last) {
    return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
  }

  // Those of which either side knows the service.
  static std::set<std::uint16_t> named_ports(PortRange range, const Half& before, const Half& now) {
    std::set<std::uint16_t> out;
    for (const Half* half : {&before, &now}) {
      if (!half->open()) continue;
      const auto& services = half->target->services;
      auto at = std::ranges::lower_bound(services, Port{range.first}, {}, &KnownPort::port);
      for (; at != services.end() && at->port.number <= range.last; ++at)
        out.insert(at->port.number);
    }
    return out;
  }

  // One port, or several of which no service is known.
  void open_ports(const Key& key, PortRange range, const Half& before, const Half& now) {
    const Port port{range.first};
    if (!before.open()) return add(Turn::kNew, key, range, before, now);
    if (!now.open()) return add(Turn::kGone, key, range, before, now);
    const Service* was = before.target->service(port);
    const Service* is = now.target->service(port);
    if (was == nullptr || is == nullptr) return;  // one of them was not told what it is
    if (was->id != is->id) return add(Turn::kService, key, range, before, now);
    const bool both_known = was->access != "unknown" && is->access != "unknown";
    if (both_known && was->access != is->access) add(Turn::kLogin, key, range, before, now);
  }

  void add(Turn turn, const Key& key, PortRange range, const Half& before, const Half& now) {
    const auto& [vantage, to, protocol] = key;
    out_.changes.push_back({.turn = turn,
                            .vantage = vantage,
                            .to = to,
                            .protocol = protocol,
                            .ports = range,
                            .before = before.side(range.first),
                            .now = now.side(range.first)});
  }

  Difference out_;
};

// The runs of one target after both, and its services.
Target joined(const Target& before, Target now) {
  std::vector<PortRun> runs;
  const std::set<std::uint32_t> at = cuts(&before, &now);
  for (auto cut = at.begin(); cut != at.end() && std::next(cut) != at.end(); ++cut) {
    const PortRun* was = run_at(&before, *cut);
    const PortRun* is = run_at(&now, *cut);
    const bool keep = was != nullptr && was->state != State::kUnknown &&
                      (is == nullptr || is->state == State::kUnknown);
    const PortRun* from = keep ? was : is;
    if (from == nullptr) from = was;
    if (from == nullptr) continue;
    PortRun part = *from;
    part.ports = {static_cast<std::uint16_t>(*cut),
                  static_cast<std::uint16_t>(*std::next(cut) - 1)};
    runs.push_back(part);
  }
  now.swept.runs = std::move(runs);
  for (const KnownPort& known : before.services) {
    const PortRun* run = run_at(&now, known.port.number);
    if (run != nullptr && run->state == State::kOpen && now.service(known.port) == nullptr)
      now.services.insert(std::ranges::upper_bound(now.services, known.port, {}, &KnownPort::port),
                          known);
  }
  return now;
}

SeenFrom& seat_of(Record& record, const SeenFrom& like) {
  const auto at = std::ranges::find(record.seats, like.vantage, &SeenFrom::vantage);
  if (at != record.seats.end()) return *at;
  record.seats.push_back({like.vantage, like.check, {}});
  return record.seats.back();
}

}  // namespace

Record carry_over(const Record& before, Record now) {
  const Index old = index_of(before);
  std::set<Key> asked;
  for (SeenFrom& seat : now.seats) {
    for (Target& target : seat.targets) {
      const Key key{seat.vantage, target.scoped(), target.protocol};
      const auto at = old.find(key);
      if (at != old.end()) target = joined(*at->second, std::move(target));
      asked.insert(key);
    }
  }
  std::size_t carried = 0;
  for (const SeenFrom& seat : before.seats) {
    for (const Target& target : seat.targets) {
      if (asked.contains({seat.vantage, target.scoped(), target.protocol})) continue;
      if (++carried > kMostCarried) return now;
      seat_of(now, seat).targets.push_back(target);
    }
  }
  return now;
}

std::string_view to_string(Turn turn) {
  switch (turn) {
    case Turn::kNew: return "new";
    case Turn::kService: return "service";
    case Turn::kLogin: return "login";
    case Turn::kGone: return "gone";
    case Turn::kLost: return "lost";
    case Turn::kState: return "state";
  }
  return "unknown";
}

std::uint64_t Difference::ports_of(Turn turn) const {
  std::uint64_t sum = 0;
  for (const Change& change : changes) {
    if (change.turn == turn) sum += change.ports.last - change.ports.first + 1U;
  }
  return sum;
}

bool Difference::alarming() const {
  return std::ranges::any_of(changes, [](const Change& c) {
    if (c.turn == Turn::kLogin) return !c.now.service || c.now.service->access != "protected";
    return c.turn == Turn::kNew || c.turn == Turn::kService;
  });
}

Difference compare(const Record& before, const Record& now) {
  const Index old = index_of(before), fresh = index_of(now);
  Comparison comparison;
  for (const auto& [key, target] : old) {
    const auto at = fresh.find(key);
    comparison.target(key, target, at == fresh.end() ? nullptr : at->second);
  }
  for (const auto& [key, target] : fresh) {
    if (!old.contains(key)) comparison.target(key, nullptr, target);
  }
  Difference out = comparison.finish();
  out.complete = out.complete && !is_incomplete(before) && !is_incomplete(now);
  return out;
}

}  // namespace bulkhead::seen
