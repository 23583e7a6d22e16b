// What tests of identify/ ask with: the catalogue, sockets of this namespace, little patience.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "identify/identify.h"

namespace bulkhead::identify {

inline const services::Matcher& builtin() {
  static const services::Matcher matcher = [] {
    std::vector<std::string> problems;
    return services::Matcher::make(services::builtin_entries().entries, problems);
  }();
  return matcher;
}

inline Result<int> open_here(IpFamily family, IpProtocol protocol) {
  const int fd = ::socket(
      family == IpFamily::kV4 ? AF_INET : AF_INET6,
      (protocol == IpProtocol::kUdp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(ErrorCode::kUnavailable, "socket");
  return fd;
}

// Patience for servers on this machine.
inline Limits quick() {
  Limits out;
  out.banner_ms = 100, out.answer_ms = 500, out.quiet_ms = 40, out.exchange_ms = 1'000;
  out.all_ms = 10'000, out.per_target = 16;
  return out;
}

inline std::string id_of(const services::Finding& finding) {
  return finding.service == nullptr ? "" : finding.service->id;
}

}  // namespace bulkhead::identify
