// Reads in one pass into the model: the field lists say which keys an object may have.
//
// What a type alone cannot say is checked where it is read (`flaw`), so that whoever walks the
// model may rely on it: terms have the operands they need, lengths are the kernel's, namespaces
// exist.
#include "base/text.h"
#include "model/enum_names.h"
#include "model/json.h"
#include "model/json_cursor.h"
#include "model/json_shape.h"

namespace bulkhead::model {
namespace {

using Flaw = const char*;  // what is wrong with a value that was read; null: nothing

Flaw operand_flaw(const Terms& terms, std::size_t count) {
  if (terms.size() == count) return nullptr;
  return count == 1 ? "one operand is needed" : "two operands are needed";
}

template <class T>
Flaw flaw(const T&) {
  return nullptr;
}
Flaw flaw(const BitwiseTerm& t) {
  return operand_flaw(t.operand, 1);
}
Flaw flaw(const BooleanTerm& t) {
  return operand_flaw(t.operands, 2);
}
Flaw flaw(const MapTerm& t) {
  return operand_flaw(t.key, 1);
}
Flaw flaw(const ShiftTerm& t) {  // nft_bitwise.c: at most 31
  return t.count > 31 ? "a shift of more than 31" : operand_flaw(t.operand, 1);
}
Flaw flaw(const ByteOrderTerm& t) {  // nft_byteorder.c
  if (t.size != 2 && t.size != 4 && t.size != 8) return "size is 2, 4 or 8";
  return t.length > 255 ? "length is at most 255" : operand_flaw(t.operand, 1);
}
Flaw flaw(const PayloadTerm& t) {  // nft_payload.c: both are one byte wide, or 0xffff for offsets
  if (t.length > 255) return "length is at most 255";
  return t.offset > 0xffff ? "offset is at most 65535" : nullptr;
}
Flaw flaw(const ExthdrTerm& t) {
  if (t.length > 255) return "length is at most 255";
  return t.offset > 0xffff ? "offset is at most 65535" : nullptr;
}
Flaw flaw(const Address& a) {
  return a.prefix_length > a.local.bits() ? "prefix_length is longer than the address" : nullptr;
}
Flaw flaw(const SetElement& e) {
  return e.first.size() != e.last.size() ? "first and last differ in length" : nullptr;
}

class Reader {
 public:
  explicit Reader(JsonCursor& in) : in_(in) {}

  template <class T>
  bool value(T& out) {
    if constexpr (std::is_same_v<T, bool>)
      return in_.read_bool(out);
    else if constexpr (shape::Integer<T>)
      return in_.read_number(out);
    else if constexpr (shape::WrappedNumber<T>)
      return in_.read_number(shape::number_of(out));
    else if constexpr (std::is_same_v<T, std::string>)
      return text(out);
    else if constexpr (std::is_same_v<T, Bytes>)
      return parsed(out, from_hex);
    else if constexpr (std::is_same_v<T, IpProtocol>)
      return parsed(out, parse_protocol);
    else if constexpr (shape::TextValue<T>)
      return parsed(out, T::parse);
    else if constexpr (shape::NamedEnum<T>)
      return word(out);
    else if constexpr (shape::Optional<T>)
      return in_.take_null() || value(out.emplace());
    else if constexpr (shape::TextMap<T>)
      return map(out);
    else if constexpr (shape::Vector<T>)
      return list(out);
    else if constexpr (shape::Variant<T>)
      return variant(out);
    else if constexpr (shape::Transparent<T>)
      return variant(out.node);
    else if constexpr (shape::Struct<T>)
      return object(out);
    else
      static_assert(!sizeof(T), "no JSON form for this type");
  }

 private:
  // A string, or {"hex":"…"} for text that is not UTF-8.
  bool text(std::string& out) {
    if (in_.peek() != '{') return in_.read_text(out);
    JsonCursor::Scope scope;
    std::string_view key;
    if (!in_.open_object(scope) || !in_.next_member(scope, key))
      return in_.wrong("hex is expected");
    if (key != "hex") return in_.wrong("text is a string or {\"hex\":…}");
    Bytes bytes;
    if (!parsed(bytes, from_hex)) return in_.at("hex");
    out.assign(bytes.begin(), bytes.end());
    if (in_.next_member(scope, key)) return in_.wrong("one member, hex, is expected");
    return !in_.failed();
  }

  template <class T, class Parse>
  bool parsed(T& out, Parse parse) {
    if (!in_.read_text(scratch_)) return false;
    auto result = parse(std::string_view(scratch_));
    if (!result) return in_.wrong(std::move(result.error().message));
    out = *std::move(result);
    return true;
  }

  template <class E>
  bool word(E& out) {
    if (!in_.read_text(scratch_)) return false;
    const auto known = names::value<E>(scratch_);
    if (!known) return unknown_word(names::table<E>);
    out = *known;
    return true;
  }

  template <class Table>
  bool unknown_word(const Table& table) {
    std::string message = "'" + escape_text(scratch_, 40) + "' is none of";
    for (const auto& entry : table) message.append(" ").append(entry.second);
    return in_.wrong(std::move(message));
  }

  bool map(std::map<std::string, std::string>& out) {
    if (in_.peek() == '[') return pairs(out);
    JsonCursor::Scope scope;
    std::string_view key;
    if (!in_.open_object(scope)) return false;
    while (in_.next_member(scope, key)) {
      std::string name(key);
      if (!entry(out, name)) return in_.at(name);
    }
    return !in_.failed();
  }

  bool entry(std::map<std::string, std::string>& out, const std::string& name) {
    if (!in_.charge(sizeof(std::pair<std::string, std::string>) + 32)) return false;
    const auto [place, fresh] = out.try_emplace(name);
    return fresh ? text(place->second) : in_.wrong("this key is there twice");
  }

  bool pairs(std::map<std::string, std::string>& out) {
    JsonCursor::Scope scope;
    if (!in_.open_array(scope)) return false;
    for (std::size_t i = 0; in_.next_element(scope); ++i) {
      JsonCursor::Scope pair;
      std::string name;
      if (!in_.open_array(pair) || !in_.next_element(pair) || !text(name) ||
          !in_.next_element(pair) || !entry(out, name) || in_.next_element(pair) || in_.failed()) {
        in_.wrong("a pair [key, value] is expected");
        return in_.at(i);
      }
    }
    return !in_.failed();
  }

  template <class T>
  bool list(std::vector<T>& out) {
    JsonCursor::Scope scope;
    if (!in_.open_array(scope)) return false;
    while (in_.next_element(scope)) {
      if (!element(out)) return in_.at(out.size() - 1);
    }
    return !in_.failed();
  }

  template <class T>
  bool element(std::vector<T>& out) {
    if constexpr (std::is_same_v<T, bool>) {
      out.push_back(false);
      bool bit = false;
      if (!in_.read_bool(bit)) return false;
      out.back() = bit;
      return true;
    } else {
      T& fresh = out.emplace_back();
      return in_.charge(sizeof(T)) && value(fresh);
    }
  }

  template <class... T>
  bool variant(std::variant<T...>& out) {
    JsonCursor::Scope scope;
    std::string_view key;
    if (!in_.open_object(scope)) return false;
    if (!in_.next_member(scope, key)) return in_.wrong("one member, the kind, is expected");
    bool known = false, good = false;
    (void)((key == T::kKind ? (known = true, good = alternative(out.template emplace<T>()))
                            : false) ||
           ...);
    if (!known && !in_.failed())
      return in_.wrong("'" + escape_text(key, 40) + "' is not a kind that can stand here");
    if (!good) return false;
    if (in_.next_member(scope, key)) return in_.wrong("a second kind; one is expected");
    return !in_.failed();
  }

  template <class T>
  bool alternative(T& out) {
    return object(out) || in_.at(T::kKind);
  }

  template <class T>
  bool object(T& out) {
    JsonCursor::Scope scope;
    std::string_view key;
    std::uint64_t seen = 0;  // bit i: field i was read
    if (!in_.open_object(scope)) return false;
    while (in_.next_member(scope, key)) {
      if (!member(out, key, seen)) return false;
    }
    if (in_.failed()) return false;
    const Flaw found = flaw(out);
    return found == nullptr || in_.wrong(found);
  }

  template <class T>
  bool member(T& out, std::string_view key, std::uint64_t& seen) {
    bool known = false, good = false;
    std::uint64_t bit = 1;
    T::fields(out, [&](std::string_view name, auto& field) {
      if (!known && name == key) {
        known = true;
        good = first_time(seen, bit) && value(field);
        if (!good) in_.at(name);
      }
      bit <<= 1;
    });
    if (known) return good;
    return in_.wrong("the key '" + escape_text(key, 64) + "' is not known here");
  }

  bool first_time(std::uint64_t& seen, std::uint64_t bit) {
    if ((seen & bit) != 0) return in_.wrong("this key is there twice");
    seen |= bit;
    return true;
  }

  JsonCursor& in_;
  std::string scratch_;
};

// ------------------------------------------------------------------------------ the whole file

struct Origin {
  std::uint32_t version = 0;
  std::string tool;
};

// Looks at "version" and "tool_version" alone: a newer file may hold anything else.
Result<Origin> find_origin(std::string_view json, const ReadLimits& limits) {
  JsonCursor in(json, limits.depth, 0);
  JsonCursor::Scope scope;
  std::string_view key;
  Origin origin;
  bool versioned = false;
  if (!in.open_object(scope)) return within("snapshot", in.error());
  while (!versioned && in.next_member(scope, key)) {  // it comes first in what we write
    versioned = key == "version";
    const bool good = versioned ? in.read_number(origin.version) : in.skip_value();
    if (!good && versioned) in.at("version");
  }
  if (in.failed()) return within("snapshot", in.error());
  if (!versioned) return fail(ErrorCode::kInvalidInput, "snapshot: $.version is missing");
  if (origin.version <= kSnapshotVersion) return origin;
  while (in.next_member(scope, key)) {
    const bool tool = key == "tool_version";
    if (!(tool ? in.read_text(origin.tool) : in.skip_value())) break;
  }
  return origin;
}

Error too_new(const Origin& origin) {
  const std::string writer =
      origin.tool.empty() ? "a newer Bulkhead" : "Bulkhead " + escape_text(origin.tool, 40);
  return {ErrorCode::kUnsupported, "snapshot: $.version is " + std::to_string(origin.version) +
                                       ", written by " + writer + "; this Bulkhead reads up to " +
                                       std::to_string(kSnapshotVersion)};
}

// Namespaces are named by position, so they can only be checked at the end.
Status check_namespaces(const Snapshot& s) {
  const auto check = [&s](NsId ns, const std::string& path) -> Status {
    if (ns.value < s.namespaces.size()) return {};
    return fail(ErrorCode::kInvalidInput, "snapshot: $." + path + ": there is no namespace " +
                                              std::to_string(ns.value) + " (there are " +
                                              std::to_string(s.namespaces.size()) + ")");
  };
  Status status = check(s.host, "host");
  for (std::size_t n = 0; status && n < s.namespaces.size(); ++n) {
    const auto& links = s.namespaces[n].links;
    for (std::size_t l = 0; status && l < links.size(); ++l) {
      const auto& peer = links[l].peer_ns;
      if (!peer) continue;
      status = check(
          *peer, "namespaces[" + std::to_string(n) + "].links[" + std::to_string(l) + "].peer_ns");
    }
  }
  for (std::size_t e = 0; status && e < s.engines.size(); ++e) {
    const auto& containers = s.engines[e].containers;
    for (std::size_t c = 0; status && c < containers.size(); ++c) {
      const auto& netns = containers[c].netns;
      if (!netns) continue;
      status = check(
          *netns, "engines[" + std::to_string(e) + "].containers[" + std::to_string(c) + "].netns");
    }
  }
  for (std::size_t o = 0; status && o < s.observations.size(); ++o) {
    status = check(s.observations[o].from, "observations[" + std::to_string(o) + "].from");
  }
  return status;
}

Result<Snapshot> read_current(std::string_view json, const ReadLimits& limits) {
  JsonCursor in(json, limits.depth, limits.memory_bytes);
  Snapshot snapshot;
  if (!Reader(in).value(snapshot) || !in.finish()) return within("snapshot", in.error());
  if (Status status = check_namespaces(snapshot); !status) return std::unexpected(status.error());
  return snapshot;
}

}  // namespace

Result<Snapshot> read_snapshot(std::string_view json, const ReadLimits& limits) {
  if (json.size() > limits.text_bytes) {
    return fail(ErrorCode::kBudget,
                "snapshot: longer than " + std::to_string(limits.text_bytes) + " bytes");
  }
  const auto origin = find_origin(json, limits);
  if (!origin) return std::unexpected(origin.error());
  if (origin->version > kSnapshotVersion) return std::unexpected(too_new(*origin));
  if (origin->version == kSnapshotVersion) return read_current(json, limits);
  const auto migrated = migrate(std::string(json), origin->version);
  if (!migrated) return std::unexpected(migrated.error());
  return read_current(*migrated, limits);
}

}  // namespace bulkhead::model
