// Text that is shown: whatever comes in, what goes out is bounded, valid UTF-8 without control
// characters, valid JSON, or HTML without markup.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/text.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(std::string_view text) {
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t size = bulkhead::decode_utf8(text, code);
    if (size == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
    text.remove_prefix(size);
  }
  return true;
}

void check_escaped(std::string_view text) {
  constexpr std::size_t kLimit = 40;
  const std::string all = bulkhead::escape_text(text, std::string::npos);
  const std::string cut = bulkhead::escape_text(text, kLimit);
  require(is_printable(all) && is_printable(cut));
  require(cut.size() <= kLimit + 3);
  require(cut == all || cut.ends_with("..."));
  require(bulkhead::display_width(all) <= 2 * all.size());
}

void check_json(std::string_view text) {
  std::string json = "\"";
  bulkhead::append_json_escaped(json, text);
  json += '"';
  require(nlohmann::json::accept(json));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_escaped(text);
  check_json(text);
  require(bulkhead::escape_html(text).find_first_of("<>\"'") == std::string::npos);
  const auto bytes = bulkhead::from_hex(bulkhead::to_hex(bulkhead::as_bytes(text)));
  require(bytes.has_value() && bytes->size() == size);
  if (const auto parsed = bulkhead::from_hex(text)) require(parsed->size() * 2 == size);
  return 0;
}
