// The options of matches that may or may not hold and of targets that do not decide: only to be
// shown.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "ruleset/xt.h"

namespace bulkhead::ruleset {
namespace {

constexpr auto kMay = std::to_array<std::string_view>({
    "limit", "hashlimit", "recent", "connlimit", "statistic", "time", "string", "quota",
    "connbytes", "rateest", "cpu", "bpf", "u32", "nfacct", "cluster", "osf",
});
constexpr auto kPass = std::to_array<std::string_view>({
    "LOG", "NFLOG", "TRACE", "TCPMSS", "CHECKSUM", "CLASSIFY", "TTL", "HL", "DSCP", "TOS", "ECN",
    "SECMARK", "CONNSECMARK", "AUDIT", "SET", "RATEEST", "LED", "IDLETIMER", "TCPOPTSTRIP", "TEE",
});

}  // namespace

std::optional<std::string> xt_may_detail(std::string_view name, std::uint32_t, model::NfFamily,
                                         ByteView) {
  if (std::find(kMay.begin(), kMay.end(), name) == kMay.end()) return std::nullopt;
  return std::string();
}

std::optional<std::string> xt_pass_detail(std::string_view name, std::uint32_t, model::NfFamily,
                                          ByteView) {
  if (std::find(kPass.begin(), kPass.end(), name) == kPass.end()) return std::nullopt;
  return std::string();
}

}  // namespace bulkhead::ruleset
