// Which rules of a long chain a packet can match at all.
//
// Most rules of a long chain ask, before they do anything, whether a field has one certain value
// (an address, a port, an interface). Those are filed under that value. For a packet with another
// value such a rule breaks off and leaves no trace: what it asks before is a fast comparison too,
// whose fields the packet has, so that none of it can be in doubt. Passing it over is therefore the
// same as asking it. All other rules are asked in any case, and all in their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "trace/end_reads.h"
#include "trace/filter_fields.h"

namespace bulkhead::trace::filtering {

struct Program;
struct ChainCode;

class ChainIndex {
 public:
  // Chains shorter than this are walked through sooner than looked up.
  static constexpr std::uint32_t kShortest = 16;

  // O(rules). The chain must be complete in the program.
  [[nodiscard]] static ChainIndex build(const Program& program, const ChainCode& chain);

  // Enough of its rules are filed for it to spare work.
  [[nodiscard]] bool is_useful() const { return useful_; }
  // The packet has every field that is asked for up to where rules are filed; else each rule must
  // be asked.
  [[nodiscard]] bool covers(const FieldTable& fields) const {
    return (fields.known & needed_) == needed_;
  }
  // The first rule at or behind `at` that the packet may match; the chain's end when there is none.
  [[nodiscard]] std::uint32_t next(std::uint32_t at, const FieldTable& fields,
                                   const Names& names) const;

  // ---- what next() asks of a packet (EndReads)
  [[nodiscard]] std::size_t parts() const { return drawers_.size(); }
  [[nodiscard]] std::optional<Field> field_of(std::size_t part) const;  // none: an interface name
  [[nodiscard]] bool is_input_name(std::size_t part) const;
  // Which rules up to `last` are filed under a value of this part; the same pointer: the same
  // rules, none when null.
  [[nodiscard]] const void* file_of(std::size_t part, std::uint64_t value,
                                    std::uint32_t last) const;
  // Whether each rule up to `last` that is filed under the packet's value of this part lets it by
  // at a plain comparison, before it has done anything. Appends what they asked of the source until
  // then. False also where that is not known: the port of the source is asked for, and the like.
  [[nodiscard]] bool lets_by(std::size_t part, std::uint32_t last, const EndReads::Sight& packet,
                             std::vector<EndReads::Test>& out) const;
  // Appends a test for each value under which this part has a rule up to `last`. False: then there
  // would be more than `most`.
  [[nodiscard]] bool tests(std::size_t part, std::uint32_t last, std::size_t most,
                           std::vector<EndReads::Test>& out) const;

 private:
  struct Value {
    std::uint64_t high = 0, low = 0;
    friend bool operator==(const Value&, const Value&) = default;
  };
  struct ValueHash {
    std::size_t operator()(const Value& v) const noexcept;
  };
  struct Part {  // of a packet, by which rules are filed
    enum class What : std::uint8_t { kField, kInName, kOutName } what = What::kField;
    Field field = Field::kCount;
    std::uint64_t mask = 0, mask_low = 0;
    [[nodiscard]] Value of(const FieldTable& fields, const Names& names) const;
    friend bool operator==(const Part&, const Part&) = default;
  };
  struct File {                        // rules of one value
    std::vector<std::uint32_t> rules;  // ascending
    std::uint32_t expected = 0;        // that could be here
  };
  struct Drawer {  // rules by the value of one part
    Part part;
    std::unordered_map<Value, File, ValueHash> rules;
  };
  struct Place {  // where a rule may be filed
    Part part;
    Value value;
    std::uint32_t needed = 0;  // fields that are read up to there
  };
  static constexpr std::size_t kMostDrawers = 6;

  [[nodiscard]] static std::vector<Place> places(const Program& program, std::uint32_t rule);
  void choose_drawers(std::span<const std::vector<Place>> rules);
  void file(std::uint32_t rule, std::span<const Place> places);
  [[nodiscard]] std::size_t drawer_of(const Part& part) const;  // past the last: there is none

  std::vector<Drawer> drawers_;
  std::vector<std::uint32_t> always_;  // ascending
  std::uint32_t end_ = 0, needed_ = 0;
  bool useful_ = false;
};

}  // namespace bulkhead::trace::filtering
