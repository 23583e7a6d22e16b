// YAML that is written, as a tree: what yaml::parse() reads back of it is the same tree, whatever
// the texts in it hold. Block style, two blanks a level.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::yaml {

class Tree {
 public:
  using Entries = std::vector<std::pair<std::string, Tree>>;

  [[nodiscard]] static Tree text(std::string_view value);  // text, also where it reads "true"
  [[nodiscard]] static Tree number(std::uint64_t value);
  [[nodiscard]] static Tree truth(bool value);
  [[nodiscard]] static Tree null();
  [[nodiscard]] static Tree list(std::vector<Tree> items);
  [[nodiscard]] static Tree map(Entries entries);

  // Of an application, with its mark: "!override". Ours alone: it is written as it is.
  [[nodiscard]] Tree tagged(std::string_view tag) &&;
  // Of a map: one more entry, the last.
  void add(std::string_view key, Tree value);

  // One document, a line break at its end; the root is a map or a list. Linear; as deep as the
  // tree.
  [[nodiscard]] std::string emit() const;

 private:
  enum class Kind : std::uint8_t { kScalar, kList, kMap };
  void emit_into(std::string& out, std::size_t indent) const;
  [[nodiscard]] bool is_short() const;  // stands behind its key, on the same line
  [[nodiscard]] std::string head() const;

  Kind kind_ = Kind::kScalar;
  std::string scalar_, tag_;  // the scalar as it is written
  std::vector<Tree> items_;
  Entries entries_;
};

}  // namespace bulkhead::yaml
