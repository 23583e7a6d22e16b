// How a C++ type of the model appears in JSON: the one list of cases that the writer, the reader,
// the schema and redaction share. Internal to model/ and its tests.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "model/snapshot.h"

namespace bulkhead::model::shape {

struct NullVisit {
  template <class M>
  void operator()(std::string_view, M&) const {}
};

template <class T>
concept Struct = requires(T& value) { T::fields(value, NullVisit{}); };

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
concept Vector = is_vector<T> && !std::is_same_v<T, Bytes>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
concept Optional = is_optional<T>;

template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
template <class T>
concept Variant = is_variant<T>;

template <class T>
concept TextMap = std::is_same_v<T, std::map<std::string, std::string>>;

// An enumeration with words in enum_names.h; IpProtocol has words of its own in base/.
template <class T>
concept NamedEnum = std::is_enum_v<T> && !std::is_same_v<T, IpProtocol>;

template <class T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// The number inside a type that is written as a plain number.
inline std::uint16_t& number_of(Port& port) {
  return port.number;
}
inline std::uint32_t& number_of(IfIndex& index) {
  return index.value;
}
inline std::uint32_t& number_of(NsId& ns) {
  return ns.value;
}
template <class T>
concept WrappedNumber =
    std::is_same_v<T, Port> || std::is_same_v<T, IfIndex> || std::is_same_v<T, NsId>;

// Types whose text form is their own to_string and parse.
template <class T>
concept TextValue =
    std::is_same_v<T, IpAddress> || std::is_same_v<T, Prefix> || std::is_same_v<T, MacAddress>;

// A Term is written as the variant inside it.
template <class T>
concept Transparent = std::is_same_v<T, Term>;

// What a new T holds: fields with that value are left out.
template <class T>
const T& default_of() {
  static const T value{};
  return value;
}

}  // namespace bulkhead::model::shape
