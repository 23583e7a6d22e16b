#include "outside/scan.h"

#include <algorithm>
#include <optional>

#include "identify/beside.h"

namespace bulkhead::outside {
namespace {

using seen::Proof;
using seen::State;

struct Aims {
  std::vector<probe::Aim> aims;
  std::vector<seen::Target> targets;  // of the aims

  void add(const Machine& machine, IpProtocol protocol, const std::vector<seen::PortRange>& ports) {
    if (ports.empty()) return;
    aims.push_back({.seat = 0, .to = machine.address, .protocol = protocol, .ports = ports});
    targets.push_back({.to = machine.address, .names = machine.names, .protocol = protocol});
  }
};

// Makes one port of a run open, because it answered after all.
void open_up(std::vector<seen::PortRun>& runs, Port port) {
  const auto at = std::ranges::find_if(runs, [port](const seen::PortRun& r) {
    return r.ports.first <= port.number && port.number <= r.ports.last;
  });
  if (at == runs.end()) return;
  const seen::PortRun whole = *at;
  std::vector<seen::PortRun> parts;
  if (whole.ports.first < port.number) {
    parts.push_back(whole);
    parts.back().ports.last = static_cast<std::uint16_t>(port.number - 1);
  }
  parts.push_back({{port.number, port.number}, State::kOpen, Proof::kAccepted, 0});
  if (port.number < whole.ports.last) {
    parts.push_back(whole);
    parts.back().ports.first = static_cast<std::uint16_t>(port.number + 1);
  }
  runs.insert(runs.erase(at), parts.begin(), parts.end());
}

// Who is asked, and of which target and port that is: open TCP ports while the sweep goes on.
class Identification {
 public:
  Identification(const services::Matcher& matcher, probe::SocketSource& sockets,
                 const Questions& questions, const std::vector<seen::Target>& targets,
                 identify::Limits limits)
      : sockets_(sockets),
        questions_(questions),
        beside_(matcher, std::move(limits), [&targets, this](std::size_t aim, Port port) {
          return choose(targets[aim], port);
        }) {}

  [[nodiscard]] probe::Companion& companion() { return beside_; }

  // The sweep is over. Returns how long it was paused, in milliseconds.
  std::uint64_t ask(std::vector<seen::Target>& targets) {
    for (std::size_t aim = 0; aim < targets.size(); ++aim) {
      for (const seen::PortRun& run : targets[aim].swept.runs) {
        for (std::uint32_t port = run.ports.first; port <= run.ports.last; ++port) {
          if (wanted(targets[aim], run, static_cast<std::uint16_t>(port)))
            want(targets[aim], aim, Port{static_cast<std::uint16_t>(port)});
        }
      }
    }
    const auto [findings, paused_ms] = beside_.finish();
    for (const Asked& one : asked_) note(findings[one.number], targets[one.target], one.port);
    return paused_ms;
  }

  // It was cut short: what is known of open ports.
  void give_up(std::vector<seen::Target>& targets) {
    for (std::size_t aim = 0; aim < targets.size(); ++aim) {
      for (const seen::PortRun& run : targets[aim].swept.runs) {
        for (std::uint32_t port = run.ports.first;
             run.state == State::kOpen && port <= run.ports.last; ++port) {
          const Port open{static_cast<std::uint16_t>(port)};
          if (const auto number = beside_.known(aim, open)) asked_.push_back({*number, aim, open});
        }
      }
    }
    const auto findings = beside_.give_up().findings;
    for (const Asked& one : asked_) note(findings[one.number], targets[one.target], one.port);
  }

  [[nodiscard]] std::size_t beyond() const { return beyond_; }

 private:
  struct Asked {
    std::size_t number = 0, target = 0;
    Port port;
  };

  // A TFTP server answers from a port of its own, which a scan takes for nobody's: so silent ones
  // are asked as well, of machines that are there.
  [[nodiscard]] bool wanted(const seen::Target& target, const seen::PortRun& run,
                            std::uint16_t port) const {
    if (run.state == State::kOpen) return true;
    return run.proof == Proof::kNoUdpAnswer && target.swept.counts.answered > 0 &&
           questions_.payloads.contains(Port{port});
  }

  std::optional<identify::Target> choose(const seen::Target& target, Port port) {
    if (early_ == kMostIdentified) return std::nullopt;
    ++early_;
    return asked_of(target, port);
  }

  [[nodiscard]] identify::Target asked_of(const seen::Target& target, Port port) const {
    identify::Target one;
    one.open = [this](IpFamily family, IpProtocol protocol) {
      using probe::SocketKind;
      return sockets_.open(0, family,
                           protocol == IpProtocol::kUdp ? SocketKind::kUdp : SocketKind::kTcp);
    };
    one.address = target.to;
    one.subject = {port, target.protocol, false};
    return one;
  }

  void want(const seen::Target& target, std::size_t aim, Port port) {
    if (asked_.size() == kMostIdentified) {
      ++beyond_;
      return;
    }
    const std::size_t number = beside_.want(aim, port, [&] { return asked_of(target, port); });
    asked_.push_back({number, aim, port});
  }

  static void note(const services::Finding& finding, seen::Target& target, Port port) {
    if (finding.answered > 0 && target.protocol == IpProtocol::kUdp)
      open_up(target.swept.runs, port);
    if (finding.service == nullptr) return;
    target.services.push_back(
        {port,
         {finding.service->id, finding.service->name,
          std::string(services::to_string(finding.access.access)), finding.evidence}});
  }

  probe::SocketSource& sockets_;
  const Questions& questions_;
  std::vector<Asked> asked_;
  std::size_t beyond_ = 0, early_ = 0;
  identify::BesideSweep beside_;
};

}  // namespace

seen::Record scan(const services::Matcher& matcher, const Work& work, probe::SocketSource& sockets,
                  const std::atomic<bool>& stop, const Tell& tell) {
  Aims aims;
  for (const Machine& machine : work.machines) {
    aims.add(machine, IpProtocol::kTcp, work.questions.tcp);
    aims.add(machine, IpProtocol::kUdp, work.questions.udp);
  }
  probe::SweepLimits limits = work.limits;
  limits.payloads = work.identify ? &work.questions.payloads : nullptr;
  limits.patient_udp = work.questions.patient_udp;
  std::optional<Identification> identification;
  if (work.identify) {
    identification.emplace(
        matcher, sockets, work.questions, aims.targets,
        identify::Limits{.stop = &stop, .hold = limits.hold, .tell = tell.services});
    limits.companion = &identification->companion();
  }
  probe::Sweep swept = probe::sweep(sockets, 1, aims.aims, limits, stop, tell.packets);
  for (std::size_t i = 0; i < aims.targets.size(); ++i)
    aims.targets[i].swept = std::move(swept.aims[i]);
  seen::Record out;
  out.finished = swept.finished;
  out.elapsed_ms = swept.elapsed_ms;
  out.paused_ms = swept.paused_ms;
  if (identification && !swept.finished) identification->give_up(aims.targets);
  if (identification && swept.finished) {
    out.paused_ms += identification->ask(aims.targets);
    if (stop) out.finished = false;
    if (identification->beyond() > 0)
      out.left_out.push_back({std::to_string(identification->beyond()) + " open ports",
                              "no more than " + std::to_string(kMostIdentified) +
                                  " are asked which service they are"});
  }
  out.seats.push_back({"outside", swept.seats.front(), std::move(aims.targets)});
  return out;
}

}  // namespace bulkhead::outside
