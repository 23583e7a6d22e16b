#include "audit/attack_questions.h"

#include <algorithm>
#include <string>
#include <utility>

namespace bulkhead::audit {
namespace {

// With hundreds of listed addresses beyond a gateway nobody must wait for minutes.
constexpr std::size_t kMostFarClasses = 64;

// Why a question is left out: its answer stays unknown.
std::string not_asked(const query::Seat& from) {
  const bool far = from.zone != nullptr && from.zone->beyond_gateway;
  if (far && from.origins.size() > kMostFarClasses)
    return "not asked as attacker: more than " + std::to_string(kMostFarClasses) +
           " source classes";
  return {};
}

std::uint32_t place(const Dial& dial, IpProtocol protocol) {
  return std::uint32_t{static_cast<std::uint8_t>(protocol)} << 16 | dial.port.number;
}

std::shared_ptr<const trace::Answer> no_answer() {
  static const auto kAnswer = std::make_shared<trace::Answer>();
  return kAnswer;
}

}  // namespace

Asked AttackQuestions::ask(std::size_t seat, const Dial& dial, IpProtocol protocol) {
  const SeatEntry& entry = inventory_.seats[seat];
  const Known* const known = known_to_alike(entry, dial, protocol);
  if (known != nullptr && closed_to(entry, *known))
    return {.seat = seat, .dial = dial, .reply = closed_reply(), .ordinary = no_answer()};
  std::shared_ptr<const query::Reply> reply;
  // A source that has let one in who is alike is worth trying first.
  if (known != nullptr && known->reply->answer.verdict == trace::Verdict::kOpen &&
      known->reply->witness)
    reply = ask_as(seat, dial, protocol, *known->reply->witness);
  if (reply == nullptr || reply->answer.verdict != trace::Verdict::kOpen) {
    reply = stopped(seat, dial, protocol);
    if (reply == nullptr) reply = ask_oracle(seat, dial, protocol);
  }
  if (entry.address && entry.alike == seat) {
    if (known_[seat].empty()) knowing_.push_back(seat);
    known_[seat][place(dial, protocol)].push_back({dial, reply});
  }
  if (reply->answer.verdict == trace::Verdict::kClosed)
    return {.seat = seat, .dial = dial, .reply = reply, .ordinary = no_answer()};
  auto ordinary =
      std::make_shared<trace::Answer>(oracle_.ask(entry.seat, target_of(dial, protocol)).answer);
  return {.seat = seat, .dial = dial, .reply = reply, .ordinary = ordinary};
}

std::shared_ptr<const query::Reply> AttackQuestions::ask_as(std::size_t seat, const Dial& dial,
                                                            IpProtocol protocol,
                                                            const IpAddress& source) const {
  query::Target target = target_of(dial, protocol);
  target.as_attacker = true;
  target.source = source;
  return std::make_shared<query::Reply>(oracle_.ask(inventory_.seats[seat].seat, target));
}

std::shared_ptr<const query::Reply> AttackQuestions::stopped(std::size_t seat, const Dial& dial,
                                                             IpProtocol protocol) const {
  if (!is_retold(inventory_.seats[seat], dial)) return nullptr;
  const auto* const parts = stopped_.find(
      seat, protocol, dial.to,
      [&](const trace::EndReads& asked, const auto&) { return asked.same_to(dial.to, dial.port); });
  if (parts == nullptr) return nullptr;
  auto reply = std::make_shared<query::Reply>(*closed_reply());
  reply->parts = *parts;
  if (reply->parts) trace::set_apart(*reply->parts, dial.to.v4_number());
  return reply;
}

std::shared_ptr<const query::Reply> AttackQuestions::ask_oracle(std::size_t seat, const Dial& dial,
                                                                IpProtocol protocol) {
  const SeatEntry& entry = inventory_.seats[seat];
  auto reply = std::make_shared<query::Reply>();
  reply->answer.reason = not_asked(entry.seat);
  if (!reply->answer.reason.empty()) return reply;
  query::Target target = target_of(dial, protocol);
  target.as_attacker = true;
  trace::EndReads asked;
  if (is_retold(entry, dial)) target.to_reads = &asked;
  *reply = oracle_.ask(entry.seat, target);
  if (target.to_reads != nullptr && reply->answer.verdict == trace::Verdict::kClosed)
    stopped_.add(seat, protocol, dial.to, std::move(asked), reply->parts);
  return reply;
}

void AttackQuestions::forget() {
  for (const std::size_t seat : knowing_) known_[seat].clear();
  knowing_.clear();
}

const AttackQuestions::Known* AttackQuestions::known_to_alike(const SeatEntry& from,
                                                              const Dial& dial,
                                                              IpProtocol protocol) const {
  if (!from.address) return nullptr;
  const auto there = known_[from.alike].find(place(dial, protocol));
  if (there == known_[from.alike].end()) return nullptr;
  const auto at = std::ranges::find(there->second, dial, &Known::dial);
  return at == there->second.end() ? nullptr : &*at;
}

bool AttackQuestions::closed_to(const SeatEntry& from, const Known& known) const {
  const auto theirs = inventory_.seats[from.alike].address;
  const auto& parts = known.reply->parts;
  return parts && theirs && from.address && query::same_part(*parts, *theirs, *from.address);
}

}  // namespace bulkhead::audit
