// The compiled form of a Ruleset: what Filter::run walks. Names are resolved to indexes once;
// common comparisons become a few machine instructions; everything else keeps a pointer into the
// Ruleset and is evaluated from there. Immutable after build.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/ruleset.h"
#include "trace/filter.h"
#include "trace/filter_fields.h"
#include "trace/filter_index.h"
#include "trace/filter_ipset.h"
#include "trace/filter_set.h"

namespace bulkhead::trace::filtering {

inline constexpr std::uint32_t kNone = 0xffffffff;

struct TermCode {
  const model::Term* term = nullptr;
  std::uint32_t first_child = kNone;  // children lie one after the other
  std::uint32_t children = 0;
  std::uint32_t set = kNone;    // map: index, or kNone when the table has no such set
  std::uint32_t text = kNone;   // why its value is not known
  Field field = Field::kCount;  // when one: its value, `field_width` first bytes
  std::uint8_t field_width = 0, field_bytes = 0;
};

enum class OpKind : std::uint8_t { kField, kAddress6, kName, kStatement };

// What the general evaluation of a statement needs.
struct OpDetail {
  const model::Statement* statement = nullptr;
  std::array<std::uint32_t, 4> terms = {kNone, kNone, kNone, kNone};
  std::uint32_t set = kNone;  // nft set
  std::uint32_t ipset = kNone;
  std::uint32_t text = kNone;  // why, for a choice or an unknown outcome
  VerdictCode verdict;
};

// The hot part: small, because a packet passes hundreds of them.
struct Op {
  OpKind kind = OpKind::kStatement;
  Field field = Field::kCount;
  bool inverted = false;
  bool second = false;           // kAddress6: destination; kName: outgoing
  std::uint32_t detail = kNone;  // index: the statement, also of a fast form that does not apply
  std::uint32_t wide = 0;        // kAddress6, kName: index of the constant
  std::uint64_t mask = 0, first = 0, span = 0;  // kField
  [[nodiscard]] bool holds(std::uint64_t x) const { return (x & mask) - first <= span; }
};

// Sixteen bytes, an IPv6 address or an interface name, as two numbers in network order.
struct Wide {
  std::uint64_t mask = 0, mask_low = 0, value = 0, value_low = 0;
  [[nodiscard]] bool holds(std::uint64_t high, std::uint64_t low) const {
    return (high & mask) == value && (low & mask_low) == value_low;
  }
};

struct RuleCode {
  std::uint32_t first = 0, end = 0;  // ops
  const model::Rule* rule = nullptr;
};

struct ChainCode {
  std::uint32_t first = 0, end = 0;  // rules
  const model::Chain* chain = nullptr;
  const model::Table* table = nullptr;
  std::uint32_t index = kNone;  // of a long chain: in Program::indexes
};

struct HookCode {  // one base chain at one filter point
  std::int32_t priority = 0;
  std::uint32_t chain = 0;
  bool legacy = false;
  bool reroutes = false;                              // route chain, legacy mangle OUTPUT
  bool added = false;                                 // of Edited::more
  const std::vector<std::string>* devices = nullptr;  // null: any
};

inline constexpr std::size_t kPoints = static_cast<std::size_t>(FilterPoint::kInetIngress) + 1;

struct Hooks {
  std::vector<HookCode> filter, nat;
};

struct Program {
  Program(const model::Ruleset& rules_in, bool little_endian_host, bool fast_compares);

  const model::Ruleset* ruleset;
  bool little_endian;
  bool fast;  // tests switch the fast forms off, to compare the two
  std::vector<ChainCode> chains;
  std::vector<ChainIndex> indexes;
  std::vector<RuleCode> rules;
  std::vector<Op> ops;
  std::vector<TermCode> terms;
  std::vector<SetCode> sets;
  std::vector<IpSetCode> ipsets;
  std::vector<OpDetail> details;
  std::vector<Wide> wides;
  std::deque<std::string> texts;  // stable addresses: Choices and Value::why point here
  std::array<std::array<Hooks, 2>, kPoints> hooks;  // by point; [1] is IPv6 at the ip points
  std::array<bool, 2> tracks{}, nat{};

  [[nodiscard]] std::string_view text(std::uint32_t index) const {
    return index < texts.size() ? std::string_view(texts[index]) : std::string_view("a rule");
  }
};

}  // namespace bulkhead::trace::filtering
