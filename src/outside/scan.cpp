#include "outside/scan.h"

#include <algorithm>

#include "identify/identify.h"

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

// Who is asked, and of which target and port that is.
class Identification {
 public:
  Identification(probe::SocketSource& sockets, const Questions& questions)
      : sockets_(sockets), questions_(questions) {}

  void consider(std::vector<seen::Target>& targets) {
    for (seen::Target& target : targets) {
      for (const seen::PortRun& run : target.swept.runs) {
        for (std::uint32_t port = run.ports.first; port <= run.ports.last; ++port) {
          if (wanted(target, run, static_cast<std::uint16_t>(port)))
            add(target, static_cast<std::uint16_t>(port));
        }
      }
    }
  }

  // Returns how long it was paused, in milliseconds.
  std::uint64_t ask(const services::Matcher& matcher, const std::atomic<bool>& stop,
                    const std::function<bool()>& hold) {
    const auto [findings, paused_ms] =
        identify::identify(matcher, asked_, {.stop = &stop, .hold = hold});
    for (std::size_t i = 0; i < findings.size(); ++i) {
      const services::Finding& finding = findings[i];
      seen::Target& target = *of_[i];
      const Port port = asked_[i].subject.port;
      if (finding.answered > 0 && target.protocol == IpProtocol::kUdp)
        open_up(target.swept.runs, port);
      if (finding.service == nullptr) continue;
      target.services.push_back(
          {port,
           {finding.service->id, finding.service->name,
            std::string(services::to_string(finding.access.access)), finding.evidence}});
    }
    return paused_ms;
  }

  [[nodiscard]] std::size_t beyond() const { return beyond_; }

 private:
  // A TFTP server answers from a port of its own, which a scan takes for nobody's: so silent ones
  // are asked as well, of machines that are there.
  [[nodiscard]] bool wanted(const seen::Target& target, const seen::PortRun& run,
                            std::uint16_t port) const {
    if (run.state == State::kOpen) return true;
    return run.proof == Proof::kNoUdpAnswer && target.swept.counts.answered > 0 &&
           questions_.payloads.contains(Port{port});
  }

  void add(seen::Target& target, std::uint16_t port) {
    if (asked_.size() == kMostIdentified) {
      ++beyond_;
      return;
    }
    identify::Target one;
    one.open = [this](IpFamily family, IpProtocol protocol) {
      using probe::SocketKind;
      return sockets_.open(0, family,
                           protocol == IpProtocol::kUdp ? SocketKind::kUdp : SocketKind::kTcp);
    };
    one.address = target.to;
    one.subject = {Port{port}, target.protocol, false};
    asked_.push_back(std::move(one));
    of_.push_back(&target);
  }

  probe::SocketSource& sockets_;
  const Questions& questions_;
  std::vector<identify::Target> asked_;
  std::vector<seen::Target*> of_;
  std::size_t beyond_ = 0;
};

}  // namespace

seen::Record scan(const services::Matcher& matcher, const Work& work, probe::SocketSource& sockets,
                  const std::atomic<bool>& stop,
                  const std::function<void(const probe::Progress&)>& tell) {
  Aims aims;
  for (const Machine& machine : work.machines) {
    aims.add(machine, IpProtocol::kTcp, work.questions.tcp);
    aims.add(machine, IpProtocol::kUdp, work.questions.udp);
  }
  probe::SweepLimits limits = work.limits;
  limits.payloads = work.identify ? &work.questions.payloads : nullptr;
  limits.patient_udp = work.questions.patient_udp;
  probe::Sweep swept = probe::sweep(sockets, 1, aims.aims, limits, stop, tell);
  for (std::size_t i = 0; i < aims.targets.size(); ++i)
    aims.targets[i].swept = std::move(swept.aims[i]);
  seen::Record out;
  out.finished = swept.finished;
  out.elapsed_ms = swept.elapsed_ms;
  out.paused_ms = swept.paused_ms;
  if (work.identify && swept.finished) {
    Identification identification(sockets, work.questions);
    identification.consider(aims.targets);
    out.paused_ms += identification.ask(matcher, stop, limits.hold);
    if (stop) out.finished = false;
    if (identification.beyond() > 0)
      out.left_out.push_back({std::to_string(identification.beyond()) + " open ports",
                              "no more than " + std::to_string(kMostIdentified) +
                                  " are asked which service they are"});
  }
  out.seats.push_back({"outside", swept.seats.front(), std::move(aims.targets)});
  return out;
}

}  // namespace bulkhead::outside
