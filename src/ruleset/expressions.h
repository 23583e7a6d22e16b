// The expressions of one nf_tables rule, in order, as statements.
//
// Loads fill registers with terms; what decides or changes something reads them and becomes a
// statement. What is not understood becomes an OpaqueStatement with its bytes, and from there on
// nothing is assumed about any register. Facts: net/netfilter/nft_*.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/ruleset.h"
#include "ruleset/netlink.h"
#include "ruleset/registers.h"

namespace bulkhead::ruleset {

// What the rules of a table need to know of its sets.
struct SetFacts {
  std::uint32_t key_length = 0;   // bytes
  std::uint32_t data_length = 0;  // bytes; 0: no data, or verdicts
  bool verdicts = false;
  std::uint32_t object_type = 0;  // NFT_OBJECT_*; 0: none
  // Elements keep a limit, quota or connection count that ends the rule when it is used up
  // (nft_lookup.c, nft_set_elem_update_expr).
  bool may = false;
};

// Is this NFTA_LIST_ELEM or NFTA_SET_EXPR an expression whose outcome depends on what came before?
[[nodiscard]] bool is_stateful_limit(ByteView expression);
using SetIndex = std::unordered_map<std::string, SetFacts>;

// NFTA_DATA_VERDICT; nullopt when it is malformed or unknown.
[[nodiscard]] std::optional<model::Verdict> decode_verdict(const Attributes& attributes);

class ExpressionDecoder {
 public:
  ExpressionDecoder(model::NfFamily family, const SetIndex& sets) : family_(family), sets_(sets) {}

  // `list`: the value of NFTA_RULE_EXPRESSIONS.
  [[nodiscard]] std::vector<model::Statement> decode(ByteView list);

 private:
  using Handler = bool (ExpressionDecoder::*)(const Attributes&);
  struct Entry {
    const char* name;
    std::size_t known;  // highest attribute that is understood
    Handler handler;    // false: not understood; it has then added nothing
  };
  static const Entry* find(const std::string& name);

  void decode_one(ByteView expression);
  void add(model::Statement statement) { statements_.push_back(std::move(statement)); }

  // Registers named by attributes. The first is false when the attribute is absent or wrong.
  bool load(const Attributes& a, std::size_t type, std::uint32_t length, model::Term term);
  std::optional<model::Term> source(const Attributes& a, std::size_t type,
                                    std::uint32_t length) const;
  const SetFacts* set_facts(const std::string& name) const;
  std::optional<model::Term> set_key(const Attributes& a, std::size_t type,
                                     const SetFacts& facts) const;

  // loads.cpp
  bool immediate(const Attributes& a);
  bool payload(const Attributes& a);
  bool meta(const Attributes& a);
  bool ct(const Attributes& a);
  bool fib(const Attributes& a);
  bool rt(const Attributes& a);
  bool socket(const Attributes& a);
  bool exthdr(const Attributes& a);
  bool exthdr_write(const Attributes& a, std::uint8_t type);
  bool bitwise(const Attributes& a);
  bool bitwise_mask(const Attributes& a, std::uint32_t length);
  bool bitwise_shift(const Attributes& a, std::uint32_t length, bool left);
  bool bitwise_boolean(const Attributes& a, std::uint32_t length, model::BooleanOp op);
  bool byteorder(const Attributes& a);
  bool numgen(const Attributes& a);
  bool hash(const Attributes& a);
  bool inner(const Attributes& a);
  bool osf(const Attributes& a);
  bool xfrm(const Attributes& a);
  bool tunnel(const Attributes& a);

  // statements.cpp
  bool cmp(const Attributes& a);
  bool range(const Attributes& a);
  bool lookup(const Attributes& a);
  bool dynset(const Attributes& a);
  bool dynset_member(ByteView expression);
  bool nat(const Attributes& a);
  bool nat_addresses(const Attributes& a, model::Nat& nat) const;
  bool masquerade(const Attributes& a);
  bool redirect(const Attributes& a);
  bool nat_ports(const Attributes& a, std::size_t first, std::size_t last, model::Nat& nat) const;
  bool reject(const Attributes& a);
  bool notrack(const Attributes& a);
  bool tproxy(const Attributes& a);
  bool forward(const Attributes& a);
  bool duplicate(const Attributes& a);
  bool queue(const Attributes& a);
  bool match(const Attributes& a);
  bool target(const Attributes& a);

  // states.cpp: what counts, logs or limits
  bool counter(const Attributes& a);
  bool log(const Attributes& a);
  bool last(const Attributes& a);
  bool limit(const Attributes& a);
  bool quota(const Attributes& a);
  bool connlimit(const Attributes& a);
  bool objref(const Attributes& a);
  bool object(std::uint32_t type, const std::string& name);
  bool flow_offload(const Attributes& a);

  model::NfFamily family_;
  const SetIndex& sets_;
  RegisterFile registers_;
  std::vector<model::Statement> statements_;
};

}  // namespace bulkhead::ruleset
