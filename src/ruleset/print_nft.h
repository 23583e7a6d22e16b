// One native rule in nft's syntax.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/ruleset.h"
#include "ruleset/datatypes.h"
#include "ruleset/print_fields.h"
#include "ruleset/print_values.h"

namespace bulkhead::ruleset {

// The elements of a set: "{ 1, 2-3 }". At most `limit` of them are written. Plain integers have the
// order of the term that is looked up.
[[nodiscard]] std::string print_elements(const model::SetDef& set, std::span<const Datatype> types,
                                         std::size_t limit, Order integers = Order::kBig);

// The field of an IPv6 extension header at these bits of the term; nullptr when it has no name.
[[nodiscard]] const Field* exthdr_field(const model::ExthdrTerm& term, std::uint32_t bit,
                                        std::uint32_t bits);

class NftPrinter {
 public:
  explicit NftPrinter(const model::Table& table) : table_(table) {}
  [[nodiscard]] std::string print(const model::Rule& rule);

 private:
  // A term in words, and what its values mean.
  struct Words {
    std::string text;
    std::vector<Datatype> types;  // more than one: a concatenation
    Order order = Order::kBig;
    [[nodiscard]] Datatype type() const {
      return types.empty() ? Datatype::kInteger : types.front();
    }
  };
  // What a comparison in front says of the headers behind it; nft leaves it out when the header is
  // named later.
  enum class Implies { kNothing, kLink, kNetwork, kTransport };
  struct Piece {
    std::string text;
    Implies implies = Implies::kNothing;
  };

  Words words(const model::Term& term, int depth = 0);
  Words payload_words(const model::PayloadTerm& term);
  Words meta_words(const model::MetaTerm& term) const;
  Words ct_words(const model::CtTerm& term) const;
  Words fib_words(const model::FibTerm& term) const;
  Words bitwise_words(const model::BitwiseTerm& term, int depth);
  Words map_words(const model::MapTerm& term, int depth);
  Words exthdr_words(const model::ExthdrTerm& term);
  Header header_of(model::PayloadBase base) const;
  void header_used(Header header);
  void forget(Implies level);

  std::string set_reference(const std::string& name, const Words& key, bool inverted);
  const model::SetDef* find_set(const std::string& name) const;
  std::string constant_or_words(const model::Term& term, Datatype type, Order order);

  void statement(const model::Compare& s);
  void masked_compare(const model::Compare& s, const model::BitwiseTerm& left);
  bool payload_compare(const model::Compare& s);
  void learn(const model::Compare& s);
  void learn_field(const Field& field, ByteView value);
  void statement(const model::InRange& s);
  void statement(const model::InSet& s);
  void statement(const model::VerdictMap& s);
  void statement(const model::Decide& s);
  void statement(const model::SetMeta& s);
  void statement(const model::SetCt& s);
  void statement(const model::SetPayload& s);
  void statement(const model::Nat& s);
  void statement(const model::Reject& s);
  void statement(const model::Notrack& s);
  void statement(const model::Tproxy& s);
  void statement(const model::Forward& s);
  void statement(const model::May& s);
  void statement(const model::UpdateSet& s);
  void statement(const model::Observe& s);
  void statement(const model::XtHeader& s);
  void statement(const model::XtMatch& s);
  void statement(const model::XtTarget& s);
  void statement(const model::OpaqueStatement& s);
  std::string nat_target(const model::Nat& s);
  bool range_with_next(const model::Statement& first, const model::Statement& second);
  void add(std::string text) { pieces_.push_back({std::move(text), Implies::kNothing}); }

  const model::Table& table_;
  std::vector<Piece> pieces_;
  std::optional<std::uint8_t> protocol_;     // of the transport header
  std::optional<std::uint16_t> ether_type_;  // of the network header
};

}  // namespace bulkhead::ruleset
