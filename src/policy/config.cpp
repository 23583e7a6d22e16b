#include "policy/config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "policy/names.h"
#include "policy/nearest.h"
#include "policy/read_scan.h"
#include "policy/reader.h"
#include "policy/whitelist.h"

namespace bulkhead::policy {
namespace {

constexpr std::array<std::string_view, 13> kTopKeys{
    "bulkhead", "zones",    "trust", "host",  "tenants", "never", "tests",
    "mode",     "suppress", "scan",  "watch", "notify",  "serve"};
constexpr std::array<std::string_view, 3> kZoneKeys{"role", "interface", "prefixes"};
constexpr std::array<std::string_view, 3> kSuppressKeys{"id", "reason", "expires"};

void read_role(const yaml::Node& node, Reader& reader, ZoneRule& rule) {
  const std::string word = reader.text(node, "role");
  const auto found = std::ranges::find(kRoles, word);
  if (found == kRoles.end()) {
    reader.complain(node.place, "unknown role " + quoted(word) + suggestion(word, kRoles));
    return;
  }
  rule.role = static_cast<ZoneRole>(found - kRoles.begin());
}

void read_zone(const yaml::Entry& entry, Reader& reader, Config& config) {
  if (!reader.is(entry.value, yaml::NodeKind::kMap, "a zone")) return;
  ZoneRule rule;
  rule.name = entry.key;
  rule.place = entry.key_place;
  bool has_role = false;
  for (const yaml::Entry& field : entry.value.entries) {
    if (field.key == "role") {
      has_role = true;
      read_role(field.value, reader, rule);
    } else if (field.key == "interface") {
      rule.interface = reader.text(field.value, "interface");
    } else if (field.key == "prefixes") {
      rule.prefixes = reader.prefixes(field.value, "prefixes");
    } else {
      reader.unknown_key(field, "a zone", kZoneKeys);
    }
  }
  if (!has_role) {
    reader.complain(
        entry.key_place,
        "zone " + quoted(entry.key) + " has no role; write role: internet, lan, dmz or management");
  }
  if (rule.interface.empty() && rule.prefixes.empty()) {
    reader.complain(entry.key_place,
                    "zone " + quoted(entry.key) + " needs an interface, prefixes or both");
  }
  config.zones.push_back(std::move(rule));
}

void read_suppression(const yaml::Node& item, Reader& reader, Config& config) {
  if (!reader.is(item, yaml::NodeKind::kMap, "a suppression")) return;
  Suppression out;
  out.place = item.place;
  for (const yaml::Entry& field : item.entries) {
    if (field.key == "id") {
      out.id = reader.text(field.value, "id");
    } else if (field.key == "reason") {
      out.reason = reader.text(field.value, "reason");
    } else if (field.key == "expires") {
      out.expires_ms = reader.end_of_day(field.value, out.expires);
    } else {
      reader.unknown_key(field, "a suppression", kSuppressKeys);
    }
  }
  if (out.id.empty() || out.reason.empty() || out.expires.empty())
    reader.complain(item.place, "a suppression needs id:, reason: and expires: 2026-12-31");
  config.suppress.push_back(std::move(out));
}

void read_version(const yaml::Node& node, Reader& reader) {
  if (node.kind == yaml::NodeKind::kScalar && node.scalar == "1") return;
  reader.complain(node.place, "this version of Bulkhead reads 'bulkhead: 1' only");
}

void read_key(const yaml::Entry& entry, const Names& names, Reader& reader, Config& config) {
  const std::string& key = entry.key;
  if (key == "bulkhead") {
    read_version(entry.value, reader);
  } else if (key == "mode") {
    config.mode = reader.mode(entry.value).value_or(config.mode);
  } else if (key == "zones") {
    reader.each(entry.value, "zones", [&](const yaml::Entry& e) { read_zone(e, reader, config); });
  } else if (key == "trust") {
    reader.each(entry.value, "trust", [&](const yaml::Entry& e) {
      config.trust.push_back({e.key, reader.prefixes(e.value, "a trust group"), e.key_place});
    });
  } else if (key == "host") {
    read_host(entry.value, names, reader, config);
  } else if (key == "tenants") {
    read_tenants(entry.value, names, reader, config);
  } else if (key == "never") {
    read_never(entry.value, names, reader, config);
  } else if (key == "tests") {
    read_tests(entry.value, names, reader, config);
  } else if (key == "suppress") {
    reader.each_item(entry.value, "suppress",
                     [&](const yaml::Node& item) { read_suppression(item, reader, config); });
  } else if (key == "scan") {
    // Behind all others: its targets name trust groups.
  } else if (std::ranges::find(kTopKeys, key) != kTopKeys.end()) {
    reader.not_yet(entry);
  } else {
    reader.unknown_key(entry, "the file", kTopKeys);
  }
}

void read_document(const yaml::Node& root, Reader& reader, Config& config) {
  if (root.kind != yaml::NodeKind::kMap) {
    reader.complain(root.place, "the file must be a map; begin it with 'bulkhead: 1'");
    return;
  }
  const Names names = gather_names(root, reader);
  bool versioned = false;
  for (const yaml::Entry& entry : root.entries) {
    versioned = versioned || entry.key == "bulkhead";
    read_key(entry, names, reader, config);
  }
  if (!versioned)
    reader.complain({1, 1}, "the key 'bulkhead' is missing; begin the file with 'bulkhead: 1'");
  for (const yaml::Entry& entry : root.entries) {
    if (entry.key == "scan") read_scan(entry.value, names, reader, config);
  }
  copy_likes(reader, config);
}

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = year / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + static_cast<std::int64_t>(day_of_era) - 719468;
}

}  // namespace

Result<std::uint64_t> parse_day(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorCode::kInvalidInput, quoted(text) + " is not a day; write it as 2026-12-31");
  };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return wrong();
  const auto number = [&](std::size_t at, std::size_t size) {
    unsigned value = 0;
    const char* end = text.data() + at + size;
    return std::from_chars(text.data() + at, end, value).ptr == end ? value : 0U;
  };
  const unsigned year = number(0, 4), month = number(5, 2), day = number(8, 2);
  static constexpr std::array<unsigned, 13> kDays{0,  31, 28, 31, 30, 31, 30,
                                                  31, 31, 30, 31, 30, 31};
  if (year < 1970 || month < 1 || month > 12) return wrong();
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day < 1 || day > kDays[month] + (leap && month == 2 ? 1 : 0)) return wrong();
  return static_cast<std::uint64_t>(days_of(year, month, day)) * 24 * 3600 * 1000;
}

Result<Config> parse_config(std::string_view text, std::string_view file) {
  auto root = yaml::parse(text, file);
  if (!root) return std::unexpected(root.error());
  Config config;
  config.file = std::string(file);
  Reader reader(file);
  read_document(*root, reader, config);
  if (auto status = std::move(reader).finish(); !status) return std::unexpected(status.error());
  return config;
}

std::string to_string(const PortSpec& port) {
  return std::to_string(port.port.number) + "/" + bulkhead::to_string(port.protocol);
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::kOff: return "off";
    case Mode::kAudit: return "audit";
    case Mode::kEnforce: return "enforce";
  }
  return "";
}

const Tenant* Config::tenant(std::string_view name) const {
  const auto found = std::ranges::find_if(tenants, [&](const Tenant& t) { return t.name == name; });
  return found == tenants.end() ? nullptr : &*found;
}

const TrustGroup* Config::group(std::string_view name) const {
  const auto found =
      std::ranges::find_if(trust, [&](const TrustGroup& g) { return g.name == name; });
  return found == trust.end() ? nullptr : &*found;
}

}  // namespace bulkhead::policy
