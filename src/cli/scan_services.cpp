#include "cli/scan_services.h"

#include <algorithm>
#include <vector>

#include "identify/udp_payloads.h"
#include "services/entry.h"

namespace bulkhead::cli {
namespace {

// Walks through the model that the sweep is kept waiting for: they tell listeners that several
// seats reach from others. What comes after them is asked when the sweep is over.
constexpr std::size_t kMostWalks = 4096;

// Who listens is known, and is not the one program of Debian's that prints what it gets.
bool prints_nothing(const scan::OpenPort& open) {
  if (open.socket == nullptr || open.socket->owners.empty()) return false;
  return open.socket->owners.front().command != "p910nd";
}

identify::Target target_of(probe::SocketSource& sockets, const scan::Aim& aim,
                           const scan::OpenPort& open) {
  identify::Target out;
  out.open = [&sockets, seat = aim.seat](IpFamily family, IpProtocol protocol) {
    using probe::SocketKind;
    return sockets.open(seat, family,
                        protocol == IpProtocol::kUdp ? SocketKind::kUdp : SocketKind::kTcp);
  };
  out.address = aim.to;
  out.scope = aim.scope.value;
  out.subject = {open.port, aim.protocol, prints_nothing(open)};
  return out;
}

scan::Service service_of(const services::Finding& finding) {
  return {finding.service->id, finding.service->name,
          std::string(services::to_string(finding.access.access)), finding.evidence};
}

}  // namespace

probe::UdpPayloads payloads_for(const services::Matcher& matcher, const model::Snapshot& snapshot) {
  std::vector<identify::UdpListener> listeners;
  for (const model::NetNs& ns : snapshot.namespaces) {
    for (const model::Socket& socket : ns.sockets) {
      if (socket.protocol == IpProtocol::kUdp && !socket.peer && !socket.owners.empty())
        listeners.push_back({socket.port, socket.owners.front().command});
    }
  }
  return identify::udp_payloads(matcher, listeners);
}

OpenPortServices::OpenPortServices(const query::Asker& asker, const scan::Plan& plan, Means means)
    : asker_(asker),
      plan_(plan),
      means_(std::move(means)),
      beside_(means_.matcher, {.stop = &means_.stop, .hold = means_.hold, .tell = means_.tell},
              [this](std::size_t aim, Port port) { return choose(aim, port); }) {}

OpenPortServices::Listener OpenPortServices::listener_of(const scan::Aim& aim,
                                                         const scan::OpenPort& open) {
  if (open.socket != nullptr) return {open.socket, 0, {}, open.port, aim.protocol};
  // Of a machine beyond the host, too, the first seat that gets there asks for all.
  if (aim.beyond) return {nullptr, 0, aim.scoped(), open.port, aim.protocol};
  return {nullptr, aim.seat, aim.scoped(), open.port, aim.protocol};
}

// One that is found from an earlier aim later on is asked from there as well: the earlier counts.
std::optional<identify::Target> OpenPortServices::choose(std::size_t index, Port port) {
  if (walks_ == kMostWalks || first_.size() == kMostIdentified) return std::nullopt;
  ++walks_;
  const scan::Aim& aim = plan_.aims[index];
  const trace::Answer answer = scan::computed(asker_, plan_, aim, port);
  const scan::OpenPort open{.port = port, .socket = answer.socket, .ns = answer.socket_ns};
  const auto [at, fresh] = first_.try_emplace(listener_of(aim, open), index);
  if (!fresh && at->second <= index) return std::nullopt;
  at->second = index;
  return target_of(means_.sockets, aim, open);
}

void OpenPortServices::fill(scan::Result& result) {
  std::map<Listener, std::size_t> numbers;  // in the findings
  for (std::size_t i = 0; i < result.judged.open.size(); ++i) {
    const scan::Aim& aim = plan_.aims[i];
    for (const scan::OpenPort& open : result.judged.open[i]) {
      const Listener listener = listener_of(aim, open);
      if (numbers.contains(listener)) continue;
      if (!result.finished) {
        if (const auto known = beside_.known(i, open.port)) numbers.emplace(listener, *known);
      } else if (numbers.size() < kMostIdentified) {
        numbers.emplace(listener, beside_.want(i, open.port, [&] {
          return target_of(means_.sockets, aim, open);
        }));
      }
    }
  }
  const auto [findings, paused_ms] = result.finished ? beside_.finish() : beside_.give_up();
  if (means_.stop) result.finished = false;
  result.paused_ms += paused_ms;
  for (std::size_t i = 0; i < result.judged.open.size(); ++i) {
    for (scan::OpenPort& open : result.judged.open[i]) {
      const auto at = numbers.find(listener_of(plan_.aims[i], open));
      if (at != numbers.end() && findings[at->second].service != nullptr)
        open.service = service_of(findings[at->second]);
    }
  }
}

}  // namespace bulkhead::cli
