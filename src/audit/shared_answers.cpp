#include "audit/shared_answers.h"

#include <algorithm>
#include <utility>

namespace bulkhead::audit {

SharedAnswers::SharedAnswers(const Inventory& inventory, const Oracle& oracle)
    : inventory_(inventory), oracle_(oracle), known_(inventory.seats.size()) {
  for (const SeatEntry& seat : inventory.seats) {
    if (!seat.address || !seat.ns) continue;
    const std::uint32_t address = seat.address->v4_number();
    Alike& group = groups_[seat.alike];
    group.addresses.first = std::min(group.addresses.first, address);
    group.addresses.last = std::max(group.addresses.last, address);
    group.namespaces.push_back(*seat.ns);
  }
  for (auto& [first, group] : groups_) std::ranges::sort(group.namespaces);
}

std::shared_ptr<const query::Reply> SharedAnswers::told_all(std::size_t first, const Dial& dial) {
  const auto group = groups_.find(first);
  if (group == groups_.end() || !dial.to.is_v4() ||
      trace::contains({group->second.addresses}, dial.to.v4_number()))
    return nullptr;
  const Known* known = known_to_alike(inventory_.seats[first], dial);
  if (known == nullptr || !known->for_all || !known->reads->same_within(group->second.addresses))
    return nullptr;
  const auto& socket_ns = known->reply->answer.socket_ns;
  const bool own = socket_ns && std::ranges::binary_search(group->second.namespaces, *socket_ns);
  return own ? nullptr : known->reply;
}

namespace {

bool is_same(const Dial& a, const Dial& b) {
  return a.to == b.to && a.port == b.port;
}

}  // namespace

const SharedAnswers::Known* SharedAnswers::known_to_alike(const SeatEntry& from,
                                                          const Dial& dial) const {
  if (!from.address) return nullptr;
  for (const Known& k : known_[from.alike]) {
    if (is_same(k.dial, dial) && k.for_all && k.reply->answer.socket_ns != from.ns &&
        k.reads->same_for(*from.address))
      return &k;
  }
  return nullptr;
}

bool SharedAnswers::has_room(const SeatEntry& from, const Dial& dial) const {
  return std::ranges::count_if(known_[from.alike],
                               [&](const Known& k) { return is_same(k.dial, dial); }) < kMostOfDial;
}

std::optional<SharedAnswers::Known> SharedAnswers::stopped(std::size_t seat, const Dial& dial,
                                                           IpProtocol protocol) const {
  const SeatEntry& from = inventory_.seats[seat];
  std::shared_ptr<const trace::EndReads> reads;
  const auto serves = [&](const trace::EndReads& asked, const Stopped& s) {
    if (s.seat != seat && !(s.for_all && from.address)) return false;
    const auto more = asked.same_to_from(dial.to, dial.port);
    if (!more) return false;
    reads = s.reads;
    if (!more->empty()) {
      auto all = std::make_shared<trace::EndReads>(*s.reads);
      all->asked_too(*more);
      reads = std::move(all);
    }
    return s.seat == seat || reads->same_for(*from.address);
  };
  const Stopped* const like = stopped_.find(from.alike, protocol, dial.to, serves);
  if (like == nullptr) return std::nullopt;
  const bool for_all = like->for_all && reads->is_clear();
  return Known{dial, std::move(reads), closed_reply(), for_all};
}

void SharedAnswers::keep(const SeatEntry& from, Known known) {
  if (!from.address) return;  // nobody is alike
  if (known_[from.alike].empty()) knowing_.push_back(from.alike);
  known_[from.alike].push_back(std::move(known));
}

SharedAnswers::Told SharedAnswers::ask(std::size_t seat, const Dial& dial, IpProtocol protocol) {
  const SeatEntry& from = inventory_.seats[seat];
  if (const Known* known = known_to_alike(from, dial)) return {known->reply, true};
  auto reply = std::make_shared<query::Reply>();
  if (from.seat.origins.empty()) {
    reply->answer.reason = from.seat.unknown;
    return {std::move(reply)};
  }
  const bool kept = is_retold(from, dial) && has_room(from, dial);
  if (kept) {
    if (auto like = stopped(seat, dial, protocol)) {
      keep(from, *std::move(like));
      return {closed_reply(), true};
    }
  }
  query::Target target = target_of(dial, protocol);
  auto reads = std::make_shared<trace::EndReads>();
  trace::EndReads to_reads;
  if (kept) target.reads = reads.get(), target.to_reads = &to_reads;
  *reply = oracle_.ask(from.seat, target);
  if (!kept) return {std::move(reply)};
  const bool for_all = from.address && !dial.to.is_unspecified() && reads->is_clear() &&
                       !reads->is_singular() &&
                       reply->answer.verdict != trace::Verdict::kUnknown;  // names its places
  if (reply->answer.verdict == trace::Verdict::kClosed)
    stopped_.add(from.alike, protocol, dial.to, std::move(to_reads), {seat, reads, for_all});
  keep(from, {dial, std::move(reads), reply, for_all});
  return {std::move(reply)};
}

void SharedAnswers::forget() {
  for (const std::size_t seat : knowing_) known_[seat].clear();
  knowing_.clear();
}

}  // namespace bulkhead::audit
