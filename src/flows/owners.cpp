#include "flows/owners.h"

#include <algorithm>

#include "model/find.h"

namespace bulkhead::flows {
namespace {

constexpr std::size_t kMostSubnets = 10'000;
constexpr std::uint64_t kYoungMs = 10'000;  // in which a link gets all that it will have

// The host's end of a container's link; none when it ends elsewhere (macvlan).
IfIndex port_of(const model::Snapshot& snapshot, const model::NetNs& inside, IfIndex link) {
  const model::Link* own = model::find_link(inside, link);
  if (own == nullptr || own->kind != "veth" || own->peer_ns != snapshot.host) return {};
  return own->peer;
}

// A container that joins another's namespace has no addresses of its own.
bool is_guest(const model::Container& container) {
  return container.network_mode.starts_with("container:");
}

// Those that told of containers before, and now of nothing.
std::set<std::string> silent_engines(const model::Snapshot& snapshot, const Book& book) {
  std::set<std::string> out;
  for (const Who& who : book.whos()) out.insert(who.engine);
  for (const model::Engine& engine : snapshot.engines) {
    const bool failed = engine.containers.empty() && !engine.gaps.empty();
    if (!failed) out.erase(who_is(engine, {}).engine);
  }
  return out;
}

}  // namespace

template <class Do>
void Owners::each(Do act) {
  for (auto& [address, all] : holders_) act(all);
  for (auto& [port, all] : published_) act(all);
}

bool Owners::link_came(IfIndex link, Moment when) {
  const auto known = births_.find(link);
  if (known != births_.end()) return when.until < known->second + kYoungMs;
  if (listed_.contains(link)) return false;
  births_.emplace(link, when.from);
  return true;
}

void Owners::link_went(IfIndex link, Moment when) {
  deaths_[link] = when.until;
  listed_.erase(link);
  each([&](std::vector<Holding>& all) {
    for (Holding& h : all) {
      if (h.link == link) h.until = std::min(h.until, when.until);
    }
  });
}

void Owners::see(std::vector<Holding>& all, const Holding& one, std::uint64_t born) {
  for (Holding& h : all) {
    if (h.who != one.who || h.link != one.link || h.published_at != one.published_at ||
        h.inside != one.inside || h.until != UINT64_MAX)
      continue;
    h.there = true;
    return;
  }
  Holding h = one;
  const auto birth = births_.find(one.link);
  h.from = birth != births_.end() ? birth->second : last_read_ == 0 ? born : last_read_;
  const auto death = deaths_.find(one.link);
  if (one.link && death != deaths_.end()) h.until = death->second;
  h.there = true;
  all.push_back(h);
}

void Owners::take_container(const model::Snapshot& snapshot, const model::Container& container,
                            std::uint32_t who, const StartOf& start_of) {
  const std::optional<model::NsId>& netns = container.netns;
  if (!netns) return;
  const model::NetNs& inside = snapshot.namespaces[netns->value];
  const std::uint64_t started = container.pid == 0 ? 0 : start_of(container.pid);
  // Not known when it began: then only what is seen from now on is its own.
  const std::uint64_t born = started == 0 ? snapshot.taken_at_ms : started;
  IfIndex first;
  for (const model::Address& a : inside.addresses) {
    if (a.local.is_loopback()) continue;
    Holding h;
    h.who = who;
    h.link = port_of(snapshot, inside, a.link);
    if (!first) first = h.link;
    see(holders_[a.local], h, born);
  }
  for (const model::PublishedPort& p : container.published) {
    Holding h;
    h.who = who;
    h.link = first;
    h.published_at = p.host_address;
    h.inside = p.container_port;
    see(published_[{p.protocol, p.host_port}], h, born);
  }
}

void Owners::take(const model::Snapshot& snapshot, Moment when, const StartOf& start_of,
                  Book& book) {
  each([](std::vector<Holding>& all) {
    for (Holding& h : all) h.there = false;
  });
  const model::NetNs& host = snapshot.namespaces[snapshot.host.value];
  for (const model::Link& link : host.links) listed_.insert(link.index);
  for (const model::Address& a : host.addresses) see(holders_[a.local], Holding{}, 0);
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::EngineNetwork& network : engine.networks) {
      for (const Prefix& p : network.subnets) {
        if (subnets_.size() < kMostSubnets && p.length() != 0) subnets_.insert(p);
      }
    }
    for (const model::Container& c : engine.containers) {
      if (!engine.local || !c.netns || *c.netns == snapshot.host || is_guest(c) ||
          c.netns->value >= snapshot.namespaces.size())
        continue;
      if (const auto who = book.intern(who_is(engine, c)))
        take_container(snapshot, c, *who, start_of);
    }
  }
  // Of an engine that does not answer (it is started anew) containers may well live on; their links
  // tell when they do not.
  const std::set<std::string> silent = silent_engines(snapshot, book);
  each([&](std::vector<Holding>& all) {
    for (Holding& h : all) {
      const bool asked = !h.who || !h.link || !silent.contains(book.whos()[*h.who].engine);
      if (!h.there && h.until == UINT64_MAX && asked) h.until = when.until;
    }
  });
  last_read_ = when.from;
}

Peer Owners::holder(const IpAddress& address, Moment when, bool all) const {
  std::set<std::optional<std::uint32_t>> found;
  std::uint64_t earliest = UINT64_MAX;
  if (const auto at = holders_.find(address); at != holders_.end()) {
    for (const Holding& h : at->second) {
      if (h.from > when.until || h.until < when.from) continue;
      found.insert(h.who);
      earliest = std::min(earliest, h.from);
    }
  }
  if (found.size() > 1 || (found.size() == 1 && all && earliest > when.from))
    return {PeerKind::kUnsure, 0, address};
  if (found.size() == 1) {
    const auto who = *found.begin();
    return who ? Peer{PeerKind::kContainer, *who, std::nullopt} : Peer{};
  }
  const bool inside =
      std::ranges::any_of(subnets_, [&address](const Prefix& p) { return p.contains(address); });
  return {inside ? PeerKind::kNobody : PeerKind::kOutside, 0, address};
}

std::optional<Owners::Published> Owners::publisher(const IpAddress& at, Port port,
                                                   IpProtocol protocol, Moment when) const {
  const auto found = published_.find({protocol, port});
  if (found == published_.end()) return std::nullopt;
  std::optional<Published> out;
  for (const Holding& h : found->second) {
    const bool here = h.published_at == at || h.published_at.is_unspecified();
    if (!here || !h.who || h.from > when.until || h.until < when.from) continue;
    if (out && out->who != *h.who) return std::nullopt;
    out = {*h.who, h.inside};
  }
  return out;
}

bool Owners::is_group(const IpAddress& address) const {
  if (address.is_multicast() || address.is_unspecified()) return true;
  if (address.is_v6()) return false;
  return address == IpAddress::v4(255, 255, 255, 255) ||
         std::ranges::any_of(subnets_, [&address](const Prefix& p) {
           return p.family() == IpFamily::kV4 && p.length() < 31 && p.last() == address;
         });
}

void Owners::forget(std::uint64_t before_ms) {
  each([&](std::vector<Holding>& all) {
    std::erase_if(all, [&](const Holding& h) { return h.until < before_ms; });
  });
  std::erase_if(holders_, [](const auto& one) { return one.second.empty(); });
  std::erase_if(published_, [](const auto& one) { return one.second.empty(); });
  std::erase_if(deaths_, [&](const auto& one) {
    if (one.second >= before_ms) return false;
    births_.erase(one.first);
    return true;
  });
}

}  // namespace bulkhead::flows
