// What senders get at services, kept small: a host with a thousand containers has a million pairs.
// Inside plan.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "views/survey.h"

namespace bulkhead::plan {

struct Brief {  // of views::Cell
  trace::Verdict verdict = trace::Verdict::kUnknown;
  bool forged = false;
  std::uint32_t reason = 0;  // Ledger::reason
  std::uint32_t way = 0;     // Ledger::way
};

class Ledger {
 public:
  // In the order of the services. A sender is written once.
  void write(const std::string& sender, const views::Row& row);
  // Null: nothing was written.
  [[nodiscard]] const std::vector<Brief>* of(const std::string& sender) const;
  [[nodiscard]] const std::string& reason(const Brief& brief) const;
  // Of what is open: the first of its ways; null: none was told.
  [[nodiscard]] const verify::Reached* way(const Brief& brief) const;

 private:
  [[nodiscard]] std::uint32_t number(const SharedText& reason);

  std::unordered_map<std::string, std::vector<Brief>> rows_;
  std::unordered_map<std::string, std::uint32_t> numbers_;  // of reasons
  std::pair<SharedText, std::uint32_t> last_;               // of them that was written
  std::vector<const std::string*> reasons_;                 // keys of numbers_
  std::vector<verify::Reached> ways_;                       // Brief::way is one more than the place
};

}  // namespace bulkhead::plan
