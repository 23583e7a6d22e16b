#include "manifest/published.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "compile/sides.h"
#include "policy/meaning.h"

namespace bulkhead::manifest {
namespace {

using policy::Line;
using policy::LineKind;
using policy::PartyKind;
using policy::PortSpec;
using policy::Zone;

constexpr std::size_t kLongestZone = 64;

bool is_from_everywhere(const Line& line) {
  return std::ranges::any_of(line.from, [](const policy::Party& p) {
    return p.kind == PartyKind::kZone && p.name == "internet";
  });
}

bool lets_in(const compile::Input& input, const Line& line, const Zone& zone, IpFamily family) {
  return std::ranges::any_of(line.from, [&](const policy::Party& p) {
    return !compile::senders(input.config, zone, p, family).empty();
  });
}

bool has_port(const Line& line, PortSpec port) {
  return std::ranges::find(line.ports, port) != line.ports.end();
}

bool names_unit(const compile::Input& input, std::span<const policy::Party> parties,
                const Unit& unit) {
  return std::ranges::any_of(input.bound.members_of(input.config, parties), [&](std::size_t m) {
    return std::ranges::binary_search(unit.members, m);
  });
}

// Addresses of the host in that zone.
std::vector<IpAddress> own_addresses(const compile::Input& input, const Zone& zone,
                                     IpFamily family) {
  std::vector<IpAddress> out;
  for (const model::Address& a : input.snapshot.namespaces[input.snapshot.host.value].addresses) {
    const bool of_zone = zone.link && a.link == zone.link && a.local.family() == family;
    if (of_zone && !(a.local.is_v6() && a.local.is_link_local())) out.push_back(a.local);
  }
  return out;
}

// Whether the host's own processes may dial it: at a loopback address, through the engine's proxy.
bool host_may(const compile::Input& input, const Unit& unit, const model::PublishedPort& p) {
  return std::ranges::any_of(policy::permitted(input.config, input.now_ms), [&](const Line& line) {
    if (!names_unit(input, line.to, unit)) return false;
    if (line.kind == LineKind::kIngress) return has_port(line, {p.host_port, p.protocol});
    return line.kind == LineKind::kAllow && policy::names_host(line.from) &&
           has_port(line, {p.container_port, p.protocol});
  });
}

// The addresses at which a port that is published everywhere stays so: as it is, or fewer.
std::set<IpAddress> bound_to(const compile::Input& input, const Unit& unit,
                             const model::PublishedPort& p) {
  std::set<IpAddress> out;
  const IpFamily family = p.host_address.family();
  for (const Line& line : policy::permitted(input.config, input.now_ms)) {
    if (line.kind != LineKind::kIngress || !has_port(line, {p.host_port, p.protocol})) continue;
    if (!names_unit(input, line.to, unit)) continue;
    if (is_from_everywhere(line)) return {p.host_address};
    for (const Zone& zone : input.zones) {
      if (!lets_in(input, line, zone, family)) continue;
      if (!p.host_address.is_unspecified()) return {p.host_address};
      for (const IpAddress& a : own_addresses(input, zone, family)) out.insert(a);
    }
  }
  return out;
}

std::string port_text(const IpAddress& at, const model::PublishedPort& p) {
  const std::string address = at.is_v6() ? "[" + at.to_string() + "]" : at.to_string();
  return address + ":" + std::to_string(p.host_port.number) + ":" +
         policy::to_string(PortSpec{p.container_port, p.protocol});
}

// Zones that share an interface with those that are let in, and are not let in.
void note_neighbours(const compile::Input& input, const Line& line, Notes& notes) {
  for (const Zone& zone : input.zones) {
    if (!zone.link || lets_in(input, line, zone, IpFamily::kV4) ||
        lets_in(input, line, zone, IpFamily::kV6))
      continue;
    for (const Zone& other : input.zones) {
      const bool in = other.link == zone.link && (lets_in(input, line, other, IpFamily::kV4) ||
                                                  lets_in(input, line, other, IpFamily::kV6));
      if (in)
        notes.of(line, "zone " + escape_text(zone.name, kLongestZone) +
                           " reaches the address of zone " + escape_text(other.name, kLongestZone) +
                           ": both are at one interface");
    }
  }
}

}  // namespace

std::vector<std::string> ports_of(const compile::Input& input, const Unit& unit, Notes& notes) {
  std::set<std::string> out;
  for (const std::size_t m : unit.members) {
    for (const model::PublishedPort& p : input.bound.members[m].container->published) {
      if (p.host_port.number == 0) continue;
      if (p.protocol != IpProtocol::kTcp && p.protocol != IpProtocol::kUdp) {
        notes.of_all("a published port of " + unit.text() + " is neither TCP nor UDP: taken out");
        continue;
      }
      if (p.host_address.is_loopback()) {
        if (host_may(input, unit, p)) out.insert(port_text(p.host_address, p));
        continue;
      }
      for (const IpAddress& at : bound_to(input, unit, p)) out.insert(port_text(at, p));
    }
  }
  return {out.begin(), out.end()};
}

void note_ingress(const compile::Input& input, const Line& line, Notes& notes) {
  const auto members = input.bound.members_of(input.config, line.to);
  for (const PortSpec& port : line.ports) {
    const bool there = std::ranges::any_of(members, [&](std::size_t m) {
      return std::ranges::any_of(input.bound.members[m].container->published, [&](const auto& p) {
        return PortSpec{p.host_port, p.protocol} == port;
      });
    });
    if (!there && !members.empty())
      notes.of(line, "nothing publishes " + to_string(port) +
                         " now, so the port inside is not known: it is not published");
  }
  if (is_from_everywhere(line)) return;
  for (const policy::Party& p : line.from) {
    if (p.kind == PartyKind::kTrust)
      notes.of(line, "not only " + policy::to_string(p) +
                         ": everybody in the zones in which it is reaches that address");
  }
  notes.of(line,
           "an address of the host is reached by other interfaces, too, from where it is routed");
  note_neighbours(input, line, notes);
}

}  // namespace bulkhead::manifest
