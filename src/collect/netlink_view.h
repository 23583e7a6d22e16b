// Reading netlink messages and attributes out of bytes that are not trusted. Pure.
//
// Layout: include/uapi/linux/netlink.h. Headers and lengths are in the host's order; messages and
// attributes are padded to 4 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"

namespace bulkhead::collect {

struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  ByteView body;  // after nlmsghdr
};

// Walks the messages of one or more datagrams, one after the other.
class NetlinkMessages {
 public:
  explicit NetlinkMessages(ByteView bytes) : bytes_(bytes) {}
  // nullopt at the end, and when a length contradicts what is left: then broken() is true.
  [[nodiscard]] std::optional<NetlinkMessage> next();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  ByteView bytes_;
  bool broken_ = false;
};

struct NetlinkAttribute {
  std::uint16_t type = 0;  // without the nested and byte order flags
  ByteView value;
};

class NetlinkAttributes {
 public:
  explicit NetlinkAttributes(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::optional<NetlinkAttribute> next();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  ByteView bytes_;
  bool broken_ = false;
};

// Attributes by type, for lists in which each type occurs once (the last one wins, as in the
// kernel's nla_parse). Types above `N` are left out: this program does not ask for them.
template <std::size_t N>
class AttributeTable {
 public:
  // kInvalidInput when a length contradicts the bytes there are.
  [[nodiscard]] static Result<AttributeTable> parse(ByteView bytes) {
    AttributeTable table;
    NetlinkAttributes attributes(bytes);
    while (auto attribute = attributes.next()) {
      if (attribute->type <= N) table.values_[attribute->type] = attribute->value;
    }
    if (attributes.broken()) return fail(ErrorCode::kInvalidInput, "netlink attribute cut short");
    return table;
  }
  [[nodiscard]] const std::optional<ByteView>& operator[](std::size_t type) const {
    return values_[type];
  }

 private:
  std::array<std::optional<ByteView>, N + 1> values_{};
};

// The value of an attribute; nullopt when it is absent or shorter than the type.
[[nodiscard]] std::optional<std::uint8_t> as_u8(const std::optional<ByteView>& value);
[[nodiscard]] std::optional<std::uint16_t> as_u16(const std::optional<ByteView>& value);
[[nodiscard]] std::optional<std::uint16_t> as_be16(const std::optional<ByteView>& value);
[[nodiscard]] std::optional<std::uint32_t> as_u32(const std::optional<ByteView>& value);
[[nodiscard]] std::optional<std::uint64_t> as_be64(const std::optional<ByteView>& value);
[[nodiscard]] std::optional<IpAddress> as_address(const std::optional<ByteView>& value);
inline constexpr std::size_t kNameLength = 15;  // of an interface: IFNAMSIZ - 1
// Up to the first NUL, at most `limit` bytes.
[[nodiscard]] std::string as_text(const std::optional<ByteView>& value, std::size_t limit);

}  // namespace bulkhead::collect
