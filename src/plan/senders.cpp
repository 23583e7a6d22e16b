#include "plan/senders.h"

#include <algorithm>
#include <set>

#include "policy/meaning.h"

namespace bulkhead::plan {
namespace {

using policy::Party;
using policy::PartyKind;
using policy::Zone;

std::span<const Prefix> group_prefixes(const policy::Config& config, const std::string& name) {
  const policy::TrustGroup* group = config.group(name);
  return group == nullptr ? std::span<const Prefix>() : group->prefixes;
}

// The prefixes that lie in both.
std::vector<Prefix> common(std::span<const Prefix> a, std::span<const Prefix> b) {
  std::vector<Prefix> out;
  for (const Prefix& x : a) {
    for (const Prefix& y : b) {
      if (x.overlaps(y)) out.push_back(x.contains(y) ? y : x);
    }
  }
  return out;
}

// What is not excluded whole.
void leave_out(std::vector<Prefix>& prefixes, std::span<const Prefix> excluded) {
  std::erase_if(prefixes, [&](const Prefix& p) {
    return std::ranges::any_of(excluded, [&](const Prefix& e) { return e.contains(p); });
  });
}

class ZoneFinder {
 public:
  ZoneFinder(const Scene& scene, std::span<const Party> except) : scene_(scene), except_(except) {}

  void add(const Party& party) {
    for (const Zone& zone : scene_.zones) {
      if (policy::names_zone(party, zone)) {
        add(zone, zone.name);
      } else if (party.kind == PartyKind::kTrust) {
        Zone part = zone;
        part.prefixes = common(zone.prefixes, group_prefixes(scene_.config, party.name));
        add(std::move(part), party.name + " in " + zone.name);
      }
    }
  }
  std::vector<Zone> take() { return std::move(out_); }

 private:
  void add(Zone zone, const std::string& name) {
    for (const Party& party : except_) {
      if (policy::names_zone(party, zone)) return;
      if (party.kind != PartyKind::kTrust) continue;
      const auto group = group_prefixes(scene_.config, party.name);
      zone.excluded.insert(zone.excluded.end(), group.begin(), group.end());
    }
    leave_out(zone.prefixes, zone.excluded);
    if (zone.prefixes.empty() || !names_.insert(name).second) return;
    zone.name = name;
    out_.push_back(std::move(zone));
  }

  const Scene& scene_;
  std::span<const Party> except_;
  std::set<std::string> names_;
  std::vector<Zone> out_;
};

}  // namespace

std::vector<Zone> sending_zones(const Scene& scene, std::span<const Party> from,
                                std::span<const Party> except) {
  ZoneFinder finder(scene, except);
  for (const Party& party : from) finder.add(party);
  return finder.take();
}

std::vector<Sender> senders(const Scene& scene, const query::Asker& asker,
                            std::span<const Party> from, std::span<const Party> except) {
  std::vector<Sender> out;
  for (const Zone& zone : asker.zones()) {
    auto seat = asker.seat({query::VantageKind::kZone, zone.name, "", {}});
    if (seat) out.push_back({zone.name, *std::move(seat), nullptr});
  }
  if (policy::names_host(from) && !policy::names_host(except)) {
    auto seat = asker.seat({query::VantageKind::kHost, "", "", {}});
    if (seat) out.push_back({"host", *std::move(seat), nullptr});
  }
  const std::vector<std::size_t> spared = scene.bound.members_of(scene.config, except);
  for (const std::size_t i : scene.bound.members_of(scene.config, from)) {
    if (std::ranges::binary_search(spared, i)) continue;
    const policy::Member& member = scene.bound.members[i];
    query::Seat seat = asker.seat_of(*member.engine, *member.container);
    std::string text = seat.vantage.to_string();
    out.push_back({std::move(text), std::move(seat), &member});
  }
  return out;
}

}  // namespace bulkhead::plan
