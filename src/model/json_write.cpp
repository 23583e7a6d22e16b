// Writes straight into one string: the field lists give the order, a new object of each struct
// gives the values that are left out.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "model/enum_names.h"
#include "model/json.h"
#include "model/json_shape.h"

namespace bulkhead::model {
namespace {

// Rows up to this nesting are on lines of their own: rules of a chain, ports of a container; not
// the statements of a rule.
constexpr unsigned kRowNesting = 9;

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t size = decode_utf8(text, code);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') return false;
  }
  return true;
}

// The addresses of the members of a new T, in the order of its field list.
template <class T>
const std::vector<const void*>& default_members() {
  static const std::vector<const void*> members = [] {
    std::vector<const void*> found;
    T::fields(shape::default_of<T>(),
              [&found](std::string_view, const auto& member) { found.push_back(&member); });
    return found;
  }();
  return members;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class T>
  void value(const T& v) {
    if constexpr (std::is_same_v<T, bool>)
      out_ += v ? "true" : "false";
    else if constexpr (shape::Integer<T>)
      number(v);
    else if constexpr (shape::WrappedNumber<T>)
      number(shape::number_of(const_cast<T&>(v)));
    else if constexpr (std::is_same_v<T, std::string>)
      text(v);
    else if constexpr (std::is_same_v<T, Bytes>)
      quoted_plain(to_hex(v));
    else if constexpr (std::is_same_v<T, IpProtocol>)
      quoted_plain(to_string(v));
    else if constexpr (shape::TextValue<T>)
      quoted_plain(v.to_string());
    else if constexpr (shape::NamedEnum<T>)
      quoted_plain(names::word(v));
    else if constexpr (shape::Optional<T>)
      optional(v);
    else if constexpr (shape::TextMap<T>)
      map(v);
    else if constexpr (shape::Vector<T>)
      list(v);
    else if constexpr (shape::Variant<T>)
      variant(v);
    else if constexpr (shape::Transparent<T>)
      variant(v.node);
    else if constexpr (shape::Struct<T>)
      object(v);
    else
      static_assert(!sizeof(T), "no JSON form for this type");
  }

 private:
  template <class N>
  void number(N n) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, n);
    out_.append(digits, end);
  }

  void quoted_plain(std::string_view text) {
    out_ += '"';
    out_ += text;
    out_ += '"';
  }

  void quoted(std::string_view text) {
    out_ += '"';
    if (is_plain(text))
      out_ += text;
    else
      append_json_escaped(out_, text);
    out_ += '"';
  }

  void text(std::string_view text) {
    if (is_utf8(text)) return quoted(text);
    out_ += R"({"hex":)";
    quoted_plain(to_hex(as_bytes(text)));
    out_ += '}';
  }

  void key(std::string_view name, bool& first) {
    if (!first) out_ += ',';
    first = false;
    quoted(name);
    out_ += ':';
  }

  template <class T>
  void optional(const std::optional<T>& v) {
    if (v)
      value(*v);
    else
      out_ += "null";
  }

  void map(const std::map<std::string, std::string>& v) {
    bool first = true;
    if (std::ranges::all_of(v, [](const auto& pair) { return is_utf8(pair.first); })) {
      out_ += '{';
      for (const auto& [name, content] : v) {
        key(name, first);
        text(content);
      }
      out_ += '}';
      return;
    }
    out_ += '[';
    for (const auto& [name, content] : v) {
      out_ += first ? "[" : ",[";
      first = false;
      text(name);
      out_ += ',';
      text(content);
      out_ += ']';
    }
    out_ += ']';
  }

  template <class T>
  void list(const std::vector<T>& v) {
    ++nesting_;
    out_ += '[';
    bool first = true;
    for (const auto& element : v) {
      if (!first) out_ += ',';
      first = false;
      if (shape::Struct<T> && nesting_ <= kRowNesting) out_ += '\n';
      value(static_cast<const T&>(element));
    }
    out_ += ']';
    --nesting_;
  }

  template <class... T>
  void variant(const std::variant<T...>& v) {
    std::visit(
        [this](const auto& alternative) {
          out_ += '{';
          bool first = true;
          key(std::remove_cvref_t<decltype(alternative)>::kKind, first);
          value(alternative);
          out_ += '}';
        },
        v);
  }

  template <class T>
  void object(const T& v) {
    ++nesting_;
    out_ += '{';
    bool first = true;
    auto usual = default_members<T>().begin();
    T::fields(v, [&]<class M>(std::string_view name, const M& member) {
      const bool left_out = member == *static_cast<const M*>(*usual++);
      if (left_out && !(std::is_same_v<T, Snapshot> && name == "version")) return;
      key(name, first);
      value(member);
    });
    out_ += '}';
    --nesting_;
  }

  std::string& out_;
  unsigned nesting_ = 0;
};

}  // namespace

std::string write_snapshot(const Snapshot& snapshot) {
  std::string out;
  Writer(out).value(snapshot);
  out += '\n';
  return out;
}

}  // namespace bulkhead::model
