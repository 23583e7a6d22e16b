// Whatever is read is written and read again as the same value.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::model;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = read_snapshot(text, {.text_bytes = 1U << 20, .memory_bytes = 64U << 20});
  if (!first) return 0;
  const auto second = read_snapshot(write_snapshot(*first));
  if (!second || !(*second == *first)) std::abort();
  static_cast<void>(redact(*first));
  return 0;
}
