#include "cli/outside_views.h"

#include <unistd.h>

#include <cstdio>

#include "audit/audit.h"
#include "base/text.h"
#include "cli/files.h"
#include "query/vantage.h"
#include "scan/outside.h"
#include "seen/text.h"

namespace bulkhead::cli {
namespace {

constexpr std::size_t kLongestHost = 64;

bool is_zone(std::string_view text) {
  const auto vantage = query::Vantage::parse(text);
  if (!vantage) return false;
  using enum query::VantageKind;
  return vantage->kind == kInternet || vantage->kind == kLan || vantage->kind == kZone;
}

// The colon behind the zone; npos when none is named. lan:eth0 holds one as well, and so may the
// name of a file: it is the first one behind which there is a file.
std::size_t end_of_zone(const std::string& text) {
  std::size_t last = std::string::npos;
  for (std::size_t at = text.find(':'); at != std::string::npos; at = text.find(':', at + 1)) {
    if (!is_zone(std::string_view(text).substr(0, at))) continue;
    last = at;
    if (::access(text.c_str() + at + 1, R_OK) == 0) break;
  }
  return last;
}

std::string shown(const OutsideView& view) {
  return "--with " + escape_text(view.file);
}

audit::ComparedScan compared(const OutsideView& view, std::uint64_t read_at_ms) {
  audit::ComparedScan out;
  out.host = view.record.host;
  out.taken_at_ms = view.record.taken_at_ms;
  out.after = out.taken_at_ms > read_at_ms;
  out.age_ms = out.after ? out.taken_at_ms - read_at_ms : read_at_ms - out.taken_at_ms;
  return out;
}

Status is_fresh(const OutsideView& view, const audit::ComparedScan& scan,
                std::uint64_t max_age_ms) {
  if (scan.age_ms <= max_age_ms) return {};
  return fail(ErrorCode::kInvalidInput,
              shown(view) + ": was made on " + seen::instant_text(scan.taken_at_ms) + ", " +
                  std::to_string(scan.age_ms / 86'400'000) + " days " +
                  (scan.after ? "after" : "before") +
                  " this host was read, and may be of another state of it; scan again, or allow "
                  "it with --with-max-age 30d");
}

// Who saw it and when stands beside how it ended, for a person.
void say_who(audit::Report& report, std::size_t from, const seen::Record& record) {
  for (std::size_t i = from; i < report.contradictions.size(); ++i) {
    report.contradictions[i].observed += ", seen by " + escape_text(record.host, kLongestHost) +
                                         " on " + seen::instant_text(record.taken_at_ms);
  }
}

}  // namespace

Result<OutsideView> read_outside_view(const std::string& text) {
  OutsideView out;
  const std::size_t colon = end_of_zone(text);
  const bool named = colon != std::string::npos;
  out.file = named ? text.substr(colon + 1) : text;
  auto content = read_file(out.file, seen::kLargestRecord);
  if (!content) return within("--with", content.error());
  auto record = seen::read_record(*content, out.file);
  if (!record) return within("--with", record.error());
  out.record = *std::move(record);
  out.zone = named ? text.substr(0, colon) : out.record.zone;
  for (const seen::SeenFrom& seat : out.record.seats) {
    if (seat.vantage != "outside")
      return fail(
          ErrorCode::kInvalidInput,
          shown(out) + ": was made from inside, by bulkhead scan; give one of bulkhead-scan");
  }
  if (out.zone.empty())
    return fail(ErrorCode::kInvalidInput,
                shown(out) + ": does not say where it was made; write --with internet:" +
                    escape_text(out.file) + " or lan:" + escape_text(out.file));
  return out;
}

Status merge_outside_view(audit::Report& report, const OutsideView& view, std::uint64_t max_age_ms,
                          const audit::Oracle& oracle) {
  const audit::ComparedScan scan = compared(view, oracle.snapshot().taken_at_ms);
  if (Status fresh = is_fresh(view, scan, max_age_ms); !fresh) return fresh;
  auto vantage = scan::zone_vantage(oracle.zones(), view.zone);
  if (!vantage) return within(shown(view), vantage.error());
  const scan::FromOutside seen =
      scan::from_outside(oracle.snapshot(), report, view.record, *vantage);
  if (seen.here == 0)
    return fail(ErrorCode::kInvalidInput,
                shown(view) +
                    ": nothing in it is about an address of this host; scan the addresses "
                    "that ip address shows");
  if (seen.left_out > 0)
    std::fprintf(stderr, "bulkhead: %s: %zu open ports beyond the first %zu were not compared\n",
                 shown(view).c_str(), seen.left_out, scan::kMostFromOutside);
  const std::size_t before = report.contradictions.size();
  audit::merge_outside(report, seen.observations, oracle);
  report.compared.push_back(scan);
  report.compared.back().vantage = *vantage;
  say_who(report, before, view.record);
  return {};
}

}  // namespace bulkhead::cli
