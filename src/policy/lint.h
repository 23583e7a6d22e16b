// What is wrong with a policy although it can be read: lines that mean nothing, that say what
// others say, that open too much, or that are over.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/bind.h"
#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::policy {

// Errors make a policy unfit to be planned; warnings are for its author to judge.
enum class LintLevel : std::uint8_t { kWarning, kError };

enum class LintKind : std::uint8_t {
  kEmpty,       // names nothing that runs, or nothing at all
  kShadowed,    // an earlier line says so already
  kTooWide,     // opens what nobody would list
  kUnknown,     // a port, an interface or a zone that is not there
  kExpired,     // it is over, or soon will be
  kManagement,  // management, open to the Internet
  kUnheld,      // cannot be held here
};
[[nodiscard]] std::string_view to_string(LintKind kind);  // "too-wide"

struct Lint {
  LintKind kind = LintKind::kEmpty;
  LintLevel level = LintLevel::kWarning;
  yaml::Place place;
  std::string what;  // and what to write instead; escaped, one line
};

// Whether by its number it is a port of what manages a host or more: an engine, a console, SSH.
[[nodiscard]] bool is_management(const PortSpec& port);

// In the order of the file; at most kMostLints, the last then says so. O(lines^2) within one tenant
// for what is shadowed, up to a bound; else O(lines * members).
inline constexpr std::size_t kMostLints = 1000;
[[nodiscard]] std::vector<Lint> lint(const Config& config, const Bound& bound,
                                     std::span<const Zone> zones, std::uint64_t now_ms);

}  // namespace bulkhead::policy
