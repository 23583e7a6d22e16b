#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "ruleset/print_iptables.h"
#include "ruleset/print_values.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

struct XtWord {
  std::uint32_t bit;
  std::string_view text;
};
constexpr auto kStates = std::to_array<XtWord>({
    {1, "INVALID"},
    {8, "NEW"},
    {4, "RELATED"},
    {2, "ESTABLISHED"},
    {256, "UNTRACKED"},
    {64, "SNAT"},
    {128, "DNAT"},
});
constexpr auto kStatus = std::to_array<XtWord>({
    {1, "EXPECTED"},
    {2, "SEEN_REPLY"},
    {4, "ASSURED"},
    {8, "CONFIRMED"},
});
constexpr auto kAddressTypes = std::to_array<XtWord>({
    {1 << 0, "UNSPEC"},
    {1 << 1, "UNICAST"},
    {1 << 2, "LOCAL"},
    {1 << 3, "BROADCAST"},
    {1 << 4, "ANYCAST"},
    {1 << 5, "MULTICAST"},
    {1 << 6, "BLACKHOLE"},
    {1 << 7, "UNREACHABLE"},
    {1 << 8, "PROHIBIT"},
    {1 << 9, "THROW"},
    {1 << 10, "NAT"},
    {1 << 11, "XRESOLVE"},
});
constexpr auto kXtTcpFlags = std::to_array<XtWord>({
    {1, "FIN"},
    {2, "SYN"},
    {4, "RST"},
    {8, "PSH"},
    {16, "ACK"},
    {32, "URG"},
});

std::string words(std::span<const XtWord> all, std::uint32_t bits, std::string_view none) {
  std::string out;
  for (const XtWord& word : all) {
    if ((bits & word.bit) != 0) out += (out.empty() ? "" : ",") + std::string(word.text);
  }
  return out.empty() ? std::string(none) : out;
}

// " ! --name value" or " --name value".
std::string option(bool inverted, std::string_view name, const std::string& value) {
  return std::string(inverted ? " !" : "") + " --" + std::string(name) +
         (value.empty() ? "" : " " + value);
}

template <class T>
std::string pair(T first, T last, char between) {
  return first == last ? std::to_string(first)
                       : std::to_string(first) + between + std::to_string(last);
}

std::string port_range(const xt::PortRange& range) {
  return pair(range.first.number, range.last.number, ':');
}

// A port option is left out when it asks for nothing.
std::string port_option(bool inverted, std::string_view name, const xt::PortRange& range) {
  if (!inverted && range == xt::PortRange{}) return {};
  return option(inverted, name, port_range(range));
}

std::string masked(const xt::AddressMask& value) {
  const auto bits = mask_bits(value.mask.octets());
  if (!bits) return value.address.to_string() + "/" + value.mask.to_string();
  if (*bits == value.address.bits()) return value.address.to_string();
  return value.address.to_string() + "/" + std::to_string(*bits);
}

std::string value_mask(std::uint32_t value, std::uint32_t mask) {
  return print_hex(value) + (mask == 0xffffffff ? "" : "/" + print_hex(mask));
}

std::string print(const XtMatch&, const xt::Tcp& m, const SetNames&) {
  std::string out = port_option(m.source_inverted, "sport", m.source) +
                    port_option(m.destination_inverted, "dport", m.destination);
  if (m.option != 0 || m.option_inverted) {
    out += option(m.option_inverted, "tcp-option", std::to_string(m.option));
  }
  if (m.flag_mask != 0 || m.flags_inverted) {
    out += option(
        m.flags_inverted, "tcp-flags",
        words(kXtTcpFlags, m.flag_mask, "NONE") + " " + words(kXtTcpFlags, m.flag_value, "NONE"));
  }
  return out;
}

std::string print(const XtMatch&, const xt::Udp& m, const SetNames&) {
  return port_option(m.source_inverted, "sport", m.source) +
         port_option(m.destination_inverted, "dport", m.destination);
}

std::string print(const XtMatch& match, const xt::Icmp& m, const SetNames&) {
  const bool v6 = match.name == "icmp6";
  std::string value = std::to_string(m.type);
  if (!v6 && m.type == 0xff) value = "any";
  if (m.code_first != 0 || m.code_last != 0xff) value += "/" + std::to_string(m.code_first);
  return option(m.inverted, v6 ? "icmpv6-type" : "icmp-type", value);
}

std::string print(const XtMatch&, const xt::Multiport& m, const SetNames&) {
  std::string list;
  for (const xt::PortRange& range : m.ports) list += (list.empty() ? "" : ",") + port_range(range);
  switch (m.side) {
    case xt::MultiportSide::kSource: return option(m.inverted, "sports", list);
    case xt::MultiportSide::kDestination: return option(m.inverted, "dports", list);
    case xt::MultiportSide::kEither: return option(m.inverted, "ports", list);
  }
  return {};
}

std::string print(const XtMatch&, const xt::Comment& m, const SetNames&) {
  return " --comment " + iptables_string(m.text);
}

std::string print(const XtMatch& match, const xt::Conntrack& m, const SetNames&) {
  if (match.name == "state") return " --state " + words(kStates, m.state_mask.value_or(0), "NONE");
  std::string out;
  if (m.state_mask)
    out += option(m.state_inverted, "ctstate", words(kStates, *m.state_mask, "NONE"));
  if (m.protocol) out += option(m.protocol_inverted, "ctproto", std::to_string(*m.protocol));
  const auto address = [&](const std::optional<xt::AddressMask>& v, bool inverted,
                           std::string_view name) {
    if (v) out += option(inverted, name, masked(*v));
  };
  const auto port = [&](const std::optional<xt::PortRange>& v, bool inverted,
                        std::string_view name) {
    if (v) out += option(inverted, name, port_range(*v));
  };
  address(m.original_source, m.original_source_inverted, "ctorigsrc");
  address(m.original_destination, m.original_destination_inverted, "ctorigdst");
  address(m.reply_source, m.reply_source_inverted, "ctreplsrc");
  address(m.reply_destination, m.reply_destination_inverted, "ctrepldst");
  port(m.original_source_port, m.original_source_port_inverted, "ctorigsrcport");
  port(m.original_destination_port, m.original_destination_port_inverted, "ctorigdstport");
  port(m.reply_source_port, m.reply_source_port_inverted, "ctreplsrcport");
  port(m.reply_destination_port, m.reply_destination_port_inverted, "ctrepldstport");
  if (m.status_mask) {
    out += option(m.status_inverted, "ctstatus", words(kStatus, *m.status_mask, "NONE"));
  }
  if (m.expires_min) {
    out += option(m.expires_inverted, "ctexpire",
                  pair(*m.expires_min, m.expires_max.value_or(*m.expires_min), ':'));
  }
  if (m.direction_original) out += *m.direction_original ? " --ctdir ORIGINAL" : " --ctdir REPLY";
  return out;
}

std::string print(const XtMatch&, const xt::Mac& m, const SetNames&) {
  return option(m.inverted, "mac-source", m.source.to_string());
}

std::string print(const XtMatch&, const xt::Addrtype& m, const SetNames&) {
  std::string out;
  if (m.source_mask != 0) {
    out += option(m.source_inverted, "src-type", words(kAddressTypes, m.source_mask, "NONE"));
  }
  if (m.destination_mask != 0) {
    out += option(m.destination_inverted, "dst-type",
                  words(kAddressTypes, m.destination_mask, "NONE"));
  }
  if (m.limit_in) out += " --limit-iface-in";
  if (m.limit_out) out += " --limit-iface-out";
  return out;
}

std::string range(const xt::AddressRange& r) {
  return r.first.to_string() + "-" + r.last.to_string();
}

std::string print(const XtMatch&, const xt::Iprange& m, const SetNames&) {
  std::string out;
  if (m.source) out += option(m.source_inverted, "src-range", range(*m.source));
  if (m.destination) out += option(m.destination_inverted, "dst-range", range(*m.destination));
  return out;
}

std::string print(const XtMatch&, const xt::Pkttype& m, const SetNames&) {
  static constexpr std::array<std::string_view, 3> kNames = {"unicast", "broadcast", "multicast"};
  return option(m.inverted, "pkt-type",
                m.type < kNames.size() ? std::string(kNames[m.type]) : std::to_string(m.type));
}

std::string print(const XtMatch&, const xt::Mark& m, const SetNames&) {
  return option(m.inverted, "mark", value_mask(m.value, m.mask));
}

std::string print(const XtMatch&, const xt::Owner& m, const SetNames&) {
  std::string out;
  if (m.socket_exists) out += option(m.socket_exists_inverted, "socket-exists", {});
  if (m.uid) out += option(m.uid_inverted, "uid-owner", pair(m.uid->first, m.uid->last, '-'));
  if (m.gid) out += option(m.gid_inverted, "gid-owner", pair(m.gid->first, m.gid->last, '-'));
  if (m.supplementary_groups) out += " --suppl-groups";
  return out;
}

std::string print(const XtMatch&, const xt::Set& m, const SetNames& names) {
  const auto found = names.find(m.index);
  std::string value = found == names.end() ? "#" + std::to_string(m.index) : safe(found->second);
  for (std::size_t i = 0; i < m.dimension_source.size(); ++i) {
    value += (i == 0 ? " " : ",") + std::string(m.dimension_source[i] ? "src" : "dst");
  }
  return option(m.inverted, "match-set", value) + (m.return_nomatch ? " --return-nomatch" : "");
}

std::string print(const XtMatch& match, const xt::Hop& m, const SetNames&) {
  const std::string name = match.name == "hl" ? "hl" : "ttl";
  const std::string value = std::to_string(m.value);
  switch (m.op) {
    case xt::HopOp::kEqual: return option(false, name + "-eq", value);
    case xt::HopOp::kNotEqual: return option(true, name + "-eq", value);
    case xt::HopOp::kLess: return option(false, name + "-lt", value);
    case xt::HopOp::kGreater: return option(false, name + "-gt", value);
  }
  return {};
}

std::string print(const XtMatch&, const xt::Rpfilter& m, const SetNames&) {
  return std::string(m.loose ? " --loose" : "") + (m.validmark ? " --validmark" : "") +
         (m.accept_local ? " --accept-local" : "") + (m.inverted ? " --invert" : "");
}

std::string print(const XtMatch&, const xt::Physdev& m, const SetNames&) {
  std::string out;
  if (m.is_in) out += option(m.is_in_inverted, "physdev-is-in", {});
  if (m.in) out += option(m.in_inverted, "physdev-in", safe(*m.in));
  if (m.is_out) out += option(m.is_out_inverted, "physdev-is-out", {});
  if (m.out) out += option(m.out_inverted, "physdev-out", safe(*m.out));
  if (m.is_bridged) out += option(m.is_bridged_inverted, "physdev-is-bridged", {});
  return out;
}

std::string print(const XtMatch&, const xt::Length& m, const SetNames&) {
  return option(m.inverted, "length", pair(m.first, m.last, ':'));
}

std::string print(const XtMatch& match, const xt::Dscp& m, const SetNames&) {
  if (match.name == "dscp") return option(m.inverted, "dscp", print_hex(m.value >> 2, 2));
  return option(m.inverted, "tos", print_hex(m.value, 2) + "/" + print_hex(m.mask, 2));
}

std::string print(const XtMatch&, const xt::Helper& m, const SetNames&) {
  return option(m.inverted, "helper", iptables_string(m.name));
}

std::string print(const XtMatch&, const xt::May& m, const SetNames&) {
  return m.detail.empty() ? std::string() : " " + safe(m.detail);
}

std::string print(const XtMatch& match, const xt::Opaque&, const SetNames&) {
  static constexpr std::size_t kShown = 64;
  const ByteView shown = ByteView(match.raw).first(std::min(match.raw.size(), kShown));
  return " [revision " + std::to_string(match.revision) + ", not understood: " + to_hex(shown) +
         (match.raw.size() > kShown ? "..." : "") + "]";
}

}  // namespace

std::string print_xt_match(const XtMatch& match, const SetNames& names) {
  return "-m " + safe(match.name) +
         std::visit([&](const auto& info) { return print(match, info, names); }, match.info);
}

std::string iptables_string(std::string_view text) {
  static constexpr std::string_view kPlain =
      "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static constexpr std::string_view kEscaped = "\"\\'";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return safe(text);
  std::string marked;
  for (const char c : safe(text)) {
    if (kEscaped.find(c) != std::string_view::npos) marked += '\\';
    marked += c;
  }
  return "\"" + marked + "\"";
}

}  // namespace bulkhead::ruleset
