// What every part of the compiler of one namespace's rules needs, and the words of that trade.
// Inside reach/chain only; the public face is chain.h.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "model/ruleset.h"
#include "reach/chain/hook_point.h"
#include "reach/chain/links.h"
#include "reach/chain/solve.h"
#include "reach/chain/surroundings.h"

namespace bulkhead::reach::chains {

// A set of a table, and whether rules add to it or delete from it: then what a snapshot shows may
// have moved on.
struct SetInfo {
  const model::SetDef* definition = nullptr;
  bool filled_by_rules = false;
};

struct TableIndex {
  const model::Table* table = nullptr;
  std::unordered_map<std::string, std::uint32_t> chains;  // Index::chains
  std::unordered_map<std::string, SetInfo> sets;
};

struct ChainEntry {
  const model::Chain* chain = nullptr;
  const TableIndex* table = nullptr;
};

// Names to places.
struct Index {
  explicit Index(const model::Ruleset& rules);
  const model::Ruleset* rules;
  std::vector<std::unique_ptr<TableIndex>> tables;
  std::vector<ChainEntry> chains;
};

// What a term yields: in every packet of `where` one of the alternatives (several: it is not known
// which); elsewhere no value, or that of another case. Cases do not overlap.
struct Value {
  Bits bits;
  ReasonId why{};  // some bits are not known
};
struct Case {
  Cube where;
  std::vector<Value> alternatives;
};
using Cases = std::vector<Case>;

struct Context {
  Context(const Fields& fields_in, const packet::PacketSpace& space_in, Effects& effects_in,
          const Links& links_in, const Surroundings* around_in, const model::Ruleset& rules,
          bool little_endian_host, FrameKind frames_in)
      : fields(fields_in),
        space(space_in),
        effects(effects_in),
        links(links_in),
        around(around_in),
        little_endian(little_endian_host),
        frames(frames_in),
        index(rules),
        sources(fields_in),
        solver(space_in, sources, effects_in),
        too_short(effects_in.reason("a comparison longer than its value")) {}

  const Fields& fields;
  const packet::PacketSpace& space;
  Effects& effects;
  const Links& links;
  const Surroundings* around;  // null: what rules ask of routes is not known
  bool little_endian;
  FrameKind frames;
  Index index;
  Sources sources;
  Solver solver;
  HookPoint point = HookPoint::kIpForward;
  bool in_nat = false;  // the chains of the NAT core
  // Sources that are made once: by what they are and the field.
  std::map<std::pair<unsigned, unsigned>, std::uint16_t> tables;
  // Most rules ask for the same few terms: their values, by term, image and hook.
  using TermKey = std::tuple<HookPoint, ImageId, unsigned, std::uint32_t, std::uint32_t, unsigned>;
  std::map<TermKey, std::vector<Case>> values;
  ReasonId too_short;  // a comparison longer than its value
  // A rule that was compiled asks for addresses or ports of a tracked connection.
  bool asked_tuples = false;

  [[nodiscard]] bool arp() const {
    return frames == FrameKind::kArp || frames == FrameKind::kTaggedArp;
  }
  [[nodiscard]] bool tagged() const { return frames > FrameKind::kArp; }
  [[nodiscard]] std::size_t link_bytes() const { return tagged() ? 18 : 14; }
  [[nodiscard]] bool v4() const { return fields.family() == IpFamily::kV4; }
  [[nodiscard]] bool is_ip_point() const { return point <= HookPoint::kIpPostrouting; }
};

// A rule's surroundings: the chain's table, the packet as rules before it have left it, and what
// the rule's matches so far leave of the packets: what no longer can be need not be told apart.
struct Here {
  Context& context;
  const TableIndex& table;
  const Image& image;
  ImageId image_id;
  const packet::Product& given;

  [[nodiscard]] Bits bits(Quantity quantity) const { return image.of(context.fields, quantity); }
  // The packets whose quantity is one of the values, for quantities of at most 64 bits.
  [[nodiscard]] Result<Condition> in(Quantity quantity, const packet::IntervalSet& values) const;
  [[nodiscard]] Result<Condition> is(Quantity quantity, std::uint64_t value) const {
    return in(quantity, packet::IntervalSet::single(value));
  }
  // As `in`, for quantities that lie in one field.
  [[nodiscard]] Cube where(Quantity quantity, const packet::IntervalSet& values) const;
  [[nodiscard]] Result<Condition> within(Quantity quantity, const IpAddress& first,
                                         const IpAddress& last) const;
  [[nodiscard]] ReasonId reason(std::string_view text) const {
    return context.effects.reason(text);
  }
  [[nodiscard]] Cube has_entry() const;  // of connection tracking
  [[nodiscard]] const SetInfo* set(const std::string& name) const;
};

[[nodiscard]] Result<Cases> evaluate(const Here& here, const model::Term& term);
[[nodiscard]] Result<Cases> evaluate_payload(const Here& here, const model::PayloadTerm& term);
[[nodiscard]] Result<Cases> evaluate_fib(const Here& here, const model::FibTerm& term);
[[nodiscard]] Result<Cases> evaluate_meta(const Here& here, const model::MetaTerm& term);
[[nodiscard]] Result<Cases> evaluate_ct(const Here& here, const model::CtTerm& term);
[[nodiscard]] Value unknown_value(std::size_t bytes, ReasonId why);
[[nodiscard]] Value host_value(const Here& here, Bits number, std::size_t bytes = 4);
[[nodiscard]] Value number_value(Bits number, std::size_t bytes);  // network order
[[nodiscard]] Cases one_case(Value value, Cube where = {});
[[nodiscard]] bool doubt_within(const Value& value, std::size_t bytes);
// The packets that have a link-layer header.
[[nodiscard]] Cube has_mac_header(const Here& here);

// A lookup in an nf_tables set: the elements in the order in which they count.
struct Hit {
  Cube where;
  const model::SetElement* element = nullptr;
};
struct Hits {
  bool doubt = false;  // the key has bits that are not known, or the set's form is broken
  ReasonId why{};      // of the doubt; none: what the key or the set's name says
  std::vector<Hit> hits;
  const model::SetElement* otherwise = nullptr;  // the catch-all element
};
[[nodiscard]] Result<Hits> look_up(const Here& here, const model::SetDef& set, const Value& key);

// Matches.
[[nodiscard]] Result<Condition> holds(const Here& here, const model::Compare& s);
[[nodiscard]] Result<Condition> holds(const Here& here, const model::InRange& s);
[[nodiscard]] Result<Condition> holds(const Here& here, const model::InSet& s);
[[nodiscard]] Result<Condition> holds(const Here& here, const model::XtHeader& s);
[[nodiscard]] Result<Condition> holds(const Here& here, const model::XtMatch& s);
[[nodiscard]] Result<Condition> set_holds(const Here& here, const model::XtMatch& match,
                                          const model::xt::Set& s);
[[nodiscard]] Result<Condition> addrtype_holds(const Here& here, const model::xt::Addrtype& s);
[[nodiscard]] Result<Condition> rpfilter_holds(const Here& here, const model::xt::Rpfilter& s);

}  // namespace bulkhead::reach::chains
