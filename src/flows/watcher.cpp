#include "flows/watcher.h"

#include <algorithm>
#include <set>

namespace bulkhead::flows {
namespace {

constexpr std::size_t kMostWaiting = 200'000, kMostLive = 500'000;
constexpr std::uint64_t kSoonMs = 150;      // after a change: who starts may not live long
constexpr std::uint64_t kQuietMs = 1000;    // after which a container has all its addresses
constexpr std::uint64_t kLongestMs = 5000;  // without reading, while it never is quiet
constexpr std::uint64_t kSecondMs = 1000;
constexpr std::uint64_t kRefreshMs = 60'000;  // for addresses of the host
constexpr std::uint64_t kPatienceMs = 30'000;
constexpr std::uint64_t kKeptMs = 120'000;  // for ends that come late

}  // namespace

void Watcher::changed(Moment when) {
  if (!unsettled_) first_change_ = when.from;
  unsettled_ = true;
  last_change_ = std::max(last_change_, when.until);
}

void Watcher::links(std::span<const LinkTurn> turns, Moment when) {
  for (const LinkTurn& turn : turns) {
    if (!turn.came) owners_.link_went(turn.link, when);
    if (!turn.came || owners_.link_came(turn.link, when)) changed(when);
  }
}

void Watcher::links_lost(Moment when) {
  ++book_.losses.overflows;
  changed(when);
}

void Watcher::wait(Waiting one) {
  if (waiting_.size() >= kMostWaiting) {
    ++book_.losses.dropped;
    return;
  }
  waiting_.push_back(one);
}

void Watcher::hear(std::span<const Connection> connections, Moment when) {
  for (const Connection& c : connections) wait({c, when, false});
  resolve_ready();
}

void Watcher::read(Moment when) {
  last_read_ = when;
  if (unsettled_ && when.from >= last_change_ + kQuietMs) unsettled_ = false;
  resolve_ready();
  if (when.from > kKeptMs) owners_.forget(when.from - kKeptMs);
}

bool Watcher::wants_reading(std::uint64_t now_ms) const {
  if (!unsettled_) return now_ms >= last_read_.until + kRefreshMs;
  const std::uint64_t took = last_read_.until - last_read_.from;
  if (now_ms < last_read_.until + 3 * took) return false;
  const bool since = last_read_.from < first_change_;
  if (since && now_ms >= first_change_ + kSoonMs) return true;
  return now_ms >= last_change_ + kQuietMs || now_ms >= last_read_.until + kLongestMs;
}

void Watcher::resolve_ready() {
  while (!waiting_.empty()) {
    const Waiting& one = waiting_.front();
    const bool late = last_read_.from > one.when.until + kPatienceMs;
    if (unsettled_ && one.when.until >= first_change_ && !late) return;
    resolve(one);
    waiting_.pop_front();
  }
}

void Watcher::finish() {
  for (; !waiting_.empty(); waiting_.pop_front()) resolve(waiting_.front());
}

void Watcher::resolve(const Waiting& one) {
  if (one.connection.turn == Turn::kEnds) {
    end(one);
  } else {
    begin(one);
  }
}

// nullopt: no policy speaks of it; counted.
std::optional<Flow> Watcher::flow_of(const Waiting& one) {
  const Connection& c = one.connection;
  if (c.protocol != IpProtocol::kTcp && c.protocol != IpProtocol::kUdp) {
    ++book_.losses.others;
    return std::nullopt;
  }
  const IpAddress& source = c.asked.source;
  const IpAddress& server = c.answer.source;
  if (owners_.is_group(source) || owners_.is_group(c.asked.destination) ||
      owners_.is_group(server)) {
    ++book_.losses.groups;
    return std::nullopt;
  }
  if (source.is_loopback() || server.is_loopback()) return std::nullopt;  // the host to itself
  Flow flow;
  flow.family = source.family();
  flow.protocol = c.protocol;
  flow.from = owners_.holder(source, one.when, one.whole);
  flow.to = owners_.holder(server, one.when, one.whole);
  flow.dialled = c.asked.destination_port;
  flow.served = c.answer.source_port;
  if (server != c.asked.destination) flow.at = c.asked.destination;
  const bool from_here = flow.from.kind == PeerKind::kHost || flow.from.kind == PeerKind::kOutside;
  if (flow.from.kind == PeerKind::kHost && flow.to.kind == PeerKind::kHost) return std::nullopt;
  if (from_here && flow.to.kind == PeerKind::kOutside) {
    ++book_.losses.passing;
    return std::nullopt;
  }
  if (flow.to.kind != PeerKind::kHost) return flow;
  flow.at = c.asked.destination;
  // A proxy of the engine serves for a container.
  if (const auto whose = owners_.publisher(server, flow.served, c.protocol, one.when)) {
    flow.to = {PeerKind::kContainer, whose->who, std::nullopt};
    flow.served = whose->inside;
  }
  return flow;
}

void Watcher::begin(const Waiting& one) {
  const Connection& c = one.connection;
  if (const auto at = live_.find(id_of(c)); at != live_.end()) {
    at->second.answered = at->second.answered || c.answered;
    return;
  }
  auto flow = flow_of(one);
  if (!flow) return;
  const std::uint64_t now = one.when.until;
  Counts counts{.tries = 1, .unclear = c.unclear ? 1U : 0U, .first_ms = now, .last_ms = now};
  if (c.began_ms != 0) counts.first_ms = std::min(now, c.began_ms);
  flow = book_.add(*flow, counts);
  if (!flow) return;
  if (live_.size() >= kMostLive) {
    ++book_.losses.dropped;
    return;
  }
  // What is unclear has no answer that could be taken for one.
  live_.emplace(id_of(c), Live{*flow, now, c.answered && !c.unclear, c.unclear});
}

void Watcher::end(const Waiting& one) {
  const Connection& c = one.connection;
  if (told_.erase(id_of(c)) != 0) return;
  const auto at = live_.find(id_of(c));
  if (at == live_.end()) {
    // Its beginning was not heard: it began at any time since.
    Waiting whole = one;
    whole.whole = true;
    whole.when.from = c.began_ms != 0 ? std::min(c.began_ms, one.when.until) : began_ms_;
    auto flow = flow_of(whole);
    if (!flow) return;
    const bool answered = c.answered && !c.unclear;
    book_.add(*flow, {.tries = 1,
                      .answered = answered ? 1U : 0U,
                      .unclear = c.unclear ? 1U : 0U,
                      .first_ms = one.when.until,
                      .last_ms = one.when.until});
    return;
  }
  Live& live = at->second;
  if (!live.counted) {
    Counts counts{.last_ms = one.when.until};
    counts.answered = c.answered || live.answered ? 1U : 0U;
    book_.add(live.flow, counts);
  }
  live_.erase(at);
}

// Gone, and nobody said so.
void Watcher::drop(const Live& live) {
  if (live.counted) return;
  book_.add(live.flow, live.answered ? Counts{.answered = 1} : Counts{.lost = 1});
}

// Since its last packet, at most: what is gone of its time.
std::uint64_t Watcher::quiet_ms(const Connection& c, Moment when) const {
  const auto whole = timeouts_.of(c);
  const bool told = whole && c.left_s && *c.left_s <= *whole;
  return told ? (*whole - *c.left_s + 1) * kSecondMs : when.from;
}

bool Watcher::is_told(const Connection& c, Moment when) const {
  if (table_read_ || told_until_ms_ == 0) return false;
  const std::uint64_t quiet = quiet_ms(c, when);
  return quiet < when.from && when.until - quiet + kSecondMs < told_until_ms_;
}

// The latest instant that it cannot have begun after.
std::uint64_t Watcher::oldest(const Connection& c, Moment when) const {
  if (c.began_ms != 0) return std::min(c.began_ms, when.until);
  const std::uint64_t quiet = quiet_ms(c, when);
  const std::uint64_t heard = when.from > quiet ? when.from - quiet : 0;
  // Later tables: its event was lost.
  return table_read_ ? std::max(heard, began_ms_) : heard;
}

void Watcher::table(std::span<const Connection> connections, Moment when) {
  finish();
  std::set<Id> there;
  for (const Connection& c : connections) {
    there.insert(id_of(c));
    const Waiting one{c, {oldest(c, when), when.until}, true};
    if (is_told(c, when)) {
      told_.insert(id_of(c));
      continue;
    }
    if (!told_.contains(id_of(c))) begin(one);
  }
  std::erase_if(told_, [&](const Id& id) { return !there.contains(id); });
  for (auto at = live_.begin(); at != live_.end();) {
    if (!there.contains(at->first) && at->second.since_ms < when.from) {
      drop(at->second);
      at = live_.erase(at);
      continue;
    }
    // Answered: counted at once, so that what is written meanwhile has it.
    if (at->second.answered && !at->second.counted) {
      book_.add(at->second.flow, {.answered = 1});
      at->second.counted = true;
    }
    if (there.contains(at->first)) book_.add(at->second.flow, Counts{.last_ms = when.until});
    ++at;
  }
  table_read_ = true;
}

}  // namespace bulkhead::flows
