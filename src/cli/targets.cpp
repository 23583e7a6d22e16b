#include "cli/targets.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace bulkhead::cli {

Result<IpProtocol> read_protocol(std::string_view text) {
  if (text == "tcp") return IpProtocol::kTcp;
  if (text == "udp") return IpProtocol::kUdp;
  return fail(ErrorCode::kInvalidInput, "'" + escape_text(text, 32) + "' is not tcp or udp");
}

Result<bool> read_as(std::string_view text) {
  if (text == "attacker") return true;
  if (text.empty() || text == "ordinary") return false;
  return fail(ErrorCode::kInvalidInput,
              "--as is '" + escape_text(text, 32) + "'; write attacker, or leave it out");
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

Result<IpAddress> read_address(const model::Snapshot& snapshot, const std::string& text) {
  if (auto address = IpAddress::parse(text)) return address;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) return *at.address4;
        if (at.address6) return *at.address6;
      }
      return fail(ErrorCode::kNotFound,
                  "container '" + escape_text(text, 64) + "' has no address of its own");
    }
  }
  return fail(
      ErrorCode::kInvalidInput,
      "'" + escape_text(text, 64) + "' is neither an IP address nor the name of a container");
}

Result<std::vector<IpAddress>> read_addresses(const model::Snapshot& snapshot,
                                              const std::string& text) {
  auto first = read_address(snapshot, text);
  if (!first) return std::unexpected(first.error());
  std::vector<IpAddress> out;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& container : engine.containers) {
      if (container.name != text) continue;
      for (const model::Attachment& at : container.attachments) {
        if (at.address4) out.push_back(*at.address4);
        if (at.address6) out.push_back(*at.address6);
      }
    }
  }
  if (out.empty()) out.push_back(*first);
  return out;
}

Result<std::vector<scan::PortsWanted>> read_port_ranges(std::string_view text) {
  std::vector<scan::PortsWanted> out;
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

}  // namespace bulkhead::cli
