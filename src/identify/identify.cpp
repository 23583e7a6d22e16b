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

}  // namespace

class Asker::Run {
 public:
  Run(const services::Matcher& matcher, Limits limits)
      : matcher_(matcher),
        limits_(std::move(limits)),
        in_flight_(limits_.in_flight),
        tls_(TlsContext::make()),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  std::size_t add(Target target) {
    const std::size_t index = seats_.size();
    seats_.push_back({std::move(target), nullptr});
    begin(index);
    return index;
  }

  void ask_again(std::size_t index) {
    drop(index);
    begin(index);
  }

  void repeat_silent(std::size_t index) { seats_[index].repeated_before = next_id_; }

  void drop(std::size_t index) {
    drop_live(index, [](const Question&) { return true; });
    std::erase(waiting_, index);
    seats_[index].pending.clear();
    seats_[index].over = true;
  }

  void set_in_flight(std::uint32_t most) { in_flight_ = most; }
  [[nodiscard]] int descriptor() const { return epoll_.get(); }
  [[nodiscard]] bool misses_answers(std::size_t index) const {
    return seats_[index].interview->misses_answers();
  }

  void turn(int most_ms) {
    look_whether_to_hold();
    if (!hold_.is_on()) start_what_may();
    wait_for_events(live_.empty() && !hold_.is_on() ? 0 : most_ms);
    expire();
  }

  Identified finish() {
    hold_ = probe::Hold(limits_.hold, kHoldEveryUs);  // what it counted so far was somebody else's
    end_ = Clock::now() + std::chrono::milliseconds(limits_.all_ms);
    while ((!waiting_.empty() || !live_.empty()) && Clock::now() < end_ && !stopped()) {
      turn(kTick);
      tell();
    }
    return give_up();
  }

  Identified give_up() {
    Identified out;
    give_up_running();
    for (Seat& seat : seats_) {
      give_back_unasked(seat);
      out.findings.push_back(seat.interview->finding());
    }
    out.paused_ms = hold_.held_us() / 1000;
    return out;
  }

 private:
  [[nodiscard]] bool stopped() const {
    return limits_.stop != nullptr && limits_.stop->load(std::memory_order_relaxed);
  }

  void tell() {
    const auto now = Clock::now();
    if (!limits_.tell || now < told_ + kTellEvery) return;
    told_ = now;
    const auto done = std::ranges::count_if(
        seats_, [](const Seat& s) { return s.over && s.running == 0 && s.pending.empty(); });
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - now);
    limits_.tell({.targets = seats_.size(),
                  .done = static_cast<std::size_t>(done),
                  .left_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(left.count(), 0)),
                  .paused = hold_.is_on()});
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
    Target target;
    std::unique_ptr<services::Interview> interview;
    std::deque<Question> pending{};
    std::uint32_t running = 0, unconnected = 0;
    bool over = false;
    std::uint64_t repeated_before = 0;  // of conversations
  };
  struct Live {
    std::size_t seat = 0;
    Question question{};
    std::uint32_t interest = 0;
    std::unique_ptr<Conversation> conversation;
  };

  void begin(std::size_t index) {
    Seat& seat = seats_[index];
    seat = {std::move(seat.target), nullptr};
    seat.interview =
        std::make_unique<services::Interview>(matcher_, seat.target.subject, limits_.depth);
    waiting_.push_back(index);
  }

  // Each seat that has room gets one socket in turn, so that one with many questions cannot starve
  // the others.
  void start_what_may() {
    for (std::size_t round = waiting_.size(); round > 0 && live_.size() < in_flight_; --round) {
      const std::size_t index = waiting_.front();
      waiting_.pop_front();
      Seat& seat = seats_[index];
      refill(seat);
      while (!seat.pending.empty() && seat.running < limits_.per_target &&
             live_.size() < in_flight_) {
        const Question question = seat.pending.front();
        seat.pending.pop_front();
        start(index, question);
      }
      if (!seat.over) waiting_.push_back(index);
    }
  }

  void refill(Seat& seat) {
    if (seat.over || seat.running > 0 || !seat.pending.empty()) return;
    const std::vector<Question> questions = seat.interview->next();
    seat.pending.assign(questions.begin(), questions.end());
    seat.over = questions.empty();
  }

  void start(std::size_t index, Question question) {
    Seat& seat = seats_[index];
    const services::Exchange& exchange = matcher_.exchanges()[question.exchange];
    auto conversation = converse(seat.target, exchange, question);
    if (conversation == nullptr)
      return hear(index, without_answer(question, Ending::kWithheld), true);
    conversation->start(Clock::now());
    if (conversation->done())
      return hear(index, conversation->take_answer(), conversation->connected());
    epoll_event event{};
    event.events = conversation->interest();
    event.data.u64 = next_id_;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, conversation->socket(), &event) != 0)
      return hear(index, without_answer(question, Ending::kWithheld), true);
    ++seat.running;
    live_.emplace(next_id_++, Live{index, question, event.events, std::move(conversation)});
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

  void hear(std::size_t index, Answer answer, bool connected) {
    Seat& seat = seats_[index];
    seat.unconnected = connected ? 0 : seat.unconnected + 1;
    if (seat.interview->hear(std::move(answer))) drop_what_only_names(index);
    if (seat.unconnected < kPatienceWithNoConnection) return;
    seat.over = true;
    seat.pending.clear();
  }

  // Who it is has just been settled.
  void drop_what_only_names(std::size_t index) {
    Seat& seat = seats_[index];
    const auto drop = [&seat](const Question& question) {
      if (seat.interview->wants(question)) return false;
      seat.interview->give_back(question);
      return true;
    };
    std::erase_if(seat.pending, drop);
    drop_live(index, drop);
  }

  void drop_live(std::size_t index, const std::function<bool(const Question&)>& drops) {
    std::erase_if(live_, [&](const auto& one) {
      const Live& live = one.second;
      if (live.seat != index || !drops(live.question)) return false;
      live.conversation->give_up();
      --seats_[index].running;
      return true;
    });
  }

  void wait_for_events(int most_ms) {
    std::array<epoll_event, 64> events{};
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), most_ms);
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
    std::vector<std::uint64_t> due;  // what settles one may drop others
    for (const auto& [id, live] : live_) {
      if (live.conversation->deadline() <= now) due.push_back(id);
    }
    for (const std::uint64_t id : due) {
      const auto at = live_.find(id);
      if (at == live_.end()) continue;
      at->second.conversation->on_time(now);
      settle(at);
    }
  }

  using LiveAt = std::map<std::uint64_t, Live>::iterator;

  void settle(LiveAt at) {
    Live& live = at->second;
    if (live.conversation->done()) {
      --seats_[live.seat].running;
      const std::size_t index = live.seat;
      Answer answer = live.conversation->take_answer();
      const bool connected = live.conversation->connected();
      const Question question = live.question;
      const bool repeats = at->first < seats_[index].repeated_before && !seats_[index].over &&
                           services::is_unanswered(answer);
      live_.erase(at);
      if (repeats) return seats_[index].pending.push_front(question);
      return hear(index, std::move(answer), connected);
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
      seats_[live.seat].interview->hear(std::move(answer));
    }
    live_.clear();
  }

  void give_back_unasked(Seat& seat) {
    if (seat.over) return;
    refill(seat);
    for (const Question& question : seat.pending)
      seat.interview->hear(without_answer(question, Ending::kWithheld));
  }

  static constexpr std::chrono::milliseconds kTellEvery{200};
  static constexpr int kTick = 5;  // ms between looks at the deadlines
  static constexpr std::uint64_t kHoldEveryUs = 250'000;

  const services::Matcher& matcher_;
  const Limits limits_;
  std::uint32_t in_flight_;
  Clock::time_point end_{};  // begins to count in finish()
  Clock::time_point told_{};
  Result<TlsContext> tls_;
  probe::Descriptor epoll_;
  std::deque<Seat> seats_;
  std::deque<std::size_t> waiting_;  // seats that may have something to ask
  std::map<std::uint64_t, Live> live_;
  std::uint64_t next_id_ = 0;
  probe::Hold hold_{limits_.hold, kHoldEveryUs};
};

Asker::Asker(const services::Matcher& matcher, Limits limits)
    : run_(std::make_unique<Run>(matcher, std::move(limits))) {}
Asker::~Asker() = default;
std::size_t Asker::add(Target target) {
  return run_->add(std::move(target));
}
void Asker::ask_again(std::size_t target) {
  run_->ask_again(target);
}
void Asker::repeat_silent(std::size_t target) {
  run_->repeat_silent(target);
}
void Asker::set_in_flight(std::uint32_t most) {
  run_->set_in_flight(most);
}
void Asker::turn() {
  run_->turn(0);
}
int Asker::descriptor() const {
  return run_->descriptor();
}
bool Asker::misses_answers(std::size_t target) const {
  return run_->misses_answers(target);
}
void Asker::drop(std::size_t target) {
  run_->drop(target);
}
Identified Asker::give_up() {
  return run_->give_up();
}
Identified Asker::finish() {
  return run_->finish();
}

Identified identify(const services::Matcher& matcher, std::span<const Target> targets,
                    const Limits& limits) {
  Asker asker(matcher, limits);
  for (const Target& target : targets) asker.add(target);
  return asker.finish();
}

}  // namespace bulkhead::identify
