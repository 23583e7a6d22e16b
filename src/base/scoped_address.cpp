#include "base/scoped_address.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead {
namespace {

constexpr std::size_t kLongestName = 15;  // IFNAMSIZ, without its end

// dev_valid_name() in net/core/dev.c
bool is_link_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && text != "." && text != ".." &&
         std::ranges::none_of(text, [](char c) {
           return c == '/' || c == ':' || c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
         });
}

}  // namespace

Result<ScopedAddress> ScopedAddress::parse(std::string_view text) {
  const std::size_t at = text.find('%');
  auto address = IpAddress::parse(text.substr(0, at));
  if (!address) return std::unexpected(address.error());
  if (at == std::string_view::npos) return ScopedAddress{*address, {}};
  const std::string_view link = text.substr(at + 1);
  if (!address->is_v6() || !address->is_link_local())
    return fail(ErrorCode::kInvalidInput,
                "'" + escape_text(text, 64) +
                    "': only a link-local IPv6 address belongs to an interface; leave out what "
                    "stands behind %");
  if (!is_link_name(link))
    return fail(
        ErrorCode::kInvalidInput,
        "'" + escape_text(text, 64) + "': no interface has such a name; write fe80::1%eth0");
  return ScopedAddress{*address, std::string(link)};
}

std::string ScopedAddress::to_string() const {
  return link.empty() ? address.to_string()
                      : address.to_string() + "%" + escape_text(link, kLongestName * 4);
}

}  // namespace bulkhead
