// How busy this machine is, against what somebody allows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bulkhead::console {

// "2.5": of the load average of the last minute, as uptime(1) tells it (/proc/loadavg). "40%": of
// the time in which something waited for a processor, over the last ten seconds
// (/proc/pressure/cpu, "some avg10"; Documentation/accounting/psi.rst).
class MaxLoad {
 public:
  // kInvalidInput says what to write; kUnsupported: this kernel does not tell its pressure.
  [[nodiscard]] static Result<MaxLoad> parse(std::string_view text);
  // Reads one small file. What cannot be read is not above.
  [[nodiscard]] bool is_exceeded() const;

 private:
  MaxLoad(double most, bool pressure) : most_(most), pressure_(pressure) {}
  double most_;
  bool pressure_;
};

// Of the texts of these files; nullopt: they are none.
[[nodiscard]] std::optional<double> load_of(std::string_view loadavg);
[[nodiscard]] std::optional<double> pressure_of(std::string_view psi);

}  // namespace bulkhead::console
