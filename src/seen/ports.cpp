#include "seen/ports.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace bulkhead::seen {

Result<IpProtocol> read_protocol(std::string_view text) {
  if (text == "tcp") return IpProtocol::kTcp;
  if (text == "udp") return IpProtocol::kUdp;
  return fail(ErrorCode::kInvalidInput, "'" + escape_text(text, 32) + "' is not tcp or udp");
}

Result<PortAndProtocol> read_port(std::string_view text) {
  PortAndProtocol out;
  const std::size_t slash = text.find('/');
  const std::string_view digits = text.substr(0, slash);
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.port.number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(text, 32) + "' is not a port; write 6379 or 53/udp");
  }
  if (slash == std::string_view::npos) return out;
  auto protocol = read_protocol(text.substr(slash + 1));
  if (!protocol) return std::unexpected(protocol.error());
  out.protocol = *protocol;
  return out;
}

Result<std::vector<PortsWanted>> read_port_ranges(std::string_view text) {
  std::vector<PortsWanted> out;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::string_view whole = part;
    const auto wrong = [whole] {
      return fail(ErrorCode::kInvalidInput, "'" + escape_text(whole, 32) +
                                                "' is no port or range; write 22, 8000-8100 or "
                                                "53/udp, with commas between them");
    };
    const std::size_t dash = part.find('-');
    auto last = read_port(dash == std::string_view::npos ? part : part.substr(dash + 1));
    if (!last) return wrong();
    auto first = last;
    if (dash != std::string_view::npos) first = read_port(part.substr(0, dash));
    if (!first || first->port.number == 0 || first->port > last->port) return wrong();
    out.push_back({{first->port.number, last->port.number}, last->protocol});
  }
  if (out.empty()) return fail(ErrorCode::kInvalidInput, "no ports; write 22, 8000-8100 or 53/udp");
  return out;
}

}  // namespace bulkhead::seen
