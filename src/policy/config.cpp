#include "policy/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/text.h"
#include "policy/nearest.h"

namespace bulkhead::policy {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::size_t kMostComplaints = 20;

constexpr std::array<std::string_view, 13> kTopKeys{
    "bulkhead", "zones",    "trust", "host",  "tenants", "never", "tests",
    "mode",     "suppress", "scan",  "watch", "notify",  "serve"};
constexpr std::array<std::string_view, 3> kZoneKeys{"role", "interface", "prefixes"};
constexpr std::array<std::string_view, 4> kRoles{"internet", "lan", "dmz", "management"};
constexpr std::array<std::string_view, 3> kHostKeys{"port", "from", "why"};
constexpr std::array<std::string_view, 7> kTenantKeys{
    "projects", "containers", "services", "networks", "ingress", "egress", "allow"};
constexpr std::array<std::string_view, 4> kServiceKeys{"compose", "label", "container", "expect"};
constexpr std::array<std::string_view, 2> kNetworkKeys{"shared", "reason"};
constexpr std::array<std::string_view, 4> kIngressKeys{"to", "publish", "from", "why"};
constexpr std::array<std::string_view, 3> kSuppressKeys{"id", "reason", "expires"};

std::string quoted(std::string_view text) {
  return "'" + escape_text(text, 80) + "'";
}

// Reads one document; each complaint is kept, reading goes on, so that one run names all mistakes.
class ConfigReader {
 public:
  ConfigReader(std::string_view file, Config& config) : file_(file), config_(config) {}

  void top(const yaml::Node& root) {
    if (root.kind != yaml::NodeKind::kMap) {
      complain(root.place, "the file must be a map; begin it with 'bulkhead: 1'");
      return;
    }
    bool versioned = false;
    for (const yaml::Entry& entry : root.entries) {
      versioned = versioned || entry.key == "bulkhead";
      top_key(entry);
    }
    if (!versioned)
      complain({1, 1}, "the key 'bulkhead' is missing; begin the file with 'bulkhead: 1'");
    check_references();
  }

  Status finish() && {
    if (complaints_.empty()) return {};
    std::string all;
    for (const std::string& complaint : complaints_) all += (all.empty() ? "" : "\n") + complaint;
    if (dropped_ != 0) all += "\n" + std::to_string(dropped_) + " more";
    return fail(ErrorCode::kInvalidInput, std::move(all));
  }

 private:
  struct Reference {  // a word of `from:`, checked when all zones and groups are known
    std::string word;
    yaml::Place place;
  };

  void complain(yaml::Place place, std::string_view what) {
    if (complaints_.size() == kMostComplaints) {
      ++dropped_;
      return;
    }
    complaints_.push_back(yaml::locate(file_, place) + std::string(what));
  }

  void unknown_key(const yaml::Entry& entry, std::string_view where, Words known) {
    complain(entry.key_place, "unknown key " + quoted(entry.key) + " in " + std::string(where) +
                                  suggestion(entry.key, known));
  }

  void not_yet(const yaml::Entry& entry) {
    complain(entry.key_place, quoted(entry.key) +
                                  " is not understood by this version of Bulkhead; take it out, so "
                                  "that nobody relies on it");
  }

  bool is(const yaml::Node& node, yaml::NodeKind kind, std::string_view what) {
    if (node.kind == kind) return true;
    static constexpr std::array<std::string_view, 3> kNames{"a single value", "a list", "a map"};
    complain(node.place,
             std::string(what) + " must be " + std::string(kNames[static_cast<std::size_t>(kind)]));
    return false;
  }

  void top_key(const yaml::Entry& entry) {
    const std::string& key = entry.key;
    if (key == "bulkhead") return version(entry.value);
    if (key == "zones")
      return each(entry.value, "zones", [this](const yaml::Entry& e) { zone(e); });
    if (key == "trust")
      return each(entry.value, "trust", [this](const yaml::Entry& e) { trust(e); });
    if (key == "host") return each(entry.value, "host", [this](const yaml::Entry& e) { host(e); });
    if (key == "tenants")
      return each(entry.value, "tenants", [this](const yaml::Entry& e) { tenant(e); });
    if (key == "suppress") return suppressions(entry.value);
    if (key == "mode") return mode(entry);
    if (std::ranges::find(kTopKeys, key) != kTopKeys.end()) return not_yet(entry);
    unknown_key(entry, "the file", kTopKeys);
  }

  void version(const yaml::Node& node) {
    if (node.kind == yaml::NodeKind::kScalar && node.scalar == "1") return;
    complain(node.place, "this version of Bulkhead reads 'bulkhead: 1' only");
  }

  void mode(const yaml::Entry& entry) {
    if (entry.value.kind == yaml::NodeKind::kScalar && entry.value.scalar == "audit") return;
    complain(entry.value.place, "this version of Bulkhead knows 'mode: audit' only");
  }

  template <class Read>
  void each(const yaml::Node& node, std::string_view what, Read read) {
    if (node.is_null() || !is(node, yaml::NodeKind::kMap, what)) return;
    for (const yaml::Entry& entry : node.entries) {
      if (entry.key.empty()) {
        complain(entry.key_place, "a name in " + std::string(what) + " is empty");
      } else {
        read(entry);
      }
    }
  }

  std::string text(const yaml::Node& node, std::string_view what) {
    if (!is(node, yaml::NodeKind::kScalar, what)) return {};
    if (node.scalar.empty()) complain(node.place, std::string(what) + " is empty");
    return node.scalar;
  }

  // One word, or a list of words.
  std::vector<std::pair<std::string, yaml::Place>> words(const yaml::Node& node,
                                                         std::string_view what) {
    std::vector<std::pair<std::string, yaml::Place>> out;
    if (node.kind == yaml::NodeKind::kScalar) {
      out.emplace_back(text(node, what), node.place);
    } else if (is(node, yaml::NodeKind::kList, what)) {
      for (const yaml::Node& item : node.items) out.emplace_back(text(item, what), item.place);
    }
    return out;
  }

  std::vector<std::string> plain_words(const yaml::Node& node, std::string_view what) {
    std::vector<std::string> out;
    for (auto& [word, place] : words(node, what)) out.push_back(std::move(word));
    return out;
  }

  std::vector<Prefix> prefixes(const yaml::Node& node, std::string_view what) {
    std::vector<Prefix> out;
    if (!is(node, yaml::NodeKind::kList, what)) return out;
    for (const yaml::Node& item : node.items) {
      auto prefix = Prefix::parse(text(item, what));
      if (prefix) {
        out.push_back(*prefix);
      } else {
        complain(item.place, prefix.error().message);
      }
    }
    return out;
  }

  std::vector<std::string> from(const yaml::Node& node) {
    std::vector<std::string> out;
    for (auto& [word, place] : words(node, "from")) {
      references_.push_back({word, place});
      out.push_back(std::move(word));
    }
    return out;
  }

  std::optional<PortSpec> port(const std::string& word, yaml::Place place) {
    const std::size_t slash = word.find('/');
    const std::string_view number = std::string_view(word).substr(0, slash);
    const std::string_view protocol =
        slash == std::string::npos ? "tcp" : std::string_view(word).substr(slash + 1);
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    const bool whole = error == std::errc() && end == number.data() + number.size() && value != 0;
    if (!whole || (protocol != "tcp" && protocol != "udp")) {
      complain(place, quoted(word) + " is not a port; write 22/tcp or 53/udp");
      return std::nullopt;
    }
    return PortSpec{Port{value}, protocol == "tcp" ? IpProtocol::kTcp : IpProtocol::kUdp};
  }

  void zone(const yaml::Entry& entry) {
    if (!is(entry.value, yaml::NodeKind::kMap, "a zone")) return;
    ZoneRule rule;
    rule.name = entry.key;
    rule.place = entry.key_place;
    bool has_role = false;
    for (const yaml::Entry& field : entry.value.entries) {
      if (field.key == "role") {
        has_role = true;
        role(field.value, rule);
      } else if (field.key == "interface") {
        rule.interface = text(field.value, "interface");
      } else if (field.key == "prefixes") {
        rule.prefixes = prefixes(field.value, "prefixes");
      } else {
        unknown_key(field, "a zone", kZoneKeys);
      }
    }
    if (!has_role) {
      complain(entry.key_place, "zone " + quoted(entry.key) +
                                    " has no role; write role: internet, lan, dmz or management");
    }
    if (rule.interface.empty() && rule.prefixes.empty()) {
      complain(entry.key_place,
               "zone " + quoted(entry.key) + " needs an interface, prefixes or both");
    }
    config_.zones.push_back(std::move(rule));
  }

  void role(const yaml::Node& node, ZoneRule& rule) {
    const std::string word = text(node, "role");
    const auto found = std::ranges::find(kRoles, word);
    if (found == kRoles.end()) {
      complain(node.place, "unknown role " + quoted(word) + suggestion(word, kRoles));
      return;
    }
    rule.role = static_cast<ZoneRole>(found - kRoles.begin());
  }

  void trust(const yaml::Entry& entry) {
    config_.trust.push_back({entry.key, prefixes(entry.value, "a trust group")});
  }

  void host(const yaml::Entry& entry) {
    if (!is(entry.value, yaml::NodeKind::kMap, "a service of the host")) return;
    HostRule rule;
    rule.name = entry.key;
    for (const yaml::Entry& field : entry.value.entries) {
      if (field.key == "port") {
        if (auto spec = port(text(field.value, "port"), field.value.place)) rule.port = *spec;
      } else if (field.key == "from") {
        rule.from = from(field.value);
      } else if (field.key == "why") {
        rule.why = text(field.value, "why");
      } else {
        unknown_key(field, "a service of the host", kHostKeys);
      }
    }
    if (rule.port.port.number == 0) {
      complain(entry.key_place,
               "host service " + quoted(entry.key) + " has no port; write port: 22/tcp");
    }
    config_.host.push_back(std::move(rule));
  }

  void tenant(const yaml::Entry& entry) {
    Tenant tenant;
    tenant.name = entry.key;
    if (!entry.value.is_null()) {
      if (!is(entry.value, yaml::NodeKind::kMap, "a tenant")) return;
      for (const yaml::Entry& field : entry.value.entries) tenant_key(field, tenant);
    }
    if (tenant.projects.empty() && tenant.containers.empty()) tenant.projects.push_back(entry.key);
    config_.tenants.push_back(std::move(tenant));
  }

  void tenant_key(const yaml::Entry& field, Tenant& tenant) {
    if (field.key == "projects") {
      tenant.projects = plain_words(field.value, "projects");
    } else if (field.key == "containers") {
      tenant.containers = plain_words(field.value, "containers");
    } else if (field.key == "services") {
      each(field.value, "services", [&](const yaml::Entry& e) { service(e, tenant); });
    } else if (field.key == "networks") {
      each(field.value, "networks", [&](const yaml::Entry& e) { network(e, tenant); });
    } else if (field.key == "ingress") {
      if (!is(field.value, yaml::NodeKind::kList, "ingress")) return;
      for (const yaml::Node& item : field.value.items) ingress(item, tenant);
    } else if (field.key == "egress" || field.key == "allow") {
      not_yet(field);
    } else {
      unknown_key(field, "a tenant", kTenantKeys);
    }
  }

  void service(const yaml::Entry& entry, Tenant& tenant) {
    if (!is(entry.value, yaml::NodeKind::kMap, "a service")) return;
    ServiceSelector selector;
    selector.name = entry.key;
    for (const yaml::Entry& field : entry.value.entries) {
      if (field.key == "compose") {
        compose(field.value, selector);
      } else if (field.key == "label") {
        each(field.value, "label",
             [&](const yaml::Entry& e) { selector.labels[e.key] = text(e.value, "a label"); });
      } else if (field.key == "container") {
        selector.container = text(field.value, "container");
      } else if (field.key == "expect") {
        not_yet(field);
      } else {
        unknown_key(field, "a service", kServiceKeys);
      }
    }
    if (selector.project.empty() && selector.labels.empty() && selector.container.empty()) {
      complain(entry.key_place,
               "service " + quoted(entry.key) +
                   " selects nothing; write compose: PROJECT/SERVICE, label: or container:");
    }
    tenant.services.push_back(std::move(selector));
  }

  void compose(const yaml::Node& node, ServiceSelector& selector) {
    const std::string word = text(node, "compose");
    const std::size_t slash = word.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == word.size()) {
      complain(node.place,
               quoted(word) + " does not name a Compose service; write PROJECT/SERVICE");
      return;
    }
    selector.project = word.substr(0, slash);
    selector.service = word.substr(slash + 1);
  }

  void network(const yaml::Entry& entry, Tenant& tenant) {
    if (!is(entry.value, yaml::NodeKind::kMap, "a network")) return;
    SharedNetwork network{entry.key, ""};
    bool shared = false;
    for (const yaml::Entry& field : entry.value.entries) {
      if (field.key == "shared") {
        const bool known =
            field.value.plain && (field.value.scalar == "true" || field.value.scalar == "false");
        if (field.value.kind != yaml::NodeKind::kScalar || !known) {
          complain(field.value.place, "shared must be true or false");
        }
        shared = field.value.scalar == "true";
      } else if (field.key == "reason") {
        network.reason = text(field.value, "reason");
      } else {
        unknown_key(field, "a network", kNetworkKeys);
      }
    }
    if (shared && network.reason.empty()) {
      complain(entry.key_place,
               "network " + quoted(entry.key) + " is shared without a reason; add reason: …");
    }
    if (shared) tenant.networks.push_back(std::move(network));
  }

  void ingress(const yaml::Node& item, Tenant& tenant) {
    if (!is(item, yaml::NodeKind::kMap, "an ingress rule")) return;
    IngressRule rule;
    for (const yaml::Entry& field : item.entries) {
      if (field.key == "to") {
        rule.to = text(field.value, "to");
      } else if (field.key == "publish") {
        for (auto& [word, place] : words(field.value, "publish")) {
          if (auto spec = port(word, place)) rule.publish.push_back(*spec);
        }
      } else if (field.key == "from") {
        rule.from = from(field.value);
      } else if (field.key == "why") {
        rule.why = text(field.value, "why");
      } else {
        unknown_key(field, "an ingress rule", kIngressKeys);
      }
    }
    if (rule.to.empty() || rule.publish.empty() || rule.from.empty()) {
      complain(item.place, "an ingress rule needs to:, publish: and from:");
    }
    tenant.ingress.push_back(std::move(rule));
  }

  void suppressions(const yaml::Node& node) {
    if (node.is_null() || !is(node, yaml::NodeKind::kList, "suppress")) return;
    for (const yaml::Node& item : node.items) suppression(item);
  }

  void suppression(const yaml::Node& item) {
    if (!is(item, yaml::NodeKind::kMap, "a suppression")) return;
    Suppression out;
    out.place = item.place;
    for (const yaml::Entry& field : item.entries) {
      if (field.key == "id") {
        out.id = text(field.value, "id");
      } else if (field.key == "reason") {
        out.reason = text(field.value, "reason");
      } else if (field.key == "expires") {
        out.expires = text(field.value, "expires");
        expiry(field.value.place, out);
      } else {
        unknown_key(field, "a suppression", kSuppressKeys);
      }
    }
    if (out.id.empty() || out.reason.empty() || out.expires.empty()) {
      complain(item.place, "a suppression needs id:, reason: and expires: 2026-12-31");
    }
    config_.suppress.push_back(std::move(out));
  }

  void expiry(yaml::Place place, Suppression& out) {
    constexpr std::uint64_t kDayMs = 24ULL * 3600 * 1000;
    auto day = parse_day(out.expires);
    if (!day) {
      complain(place, day.error().message);
    } else {
      out.expires_ms = *day + kDayMs;  // the named day is the last on which it holds
    }
  }

  // tenant.NAME/SERVICE or tenant.NAME/*
  [[nodiscard]] bool names_tenant(const std::string& word) const {
    if (!word.starts_with("tenant.")) return false;
    const std::size_t slash = word.find('/');
    const std::string tenant = word.substr(7, slash == std::string::npos ? slash : slash - 7);
    const auto owner =
        std::ranges::find_if(config_.tenants, [&](const Tenant& t) { return t.name == tenant; });
    if (owner == config_.tenants.end() || slash == std::string::npos) return false;
    const std::string service = word.substr(slash + 1);
    return service == "*" || std::ranges::any_of(owner->services, [&](const ServiceSelector& s) {
             return s.name == service;
           });
  }

  void check_references() {
    std::vector<std::string_view> known(kRoles.begin(), kRoles.end());
    for (const ZoneRule& z : config_.zones) known.emplace_back(z.name);
    for (const TrustGroup& t : config_.trust) known.emplace_back(t.name);
    const std::set<std::string_view> names(known.begin(), known.end());
    for (const Reference& reference : references_) {
      const std::string& word = reference.word;
      if (word.empty() || word.starts_with("lan:") || names.contains(word)) continue;
      if (names_tenant(word)) continue;
      if (complaints_.size() == kMostComplaints) {  // a suggestion costs O(names)
        ++dropped_;
        continue;
      }
      complain(reference.place, quoted(reference.word) +
                                    " is no zone, no trust group and no tenant.NAME/SERVICE" +
                                    suggestion(reference.word, known));
    }
  }

  std::string_view file_;
  Config& config_;
  std::vector<std::string> complaints_;
  std::vector<Reference> references_;
  std::size_t dropped_ = 0;
};

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
  ConfigReader reader(file, config);
  reader.top(*root);
  if (auto status = std::move(reader).finish(); !status) return std::unexpected(status.error());
  return config;
}

}  // namespace bulkhead::policy
