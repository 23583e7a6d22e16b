#include "seen/text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "base/text.h"
#include "base/wrap.h"

namespace bulkhead::seen {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kMostOpenShown = 200;      // of one target
constexpr std::size_t kMostUnknownShown = 5;     // runs of one target
constexpr std::size_t kMostChangesShown = 1000;  // of all
constexpr std::size_t kMostStatesShown = 20;     // of them, those that are no answer
constexpr std::size_t kLongestName = 60;

std::string count(std::uint64_t n) {
  return std::to_string(n);
}

std::string range_text(const PortRange& range) {
  return range.first == range.last ? count(range.first)
                                   : count(range.first) + "-" + count(range.last);
}

Word state_word(State state) {
  switch (state) {
    case State::kOpen: return Word::kOpen;
    case State::kClosed: return Word::kClosed;
    case State::kFiltered: return Word::kFiltered;
    case State::kUnknown: return Word::kUnknown;
  }
  return Word::kUnknown;
}

Word access_word(const std::string& access) {
  if (access == "open") return Word::kAccessOpen;
  if (access == "protected") return Word::kAccessProtected;
  if (access == "unowned") return Word::kAccessUnowned;
  return Word::kAccessUnknown;
}

Values counts_of(const std::array<std::uint64_t, kStates>& n) {
  return {{"open", count(n[0])},
          {"closed", count(n[1])},
          {"filtered", count(n[2])},
          {"unknown", count(n[3])}};
}

class RecordWriter {
 public:
  RecordWriter(const Record& record, Language language) : record_(record), language_(language) {}

  std::string write() {
    std::set<IpAddress> addresses;
    for (const SeenFrom& seat : record_.seats) {
      for (const Target& target : seat.targets) addresses.insert(target.to);
    }
    line(say(Word::kTitle, language_,
             {{"host", escape_text(record_.host, kLongestName)},
              {"time", instant_text(record_.taken_at_ms)},
              {"targets", count(addresses.size())}}));
    if (!record_.finished) line(say(Word::kPartial, language_));
    for (const auto& left : record_.left_out)
      line(
          say(Word::kLeftOut, language_,
              {{"what", escape_text(left.what, kLongestName)}, {"reason", escape_text(left.why)}}));
    for (const SeenFrom& seat : record_.seats) one_seat(seat);
    totals();
    return std::move(out_);
  }

 private:
  // What does not fit goes on below, further in.
  void line(const std::string& text) {
    const std::size_t indent = std::min(text.find_first_not_of(' '), text.size());
    std::size_t left = indent;
    for (const std::string& one :
         wrap(std::string_view(text).substr(indent), kColumns - indent - 2)) {
      out_ += std::string(left, ' ') + one + "\n";
      left = indent + 2;
    }
  }

  void one_seat(const SeenFrom& seat) {
    if (!seat.check.passed) {
      line(say(Word::kUnchecked, language_, {{"reason", escape_text(seat.check.why)}}));
    } else if (!seat.check.why.empty()) {
      line(say(Word::kNotRaw, language_, {{"reason", escape_text(seat.check.why)}}));
    }
    std::vector<const Target*> quiet;
    for (const Target& target : seat.targets) {
      if (count_states(target.swept.runs)[0] == 0)
        quiet.push_back(&target);
      else
        one_target(target);
    }
    if (quiet.empty()) return;
    line("");
    line(say(Word::kNothingAnswers, language_,
             {{"count", count(quiet.size())},
              {"first", head(*quiet.front())},
              {"last", head(*quiet.back())}}));
  }

  static std::string head(const Target& target) {
    std::string out = target.scoped().to_string() + " " + to_string(target.protocol);
    for (const std::string& name : target.names) out += " " + escape_text(name, kLongestName);
    return out;
  }

  void one_target(const Target& target) {
    line("");
    line(head(target));
    std::size_t shown = 0;
    for (const PortRun& run : target.swept.runs) {
      if (run.state != State::kOpen) continue;
      for (std::uint32_t number = run.ports.first;
           number <= run.ports.last && shown < kMostOpenShown; ++number, ++shown)
        open_port(target, Port{static_cast<std::uint16_t>(number)});
    }
    line("  " + say(Word::kCounts, language_, counts_of(count_states(target.swept.runs))));
    unknown(target);
  }

  void open_port(const Target& target, Port port) {
    std::string text = count(port.number);
    text.resize(std::max<std::size_t>(text.size(), 6), ' ');
    const Service* service = target.service(port);
    text += service == nullptr ? say(Word::kOpen, language_) : service_text(*service, language_);
    line("  " + text);
  }

  void unknown(const Target& target) {
    std::size_t shown = 0;
    for (const PortRun& run : target.swept.runs) {
      if (run.state != State::kUnknown || run.proof == Proof::kNoUdpAnswer) continue;
      if (++shown > kMostUnknownShown) return;
      line("  " +
           say(Word::kUnknownBecause, language_,
               {{"ports", range_text(run.ports)}, {"reason", std::string(to_string(run.proof))}}));
    }
  }

  void totals() {
    std::uint64_t sent = 0, lost = 0;
    for (const SeenFrom& seat : record_.seats) {
      for (const Target& target : seat.targets) {
        sent += target.swept.counts.sent;
        lost += target.swept.counts.lost;
      }
    }
    const std::uint64_t ms = std::max<std::uint64_t>(record_.elapsed_ms, 1);
    line("");
    if (record_.paused_ms != 0)
      line(say(Word::kPaused, language_, {{"seconds", count((record_.paused_ms + 999) / 1000)}}));
    line(say(Word::kCounts, language_, counts_of(count_states(record_))) +
         say(Word::kTotal, language_,
             {{"sent", count(sent)},
              {"rate", count(sent * 1000 / ms)},
              {"lost", count(lost)},
              {"seconds", count(ms / 1000) + "." + count(ms / 100 % 10)}}));
  }

  const Record& record_;
  Language language_;
  std::string out_;
};

Word turn_word(Turn turn) {
  switch (turn) {
    case Turn::kNew: return Word::kNew;
    case Turn::kService: return Word::kService;
    case Turn::kLogin: return Word::kLogin;
    case Turn::kGone: return Word::kGone;
    case Turn::kLost: return Word::kLost;
    case Turn::kState: return Word::kState;
  }
  return Word::kState;
}

std::string side_text(const Side& side, Language language) {
  if (!side.asked) return say(Word::kNotAsked, language);
  std::string out = say(state_word(side.state), language);
  if (side.service) out += ", " + service_text(*side.service, language);
  return out;
}

std::string change_text(const Change& change, Language language) {
  const std::string address = change.to.to_string();
  std::string where = (change.to.address.is_v6() ? "[" + address + "]" : address) + ":" +
                      range_text(change.ports) + "/" + to_string(change.protocol);
  if (change.vantage != "outside")
    where += say(Word::kFrom, language, {{"from", escape_text(change.vantage, kLongestName)}});
  return say(turn_word(change.turn), language,
             {{"where", where},
              {"now", side_text(change.now, language)},
              {"before", side_text(change.before, language)}});
}

}  // namespace

std::string service_text(const Service& service, Language language) {
  return escape_text(service.name, kLongestName) + " (" +
         say(access_word(service.access), language) + ")";
}

std::string instant_text(std::uint64_t unix_ms) {
  using namespace std::chrono;
  const sys_seconds instant{seconds(static_cast<std::int64_t>(unix_ms / 1000))};
  const sys_days day = floor<days>(instant);
  const year_month_day date{day};
  const hh_mm_ss time{instant - day};
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02u %02d:%02d UTC",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()));
  return out.data();
}

std::string record_text(const Record& record, Language language) {
  return RecordWriter(record, language).write();
}

std::string difference_text(const Difference& difference, Language language) {
  std::string out;
  std::size_t shown = 0, states = 0;
  for (const Change& change : difference.changes) {
    if (change.turn == Turn::kState && ++states > kMostStatesShown) break;
    if (++shown > kMostChangesShown) break;
    out += change_text(change, language) + "\n";
  }
  const Values values{
      {"new", count(difference.ports_of(Turn::kNew))},
      {"changed", count(difference.ports_of(Turn::kService) + difference.ports_of(Turn::kLogin) +
                        difference.ports_of(Turn::kState))},
      {"gone", count(difference.ports_of(Turn::kGone))},
      {"lost", count(difference.ports_of(Turn::kLost))},
      {"compared", count(difference.compared)}};
  out += say(difference.empty() ? Word::kNoDifference : Word::kDifference, language, values) + "\n";
  if (difference.not_asked_again != 0)
    out +=
        say(Word::kNotAskedAgain, language, {{"count", count(difference.not_asked_again)}}) + "\n";
  if (!difference.complete) out += say(Word::kIncomplete, language) + "\n";
  return out;
}

}  // namespace bulkhead::seen
