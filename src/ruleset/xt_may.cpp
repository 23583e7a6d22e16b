// The options of matches that may or may not hold: only to be shown, as iptables-save writes them.
// An empty text where the revision or the size is not the expected one; the match is a *may*
// anyhow.
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_connbytes.h>
#include <linux/netfilter/xt_connlimit.h>
#include <linux/netfilter/xt_cpu.h>
#include <linux/netfilter/xt_hashlimit.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_quota.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_string.h>
#include <linux/netfilter/xt_time.h>
#include <linux/netfilter/xt_u32.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <string>
#include <string_view>

#include "ruleset/print_iptables.h"
#include "ruleset/print_values.h"
#include "ruleset/xt.h"
#include "ruleset/xt_blob.h"
#include "ruleset/xt_values.h"

namespace bulkhead::ruleset {
namespace {

std::string hex(std::uint32_t number) {
  return fmt::format("0x{:x}", number);
}

// A period of 1/scale seconds as a rate of the greatest unit that says it whole, and that unit in
// milliseconds.
struct Rate {
  std::string text;
  std::uint64_t unit_ms = 0;
};
Rate rate_of(std::uint64_t period, std::uint64_t scale) {
  struct Unit {
    std::string_view name;
    std::uint64_t seconds;
  };
  static constexpr auto kUnits =
      std::to_array<Unit>({{"day", 86400}, {"hour", 3600}, {"min", 60}, {"sec", 1}});
  if (period == 0) return {"0/sec", 1000};
  std::size_t chosen = 0;
  for (std::size_t i = 1; i < kUnits.size(); ++i) {
    const std::uint64_t whole = kUnits[i].seconds * scale;
    if (period > whole || whole / period < whole % period) break;
    chosen = i;
  }
  const Unit& unit = kUnits[chosen];
  return {std::to_string(unit.seconds * scale / period) + "/" + std::string(unit.name),
          unit.seconds * 1000};
}

std::string limit(const XtBlob& blob) {
  const auto raw = blob.as<xt_rateinfo>(0);
  if (!raw) return {};
  std::string out = "--limit " + rate_of(raw->avg, XT_LIMIT_SCALE).text;
  constexpr std::uint32_t kDefaultBurst = 5;
  if (raw->burst != kDefaultBurst) out += " --limit-burst " + std::to_string(raw->burst);
  return out;
}

std::string hash_modes(std::uint32_t mode) {
  std::string out;
  const auto part = [&](std::uint32_t bit, std::string_view name) {
    if ((mode & bit) != 0) out += (out.empty() ? " --hashlimit-mode " : ",") + std::string(name);
  };
  part(XT_HASHLIMIT_HASH_SIP, "srcip");
  part(XT_HASHLIMIT_HASH_SPT, "srcport");
  part(XT_HASHLIMIT_HASH_DIP, "dstip");
  part(XT_HASHLIMIT_HASH_DPT, "dstport");
  return out;
}

template <class Config>
std::string hashlimit_config(const Config& cfg, const std::string& name, std::uint64_t scale,
                             unsigned bits) {
  const bool by_bytes = (cfg.mode & XT_HASHLIMIT_BYTES) != 0;
  const Rate rate = rate_of(cfg.avg, scale);
  std::string out =
      (cfg.mode & XT_HASHLIMIT_INVERT) != 0 ? "--hashlimit-above " : "--hashlimit-upto ";
  out += by_bytes ? std::to_string(cfg.avg) + "b/s" : rate.text;
  if (!by_bytes) out += " --hashlimit-burst " + std::to_string(cfg.burst);
  out += hash_modes(cfg.mode) + " --hashlimit-name " + safe(name);
  const auto unless = [&](std::uint64_t value, std::uint64_t usual, std::string_view option) {
    if (value != usual) out += " --hashlimit-" + std::string(option) + " " + std::to_string(value);
  };
  constexpr std::uint32_t kCollectMs = 1000;
  unless(cfg.size, 0, "htable-size");
  unless(cfg.max, 0, "htable-max");
  unless(cfg.gc_interval, kCollectMs, "htable-gcinterval");
  if (!by_bytes) unless(cfg.expire, rate.unit_ms, "htable-expire");
  unless(cfg.srcmask, bits, "srcmask");
  unless(cfg.dstmask, bits, "dstmask");
  return out;
}

std::string hashlimit(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_hashlimit_mtinfo1>(1)) {
    return hashlimit_config(raw->cfg, text_member(raw->name), XT_HASHLIMIT_SCALE,
                            blob.v6() ? 128 : 32);
  }
  if (const auto raw = blob.as<xt_hashlimit_mtinfo2>(2)) {
    return hashlimit_config(raw->cfg, text_member(raw->name), XT_HASHLIMIT_SCALE_v2,
                            blob.v6() ? 128 : 32);
  }
  if (const auto raw = blob.as<xt_hashlimit_mtinfo3>(3)) {
    return hashlimit_config(raw->cfg, text_member(raw->name), XT_HASHLIMIT_SCALE_v2,
                            blob.v6() ? 128 : 32);
  }
  return {};
}

template <class Raw>
std::string recent_options(const Raw& raw, const std::string& mask) {
  std::string out = raw.invert != 0 ? "! " : "";
  if ((raw.check_set & XT_RECENT_SET) != 0) out += "--set";
  if ((raw.check_set & XT_RECENT_CHECK) != 0) out += "--rcheck";
  if ((raw.check_set & XT_RECENT_UPDATE) != 0) out += "--update";
  if ((raw.check_set & XT_RECENT_REMOVE) != 0) out += "--remove";
  if (raw.seconds != 0) out += " --seconds " + std::to_string(raw.seconds);
  if ((raw.check_set & XT_RECENT_REAP) != 0) out += " --reap";
  if (raw.hit_count != 0) out += " --hitcount " + std::to_string(raw.hit_count);
  if ((raw.check_set & XT_RECENT_TTL) != 0) out += " --rttl";
  out += " --name " + safe(text_member(raw.name)) + mask;
  return out + (raw.side == XT_RECENT_SOURCE ? " --rsource" : " --rdest");
}

std::string recent(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_recent_mtinfo>(0)) return recent_options(*raw, {});
  if (const auto raw = blob.as<xt_recent_mtinfo_v1>(1)) {
    return recent_options(*raw, " --mask " + to_address(blob.family, raw->mask).to_string());
  }
  return {};
}

std::string connlimit(const XtBlob& blob) {
  const auto raw = blob.as<xt_connlimit_info>(1);
  if (!raw) return {};
  const auto mask = to_address(blob.family, raw->mask);
  return ((raw->flags & XT_CONNLIMIT_INVERT) != 0 ? "--connlimit-upto " : "--connlimit-above ") +
         std::to_string(raw->limit) + " --connlimit-mask " +
         std::to_string(mask_bits(mask.octets()).value_or(0)) +
         ((raw->flags & XT_CONNLIMIT_DADDR) != 0 ? " --connlimit-daddr" : " --connlimit-saddr");
}

std::string statistic(const XtBlob& blob) {
  const auto raw = blob.as<xt_statistic_info>(0);
  if (!raw) return {};
  const std::string no = (raw->flags & XT_STATISTIC_INVERT) != 0 ? " !" : "";
  if (raw->mode == XT_STATISTIC_MODE_RANDOM) {
    constexpr double kCertain = 2147483648.0;  // 0x80000000
    return fmt::format("--mode random{} --probability {:.11f}", no,
                       raw->u.random.probability / kCertain);
  }
  return "--mode nth" + no + " --every " + std::to_string(std::uint64_t{raw->u.nth.every} + 1) +
         " --packet " + std::to_string(raw->u.nth.packet);
}

std::string clock_text(std::uint32_t seconds) {
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string date_text(std::uint32_t epoch) {
  const std::chrono::sys_seconds at{std::chrono::seconds(epoch)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}T", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())) +
         clock_text(static_cast<std::uint32_t>((at - day).count()));
}

std::string time_days(const xt_time_info& raw) {
  static constexpr auto kDays =
      std::to_array<std::string_view>({"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"});
  std::string months, weeks;
  if (raw.monthdays_match != XT_TIME_ALL_MONTHDAYS) {
    for (unsigned day = 1; day <= 31; ++day) {
      if ((raw.monthdays_match >> day & 1) != 0) {
        months += (months.empty() ? " --monthdays " : ",") + std::to_string(day);
      }
    }
  }
  if (raw.weekdays_match != XT_TIME_ALL_WEEKDAYS) {
    for (unsigned day = 1; day <= kDays.size(); ++day) {
      if ((raw.weekdays_match >> day & 1) != 0) {
        weeks += (weeks.empty() ? " --weekdays " : ",") + std::string(kDays[day - 1]);
      }
    }
  }
  return months + weeks;
}

std::string time(const XtBlob& blob) {
  const auto raw = blob.as<xt_time_info>(0);
  if (!raw) return {};
  std::string out;
  if (raw->daytime_start != XT_TIME_MIN_DAYTIME || raw->daytime_stop != XT_TIME_MAX_DAYTIME) {
    out += " --timestart " + clock_text(raw->daytime_start) + " --timestop " +
           clock_text(raw->daytime_stop);
  }
  out += time_days(*raw);
  if (raw->date_start != 0) out += " --datestart " + date_text(raw->date_start);
  if (raw->date_stop != 0) out += " --datestop " + date_text(raw->date_stop);
  if ((raw->flags & XT_TIME_LOCAL_TZ) != 0) out += " --kerneltz";
  if ((raw->flags & XT_TIME_CONTIGUOUS) != 0) out += " --contiguous";
  return out.empty() ? out : out.substr(1);
}

std::string string(const XtBlob& blob) {
  const auto raw = blob.as<xt_string_info>(1);
  if (!raw || raw->patlen > sizeof raw->pattern) return {};
  const std::string_view pattern(raw->pattern, raw->patlen);
  const bool plain = std::all_of(pattern.begin(), pattern.end(),
                                 [](char c) { return c >= ' ' && c <= '~' && c != '"'; });
  std::string out = (raw->u.v1.flags & XT_STRING_FLAG_INVERT) != 0 ? "! " : "";
  out += plain ? "--string \"" + std::string(pattern) + "\""
               : "--hex-string \"|" + to_hex(as_bytes(pattern)) + "|\"";
  out += " --algo " + safe(text_member(raw->algo));
  if (raw->from_offset != 0) out += " --from " + std::to_string(raw->from_offset);
  if (raw->to_offset != 0 && raw->to_offset != 0xffff) {
    out += " --to " + std::to_string(raw->to_offset);
  }
  if ((raw->u.v1.flags & XT_STRING_FLAG_IGNORECASE) != 0) out += " --icase";
  return out;
}

std::string quota(const XtBlob& blob) {
  const auto raw = blob.as<xt_quota_info>(0);
  if (!raw) return {};
  return ((raw->flags & XT_QUOTA_INVERT) != 0 ? "! --quota " : "--quota ") +
         std::to_string(raw->quota);
}

// An inverted range has its ends exchanged.
std::string connbytes(const XtBlob& blob) {
  const auto raw = blob.as<xt_connbytes_info>(0);
  if (!raw || raw->what > XT_CONNBYTES_AVGPKT || raw->direction > XT_CONNBYTES_DIR_BOTH) return {};
  static constexpr std::array<std::string_view, 3> kModes = {"packets", "bytes", "avgpkt"};
  static constexpr std::array<std::string_view, 3> kDirections = {"original", "reply", "both"};
  std::uint64_t from = raw->count.from, to = raw->count.to;
  const bool inverted = from > to;
  if (inverted) std::swap(from, to);
  std::string out = inverted ? "! --connbytes " : "--connbytes ";
  out += std::to_string(from) + ":";
  if (to != 0 && to < std::numeric_limits<std::uint32_t>::max()) out += std::to_string(to);
  return out + " --connbytes-mode " + std::string(kModes[raw->what]) + " --connbytes-dir " +
         std::string(kDirections[raw->direction]);
}

std::string u32(const XtBlob& blob) {
  const auto raw = blob.as<xt_u32>(0);
  if (!raw || raw->ntests > XT_U32_MAXSIZE) return {};
  static constexpr std::array<std::string_view, 4> kOps = {"&", "<<", ">>", "@"};
  std::string out;
  for (std::size_t t = 0; t < raw->ntests; ++t) {
    const xt_u32_test& test = raw->tests[t];
    if (test.nnums > XT_U32_MAXSIZE || test.nvalues > XT_U32_MAXSIZE) return {};
    if (t != 0) out += "&&";
    for (std::size_t i = 0; i < test.nnums; ++i) {
      if (test.location[i].nextop >= kOps.size()) return {};
      if (i != 0) out += kOps[test.location[i].nextop];
      out += hex(test.location[i].number);
    }
    for (std::size_t i = 0; i < test.nvalues; ++i) {
      out += (i == 0 ? "=" : ",") + hex(test.value[i].min);
      if (test.value[i].min != test.value[i].max) out += ":" + hex(test.value[i].max);
    }
  }
  return std::string(raw->invert != 0 ? "! " : "") + "--u32 \"" + out + "\"";
}

std::string cpu(const XtBlob& blob) {
  const auto raw = blob.as<xt_cpu_info>(0);
  if (!raw) return {};
  return (raw->invert != 0 ? "! --cpu " : "--cpu ") + std::to_string(raw->cpu);
}

std::string bytecode(const sock_filter* program, std::size_t count) {
  if (count > XT_BPF_MAX_NUM_INSTR) return {};
  std::string out = "--bytecode \"" + std::to_string(count);
  for (std::size_t i = 0; i < count; ++i) {
    out += "," + std::to_string(program[i].code) + " " + std::to_string(program[i].jt) + " " +
           std::to_string(program[i].jf) + " " + std::to_string(program[i].k);
  }
  return out + "\"";
}

std::string bpf(const XtBlob& blob) {
  if (const auto raw = blob.as<xt_bpf_info>(0)) {
    return bytecode(raw->bpf_program, raw->bpf_program_num_elem);
  }
  const auto raw = blob.as<xt_bpf_info_v1>(1);
  if (!raw) return {};
  if (raw->mode == XT_BPF_MODE_BYTECODE)
    return bytecode(raw->bpf_program, raw->bpf_program_num_elem);
  return "--object-pinned " + safe(text_member(raw->path));
}

constexpr auto kMay = std::to_array<XtReader<std::string>>({
    {"limit", limit},
    {"hashlimit", hashlimit},
    {"recent", recent},
    {"connlimit", connlimit},
    {"statistic", statistic},
    {"time", time},
    {"string", string},
    {"quota", quota},
    {"connbytes", connbytes},
    {"u32", u32},
    {"cpu", cpu},
    {"bpf", bpf},
    {"rateest", xt_untold},
    {"nfacct", xt_untold},
    {"cluster", xt_untold},
    {"osf", xt_untold},
});

}  // namespace

std::optional<std::string> xt_may_detail(std::string_view name, const XtBlob& blob) {
  return xt_detail(kMay, name, blob);
}

}  // namespace bulkhead::ruleset
