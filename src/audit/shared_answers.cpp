#include "audit/shared_answers.h"

#include <utility>

namespace bulkhead::audit {

SharedAnswers::SharedAnswers(const Inventory& inventory, const Oracle& oracle)
    : inventory_(inventory), oracle_(oracle), known_(inventory.seats.size()) {}

SharedAnswers::Known* SharedAnswers::known_to_alike(const SeatEntry& from, const Dial& dial) {
  if (!from.address) return nullptr;
  for (Known& k : known_[from.alike]) {
    if (k.dial.to == dial.to && k.dial.port == dial.port) return &k;
  }
  return nullptr;
}

SharedAnswers::Told SharedAnswers::ask(std::size_t seat, const Dial& dial, IpProtocol protocol) {
  const SeatEntry& from = inventory_.seats[seat];
  const std::optional<IpAddress>& own = from.address;
  const Known* known = known_to_alike(from, dial);
  if (known != nullptr && own && known->for_all && known->reply->answer.socket_ns != from.ns &&
      known->reads.same_for(*own))
    return {known->reply, true};
  auto reply = std::make_shared<query::Reply>();
  if (from.seat.origins.empty()) {
    reply->answer.reason = from.seat.unknown;
    return {std::move(reply)};
  }
  query::Target target = target_of(dial, protocol);
  trace::SourceReads reads;
  const bool first = from.address && known == nullptr && dial.to.is_v4();
  if (first) target.reads = &reads;
  *reply = oracle_.ask(from.seat, target);
  if (first) {
    const bool for_all = !dial.to.is_unspecified() && reads.is_clear() && !reads.is_singular() &&
                         reply->answer.verdict != trace::Verdict::kUnknown;  // names its places
    if (known_[from.alike].empty()) knowing_.push_back(from.alike);
    known_[from.alike].push_back({dial, std::move(reads), reply, for_all});
  }
  return {std::move(reply)};
}

void SharedAnswers::forget() {
  for (const std::size_t seat : knowing_) known_[seat].clear();
  knowing_.clear();
}

}  // namespace bulkhead::audit
