// Makes docs/services.md: what is known of each service, and which of it was tried on the real
// thing.
//
//   list_services real_services.yaml >services.md
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "services/entry.h"
#include "yaml/yaml.h"

namespace {

using bulkhead::services::Access;
using bulkhead::services::Confidence;
using bulkhead::services::Entry;
using bulkhead::services::Silent;

std::string value_of(const bulkhead::yaml::Node& node, std::string_view key) {
  for (const auto& entry : node.entries) {
    if (entry.key == key) return entry.value.scalar;
  }
  return {};
}

// Service -> what of it was seen on a real server: "open, protected (redis-server)".
std::map<std::string, std::string> tried_services(const bulkhead::yaml::Node& root) {
  std::map<std::string, std::set<std::string>> seen, packages;
  for (const auto& node : root.items) {
    const std::string id = value_of(node, "id");
    if (id == "none") continue;
    seen[id].insert(value_of(node, "access"));
    packages[id].insert(value_of(node, "package"));
  }
  std::map<std::string, std::string> out;
  const auto joined = [](const std::set<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
  };
  for (const auto& [id, access] : seen)
    out[id] = joined(access) + " (" + joined(packages[id]) + ")";
  return out;
}

std::string told_access(const Entry& entry) {
  std::string out;
  for (const Access access : {Access::kOpen, Access::kProtected, Access::kUnowned}) {
    const bool tells =
        std::ranges::any_of(entry.access, [&](const auto& s) { return s.means == access; });
    if (tells) out += (out.empty() ? "" : ", ") + std::string(to_string(access));
  }
  return out.empty() ? "-" : out;
}

std::string known_by(const Entry& entry) {
  switch (entry.silent) {
    case Silent::kPort: return "port only";
    case Silent::kOwner: return "owner of the socket only";
    case Silent::kNo: break;
  }
  return "answer";
}

std::string_view source_word(Confidence confidence) {
  switch (confidence) {
    case Confidence::kVerified: return "source";
    case Confidence::kDocumented: return "document";
    case Confidence::kRecall: return "recall";
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: list_services real_services.yaml\n";
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto root = bulkhead::yaml::parse(text, argv[1]);
  const auto read = bulkhead::services::builtin_entries();
  if (!in || !root || !read.problems.empty()) return 1;
  const auto tried = tried_services(*root);
  std::size_t asked = 0;
  for (const Entry& entry : read.entries) asked += entry.known.empty() ? 0 : 1;
  std::cout
      << "# Services that Bulkhead knows\n\n"
         "Made by `scripts/list-services` from `src/services/catalogue.yaml` and "
         "`tests/identify/real_services.yaml`.\n\n"
      << read.entries.size() << " services: " << asked << " known by what they answer, "
      << read.entries.size() - asked << " by port or by the owner of their socket only. "
      << tried.size()
      << " were tried on real\nservers; the exchanges of the others are written from what the last "
         "column names, and are not\nproven against a running copy: `source` the product's "
         "source, `document` its documentation or\nprotocol, `recall` neither yet.\n\n"
         "| Service | Known by | Tells | Tried on a real server | Otherwise from |\n"
         "|---|---|---|---|---|\n";
  for (const Entry& entry : read.entries) {
    const auto real = tried.find(entry.id);
    std::cout << "| `" << entry.id << "` " << entry.name << " | " << known_by(entry) << " | "
              << told_access(entry) << " | " << (real == tried.end() ? "-" : real->second) << " | "
              << source_word(entry.confidence) << " |\n";
  }
  return 0;
}
