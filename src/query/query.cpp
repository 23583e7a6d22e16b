#include "query/query.h"

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "query/source_classes.h"

namespace bulkhead::query {
namespace {

// More classes than this are not asked one by one; the answer is unknown then unless one is open.
constexpr std::size_t kMostOrigins = 4096;

std::vector<IpAddress> own_addresses(const model::Snapshot& snapshot) {
  std::vector<IpAddress> out;
  if (snapshot.host.value < snapshot.namespaces.size()) {
    for (const model::Address& a : snapshot.namespaces[snapshot.host.value].addresses) {
      out.push_back(a.local);
    }
  }
  return out;
}

bool names(const model::Container& container, std::string_view text) {
  if (container.name == text) return true;
  return text.size() >= 12 && container.id.starts_with(text);
}

// "/var/run" is a link to "/run" on every system that has both.
std::string_view canonical(std::string_view path) {
  return path.starts_with("/var/run/") ? path.substr(4) : path;
}

bool names(const model::NetNs& ns, std::string_view path) {
  path = canonical(path);
  if (std::ranges::any_of(ns.paths,
                          [path](const std::string& p) { return canonical(p) == path; })) {
    return true;
  }
  return std::ranges::any_of(ns.pids, [path](std::uint32_t pid) {
    return path == "/proc/" + std::to_string(pid) + "/ns/net";
  });
}

IpFamily family_of(const std::variant<trace::LocalOrigin, trace::OutsideOrigin>& origin,
                   IpFamily otherwise) {
  const auto* outside = std::get_if<trace::OutsideOrigin>(&origin);
  return outside == nullptr ? otherwise : outside->source.family();
}

trace::Answer unknown(std::string why) {
  trace::Answer answer;
  answer.reason = std::move(why);
  return answer;
}

trace::Answer closed(trace::How how, std::string why) {
  trace::Answer answer;
  answer.verdict = trace::Verdict::kClosed;
  answer.how = how;
  answer.reason = std::move(why);
  return answer;
}

int rank(trace::Verdict verdict) {
  switch (verdict) {
    case trace::Verdict::kOpen: return 2;
    case trace::Verdict::kUnknown: return 1;
    case trace::Verdict::kClosed: return 0;
  }
  return 1;
}

// An ordinary connection is one of the packets that root could send: open stays open, but a closed
// or unknown one says nothing of the others until reach over packet sets is asked.
void widen_to_attacker(Reply& reply) {
  if (reply.answer.verdict != trace::Verdict::kClosed) return;
  reply.answer.verdict = trace::Verdict::kUnknown;
  reply.answer.how = trace::How::kUnknown;
  reply.answer.reason = "an ordinary connection is closed (" + reply.answer.reason +
                        "); forged packets are not computed here";
}

}  // namespace

struct Asker::Boundaries {
  std::once_flag once;
  SourceClasses classes;
  [[nodiscard]] const SourceClasses& of(const model::Snapshot& snapshot) {
    std::call_once(once, [&] { classes = source_classes(snapshot); });
    return classes;
  }
};

Asker::Asker(const trace::World& world, std::span<const policy::Zone> zones)
    : world_(&world), zones_(zones), boundaries_(std::make_shared<Boundaries>()) {}

Asker Asker::with(std::span<const policy::Zone> zones) const {
  Asker out = *this;
  out.zones_ = zones;
  out.ask_forged_ = nullptr;
  return out;
}

Seat Asker::zone_seat(const Vantage& vantage, const policy::Zone& zone) const {
  Seat seat{.vantage = vantage,
            .origins = {},
            .many = true,
            .zone = &zone,
            .container = nullptr,
            .unknown = {}};
  if (!zone.link) {
    seat.unknown = "zone " + escape_text(zone.name, 64) + " has no interface on this host";
    return seat;
  }
  const auto own = own_addresses(world_->snapshot());
  Representatives found =
      representatives(zone, boundaries_->of(world_->snapshot()), own, kMostOrigins);
  if (found.uneven) seat.unknown = "rules compute with source addresses, and not all were asked";
  if (!found.complete) seat.unknown = "more source classes than " + std::to_string(kMostOrigins);
  for (IpAddress source : found.addresses) {
    seat.origins.emplace_back(
        trace::OutsideOrigin{.ns = world_->snapshot().host, .link = zone.link, .source = source});
  }
  if (seat.origins.empty())
    seat.unknown = "zone " + escape_text(zone.name, 64) + " has no addresses";
  return seat;
}

Result<Seat> Asker::seat(const Vantage& vantage) const {
  const model::Snapshot& snapshot = world_->snapshot();
  const auto by_name = [&](std::string_view name) {
    return std::ranges::find_if(zones_, [name](const policy::Zone& z) { return z.name == name; });
  };
  // A zone that has the word for a name is meant by it, whatever its role.
  const auto by_word = [&](policy::ZoneRole role) {
    const auto named = by_name(to_string(role));
    if (named != zones_.end()) return named;
    return std::ranges::find_if(zones_, [role](const policy::Zone& z) { return z.role == role; });
  };
  auto zone = zones_.end();
  switch (vantage.kind) {
    case VantageKind::kHost: {
      Seat seat{.vantage = vantage,
                .origins = {},
                .many = false,
                .zone = nullptr,
                .container = nullptr,
                .unknown = {}};
      seat.origins.emplace_back(trace::LocalOrigin{.ns = snapshot.host});
      return seat;
    }
    case VantageKind::kNetns: {
      for (std::uint32_t i = 0; i < snapshot.namespaces.size(); ++i) {
        if (!names(snapshot.namespaces[i], vantage.name)) continue;
        Seat seat{.vantage = vantage,
                  .origins = {},
                  .many = false,
                  .zone = nullptr,
                  .container = nullptr,
                  .unknown = {}};
        seat.origins.emplace_back(trace::LocalOrigin{.ns = model::NsId{i}});
        return seat;
      }
      return fail(ErrorCode::kNotFound,
                  "no network namespace at '" + escape_text(vantage.name, 128) + "' was read");
    }
    case VantageKind::kContainer: {
      for (const model::Engine& engine : snapshot.engines) {
        if (!vantage.engine.empty() && engine.name != vantage.engine) continue;
        for (const model::Container& container : engine.containers) {
          if (!names(container, vantage.name)) continue;
          Seat seat = seat_of(engine, container);
          seat.vantage = vantage;
          return seat;
        }
      }
      return fail(ErrorCode::kNotFound, "no container '" + escape_text(vantage.name, 128) +
                                            "' is known; `bulkhead map` lists them");
    }
    case VantageKind::kInternet: zone = by_word(policy::ZoneRole::kInternet); break;
    case VantageKind::kLan:
      zone =
          vantage.name.empty() ? by_word(policy::ZoneRole::kLan) : by_name("lan:" + vantage.name);
      if (zone == zones_.end() && !vantage.name.empty()) {
        zone = std::ranges::find_if(zones_, [&](const policy::Zone& z) {
          return z.interface == vantage.name && !z.beyond_gateway;
        });
      }
      break;
    case VantageKind::kZone:
    case VantageKind::kAddress: zone = by_name(vantage.name); break;
  }
  if (zone == zones_.end()) {
    std::string known;
    for (const policy::Zone& z : zones_)
      known += (known.empty() ? "" : ", ") + escape_text(z.name, 64);
    return fail(ErrorCode::kNotFound, "no zone for '" + escape_text(vantage.to_string(), 128) +
                                          "'; there are: " + (known.empty() ? "none" : known));
  }
  if (vantage.kind != VantageKind::kAddress) return zone_seat(vantage, *zone);
  Seat seat{.vantage = vantage,
            .origins = {},
            .many = false,
            .zone = &*zone,
            .container = nullptr,
            .unknown = {}};
  seat.origins.emplace_back(
      trace::OutsideOrigin{.ns = snapshot.host, .link = zone->link, .source = vantage.address});
  if (!zone->link)
    seat.unknown = "zone " + escape_text(zone->name, 64) + " has no interface on this host";
  return seat;
}

Seat Asker::seat_of(const model::Engine& engine, const model::Container& container) const {
  Seat seat{.vantage = {VantageKind::kContainer, container.name, engine.name, {}},
            .origins = {},
            .many = false,
            .zone = nullptr,
            .container = &container,
            .unknown = {}};
  if (container.netns && container.netns->value < world_->snapshot().namespaces.size()) {
    seat.origins.emplace_back(trace::LocalOrigin{.ns = *container.netns});
  } else if (container.state != "running") {
    seat.unknown =
        "container " + escape_text(container.name, 64) + " is " + escape_text(container.state, 32);
  } else {
    seat.unknown = "the network namespace of container " + escape_text(container.name, 64) +
                   " could not be read";
  }
  return seat;
}

namespace {

// The Internet does not route private addresses; the uplink's own address counts, as something in
// front of it may forward to it (the zone's remark says so).
bool routed_from_internet(const model::Snapshot& snapshot, const policy::Zone& zone, IpAddress to) {
  if (to.is_link_local() || to.is_loopback()) return false;
  if (!to.is_private()) return true;
  if (snapshot.host.value >= snapshot.namespaces.size()) return false;
  return std::ranges::any_of(
      snapshot.namespaces[snapshot.host.value].addresses,
      [&](const model::Address& a) { return a.link == zone.link && a.local == to; });
}

trace::Question question(const std::variant<trace::LocalOrigin, trace::OutsideOrigin>& origin,
                         const Target& target) {
  trace::Question q;
  std::visit([&](const auto& from) { q.from = from; }, origin);
  q.to = target.to;
  q.port = target.port;
  q.protocol = target.protocol;
  q.source = target.source;
  q.source_port = target.source_port;
  q.explain = target.explain;
  q.edges = target.edges;
  q.scope = target.scope;
  q.reads = target.reads;
  q.to_reads = target.to_reads;
  if (auto* outside = std::get_if<trace::OutsideOrigin>(&q.from);
      outside != nullptr && target.source) {
    outside->source = *target.source;
  }
  return q;
}

Reply ask_one(const trace::World& world, const Seat& seat, const Target& target) {
  Reply reply;
  if (seat.origins.empty()) {
    reply.answer = unknown(seat.unknown);
    return reply;
  }
  reply.answer = world.ask(question(seat.origins.front(), target));
  if (target.explain) reply.witness = reply.answer.source;
  return reply;
}

Reply ask_many(const trace::World& world, const Seat& seat, const Target& target) {
  Reply best;
  bool any = false;
  for (const auto& origin : seat.origins) {
    if (family_of(origin, target.to.family()) != target.to.family()) continue;
    Target quiet = target;
    quiet.explain = false;
    trace::Answer answer = world.ask(question(origin, quiet));
    const bool differs = any && answer.verdict != best.answer.verdict;
    best.some = best.some || differs;
    if (!any || rank(answer.verdict) > rank(best.answer.verdict)) {
      best.answer = std::move(answer);
      best.witness = std::get<trace::OutsideOrigin>(origin).source;
    }
    any = true;
    const bool settled = best.some && best.answer.verdict == trace::Verdict::kOpen;
    if (target.source || settled) break;  // the others could not change it
  }
  if (!any && !seat.unknown.empty()) {
    best.answer = unknown(seat.unknown);
    return best;
  }
  if (!any) {
    best.answer =
        closed(trace::How::kUnreachable, "nobody in that zone speaks this address family");
    return best;
  }
  // Whoever names the source asks of that one alone.
  if (!target.source && !seat.unknown.empty() && best.answer.verdict == trace::Verdict::kClosed)
    best.answer = unknown(seat.unknown);
  if (target.explain && best.witness) {
    auto origin = std::get<trace::OutsideOrigin>(seat.origins.front());
    origin.source = *best.witness;
    best.answer = world.ask(question(origin, target));
  }
  return best;
}

}  // namespace

bool Asker::is_asked(const Seat& seat, IpAddress to) const {
  const bool internet = seat.zone != nullptr && seat.zone->role == policy::ZoneRole::kInternet;
  return !internet || routed_from_internet(world_->snapshot(), *seat.zone, to);
}

bool same_part(std::span<const std::uint32_t> firsts, IpAddress a, IpAddress b) {
  const auto part = [firsts](IpAddress of) {
    return std::ranges::upper_bound(firsts, of.v4_number());
  };
  return part(a) == part(b);
}

Reply Asker::ask(const Seat& seat, const Target& target) const {
  Reply reply;
  if (!is_asked(seat, target.to)) {
    reply.answer =
        closed(trace::How::kUnreachable, "private addresses are not routed on the Internet");
    return reply;
  }
  reply = seat.many ? ask_many(*world_, seat, target) : ask_one(*world_, seat, target);
  if (!target.as_attacker) return reply;
  // Who forges chooses the wire as well: the computation of that does not ask for one.
  if (ask_forged_ && !target.scope) return ask_forged_(seat, target, std::move(reply));
  if (target.to_reads != nullptr) target.to_reads->unclear();
  widen_to_attacker(reply);
  return reply;
}

}  // namespace bulkhead::query
