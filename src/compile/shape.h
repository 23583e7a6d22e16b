// The rules of every compiled policy: shape.nft as text, and as the kernel reads it back
// (shape.json). Inside compile; both are put into the program when it is built.
#pragma once

#include <string_view>

namespace bulkhead::compile {

[[nodiscard]] std::string_view shape_text();
[[nodiscard]] std::string_view shape_json();  // a snapshot that holds these tables alone

}  // namespace bulkhead::compile
