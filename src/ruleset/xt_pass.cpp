// The options of targets that change nothing of the packet's way: only to be shown, as
// iptables-save writes them. An empty text where the revision or the size is not the expected one.
#include <fmt/format.h>
#include <linux/netfilter/xt_AUDIT.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_CLASSIFY.h>
#include <linux/netfilter/xt_DSCP.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_TEE.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter_ipv4/ipt_TTL.h>

#include <array>
#include <string>
#include <string_view>

#include "ruleset/print_iptables.h"
#include "ruleset/print_values.h"
#include "ruleset/xt.h"
#include "ruleset/xt_blob.h"
#include "ruleset/xt_values.h"

namespace bulkhead::ruleset {
namespace {

std::string hex2(unsigned number) {
  return fmt::format("0x{:02x}", number);
}

// Behind the first option there is a space.
std::string trimmed(std::string text) {
  return text.empty() ? text : text.substr(1);
}

std::string log(const XtBlob& blob) {
  const auto raw = blob.as<xt_log_info>(0);
  if (!raw) return {};
  std::string out;
  constexpr unsigned kWarning = 4;
  const std::string prefix = text_member(raw->prefix);
  if (!prefix.empty()) out += " --log-prefix " + iptables_string(prefix);
  if (raw->level != kWarning) out += " --log-level " + std::to_string(raw->level);
  if ((raw->logflags & XT_LOG_TCPSEQ) != 0) out += " --log-tcp-sequence";
  if ((raw->logflags & XT_LOG_TCPOPT) != 0) out += " --log-tcp-options";
  if ((raw->logflags & XT_LOG_IPOPT) != 0) out += " --log-ip-options";
  if ((raw->logflags & XT_LOG_UID) != 0) out += " --log-uid";
  if ((raw->logflags & XT_LOG_MACDECODE) != 0) out += " --log-macdecode";
  return trimmed(std::move(out));
}

std::string nflog(const XtBlob& blob) {
  const auto raw = blob.as<xt_nflog_info>(0);
  if (!raw) return {};
  std::string out;
  const std::string prefix = text_member(raw->prefix);
  if (!prefix.empty()) out += " --nflog-prefix " + iptables_string(prefix);
  if (raw->group != 0) out += " --nflog-group " + std::to_string(raw->group);
  if ((raw->flags & XT_NFLOG_F_COPY_LEN) != 0) out += " --nflog-size " + std::to_string(raw->len);
  if (raw->threshold != XT_NFLOG_DEFAULT_THRESHOLD) {
    out += " --nflog-threshold " + std::to_string(raw->threshold);
  }
  return trimmed(std::move(out));
}

std::string tcpmss(const XtBlob& blob) {
  const auto raw = blob.as<xt_tcpmss_info>(0);
  if (!raw) return {};
  return raw->mss == XT_TCPMSS_CLAMP_PMTU ? "--clamp-mss-to-pmtu"
                                          : "--set-mss " + std::to_string(raw->mss);
}

std::string checksum(const XtBlob& blob) {
  const auto raw = blob.as<xt_CHECKSUM_info>(0);
  return raw && raw->operation == XT_CHECKSUM_OP_FILL ? "--checksum-fill" : "";
}

std::string classify(const XtBlob& blob) {
  const auto raw = blob.as<xt_classify_target_info>(0);
  if (!raw) return {};
  return fmt::format("--set-class {:04x}:{:04x}", raw->priority >> 16, raw->priority & 0xffff);
}

// struct ipt_TTL_info and ip6t_HL_info are the same.
std::string hop(const XtBlob& blob, std::string_view name) {
  const auto raw = blob.as<ipt_TTL_info>(0);
  static constexpr std::array<std::string_view, 3> kModes = {"set", "inc", "dec"};
  if (!raw || raw->mode >= kModes.size()) return {};
  return "--" + std::string(name) + "-" + std::string(kModes[raw->mode]) + " " +
         std::to_string(raw->ttl);
}
// The kernel's modes are SET, INC, DEC in this order (ipt_TTL.h).
std::string ttl(const XtBlob& blob) {
  return hop(blob, "ttl");
}
std::string hl(const XtBlob& blob) {
  return hop(blob, "hl");
}

std::string dscp(const XtBlob& blob) {
  const auto raw = blob.as<xt_DSCP_info>(0);
  return raw ? "--set-dscp " + hex2(raw->dscp) : std::string();
}

std::string tos(const XtBlob& blob) {
  const auto raw = blob.as<xt_tos_target_info>(1);
  return raw ? "--set-tos " + hex2(raw->tos_value) + "/" + hex2(raw->tos_mask) : std::string();
}

std::string set_change(std::string_view option, const xt_set_info& info) {
  if (info.index == IPSET_INVALID_ID) return {};
  std::string out = " --" + std::string(option) + " #" + std::to_string(info.index);
  for (unsigned i = 1; i <= info.dim && i <= IPSET_DIM_MAX; ++i) {
    out += (i == 1 ? " " : ",") + std::string((info.flags >> i & 1) != 0 ? "src" : "dst");
  }
  return out;
}

std::string set(const XtBlob& blob) {
  std::string out;
  if (const auto raw = blob.as<xt_set_info_target_v1>(1)) {
    out = set_change("add-set", raw->add_set) + set_change("del-set", raw->del_set);
  } else if (const auto v2 = blob.as<xt_set_info_target_v2>(2)) {
    out = set_change("add-set", v2->add_set) + set_change("del-set", v2->del_set);
    if ((v2->flags & IPSET_FLAG_EXIST) != 0) out += " --exist";
  } else if (const auto v3 = blob.as<xt_set_info_target_v3>(3)) {
    out = set_change("add-set", v3->add_set) + set_change("del-set", v3->del_set) +
          set_change("map-set", v3->map_set);
    if ((v3->flags & IPSET_FLAG_EXIST) != 0) out += " --exist";
  }
  return trimmed(std::move(out));
}

std::string audit(const XtBlob& blob) {
  const auto raw = blob.as<xt_audit_info>(0);
  static constexpr std::array<std::string_view, 3> kTypes = {"accept", "drop", "reject"};
  if (!raw || raw->type >= kTypes.size()) return {};
  return "--type " + std::string(kTypes[raw->type]);
}

std::string tee(const XtBlob& blob) {
  const auto raw = blob.as<xt_tee_tginfo>(1);
  if (!raw) return {};
  std::string out = "--gateway " + to_address(blob.family, raw->gw).to_string();
  const std::string device = text_member(raw->oif);
  return device.empty() ? out : out + " --oif " + safe(device);
}

constexpr auto kPass = std::to_array<XtReader<std::string>>({
    {"LOG", log},
    {"NFLOG", nflog},
    {"TRACE", xt_untold},
    {"TCPMSS", tcpmss},
    {"CHECKSUM", checksum},
    {"CLASSIFY", classify},
    {"TTL", ttl},
    {"HL", hl},
    {"DSCP", dscp},
    {"TOS", tos},
    {"SET", set},
    {"AUDIT", audit},
    {"TEE", tee},
    {"ECN", xt_untold},
    {"SECMARK", xt_untold},
    {"CONNSECMARK", xt_untold},
    {"RATEEST", xt_untold},
    {"LED", xt_untold},
    {"IDLETIMER", xt_untold},
    {"TCPOPTSTRIP", xt_untold},
});

}  // namespace

std::optional<std::string> xt_pass_detail(std::string_view name, const XtBlob& blob) {
  return xt_detail(kPass, name, blob);
}

}  // namespace bulkhead::ruleset
