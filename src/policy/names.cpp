#include "policy/names.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/nearest.h"

namespace bulkhead::policy {
namespace {

constexpr std::string_view kTenantMark = "tenant.", kHostMark = "host.";

const yaml::Node* find(const yaml::Node& map, std::string_view key) {
  const auto found =
      std::ranges::find_if(map.entries, [&](const yaml::Entry& e) { return e.key == key; });
  return found == map.entries.end() ? nullptr : &found->value;
}

void add_services(const yaml::Node& tenant, Names::Services& out) {
  const yaml::Node* services = find(tenant, "services");
  if (services == nullptr) return;
  for (const yaml::Entry& service : services->entries) out.insert(service.key);
}

// A tenant that lists no services has those of Compose, by their names there.
bool has_service(const Names::Services& services, std::string_view name) {
  return name == "*" || (!name.empty() && (services.empty() || services.contains(name)));
}

// What might have been meant, among all that is possible there.
std::string near_words(const Names& names, std::string_view word, const PartyPlace& place) {
  std::vector<std::string> full;
  for (const auto& [tenant, services] : names.tenants) {
    if ((place.possible & kServices) == 0 || tenant == place.tenant) continue;
    for (const std::string& service : services) full.push_back(tenant + "/" + service);
    if (services.empty()) full.push_back(tenant + "/*");
  }
  for (const std::string& service : names.host) {
    if ((place.possible & kHostServices) != 0) full.push_back(std::string(kHostMark) + service);
  }
  std::vector<std::string_view> known;
  const auto own = names.tenants.find(place.tenant);
  if ((place.possible & kOwnServices) != 0 && own != names.tenants.end())
    known.insert(known.end(), own->second.begin(), own->second.end());
  if ((place.possible & kZones) != 0) {
    known.insert(known.end(), kRoles.begin(), kRoles.end());
    known.insert(known.end(), names.zones.begin(), names.zones.end());
  }
  if ((place.possible & kTrusts) != 0)
    known.insert(known.end(), names.trust.begin(), names.trust.end());
  if ((place.possible & kTheHost) != 0) known.emplace_back("host");
  known.insert(known.end(), full.begin(), full.end());
  return known.empty() ? "" : suggestion(word, known);
}

// "no zone, no trust group and no tenant.NAME/SERVICE"
std::string kinds(std::uint8_t possible) {
  std::vector<std::string_view> words;
  if ((possible & kOwnServices) != 0) words.emplace_back("no service of this tenant");
  if ((possible & kZones) != 0) words.emplace_back("no zone");
  if ((possible & kTrusts) != 0) words.emplace_back("no trust group");
  if ((possible & kPrefixes) != 0) words.emplace_back("no prefix");
  if ((possible & kHostServices) != 0) words.emplace_back("no host.SERVICE");
  if ((possible & kServices) != 0) words.emplace_back("no tenant.NAME/SERVICE");
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

class PartyReader {
 public:
  PartyReader(const Names& names, const Word& word, const PartyPlace& place)
      : names_(names), place_(place), text_(word.text) {
    out_.text = word.text;
    out_.place = word.place;
  }

  bool read() {
    if (text_.empty()) return false;
    return zone() || trust() || host() || prefix() || full_service() || own_service();
  }
  Party take() { return std::move(out_); }

 private:
  [[nodiscard]] bool may(Possible what) const { return (place_.possible & what) != 0; }
  bool is(PartyKind kind, std::string_view name) {
    out_.kind = kind;
    out_.name = std::string(name);
    return true;
  }
  [[nodiscard]] bool is_zone_name() const {
    return std::ranges::find(kRoles, text_) != kRoles.end() || names_.zones.contains(text_) ||
           (text_.starts_with("lan:") && text_.size() > 4);
  }

  bool zone() { return may(kZones) && is_zone_name() && is(PartyKind::kZone, text_); }
  bool trust() {
    return may(kTrusts) && names_.trust.contains(text_) && is(PartyKind::kTrust, text_);
  }
  bool host() {
    if (text_ == "host") return may(kTheHost) && is(PartyKind::kHost, "*");
    if (!text_.starts_with(kHostMark) || !may(kHostServices)) return false;
    const std::string_view name = text_.substr(kHostMark.size());
    if (name == "*") return is(PartyKind::kHost, name);
    return names_.host.contains(name) && is(PartyKind::kHostService, name);
  }
  bool prefix() {
    if (!may(kPrefixes)) return false;
    const auto parsed = Prefix::parse(text_);
    if (!parsed) return false;
    out_.prefix = *parsed;
    return is(PartyKind::kPrefix, "");
  }
  bool full_service() {
    std::string_view rest = text_;
    if (rest.starts_with(kTenantMark)) rest.remove_prefix(kTenantMark.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return false;
    const std::string_view tenant = rest.substr(0, slash), service = rest.substr(slash + 1);
    if (!may(kServices) && !(may(kOwnServices) && tenant == place_.tenant)) return false;
    const bool known =
        tenant == "*"
            ? !names_.tenants.empty() &&
                  std::ranges::any_of(names_.tenants,
                                      [&](const auto& t) { return has_service(t.second, service); })
            : names_.tenants.contains(tenant) &&
                  has_service(names_.tenants.find(tenant)->second, service);
    out_.tenant = std::string(tenant);
    return known && is(PartyKind::kService, service);
  }
  // A word that is a zone or a trust group is none by mistake, where these cannot stand.
  bool own_service() {
    const auto own = names_.tenants.find(place_.tenant);
    if (!may(kOwnServices) || own == names_.tenants.end() || !has_service(own->second, text_) ||
        text_.find_first_of("/.:") != std::string_view::npos || is_zone_name() ||
        names_.trust.contains(text_) || text_ == "host")
      return false;
    out_.tenant = std::string(place_.tenant);
    out_.own = true;
    return is(PartyKind::kService, text_);
  }

  const Names& names_;
  const PartyPlace& place_;
  std::string_view text_;
  Party out_;
};

}  // namespace

Names gather_names(const yaml::Node& root, Reader& reader) {
  Names out;
  const auto keys = [&](std::string_view key, auto add) {
    const yaml::Node* node = find(root, key);
    if (node == nullptr) return;
    for (const yaml::Entry& entry : node->entries) add(entry);
  };
  keys("zones", [&](const yaml::Entry& e) { out.zones.insert(e.key); });
  keys("trust", [&](const yaml::Entry& e) {
    const bool zone = out.zones.contains(e.key) || std::ranges::find(kRoles, e.key) != kRoles.end();
    if (zone || e.key == "host")
      reader.complain(e.key_place, "trust group " + quoted(e.key) +
                                       " has the name of a zone or of the host; take another");
    out.trust.insert(e.key);
  });
  keys("host", [&](const yaml::Entry& e) { out.host.insert(e.key); });
  keys("tenants", [&](const yaml::Entry& e) { add_services(e.value, out.tenants[e.key]); });
  keys("tenants", [&](const yaml::Entry& e) {
    const yaml::Node* like = find(e.value, "like");
    const yaml::Node* all = find(root, "tenants");
    if (like == nullptr || all == nullptr) return;
    if (const yaml::Node* other = find(*all, like->scalar))
      add_services(*other, out.tenants[e.key]);
  });
  return out;
}

std::optional<Party> read_party(const Names& names, Reader& reader, const Word& word,
                                const PartyPlace& place) {
  PartyReader party(names, word, place);
  if (party.read()) return party.take();
  if (reader.is_full()) {  // a suggestion costs O(names)
    reader.complain(word.place, "");
  } else {
    reader.complain(word.place, quoted(word.text) + " is " + kinds(place.possible) +
                                    near_words(names, word.text, place));
  }
  return std::nullopt;
}

}  // namespace bulkhead::policy
