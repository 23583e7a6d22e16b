// An answer read at once and read byte by byte is the same answer, within its bound; cut short, it
// is the beginning of the whole one.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/http_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using bulkhead::http::HttpAnswerParser;
  using bulkhead::http::Overlong;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HttpAnswerParser whole(1000), pieces(1000);
  const bool good = whole.feed(bytes).has_value();
  bool still_good = true;
  for (std::size_t i = 0; i < size && still_good && !pieces.done(); ++i) {
    still_good = pieces.feed(bytes.substr(i, 1)).has_value();
  }
  if (good != still_good || (good && whole.done() != pieces.done())) std::abort();
  if (whole.answer().body.size() > 1000) std::abort();
  if (good && whole.answer().body != pieces.answer().body) std::abort();
  HttpAnswerParser cut(10, Overlong::kCut);
  static_cast<void>(cut.feed(bytes));
  if (cut.answer().body.size() > 10) std::abort();
  if (good && !whole.answer().body.starts_with(cut.answer().body)) std::abort();
  return 0;
}
