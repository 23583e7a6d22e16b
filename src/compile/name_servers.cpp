#include "compile/name_servers.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "policy/meaning.h"

namespace bulkhead::compile {
namespace {

constexpr policy::PortSpec kDns{Port{53}, IpProtocol::kUdp};
constexpr std::size_t kLongest = 64;

// Members that some line lets ask.
std::set<std::size_t> permitted_to_ask(const Input& input) {
  std::set<std::size_t> out;
  for (const policy::Line& line : policy::permitted(input.config, input.now_ms)) {
    if (line.kind != policy::LineKind::kHost || line.ports.front() != kDns) continue;
    for (const std::size_t i : input.bound.members_of(input.config, line.from)) out.insert(i);
  }
  return out;
}

// Words for `from:` that cover the held members at this bridge that may not; "": none.
std::string who_may_not(const Input& input, std::span<const std::size_t> held, IfIndex bridge,
                        const std::set<std::size_t>& may) {
  std::set<std::string> tenants;
  for (const std::size_t i : held) {
    const policy::Member& member = input.bound.members[i];
    const bool here = std::ranges::any_of(
        member.attached, [&](const policy::Attached& a) { return a.bridge == bridge; });
    if (here && !may.contains(i)) tenants.insert(input.config.tenants[member.tenant].name);
  }
  std::string out;
  for (const std::string& tenant : tenants)
    out += (out.empty() ? "" : ", ") + escape_text(tenant, kLongest) + "/*";
  return out;
}

std::string said(const Input& input, const model::Socket& socket, const std::string& bridge,
                 const std::string& who) {
  std::string out =
      "the name server of " + escape_text(bridge, kLongest) + " (" +
      (socket.owners.empty() ? "" : escape_text(socket.owners[0].command, kLongest) + ", ") +
      socket.address.to_string() + ") is a service of the host, closed to " + who +
      "; to open it: host: {names: {port: 53/udp, from: [" + who + "]}}";
  if (input.config.host.empty() && is_enforced(input, input.config.mode))
    out += "; a host section closes the host's other services to zones: list those, too";
  return out;
}

}  // namespace

std::vector<std::string> closed_name_servers(const Input& input,
                                             std::span<const std::size_t> held) {
  const model::NetNs& host = input.snapshot.namespaces[input.snapshot.host.value];
  const std::set<std::size_t> may = permitted_to_ask(input);
  std::vector<std::string> out;
  for (const model::Socket& socket : host.sockets) {
    if (socket.protocol != kDns.protocol || socket.port != kDns.port || socket.peer) continue;
    const auto own = std::ranges::find(host.addresses, socket.address, &model::Address::local);
    if (own == host.addresses.end()) continue;
    const auto bridge = std::ranges::find(host.links, own->link, &model::Link::index);
    if (bridge == host.links.end()) continue;
    const std::string who = who_may_not(input, held, bridge->index, may);
    if (!who.empty()) out.push_back(said(input, socket, bridge->name, who));
  }
  return out;
}

}  // namespace bulkhead::compile
