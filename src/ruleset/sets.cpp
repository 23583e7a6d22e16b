#include "ruleset/sets.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "ruleset/datatypes.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

// libnftnl's TLV numbers (NFTNL_UDATA_SET_COMMENT, NFTNL_UDATA_SET_ELEM_COMMENT).
constexpr std::uint8_t kSetComment = 7;
constexpr std::uint8_t kElementComment = 0;
constexpr std::uint32_t kVerdictType = 0xffffff00;  // NFT_DATA_VERDICT
constexpr std::uint32_t kMaxLength = NFT_DATA_VALUE_MAXLEN;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kInvalidInput, "nf_tables set: " + std::string(what));
}

constexpr std::uint32_t padded(std::uint32_t length) {
  return (length + 3) / 4 * 4;
}

// The fields of a hash set of concatenated keys, when all types are known and fill the key.
std::vector<std::uint32_t> fields_from_type(std::uint32_t type, std::uint32_t key_length) {
  std::vector<std::uint32_t> fields;
  std::uint32_t sum = 0;
  for (const Datatype field : split_types(type)) {
    const std::uint32_t length = datatype_facts(field).length;
    if (length == 0) return {};
    fields.push_back(length);
    sum += padded(length);
  }
  if (fields.size() < 2 || sum != key_length) return {};
  return fields;
}

// NFTA_SET_DESC_CONCAT: a list of field lengths in bytes.
std::optional<std::vector<std::uint32_t>> described_fields(const Attributes& set) {
  std::vector<std::uint32_t> fields;
  if (!set.has(NFTA_SET_DESC)) return fields;
  const auto description = set.nested(NFTA_SET_DESC);
  if (!description) return std::nullopt;
  const auto concat = description->view(NFTA_SET_DESC_CONCAT);
  if (!concat) return fields;
  const auto list = list_attributes(*concat);
  if (!list) return std::nullopt;
  for (const Attribute& entry : *list) {
    const auto field = Attributes::parse(entry.value);
    const auto length = field ? field->be32(NFTA_SET_FIELD_LEN) : std::nullopt;
    if (!length || *length == 0 || *length > kMaxLength) return std::nullopt;
    fields.push_back(*length);
  }
  return fields;
}

std::optional<Bytes> bounded_value(const Attributes& data) {
  const auto value = data.view(NFTA_DATA_VALUE);
  if (!value || value->empty() || value->size() > kMaxLength) return std::nullopt;
  return Bytes(value->begin(), value->end());
}

Status decode_key(const Attributes& a, std::size_t type, Bytes& out) {
  const auto data = a.nested(type);
  auto value = data ? bounded_value(*data) : std::nullopt;
  if (!value) return bad("an element without a key");
  out = std::move(*value);
  return {};
}

// One expression, or a list of them.
bool has_limit(const Attributes& a, std::size_t single, std::size_t several) {
  const auto one = a.view(single);
  if (one && is_stateful_limit(*one)) return true;
  const auto list = list_attributes(a.view(several).value_or(ByteView()));
  return !list || std::any_of(list->begin(), list->end(),
                              [](const Attribute& e) { return is_stateful_limit(e.value); });
}

// What a counter among the expressions of an element has seen.
std::optional<std::uint64_t> counted(ByteView expression) {
  const auto outer = Attributes::parse(expression);
  const auto name = outer ? outer->string(NFTA_EXPR_NAME) : std::nullopt;
  const auto data = outer ? outer->nested(NFTA_EXPR_DATA) : std::nullopt;
  return name == "counter" && data ? data->be64(NFTA_COUNTER_PACKETS) : std::nullopt;
}

std::optional<std::uint64_t> packets_of(const Attributes& element) {
  if (const auto one = element.view(NFTA_SET_ELEM_EXPR)) return counted(*one);
  const auto list = list_attributes(element.view(NFTA_SET_ELEM_EXPRESSIONS).value_or(ByteView()));
  if (!list) return std::nullopt;
  for (const Attribute& one : *list) {
    if (const auto packets = counted(one.value)) return packets;
  }
  return std::nullopt;
}

Status decode_data(const Attributes& a, SetElement& out) {
  const auto data = a.nested(NFTA_SET_ELEM_DATA);
  if (!data) return bad("malformed element data");
  if (data->has(NFTA_DATA_VERDICT)) {
    const auto inside = data->nested(NFTA_DATA_VERDICT);
    auto verdict = inside ? decode_verdict(*inside) : std::nullopt;
    if (!verdict) return bad("malformed verdict");
    out.verdict = std::move(*verdict);
    return {};
  }
  auto value = bounded_value(*data);
  if (!value) return bad("malformed element data");
  out.data = std::move(*value);
  return {};
}

Result<RawElement> decode_element(ByteView bytes) {
  const auto a = Attributes::parse(bytes);
  if (!a) return bad("malformed element");
  RawElement out;
  const auto flags = a->be32(NFTA_SET_ELEM_FLAGS).value_or(0);
  out.element.catch_all = (flags & NFT_SET_ELEM_CATCHALL) != 0;
  out.interval_end = (flags & NFT_SET_ELEM_INTERVAL_END) != 0;
  if (!out.element.catch_all) {
    if (auto s = decode_key(*a, NFTA_SET_ELEM_KEY, out.element.first); !s) {
      return std::unexpected(s.error());
    }
    out.element.last = out.element.first;
  }
  if (a->has(NFTA_SET_ELEM_KEY_END)) {
    out.has_key_end = true;
    if (auto s = decode_key(*a, NFTA_SET_ELEM_KEY_END, out.element.last); !s) {
      return std::unexpected(s.error());
    }
    if (out.element.last.size() != out.element.first.size())
      return bad("two lengths in one element");
  }
  if (a->has(NFTA_SET_ELEM_DATA)) {
    if (auto s = decode_data(*a, out.element); !s) return std::unexpected(s.error());
  }
  out.may = has_limit(*a, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS);
  out.element.expires_ms = a->be64(NFTA_SET_ELEM_EXPIRATION);
  out.element.packets = packets_of(*a);
  out.element.comment = userdata_comment(a->view(NFTA_SET_ELEM_USERDATA), kElementComment);
  return out;
}

// Big-endian minus one; 0 stays 0.
Bytes before(Bytes value) {
  for (std::size_t i = value.size(); i-- > 0;) {
    if (value[i]-- != 0) return value;
  }
  return Bytes(value.size(), 0);
}

}  // namespace

Result<DecodedSet> decode_set(const Message& message) {
  const auto a = Attributes::parse(message.attributes);
  if (!a) return bad("malformed attributes");
  auto table = a->string(NFTA_SET_TABLE);
  auto name = a->string(NFTA_SET_NAME);
  const auto key_length = a->be32(NFTA_SET_KEY_LEN);
  auto fields = described_fields(*a);
  if (!table || !name || !key_length || !fields) return bad("a set without table, name or key");
  if (*key_length == 0 || *key_length > kMaxLength) return bad("key length out of range");
  DecodedSet out;
  out.family = static_cast<NfFamily>(message.family);
  out.table = std::move(*table);
  SetDef& set = out.set;
  set.name = std::move(*name);
  set.handle = a->be64(NFTA_SET_HANDLE).value_or(0);
  set.flags = a->be32(NFTA_SET_FLAGS).value_or(0);
  set.key_type = a->be32(NFTA_SET_KEY_TYPE).value_or(0);
  set.key_length = *key_length;
  set.data_type = a->be32(NFTA_SET_DATA_TYPE).value_or(0);
  set.data_length = a->be32(NFTA_SET_DATA_LEN).value_or(0);
  if (set.data_length > kMaxLength) return bad("data length out of range");
  set.field_lengths =
      fields->empty() ? fields_from_type(set.key_type, set.key_length) : std::move(*fields);
  set.comment = userdata_comment(a->view(NFTA_SET_USERDATA), kSetComment);
  const bool map = (set.flags & NFT_SET_MAP) != 0;
  out.facts.key_length = set.key_length;
  out.facts.verdicts = map && set.data_type == kVerdictType;
  out.facts.data_length = map && !out.facts.verdicts ? set.data_length : 0;
  out.facts.object_type = a->be32(NFTA_SET_OBJ_TYPE).value_or(0);
  out.facts.may = has_limit(*a, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS);
  return out;
}

Status decode_elements(const Message& message, std::vector<RawElement>& out) {
  const auto a = Attributes::parse(message.attributes);
  if (!a) return bad("malformed element list");
  const auto view = a->view(NFTA_SET_ELEM_LIST_ELEMENTS);
  if (!view) return {};  // an empty set
  const auto list = list_attributes(*view);
  if (!list) return bad("malformed element list");
  for (const Attribute& entry : *list) {
    auto element = decode_element(entry.value);
    if (!element) return std::unexpected(element.error());
    out.push_back(std::move(*element));
  }
  return {};
}

std::vector<SetElement> close_intervals(const SetDef& set, std::vector<RawElement> raw) {
  const bool separate =
      (set.flags & NFT_SET_INTERVAL) != 0 && set.field_lengths.size() < 2 &&
      std::none_of(raw.begin(), raw.end(), [](const RawElement& r) { return r.has_key_end; });
  std::vector<SetElement> out;
  out.reserve(raw.size());
  if (!separate) {
    for (RawElement& r : raw) out.push_back(std::move(r.element));
    return out;
  }
  // Only starts and ends of keys have an order; the catch-all element goes last.
  std::sort(raw.begin(), raw.end(), [](const RawElement& a, const RawElement& b) {
    if (a.element.catch_all != b.element.catch_all) return b.element.catch_all;
    if (a.element.first != b.element.first) return a.element.first < b.element.first;
    return a.interval_end && !b.interval_end;
  });
  bool open = false;
  for (RawElement& r : raw) {
    if (open && !r.element.catch_all) out.back().last = before(r.element.first);
    open = false;
    if (r.interval_end) continue;
    open = !r.element.catch_all;
    if (open) r.element.last = Bytes(r.element.first.size(), 0xff);
    out.push_back(std::move(r.element));
  }
  return out;
}

}  // namespace bulkhead::ruleset
