// A policy as nftables rules: tables of Bulkhead's own that only narrow what others let through
// (docs/decisions/0061). Nothing is applied: text and model out.
//
// Held are the containers of tenants in mode enforce: what no line of the policy permits to or from
// them is dropped, whatever the engine's rules say; so is what an unknown endpoint on one of their
// bridges sends. Of those in mode audit the same is counted and let through (compile/audit.h), by a
// table that is there for them alone. The host's own services are held when the file itself is in
// mode enforce and has a `host` section. Nobody else's traffic is touched, but for the bridges that
// held containers share with others (Compiled::unheld says with whom).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"
#include "policy/bind.h"
#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::compile {

struct Input {  // what it refers to must outlive the call
  const policy::Config& config;
  const policy::Bound& bound;
  std::span<const policy::Zone> zones;
  const model::Snapshot& snapshot;
  std::uint64_t now_ms = 0;      // lines that are over permit nothing
  bool enforce_audited = false;  // as if tenants in mode audit, and the file, were in enforce
};

struct Interfaces {              // of the host, each in one of these
  std::vector<IfIndex> bridges;  // with containers that are held or audited
  std::vector<IfIndex> zones;
  std::vector<IfIndex> others;  // of engines, where nobody is held
};

struct Compiled {
  std::vector<model::Table> tables;  // as the kernel reads `text` back, but for handles
  std::string text;                  // for nft -f: one transaction; replaces an earlier one
  std::size_t elements = 0;
  std::vector<std::size_t> held;     // in Bound::members, ascending
  std::vector<std::size_t> audited;  // the same: what would be dropped of them is counted
  bool host_held = false, host_audited = false;
  Interfaces interfaces;            // that the rules name
  std::vector<std::string> unheld;  // what these rules do not hold, or cut: escaped, one line each
};

inline constexpr std::size_t kMostElements = 1'000'000;

// Whether what is in that mode is to be held.
[[nodiscard]] bool is_enforced(const Input& input, policy::Mode mode);

// Nobody held and nobody audited: rules that take away those of an earlier policy. kBudget past
// kMostElements; kUnsupported when an interface's name cannot be written. O(elements).
[[nodiscard]] Result<Compiled> compile(const Input& input);

// One that compile() makes, by its name and family.
[[nodiscard]] bool is_ours(const model::Table& table);
[[nodiscard]] bool is_audit(const model::Table& table);  // that of mode audit

// Puts the tables into the host's namespace, in place of those of an earlier policy.
void install(model::Snapshot& snapshot, const std::vector<model::Table>& tables);

}  // namespace bulkhead::compile
