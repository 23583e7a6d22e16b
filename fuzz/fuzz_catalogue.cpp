// A file of services gives entries that may be sent, and a problem for each one that it leaves out;
// read again, it gives the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "services/deny.h"
#include "services/matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::services;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Entries read = parse_entries(text, "f");
  for (const Entry& entry : read.entries) {
    if (entry.known.size() + entry.access.size() > kMostSigns) std::abort();
    for (const auto* signs : {&entry.known, &entry.access}) {
      for (const Sign& sign : *signs) {
        if (refusal(sign.exchange)) std::abort();
      }
    }
  }
  const Entries again = parse_entries(text, "f");
  if (again.entries.size() != read.entries.size() || again.problems != read.problems) std::abort();
  std::vector<std::string> problems;
  const std::size_t before = read.entries.size();
  const Matcher matcher = Matcher::make(std::move(read.entries), problems);
  if (matcher.entries().size() + problems.size() != before) std::abort();
  return 0;
}
