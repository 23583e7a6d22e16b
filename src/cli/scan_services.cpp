#include "cli/scan_services.h"

#include <map>
#include <tuple>
#include <vector>

#include "identify/identify.h"
#include "identify/udp_payloads.h"
#include "services/entry.h"

namespace bulkhead::cli {
namespace {

// A listener: the socket that the model names, or else the address as one seat sees it.
using Listener = std::tuple<const model::Socket*, std::size_t, ScopedAddress, Port, IpProtocol>;

Listener listener_of(const scan::Aim& aim, const scan::OpenPort& open) {
  if (open.socket != nullptr) return {open.socket, 0, {}, open.port, aim.protocol};
  // Of a machine beyond the host, too, the first seat that gets there asks for all.
  if (aim.beyond) return {nullptr, 0, aim.scoped(), open.port, aim.protocol};
  return {nullptr, aim.seat, aim.scoped(), open.port, aim.protocol};
}

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

void identify_open_ports(const services::Matcher& matcher, probe::SocketSource& sockets,
                         const std::atomic<bool>& stop, scan::Result& result) {
  std::vector<identify::Target> targets;
  std::map<Listener, std::size_t> asked;
  for (std::size_t i = 0; i < result.judged.open.size(); ++i) {
    const scan::Aim& aim = result.plan.aims[i];
    for (const scan::OpenPort& open : result.judged.open[i]) {
      if (targets.size() == kMostIdentified) break;
      if (asked.try_emplace(listener_of(aim, open), targets.size()).second)
        targets.push_back(target_of(sockets, aim, open));
    }
  }
  const std::vector<services::Finding> found =
      identify::identify(matcher, targets, {.stop = &stop});
  if (stop) result.finished = false;
  for (std::size_t i = 0; i < result.judged.open.size(); ++i) {
    for (scan::OpenPort& open : result.judged.open[i]) {
      const auto at = asked.find(listener_of(result.plan.aims[i], open));
      if (at != asked.end() && found[at->second].service != nullptr)
        open.service = service_of(found[at->second]);
    }
  }
}

}  // namespace bulkhead::cli
