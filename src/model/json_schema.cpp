// The JSON Schema of the snapshot, from the same field lists that write and read it.
#include <algorithm>
#include <limits>
#include <set>

#include "base/text.h"
#include "model/enum_names.h"
#include "model/json.h"
#include "model/json_shape.h"

namespace bulkhead::model {
namespace {

// "Link", "xt.Tcp": the C++ name below bulkhead::model. Both compilers write "T = NAME" followed by
// ';' or ']' into __PRETTY_FUNCTION__.
template <class T>
std::string type_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  text = text.substr(0, text.find_first_of(";]"));
  for (const std::string_view space : {"bulkhead::model::", "bulkhead::"}) {
    if (text.starts_with(space)) text.remove_prefix(space.size());
  }
  std::string name(text);
  if (const auto colons = name.find("::"); colons != std::string::npos)
    name.replace(colons, 2, ".");
  return name;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + "\"";
}

class SchemaWriter {
 public:
  std::string whole() {
    const std::string root = of<Snapshot>();
    std::string out = R"({"$schema":"https://json-schema.org/draft/2020-12/schema",)"
                      "\n";
    out += R"("title":"Bulkhead snapshot, version )" + std::to_string(kSnapshotVersion) + "\",\n";
    out += root.substr(1, root.size() - 2) + ",\n\"$defs\":{\n";
    out +=
        R"("Text":{"oneOf":[{"type":"string"},{"type":"object","properties":{"hex":{"$ref":"#/$defs/Hex"}},"required":["hex"],"additionalProperties":false}]},)"
        "\n";
    out += R"("Hex":{"type":"string","pattern":"^([0-9a-f]{2})*$"},)"
           "\n";
    out +=
        R"("TextMap":{"oneOf":[{"type":"object","additionalProperties":{"$ref":"#/$defs/Text"}},{"type":"array","items":{"type":"array","items":{"$ref":"#/$defs/Text"},"minItems":2,"maxItems":2}}]})";
    for (const auto& [name, text] : definitions_) out += ",\n" + quoted(name) + ":" + text;
    return out + "}}\n";
  }

 private:
  template <class T>
  std::string of() {
    if constexpr (std::is_same_v<T, bool>)
      return R"({"type":"boolean"})";
    else if constexpr (shape::Integer<T>)
      return integer<T>();
    else if constexpr (shape::WrappedNumber<T>)
      return number_type<T>();
    else if constexpr (std::is_same_v<T, std::string>)
      return reference("Text");
    else if constexpr (std::is_same_v<T, Bytes>)
      return reference("Hex");
    else if constexpr (std::is_same_v<T, IpProtocol> || shape::TextValue<T>)
      return text_type<T>();
    else if constexpr (shape::NamedEnum<T>)
      return words<T>();
    else if constexpr (shape::Optional<T>)
      return of<typename T::value_type>();
    else if constexpr (shape::TextMap<T>)
      return reference("TextMap");
    else if constexpr (shape::Vector<T>)
      return R"({"type":"array","items":)" + of<typename T::value_type>() + "}";
    else if constexpr (shape::Variant<T>)
      return alternatives(static_cast<const T*>(nullptr));
    else if constexpr (shape::Transparent<T>)
      return once<T>([this] { return of<decltype(T::node)>(); });
    else if constexpr (shape::Struct<T>)
      return once<T>([this] { return object<T>(); });
    else
      static_assert(!sizeof(T), "no JSON form for this type");
  }

  static std::string reference(std::string_view name) {
    return R"({"$ref":"#/$defs/)" + std::string(name) + "\"}";
  }

  // Defines T the first time. The name is taken before the text is made: terms hold terms.
  template <class T, class Make>
  std::string once(Make make) {
    const std::string name = type_name<T>();
    if (started_.insert(name).second) {
      std::string text = make();
      definitions_.emplace(name, std::move(text));
    }
    return reference(name);
  }

  template <class T>
  static std::string integer() {
    using Limits = std::numeric_limits<T>;
    return R"({"type":"integer","minimum":)" + std::to_string(Limits::min()) + R"(,"maximum":)" +
           std::to_string(Limits::max()) + "}";
  }

  template <class T>
  std::string number_type() {
    return once<T>([] {
      T value;
      return integer<std::remove_reference_t<decltype(shape::number_of(value))>>();
    });
  }

  template <class T>
  std::string text_type() {
    return once<T>([] { return std::string(R"({"type":"string"})"); });
  }

  template <class E>
  std::string words() {
    return once<E>([] {
      std::string out = R"({"enum":[)";
      for (const auto& entry : names::table<E>) out += quoted(entry.second) + ",";
      out.back() = ']';
      return out + "}";
    });
  }

  template <class... T>
  std::string alternatives(const std::variant<T...>*) {
    std::string out = R"({"oneOf":[)";
    ((out += R"({"type":"object","properties":{)" + quoted(T::kKind) + ":" + of<T>() +
             R"(},"required":[)" + quoted(T::kKind) + R"(],"additionalProperties":false},)"),
     ...);
    out.back() = ']';
    return out + "}";
  }

  template <class T>
  std::string object() {
    std::string out = R"({"type":"object","additionalProperties":false,"properties":{)";
    std::size_t index = 0;
    T::fields(shape::default_of<T>(), [&]<class M>(std::string_view name, const M& member) {
      out += index++ == 0 ? "\n " : ",\n ";
      std::string type = of<M>();
      type.pop_back();
      out += quoted(name) + ":" + type + default_text(member) + "}";
    });
    out += "}";
    if (std::is_same_v<T, Snapshot>) out += R"(,"required":["version"])";
    return out + "}";
  }

  // Only of plain values: lists, maps and optionals are absent when new, which needs no word.
  template <class M>
  std::string default_text(const M& member) {
    if constexpr (std::is_same_v<M, bool>)
      return member ? R"(,"default":true)" : R"(,"default":false)";
    else if constexpr (shape::Integer<M>)
      return R"(,"default":)" + std::to_string(member);
    else if constexpr (shape::WrappedNumber<M>)
      return R"(,"default":)" + std::to_string(shape::number_of(const_cast<M&>(member)));
    else if constexpr (std::is_same_v<M, IpProtocol>)
      return R"(,"default":)" + quoted(to_string(member));
    else if constexpr (shape::TextValue<M>)
      return R"(,"default":)" + quoted(member.to_string());
    else if constexpr (shape::NamedEnum<M>)
      return R"(,"default":)" + quoted(names::word(member));
    else if constexpr (std::is_same_v<M, std::string>)
      return member.empty() ? "" : R"(,"default":)" + quoted(member);
    else if constexpr (shape::Variant<M>)
      return default_kind(member);
    else if constexpr (shape::Transparent<M>)
      return default_kind(member.node);
    else
      return "";
  }

  template <class... T>
  static std::string default_kind(const std::variant<T...>& v) {
    return std::visit(
        [](const auto& alternative) {
          const std::string_view kind = std::remove_cvref_t<decltype(alternative)>::kKind;
          return R"(,"default":{)" + quoted(kind) + ":{}}";
        },
        v);
  }

  std::set<std::string> started_;
  std::map<std::string, std::string> definitions_;
};

}  // namespace

std::string snapshot_schema() {
  return SchemaWriter().whole();
}

}  // namespace bulkhead::model
