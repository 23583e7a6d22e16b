// One statement of a rule that does something, and what the rule does behind it. Inside reach/chain
// only.
#pragma once

#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "reach/chain/compiler.h"

namespace bulkhead::reach::chains {

class Frame;

class Rule {
 public:
  // Goes on; goes on where a condition holds; or this, which includes the rest of the rule.
  using Step = std::variant<std::monostate, Condition, Piece>;

  Rule(Compiler& compiler_in, Here here_in, ImageId image_in,
       std::span<const model::Statement> rest_in)
      : compiler(compiler_in),
        context(compiler_in.context()),
        here(here_in),
        image(image_in),
        rest_(rest_in) {}

  Compiler& compiler;
  Context& context;
  Here here;
  ImageId image;  // what here.image is

  [[nodiscard]] Result<Piece> rest() const;
  [[nodiscard]] Result<Piece> rest_as(const Image& changed) const;
  [[nodiscard]] Result<Piece> unknown(std::string_view why) const;
  [[nodiscard]] Result<Piece> where(const Cube& cube, Result<Piece> piece) const;
  [[nodiscard]] Result<Piece> first_of(std::vector<Piece> pieces) const;
  [[nodiscard]] Result<Piece> either_side(const Cube& cube, Result<Piece> inside,
                                          Result<Piece> outside) const;
  [[nodiscard]] Result<Piece> verdict(const model::Verdict& verdict) const;
  [[nodiscard]] Result<Piece> reject(bool tcp_reset, std::uint8_t icmp_code) const;
  // `value` says why its bits are not known.
  [[nodiscard]] Result<Piece> set_bits(Quantity quantity, const Value& value, Bits bits) const;
  [[nodiscard]] Result<Piece> untrack() const;
  [[nodiscard]] Result<Piece> write(const model::PayloadTerm& target, const Value& value) const;
  [[nodiscard]] Result<Step> nat(const model::Nat& statement) const;
  [[nodiscard]] Result<Step> target(const model::XtTarget& target) const;
  [[nodiscard]] Result<Piece> request(const NatRequest& request) const;

  template <class Function>
  [[nodiscard]] Result<Piece> each_value(const Cases& cases, Function act) const;

 private:
  [[nodiscard]] Result<Piece> written(const Frame& frame, std::size_t from, const Value& value,
                                      std::size_t bits) const;

  std::span<const model::Statement> rest_;
};

}  // namespace bulkhead::reach::chains
