#include "query/vantage.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace bulkhead::query {
namespace {

std::unexpected<Error> not_a_vantage(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kInvalidInput,
              "'" + escape_text(text, 80) + "' is not a vantage: " + std::string(why) +
                  "; write internet, lan, lan:IFACE, zone:NAME, host, container:NAME, "
                  "container:ENGINE/NAME, netns:PATH or addr:IP@ZONE");
}

Result<Vantage> parse_address(std::string_view text, std::string_view rest) {
  const std::size_t at = rest.find('@');
  if (at == std::string_view::npos || at + 1 == rest.size()) {
    return not_a_vantage(text, "addr: wants an address and a zone");
  }
  auto address = IpAddress::parse(rest.substr(0, at));
  if (!address) return std::unexpected(address.error());
  return Vantage{VantageKind::kAddress, std::string(rest.substr(at + 1)), "", *address};
}

Result<Vantage> parse_container(std::string_view text, std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos)
    return Vantage{VantageKind::kContainer, std::string(rest), "", {}};
  if (slash == 0 || slash + 1 == rest.size()) {
    return not_a_vantage(text, "an engine or a container without a name");
  }
  return Vantage{VantageKind::kContainer,
                 std::string(rest.substr(slash + 1)),
                 std::string(rest.substr(0, slash)),
                 {}};
}

}  // namespace

Result<Vantage> Vantage::parse(std::string_view text) {
  if (text == "internet") return Vantage{VantageKind::kInternet, "", "", {}};
  if (text == "lan") return Vantage{VantageKind::kLan, "", "", {}};
  if (text == "host") return Vantage{VantageKind::kHost, "", "", {}};
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return not_a_vantage(text, "no such word");
  const std::string_view word = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  if (rest.empty()) return not_a_vantage(text, "nothing behind the colon");
  if (word == "lan") return Vantage{VantageKind::kLan, std::string(rest), "", {}};
  if (word == "zone") return Vantage{VantageKind::kZone, std::string(rest), "", {}};
  if (word == "netns") return Vantage{VantageKind::kNetns, std::string(rest), "", {}};
  if (word == "container") return parse_container(text, rest);
  if (word == "addr") return parse_address(text, rest);
  return not_a_vantage(text, "no such word before the colon");
}

std::string Vantage::to_string() const {
  switch (kind) {
    case VantageKind::kInternet: return "internet";
    case VantageKind::kLan: return name.empty() ? "lan" : "lan:" + name;
    case VantageKind::kZone: return "zone:" + name;
    case VantageKind::kHost: return "host";
    case VantageKind::kContainer:
      return "container:" + (engine.empty() ? name : engine + "/" + name);
    case VantageKind::kNetns: return "netns:" + name;
    case VantageKind::kAddress: return "addr:" + address.to_string() + "@" + name;
  }
  return "";
}

}  // namespace bulkhead::query
