// What every SARIF file of ours has in common.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::report {

enum class SarifLevel : unsigned char { kNote, kWarning, kError };

struct SarifRule {
  std::string_view id, name, text;  // name in PascalCase, as viewers show it
};

class SarifLog {
 public:
  using Json = nlohmann::ordered_json;

  // `rules` must outlive it; results name one of them by its position.
  SarifLog(const std::vector<SarifRule>& rules, std::string_view version);

  struct Place {
    std::string full_name, kind;  // "docker/shop-db:5432/tcp"; "container", "host", "network"
  };
  struct Result {
    std::size_t rule = 0;
    SarifLevel level = SarifLevel::kNote;
    std::string message, fingerprint, suppressed_by;
    std::vector<Place> places;
    // The file in which it is mended, as viewers show it: "compose.yaml",
    // "/etc/docker/daemon.json";
    // "": in none. Stands with the first place.
    std::string file;
    Json properties = Json::object();
  };
  void add(Result result);
  void note(std::string_view what);  // worth knowing; the run succeeded
  // Something that the run could not do; it did not succeed then.
  void problem(std::string_view what);
  void at(std::uint64_t unix_ms) { at_ms_ = unix_ms; }

  [[nodiscard]] std::string text() const;  // ends with a newline; valid UTF-8 whatever was added

 private:
  const std::vector<SarifRule>& rules_;
  std::string version_;
  std::uint64_t at_ms_ = 0;
  Json results_ = Json::array(), problems_ = Json::array(), notes_ = Json::array();
};

}  // namespace bulkhead::report
