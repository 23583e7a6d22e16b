#include "outside/questions.h"

#include <algorithm>
#include <set>

#include "identify/udp_payloads.h"

namespace bulkhead::outside {
namespace {

using Ports = std::set<std::uint16_t>;

std::vector<seen::PortRange> to_ranges(const Ports& ports) {
  std::vector<seen::PortRange> out;
  for (const std::uint16_t port : ports) {
    if (!out.empty() && out.back().last + 1U == port)
      out.back().last = port;
    else
      out.push_back({port, port});
  }
  return out;
}

void insert(Ports& ports, const seen::PortRange& range) {
  for (std::uint32_t port = range.first; port <= range.last; ++port)
    ports.insert(static_cast<std::uint16_t>(port));
}

}  // namespace

Result<Questions> make_questions(const services::Matcher& matcher,
                                 std::span<const std::string> wanted, bool udp) {
  Questions out;
  out.payloads = identify::udp_payloads(matcher);
  Ports of_tcp, of_udp;
  if (wanted.empty()) {
    of_tcp = services::tcp_ports(matcher);
    for (const auto& [port, payloads] : out.payloads) {
      if (udp) of_udp.insert(port.number);
    }
  }
  for (const std::string& text : wanted) {
    if (text == "all") {
      insert(of_tcp, {1, 65535});
      continue;
    }
    auto ranges = seen::read_port_ranges(text);
    if (!ranges) return within("--ports", ranges.error());
    for (const seen::PortsWanted& one : *ranges) {
      const bool is_udp = one.protocol == IpProtocol::kUdp;
      insert(is_udp ? of_udp : of_tcp, one.ports);
      out.patient_udp = out.patient_udp || is_udp;
    }
  }
  of_tcp.erase(0);
  out.tcp = to_ranges(of_tcp);
  out.udp = to_ranges(of_udp);
  return out;
}

}  // namespace bulkhead::outside
