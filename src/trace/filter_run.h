// One packet at one filter point: the state of an evaluation. Lives on the stack of Filter::run.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "trace/filter.h"
#include "trace/filter_edited.h"
#include "trace/filter_image.h"
#include "trace/filter_program.h"
#include "trace/filter_value.h"

namespace bulkhead::trace::filtering {

// How a statement, or a whole chain, went on.
enum class Flow : std::uint8_t {
  kContinue,  // next statement
  kBreak,     // next rule (NFT_BREAK, a match that fails)
  kAccept,
  kDrop,
  kReject,
  kReturn,
  kJump,
  kGoto,
  kUnknown,
};

class Run {
 public:
  // `edits`: null, or of that program.
  Run(const Program& program, const Edited* edits, FilterPoint point, Context& context);

  // Runs a base chain to its end. kReject and kUnknown leave details in the members below.
  [[nodiscard]] Flow base_chain(std::uint32_t chain);

  // ---- results
  RuleRef decided_by;
  std::optional<RejectAnswer> reject;
  std::string unknown;
  std::optional<NatRequest>* nat =
      nullptr;  // where a NAT statement puts its wish; null outside run_nat

  // ---- what statements need (filter_statement.cpp, filter_xt_*.cpp)
  [[nodiscard]] Flow execute(const Op& op);
  [[nodiscard]] Flow execute_general(const OpDetail& op);
  // False: no value for this packet. Never fails otherwise: what is not known is in Value::doubt.
  [[nodiscard]] bool evaluate(std::uint32_t term, Value& out);
  [[nodiscard]] Flow xt_match(const OpDetail& op, const model::XtMatch& match);
  [[nodiscard]] Flow xt_target(const OpDetail& op, const model::XtTarget& target);
  [[nodiscard]] Flow xt_header(const model::XtHeader& header) const;

  // One of both outcomes, for what a snapshot cannot tell. Without Choices: unknown.
  [[nodiscard]] bool pick(std::string_view why);
  [[nodiscard]] Flow give_up(std::string_view why);
  [[nodiscard]] static Flow matched(bool yes) { return yes ? Flow::kContinue : Flow::kBreak; }

  [[nodiscard]] bool is_ip_point() const { return point <= FilterPoint::kIpPostrouting; }
  [[nodiscard]] bool is_arp_point() const {
    return point >= FilterPoint::kArpInput && point <= FilterPoint::kArpForward;
  }
  [[nodiscard]] bool has_mac_header() const;
  [[nodiscard]] bool knows_transport() const { return packet.is_ip() && !is_arp_point(); }
  [[nodiscard]] std::uint8_t protocol_family() const;  // NFPROTO_* as nft_pf() gives it
  [[nodiscard]] ConnTrack* entry() const {
    return context.ct == nullptr ? nullptr : context.ct->entry;
  }
  [[nodiscard]] bool untracked() const { return context.ct != nullptr && context.ct->untracked; }
  [[nodiscard]] std::uint32_t ct_state_bit() const;  // NF_CT_STATE_*
  [[nodiscard]] std::uint16_t xt_state() const;
  [[nodiscard]] static std::uint16_t ct_status(const ConnTrack& entry);
  void refresh();  // after the packet or its conntrack view changed
  [[nodiscard]] Image& image();
  void forget_image() { image_.reset(); }
  // ---- filter_reads.cpp: notes what is asked of an end of the connection (Context::reads)
  void reads(const Op& op, EndReads& record) const;
  void reads_term(std::uint32_t term, EndReads& record) const;
  // The value for which a set is to be searched, and what was found.
  [[nodiscard]] bool evaluate_key(std::uint32_t term, Value& out);
  void reads_search(std::uint32_t term, const SetCode& set, const Value& key,
                    const ElementCode* found) const;
  void note_key_part(std::size_t part, std::size_t at) {
    if (is_key_ && part < key_at_.size()) key_at_[part] = static_cast<std::uint8_t>(at);
  }
  // The MAC address that the packet comes from says nothing of the end that is followed.
  [[nodiscard]] bool tells_sender_alone(const EndReads& record) const;
  void reads_index(const ChainIndex& index, std::uint32_t last, EndReads& record) const;
  // Calls note(record) for those that are wanted.
  template <class Note>
  void each_record(Note note) const {
    if (context.reads != nullptr) note(*context.reads);
    if (context.to_reads != nullptr) note(*context.to_reads);
  }
  [[nodiscard]] RuleRef here() const;
  void note();  // adds the rule at hand to the explanation

  const Program& program;
  const FilterPoint point;
  Context& context;
  Packet& packet;
  FieldTable fields;

 private:
  [[nodiscard]] Flow rules(std::uint32_t chain);
  [[nodiscard]] Flow rule(const RuleCode& code);
  [[nodiscard]] bool is_passed_over(std::uint32_t rule);
  [[nodiscard]] bool jump(std::uint32_t target, std::uint32_t return_to);
  [[nodiscard]] bool follows(const EndReads& record, Field field) const;
  [[nodiscard]] bool is_part_of_end(const EndReads& record, const TermCode& part) const;
  [[nodiscard]] std::span<const TermCode> parts_of_key(std::uint32_t term) const;
  [[nodiscard]] Flow general(const Op& op) { return execute_general(program.details[op.detail]); }
  [[nodiscard]] Flow address_op(const Op& op);

  const Edited* const edits_;
  struct Frame {
    std::uint32_t chain, next_rule;
  };
  static constexpr std::size_t kDeepest = 128;
  static constexpr std::uint32_t kMostRules = 4'000'000;

  std::array<Frame, kDeepest> stack_;  // not cleared: a packet seldom jumps deep
  std::size_t depth_ = 0;
  std::uint32_t chain_ = 0, rule_ = 0;
  std::uint32_t budget_ = kMostRules;
  std::int32_t target_ = -1;  // of a jump or goto
  bool in_doubt_ = false;     // pick() had nobody to ask
  bool is_key_ = false;       // what is evaluated is noted as such (reads_search)
  std::array<std::uint8_t, Value::kMost / 4> key_at_{};  // where its parts begin
  Names names_{};
  std::optional<Image> image_;

  friend Flow decide(Run& run, const VerdictCode& verdict, std::string_view why);
};

// Turns a verdict into a step: jumps are carried out by Run.
[[nodiscard]] Flow decide(Run& run, const VerdictCode& verdict, std::string_view why);

}  // namespace bulkhead::trace::filtering
