// A session with a policy, bound to what runs: what every verb about the whitelist begins with.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "cli/exit_code.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "compile/compile.h"
#include "plan/senders.h"
#include "policy/bind.h"

namespace bulkhead::cli {

struct Bench {
  Session session;
  policy::Bound bound;
  std::uint64_t now_ms = 0;
  [[nodiscard]] plan::Scene scene() const { return {session.config, bound, session.zones}; }
  [[nodiscard]] compile::Input input(bool enforce) const {
    return {session.config, bound, session.zones, *session.snapshot, now_ms, enforce};
  }
};

// kInvalidInput when there is no bulkhead.yaml. This process has no rights afterwards.
[[nodiscard]] Result<Bench> open_bench(const PolicyOptions& options);

// Says why it is refused for safety, or was taken back; Exit::kRefused.
Exit refuse(const Error& error);
// Prints a report; its exit code unless it cannot be printed.
[[nodiscard]] Exit print_report(const std::string& text, Exit exit);

}  // namespace bulkhead::cli
