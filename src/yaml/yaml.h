// A YAML document as a small tree with places, so that every complaint can name line and column.
//
// Narrower than YAML on purpose: one document, no anchors, aliases or tags (they are refused by
// name), duplicate keys are errors. Bounded: 1 MiB of text, 20 levels, 100,000 nodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bulkhead::yaml {

struct Place {  // from 1; 0 when there is none
  std::uint32_t line = 0, column = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

enum class NodeKind : std::uint8_t { kScalar, kList, kMap };

struct Node;
struct Entry;

struct Node {
  NodeKind kind = NodeKind::kScalar;
  Place place;
  std::string scalar;
  bool plain = true;  // not quoted: only then "true", "12" and "null" mean more than text
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file

  [[nodiscard]] bool is_null() const;
};

struct Entry {
  std::string key;
  Place key_place;
  Node value;
};

inline constexpr std::size_t kLongestText = 1024UL * 1024;

// kInvalidInput: "FILE:LINE:COLUMN: what". An empty document is an empty map.
[[nodiscard]] Result<Node> parse(std::string_view text, std::string_view file);

// "FILE:3:5: "
[[nodiscard]] std::string locate(std::string_view file, Place place);

}  // namespace bulkhead::yaml
