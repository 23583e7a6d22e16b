#include "model/gaps.h"

#include <string_view>

namespace bulkhead::model {
namespace {

constexpr Concerns kRules{.rules = true};
constexpr Concerns kSockets{.sockets = true};
constexpr Concerns kRoutes{.routes = true};
constexpr Concerns kAll{.rules = true, .sockets = true, .routes = true};

struct Row {
  std::string_view what;
  Concerns concerns;
};

constexpr Row kTable[] = {
    {"nftables", kRules},         {"nftables sets", kRules},    {"iptables-legacy", kRules},
    {"ip6tables-legacy", kRules}, {"arptables-legacy", kRules}, {"ipset", kRules},
    {"sockets", kSockets},        {"links", kRoutes},           {"traffic control", kRoutes},
    {"addresses", kRoutes},       {"next hops", kRoutes},       {"routes", kRoutes},
    {"routes (IPv6)", kRoutes},   {"routing rules", kRoutes},   {"routing rules (IPv6)", kRoutes},
    {"neighbours", kRoutes},      {"bridge entries", kRoutes},  {"sysctls", kRoutes},
};

}  // namespace

Concerns concerns(const Gap& gap) {
  for (const Row& row : kTable) {
    if (row.what == gap.what) return row.concerns;
  }
  return kAll;
}

}  // namespace bulkhead::model
