#include <fmt/format.h>
#include <linux/netfilter/nf_nat.h>

#include <algorithm>
#include <array>

#include "ruleset/print_iptables.h"
#include "ruleset/print_values.h"

namespace bulkhead::ruleset {
namespace {

using namespace model;

struct RejectWord {
  std::uint8_t code;
  std::string_view v4, v6;
};
constexpr auto kRejects = std::to_array<RejectWord>({
    {0, "icmp-net-unreachable", "icmp6-no-route"},
    {1, "icmp-host-unreachable", "icmp6-adm-prohibited"},
    {2, "icmp-proto-unreachable", "icmp6-not-neighbour"},
    {3, "icmp-port-unreachable", "icmp6-addr-unreachable"},
    {4, "", "icmp6-port-unreachable"},
    {5, "", "icmp6-policy-fail"},
    {6, "", "icmp6-reject-route"},
    {9, "icmp-net-prohibited", ""},
    {10, "icmp-host-prohibited", ""},
    {13, "icmp-admin-prohibited", ""},
});

// REJECT has one name in both families and one code with two meanings: the table decides.
std::string print(const XtTarget&, const xt::RejectTarget& t, bool v6) {
  if (t.tcp_reset) return " --reject-with tcp-reset";
  if (t.echo_reply) return " --reject-with echo-reply";
  for (const RejectWord& word : kRejects) {
    if (word.code == t.icmp_code) return " --reject-with " + std::string(v6 ? word.v6 : word.v4);
  }
  return " --reject-with " + std::to_string(t.icmp_code);
}

std::string nat_ports(const xt::PortRange& range) {
  return range.first == range.last
             ? std::to_string(range.first.number)
             : std::to_string(range.first.number) + "-" + std::to_string(range.last.number);
}

std::string addresses(const xt::AddressRange& range, bool brackets) {
  std::string out = range.first.to_string();
  if (range.first != range.last) out += "-" + range.last.to_string();
  return brackets && range.first.is_v6() ? "[" + out + "]" : out;
}

std::string nat_flags(std::uint32_t flags) {
  std::string out;
  if ((flags & NF_NAT_RANGE_PROTO_RANDOM) != 0) out += " --random";
  if ((flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY) != 0) out += " --random-fully";
  if ((flags & NF_NAT_RANGE_PERSISTENT) != 0) out += " --persistent";
  return out;
}

std::string netmap(const xt::AddressRange& range) {
  Bytes mask;
  const auto first = range.first.octets(), last = range.last.octets();
  for (std::size_t i = 0; i < first.size(); ++i) {
    mask.push_back(static_cast<std::uint8_t>(~(first[i] ^ last[i])));
  }
  const auto bits = mask_bits(mask);
  if (bits) return range.first.to_string() + "/" + std::to_string(*bits);
  return addresses(range, false);
}

std::string print(const XtTarget&, const xt::NatTarget& t, bool) {
  std::string to;
  if (t.addresses) to = addresses(*t.addresses, t.ports.has_value());
  if (t.ports) to += ":" + nat_ports(*t.ports);
  if (t.base_port) to += "/" + std::to_string(t.base_port->number);
  switch (t.kind) {
    case xt::NatTargetKind::kDnat:
      return (to.empty() ? "" : " --to-destination " + to) + nat_flags(t.flags);
    case xt::NatTargetKind::kSnat:
      return (to.empty() ? "" : " --to-source " + to) + nat_flags(t.flags);
    case xt::NatTargetKind::kMasquerade:
    case xt::NatTargetKind::kRedirect:
      return (t.ports ? " --to-ports " + nat_ports(*t.ports) : "") + nat_flags(t.flags);
    case xt::NatTargetKind::kNetmap: return t.addresses ? " --to " + netmap(*t.addresses) : "";
  }
  return {};
}

std::string print(const XtTarget&, const xt::MarkTarget& t, bool) {
  return " --set-xmark " + print_hex(t.value) + "/" + print_hex(t.mask);
}

std::string print(const XtTarget&, const xt::ConnmarkTarget& t, bool) {
  std::string shift;
  if (t.shift_bits != 0) {
    shift = (t.shift_right ? " --right-shift-mark " : " --left-shift-mark ") +
            std::to_string(t.shift_bits);
  }
  const std::string masks =
      " --nfmask " + print_hex(t.nf_mask) + " --ctmask " + print_hex(t.ct_mask) + shift;
  switch (t.mode) {
    case xt::ConnmarkMode::kSet:
      return " --set-xmark " + print_hex(t.ct_mark) + "/" + print_hex(t.ct_mask) + shift;
    case xt::ConnmarkMode::kSave: return " --save-mark" + masks;
    case xt::ConnmarkMode::kRestore: return " --restore-mark" + masks;
  }
  return {};
}

std::string print(const XtTarget& target, const xt::CtTarget& t, bool) {
  if (target.name == "NOTRACK") return {};
  std::string out;
  if (t.notrack) out += " --notrack";
  if (!t.helper.empty()) out += " --helper " + safe(t.helper);
  if (t.zone != 0) out += " --zone " + std::to_string(t.zone);
  return out;
}

std::string print(const XtTarget&, const xt::TproxyTarget& t, bool v6) {
  return " --on-port " + std::to_string(t.port.number) + " --on-ip " +
         t.address.value_or(IpAddress::any(v6 ? IpFamily::kV6 : IpFamily::kV4)).to_string() +
         " --tproxy-mark " + print_hex(t.mark_value) + "/" + print_hex(t.mark_mask);
}

std::string print(const XtTarget&, const xt::QueueTarget& t, bool) {
  return " --queue-num " + std::to_string(t.queue) + (t.bypass ? " --queue-bypass" : "");
}

std::string print(const XtTarget&, const xt::PassTarget& t, bool) {
  return t.detail.empty() ? std::string() : " " + safe(t.detail);
}

std::string print(const XtTarget&, const xt::Standard&, bool) {
  return {};
}

std::string print(const XtTarget& target, const xt::Opaque&, bool) {
  static constexpr std::size_t kShown = 64;
  const ByteView shown = ByteView(target.raw).first(std::min(target.raw.size(), kShown));
  return " [revision " + std::to_string(target.revision) + ", not understood: " + to_hex(shown) +
         (target.raw.size() > kShown ? "..." : "") + "]";
}

std::string standard(const xt::Standard& t) {
  switch (t.verdict) {
    case xt::StandardVerdict::kAccept: return "-j ACCEPT";
    case xt::StandardVerdict::kDrop: return "-j DROP";
    case xt::StandardVerdict::kReturn: return "-j RETURN";
    case xt::StandardVerdict::kQueue: return "-j QUEUE";
    case xt::StandardVerdict::kJump: return "-j " + safe(t.chain);
    case xt::StandardVerdict::kGoto: return "-g " + safe(t.chain);
  }
  return {};
}

// "--add-set #3 src" with the name of set 3.
std::string with_names(std::string text, const SetNames& names) {
  const std::size_t at = text.find('#');
  if (at == std::string::npos || names.empty()) return text;
  std::size_t end = at + 1;
  std::uint32_t index = 0;
  for (; end < text.size() && text[end] >= '0' && text[end] <= '9' && end - at < 7; ++end) {
    index = index * 10 + static_cast<std::uint32_t>(text[end] - '0');
  }
  const auto found = names.find(index);
  if (found == names.end() || end == at + 1) return text;
  return text.replace(at, end - at, safe(found->second));
}

}  // namespace

std::string print_xt_target(const XtTarget& target, const SetNames& names, IpFamily family) {
  if (const auto* s = std::get_if<xt::Standard>(&target.info)) return standard(*s);
  const bool v6 = family == IpFamily::kV6;
  std::string options =
      std::visit([&](const auto& info) { return print(target, info, v6); }, target.info);
  if (target.name == "SET") options = with_names(std::move(options), names);
  return "-j " + safe(target.name) + options;
}

}  // namespace bulkhead::ruleset
