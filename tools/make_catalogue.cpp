// Build step: src/services/catalogue.yaml -> a C++ table. Refuses what breaks the rules that are
// written at the top of that file, with its line.
//
//   make_catalogue catalogue.yaml out.cpp
#include <libfyaml.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void refuse(int line, const std::string& what) {
  std::cerr << "catalogue.yaml:" << line << ": " << what << '\n';
  std::exit(1);
}

int line_of(fy_node* scalar) {
  const fy_mark* mark = fy_token_start_mark(fy_node_get_scalar_token(scalar));
  return mark == nullptr ? 0 : mark->line + 1;
}

std::string text_of(fy_node* node, int line) {
  std::size_t size = 0;
  const char* text = node == nullptr ? nullptr : fy_node_get_scalar(node, &size);
  if (text == nullptr || size == 0) refuse(line, "a value is missing");
  return {text, size};
}

struct Field {
  int line = 0;
  std::string text;
  std::vector<std::string> list;
  bool is_list = false;
};
using Entry = std::map<std::string, Field>;

Entry read_entry(fy_node* node) {
  static const std::set<std::string> kKnown{"id",     "name",    "class",      "transport", "ports",
                                            "also",   "process", "images",     "anywhere",  "front",
                                            "impact", "tls",     "confidence", "source"};
  Entry out;
  void* at = nullptr;
  while (fy_node_pair* pair = fy_node_mapping_iterate(node, &at)) {
    fy_node* key = fy_node_pair_key(pair);
    Field field;
    field.line = line_of(key);
    const std::string name = text_of(key, field.line);
    if (!kKnown.contains(name)) refuse(field.line, "unknown key " + name);
    fy_node* value = fy_node_pair_value(pair);
    if (value != nullptr && fy_node_is_sequence(value)) {
      field.is_list = true;
      void* item_at = nullptr;
      while (fy_node* item = fy_node_sequence_iterate(value, &item_at)) {
        field.list.push_back(text_of(item, field.line));
      }
    } else {
      field.text = text_of(value, field.line);
    }
    out.emplace(name, std::move(field));
  }
  return out;
}

const Field& need(const Entry& entry, const std::string& key) {
  const auto found = entry.find(key);
  if (found == entry.end()) refuse(entry.begin()->second.line, "an entry lacks " + key);
  return found->second;
}

const std::vector<std::string>& list_of(const Entry& entry, const std::string& key) {
  static const std::vector<std::string> kEmpty;
  const auto found = entry.find(key);
  if (found == entry.end()) return kEmpty;
  if (!found->second.is_list) refuse(found->second.line, key + " must be a list");
  return found->second.list;
}

std::string word(const Entry& entry, const std::string& key,
                 const std::map<std::string, std::string>& words) {
  const Field& field = need(entry, key);
  const auto found = words.find(field.text);
  if (found == words.end())
    refuse(field.line, key + ": " + field.text + " is not one of its words");
  return found->second;
}

std::string quote(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string port_list(const Entry& entry, const std::string& key) {
  std::string out;
  for (const std::string& text : list_of(entry, key)) {
    const long number = std::strtol(text.c_str(), nullptr, 10);
    if (std::to_string(number) != text || number < 1 || number > 65535) {
      refuse(need(entry, key).line, text + " is not a port");
    }
    out += text + ", ";
  }
  return out;
}

std::string name_list(const Entry& entry, const std::string& key, std::size_t longest) {
  std::string out;
  for (const std::string& name : list_of(entry, key)) {
    if (name.size() > longest)
      refuse(need(entry, key).line, name + " is longer than its kind can be");
    out += quote(name) + ", ";
  }
  return out;
}

bool flag(const Entry& entry, const std::string& key) {
  const auto found = entry.find(key);
  if (found == entry.end()) return false;
  if (found->second.text != "true") refuse(found->second.line, key + " is true or absent");
  return true;
}

class Writer {
 public:
  void add(const Entry& entry) {
    const Field& id = need(entry, "id");
    if (!ids_.insert(id.text).second) refuse(id.line, "id " + id.text + " is there twice");
    const auto& transport = list_of(entry, "transport");
    const bool tcp = std::ranges::find(transport, "tcp") != transport.end();
    const bool udp = std::ranges::find(transport, "udp") != transport.end();
    if (transport.size() != std::size_t{tcp} + std::size_t{udp} || transport.empty()) {
      refuse(need(entry, "transport").line, "transport is tcp, udp or both");
    }
    for (const std::string& port : list_of(entry, "ports")) claim(port, tcp, udp, id);
    const bool known =
        !list_of(entry, "ports").empty() || entry.contains("process") || entry.contains("images");
    if (!known) refuse(id.line, id.text + " has nothing by which it could be known");
    const std::string n = std::to_string(count_++);
    array("std::uint16_t", "kPorts" + n, port_list(entry, "ports"));
    array("std::uint16_t", "kAlso" + n, port_list(entry, "also"));
    array("std::string_view", "kProcesses" + n, name_list(entry, "process", 15));
    array("std::string_view", "kImages" + n, name_list(entry, "images", 128));
    static const std::map<std::string, std::string> kClasses{{"management", "kManagement"},
                                                             {"traditional", "kTraditional"},
                                                             {"application", "kApplication"},
                                                             {"client", "kClient"}};
    static const std::map<std::string, std::string> kImpacts{
        {"host", "kHost"},       {"cluster", "kCluster"}, {"code", "kCode"},
        {"secrets", "kSecrets"}, {"data", "kData"},       {"console", "kConsole"},
        {"control", "kControl"}, {"info", "kInfo"},       {"application", "kApplication"}};
    static const std::map<std::string, std::string> kTls{{"none", "kNone"},
                                                         {"optional", "kOptional"},
                                                         {"starttls", "kStarttls"},
                                                         {"required", "kRequired"},
                                                         {"mtls", "kMutual"}};
    static const std::map<std::string, std::string> kConfidence{
        {"verified", "kVerified"}, {"documented", "kDocumented"}, {"recall", "kRecall"}};
    table_ << "    {" << quote(id.text) << ", " << quote(need(entry, "name").text)
           << ", ServiceClass::" << word(entry, "class", kClasses) << ", "
           << (tcp ? "true" : "false") << ", " << (udp ? "true" : "false") << ", kPorts" << n
           << ", kAlso" << n << ", kProcesses" << n << ", kImages" << n << ", "
           << (flag(entry, "anywhere") ? "true" : "false") << ", "
           << (flag(entry, "front") ? "true" : "false")
           << ", Impact::" << word(entry, "impact", kImpacts)
           << ", Tls::" << word(entry, "tls", kTls)
           << ", Confidence::" << word(entry, "confidence", kConfidence) << ", "
           << quote(need(entry, "source").text) << "},\n";
  }

  [[nodiscard]] std::string text() const {
    return "// Made from catalogue.yaml by make_catalogue. Do not edit.\n"
           "#include \"services/catalogue.h\"\n\n#include <array>\n\nnamespace bulkhead::services "
           "{\nnamespace {\n\n" +
           arrays_.str() + "\nconstexpr std::array<Service, " + std::to_string(count_) +
           "> kCatalogue{{\n" + table_.str() +
           "}};\n\n}  // namespace\n\n"
           "std::span<const Service> catalogue() { return kCatalogue; }\n\n}  // namespace "
           "bulkhead::services\n";
  }

 private:
  void claim(const std::string& port, bool tcp, bool udp, const Field& id) {
    for (const char* transport : {tcp ? "tcp" : nullptr, udp ? "udp" : nullptr}) {
      if (transport == nullptr) continue;
      const auto [found, fresh] = claims_.emplace(port + "/" + transport, id.text);
      if (!fresh)
        refuse(id.line, id.text + ": port " + found->first + " already suggests " + found->second);
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
  std::set<std::string> ids_;
  std::map<std::string, std::string> claims_;
  std::size_t count_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_catalogue catalogue.yaml out.cpp\n";
    return 2;
  }
  fy_document* document = fy_document_build_from_file(nullptr, argv[1]);
  fy_node* root = document == nullptr ? nullptr : fy_document_root(document);
  if (root == nullptr || !fy_node_is_sequence(root)) refuse(1, "not a list of services");
  Writer writer;
  void* at = nullptr;
  while (fy_node* node = fy_node_sequence_iterate(root, &at)) writer.add(read_entry(node));
  fy_document_destroy(document);
  std::ofstream out(argv[2], std::ios::binary);
  out << writer.text();
  out.close();
  return out ? 0 : 1;
}
