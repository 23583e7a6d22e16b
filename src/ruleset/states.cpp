// Expressions that count, log or limit, and references to named objects that do.
#include <linux/netfilter/nf_tables.h>

#include <string>
#include <string_view>
#include <utility>

#include "ruleset/expressions.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

constexpr std::uint32_t kLogLevelWarning = 4;

std::string_view time_unit(std::uint64_t seconds) {
  switch (seconds) {
    case 1: return "second";
    case 60: return "minute";
    case 3600: return "hour";
    case 86400: return "day";
    case 604800: return "week";
  }
  return {};
}

// nft divides as long as nothing is lost.
std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"bytes", "kbytes", "mbytes"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + " " + std::string(kUnits[unit]);
}

std::string log_level(std::uint32_t level) {
  static constexpr std::string_view kNames[] = {"emerg",  "alert", "crit",  "err",  "warn",
                                                "notice", "info",  "debug", "audit"};
  return level < std::size(kNames) ? std::string(kNames[level]) : std::to_string(level);
}

std::string log_flags(std::uint32_t flags) {
  // NF_LOG_TCPSEQ 1, TCPOPT 2, IPOPT 4, UID 8, MACDECODE 32.
  if (flags == 0x2f) return " flags all";
  std::string out;
  if ((flags & 3) == 3) out += " flags tcp sequence,options";
  if ((flags & 3) == 1) out += " flags tcp sequence";
  if ((flags & 3) == 2) out += " flags tcp options";
  if ((flags & 4) != 0) out += " flags ip options";
  if ((flags & 8) != 0) out += " flags skuid";
  if ((flags & 32) != 0) out += " flags ether";
  return out;
}

}  // namespace

bool ExpressionDecoder::counter(const Attributes& a) {
  const auto packets = a.be64(NFTA_COUNTER_PACKETS);
  const auto bytes = a.be64(NFTA_COUNTER_BYTES);
  if (!packets || !bytes) return false;
  add(Observe{"counter", {}, packets, bytes});
  return true;
}

bool ExpressionDecoder::log(const Attributes& a) {
  std::string detail;
  if (const auto prefix = a.string(NFTA_LOG_PREFIX)) detail += " prefix \"" + *prefix + "\"";
  if (const auto group = a.be16(NFTA_LOG_GROUP)) {
    detail += " group " + std::to_string(*group);
    if (const auto length = a.be32(NFTA_LOG_SNAPLEN).value_or(0); length != 0) {
      detail += " snaplen " + std::to_string(length);
    }
    if (const auto queued = a.be16(NFTA_LOG_QTHRESHOLD).value_or(0); queued != 0) {
      detail += " queue-threshold " + std::to_string(queued);
    }
    add(Observe{"nflog", detail.substr(1), {}, {}});
    return true;
  }
  const auto level = a.be32(NFTA_LOG_LEVEL).value_or(kLogLevelWarning);
  if (level != kLogLevelWarning) detail += " level " + log_level(level);
  detail += log_flags(a.be32(NFTA_LOG_FLAGS).value_or(0));
  add(Observe{"log", detail.empty() ? detail : detail.substr(1), {}, {}});
  return true;
}

bool ExpressionDecoder::last(const Attributes&) {
  add(Observe{"last", {}, {}, {}});
  return true;
}

bool ExpressionDecoder::limit(const Attributes& a) {
  const auto rate = a.be64(NFTA_LIMIT_RATE);
  const auto seconds = a.be64(NFTA_LIMIT_UNIT);
  if (!rate || !seconds) return false;
  const bool bytes = a.be32(NFTA_LIMIT_TYPE).value_or(NFT_LIMIT_PKTS) == NFT_LIMIT_PKT_BYTES;
  const bool inverted = (a.be32(NFTA_LIMIT_FLAGS).value_or(0) & NFT_LIMIT_F_INV) != 0;
  const std::uint32_t burst = a.be32(NFTA_LIMIT_BURST).value_or(0);
  const auto unit = time_unit(*seconds);
  std::string detail = inverted ? "rate over " : "rate ";
  detail += bytes ? bytes_text(*rate) : std::to_string(*rate);
  detail += "/" + (unit.empty() ? std::to_string(*seconds) + "s" : std::string(unit));
  if (bytes && burst != 0) detail += " burst " + bytes_text(burst);
  constexpr std::uint32_t kDefaultBurst = 5;
  if (!bytes && burst != 0 && burst != kDefaultBurst)
    detail += " burst " + std::to_string(burst) + " packets";
  add(May{"limit", std::move(detail), inverted});
  return true;
}

bool ExpressionDecoder::quota(const Attributes& a) {
  const auto bytes = a.be64(NFTA_QUOTA_BYTES);
  if (!bytes) return false;
  const bool inverted = (a.be32(NFTA_QUOTA_FLAGS).value_or(0) & NFT_QUOTA_F_INV) != 0;
  std::string detail = (inverted ? "over " : "") + bytes_text(*bytes);
  if (const auto used = a.be64(NFTA_QUOTA_CONSUMED).value_or(0); used != 0) {
    detail += " used " + bytes_text(used);
  }
  add(May{"quota", std::move(detail), inverted});
  return true;
}

bool ExpressionDecoder::connlimit(const Attributes& a) {
  const auto count = a.be32(NFTA_CONNLIMIT_COUNT);
  if (!count) return false;
  const bool inverted = (a.be32(NFTA_CONNLIMIT_FLAGS).value_or(0) & NFT_CONNLIMIT_F_INV) != 0;
  add(May{"connlimit", (inverted ? "over " : "") + std::to_string(*count), inverted});
  return true;
}

bool ExpressionDecoder::object(std::uint32_t type, const std::string& name) {
  switch (type) {
    case NFT_OBJECT_COUNTER: add(Observe{"objref", "counter name " + name, {}, {}}); return true;
    case NFT_OBJECT_CT_HELPER: add(Observe{"objref", "ct helper set " + name, {}, {}}); return true;
    case NFT_OBJECT_CT_TIMEOUT:
      add(Observe{"objref", "ct timeout set " + name, {}, {}});
      return true;
    case NFT_OBJECT_CT_EXPECT:
      add(Observe{"objref", "ct expectation set " + name, {}, {}});
      return true;
    case NFT_OBJECT_SECMARK:
      add(Observe{"objref", "meta secmark set " + name, {}, {}});
      return true;
    case NFT_OBJECT_QUOTA: add(May{"quota", "name " + name, false}); return true;
    case NFT_OBJECT_LIMIT: add(May{"limit", "name " + name, false}); return true;
    case NFT_OBJECT_CONNLIMIT: add(May{"connlimit", "name " + name, false}); return true;
  }
  return false;
}

bool ExpressionDecoder::objref(const Attributes& a) {
  if (auto name = a.string(NFTA_OBJREF_IMM_NAME)) {
    return object(a.be32(NFTA_OBJREF_IMM_TYPE).value_or(0), "\"" + *name + "\"");
  }
  // Through a map: no element, no match.
  auto set = a.string(NFTA_OBJREF_SET_NAME);
  const SetFacts* facts = set ? set_facts(*set) : nullptr;
  if (!set || facts == nullptr) return false;
  auto key = set_key(a, NFTA_OBJREF_SET_SREG, *facts);
  if (!key) return false;
  const std::size_t before = statements_.size();
  add(InSet{std::move(*key), *set, false});
  if (object(facts->object_type, "map @" + *set)) return true;
  statements_.resize(before, OpaqueStatement{});
  return false;
}

bool ExpressionDecoder::flow_offload(const Attributes& a) {
  add(Observe{"flow", "add @" + a.string(NFTA_FLOW_TABLE_NAME).value_or(""), {}, {}});
  return true;
}

}  // namespace bulkhead::ruleset
