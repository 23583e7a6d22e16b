// HTTP GET to one engine: bounded in bytes and time, no redirect, no proxy, JSON only. There is no
// way to send anything but GET. Internal to engine/.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/docker.h"
#include "engine/transport.h"

namespace bulkhead::engine {

class HttpClient {
 public:
  // Opens nothing yet. Looks for TLS files; kInvalidInput, kNotFound.
  [[nodiscard]] static Result<HttpClient> make(const Endpoint& endpoint, UnixConnector connect,
                                               const Limits& limits);

  // The body of a 200 answer of type application/json. The connection is kept for the next.
  // kNotFound for 404, kDenied for 401, 403 and a refused certificate, kBudget for what is too
  // long, kUnavailable for everything else: no connection, time-out, broken answer, redirect, other
  // status.
  [[nodiscard]] Result<std::string> get(const std::string& path);
  // Limits::total_ms or total_bytes are used up: nothing more will be answered.
  [[nodiscard]] bool exhausted() const;

 private:
  HttpClient(std::unique_ptr<Transport> transport, const Limits& limits);

  std::unique_ptr<Transport> transport_;
  Limits limits_;
  std::chrono::steady_clock::time_point end_;
  std::uint64_t bytes_left_;
};

}  // namespace bulkhead::engine
