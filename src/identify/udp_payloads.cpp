#include "identify/udp_payloads.h"

#include <algorithm>
#include <set>

#include "services/deny.h"

namespace bulkhead::identify {
namespace {

constexpr std::size_t kMostPayloads = 4;  // of one port

std::vector<std::string> questions_of(const services::Matcher& matcher,
                                      const services::Entry& entry) {
  std::vector<std::string> out;
  for (const std::size_t index : matcher.known_by(entry)) {
    const services::Exchange& exchange = matcher.exchanges()[index];
    if (exchange.asking == services::Asking::kSend && exchange.protocol == IpProtocol::kUdp &&
        !services::refusal(exchange))
      out.push_back(exchange.send);
  }
  return out;
}

void add(const std::vector<std::string>& questions, Port port, probe::UdpPayloads& out) {
  if (questions.empty() || services::may_print(port, IpProtocol::kUdp)) return;
  std::vector<std::string>& known = out[port];
  for (const std::string& question : questions) {
    const bool fresh = std::ranges::find(known, question) == known.end();
    if (fresh && known.size() < kMostPayloads) known.push_back(question);
  }
}

}  // namespace

probe::UdpPayloads udp_payloads(const services::Matcher& matcher,
                                const std::vector<UdpListener>& listeners) {
  probe::UdpPayloads out;
  // Who listens is more than what usually does there: these come first.
  for (const bool by_process : {true, false}) {
    for (const services::Entry& entry : matcher.entries()) {
      const std::vector<std::string> questions = questions_of(matcher, entry);
      if (questions.empty()) continue;
      if (by_process) {
        for (const UdpListener& listener : listeners) {
          if (std::ranges::find(entry.processes, listener.process) != entry.processes.end())
            add(questions, listener.port, out);
        }
        continue;
      }
      for (const auto* ports : {&entry.ports, &entry.also}) {
        for (const std::uint16_t number : *ports) add(questions, Port{number}, out);
      }
    }
  }
  return out;
}

}  // namespace bulkhead::identify
