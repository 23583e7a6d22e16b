#include "engine/endpoint.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead::engine {
namespace {

constexpr std::size_t kLongestUrl = 1024;
constexpr std::size_t kLongestUnixPath = 107;  // sun_path, with its end

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._:[]").find(c) != std::string_view::npos;
}

std::unexpected<Error> bad(std::string_view url, std::string_view why) {
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(url, 128) + "' " + std::string(why) +
                  "; write unix:///path, tcp://host:port or https://host:port");
}

bool has_port(std::string_view host) {
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  return colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
}

Result<Target> unix_target(std::string_view url, std::string_view path) {
  if (!path.starts_with('/')) return bad(url, "has no absolute path");
  if (path.size() > kLongestUnixPath || path.find('\0') != std::string_view::npos) {
    return bad(url, "is too long for a unix socket");
  }
  // The host is never looked up: the connection is there before the library would make one.
  return Target{std::string(path), "http://127.0.0.1", false};
}

}  // namespace

Result<Target> parse_endpoint(const Endpoint& endpoint) {
  const std::string_view url = endpoint.url;
  if (url.size() > kLongestUrl) return bad(url, "is too long");
  const auto end = url.find("://");
  if (end == std::string_view::npos) return bad(url, "is not a URL");
  const std::string_view scheme = url.substr(0, end);
  std::string_view host = url.substr(end + 3);
  if (scheme == "unix") return unix_target(url, host);
  if (scheme != "tcp" && scheme != "http" && scheme != "https")
    return bad(url, "has an unknown scheme");
  if (host.ends_with('/')) host.remove_suffix(1);
  if (host.empty() || !std::ranges::all_of(host, is_host_character)) {
    return bad(url, "is more than a host and a port");
  }
  Target target;
  target.tls = scheme == "https" || (scheme == "tcp" && !endpoint.tls_directory.empty());
  target.base = (target.tls ? "https://" : "http://") + std::string(host);
  if (!has_port(host)) target.base += target.tls ? ":2376" : ":2375";
  return target;
}

}  // namespace bulkhead::engine
