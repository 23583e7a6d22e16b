// Build step: src/services/catalogue.yaml -> a C++ table and the text itself. Refuses what breaks
// the rules that are written at the top of that file, with its line.
//
//   make_catalogue catalogue.yaml out.cpp
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "services/entry.h"

namespace {

using bulkhead::services::Entry;

[[noreturn]] void refuse(const Entry& entry, const std::string& what) {
  std::cerr << "catalogue.yaml:" << entry.line << ": " << entry.id << ": " << what << '\n';
  std::exit(1);
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

const char* flag(bool value) {
  return value ? "true" : "false";
}

// The enumerations are written by number: the table is made for this very program.
template <class Enum>
std::string value(const char* type, Enum member) {
  return std::string(type) + "{" + std::to_string(static_cast<unsigned>(member)) + "}";
}

class Writer {
 public:
  void add(const Entry& entry) {
    for (std::uint16_t port : entry.ports) claim(entry, port);
    for (const std::string& other : entry.beats) beaten_.emplace(other, &entry);
    ids_.insert(entry.id);
    const std::string n = std::to_string(count_++);
    std::string ports, also, processes, images;
    for (auto port : entry.ports) ports += std::to_string(port) + ", ";
    for (auto port : entry.also) also += std::to_string(port) + ", ";
    for (const auto& name : entry.processes) processes += quote(name) + ", ";
    for (const auto& name : entry.images) images += quote(name) + ", ";
    array("std::uint16_t", "kPorts" + n, ports);
    array("std::uint16_t", "kAlso" + n, also);
    array("std::string_view", "kProcesses" + n, processes);
    array("std::string_view", "kImages" + n, images);
    table_ << "    {" << quote(entry.id) << ", " << quote(entry.name) << ", "
           << value("ServiceClass", entry.service_class) << ", " << flag(entry.tcp) << ", "
           << flag(entry.udp) << ", kPorts" << n << ", kAlso" << n << ", kProcesses" << n
           << ", kImages" << n << ", " << flag(entry.anywhere) << ", " << flag(entry.front) << ", "
           << value("Impact", entry.impact) << ", " << value("Tls", entry.tls) << ", "
           << value("Confidence", entry.confidence) << ", " << quote(entry.source) << "},\n";
  }

  [[nodiscard]] std::string text(std::string_view source) const {
    for (const auto& [id, by] : beaten_) {
      if (!ids_.contains(id)) refuse(*by, "beats " + id + ", which there is not");
    }
    std::ostringstream out;
    out << "// Made from catalogue.yaml by make_catalogue. Do not edit.\n"
           "#include <array>\n\n#include \"services/builtin.h\"\n#include "
           "\"services/catalogue.h\"\n\n"
           "namespace bulkhead::services {\nnamespace {\n\n"
        << arrays_.str() << "\nconstexpr std::array<Service, " << count_ << "> kCatalogue{{\n"
        << table_.str() << "}};\n\nconstexpr auto kText = std::to_array<std::string_view>({\n";
    for (std::size_t at = 0; at < source.size(); at += kChunk)
      out << "R\"_cat_(" << source.substr(at, kChunk) << ")_cat_\",\n";
    out << "});\n\n}  // namespace\n\n"
           "std::span<const Service> catalogue() { return kCatalogue; }\n"
           "std::span<const std::string_view> builtin_text() { return kText; }\n\n"
           "}  // namespace bulkhead::services\n";
    return out.str();
  }

 private:
  static constexpr std::size_t kChunk = 8192;  // compilers bound the length of a literal

  void claim(const Entry& entry, std::uint16_t port) {
    for (const char* transport : {entry.tcp ? "tcp" : nullptr, entry.udp ? "udp" : nullptr}) {
      if (transport == nullptr) continue;
      const std::string what = std::to_string(port) + "/" + transport;
      const auto [found, fresh] = claims_.emplace(what, entry.id);
      if (!fresh) refuse(entry, "port " + what + " already suggests " + found->second);
    }
  }

  void array(const std::string& type, const std::string& name, const std::string& items) {
    if (items.empty()) {
      arrays_ << "constexpr std::array<" << type << ", 0> " << name << "{};\n";
    } else {
      arrays_ << "constexpr std::array " << name << " = std::to_array<" << type << ">({" << items
              << "});\n";
    }
  }

  std::ostringstream arrays_, table_;
  std::map<std::string, std::string> claims_;
  std::map<std::string, const Entry*> beaten_;
  std::set<std::string> ids_;
  std::size_t count_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_catalogue catalogue.yaml out.cpp\n";
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  const std::string source{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto read = bulkhead::services::parse_entries(source, "catalogue.yaml");
  for (const std::string& problem : read.problems) std::cerr << problem << '\n';
  if (!in || !read.problems.empty() || read.entries.empty()) return 1;
  Writer writer;
  for (const Entry& entry : read.entries) writer.add(entry);
  std::ofstream out(argv[2], std::ios::binary);
  out << writer.text(source);
  out.close();
  return out ? 0 : 1;
}
