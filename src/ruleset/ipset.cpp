// Replies to IPSET_CMD_LIST: sets and their entries.
//
// A set comes in one message or several; the first has its type. Numbers are in network order.
// Facts: net/netfilter/ipset/ip_set_core.c (ip_set_dump_do) and the list functions of each type.
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/text.h"
#include "ruleset/decode.h"
#include "ruleset/netlink.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

constexpr std::size_t kBitmask = 12;  // IPSET_ATTR_BITMASK, Linux 6.2

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kInvalidInput, "ipset: " + std::string(what));
}

std::optional<IpAddress> address(const Attributes& a, std::size_t type) {
  const auto inside = a.nested(type);
  if (!inside) return std::nullopt;
  const auto v4 = inside->view(IPSET_ATTR_IPADDR_IPV4);
  const auto v6 = inside->view(IPSET_ATTR_IPADDR_IPV6);
  if (v4 && v4->size() == 4) return IpAddress::from_octets(*v4).value();
  if (v6 && v6->size() == 16) return IpAddress::from_octets(*v6).value();
  return std::nullopt;
}

// An address with its prefix length, which is the whole address when absent.
Status read_prefix(const Attributes& a, std::size_t type, std::size_t length,
                   std::optional<Prefix>& out) {
  if (!a.has(type)) return {};
  const auto base = address(a, type);
  if (!base) return bad("malformed address");
  const auto bits = a.u8(length);
  if (bits && *bits > base->bits()) return bad("a prefix longer than its address");
  out = Prefix::covering(*base, bits ? *bits : base->bits());
  return {};
}

std::optional<Port> port(const Attributes& a, std::size_t type) {
  const auto number = a.be16(type);
  return number ? std::optional<Port>(Port{*number}) : std::nullopt;
}

// As ipset prints it: "physdev:NAME"; a trailing '+' for a wildcard.
std::string interface_name(const Attributes& a, std::uint32_t flags) {
  const auto name = a.string(IPSET_ATTR_IFACE);
  if (!name) return {};
  return ((flags & IPSET_FLAG_PHYSDEV) != 0 ? "physdev:" : "") + *name +
         ((flags & IPSET_FLAG_IFACE_WILDCARD) != 0 ? "+" : "");
}

Result<IpSetEntry> decode_entry(ByteView bytes) {
  const auto a = Attributes::parse(bytes);
  if (!a) return bad("malformed entry");
  IpSetEntry out;
  if (auto s = read_prefix(*a, IPSET_ATTR_IP, IPSET_ATTR_CIDR, out.prefix); !s) {
    return std::unexpected(s.error());
  }
  if (auto s = read_prefix(*a, IPSET_ATTR_IP2, IPSET_ATTR_CIDR2, out.prefix2); !s) {
    return std::unexpected(s.error());
  }
  out.last_address = address(*a, IPSET_ATTR_IP_TO);
  if (const auto mac = a->view(IPSET_ATTR_ETHER)) {
    auto octets = MacAddress::from_octets(*mac);
    if (!octets) return bad("malformed link-layer address");
    out.mac = *octets;
  }
  const auto flags = a->be32(IPSET_ATTR_CADT_FLAGS).value_or(0);
  out.protocol = a->u8(IPSET_ATTR_PROTO);
  out.port = port(*a, IPSET_ATTR_PORT);
  out.last_port = port(*a, IPSET_ATTR_PORT_TO);
  out.mark = a->be32(IPSET_ATTR_MARK);
  out.interface = interface_name(*a, flags);
  out.member_set = a->string(IPSET_ATTR_NAME).value_or("");
  out.nomatch = (flags & IPSET_FLAG_NOMATCH) != 0;
  out.timeout_s = a->be32(IPSET_ATTR_TIMEOUT);
  return out;
}

Status add_entries(const Attributes& message, IpSet& set) {
  const auto view = message.view(IPSET_ATTR_ADT);
  if (!view) return {};
  const auto list = list_attributes(*view);
  if (!list) return bad("malformed entries of \"" + escape_text(set.name) + "\"");
  for (const Attribute& one : *list) {
    if (one.type != IPSET_ATTR_DATA) continue;
    auto entry = decode_entry(one.value);
    if (!entry) return within("set \"" + escape_text(set.name) + "\"", entry.error());
    set.entries.push_back(std::move(*entry));
  }
  return {};
}

// The leading ones of a contiguous mask.
std::optional<std::uint32_t> mask_length(IpAddress mask) {
  std::uint32_t length = 0;
  bool ended = false;
  for (const std::uint8_t octet : mask.octets()) {
    const auto ones = static_cast<std::uint32_t>(std::countl_one(octet));
    if (ended && octet != 0) return std::nullopt;
    if (static_cast<std::uint8_t>(octet << ones) != 0) return std::nullopt;
    length += ones;
    ended = ended || ones < 8;
  }
  return length;
}

Status read_options(const Attributes& message, IpSet& set) {
  if (!message.has(IPSET_ATTR_DATA)) return {};
  const auto data = message.nested(IPSET_ATTR_DATA);
  if (!data) return bad("malformed options of \"" + escape_text(set.name) + "\"");
  if (const auto bits = data->u8(IPSET_ATTR_NETMASK)) set.netmask_length = *bits;
  if (const auto mask = data->be32(IPSET_ATTR_MARKMASK)) set.mark_mask = *mask;
  if (data->has(kBitmask)) {
    const auto mask = address(*data, kBitmask);
    const auto length = mask ? mask_length(*mask) : std::nullopt;
    // A mask with holes has no place in the model: a type of its own, which nobody takes for known.
    if (length)
      set.netmask_length = length;
    else
      set.type += " bitmask";
  }
  return {};
}

Status start_set(const Attributes& message, std::string name, std::span<const IpSetIndex> indexes,
                 IpSet& set) {
  auto type = message.string(IPSET_ATTR_TYPENAME);
  if (!type) return bad("set \"" + escape_text(name) + "\" without a type");
  set.name = std::move(name);
  set.type = std::move(*type);
  set.revision = message.u8(IPSET_ATTR_REVISION).value_or(0);
  const auto family = message.u8(IPSET_ATTR_FAMILY).value_or(NFPROTO_UNSPEC);
  if (family == NFPROTO_IPV4) set.family = IpFamily::kV4;
  if (family == NFPROTO_IPV6) set.family = IpFamily::kV6;
  set.index = kNoIpSetIndex;
  if (const auto index = message.be16(IPSET_ATTR_INDEX)) set.index = *index;
  const auto given = std::find_if(indexes.begin(), indexes.end(),
                                  [&](const IpSetIndex& i) { return i.name == set.name; });
  if (given != indexes.end()) set.index = given->index;
  return read_options(message, set);
}

}  // namespace

Result<std::vector<IpSet>> decode_ipsets(ByteView list_dump, std::span<const IpSetIndex> indexes) {
  const auto messages = read_messages(list_dump, NFNL_SUBSYS_IPSET, IPSET_CMD_LIST);
  if (!messages) return within("ipset list", messages.error());
  std::vector<IpSet> sets;
  for (const Message& message : *messages) {
    const auto a = Attributes::parse(message.attributes);
    auto name = a ? a->string(IPSET_ATTR_SETNAME) : std::nullopt;
    if (!name) return bad("a message without the name of its set");
    const bool goes_on = !sets.empty() && sets.back().name == *name;
    if (!goes_on) {
      sets.emplace_back();
      if (auto s = start_set(*a, std::move(*name), indexes, sets.back()); !s) {
        return std::unexpected(s.error());
      }
    }
    if (auto s = add_entries(*a, sets.back()); !s) return std::unexpected(s.error());
  }
  return sets;
}

}  // namespace bulkhead::ruleset
