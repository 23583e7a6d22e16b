#include "probe/sweep.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "probe/clock.h"
#include "probe/descriptor.h"
#include "probe/hold.h"
#include "probe/lane.h"
#include "probe/rounds.h"
#include "probe/self_check.h"
#include "probe/timing.h"

namespace bulkhead::probe {
namespace {

using seen::Proof;
using seen::State;

constexpr std::size_t kTurn = 4096, kBurst = 64;             // probes
constexpr std::size_t kMostOfLane = RoundLimits{}.most + 2;  // descriptors
constexpr std::uint64_t kTellEveryUs = 200'000, kHoldEveryUs = 500'000, kCrowdedUs = 5'000,
                        kCompanionUs = 2'000;
// The last round waits longer: what comes only now would be called silence. Where the time that
// answers take is known, and the first question is older than that, less will do.
constexpr std::uint64_t kLastPatienceUs = 300'000, kLastPatienceOfKnownUs = 100'000;
// A few ports go first, until something comes back. A neighbour that must be resolved may take a
// second (retrans_time), and a flood meanwhile would only fill its queue. Silence is enough when
// nothing is held for a neighbour of this seat's own. Behind a router it may be the router that
// waits: so where nothing at all comes back, the last round begins only when that would be over.
constexpr std::size_t kFirstPorts = 16;
constexpr std::uint64_t kFirstPatienceUs = 1'200'000, kNeighbourUs = 10'000;
// Ports and microseconds of a round from which the rate that was reached can be told.
constexpr double kMeasuredPorts = 100, kMeasuredUs = 1000;
// All namespaces share one table of neighbours (gc_thresh3 in net/core/neighbour.c, 1,024 as it
// comes), in which there is room again for another when one has been there for five seconds. Until
// then answers to many seats are dropped in silence, which would be said of the target.
constexpr std::size_t kManyAims = 256;
constexpr std::uint64_t kSecondLookUs = 6'000'000, kShortageUs = 5'000;
// Machines tell of a closed UDP port six times and then once a second (icmp_ratelimit and
// XRLIM_BURST_FACTOR in net/ipv4/icmp.c and inetpeer.c), so that haste looks like silence.
constexpr double kFirstUdpRate = 50, kUdpRate = 0.9;
constexpr std::uint32_t kQuickUdpRounds = 2;
// Answers of this round, to ports that had been asked before, beside all earlier ones: from here on
// we are too fast for somebody. Below, it is the network that loses.
constexpr double kTooFast = 0.2;
constexpr double kFewAnswers = 8;  // from which rounds are compared

// Descriptors that may be used for connect(); the rest of the process keeps some.
std::size_t spare_descriptors(const Companion* companion) {
  constexpr std::size_t kLeast = 16;
  const std::size_t reserve = 128 + (companion == nullptr ? 0 : kCompanionDescriptors);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeast;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur < reserve + kLeast ? kLeast
                                           : static_cast<std::size_t>(limit.rlim_cur) - reserve;
}

// What is asked a few ports and silent is only waited for, so that more of such fit in the time.
std::size_t most_at_once(std::span<const Aim> aims, const SweepLimits& limits, std::size_t spare) {
  constexpr std::size_t kSmall = 4096;  // ports
  const bool small = std::ranges::all_of(aims, [](const Aim& aim) {
    std::size_t ports = 0;
    for (const seen::PortRange& range : aim.ports) ports += range.last - range.first + 1U;
    return ports <= kSmall;
  });
  const std::size_t wanted =
      small ? std::min(4 * limits.at_once, std::max(limits.at_once, spare / kMostOfLane))
            : limits.at_once;
  return std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(aims.size(), 1));
}

// One aim under way.
struct Active {
  std::size_t aim = 0;
  Rounds rounds;
  RoundTrip trip;
  Pace pace;
  std::unique_ptr<Lane> lane;
  bool checked = false;  // the seat's silence may be believed
  bool udp = false;
  bool asked_all = false;
  bool met = false;    // something came back, or was waited for long enough
  bool heard = false;  // something of the target's came back
  std::uint64_t first_asked_us = 0, last_asked_us = 0;
  std::uint64_t round_us = 0, first_round_over_us = 0;  // this round's begin, the first one's end
  std::uint64_t sent_before = 0;                        // this round
  std::uint64_t not_before_us = 0;                      // nothing is asked
  std::uint64_t lost_before = 0;                        // this round
  double late_before = 0;  // answers of the round before, if that was not the first

  [[nodiscard]] std::uint64_t patience_us(std::uint64_t now) const {
    if (!met) return kFirstPatienceUs;
    const std::uint64_t usual = trip.timeout_us();
    if (!rounds.last_round()) return usual;
    const bool old = first_round_over_us != 0 && now >= first_round_over_us + kLastPatienceUs;
    const bool known = trip.known() && old && lane->engine() == seen::Engine::kSyn;
    return std::max(usual, known ? kLastPatienceOfKnownUs : kLastPatienceUs);
  }
  // Probes a second of this round; 0: it was too short to tell.
  [[nodiscard]] double reached() const {
    const auto sent = static_cast<double>(rounds.sent() - sent_before);
    const auto us = static_cast<double>(last_asked_us - round_us);
    return sent < kMeasuredPorts || us < kMeasuredUs ? 0 : sent / us * 1e6;
  }
  [[nodiscard]] std::uint64_t may_ask() const {
    return met ? kTurn : kFirstPorts - std::min<std::uint64_t>(rounds.sent(), kFirstPorts);
  }
};

class Loop {
 public:
  Loop(SocketSource& sockets, std::size_t seats, std::span<const Aim> aims,
       const SweepLimits& limits, const std::atomic<bool>& stop,
       const std::function<void(const Progress&)>& tell)
      : sockets_(sockets),
        aims_(aims),
        limits_(limits),
        stop_(stop),
        tell_(tell),
        begin_us_(now_us()),
        end_us_(begin_us_ + limits.all_ms * 1000),
        pace_(limits.rate, kBurst),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    out_.aims.resize(aims.size());
    out_.seats.resize(seats);
    for (std::size_t i = 0; i < aims.size(); ++i) {
      waiting_.push_back(i);
      for (const seen::PortRange& range : aims[i].ports) ports_ += range.last - range.first + 1U;
    }
    const std::size_t spare = spare_descriptors(limits.companion);
    at_once_ = most_at_once(aims, limits, spare);
    per_lane_ = std::max<std::size_t>(std::min(limits.sockets, spare) / at_once_, 1);
    listen_to_companion();
  }

  Sweep run() {
    while (!waiting_.empty() || !active_.empty() || !later_.empty()) {
      const std::uint64_t now = now_us();
      if (stop_.load(std::memory_order_relaxed) || now >= end_us_) break;
      hold_.look(now);
      if (!hold_.is_on()) {
        begin_waiting();
        for (auto& [id, active] : active_) {
          send(active);
          attend_companion(now_us());
        }
      }
      receive();
      attend_companion(now_us());
      settle();
      say(now_us());
    }
    out_.finished = waiting_.empty() && active_.empty() && later_.empty();
    for (auto& [id, active] : active_) finish(active);
    for (const std::size_t aim : waiting_) not_begun(aim);
    out_.elapsed_ms = (now_us() - begin_us_) / 1000;
    hold_.end(now_us());
    out_.paused_ms = hold_.held_us() / 1000;
    return std::move(out_);
  }

 private:
  // Its events only wake the loop; lanes are numbered from 1.
  void listen_to_companion() {
    if (limits_.companion == nullptr) return;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = EventPort{epoll_.get(), 0}.data(0);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, limits_.companion->descriptor(), &event);
  }

  // A turn of many aims may take half a second.
  void attend_companion(std::uint64_t now) {
    if (limits_.companion == nullptr || now < attended_us_ + kCompanionUs) return;
    limits_.companion->turn();
    attended_us_ = now_us();
  }

  const seen::SeatCheck& check(std::size_t seat, IpFamily family) {
    const auto [at, fresh] = checks_.try_emplace({seat, family});
    if (fresh) {
      at->second = check_seat(sockets_, seat, family, limits_.raw);
      seen::SeatCheck& told = out_.seats[seat];
      // Of both families the worse.
      const bool first =
          !checks_.contains({seat, family == IpFamily::kV4 ? IpFamily::kV6 : IpFamily::kV4});
      if (first || !at->second.passed || (told.passed && told.why.empty())) told = at->second;
    }
    return at->second;
  }

  Result<std::unique_ptr<Lane>> make_lane(const Aim& aim, const seen::SeatCheck& check,
                                          std::uint32_t id) {
    const EventPort events{epoll_.get(), id};
    if (aim.protocol == IpProtocol::kUdp)
      return make_udp_lane(sockets_, aim.seat, {aim.to, aim.scope}, events, limits_.payloads);
    if (check.engine == seen::Engine::kSyn) {
      auto lane = make_syn_lane(sockets_, aim.seat, {aim.to, aim.scope}, events, &hand_);
      if (lane) return lane;  // else connect() tells why there is no way
    }
    return make_connect_lane(sockets_, aim.seat, {aim.to, aim.scope}, per_lane_, events);
  }

  // For the neighbours of one more aim.
  bool has_room() {
    const std::uint64_t now = now_us();
    if (!limits_.crowded) return true;
    if (now < look_us_) return false;
    if (limits_.crowded() && now < begun_us_ + limits_.crowded_ms * 1000) {
      look_us_ = now + kCrowdedUs;
      return false;
    }
    begun_us_ = now;
    return true;
  }

  void begin_waiting() {
    while (waiting_.empty() && !later_.empty() && now_us() >= later_.front().at_us) {
      waiting_.push_back(later_.front().aim);
      later_.pop_front();
    }
    // Only when these have sent does the kernel's table of neighbours show them (has_room).
    std::size_t fresh = 0;
    while (fresh++ < limits_.at_once && active_.size() < at_once_ && !waiting_.empty() &&
           has_room()) {
      const std::size_t index = waiting_.front();
      waiting_.pop_front();
      const Aim& aim = aims_[index];
      const seen::SeatCheck& seat = check(aim.seat, aim.to.family());
      const std::uint32_t id = ++last_id_;
      auto lane = make_lane(aim, seat, id);
      if (!lane) {
        no_socket(index);
        continue;
      }
      const bool udp = aim.protocol == IpProtocol::kUdp;
      Pace pace(limits_.rate, udp ? 1 : kBurst);
      if (udp) pace.at_most(kFirstUdpRate);
      RoundLimits rounds;
      if (udp && !limits_.patient_udp) rounds = {kQuickUdpRounds, kQuickUdpRounds};
      active_.emplace(id, Active{.aim = index,
                                 .rounds = Rounds(aim.ports, rounds),
                                 .trip = RoundTrip({}),
                                 .pace = pace,
                                 .lane = std::move(*lane),
                                 .checked = seat.passed,
                                 .udp = udp});
    }
  }

  void send(Active& active) {
    if (active.asked_all) return;
    const std::uint64_t now = now_us();
    if (now < active.not_before_us) return;
    if (!active.met) active.met = is_waited_for(active, now);
    const std::uint64_t may =
        std::min({active.pace.allowed(now), pace_.allowed(now),
                  static_cast<std::uint64_t>(active.lane->room()), active.may_ask()});
    std::vector<Port>& batch = batch_;
    batch.clear();
    while (batch.size() < may) {
      const auto port = active.rounds.next(now);
      if (!port) {
        active.asked_all = true;
        break;
      }
      batch.push_back(*port);
    }
    if (batch.empty()) return;
    if (active.first_asked_us == 0) active.first_asked_us = active.round_us = now;
    active.last_asked_us = now;
    const std::size_t taken = active.lane->ask(batch, now, heard_);
    if (taken == 0) active.not_before_us = now + kShortageUs;
    for (std::size_t i = batch.size(); i > taken; --i) active.rounds.put_back(batch[i - 1]);
    if (taken < batch.size()) active.asked_all = false;
    active.pace.spent(taken);
    pace_.spent(taken);
    sent_ += taken;
    take(active);
  }

  static bool is_waited_for(const Active& active, std::uint64_t now) {
    if (active.first_asked_us == 0) return false;
    const std::uint64_t waited = now - active.first_asked_us;
    return waited >= kFirstPatienceUs || (waited >= kNeighbourUs && !active.lane->may_be_held());
  }

  void take(Active& active) {
    const std::uint64_t now = now_us();
    for (const Heard& heard : heard_) {
      // What this host refuses itself is no answer of the target.
      active.heard = active.heard || heard.reply.proof != Proof::kSendRefused;
      active.met = active.met || active.heard;
      const std::uint64_t us = active.rounds.take(heard.port, heard.reply, now);
      if (us != 0) active.trip.measured(us);
      if (limits_.companion != nullptr && heard.reply.state == State::kOpen)
        limits_.companion->found(active.aim, heard.port);
    }
    heard_.clear();
  }

  // When there is something to do for it by itself.
  [[nodiscard]] std::uint64_t next_us(const Active& active, std::uint64_t now) const {
    constexpr std::uint64_t kSoonestUs = 1000;
    if (active.rounds.all_settled()) return now;
    if (!active.asked_all && active.lane->room() != 0 && active.may_ask() != 0)
      return std::max({active.pace.next_us(now), pace_.next_us(now), active.not_before_us});
    const std::uint64_t over = active.last_asked_us + active.patience_us(now);
    return std::max(active.met ? over : std::min(over, now + kNeighbourUs / 4), now + kSoonestUs);
  }

  [[nodiscard]] int wait_ms() const {
    constexpr std::uint64_t kLongest = 20'000;
    const std::uint64_t now = now_us();
    std::uint64_t next = now + kLongest;
    for (const auto& [id, active] : active_)
      if (!hold_.is_on() || active.rounds.all_settled())
        next = std::min(next, next_us(active, now));
    return next <= now ? 0 : static_cast<int>((next - now + 999) / 1000);
  }

  void receive() {
    std::array<epoll_event, 256> events{};
    int wait = wait_ms();
    for (int turn = 0; turn < 64; ++turn) {
      const int count =
          ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
      for (int i = 0; i < count; ++i) {
        const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
        const auto at = active_.find(static_cast<std::uint32_t>(data >> 32));
        if (at == active_.end()) continue;
        at->second.lane->ready(static_cast<std::uint32_t>(data), heard_);
        take(at->second);
      }
      if (count < static_cast<int>(events.size())) break;
      wait = 0;
    }
  }

  void settle() {
    const std::uint64_t now = now_us();
    for (auto at = active_.begin(); at != active_.end();) {
      Active& active = at->second;
      const std::uint64_t patience_us = active.patience_us(now);
      active.lane->expire(now, patience_us, heard_);
      take(active);
      const bool over =
          active.rounds.all_settled() || (active.asked_all && active.lane->idle(now, patience_us));
      if (over && !next_round(active, now)) {
        finish(active);
        look_again_later(active, now);
        at = active_.erase(at);
      } else {
        ++at;
      }
    }
  }

  // False: there is nothing left to ask.
  bool next_round(Active& active, std::uint64_t now) {
    const std::uint64_t lost = active.lane->lost();
    const bool lost_some = lost > active.lost_before;
    const auto late = static_cast<double>(active.rounds.settled_this_round());
    const auto before = static_cast<double>(active.rounds.settled()) - late;
    // Loss leaves less to be told by each round; a limit of the rate lets each tell as much again.
    const bool limited = active.late_before >= kFewAnswers && 2 * late >= active.late_before;
    const bool too_fast = before > 0 && (late > kTooFast * before || limited);
    active.late_before = before > 0 ? late : 0;
    if (lost_some || too_fast) active.pace.answers_lost(active.reached());
    if (!active.rounds.start_next(lost - active.lost_before)) return false;
    active.lane->begin_round();
    active.lost_before = lost;
    active.asked_all = false;
    active.round_us = now;
    active.sent_before = active.rounds.sent();
    if (active.first_round_over_us == 0) active.first_round_over_us = now;
    if (!active.heard && active.rounds.last_round())
      active.not_before_us = active.first_asked_us + kFirstPatienceUs;
    if (active.udp && limits_.patient_udp) active.pace.at_most(kUdpRate);
    return true;
  }

  void finish(Active& active) {
    seen::Swept& out = out_.aims[active.aim];
    Reply silence{State::kFiltered, Proof::kSilence, 0};
    if (active.udp) silence = {State::kUnknown, Proof::kNoUdpAnswer, 0};
    if (!active.checked) silence = {State::kUnknown, Proof::kUnchecked, 0};
    out.engine = active.lane->engine();
    out.runs = active.rounds.finish(silence);
    out.counts = {active.rounds.sent(), active.rounds.answered(), active.lane->lost()};
    out.rounds = active.rounds.round();
    out.rtt_us = static_cast<std::uint32_t>(active.trip.smoothed_us());
    done_ += active.rounds.ports();
  }

  // What was found stays, until the second look is over.
  void look_again_later(const Active& active, std::uint64_t now) {
    const bool silent = !active.heard && !active.udp && aims_[active.aim].expected;
    if (!silent || aims_.size() <= kManyAims || !looked_again_.insert(active.aim).second) return;
    later_.push_back({now + kSecondLookUs, active.aim});
    done_ -= active.rounds.ports();
  }

  void give_up(std::size_t aim, Proof proof) {
    for (const seen::PortRange& range : aims_[aim].ports) {
      out_.aims[aim].runs.push_back({range, State::kUnknown, proof, 0});
      done_ += range.last - range.first + 1U;
    }
  }
  void no_socket(std::size_t aim) { give_up(aim, Proof::kNoSocket); }
  void not_begun(std::size_t aim) { give_up(aim, Proof::kNotFinished); }

  void say(std::uint64_t now) {
    if (!tell_ || now < told_us_ + kTellEveryUs) return;
    told_us_ = now;
    Progress progress{.elapsed_ms = (now - begin_us_) / 1000,
                      .ports = ports_,
                      .done = done_,
                      .sent = sent_,
                      .left_ms = 0,
                      .paused = hold_.is_on()};
    for (const auto& [id, active] : active_) progress.done += active.rounds.settled();
    if (progress.done * 50 > ports_)  // too little was seen before
      progress.left_ms = progress.elapsed_ms * (ports_ - progress.done) / progress.done;
    tell_(progress);
  }

  SocketSource& sockets_;
  std::span<const Aim> aims_;
  const SweepLimits& limits_;
  const std::atomic<bool>& stop_;
  const std::function<void(const Progress&)>& tell_;
  std::uint64_t begin_us_, end_us_, told_us_ = 0, begun_us_ = 0, look_us_ = 0;
  std::uint64_t attended_us_ = 0;
  Pace pace_;
  SecondHand hand_;
  Descriptor epoll_;
  std::size_t at_once_ = 1, per_lane_ = 1;
  struct Later {
    std::uint64_t at_us = 0;
    std::size_t aim = 0;
  };
  std::deque<std::size_t> waiting_;
  std::deque<Later> later_;
  std::set<std::size_t> looked_again_;
  std::map<std::uint32_t, Active> active_;
  std::map<std::pair<std::size_t, IpFamily>, seen::SeatCheck> checks_;
  std::vector<Heard> heard_;
  std::vector<Port> batch_;
  std::uint32_t last_id_ = 0;
  std::uint64_t ports_ = 0, done_ = 0, sent_ = 0;
  Hold hold_{limits_.hold, kHoldEveryUs};
  Sweep out_;
};

}  // namespace

Sweep sweep(SocketSource& sockets, std::size_t seats, std::span<const Aim> aims,
            const SweepLimits& limits, const std::atomic<bool>& stop,
            const std::function<void(const Progress&)>& tell) {
  return Loop(sockets, seats, aims, limits, stop, tell).run();
}

}  // namespace bulkhead::probe
