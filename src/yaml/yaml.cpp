#include "yaml/yaml.h"

#include <libfyaml.h>

#include <memory>
#include <optional>
#include <set>

#include "base/text.h"

namespace bulkhead::yaml {
namespace {

constexpr int kDeepest = 20;
constexpr std::size_t kMostNodes = 100'000;

struct DocumentDeleter {
  void operator()(fy_document* document) const { fy_document_destroy(document); }
};
struct DiagDeleter {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};
using Document = std::unique_ptr<fy_document, DocumentDeleter>;
using Diag = std::unique_ptr<fy_diag, DiagDeleter>;

Place place_of(fy_token* token) {
  const fy_mark* mark = token == nullptr ? nullptr : fy_token_start_mark(token);
  if (mark == nullptr) return {};
  return {static_cast<std::uint32_t>(mark->line) + 1, static_cast<std::uint32_t>(mark->column) + 1};
}

// Collections have no token of their own that libfyaml shows: the first thing in them stands for
// them.
Place place_of(fy_node* node) {
  for (int depth = 0; node != nullptr && depth < kDeepest; ++depth) {
    void* at = nullptr;
    switch (fy_node_get_type(node)) {
      case FYNT_SCALAR: return place_of(fy_node_get_scalar_token(node));
      case FYNT_SEQUENCE: node = fy_node_sequence_iterate(node, &at); break;
      case FYNT_MAPPING: {
        fy_node_pair* pair = fy_node_mapping_iterate(node, &at);
        node = pair == nullptr ? nullptr : fy_node_pair_key(pair);
        break;
      }
    }
  }
  return {};
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  Result<Node> read(fy_node* node, Place near, int depth) {
    if (depth > kDeepest) return refuse(near, "nested deeper than 20 levels");
    if (++count_ > kMostNodes) return refuse(near, "more than 100000 values");
    Node out;
    if (node == nullptr) {
      out.place = near;
      return out;  // "key:" with nothing behind it: a plain empty scalar
    }
    out.place = place_of(node);
    if (out.place.line == 0) out.place = near;
    if (fy_node_is_alias(node)) {
      return refuse(near, "aliases (*name) are not understood; write the value out");
    }
    if (fy_node_get_tag_token(node) != nullptr) {
      return refuse(near, "tags (!name) are not understood; leave the tag out");
    }
    switch (fy_node_get_type(node)) {
      case FYNT_SCALAR: return scalar(node, std::move(out));
      case FYNT_SEQUENCE: return list(node, std::move(out), depth);
      case FYNT_MAPPING: return map(node, std::move(out), depth);
    }
    return refuse(near, "not understood");
  }

 private:
  std::unexpected<Error> refuse(Place place, std::string_view what) const {
    return fail(ErrorCode::kInvalidInput, locate(file_, place) + std::string(what));
  }

  static Node scalar(fy_node* node, Node out) {
    std::size_t size = 0;
    const char* text = fy_node_get_scalar(node, &size);
    if (text != nullptr) out.scalar.assign(text, size);
    out.plain = fy_node_get_style(node) == FYNS_PLAIN;
    return out;
  }

  Result<Node> list(fy_node* node, Node out, int depth) {
    out.kind = NodeKind::kList;
    void* at = nullptr;
    while (fy_node* item = fy_node_sequence_iterate(node, &at)) {
      auto value = read(item, out.place, depth + 1);
      if (!value) return value;
      out.items.push_back(std::move(*value));
    }
    return out;
  }

  Result<Node> map(fy_node* node, Node out, int depth) {
    out.kind = NodeKind::kMap;
    std::set<std::string> seen;
    void* at = nullptr;
    while (fy_node_pair* pair = fy_node_mapping_iterate(node, &at)) {
      auto key = read(fy_node_pair_key(pair), out.place, depth + 1);
      if (!key) return key;
      if (key->kind != NodeKind::kScalar) return refuse(key->place, "a key must be a word");
      if (!seen.insert(key->scalar).second) {
        return refuse(key->place, "the key '" + escape_text(key->scalar, 80) + "' is there twice");
      }
      auto value = read(fy_node_pair_value(pair), key->place, depth + 1);
      if (!value) return value;
      out.entries.push_back({std::move(key->scalar), key->place, std::move(*value)});
    }
    return out;
  }

  std::string_view file_;
  std::size_t count_ = 0;
};

// Where the text stops to be UTF-8; nullopt when it is all.
std::optional<Place> broken_utf8(std::string_view text) {
  Place at{1, 1};
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t length = decode_utf8(text, code);
    if (length == 0) return at;
    text.remove_prefix(length);
    at = code == U'\n' ? Place{at.line + 1, 1} : Place{at.line, at.column + 1};
  }
  return std::nullopt;
}

Error first_error(fy_diag* diag, std::string_view file) {
  void* at = nullptr;
  const fy_diag_error* error = fy_diag_errors_iterate(diag, &at);
  if (error == nullptr) return {ErrorCode::kInvalidInput, locate(file, {}) + "not valid YAML"};
  Place place;  // libfyaml counts from 1 here, and from 0 in marks
  if (error->line > 0 && error->column > 0) {
    place = {static_cast<std::uint32_t>(error->line), static_cast<std::uint32_t>(error->column)};
  }
  return {ErrorCode::kInvalidInput,
          locate(file, place) + escape_text(error->msg == nullptr ? "not valid YAML" : error->msg)};
}

}  // namespace

bool Node::is_null() const {
  return kind == NodeKind::kScalar && plain &&
         (scalar.empty() || scalar == "null" || scalar == "~");
}

std::string locate(std::string_view file, Place place) {
  std::string out = escape_text(file, 512) + ":";
  if (place.line != 0) {
    out += std::to_string(place.line) + ":" + std::to_string(place.column) + ":";
  }
  return out + " ";
}

Result<Node> parse(std::string_view text, std::string_view file) {
  if (text.size() > kLongestText) {
    return fail(ErrorCode::kBudget, locate(file, {}) + "longer than 1 MiB");
  }
  if (text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::kInvalidInput, locate(file, {}) + "holds a zero byte");
  }
  // libfyaml 0.7 loops for ever over a directive that is not UTF-8.
  if (const auto place = broken_utf8(text)) {
    return fail(ErrorCode::kInvalidInput, locate(file, *place) + "not UTF-8");
  }
  fy_diag_cfg diag_config;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = nullptr;
  diag_config.output_fn = [](fy_diag*, void*, const char*, std::size_t) {};
  Diag diag(fy_diag_create(&diag_config));
  if (!diag) return fail(ErrorCode::kInternal, "libfyaml: out of memory");
  fy_diag_set_collect_errors(diag.get(), true);
  fy_parse_cfg config{};
  // Duplicate keys are looked for in Reader::map: libfyaml compares each key with each other.
  config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
                                                 FYPCF_ALLOW_DUPLICATE_KEYS);
  config.diag = diag.get();
  const std::string kept(text);  // libfyaml points into it
  Document document(fy_document_build_from_string(&config, kept.data(), kept.size()));
  if (!document) {
    // A text without any content fails too, but nothing is reported then.
    void* at = nullptr;
    if (fy_diag_errors_iterate(diag.get(), &at) == nullptr) {
      Node empty;
      empty.kind = NodeKind::kMap;
      return empty;
    }
    return std::unexpected(first_error(diag.get(), file));
  }
  fy_node* root = fy_document_root(document.get());
  if (root == nullptr) {
    Node empty;
    empty.kind = NodeKind::kMap;
    return empty;
  }
  return Reader(file).read(root, {1, 1}, 0);
}

}  // namespace bulkhead::yaml
