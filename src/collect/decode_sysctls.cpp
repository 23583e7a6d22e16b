#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "collect/listing.h"

namespace bulkhead::collect {
namespace {

using model::Sysctls;
using Plain = std::optional<std::int32_t> Sysctls::*;

const std::map<std::string_view, Plain>& plain_files() {
  static const std::map<std::string_view, Plain> kFiles = {
      {"ipv4/ip_forward", &Sysctls::ip_forward},
      {"ipv4/ip_nonlocal_bind", &Sysctls::ip_nonlocal_bind},
      {"ipv4/ip_early_demux", &Sysctls::ip_early_demux},
      {"ipv4/fib_multipath_hash_policy", &Sysctls::fib_multipath_hash_policy},
      {"ipv4/icmp_echo_ignore_all", &Sysctls::icmp_echo_ignore_all},
      {"ipv4/tcp_l3mdev_accept", &Sysctls::tcp_l3mdev_accept},
      {"ipv4/udp_l3mdev_accept", &Sysctls::udp_l3mdev_accept},
      {"ipv4/fwmark_reflect", &Sysctls::fwmark_reflect},
      {"ipv4/tcp_fwmark_accept", &Sysctls::tcp_fwmark_accept},
      {"ipv6/ip_nonlocal_bind", &Sysctls::ipv6_ip_nonlocal_bind},
      {"bridge/bridge-nf-call-iptables", &Sysctls::bridge_nf_call_iptables},
      {"bridge/bridge-nf-call-ip6tables", &Sysctls::bridge_nf_call_ip6tables},
      {"bridge/bridge-nf-call-arptables", &Sysctls::bridge_nf_call_arptables},
      {"bridge/bridge-nf-filter-vlan-tagged", &Sysctls::bridge_nf_filter_vlan_tagged},
      {"bridge/bridge-nf-filter-pppoe-tagged", &Sysctls::bridge_nf_filter_pppoe_tagged},
      {"bridge/bridge-nf-pass-vlan-input-dev", &Sysctls::bridge_nf_pass_vlan_input_dev},
      {"netfilter/nf_conntrack_tcp_loose", &Sysctls::conntrack_tcp_loose},
      {"netfilter/nf_conntrack_tcp_be_liberal", &Sysctls::conntrack_tcp_be_liberal},
  };
  return kFiles;
}

// The names of the model's members are those of the files.
template <class Conf>
std::int32_t* conf_member(Conf& conf, std::string_view name) {
  std::int32_t* found = nullptr;
  Conf::fields(conf, [&](std::string_view member, std::int32_t& value) {
    if (member == name) found = &value;
  });
  return found;
}

std::optional<std::int32_t> number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
  std::int32_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()));
  return value;
}

bool store(Sysctls& out, std::string_view name, std::string_view text) {
  const auto value = number(text);
  if (!value) return false;
  if (name == "ipv4/ip_local_port_range") {
    out.ip_local_port_first = value;
    out.ip_local_port_last = number(text);
    return out.ip_local_port_last.has_value();
  }
  if (const auto found = plain_files().find(name); found != plain_files().end()) {
    out.*(found->second) = value;
    return true;
  }
  constexpr std::string_view kAll4 = "ipv4/conf/all/", kAll6 = "ipv6/conf/all/";
  std::int32_t* member = nullptr;
  if (name.starts_with(kAll4)) member = conf_member(out.ipv4_all, name.substr(kAll4.size()));
  if (name.starts_with(kAll6)) member = conf_member(out.ipv6_all, name.substr(kAll6.size()));
  if (member == nullptr) return false;
  *member = *value;
  return true;
}

std::optional<std::string_view> take_text(ByteView& bytes) {
  const auto end = std::find(bytes.begin(), bytes.end(), std::uint8_t{0});
  if (end == bytes.end()) return std::nullopt;
  const auto length = static_cast<std::size_t>(end - bytes.begin());
  const std::string_view out(reinterpret_cast<const char*>(bytes.data()), length);
  bytes = bytes.subspan(length + 1);
  return out;
}

}  // namespace

Result<Sysctls> decode_sysctls(ByteView bytes, std::vector<std::string>& unread) {
  Sysctls out;
  while (!bytes.empty()) {
    const auto name = take_text(bytes);
    const auto value = name ? take_text(bytes) : std::nullopt;
    if (!value) return fail(ErrorCode::kInvalidInput, "list of sysctls cut short");
    if (!store(out, *name, *value)) unread.emplace_back(*name);
  }
  return out;
}

}  // namespace bulkhead::collect
