#include "cli/instant.h"

#include <charconv>
#include <chrono>
#include <optional>

#include "base/text.h"

namespace bulkhead::cli {
namespace {

std::unexpected<Error> not_an_instant(std::string_view text) {
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(text, 40) + "' is not an instant; write 2026-11-24T23:20:00Z");
}

// Reads digits and fixed characters from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<int> digits(std::size_t count) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (char c : text_.substr(0, count)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  bool skip(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  // False for a point with nothing behind it.
  bool skip_fraction() {
    if (!skip('.')) return true;
    if (!digits(1)) return false;
    while (digits(1)) continue;
    return true;
  }
  [[nodiscard]] bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
};

std::optional<std::chrono::sys_days> read_day(Reader& in) {
  const auto year = in.digits(4);
  if (!year || !in.skip('-')) return std::nullopt;
  const auto month = in.digits(2);
  if (!month || !in.skip('-')) return std::nullopt;
  const auto day = in.digits(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<std::chrono::minutes> read_hour_and_minute(Reader& in) {
  const auto hour = in.digits(2);
  if (!hour || *hour > 23 || !in.skip(':')) return std::nullopt;
  const auto minute = in.digits(2);
  if (!minute || *minute > 59) return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute);
}

std::optional<std::chrono::minutes> read_zone(Reader& in) {
  if (in.skip('Z') || in.skip('z')) return std::chrono::minutes(0);
  const bool east = in.skip('+');
  if (!east && !in.skip('-')) return std::nullopt;
  const auto offset = read_hour_and_minute(in);
  if (!offset) return std::nullopt;
  return east ? *offset : -*offset;
}

std::optional<std::chrono::seconds> read_instant(Reader& in) {
  const auto day = read_day(in);
  if (!day) return std::nullopt;
  std::chrono::seconds at = day->time_since_epoch();
  if (in.done()) return at;
  if (!in.skip('T') && !in.skip('t') && !in.skip(' ')) return std::nullopt;
  const auto clock = read_hour_and_minute(in);
  if (!clock || !in.skip(':')) return std::nullopt;
  const auto second = in.digits(2);
  if (!second || *second > 60 || !in.skip_fraction()) return std::nullopt;
  const auto zone = read_zone(in);
  if (!zone || !in.done()) return std::nullopt;
  return at + *clock + std::chrono::seconds(*second) - *zone;
}

}  // namespace

Result<std::uint64_t> parse_instant(std::string_view text) {
  Reader in(text);
  const auto at = read_instant(in);
  if (!at || at->count() < 0) return not_an_instant(text);
  return static_cast<std::uint64_t>(at->count()) * 1000;
}

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) {
  constexpr std::uint64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute,
                          kDay = 24 * kHour, kLongest = 366 * kDay;
  std::uint64_t number = 0, unit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest(end, text.data() + text.size());
  if (rest == "s") unit = kSecond;
  if (rest == "m") unit = kMinute;
  if (rest == "h") unit = kHour;
  if (rest == "d") unit = kDay;
  if (error != std::errc() || unit == 0 || number == 0 || number > kLongest / unit)
    return std::nullopt;
  return number * unit;
}

}  // namespace bulkhead::cli
