#include "console/machine_load.h"

#include <charconv>
#include <cmath>

#include "base/text.h"
#include "console/files.h"

namespace bulkhead::console {
namespace {

constexpr const char *kLoad = "/proc/loadavg", *kPressure = "/proc/pressure/cpu";
constexpr std::size_t kMostOfProc = 4096;
constexpr double kMostLoad = 100'000;

std::optional<double> number_of(std::string_view text) {
  double out = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out, std::chars_format::fixed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(out) && out >= 0 ? std::optional(out) : std::nullopt;
}

}  // namespace

std::optional<double> load_of(std::string_view loadavg) {
  return number_of(loadavg.substr(0, loadavg.find(' ')));
}

std::optional<double> pressure_of(std::string_view psi) {
  constexpr std::string_view kBegin = "some avg10=";
  if (!psi.starts_with(kBegin)) return std::nullopt;
  psi.remove_prefix(kBegin.size());
  return number_of(psi.substr(0, psi.find(' ')));
}

Result<MaxLoad> MaxLoad::parse(std::string_view text) {
  const bool pressure = text.ends_with('%');
  const auto most = number_of(text.substr(0, text.size() - (pressure ? 1 : 0)));
  if (!most || *most <= 0 || *most > (pressure ? 100 : kMostLoad))
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(text, 32) +
                    "' is no load; write 2.5 (of the last minute, as uptime tells it) or 40% (of "
                    "the time in which something waits for a processor)");
  const char* file = pressure ? kPressure : kLoad;
  if (!read_file(file, kMostOfProc))
    return fail(ErrorCode::kUnsupported,
                std::string(file) + " cannot be read here" +
                    (pressure ? "; give a load average instead, as 2.5" : ""));
  return MaxLoad(*most, pressure);
}

bool MaxLoad::is_exceeded() const {
  const auto text = read_file(pressure_ ? kPressure : kLoad, kMostOfProc);
  if (!text) return false;
  const auto now = pressure_ ? pressure_of(*text) : load_of(*text);
  return now && *now > most_;
}

}  // namespace bulkhead::console
