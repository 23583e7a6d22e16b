#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "collect/assemble.h"
#include "ruleset/decode.h"

namespace bulkhead::collect {
namespace {

using model::Gap;
using ruleset::NftDump;

// One reading of a namespace's rules: consistent only if the generation is the same at both ends.
struct Reading {
  NftDump dump;
  std::optional<std::uint32_t> before, after;
  std::vector<Gap> gaps;
  bool tables_read = false;
  bool moved = false;  // something was there and then was not
};

Bytes take_bytes(Answer& answer, Section section, Reading& reading) {
  for (SectionData& data : answer.sections) {
    if (data.section != section) continue;
    if (data.error == 0) return std::move(data.bytes);
    // EINVAL on a kernel that cannot load modules: it has no nf_tables at all, so no rule either.
    if (data.error == EINVAL && section == Section::kTables) return {};
    reading.gaps.push_back({"nftables", errno_text(data.error)});
    return {};
  }
  return {};
}

std::optional<std::uint32_t> generation(const Answer& answer, Section section) {
  const SectionData* data = answer.find(section);
  if (data == nullptr || data->error != 0) return std::nullopt;
  const auto decoded = ruleset::decode_generation(data->bytes);
  if (!decoded) return std::nullopt;
  return *decoded;
}

Reading take_reading(Answer& answer) {
  Reading out;
  out.before = generation(answer, Section::kGenerationBefore);
  out.after = generation(answer, Section::kGenerationAfter);
  const bool has_rules = answer.find(Section::kChains) != nullptr;
  out.dump.tables = take_bytes(answer, Section::kTables, out);
  out.tables_read = out.gaps.empty();
  if (!has_rules) {
    out.after = out.before;
    return out;
  }
  out.dump.chains = take_bytes(answer, Section::kChains, out);
  out.dump.rules = take_bytes(answer, Section::kNfRules, out);
  out.dump.sets = take_bytes(answer, Section::kSets, out);
  out.dump.objects = take_bytes(answer, Section::kObjects, out);
  return out;
}

// Elements of all sets. ENOENT: a set went away since it was listed.
Status read_elements(Broker& broker, std::uint64_t inode, Reading& reading) {
  const auto sets = ruleset::list_sets(reading.dump.sets);
  if (!sets) {
    reading.gaps.push_back({"nftables", sets.error().message});
    return {};
  }
  if (sets->empty()) return {};
  Bytes request;
  append_value(request, inode);
  for (const ruleset::SetName& set : *sets) {
    request.push_back(static_cast<std::uint8_t>(set.family));
    append_text(request, set.table);
    append_text(request, set.set);
  }
  if (request.size() > kMostRequest) {
    reading.gaps.push_back({"nftables", "there are more sets than are read"});
    return {};
  }
  auto answer = BrokerAccess::ask(broker, Op::kReadSetElements, request);
  if (!answer) return std::unexpected(answer.error());
  reading.after = generation(*answer, Section::kGenerationAfter);
  for (SectionData& data : answer->sections) {
    if (data.section != Section::kSetElements) continue;
    if (data.error == ENOENT) reading.moved = true;
    if (data.error != 0) reading.gaps.push_back({"nftables sets", errno_text(data.error)});
    reading.dump.set_elements.push_back(std::move(data.bytes));
  }
  return {};
}

void fill_legacy(const Answer& answer, model::NetNs& ns) {
  const SectionData* info = nullptr;
  for (const SectionData& data : answer.sections) {
    const bool v4 =
        data.section == Section::kLegacyInfo4 || data.section == Section::kLegacyEntries4;
    const char* what = v4 ? "iptables-legacy" : "ip6tables-legacy";
    const std::string_view name(reinterpret_cast<const char*>(data.bytes.data()),
                                std::min<std::size_t>(data.bytes.size(), 32));
    if (data.section == Section::kLegacyArp) {
      ns.gaps.push_back({"arptables-legacy", "its tables are not read"});
    } else if (data.section == Section::kLegacyInfo4 || data.section == Section::kLegacyInfo6) {
      info = &data;
      if (data.error != 0) {
        ns.gaps.push_back({what, "table " + escape_text(name) + ": " + errno_text(data.error)});
      }
    } else if (data.section == Section::kLegacyEntries4 ||
               data.section == Section::kLegacyEntries6) {
      if (info == nullptr || info->error != 0) continue;
      const std::string_view table(reinterpret_cast<const char*>(info->bytes.data()),
                                   std::min<std::size_t>(info->bytes.size(), 32));
      auto decoded =
          ruleset::decode_legacy_table(v4 ? IpFamily::kV4 : IpFamily::kV6,
                                       table.substr(0, table.find('\0')), info->bytes, data.bytes);
      if (!decoded) {
        ns.gaps.push_back({what, decoded.error().message});
        continue;
      }
      ns.ruleset.tables.push_back(*std::move(decoded));
    }
  }
}

void fill_ipsets(const Answer& answer, model::NetNs& ns) {
  const SectionData* data = answer.find(Section::kIpSets);
  // EINVAL: this kernel has no ipset at all.
  if (data == nullptr || data->error == EINVAL || data->error == EOPNOTSUPP) return;
  if (data->error != 0) {
    ns.gaps.push_back({"ipset", errno_text(data->error)});
    return;
  }
  auto sets = ruleset::decode_ipsets(data->bytes, {});
  if (!sets) {
    ns.gaps.push_back({"ipset", sets.error().message});
    return;
  }
  ns.ruleset.ipsets = *std::move(sets);
}

}  // namespace

Status fill_rules(Broker& broker, model::NetNs& ns, Pending& pending) {
  Reading reading;
  bool still = false;
  for (int attempt = 0; attempt < kMostAttempts && !still; ++attempt) {
    if (attempt > 0) {
      auto answer =
          BrokerAccess::ask(broker, Op::kReadNamespace, read_request(ns.inode, kReadRules));
      if (!answer) return std::unexpected(answer.error());
      pending.rules = *std::move(answer);
    }
    reading = take_reading(pending.rules);
    if (Status status = read_elements(broker, ns.inode, reading); !status) return status;
    still = reading.before == reading.after && !reading.moved;
  }
  if (!still) ns.gaps.push_back({"nftables", "the rules kept changing while they were read"});
  ns.gaps.insert(ns.gaps.end(), reading.gaps.begin(), reading.gaps.end());
  ns.ruleset.generation = reading.after;
  auto tables = ruleset::decode_nftables(reading.dump);
  if (tables) {
    ns.ruleset.tables = *std::move(tables);
  } else {
    ns.gaps.push_back({"nftables", tables.error().message});
  }
  fill_legacy(pending.rules, ns);
  fill_ipsets(pending.rules, ns);
  pending.rules = {};
  return {};
}

Result<model::Ruleset> read_rules(Broker& broker, std::uint64_t ns_inode) {
  auto answer = BrokerAccess::ask(broker, Op::kReadNamespace, read_request(ns_inode, kReadRules));
  if (!answer) return std::unexpected(answer.error());
  const SectionData* opened = answer->find(Section::kOpened);
  if (opened == nullptr || opened->error != 0)
    return fail(ErrorCode::kUnavailable, "the namespace could not be entered");
  model::NetNs ns;
  ns.inode = ns_inode;
  Pending pending;
  pending.rules = *std::move(answer);
  if (Status filled = fill_rules(broker, ns, pending); !filled)
    return std::unexpected(filled.error());
  for (const Gap& gap : ns.gaps) {
    if (gap.what.starts_with("nftables"))
      return fail(ErrorCode::kUnavailable, gap.what + ": " + gap.reason);
  }
  return std::move(ns.ruleset);
}

}  // namespace bulkhead::collect
