// Netlink replies as the kernel wrote them: messages in a dump, attributes in a message.
//
// Everything is checked against the bytes left; nothing recurses, so that depth and count are
// bounded by the size of the input. Facts: include/uapi/linux/netlink.h, netfilter/nfnetlink.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bulkhead::ruleset {

// One nfnetlink message of a dump; `attributes` is what follows struct nfgenmsg.
struct Message {
  std::uint8_t family = 0;
  ByteView attributes;
};

// The messages of type (subsystem << 8 | command), in order. kInterrupted: the kernel says that the
// dump moved while it was read (NLM_F_DUMP_INTR). kUnavailable: the kernel answered with an error.
// kInvalidInput: another type, a length that does not fit, or a dump in parts without its end.
[[nodiscard]] Result<std::vector<Message>> read_messages(ByteView dump, std::uint8_t subsystem,
                                                         std::uint8_t command);

// The attributes of one level, by number. A number that occurs twice counts with its last value, as
// the kernel's own parser does.
class Attributes {
 public:
  static constexpr std::size_t kMax = 63;

  // nullopt when a length lies.
  [[nodiscard]] static std::optional<Attributes> parse(ByteView bytes);

  [[nodiscard]] bool has(std::size_t type) const {
    return type <= kMax && (present_ >> type & 1) != 0;
  }
  // Is there any number above `known`? A newer kernel then says more than we understand.
  [[nodiscard]] bool beyond(std::size_t known) const {
    return beyond_ || (known < kMax && (present_ >> (known + 1)) != 0);
  }

  [[nodiscard]] std::optional<ByteView> view(std::size_t type) const;
  [[nodiscard]] std::optional<std::uint8_t> u8(std::size_t type) const;
  [[nodiscard]] std::optional<std::uint16_t> be16(std::size_t type) const;  // network order
  [[nodiscard]] std::optional<std::uint32_t> be32(std::size_t type) const;
  [[nodiscard]] std::optional<std::uint64_t> be64(std::size_t type) const;
  // Up to the first NUL or the end.
  [[nodiscard]] std::optional<std::string> string(std::size_t type) const;
  [[nodiscard]] std::optional<Attributes> nested(std::size_t type) const;

 private:
  std::array<ByteView, kMax + 1> values_{};
  std::uint64_t present_ = 0;
  bool beyond_ = false;
};

struct Attribute {
  std::uint16_t type = 0;  // without the NESTED and BYTEORDER bits
  ByteView value;
};
// The attributes of one level in their order (lists whose members share a number).
[[nodiscard]] std::optional<std::vector<Attribute>> list_attributes(ByteView bytes);

// Bytes up to the first NUL or the end.
[[nodiscard]] std::string c_string(ByteView bytes);

// The value of `type` in the TLVs of NFTA_*_USERDATA (libnftnl: one byte type, one byte length).
[[nodiscard]] std::optional<ByteView> find_userdata(ByteView userdata, std::uint8_t type);
// The comment there; "" when there is none.
[[nodiscard]] std::string userdata_comment(std::optional<ByteView> userdata, std::uint8_t type);

}  // namespace bulkhead::ruleset
