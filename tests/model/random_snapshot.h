// Random values of every type of the model, by the same field lists that the product uses: a new
// field is tried without a change here.
#pragma once

#include <iterator>
#include <limits>
#include <random>

#include "model/enum_names.h"
#include "model/json_shape.h"

namespace bulkhead::model {

class RandomModel {
 public:
  explicit RandomModel(std::uint32_t seed) : random_(seed) {}

  Snapshot snapshot() {
    Snapshot s = make<Snapshot>();
    s.version = kSnapshotVersion;
    if (s.namespaces.empty()) s.namespaces.emplace_back();
    bind(s, s.namespaces.size());
    return s;
  }

  template <class T>
  T make() {
    T value{};
    fill(value);
    return value;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  template <class T>
  void fill(T& v) {
    if constexpr (std::is_same_v<T, bool>)
      v = below(2) == 1;
    else if constexpr (shape::Integer<T>)
      v = integer<T>();
    else if constexpr (shape::WrappedNumber<T>)
      fill(shape::number_of(v));
    else if constexpr (std::is_same_v<T, std::string>)
      v = text();
    else if constexpr (std::is_same_v<T, Bytes>)
      v = bytes(below(6));
    else if constexpr (std::is_same_v<T, IpProtocol>)
      v = static_cast<IpProtocol>(below(256));
    else if constexpr (std::is_same_v<T, IpAddress>)
      v = address();
    else if constexpr (std::is_same_v<T, Prefix>)
      v = Prefix::covering(address(), below(129));
    else if constexpr (std::is_same_v<T, MacAddress>)
      v = *MacAddress::from_octets(bytes(6));
    else if constexpr (shape::NamedEnum<T>)
      v = enumerator<T>();
    else if constexpr (shape::Optional<T>) {
      if (below(2) == 1) fill(v.emplace());
    } else if constexpr (shape::TextMap<T>) {
      for (auto n = below(3); n > 0; --n) v[text()] = text();
    } else if constexpr (shape::Vector<T>)
      list(v);
    else if constexpr (shape::Variant<T>)
      variant(v);
    else if constexpr (shape::Transparent<T>)
      fill(v.node);
    else
      structure(v);
  }

  // Ends and middles of the range.
  template <class T>
  T integer() {
    using Limits = std::numeric_limits<T>;
    switch (below(5)) {
      case 0: return Limits::max();
      case 1: return Limits::min();
      case 2: return static_cast<T>(random_());
      default: return static_cast<T>(below(5));
    }
  }

  std::string text() {
    static const std::string kTexts[] = {"",
                                         "eth0",
                                         "quote\" back\\slash",
                                         "tab\tline\nbell\a",
                                         std::string("zero\0inside", 11),
                                         "\x7f",
                                         "日本語",
                                         "not utf-8 \xff\xfe",
                                         "\xed\xa0\x80",
                                         "</script>",
                                         "\xf0\x9f\x90\xb3",
                                         "{\"hex\":\"00\"}"};
    return kTexts[below(std::size(kTexts))];
  }

  Bytes bytes(std::size_t count) {
    Bytes out(count);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random_());
    return out;
  }

  IpAddress address() { return *IpAddress::from_octets(bytes(below(2) == 0 ? 4 : 16)); }

  template <class E>
  E enumerator() {
    const auto& table = names::table<E>;
    return table[below(static_cast<std::uint32_t>(table.size()))].first;
  }

  template <class T>
  void list(std::vector<T>& v) {
    for (auto n = depth_ > 14 ? 0 : 1 + below(3); n > 0; --n) v.push_back(make<T>());
  }

  template <class... T>
  void variant(std::variant<T...>& v) {
    const std::uint32_t wanted = depth_ > 14 ? 0 : below(sizeof...(T));
    std::uint32_t index = 0;
    ((index++ == wanted ? fill(v.template emplace<T>()) : void()), ...);
  }

  template <class T>
  void structure(T& v) {
    ++depth_;
    T::fields(v, [this](std::string_view, auto& member) {
      if (below(8) != 0) fill(member);  // an eighth keeps its default
    });
    --depth_;
    make_valid(v);
  }

  // What the reader asks of these types beyond their fields.
  template <class T>
  void make_valid(T&) {}
  void operands(Terms& terms, std::size_t count) { terms.resize(count, Term{ConstantTerm{}}); }
  void make_valid(BitwiseTerm& t) { operands(t.operand, 1); }
  void make_valid(BooleanTerm& t) { operands(t.operands, 2); }
  void make_valid(MapTerm& t) { operands(t.key, 1); }
  void make_valid(ShiftTerm& t) {
    operands(t.operand, 1);
    t.count %= 32;
  }
  void make_valid(ByteOrderTerm& t) {
    operands(t.operand, 1);
    t.size = 2U << below(3);
    t.length %= 256;
  }
  void make_valid(PayloadTerm& t) {
    t.length %= 256;
    t.offset %= 65536;
  }
  void make_valid(ExthdrTerm& t) {
    t.length %= 256;
    t.offset %= 65536;
  }
  void make_valid(Address& a) {
    a.prefix_length = static_cast<std::uint8_t>(a.prefix_length % (a.local.bits() + 1));
  }
  void make_valid(SetElement& e) { e.last.resize(e.first.size()); }

  static void bind(Snapshot& s, std::size_t count) {
    const auto one = [count](NsId& ns) { ns.value %= static_cast<std::uint32_t>(count); };
    one(s.host);
    for (auto& ns : s.namespaces) {
      for (auto& link : ns.links)
        if (link.peer_ns) one(*link.peer_ns);
    }
    for (auto& engine : s.engines) {
      for (auto& container : engine.containers)
        if (container.netns) one(*container.netns);
    }
    for (auto& observation : s.observations) one(observation.from);
  }

  std::mt19937 random_;
  unsigned depth_ = 0;
};

}  // namespace bulkhead::model
