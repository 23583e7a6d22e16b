#include "services/deny.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace bulkhead::services {
namespace {

// Path segments that act, stream or cost, wherever they stand in a path. Lower case.
constexpr auto kDeniedSegments = std::to_array<std::string_view>({
    "update",  // Watchtower: GET starts an update
    "exec",
    "attach",
    "run",
    "portforward",  // kubelet, Docker: streams into
                    // containers
    "events",
    "watch",
    "tail",
    "stream",
    "follow",  // never end
    "shutdown",
    "restart",
    "stop",
    "start",
    "kill",
    "quit",
    "quitquitquit",
    "reload",
    "reset",
    "reboot",
    "reopen",
    "drain",
    "seal",
    "unseal",
    "init",
    "install",
    "setup.php",
    "upload",
    "uploads",
    "delete",
    "remove",
    "prune",
    "purge",
    "flush",
    "invoke",
    "fail",
    "load",
    "logout",
    "build",
    "script",
    "scripttext",
    "console",
    "groovy",
    "shell",
    "terminal",
    "heapdump",
    "threaddump",
    "profile",
    "trace",
    "dump",
    "snapshot",
    "backup",
    "export",
    "restore",
    "login.cgi",
    "token",
    "tokens",
    "password",
    "secrets",
    "resetpassword",
});

// Names of parameters that carry credentials.
constexpr auto kDeniedParameters = std::to_array<std::string_view>(
    {"password", "passwd", "pass", "pwd", "token", "access_token", "auth", "authorization", "key",
     "apikey", "api_key", "secret", "user", "username", "login", "u", "p"});

// Anywhere in the bytes, any case: commands of text protocols that change, stop, load or log in.
constexpr auto kDeniedWords = std::to_array<std::string_view>({
    "config",        "flush",      "shutdown",  "slaveof",       "replicaof",  "eval",
    "debug",         "module",     "bgsave",    "bgrewriteaof",  "failover",   "migrate",
    "auth ",         "pass ",      "user ",     "login ",        "delete",     "drop ",
    "insert ",       "update ",    "rcpt",      "mail from",     "system.run", "stor ",
    "dele ",         "rmd ",       "site ",     "authenticate ", "kill",       "system_powerdown",
    "human-monitor", "createuser", "register ", "invite ",
});

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

bool plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._~?=&,:+*@-").find(c) != std::string_view::npos;
}

template <class List>
bool holds(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

// Calls `each` with every part of `text` between any two of `separators`.
template <class Each>
void split(std::string_view text, std::string_view separators, Each each) {
  while (true) {
    const std::size_t end = text.find_first_of(separators);
    each(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::string> refused_target(std::string_view target) {
  const std::size_t query_at = target.find('?');
  const std::string path = lower(target.substr(0, query_at));
  std::optional<std::string> why;
  split(std::string_view(path).substr(1), "/", [&](std::string_view segment) {
    if (segment == "." || segment == "..") why = "a relative path may lead anywhere";
    if (holds(kDeniedSegments, segment))
      why = "'" + std::string(segment) + "' is on the list of paths that act, stream or cost";
  });
  if (path.find("//") != std::string::npos) why = "an empty path segment may hide another path";
  if (why || query_at == std::string_view::npos) return why;
  const std::string query = lower(target.substr(query_at + 1));
  split(query, "&", [&](std::string_view parameter) {
    const std::string_view name = parameter.substr(0, parameter.find('='));
    if (holds(kDeniedParameters, name))
      why = "the parameter '" + std::string(name) + "' may carry a credential";
  });
  return why;
}

std::optional<std::string> refused_http(const Exchange& exchange) {
  if (exchange.method != "GET" && exchange.method != "HEAD") {
    return "only GET and HEAD are ever sent, not " + escape_text(exchange.method, 32);
  }
  std::string_view target = exchange.path;
  if (!std::ranges::all_of(target, plain_character)) {
    return "a path holds letters, digits and /._~?=&,:+*@- only; no encoding, no blank";
  }
  constexpr std::string_view kScheme = "http://";
  if (target.starts_with(kScheme)) {
    target.remove_prefix(kScheme.size());
    const std::size_t slash = target.find('/');
    const std::string_view host = target.substr(0, slash);
    if (!host.ends_with(".invalid") || host.find_first_of("@:?") != std::string_view::npos ||
        slash == std::string_view::npos) {
      return "a request through a proxy may name only a host below .invalid";
    }
    target.remove_prefix(slash);
  }
  if (!target.starts_with('/')) return "a path begins with /";
  return refused_target(target);
}

// A request line of HTTP: what asks so must be written as get or head. Discovery of UPnP and the
// preface of HTTP/2 look like one and do nothing.
bool hides_http(std::string_view bytes) {
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  return bytes.find(" HTTP/") != std::string_view::npos &&
         !line.starts_with("M-SEARCH * HTTP/1.1\r") && !line.starts_with("PRI * HTTP/2.0\r");
}

std::optional<std::string> refused_bytes(std::string_view bytes) {
  if (bytes.empty()) return "there is nothing to send";
  if (hides_http(bytes)) return "HTTP is asked with get or head, not with bytes";
  const std::string text = lower(bytes);
  for (const std::string_view word : kDeniedWords) {
    if (text.find(word) != std::string::npos)
      return "'" + std::string(word) + "' is on the list of words that act or log in";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refusal(const Exchange& exchange) {
  switch (exchange.asking) {
    case Asking::kBanner:
    case Asking::kTls: return std::nullopt;
    case Asking::kHttp: return refused_http(exchange);
    case Asking::kSend: return refused_bytes(exchange.send);
  }
  return "not understood";
}

bool may_print(Port port, IpProtocol protocol) {
  return protocol == IpProtocol::kTcp && port.number >= 9100 && port.number <= 9107;
}

}  // namespace bulkhead::services
