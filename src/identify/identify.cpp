#include "identify/identify.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "identify/conversation.h"
#include "probe/clock.h"
#include "probe/hold.h"
#include "services/deny.h"

namespace bulkhead::identify {
namespace {

using services::Answer;
using services::Asking;
using services::Ending;
using services::Question;

constexpr std::uint32_t kPatienceWithNoConnection = 2;  // attempts in a row

class Run {
 public:
  Run(const services::Matcher& matcher, std::span<const Target> targets, const Limits& limits)
      : matcher_(matcher),
        limits_(limits),
        end_(Clock::now() + std::chrono::milliseconds(limits.all_ms)),
        tls_(TlsContext::make()),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const Target& target : targets)
      seats_.push_back({&target, services::Interview(matcher, target.subject, limits.depth)});
  }

  Identified all() {
    Identified out;
    for (std::size_t i = 0; i < seats_.size(); ++i) waiting_.push_back(i);
    while ((!waiting_.empty() || !live_.empty()) && Clock::now() < end_ && !stopped()) {
      look_whether_to_hold();
      if (!hold_.is_on()) start_what_may();
      wait_for_events();
      expire();
    }
    give_up_running();
    for (Seat& seat : seats_) {
      give_back_unasked(seat);
      out.findings.push_back(seat.interview.finding());
    }
    out.paused_ms = hold_.held_us() / 1000;
    return out;
  }

 private:
  [[nodiscard]] bool stopped() const {
    return limits_.stop != nullptr && limits_.stop->load(std::memory_order_relaxed);
  }

  // What it was held up does not count.
  void look_whether_to_hold() {
    constexpr auto kMost =
        static_cast<std::uint64_t>(std::chrono::microseconds(kMostPaused).count());
    const std::uint64_t before = hold_.held_us();
    const std::uint64_t counted = hold_.look(probe::now_us());
    if (before < kMost) end_ += std::chrono::microseconds(std::min(counted, kMost - before));
  }

  struct Seat {
    const Target* target;
    services::Interview interview;
    std::deque<Question> pending{};
    std::uint32_t running = 0, unconnected = 0;
    bool over = false;
  };
  struct Live {
    std::size_t seat = 0;
    std::uint32_t interest = 0;
    std::unique_ptr<Conversation> conversation;
  };

  // Each seat that has room gets one socket in turn, so that one with many questions cannot starve
  // the others.
  void start_what_may() {
    for (std::size_t round = waiting_.size(); round > 0 && live_.size() < limits_.in_flight;
         --round) {
      const std::size_t index = waiting_.front();
      waiting_.pop_front();
      Seat& seat = seats_[index];
      refill(seat);
      while (!seat.pending.empty() && seat.running < limits_.per_target &&
             live_.size() < limits_.in_flight) {
        const Question question = seat.pending.front();
        seat.pending.pop_front();
        start(index, question);
      }
      if (!seat.over) waiting_.push_back(index);
    }
  }

  void refill(Seat& seat) {
    if (seat.over || seat.running > 0 || !seat.pending.empty()) return;
    const std::vector<Question> questions = seat.interview.next();
    seat.pending.assign(questions.begin(), questions.end());
    seat.over = questions.empty();
  }

  void start(std::size_t index, Question question) {
    Seat& seat = seats_[index];
    const services::Exchange& exchange = matcher_.exchanges()[question.exchange];
    auto conversation = converse(*seat.target, exchange, question);
    if (conversation == nullptr)
      return hear(seat, without_answer(question, Ending::kWithheld), true);
    conversation->start(Clock::now());
    if (conversation->done())
      return hear(seat, conversation->take_answer(), conversation->connected());
    epoll_event event{};
    event.events = conversation->interest();
    event.data.u64 = next_id_;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, conversation->socket(), &event) != 0)
      return hear(seat, without_answer(question, Ending::kWithheld), true);
    ++seat.running;
    live_.emplace(next_id_++, Live{index, event.events, std::move(conversation)});
  }

  // Null when it must not or cannot be asked.
  std::unique_ptr<Conversation> converse(const Target& target, const services::Exchange& exchange,
                                         Question question) {
    if (services::refusal(exchange)) return nullptr;
    const IpProtocol protocol = target.subject.protocol;
    const auto opened = target.open(target.address.family(), protocol);
    if (!opened) return nullptr;
    probe::Descriptor socket(*opened);
    if (protocol == IpProtocol::kUdp)
      return talk_udp(question, exchange, target, std::move(socket), limits_);
    std::unique_ptr<TlsClient> tls;
    if (question.in_tls) {
      const Alpn alpn = exchange.asking == Asking::kTls    ? Alpn::kHttp2And1
                        : exchange.asking == Asking::kHttp ? Alpn::kHttp1
                                                           : Alpn::kNone;
      auto made = tls_ ? TlsClient::make(*tls_, alpn) : std::unexpected(tls_.error());
      if (!made) return nullptr;
      tls = *std::move(made);
    }
    return talk_tcp(question, exchange, target, std::move(socket), limits_, std::move(tls));
  }

  static Answer without_answer(Question question, Ending ending) {
    Answer out;
    out.exchange = question.exchange;
    out.in_tls = question.in_tls;
    out.ending = ending;
    return out;
  }

  void hear(Seat& seat, Answer answer, bool connected) {
    seat.unconnected = connected ? 0 : seat.unconnected + 1;
    seat.interview.hear(std::move(answer));
    if (seat.unconnected < kPatienceWithNoConnection) return;
    seat.over = true;
    seat.pending.clear();
  }

  void wait_for_events() {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   live_.empty() && !hold_.is_on() ? 0 : kTick);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const std::uint64_t id = event.data.u64;  // the structure is packed: no reference into it
      const auto at = live_.find(id);
      if (at == live_.end()) continue;
      at->second.conversation->on_ready(event.events, Clock::now());
      settle(at);
    }
  }

  void expire() {
    const auto now = Clock::now();
    for (auto at = live_.begin(); at != live_.end();) {
      const auto here = at++;
      if (here->second.conversation->deadline() > now) continue;
      here->second.conversation->on_time(now);
      settle(here);
    }
  }

  using LiveAt = std::map<std::uint64_t, Live>::iterator;

  void settle(LiveAt at) {
    Live& live = at->second;
    if (live.conversation->done()) {
      Seat& seat = seats_[live.seat];
      --seat.running;
      hear(seat, live.conversation->take_answer(), live.conversation->connected());
      live_.erase(at);
      return;
    }
    const std::uint32_t wanted = live.conversation->interest();
    if (wanted == live.interest) return;
    live.interest = wanted;
    epoll_event event{};
    event.events = wanted;
    event.data.u64 = at->first;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, live.conversation->socket(), &event);
  }

  void give_up_running() {
    for (auto& [id, live] : live_) {
      Answer answer = live.conversation->take_answer();
      answer.ending = Ending::kWithheld;
      seats_[live.seat].running = 0;
      seats_[live.seat].interview.hear(std::move(answer));
    }
    live_.clear();
  }

  void give_back_unasked(Seat& seat) {
    if (seat.over) return;
    refill(seat);
    for (const Question& question : seat.pending)
      seat.interview.hear(without_answer(question, Ending::kWithheld));
  }

  static constexpr int kTick = 5;  // ms between looks at the deadlines
  static constexpr std::uint64_t kHoldEveryUs = 250'000;

  const services::Matcher& matcher_;
  const Limits& limits_;
  Clock::time_point end_;
  Result<TlsContext> tls_;
  probe::Descriptor epoll_;
  std::vector<Seat> seats_;
  std::deque<std::size_t> waiting_;  // seats that may have something to ask
  std::map<std::uint64_t, Live> live_;
  std::uint64_t next_id_ = 0;
  probe::Hold hold_{limits_.hold, kHoldEveryUs};
};

}  // namespace

Identified identify(const services::Matcher& matcher, std::span<const Target> targets,
                    const Limits& limits) {
  return Run(matcher, targets, limits).all();
}

}  // namespace bulkhead::identify
