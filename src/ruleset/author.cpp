// Who probably wrote a rule: by the names that the programs give to tables and chains and by the
// comments that they leave. A guess, for reports only.
#include <algorithm>
#include <array>
#include <string_view>

#include "ruleset/print.h"
#include "ruleset/print_iptables.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

struct Mark {
  std::string_view start;  // of a name
  std::string_view author;
};

constexpr auto kTables = std::to_array<Mark>({
    {"bulkhead", "bulkhead"},
    {"firewalld", "firewalld"},
    {"docker-bridges", "docker"},
    {"netavark", "podman"},
    {"libvirt_network", "libvirt"},
    {"kube-proxy", "kubernetes"},
});
constexpr auto kChains = std::to_array<Mark>({
    {"DOCKER", "docker"},
    {"NETAVARK", "podman"},
    {"CNI-", "podman"},
    {"ufw-", "ufw"},
    {"ufw6-", "ufw"},
    {"LIBVIRT_", "libvirt"},
    {"KUBE-", "kubernetes"},
    {"cali-", "kubernetes"},
    {"CILIUM_", "kubernetes"},
    {"FWD_", "firewalld"},
    {"IN_", "firewalld"},
    {"f2b-", "fail2ban"},
    {"bulkhead", "bulkhead"},
});
constexpr auto kComments = std::to_array<Mark>({
    {"bulkhead", "bulkhead"},
    {"netavark", "podman"},
    {"name: \"podman\"", "podman"},
    {"kubernetes", "kubernetes"},
    {"cali:", "kubernetes"},
    {"cilium", "kubernetes"},
});

template <std::size_t N>
std::string_view by_start(const std::array<Mark, N>& marks, std::string_view name) {
  for (const Mark& mark : marks) {
    if (name.starts_with(mark.start)) return mark.author;
  }
  return {};
}

// The chain to which a rule jumps.
std::string_view jump_target(const Rule& rule) {
  for (const Statement& statement : rule.statements) {
    if (const auto* decide = std::get_if<Decide>(&statement)) return decide->verdict.chain;
    const auto* target = std::get_if<XtTarget>(&statement);
    const auto* standard = target != nullptr ? std::get_if<xt::Standard>(&target->info) : nullptr;
    if (standard != nullptr) return standard->chain;
  }
  return {};
}

}  // namespace

std::string guess_author(const Table& table, const Chain& chain, const Rule* rule) {
  if (rule != nullptr) {
    if (const auto by = by_start(kComments, rule->comment); !by.empty()) return std::string(by);
  }
  if (const auto by = by_start(kTables, table.name); !by.empty()) return std::string(by);
  // DOCKER-USER is Docker's chain for the rules of others.
  const bool others = chain.name == "DOCKER-USER";
  if (!others || rule == nullptr) {
    if (const auto by = by_start(kChains, chain.name); !by.empty()) return std::string(by);
  }
  if (rule != nullptr) {
    if (const auto by = by_start(kChains, jump_target(*rule)); !by.empty()) return std::string(by);
  }
  return looks_like_iptables(table) && table.backend == TableBackend::kNftables ? "iptables-nft"
                                                                                : "";
}

}  // namespace bulkhead::ruleset
