// What `apply`, `confirm` and `rollback` say when they are done. Each ends with a newline; what is
// given is escaped here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "report/style.h"

namespace bulkhead::report {

struct AppliedNow {
  std::string host, file;
  std::size_t containers = 0, elements = 0;
  bool host_held = false;
  std::size_t audited = 0;  // containers
  bool host_audited = false;
  std::vector<std::string> unheld;  // escaped lines
  std::uint64_t until_ms = 0;       // 0: kept at once
  bool console = false;             // it may be confirmed without a new session
};
[[nodiscard]] std::string applied_text(const AppliedNow& now, const Style& style);

[[nodiscard]] std::string kept_text(const std::string& file, const Style& style);
[[nodiscard]] std::string already_kept_text(const std::string& file, std::uint64_t applied_at_ms,
                                            const Style& style);

struct RolledBack {
  bool now = false;  // there was something to roll back
  std::string file;  // what is in force again; "": nothing
  std::uint64_t applied_at_ms = 0;
};
[[nodiscard]] std::string rolled_back_text(const RolledBack& what, const Style& style);
[[nodiscard]] std::string removed_text(const Style& style);

}  // namespace bulkhead::report
