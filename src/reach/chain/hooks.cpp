#include "reach/chain/hooks.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace bulkhead::reach::chains {
namespace {

using model::Hook;
using model::NfFamily;

std::optional<HookPoint> from(HookPoint first, Hook hook) {  // the five hooks of a family
  if (hook == Hook::kIngress || hook == Hook::kEgress) return std::nullopt;
  return static_cast<HookPoint>(static_cast<int>(first) + static_cast<int>(hook));
}

std::optional<HookPoint> point_of(NfFamily family, Hook hook) {
  switch (family) {
    case NfFamily::kInet:
      if (hook == Hook::kIngress) return HookPoint::kInetIngress;
      return from(HookPoint::kIpPrerouting, hook);
    case NfFamily::kIp:
    case NfFamily::kIp6: return from(HookPoint::kIpPrerouting, hook);
    case NfFamily::kBridge: return from(HookPoint::kBridgePrerouting, hook);
    case NfFamily::kNetdev:
      if (hook == Hook::kIngress) return HookPoint::kNetdevIngress;
      if (hook == Hook::kEgress) return HookPoint::kNetdevEgress;
      return std::nullopt;
    case NfFamily::kArp:
      if (hook == Hook::kInput) return HookPoint::kArpInput;
      if (hook == Hook::kOutput) return HookPoint::kArpOutput;
      if (hook == Hook::kForward) return HookPoint::kArpForward;
      return std::nullopt;
  }
  return std::nullopt;
}

bool belongs_to_devices(HookPoint point) {
  return point == HookPoint::kNetdevIngress || point == HookPoint::kNetdevEgress ||
         point == HookPoint::kInetIngress;
}

bool is_legacy(const ChainEntry& chain) {
  return chain.table->table->backend == model::TableBackend::kLegacy;
}

bool is_nat(const ChainEntry& chain, const model::BaseChain& base) {
  return base.type == model::ChainType::kNat ||
         (is_legacy(chain) && chain.table->table->name == "nat");
}

bool reroutes(const ChainEntry& chain, const model::BaseChain& base) {
  if (base.type == model::ChainType::kRoute) return true;
  return is_legacy(chain) && chain.table->table->name == "mangle" && base.hook == Hook::kOutput;
}

// nf_hook_entries_grow(): by priority; of equal ones the last registered comes first. Handles grow
// with time. Legacy tables before nft ones, among themselves as the snapshot lists them.
void sort(const Index& index, std::vector<HookEntry>& entries) {
  const auto key = [&](const HookEntry& entry) {
    const ChainEntry& chain = index.chains[entry.chain];
    return std::tuple(entry.priority, !entry.legacy, entry.legacy ? 0 : ~chain.table->table->handle,
                      entry.legacy ? 0 : ~chain.chain->handle, entry.chain);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const HookEntry& a, const HookEntry& b) { return key(a) < key(b); });
}

std::vector<HookEntry> ordered(std::vector<HookEntry> entries, bool legacy_last) {
  if (legacy_last) {
    std::stable_sort(entries.begin(), entries.end(), [](const HookEntry& a, const HookEntry& b) {
      return std::pair(a.priority, a.legacy) < std::pair(b.priority, b.legacy);
    });
  }
  return entries;
}

bool mixes(const std::vector<HookEntry>& entries) {
  return std::adjacent_find(entries.begin(), entries.end(),
                            [](const HookEntry& a, const HookEntry& b) {
                              return a.priority == b.priority && a.legacy != b.legacy;
                            }) != entries.end();
}

}  // namespace

Hooks::Hooks(const Index& index, IpFamily family) {
  const NfFamily other = family == IpFamily::kV4 ? NfFamily::kIp6 : NfFamily::kIp;
  for (std::uint32_t i = 0; i < index.chains.size(); ++i) {
    const ChainEntry& chain = index.chains[i];
    const model::Table& table = *chain.table->table;
    const std::optional<model::BaseChain>& base = chain.chain->base;
    if (!base || table.dormant || table.family == other) continue;
    const auto point = point_of(table.family, base->hook);
    if (!point) continue;
    HookEntry entry{base->priority, i, is_legacy(chain), reroutes(chain, *base), nullptr};
    if (belongs_to_devices(*point)) entry.devices = &base->devices;
    Lists& lists = points_[static_cast<std::size_t>(*point)];
    (is_nat(chain, *base) ? lists.nat : lists.filter).push_back(entry);
  }
  for (Lists& lists : points_) {
    sort(index, lists.filter);
    sort(index, lists.nat);
  }
}

std::vector<HookEntry> Hooks::filter(HookPoint point, bool legacy_last) const {
  return ordered(points_[static_cast<std::size_t>(point)].filter, legacy_last);
}

std::vector<HookEntry> Hooks::nat(HookPoint point, bool legacy_last) const {
  return ordered(points_[static_cast<std::size_t>(point)].nat, legacy_last);
}

bool Hooks::mixes_back_ends(HookPoint point) const {
  const Lists& lists = points_[static_cast<std::size_t>(point)];
  return mixes(lists.filter) || mixes(lists.nat);
}

}  // namespace bulkhead::reach::chains
