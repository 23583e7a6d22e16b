#include "scan/judge.h"

#include <algorithm>

#include "audit/evidence.h"

namespace bulkhead::scan {

std::string_view to_string(Agreement agreement) {
  switch (agreement) {
    case Agreement::kConfirmed: return "confirmed";
    case Agreement::kResolved: return "resolved";
    case Agreement::kDisagrees: return "disagrees";
  }
  return "unknown";
}

namespace {

using packet::Interval;
using packet::IntervalSet;

std::uint64_t size_of(const IntervalSet& set) {
  std::uint64_t size = 0;
  for (const Interval& i : set.intervals()) size += i.last - i.first + 1;
  return size;
}

IntervalSet without(const IntervalSet& set, const IntervalSet& other) {
  return set.intersect(other.complement(16));
}

class Judge {
 public:
  Judge(const query::Asker& asker, const Plan& plan) : asker_(asker), plan_(plan) {
    out_.open.resize(plan.aims.size());
  }

  void one(std::size_t aim, const Swept& swept) {
    for (const PortRun& run : swept.runs) {
      switch (run.state) {
        case State::kOpen: open(aim, run); break;
        case State::kClosed:
        case State::kFiltered: not_open(aim, run); break;
        case State::kUnknown: out_.unproven += run.ports.last - run.ports.first + 1U; break;
      }
    }
  }

  Judged finish() {
    std::ranges::stable_sort(out_.disagreements, {}, [](const Disagreement& d) {
      return d.observed.state != State::kOpen;
    });
    return std::move(out_);
  }

 private:
  [[nodiscard]] trace::Answer ask(std::size_t aim, std::uint16_t port) const {
    return computed(asker_, plan_, plan_.aims[aim], Port{port});
  }

  void disagree(std::size_t aim, const PortRun& run, trace::Answer answer) {
    out_.disagreeing += run.ports.last - run.ports.first + 1U;
    Disagreement one{.aim = aim,
                     .observed = run,
                     .computed = answer.verdict,
                     .how = answer.how,
                     .reason = std::move(answer.reason),
                     .rules = audit::quotes(answer.rules)};
    if (!out_.disagreements.empty()) {
      Disagreement& last = out_.disagreements.back();
      const bool same = last.aim == aim && last.observed.ports.last + 1U == run.ports.first &&
                        last.observed.state == run.state && last.observed.proof == run.proof &&
                        last.observed.error == run.error && last.computed == one.computed &&
                        last.reason == one.reason && last.rules == one.rules;
      if (same) {
        last.observed.ports.last = run.ports.last;
        return;
      }
    }
    out_.disagreements.push_back(std::move(one));
  }

  void open(std::size_t aim, const PortRun& run) {
    for (std::uint32_t number = run.ports.first; number <= run.ports.last; ++number) {
      const auto port = static_cast<std::uint16_t>(number);
      trace::Answer answer = ask(aim, port);
      OpenPort found{.port = Port{port}, .socket = answer.socket, .ns = answer.socket_ns};
      const bool in_doubt = plan_.aims[aim].doubt.contains(port);
      if (answer.verdict == trace::Verdict::kOpen && !in_doubt) {
        ++out_.confirmed;
      } else if (answer.verdict == trace::Verdict::kClosed && !in_doubt) {
        found.agreement = Agreement::kDisagrees;
        disagree(aim, {{port, port}, run.state, run.proof, run.error}, std::move(answer));
      } else {
        found.agreement = Agreement::kResolved;
        ++out_.resolved;
      }
      out_.open[aim].push_back(std::move(found));
    }
  }

  void not_open(std::size_t aim, const PortRun& run) {
    const Aim& a = plan_.aims[aim];
    const IntervalSet ports = IntervalSet::range(run.ports.first, run.ports.last);
    const IntervalSet doubt = ports.intersect(a.doubt);
    const IntervalSet against = without(ports.intersect(a.open), a.doubt);
    out_.resolved += size_of(doubt);
    out_.confirmed += size_of(without(without(ports, a.open), a.doubt));
    for (const Interval& i : against.intervals()) {
      const PortRange range{static_cast<std::uint16_t>(i.first),
                            static_cast<std::uint16_t>(i.last)};
      trace::Answer answer = ask(aim, range.first);
      if (answer.verdict == trace::Verdict::kUnknown)
        out_.resolved += i.last - i.first + 1;
      else
        disagree(aim, {range, run.state, run.proof, run.error}, std::move(answer));
    }
  }

  const query::Asker& asker_;
  const Plan& plan_;
  Judged out_;
};

}  // namespace

trace::Answer computed(const query::Asker& asker, const Plan& plan, const Aim& aim, Port port) {
  query::Target target;
  target.to = aim.to;
  target.scope = aim.scope;
  target.port = port;
  target.protocol = aim.protocol;
  return asker.ask(plan.seats[aim.seat].seat, target).answer;
}

Judged judge(const query::Asker& asker, const Plan& plan, std::span<const Swept> swept) {
  Judge judge(asker, plan);
  for (std::size_t i = 0; i < std::min(swept.size(), plan.aims.size()); ++i) judge.one(i, swept[i]);
  return judge.finish();
}

}  // namespace bulkhead::scan
