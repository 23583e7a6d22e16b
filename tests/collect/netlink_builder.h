// Netlink messages for tests.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"

namespace bulkhead::collect {

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

class NetlinkBuilder {
 public:
  template <class Header>
  NetlinkBuilder& message(std::uint16_t type, const Header& header, std::uint16_t flags = 0) {
    close();
    start_ = bytes_.size();
    nlmsghdr outer{};
    outer.nlmsg_type = type;
    outer.nlmsg_flags = flags;
    return put(outer).put(header);
  }
  NetlinkBuilder& attribute(std::uint16_t type, ByteView value) {
    const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
    put(header);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return pad();
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  NetlinkBuilder& attribute(std::uint16_t type, T value) {
    return attribute(type, ByteView(reinterpret_cast<const std::uint8_t*>(&value), sizeof value));
  }
  NetlinkBuilder& text(std::uint16_t type, std::string_view value) {
    Bytes copy(value.begin(), value.end());
    copy.push_back(0);
    return attribute(type, ByteView(copy));
  }
  [[nodiscard]] Bytes bytes() {
    close();
    return bytes_;
  }
  // Attributes alone, to be nested.
  [[nodiscard]] Bytes raw() const { return bytes_; }

 private:
  template <class T>
  NetlinkBuilder& put(const T& value) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), begin, begin + sizeof value);
    return pad();
  }
  NetlinkBuilder& pad() {
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    return *this;
  }
  void close() {
    if (start_ == kNone) return;
    const auto length = static_cast<std::uint32_t>(bytes_.size() - start_);
    std::memcpy(bytes_.data() + start_, &length, sizeof length);
    start_ = kNone;
  }
  static constexpr std::size_t kNone = ~std::size_t{0};
  Bytes bytes_;
  std::size_t start_ = kNone;
};

}  // namespace bulkhead::collect
