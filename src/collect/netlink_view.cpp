#include "collect/netlink_view.h"

#include <algorithm>

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMessageHeader = 16;   // struct nlmsghdr
constexpr std::size_t kAttributeHeader = 4;  // struct nlattr
constexpr std::uint16_t kTypeMask = 0x3fff;  // NLA_TYPE_MASK

constexpr std::size_t padded(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

template <class T>
std::optional<T> read_native(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  return Cursor(*value).native<T>();
}

}  // namespace

std::optional<NetlinkMessage> NetlinkMessages::next() {
  if (bytes_.empty()) return std::nullopt;
  Cursor cursor(bytes_);
  const auto length = cursor.native<std::uint32_t>();
  const auto type = cursor.native<std::uint16_t>();
  const auto flags = cursor.native<std::uint16_t>();
  if (!length || !type || !flags || *length < kMessageHeader || *length > bytes_.size()) {
    broken_ = true;
    bytes_ = {};
    return std::nullopt;
  }
  NetlinkMessage message{*type, *flags, bytes_.subspan(kMessageHeader, *length - kMessageHeader)};
  bytes_ = bytes_.subspan(std::min(padded(*length), bytes_.size()));
  return message;
}

std::optional<NetlinkAttribute> NetlinkAttributes::next() {
  if (bytes_.empty()) return std::nullopt;
  Cursor cursor(bytes_);
  const auto length = cursor.native<std::uint16_t>();
  const auto type = cursor.native<std::uint16_t>();
  if (!length || !type || *length < kAttributeHeader || *length > bytes_.size()) {
    broken_ = true;
    bytes_ = {};
    return std::nullopt;
  }
  NetlinkAttribute attribute{static_cast<std::uint16_t>(*type & kTypeMask),
                             bytes_.subspan(kAttributeHeader, *length - kAttributeHeader)};
  bytes_ = bytes_.subspan(std::min(padded(*length), bytes_.size()));
  return attribute;
}

std::optional<std::uint8_t> as_u8(const std::optional<ByteView>& value) {
  return read_native<std::uint8_t>(value);
}
std::optional<std::uint16_t> as_u16(const std::optional<ByteView>& value) {
  return read_native<std::uint16_t>(value);
}
std::optional<std::uint16_t> as_be16(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  return Cursor(*value).big_endian<std::uint16_t>();
}
std::optional<std::uint32_t> as_u32(const std::optional<ByteView>& value) {
  return read_native<std::uint32_t>(value);
}
std::optional<std::uint64_t> as_be64(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  return Cursor(*value).big_endian<std::uint64_t>();
}

std::optional<IpAddress> as_address(const std::optional<ByteView>& value) {
  if (!value) return std::nullopt;
  auto address = IpAddress::from_octets(*value);
  if (!address) return std::nullopt;
  return *address;
}

std::string as_text(const std::optional<ByteView>& value, std::size_t limit) {
  if (!value) return {};
  const auto end = std::find(value->begin(), value->end(), std::uint8_t{0});
  const auto length = static_cast<std::size_t>(end - value->begin());
  return {reinterpret_cast<const char*>(value->data()), std::min(length, limit)};
}

}  // namespace bulkhead::collect
