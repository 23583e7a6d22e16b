#include "ruleset/print.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <span>

#include "ruleset/print_iptables.h"
#include "ruleset/print_nft.h"
#include "ruleset/print_values.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

constexpr std::size_t kShownElements = 1024;

std::string_view family_name(NfFamily family) {
  switch (family) {
    case NfFamily::kInet: return "inet";
    case NfFamily::kIp: return "ip";
    case NfFamily::kArp: return "arp";
    case NfFamily::kNetdev: return "netdev";
    case NfFamily::kBridge: return "bridge";
    case NfFamily::kIp6: return "ip6";
  }
  return "";
}

std::string_view hook_name(Hook hook) {
  switch (hook) {
    case Hook::kPrerouting: return "prerouting";
    case Hook::kInput: return "input";
    case Hook::kForward: return "forward";
    case Hook::kOutput: return "output";
    case Hook::kPostrouting: return "postrouting";
    case Hook::kIngress: return "ingress";
    case Hook::kEgress: return "egress";
  }
  return "";
}

std::string_view chain_type_name(ChainType type) {
  switch (type) {
    case ChainType::kFilter: return "filter";
    case ChainType::kNat: return "nat";
    case ChainType::kRoute: return "route";
  }
  return "";
}

std::string print_types(std::uint32_t type) {
  std::string out;
  for (const Datatype part : split_types(type)) out += (out.empty() ? "" : " . ") + type_name(part);
  return out;
}

std::string print_set(const SetDef& set) {
  const bool map = (set.flags & NFT_SET_MAP) != 0;
  const bool object = (set.flags & NFT_SET_OBJECT) != 0;
  std::string out = (map || object ? "\tmap " : "\tset ") + safe(set.name) + " {\n\t\ttype " +
                    print_types(set.key_type);
  if (map) out += " : " + (set.data_type == 0xffffff00 ? "verdict" : print_types(set.data_type));
  out += "\n";
  std::string flags;
  const auto flag = [&](std::uint32_t bit, std::string_view name) {
    if ((set.flags & bit) != 0) flags += (flags.empty() ? "" : ",") + std::string(name);
  };
  flag(NFT_SET_CONSTANT, "constant");
  flag(NFT_SET_EVAL, "dynamic");
  flag(NFT_SET_INTERVAL, "interval");
  flag(NFT_SET_TIMEOUT, "timeout");
  if (!flags.empty()) out += "\t\tflags " + flags + "\n";
  if (!set.comment.empty()) out += "\t\tcomment " + quoted(set.comment) + "\n";
  if (!set.elements.empty()) {
    out +=
        "\t\telements = " + print_elements(set, split_types(set.key_type), kShownElements) + "\n";
  }
  return out + "\t}\n";
}

std::string print_base(const BaseChain& base) {
  std::string out = "\t\ttype " + std::string(chain_type_name(base.type)) + " hook " +
                    std::string(hook_name(base.hook));
  if (base.devices.size() == 1) out += " device " + quoted(base.devices.front());
  if (base.devices.size() > 1) {
    std::string list;
    for (const std::string& device : base.devices)
      list += (list.empty() ? "" : ", ") + quoted(device);
    out += " devices = { " + list + " }";
  }
  return out + " priority " + std::to_string(base.priority) + "; policy " +
         (base.policy == VerdictKind::kDrop ? "drop" : "accept") + ";\n";
}

std::string print_one(const Table& table, const Rule& rule, const SetNames& names) {
  if (looks_like_iptables(table)) {
    if (auto text = print_iptables_rule(table, rule, names)) return *text;
  }
  return NftPrinter(table).print(rule);
}

std::string print_nft_table(const Table& table, const SetNames& names) {
  std::string out =
      "table " + std::string(family_name(table.family)) + " " + safe(table.name) + " {\n";
  if (!table.comment.empty()) out += "\tcomment " + quoted(table.comment) + "\n";
  if (table.dormant) out += "\tflags dormant\n";
  for (const SetDef& set : table.sets) {
    if ((set.flags & NFT_SET_ANONYMOUS) == 0) out += print_set(set);
  }
  for (const Chain& chain : table.chains) {
    out += "\tchain " + safe(chain.name) + " {\n";
    if (chain.base) out += print_base(*chain.base);
    for (const Rule& rule : chain.rules) out += "\t\t" + print_one(table, rule, names) + "\n";
    out += "\t}\n";
  }
  return out + "}\n";
}

std::string print_iptables_table(const Table& table, const SetNames& names) {
  std::string out = "*" + safe(table.name) + "\n";
  for (const Chain& chain : table.chains) {
    const char* policy = !chain.base                                ? "-"
                         : chain.base->policy == VerdictKind::kDrop ? "DROP"
                                                                    : "ACCEPT";
    out += ":" + safe(chain.name) + " " + policy + "\n";
  }
  for (const Chain& chain : table.chains) {
    for (const Rule& rule : chain.rules) {
      const std::string text = print_one(table, rule, names);
      out += "-A " + safe(chain.name) + (text.empty() ? "" : " " + text) + "\n";
    }
  }
  return out + "COMMIT\n";
}

}  // namespace

std::string print_rule(const Table& table, const Rule& rule, std::span<const IpSet> ipsets) {
  SetNames names;
  for (const IpSet& set : ipsets) names.emplace(set.index, set.name);
  return print_one(table, rule, names);
}

std::string print_rule(const Table& table, const Rule& rule) {
  return print_rule(table, rule, {});
}

std::string print_ruleset(const Ruleset& ruleset) {
  const SetNames names = set_names(ruleset);
  std::string out;
  for (const Table& table : ruleset.tables) {
    const bool legacy = table.backend == TableBackend::kLegacy;
    if (legacy)
      out += table.family == NfFamily::kIp6 ? "# ip6tables-legacy\n" : "# iptables-legacy\n";
    out += legacy ? print_iptables_table(table, names) : print_nft_table(table, names);
  }
  return out;
}

std::string print_place(const Table& table, const Chain& chain, const Rule* rule) {
  const bool legacy = table.backend == TableBackend::kLegacy;
  const bool v6 = table.family == NfFamily::kIp6;
  std::string out = legacy ? (v6 ? "ip6tables-legacy" : "iptables-legacy")
                           : std::string(family_name(table.family));
  out += " " + safe(table.name) + "/" + safe(chain.name);
  if (rule != nullptr) out += (legacy ? " " : " handle ") + std::to_string(rule->handle);
  return out;
}

}  // namespace bulkhead::ruleset
