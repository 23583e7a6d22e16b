// What `learn` keeps on disk: whatever the bytes are, it is refused or read within its bounds, and
// what was read and written reads as the same.
#include <cstdlib>

#include "base/bytes.h"
#include "flows/book.h"

using namespace bulkhead;

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto book = flows::read_book(text, "flows.json");
  if (!book) return 0;
  require(book->whos().size() <= flows::kMostWhos && book->flows().size() <= flows::kMostFlows);
  const std::string written = flows::book_json(*book);
  const auto again = flows::read_book(written, "flows.json");
  require(again.has_value());
  require(again->whos() == book->whos() && again->flows() == book->flows());
  require(flows::book_json(*again) == written);
  return 0;
}
