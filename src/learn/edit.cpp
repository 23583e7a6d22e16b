#include "learn/edit.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "yaml/yaml.h"

namespace bulkhead::learn {
namespace {

constexpr std::size_t kAround = 3;  // lines of a diff

struct TextLine {
  std::string_view text;  // without its end
  bool ended = true;
};

std::vector<TextLine> lines_of(std::string_view text) {
  std::vector<TextLine> out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out.push_back({text.substr(0, end), end != std::string_view::npos});
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::string file_name(std::string_view file) {
  return escape_text(file, 1024);
}

class Editor {
 public:
  Editor(std::string_view text, std::string_view file, bool behind)
      : file_(file), lines_(lines_of(text)), behind_(behind) {}

  Result<Edited> run(const yaml::Node& root, std::span<const Addition> additions) {
    for (const Addition& a : additions) {
      if (auto added = add(root, a); !added) return std::unexpected(added.error());
    }
    return Edited{new_text(), diff()};
  }

 private:
  struct Insert {
    std::size_t column = 0;  // bytes
    std::string text;
  };

  [[nodiscard]] std::unexpected<Error> cannot(yaml::Place place, const std::string& why) const {
    return fail(ErrorCode::kUnsupported, yaml::locate(file_, place) + why);
  }

  // ------------------------------------------------------------------------------------ places

  // Columns count characters.
  [[nodiscard]] std::optional<std::size_t> byte_of(yaml::Place place) const {
    if (place.line == 0 || place.column == 0 || place.line > lines_.size()) return std::nullopt;
    const std::string_view line = lines_[place.line - 1].text;
    std::size_t at = 0;
    for (std::uint32_t column = 1; column < place.column; ++column) {
      char32_t code = 0;
      const std::size_t length = at < line.size() ? decode_utf8(line.substr(at), code) : 0;
      if (length == 0) return std::nullopt;
      at += length;
    }
    return at;
  }
  // Nodes say where the first word in them stands, so brackets are looked for: behind the key and
  // its colon, or at the start of the file.
  struct At {
    std::uint32_t line = 1;
    std::size_t column = 0;  // bytes
  };
  [[nodiscard]] std::optional<At> bracket_of(const yaml::Entry* entry) const {
    At at;
    if (entry != nullptr) {
      const auto column = byte_of(entry->key_place);
      if (!column) return std::nullopt;
      at = {entry->key_place.line, after_key(entry->key_place.line, *column)};
    }
    for (; at.line <= lines_.size(); ++at.line, at.column = 0) {
      const std::string_view line = lines_[at.line - 1].text;
      if (entry == nullptr && (line.starts_with("---") || line.starts_with("%"))) continue;
      at.column = std::min(line.find_first_not_of(" \t\r", at.column), line.size());
      if (at.column == line.size() || line[at.column] == '#') continue;
      if (line[at.column] == '[' || line[at.column] == '{') return at;
      return std::nullopt;
    }
    return std::nullopt;
  }
  // Behind the colon of the key that begins there; its place may be that of its quote.
  [[nodiscard]] std::size_t after_key(std::uint32_t number, std::size_t at) const {
    const std::string_view line = lines_[number - 1].text;
    char quote = at < line.size() && (line[at] == '"' || line[at] == '\'') ? line[at++] : '\0';
    if (quote == '\0' && at > 0 && (line[at - 1] == '"' || line[at - 1] == '\''))
      quote = line[at - 1];
    for (; quote != '\0' && at < line.size(); ++at) {
      if (quote == '"' && line[at] == '\\') {
        ++at;
      } else if (line[at] == quote) {
        break;
      }
    }
    const std::size_t colon = line.find(':', at);
    return colon == std::string_view::npos ? line.size() : colon + 1;
  }
  [[nodiscard]] std::string indent_of(std::uint32_t line) const {
    const std::string_view text = lines_[line - 1].text;
    return std::string(text.substr(0, std::min(text.find_first_not_of(' '), text.size())));
  }

  // ------------------------------------------------------------------------------------- adding

  static const yaml::Entry* find(const yaml::Node& node, const std::string& key) {
    for (const yaml::Entry& e : node.entries) {
      if (e.key == key) return &e;
    }
    return nullptr;
  }

  Status add(const yaml::Node& root, const Addition& addition) {
    const yaml::Node* node = &root;
    const yaml::Entry* entry = nullptr;
    std::size_t depth = 0;
    for (; depth < addition.path.size(); ++depth) {
      const yaml::Entry* next = find(*node, addition.path[depth]);
      if (next == nullptr) break;
      entry = next;
      node = &next->value;
    }
    const std::span missing = std::span(addition.path).subspan(depth);
    if (node->kind != yaml::NodeKind::kScalar) {
      if (const auto at = bracket_of(entry)) {
        into_flow(*at, *node, flow_text(addition, missing));
        return {};
      }
    }
    if (node->is_null() || (node->entries.empty() && node->items.empty()))
      return below_key(entry, *node, addition, missing);
    const bool is_list = node->kind == yaml::NodeKind::kList;
    if (is_list != (addition.list && missing.empty()) || node->kind == yaml::NodeKind::kScalar)
      return cannot(node->place, "this is not what lines could be added to");
    return beside(*node, entry, addition, missing);
  }

  static std::string flow_text(const Addition& addition, std::span<const std::string> missing) {
    std::string out;
    for (const std::string& item : addition.items) out += (out.empty() ? "" : ", ") + item;
    for (std::size_t i = missing.size(); i-- > 0;) {
      const bool list = addition.list && i + 1 == missing.size();
      out = missing[i] + ": " + (list ? "[" : "{") + out + (list ? "]" : "}");
    }
    return out;
  }

  void into_flow(const At& at, const yaml::Node& node, std::string text) {
    std::vector<Insert>& all = within_[at.line];
    if (!node.entries.empty() || !node.items.empty()) {
      text += ", ";
    } else if (std::ranges::find(all, at.column + 1, &Insert::column) != all.end()) {
      text.insert(0, ", ");  // behind what was put between the same brackets
    }
    all.push_back({at.column + 1, std::move(text)});
  }

  static void block(const std::string& indent, const Addition& addition,
                    std::span<const std::string> missing, std::vector<std::string>& out) {
    std::string deep = indent;
    for (const std::string& key : missing) {
      out.push_back(deep + key + ":");
      deep += "  ";
    }
    for (const std::string& item : addition.items)
      out.push_back(deep + (addition.list ? "- " : "") + item);
  }

  // As far as places tell: nodes say where they begin.
  static std::uint32_t last_line(const yaml::Node& node) {
    std::uint32_t last = node.place.line;
    for (const yaml::Node& item : node.items) last = std::max(last, last_line(item));
    for (const yaml::Entry& entry : node.entries)
      last = std::max({last, entry.key_place.line, last_line(entry.value)});
    return last;
  }

  // At the root a new key follows `bulkhead: 1`, which is one line.
  Status beside(const yaml::Node& node, const yaml::Entry* entry, const Addition& addition,
                std::span<const std::string> missing) {
    const bool is_list = node.kind == yaml::NodeKind::kList;
    const std::uint32_t key = entry == nullptr ? 0 : entry->key_place.line;
    std::uint32_t line =
        is_list ? node.items.front().place.line : node.entries.front().key_place.line;
    while (is_list && line > key + 1 && !is_item(line)) --line;
    if (is_list && !is_item(line))
      return cannot(node.place, "the list does not begin on a line of its own");
    const std::string indent = indent_of(line);
    if (behind_) line = last_line(node) + 1;
    const yaml::Entry* version = entry == nullptr ? find(node, "bulkhead") : nullptr;
    if (version != nullptr && version->value.place.line == version->key_place.line)
      line = version->key_place.line + 1;
    block(indent, addition, missing, before_[line]);
    return {};
  }
  [[nodiscard]] bool is_item(std::uint32_t line) const {
    const std::string_view text = lines_[line - 1].text;
    const std::size_t at = text.find_first_not_of(' ');
    return at != std::string_view::npos && text[at] == '-';
  }

  // `key:` and nothing after it.
  Status below_key(const yaml::Entry* entry, const yaml::Node& node, const Addition& addition,
                   std::span<const std::string> missing) {
    if (entry == nullptr)
      return cannot({1, 1}, "the file holds nothing; begin it with bulkhead policy init");
    if (!node.scalar.empty())
      return cannot(node.place, "write the key without a value, or with [] or {}");
    const std::string_view text = lines_[entry->key_place.line - 1].text;
    const std::string indent = indent_of(entry->key_place.line);
    if (byte_of(entry->key_place) != indent.size() || text.find(':') == std::string_view::npos)
      return cannot(entry->key_place, "write [] or {} after this key");
    block(indent + "  ", addition, missing, before_[entry->key_place.line + 1]);
    return {};
  }

  // ------------------------------------------------------------------------------------ writing

  [[nodiscard]] std::string changed(std::uint32_t line) const {
    std::string out(lines_[line - 1].text);
    const auto at = within_.find(line);
    if (at == within_.end()) return out;
    std::vector<Insert> all = at->second;
    std::ranges::stable_sort(all, {}, &Insert::column);
    std::size_t shift = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      out.insert(all[i].column + shift, all[i].text);
      shift += all[i].text.size();
    }
    return out;
  }

  [[nodiscard]] std::string new_text() const {
    std::string out;
    for (std::uint32_t line = 1; line <= lines_.size() + 1; ++line) {
      if (const auto at = before_.find(line); at != before_.end()) {
        if (!out.empty() && out.back() != '\n') out += '\n';
        for (const std::string& one : at->second) out += one + "\n";
      }
      if (line > lines_.size()) break;
      out += changed(line);
      if (lines_[line - 1].ended) out += '\n';
    }
    return out;
  }

  struct Row {
    char mark = ' ';
    std::string text;
    bool ended = true;
  };

  [[nodiscard]] std::vector<Row> rows() const {
    std::vector<Row> out;
    const bool grows = before_.contains(static_cast<std::uint32_t>(lines_.size() + 1));
    for (std::uint32_t line = 1; line <= lines_.size() + 1; ++line) {
      if (const auto at = before_.find(line); at != before_.end()) {
        for (const std::string& one : at->second) out.push_back({'+', one, true});
      }
      if (line > lines_.size()) break;
      const TextLine& old = lines_[line - 1];
      const bool gains_end = grows && !old.ended;
      if (!within_.contains(line) && !gains_end) {
        out.push_back({' ', std::string(old.text), old.ended});
        continue;
      }
      out.push_back({'-', std::string(old.text), old.ended});
      out.push_back({'+', changed(line), old.ended || gains_end});
    }
    return out;
  }

  [[nodiscard]] std::string diff() const {
    const std::vector<Row> all = rows();
    std::string out = "--- " + file_name(file_) + "\n+++ " + file_name(file_) + "\n";
    std::size_t old_line = 1, new_line = 1;
    for (std::size_t i = 0; i < all.size();) {
      if (all[i].mark == ' ' && !near(all, i)) {
        ++old_line, ++new_line, ++i;
        continue;
      }
      std::size_t end = i;
      while (end < all.size() && (all[end].mark != ' ' || near(all, end))) ++end;
      hunk(all, i, end, old_line, new_line, out);
      i = end;
    }
    return out;
  }
  static bool near(const std::vector<Row>& all, std::size_t at) {
    const std::size_t first = at > kAround ? at - kAround : 0;
    const std::size_t last = std::min(at + kAround + 1, all.size());
    return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(first),
                       all.begin() + static_cast<std::ptrdiff_t>(last),
                       [](const Row& r) { return r.mark != ' '; });
  }
  static void hunk(const std::vector<Row>& all, std::size_t begin, std::size_t end,
                   std::size_t& old_line, std::size_t& new_line, std::string& out) {
    std::size_t old_count = 0, new_count = 0;
    for (std::size_t i = begin; i < end; ++i) {
      old_count += all[i].mark != '+';
      new_count += all[i].mark != '-';
    }
    const auto range = [](std::size_t line, std::size_t count) {
      return std::to_string(count == 0 ? line - 1 : line) + "," + std::to_string(count);
    };
    out += "@@ -" + range(old_line, old_count) + " +" + range(new_line, new_count) + " @@\n";
    for (std::size_t i = begin; i < end; ++i) {
      out += all[i].mark + all[i].text + "\n";
      if (!all[i].ended) out += "\\ No newline at end of file\n";
    }
    old_line += old_count;
    new_line += new_count;
  }

  std::string_view file_;
  std::vector<TextLine> lines_;
  bool behind_;
  std::map<std::uint32_t, std::vector<std::string>> before_;  // lines to stand before line N
  std::map<std::uint32_t, std::vector<Insert>> within_;
};

}  // namespace

Result<Edited> add_to_yaml(std::string_view text, std::string_view file,
                           std::span<const Addition> additions, bool behind) {
  auto root = yaml::parse(text, file);
  if (!root) return std::unexpected(root.error());
  return Editor(text, file, behind).run(*root, additions);
}

std::string diff_of_new(std::string_view text, std::string_view file) {
  const std::vector<TextLine> lines = lines_of(text);
  std::string out = "--- /dev/null\n+++ " + file_name(file) + "\n";
  out += "@@ -0,0 +1," + std::to_string(lines.size()) + " @@\n";
  for (const TextLine& line : lines) out += "+" + std::string(line.text) + "\n";
  return out;
}

}  // namespace bulkhead::learn
