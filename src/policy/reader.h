// Reads values out of a YAML document; each complaint is kept and reading goes on, so that one run
// names all mistakes. Inside policy.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "policy/config.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

struct Word {
  std::string text;
  yaml::Place place;
};

// For a complaint: escaped, in quotes, cut to what fits.
[[nodiscard]] std::string quoted(std::string_view text);

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  void complain(yaml::Place place, std::string_view what);
  // Further complaints are only counted: what would take long to say need not be found out.
  [[nodiscard]] bool is_full() const;
  // "unknown key 'X' in WHERE; did you mean …"
  void unknown_key(const yaml::Entry& entry, std::string_view where,
                   std::span<const std::string_view> known);
  void not_yet(const yaml::Entry& entry);
  [[nodiscard]] Status finish() &&;

  [[nodiscard]] bool is(const yaml::Node& node, yaml::NodeKind kind, std::string_view what);
  // Calls `read` with each entry of a map; null is an empty map.
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
  // The same with each item of a list.
  template <class Read>
  void each_item(const yaml::Node& node, std::string_view what, Read read) {
    if (node.is_null() || !is(node, yaml::NodeKind::kList, what)) return;
    for (const yaml::Node& item : node.items) read(item);
  }

  [[nodiscard]] std::string text(const yaml::Node& node, std::string_view what);
  [[nodiscard]] bool truth(const yaml::Node& node, std::string_view what);
  // One word, or a list of words.
  [[nodiscard]] std::vector<Word> words(const yaml::Node& node, std::string_view what);
  [[nodiscard]] std::vector<std::string> plain_words(const yaml::Node& node, std::string_view what);
  [[nodiscard]] std::vector<Prefix> prefixes(const yaml::Node& node, std::string_view what);
  [[nodiscard]] std::optional<PortSpec> port(const Word& word);
  // One or a list of ports, and of ranges as 8000-8010/tcp, each port of which is there afterwards.
  [[nodiscard]] std::vector<PortSpec> ports(const yaml::Node& node, std::string_view what);
  static constexpr std::size_t kMostPorts = 1024;
  [[nodiscard]] std::optional<Mode> mode(const yaml::Node& node);
  // The last day on which something holds; the first instant after it.
  [[nodiscard]] std::uint64_t end_of_day(const yaml::Node& node, std::string& written);
  // `why` and `expires`; false: the key is another one.
  [[nodiscard]] bool clause(const yaml::Entry& field, Clause& clause);

 private:
  void add_range(const Word& word, std::vector<PortSpec>& out);

  std::string_view file_;
  std::vector<std::string> complaints_;
  std::size_t dropped_ = 0;
};

}  // namespace bulkhead::policy
