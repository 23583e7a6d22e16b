// The rules of every compiled policy: shape.nft, and audit.nft for what is only counted, as text
// and as the kernel reads them back (shape.json, audit.json). Inside compile; all are put into the
// program when it is built.
#pragma once

#include <string_view>

namespace bulkhead::compile {

[[nodiscard]] std::string_view shape_text();
[[nodiscard]] std::string_view shape_json();  // a snapshot that holds these tables alone
[[nodiscard]] std::string_view audit_text();
[[nodiscard]] std::string_view audit_json();

}  // namespace bulkhead::compile
