#include "report/sarif_log.h"

#include <array>
#include <chrono>
#include <cstdio>

namespace bulkhead::report {
namespace {

using Json = nlohmann::ordered_json;

std::string_view to_string(SarifLevel level) {
  switch (level) {
    case SarifLevel::kNote: return "note";
    case SarifLevel::kWarning: return "warning";
    case SarifLevel::kError: return "error";
  }
  return "none";
}

// RFC 3339 with seconds, as SARIF wants its instants (§3.9).
std::string instant(std::uint64_t unix_ms) {
  using namespace std::chrono;
  const sys_seconds time{seconds(static_cast<std::int64_t>(unix_ms / 1000))};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return out.data();
}

}  // namespace

SarifLog::SarifLog(const std::vector<SarifRule>& rules, std::string_view version)
    : rules_(rules), version_(version) {}

void SarifLog::add(Result result) {
  Json locations = Json::array();
  for (const Place& place : result.places) {
    Json logical = {{"fullyQualifiedName", place.full_name}, {"kind", place.kind}};
    Json location;
    if (locations.empty() && !result.file.empty()) {
      const bool whole = result.file.starts_with('/');
      location["physicalLocation"] = {
          {"artifactLocation", {{"uri", (whole ? "file://" : "") + result.file}}},
          {"region", {{"startLine", 1}}}};
    }
    location["logicalLocations"] = Json::array({std::move(logical)});
    locations.push_back(std::move(location));
  }
  Json out = {{"ruleId", rules_.at(result.rule).id},
              {"ruleIndex", result.rule},
              {"level", to_string(result.level)},
              {"message", {{"text", std::move(result.message)}}},
              {"locations", std::move(locations)}};
  if (!result.fingerprint.empty())
    out["partialFingerprints"] = {{"bulkhead/v1", std::move(result.fingerprint)}};
  if (!result.suppressed_by.empty()) {
    Json suppression = {{"kind", "external"}, {"justification", std::move(result.suppressed_by)}};
    out["suppressions"] = Json::array({std::move(suppression)});
  }
  if (!result.properties.empty()) out["properties"] = std::move(result.properties);
  results_.push_back(std::move(out));
}

void SarifLog::problem(std::string_view what) {
  problems_.push_back({{"level", "error"}, {"message", {{"text", what}}}});
}

void SarifLog::note(std::string_view what) {
  notes_.push_back({{"level", "note"}, {"message", {{"text", what}}}});
}

std::string SarifLog::text() const {
  Json rules = Json::array();
  for (const SarifRule& rule : rules_)
    rules.push_back(
        {{"id", rule.id}, {"name", rule.name}, {"shortDescription", {{"text", rule.text}}}});
  const Json driver = {{"name", "Bulkhead"}, {"version", version_}, {"rules", std::move(rules)}};
  Json invocation = {{"executionSuccessful", problems_.empty()}};
  if (at_ms_ != 0) invocation["endTimeUtc"] = instant(at_ms_);
  Json told = problems_;
  told.insert(told.end(), notes_.begin(), notes_.end());
  if (!told.empty()) invocation["toolExecutionNotifications"] = std::move(told);
  const Json run = {{"tool", {{"driver", driver}}},
                    {"invocations", Json::array({std::move(invocation)})},
                    {"results", results_}};
  const Json log = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                    {"version", "2.1.0"},
                    {"runs", Json::array({run})}};
  return log.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bulkhead::report
