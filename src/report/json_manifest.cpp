#include "report/json_manifest.h"

#include <nlohmann/json.hpp>

namespace bulkhead::report {
namespace {

using ManifestJson = nlohmann::ordered_json;

ManifestJson compiled_to(const policy::Config& config, std::string_view to) {
  return {
      {"schema", "https://bulkhead.example/schemas/compile/1"}, {"file", config.file}, {"to", to}};
}

std::string compiled_text(const ManifestJson& json) {
  return json.dump(2, ' ', false, ManifestJson::error_handler_t::replace) + "\n";
}

}  // namespace

std::string manifest_json(const policy::Config& config, std::string_view to,
                          const manifest::Manifest& manifest) {
  ManifestJson out = compiled_to(config, to);
  out["files"] = ManifestJson::array();
  for (const manifest::File& file : manifest.files) {
    ManifestJson one = ManifestJson::object();
    if (!file.name.empty()) one["project"] = file.name;
    one["text"] = file.text;
    out["files"].push_back(std::move(one));
  }
  if (!manifest.networks.empty()) out["networks"] = manifest.networks;
  out["unsaid"] = ManifestJson::array();
  for (const manifest::Unsaid& u : manifest.unsaid) {
    ManifestJson one = ManifestJson::object();
    if (u.place.line != 0)
      one = {{"line", u.place.line}, {"column", u.place.column}, {"section", u.section}};
    one["what"] = u.what;
    out["unsaid"].push_back(std::move(one));
  }
  return compiled_text(out);
}

std::string rules_json(const policy::Config& config, const compile::Compiled& compiled) {
  ManifestJson out = compiled_to(config, "nftables");
  out["files"] = ManifestJson::array({{{"text", compiled.text}}});
  out["unsaid"] = ManifestJson::array();
  for (const std::string& what : compiled.unheld) out["unsaid"].push_back({{"what", what}});
  return compiled_text(out);
}

}  // namespace bulkhead::report
