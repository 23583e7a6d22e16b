// Two ways to one engine. Internal to engine/.
//
// Over a unix socket we speak HTTP ourselves: the descriptor comes connected from the broker, and
// libcurl 7.88 of Debian 12 does not take connected sockets (CURL_SOCKOPT_ALREADY_CONNECTED works
// again from 8.0 on). TCP and TLS are libcurl's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/docker.h"
#include "engine/endpoint.h"
#include "http/http_answer.h"

namespace bulkhead::engine {

using http::HttpAnswer;
using http::HttpAnswerParser;

class Transport {
 public:
  virtual ~Transport() = default;
  // One GET. Whatever status came is an answer; errors are those of the connection and of HTTP.
  [[nodiscard]] virtual Result<HttpAnswer> get(const std::string& path, std::uint32_t timeout_ms,
                                               std::uint64_t most_bytes) = 0;
};

[[nodiscard]] std::unique_ptr<Transport> make_socket_transport(std::string unix_path,
                                                               UnixConnector connect);
[[nodiscard]] Result<std::unique_ptr<Transport>> make_curl_transport(Target target,
                                                                     const Endpoint& endpoint);

}  // namespace bulkhead::engine
