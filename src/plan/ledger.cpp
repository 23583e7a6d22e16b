#include "plan/ledger.h"

namespace bulkhead::plan {

void Ledger::write(const std::string& sender, const views::Row& row) {
  const auto [at, fresh] = rows_.try_emplace(sender);
  if (!fresh) return;
  at->second.reserve(row.size());
  for (const views::Cell& cell : row) {
    Brief brief{cell.verdict, cell.forged, number(cell.reason), 0};
    if (!cell.ways.empty()) {
      ways_.push_back(cell.ways.front());
      brief.way = static_cast<std::uint32_t>(ways_.size());
    }
    at->second.push_back(brief);
  }
}

// Services next to each other are often closed by the same.
std::uint32_t Ledger::number(const SharedText& reason) {
  if (!reasons_.empty() && reason.is_same(last_.first)) return last_.second;
  const auto next = static_cast<std::uint32_t>(reasons_.size());
  const auto [known, fresh] = numbers_.try_emplace(reason, next);
  if (fresh) reasons_.push_back(&known->first);
  last_ = {reason, known->second};
  return known->second;
}

const std::vector<Brief>* Ledger::of(const std::string& sender) const {
  const auto at = rows_.find(sender);
  return at == rows_.end() ? nullptr : &at->second;
}

const std::string& Ledger::reason(const Brief& brief) const {
  return *reasons_[brief.reason];
}

const verify::Reached* Ledger::way(const Brief& brief) const {
  return brief.way == 0 ? nullptr : &ways_[brief.way - 1];
}

}  // namespace bulkhead::plan
