// Base chains at their filter points, in the order in which the kernel runs them.
#include <algorithm>
#include <tuple>

#include "trace/filter_build.h"

namespace bulkhead::trace::filtering {
namespace {

using model::Hook;
using model::NfFamily;

std::optional<FilterPoint> ip_point(Hook hook) {
  switch (hook) {
    case Hook::kPrerouting: return FilterPoint::kIpPrerouting;
    case Hook::kInput: return FilterPoint::kIpInput;
    case Hook::kForward: return FilterPoint::kIpForward;
    case Hook::kOutput: return FilterPoint::kIpOutput;
    case Hook::kPostrouting: return FilterPoint::kIpPostrouting;
    case Hook::kIngress:
    case Hook::kEgress: break;
  }
  return std::nullopt;
}

std::optional<FilterPoint> bridge_point(Hook hook) {
  switch (hook) {
    case Hook::kPrerouting: return FilterPoint::kBridgePrerouting;
    case Hook::kInput: return FilterPoint::kBridgeInput;
    case Hook::kForward: return FilterPoint::kBridgeForward;
    case Hook::kOutput: return FilterPoint::kBridgeOutput;
    case Hook::kPostrouting: return FilterPoint::kBridgePostrouting;
    case Hook::kIngress:
    case Hook::kEgress: break;
  }
  return std::nullopt;
}

std::optional<FilterPoint> point_of(NfFamily family, Hook hook) {
  switch (family) {
    case NfFamily::kInet:
      return hook == Hook::kIngress ? std::optional(FilterPoint::kInetIngress) : ip_point(hook);
    case NfFamily::kIp:
    case NfFamily::kIp6: return ip_point(hook);
    case NfFamily::kBridge: return bridge_point(hook);
    case NfFamily::kArp:
      if (hook == Hook::kInput) return FilterPoint::kArpInput;
      if (hook == Hook::kOutput) return FilterPoint::kArpOutput;
      if (hook == Hook::kForward) return FilterPoint::kArpForward;
      return std::nullopt;
    case NfFamily::kNetdev:
      if (hook == Hook::kIngress) return FilterPoint::kNetdevIngress;
      if (hook == Hook::kEgress) return FilterPoint::kNetdevEgress;
      return std::nullopt;
  }
  return std::nullopt;
}

bool is_nat(const ChainCode& chain, const model::BaseChain& base) {
  return base.type == model::ChainType::kNat ||
         (chain.table->backend == model::TableBackend::kLegacy && chain.table->name == "nat");
}

bool reroutes(const ChainCode& chain, const model::BaseChain& base) {
  if (base.type == model::ChainType::kRoute) return true;
  return chain.table->backend == model::TableBackend::kLegacy && chain.table->name == "mangle" &&
         base.hook == Hook::kOutput;
}

// nf_hook_entries_grow(): by priority; of equal ones the last registered comes first. Handles grow
// with time. Legacy tables before nft ones, among themselves as the snapshot lists them.
void sort(const Program& p, std::vector<HookCode>& hooks) {
  std::sort(hooks.begin(), hooks.end(), [&](const HookCode& a, const HookCode& b) {
    const auto key = [&](const HookCode& hook) {
      const ChainCode& chain = p.chains[hook.chain];
      const bool legacy = hook.legacy;
      return std::tuple(hook.priority, !legacy, legacy ? 0 : ~chain.table->handle,
                        legacy ? 0 : ~chain.chain->handle, hook.chain);
    };
    return key(a) < key(b);
  });
}

void add(Program& p, std::uint32_t index) {
  const ChainCode& chain = p.chains[index];
  const std::optional<model::BaseChain>& base = chain.chain->base;
  const auto point = base ? point_of(chain.table->family, base->hook) : std::nullopt;
  if (!base || !point) return;
  HookCode hook;
  hook.priority = base->priority;
  hook.chain = index;
  hook.legacy = chain.table->backend == model::TableBackend::kLegacy;
  hook.reroutes = reroutes(chain, *base);
  const bool by_device = *point == FilterPoint::kInetIngress ||
                         *point == FilterPoint::kNetdevIngress ||
                         *point == FilterPoint::kNetdevEgress;
  if (by_device) hook.devices = &base->devices;
  const NfFamily family = chain.table->family;
  for (std::size_t v6 : {0U, 1U}) {
    if (family == (v6 != 0 ? NfFamily::kIp : NfFamily::kIp6)) continue;
    Hooks& hooks = p.hooks[static_cast<std::size_t>(*point)][v6];
    (is_nat(chain, *base) ? hooks.nat : hooks.filter).push_back(hook);
    if (is_nat(chain, *base)) p.nat[v6] = true;
  }
}

}  // namespace

void add_hooks(Program& program) {
  for (std::uint32_t i = 0; i < program.chains.size(); ++i) {
    if (program.chains[i].chain->base && !program.chains[i].table->dormant) add(program, i);
  }
  for (auto& point : program.hooks) {
    for (Hooks& hooks : point) {
      sort(program, hooks.filter);
      sort(program, hooks.nat);
    }
  }
}

}  // namespace bulkhead::trace::filtering
