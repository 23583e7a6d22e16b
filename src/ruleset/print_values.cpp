#include "ruleset/print_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "base/address.h"
#include "base/text.h"
#include "ruleset/netlink.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

struct Word {
  std::uint64_t number;
  std::string_view text;
};

constexpr auto kProtocols = std::to_array<Word>({
    {1, "icmp"},
    {2, "igmp"},
    {4, "ipencap"},
    {6, "tcp"},
    {17, "udp"},
    {33, "dccp"},
    {41, "ipv6"},
    {47, "gre"},
    {50, "esp"},
    {51, "ah"},
    {58, "ipv6-icmp"},
    {89, "ospf"},
    {103, "pim"},
    {108, "ipcomp"},
    {112, "vrrp"},
    {132, "sctp"},
    {136, "udplite"},
});
constexpr auto kEtherTypes = std::to_array<Word>({
    {0x0800, "ip"},
    {0x0806, "arp"},
    {0x86dd, "ip6"},
    {0x8100, "8021q"},
    {0x88a8, "8021ad"},
});
constexpr auto kArpOperations = std::to_array<Word>({
    {1, "request"},
    {2, "reply"},
    {3, "rrequest"},
    {4, "rreply"},
    {8, "inrequest"},
    {9, "inreply"},
    {10, "nak"},
});
constexpr auto kIcmpTypes = std::to_array<Word>({
    {0, "echo-reply"},
    {3, "destination-unreachable"},
    {4, "source-quench"},
    {5, "redirect"},
    {8, "echo-request"},
    {9, "router-advertisement"},
    {10, "router-solicitation"},
    {11, "time-exceeded"},
    {12, "parameter-problem"},
    {13, "timestamp-request"},
    {14, "timestamp-reply"},
    {15, "info-request"},
    {16, "info-reply"},
    {17, "address-mask-request"},
    {18, "address-mask-reply"},
});
constexpr auto kIcmp6Types = std::to_array<Word>({
    {1, "destination-unreachable"},
    {2, "packet-too-big"},
    {3, "time-exceeded"},
    {4, "parameter-problem"},
    {128, "echo-request"},
    {129, "echo-reply"},
    {130, "mld-listener-query"},
    {131, "mld-listener-report"},
    {132, "mld-listener-done"},
    {133, "nd-router-solicit"},
    {134, "nd-router-advert"},
    {135, "nd-neighbor-solicit"},
    {136, "nd-neighbor-advert"},
    {137, "nd-redirect"},
    {138, "router-renumbering"},
    {141, "ind-neighbor-solicit"},
    {142, "ind-neighbor-advert"},
    {143, "mld2-listener-report"},
});
constexpr auto kIcmpCodes = std::to_array<Word>({
    {0, "net-unreachable"},
    {1, "host-unreachable"},
    {2, "prot-unreachable"},
    {3, "port-unreachable"},
    {4, "frag-needed"},
    {9, "net-prohibited"},
    {10, "host-prohibited"},
    {13, "admin-prohibited"},
});
constexpr auto kIcmp6Codes = std::to_array<Word>({
    {0, "no-route"},
    {1, "admin-prohibited"},
    {3, "addr-unreachable"},
    {4, "port-unreachable"},
    {5, "policy-fail"},
    {6, "reject-route"},
});
constexpr auto kIcmpxCodes = std::to_array<Word>({
    {0, "no-route"},
    {1, "port-unreachable"},
    {2, "host-unreachable"},
    {3, "admin-prohibited"},
});
constexpr auto kTcpFlags = std::to_array<Word>({
    {0x01, "fin"},
    {0x02, "syn"},
    {0x04, "rst"},
    {0x08, "psh"},
    {0x10, "ack"},
    {0x20, "urg"},
    {0x40, "ecn"},
    {0x80, "cwr"},
});
constexpr auto kCtStates = std::to_array<Word>({
    {1, "invalid"},
    {2, "established"},
    {4, "related"},
    {8, "new"},
    {64, "untracked"},
});
constexpr auto kCtStatus = std::to_array<Word>({
    {1, "expected"},
    {2, "seen-reply"},
    {4, "assured"},
    {8, "confirmed"},
    {16, "snat"},
    {32, "dnat"},
    {512, "dying"},
});
constexpr auto kDirections = std::to_array<Word>({{0, "original"}, {1, "reply"}});
constexpr auto kPackets = std::to_array<Word>({
    {0, "host"},
    {1, "broadcast"},
    {2, "multicast"},
    {3, "other"},
});
constexpr auto kFibTypes = std::to_array<Word>({
    {0, "unspec"},
    {1, "unicast"},
    {2, "local"},
    {3, "broadcast"},
    {4, "anycast"},
    {5, "multicast"},
    {6, "blackhole"},
    {7, "unreachable"},
    {8, "prohibit"},
});
constexpr auto kFamilies = std::to_array<Word>({{2, "ipv4"}, {10, "ipv6"}});
constexpr auto kPresence = std::to_array<Word>({{0, "missing"}, {1, "exists"}});
constexpr auto kInterfaceTypes = std::to_array<Word>({
    {1, "ether"},
    {512, "ppp"},
    {768, "ipip"},
    {769, "ipip6"},
    {772, "loopback"},
    {776, "sit"},
    {778, "ipgre"},
});
constexpr auto kDscp = std::to_array<Word>({
    {0x00, "cs0"},  {0x08, "cs1"},  {0x10, "cs2"},   {0x18, "cs3"},  {0x20, "cs4"},  {0x28, "cs5"},
    {0x30, "cs6"},  {0x38, "cs7"},  {0x01, "lephb"}, {0x0a, "af11"}, {0x0c, "af12"}, {0x0e, "af13"},
    {0x12, "af21"}, {0x14, "af22"}, {0x16, "af23"},  {0x1a, "af31"}, {0x1c, "af32"}, {0x1e, "af33"},
    {0x22, "af41"}, {0x24, "af42"}, {0x26, "af43"},  {0x2c, "va"},   {0x2e, "ef"},
});

std::span<const Word> words(Datatype type) {
  switch (type) {
    case Datatype::kProtocol: return kProtocols;
    case Datatype::kEtherType: return kEtherTypes;
    case Datatype::kArpOperation: return kArpOperations;
    case Datatype::kIcmpType: return kIcmpTypes;
    case Datatype::kIcmp6Type: return kIcmp6Types;
    case Datatype::kIcmpCode: return kIcmpCodes;
    case Datatype::kIcmp6Code: return kIcmp6Codes;
    case Datatype::kIcmpxCode: return kIcmpxCodes;
    case Datatype::kTcpFlags: return kTcpFlags;
    case Datatype::kCtState: return kCtStates;
    case Datatype::kCtStatus: return kCtStatus;
    case Datatype::kCtDirection: return kDirections;
    case Datatype::kPkttype: return kPackets;
    case Datatype::kFibAddrtype: return kFibTypes;
    case Datatype::kNfproto: return kFamilies;
    case Datatype::kBoolean: return kPresence;
    case Datatype::kIfType: return kInterfaceTypes;
    case Datatype::kDscp: return kDscp;
    case Datatype::kInvalid:
    case Datatype::kVerdict:
    case Datatype::kBitmask:
    case Datatype::kInteger:
    case Datatype::kString:
    case Datatype::kLinkAddress:
    case Datatype::kIpv4:
    case Datatype::kIpv6:
    case Datatype::kEther:
    case Datatype::kService:
    case Datatype::kDccpType:
    case Datatype::kMhType:
    case Datatype::kTime:
    case Datatype::kMark:
    case Datatype::kIfIndex:
    case Datatype::kRealm:
    case Datatype::kClassid:
    case Datatype::kUid:
    case Datatype::kGid:
    case Datatype::kCtLabel:
    case Datatype::kDevgroup:
    case Datatype::kEcn:
    case Datatype::kCtEvent:
    case Datatype::kIfname:
    case Datatype::kIgmpType:
    case Datatype::kDate:
    case Datatype::kHour:
    case Datatype::kDay:
    case Datatype::kCgroup2: return {};
  }
  return {};
}

std::string hex(std::uint64_t number, int width) {
  return fmt::format("0x{:0{}x}", number, width);
}

// "1d2h3m4s5ms" without the parts that are 0.
std::string print_time(std::uint64_t milliseconds) {
  if (milliseconds == 0) return "0s";
  std::string out;
  const auto part = [&](std::uint64_t unit, const char* name) {
    if (milliseconds >= unit) out += std::to_string(milliseconds / unit) + name;
    milliseconds %= unit;
  };
  part(86400000, "d");
  part(3600000, "h");
  part(60000, "m");
  part(1000, "s");
  part(1, "ms");
  return out;
}

std::string print_word_or(Datatype type, std::uint64_t number, std::string other) {
  for (const Word& word : words(type)) {
    if (word.number == number) return std::string(word.text);
  }
  return other;
}

std::string print_number(Datatype type, std::uint64_t number) {
  switch (type) {
    case Datatype::kMark: return hex(number, 8);
    case Datatype::kInvalid: return hex(number, 1);
    case Datatype::kEtherType: return print_word_or(type, number, hex(number, 4));
    case Datatype::kDscp: return print_word_or(type, number, hex(number, 2));
    case Datatype::kClassid:
      return fmt::format("{:x}:{:x}", number >> 16 & 0xffff, number & 0xffff);
    case Datatype::kTime: return print_time(number);
    case Datatype::kProtocol: return protocol_name(static_cast<std::uint8_t>(number));
    default: break;  // a word where there is one, else the number
  }
  if (is_flag_type(type)) return print_flags(type, number);
  return print_word_or(type, number, std::to_string(number));
}

bool all(ByteView bytes, std::uint8_t value) {
  return std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t b) { return b == value; });
}

// Bits that first and last share, when the rest is all zeros in the one and all ones in the other.
std::optional<unsigned> prefix_bits(ByteView first, ByteView last) {
  Bytes differs(first.begin(), first.end());
  for (std::size_t i = 0; i < first.size(); ++i) {
    differs[i] = static_cast<std::uint8_t>(~(first[i] ^ last[i]));
  }
  const auto bits = mask_bits(differs);
  if (!bits) return std::nullopt;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if ((first[i] & static_cast<std::uint8_t>(~differs[i])) != 0) return std::nullopt;
  }
  return bits;
}

}  // namespace

std::uint64_t to_number(ByteView bytes, Order order) {
  const std::size_t size = std::min<std::size_t>(bytes.size(), 8);
  std::uint64_t out = 0;
  const bool big = order == Order::kBig || std::endian::native == std::endian::big;
  for (std::size_t i = 0; i < size; ++i) out = out << 8 | bytes[big ? i : size - 1 - i];
  return out;
}

std::string safe(std::string_view text) {
  return escape_text(text);
}

std::string quoted(std::string_view text) {
  return "\"" + safe(text) + "\"";
}

std::string protocol_name(std::uint8_t number) {
  return print_word_or(Datatype::kProtocol, number, std::to_string(number));
}

std::string interface_pattern(ByteView bytes, char wildcard) {
  const bool ends = std::find(bytes.begin(), bytes.end(), std::uint8_t{0}) != bytes.end();
  std::string out = safe(c_string(bytes));
  if (!ends && bytes.size() < 16) out += wildcard;
  return out;
}

bool is_flag_type(Datatype type) {
  return type == Datatype::kTcpFlags || type == Datatype::kCtState || type == Datatype::kCtStatus;
}

std::string print_flags(Datatype type, std::uint64_t number) {
  std::string out;
  for (const Word& word : words(type)) {
    if ((number & word.number) != word.number) continue;
    out += (out.empty() ? "" : ",") + std::string(word.text);
    number &= ~word.number;
  }
  if (number == 0 && !out.empty()) return out;
  return (out.empty() ? "" : out + ",") + hex(number, 1);
}

std::string print_value(Datatype type, ByteView bytes, Order order) {
  if (type == Datatype::kIpv4 || type == Datatype::kIpv6) {
    const auto address = IpAddress::from_octets(bytes);
    if (address) return address->to_string();
  }
  if (type == Datatype::kEther) {
    const auto mac = MacAddress::from_octets(bytes);
    if (mac) return mac->to_string();
  }
  if (type == Datatype::kIfname) return "\"" + interface_pattern(bytes, '*') + "\"";
  if (type == Datatype::kString) return quoted(c_string(bytes));
  if (bytes.size() > 8) return "0x" + to_hex(bytes);
  return print_number(type, to_number(bytes, order));
}

std::optional<unsigned> mask_bits(ByteView mask) {
  unsigned bits = 0;
  bool ended = false;
  for (const std::uint8_t octet : mask) {
    const int ones = std::countl_one(octet);
    if ((ended && octet != 0) || static_cast<std::uint8_t>(octet << ones) != 0) return std::nullopt;
    bits += static_cast<unsigned>(ones);
    ended = ended || ones < 8;
  }
  return bits;
}

std::string print_range(Datatype type, ByteView first, ByteView last, Order order) {
  if (std::equal(first.begin(), first.end(), last.begin(), last.end())) {
    return print_value(type, first, order);
  }
  if (type == Datatype::kIfname) {
    const auto name = c_string(first);
    if (name.size() < last.size() && all(last.subspan(name.size()), 0xff) &&
        std::equal(name.begin(), name.end(), last.begin())) {
      return "\"" + safe(name) + "*\"";
    }
  }
  if (type == Datatype::kIpv4 || type == Datatype::kIpv6) {
    if (const auto bits = prefix_bits(first, last)) {
      return print_value(type, first, order) + "/" + std::to_string(*bits);
    }
  }
  return print_value(type, first, order) + "-" + print_value(type, last, order);
}

std::string print_verdict(const Verdict& verdict) {
  switch (verdict.kind) {
    case VerdictKind::kAccept: return "accept";
    case VerdictKind::kDrop: return "drop";
    case VerdictKind::kContinue: return "continue";
    case VerdictKind::kReturn: return "return";
    case VerdictKind::kJump: return "jump " + safe(verdict.chain);
    case VerdictKind::kGoto: return "goto " + safe(verdict.chain);
    case VerdictKind::kQueue:
      return std::string("queue ") + (verdict.queue_bypass ? "flags bypass " : "") + "to " +
             std::to_string(verdict.queue);
    case VerdictKind::kStolen: return "stolen";
  }
  return {};
}

std::string print_hex(std::uint32_t number, int width) {
  return fmt::format("0x{:0{}x}", number, width);
}

}  // namespace bulkhead::ruleset
