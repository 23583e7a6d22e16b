// Records of one target, written down in one line.
#pragma once

#include <string>
#include <vector>

#include "seen/record.h"

namespace bulkhead::seen {

inline PortRun run_of(std::uint16_t first, std::uint16_t last, State state,
                      Proof proof = Proof::kReset) {
  return {{first, last}, state, proof, 0};
}

inline Record record_of(std::vector<PortRun> runs, std::vector<KnownPort> services = {},
                        const std::string& to = "192.168.7.9") {
  Target target{.to = IpAddress::parse(to).value()};
  target.swept.runs = std::move(runs);
  target.services = std::move(services);
  Record out;
  out.host = "watch", out.tool = "bulkhead-scan 1", out.taken_at_ms = 1795562400000;
  out.seats.push_back({"outside", {.passed = true, .engine = Engine::kSyn, .why = ""}, {target}});
  return out;
}

inline KnownPort known(std::uint16_t port, const std::string& id, const std::string& access) {
  return {Port{port}, {id, id + " server", access, "+PONG"}};
}

}  // namespace bulkhead::seen
