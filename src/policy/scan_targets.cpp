#include "policy/scan_targets.h"

#include <algorithm>
#include <set>

#include "policy/config.h"
#include "policy/one_target.h"

namespace bulkhead::policy {
namespace {

class BeyondCollector {
 public:
  explicit BeyondCollector(const Config& config) : config_(config) {}

  std::vector<Beyond> run(const ScanTarget& target) {
    add_target(target);
    return std::move(out_.machines);
  }

  BeyondHost run() {
    for (const ScanTarget& target : config_.scan.targets) add_target(target);
    for (const ZoneRule& zone : config_.zones) {
      if (is_asked(zone)) add_zone(zone.name, of_zone(zone));
    }
    for (const auto& [zone, prefix] : too_wide_)
      out_.left_out.push_back({"zone " + zone, why_left_out(prefix, out_.machines), zone});
    if (beyond_ > 0)
      out_.left_out.push_back({std::to_string(beyond_) + " addresses beyond the host",
                               "no more than " + std::to_string(kMostBeyondHost) + " are asked"});
    return std::move(out_);
  }

 private:
  void add_target(const ScanTarget& target) {
    for (const Prefix& prefix : target.at) add_all(prefix, of_target(target));
    for (const std::string& zone : target.zones) add_zone(zone, of_target(target));
  }

  static Beyond of_target(const ScanTarget& target) {
    Beyond out;
    out.target = target.name;
    out.ports = target.ports;
    out.is = target.is;
    return out;
  }

  static Beyond of_zone(const ZoneRule& zone) {
    Beyond out;
    out.target = zone.name;
    out.of_zone = true;
    return out;
  }

  [[nodiscard]] bool is_asked(const ZoneRule& zone) const {
    const auto& named = config_.scan.zones;
    if (!named) return zone.role == ZoneRole::kManagement;
    return std::ranges::find(*named, zone.name) != named->end();
  }

  void add_zone(const std::string& name, const Beyond& like) {
    for (const ZoneRule& zone : config_.zones) {
      if (zone.name != name) continue;
      for (const Prefix& prefix : zone.prefixes) {
        if (!is_too_wide(prefix))
          add_all(prefix, like);
        else if (const std::pair one(name, prefix);
                 std::ranges::find(too_wide_, one) == too_wide_.end())
          too_wide_.push_back(one);
      }
    }
  }

  void add_all(const Prefix& prefix, const Beyond& like) {
    for (const IpAddress& address : machines_of(prefix)) {
      if (!seen_.insert(address).second) continue;
      if (out_.machines.size() == kMostBeyondHost) {
        ++beyond_;
        continue;
      }
      Beyond& one = out_.machines.emplace_back(like);
      one.to = address;
      one.management = std::ranges::any_of(config_.zones, [&](const ZoneRule& zone) {
        return zone.role == ZoneRole::kManagement &&
               std::ranges::any_of(zone.prefixes,
                                   [&](const Prefix& p) { return p.contains(address); });
      });
    }
  }

  const Config& config_;
  std::set<IpAddress> seen_;
  std::vector<std::pair<std::string, Prefix>> too_wide_;  // with the zone's name
  std::size_t beyond_ = 0;
  BeyondHost out_;
};

unsigned free_bits(const Prefix& prefix) {
  return prefix.address().bits() - prefix.length();
}

}  // namespace

bool is_too_wide(const Prefix& prefix) {
  return free_bits(prefix) > 8;  // 2^8 is kMostOfPrefix
}

std::vector<IpAddress> machines_of(const Prefix& prefix) {
  std::vector<IpAddress> out;
  if (is_too_wide(prefix)) return out;
  const bool ends_are_special = prefix.family() == IpFamily::kV4 && free_bits(prefix) > 1;
  IpAddress address = prefix.first();
  for (std::size_t i = 0; i < std::size_t{1} << free_bits(prefix); ++i, address = address.next()) {
    if (!ends_are_special || (address != prefix.first() && address != prefix.last()))
      out.push_back(address);
  }
  return out;
}

std::string why_left_out(const Prefix& prefix, const std::vector<Beyond>& machines) {
  const auto named = std::ranges::count_if(
      machines, [&prefix](const Beyond& one) { return prefix.contains(one.to); });
  const std::string wide =
      prefix.to_string() + " holds more than " + std::to_string(kMostOfPrefix) + " addresses; ";
  if (named == 0) return wide + "name those that matter in scan: {targets: …}";
  return wide + "asked are those that are named beside it (" + std::to_string(named) + ")";
}

BeyondHost beyond_host(const Config& config) {
  return BeyondCollector(config).run();
}

std::vector<Beyond> machines_of_target(const Config& config, const ScanTarget& target) {
  return BeyondCollector(config).run(target);
}

}  // namespace bulkhead::policy
