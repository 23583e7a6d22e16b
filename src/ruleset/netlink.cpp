#include "ruleset/netlink.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <string>

namespace bulkhead::ruleset {
namespace {

constexpr std::uint16_t kTypeMask = 0x3fff;       // NLA_TYPE_MASK
constexpr std::uint16_t kDumpInterrupted = 0x10;  // NLM_F_DUMP_INTR
constexpr std::uint16_t kMultiPart = 0x2;         // NLM_F_MULTI

constexpr std::size_t aligned(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

std::unexpected<Error> bad_message(const std::string& what, std::size_t at) {
  return fail(ErrorCode::kInvalidInput,
              "netlink reply: " + what + " at byte " + std::to_string(at));
}

// What NLMSG_ERROR and NLMSG_DONE carry: 0 or a negative errno.
Status check_status(ByteView body) {
  Cursor cursor(body);
  const auto code = cursor.native<std::uint32_t>();
  if (!code || *code == 0) return {};
  const auto number = static_cast<std::int32_t>(*code);
  if (number == -4) return fail(ErrorCode::kInterrupted, "netlink reply: EINTR");
  return fail(ErrorCode::kUnavailable, "the kernel answered with error " + std::to_string(number));
}

// Visits [type][value] of one level; false when a length lies.
template <class Visit>
bool for_each_attribute(ByteView bytes, Visit visit) {
  Cursor cursor(bytes);
  while (!cursor.done()) {
    const auto length = cursor.native<std::uint16_t>();
    const auto type = cursor.native<std::uint16_t>();
    if (!length || !type || *length < 4) return false;
    const auto value = cursor.take(*length - std::size_t{4});
    if (!value) return false;
    visit(static_cast<std::uint16_t>(*type & kTypeMask), *value);
    const std::size_t padding = aligned(*length) - *length;
    if (!cursor.skip(std::min(padding, cursor.left()))) return false;
  }
  return true;
}

struct MessageHeader {
  std::uint32_t length = 0;
  std::uint16_t type = 0, flags = 0;
};

std::optional<MessageHeader> read_header(Cursor& cursor) {
  const auto header = cursor.structure<nlmsghdr>();
  if (!header || header->nlmsg_len < sizeof(nlmsghdr)) return std::nullopt;
  return MessageHeader{header->nlmsg_len, header->nlmsg_type, header->nlmsg_flags};
}

}  // namespace

Result<std::vector<Message>> read_messages(ByteView dump, std::uint8_t subsystem,
                                           std::uint8_t command) {
  const auto wanted = static_cast<std::uint16_t>(subsystem << 8 | command);
  std::vector<Message> messages;
  Cursor cursor(dump);
  bool unfinished = false;
  while (!cursor.done()) {
    const std::size_t at = cursor.position();
    const auto header = read_header(cursor);
    if (!header) return bad_message("no message header", at);
    const auto body = cursor.take(header->length - sizeof(nlmsghdr));
    if (!body) return bad_message("a message longer than the reply", at);
    if (!cursor.skip(std::min(aligned(header->length) - header->length, cursor.left()))) break;
    if ((header->flags & kDumpInterrupted) != 0) {
      return fail(ErrorCode::kInterrupted, "the rules moved while they were read");
    }
    if (header->type == NLMSG_NOOP) continue;
    if (header->type == NLMSG_ERROR || header->type == NLMSG_DONE) {
      if (auto status = check_status(*body); !status) return std::unexpected(status.error());
      unfinished = false;
      continue;
    }
    if (header->type != wanted)
      return bad_message("message type " + std::to_string(header->type), at);
    Cursor inside(*body);
    const auto generic = inside.structure<nfgenmsg>();
    if (!generic) return bad_message("a message without its family", at);
    messages.push_back({generic->nfgen_family, body->subspan(sizeof(nfgenmsg))});
    unfinished = (header->flags & kMultiPart) != 0;
  }
  if (unfinished) return bad_message("the dump ends before it is complete", dump.size());
  return messages;
}

std::optional<Attributes> Attributes::parse(ByteView bytes) {
  Attributes out;
  const bool whole = for_each_attribute(bytes, [&](std::uint16_t type, ByteView value) {
    if (type > kMax) {
      out.beyond_ = true;
      return;
    }
    out.values_[type] = value;
    out.present_ |= std::uint64_t{1} << type;
  });
  if (!whole) return std::nullopt;
  return out;
}

std::optional<ByteView> Attributes::view(std::size_t type) const {
  if (!has(type)) return std::nullopt;
  return values_[type];
}

std::optional<std::uint8_t> Attributes::u8(std::size_t type) const {
  const auto value = view(type);
  if (!value || value->size() != 1) return std::nullopt;
  return value->front();
}

std::optional<std::uint16_t> Attributes::be16(std::size_t type) const {
  const auto value = view(type);
  if (!value || value->size() != 2) return std::nullopt;
  return Cursor(*value).big_endian<std::uint16_t>();
}

std::optional<std::uint32_t> Attributes::be32(std::size_t type) const {
  const auto value = view(type);
  if (!value || value->size() != 4) return std::nullopt;
  return Cursor(*value).big_endian<std::uint32_t>();
}

std::optional<std::uint64_t> Attributes::be64(std::size_t type) const {
  const auto value = view(type);
  if (!value || value->size() != 8) return std::nullopt;
  return Cursor(*value).big_endian<std::uint64_t>();
}

std::optional<std::string> Attributes::string(std::size_t type) const {
  const auto value = view(type);
  if (!value) return std::nullopt;
  return c_string(*value);
}

std::optional<Attributes> Attributes::nested(std::size_t type) const {
  const auto value = view(type);
  if (!value) return std::nullopt;
  return parse(*value);
}

std::optional<std::vector<Attribute>> list_attributes(ByteView bytes) {
  std::vector<Attribute> out;
  const bool whole = for_each_attribute(
      bytes, [&](std::uint16_t type, ByteView value) { out.push_back({type, value}); });
  if (!whole) return std::nullopt;
  return out;
}

std::string c_string(ByteView bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), std::uint8_t{0});
  return {bytes.begin(), end};
}

std::optional<ByteView> find_userdata(ByteView userdata, std::uint8_t type) {
  Cursor cursor(userdata);
  while (true) {
    const auto found = cursor.native<std::uint8_t>();
    const auto length = cursor.native<std::uint8_t>();
    const auto value = length ? cursor.take(*length) : std::nullopt;
    if (!found || !value) return std::nullopt;
    if (*found == type) return value;
  }
}

std::string userdata_comment(std::optional<ByteView> userdata, std::uint8_t type) {
  if (!userdata) return {};
  const auto value = find_userdata(*userdata, type);
  return value ? c_string(*value) : std::string();
}

}  // namespace bulkhead::ruleset
