// Rules read from the kernel and printed, against what the kernel's own tools print, rule by rule.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "ruleset/decode.h"
#include "ruleset/kernel_lab.h"
#include "ruleset/print.h"

namespace bulkhead {
namespace {

using namespace model;

// "ip nat/PREROUTING 3" -> the rule's text. By handle for nft, by position for iptables.
using Texts = std::map<std::string, std::string>;

// One difference that is known, with its reason; `pattern` must match the tool's text.
struct Known {
  const char* pattern;
  const char* reason;
};
const std::vector<Known> kKnown = {
    {"jhash ip saddr", "the model keeps that a hash is taken, not of what"},
    {"-j NOTRACK", "the target CT --notrack, which the kernel also knows by its old name"},
    {"-j NFQUEUE --queue-balance", "the model keeps the first queue"},
    {"-m socket ", "not modelled: the answer is unknown and the bytes are shown"},
    {"-m policy ", "not modelled: the answer is unknown and the bytes are shown"},
    {"{ ip saddr timeout", "the time that a new element lives decides nothing and is not kept"},
    {"{ ip saddr limit", "the limit of an element is printed behind the update, as it acts"},
};

bool is_known(const std::string& text) {
  return std::any_of(kKnown.begin(), kKnown.end(),
                     [&](const Known& k) { return text.find(k.pattern) != std::string::npos; });
}

// Elements in one order: the tools print them as the kernel's hash gives them.
std::string sort_elements(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.find("{ ", at);
    const std::size_t close = text.find(" }", open);
    if (open == std::string::npos || close == std::string::npos) return out + text.substr(at);
    std::set<std::string> parts;
    std::istringstream list(text.substr(open + 2, close - open - 2));
    for (std::string part; std::getline(list, part, ',');) {
      parts.insert(part.starts_with(' ') ? part.substr(1) : part);
    }
    out += text.substr(at, open - at) + "{ ";
    for (const std::string& part : parts) out += (part == *parts.begin() ? "" : ", ") + part;
    at = close;
  }
}

// The tools know interfaces by name, a ruleset only by number: 1 is always lo.
std::string interfaces_by_number(const std::string& text) {
  static const std::regex kCompare("\\b(iif|oif|sdif) (!= )?\"lo\"");
  static const std::regex kSend("\\b(fwd|dup) to \"lo\"");
  return std::regex_replace(std::regex_replace(text, kCompare, "$01 $021"), kSend, "$01 to 1");
}

// The old match "state" is the match "conntrack" under another name, which the kernel knows by a
// bit.
std::string one_name_for_states(const std::string& text) {
  static const std::regex kState("-m state( !)? --state");
  return std::regex_replace(text, kState, "-m conntrack$1 --ctstate");
}

// `nft -a list ruleset`.
Texts nft_texts() {
  Texts out;
  static const std::regex kTable("table (\\S+) (\\S+) \\{.*"), kChain("\tchain (\\S+) \\{.*"),
      kRule("\t\t(.*) # handle (\\d+)");
  std::istringstream lines(test::run("nft -a list ruleset").text);
  std::string place, chain;
  std::smatch found;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, found, kTable)) {
      place = found.str(1) + " " + found.str(2);
      chain.clear();
    } else if (std::regex_match(line, found, kChain)) {
      chain = found.str(1);
    } else if (!chain.empty() && std::regex_match(line, found, kRule)) {
      out[place + "/" + chain + " handle " + found.str(2)] =
          sort_elements(interfaces_by_number(found.str(1)));
    }
  }
  return out;
}

Texts our_nft_texts() {
  Texts out;
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  if (!tables) return out;
  for (const Table& table : *tables) {
    for (const Chain& chain : table.chains) {
      for (const Rule& rule : chain.rules) {
        out[ruleset::print_place(table, chain, &rule)] =
            sort_elements(ruleset::print_rule(table, rule));
      }
    }
  }
  return out;
}

// iptables-save: "filter/INPUT 3".
Texts save_texts(const std::string& command) {
  Texts out;
  std::map<std::string, int> positions;
  std::istringstream lines(test::run(command).text);
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("*")) table = line.substr(1);
    if (!line.starts_with("-A ")) continue;
    const std::size_t end = std::min(line.find(' ', 3), line.size());
    const std::string place = table + "/" + line.substr(3, end - 3);
    const std::string text = end < line.size() ? line.substr(end + 1) : "";
    out[place + " " + std::to_string(++positions[place])] = one_name_for_states(text);
  }
  return out;
}

Texts our_save_texts(const std::vector<Table>& tables) {
  Texts out;
  const auto ipsets = ruleset::decode_ipsets(test::read_ipsets(), {});
  if (!ipsets) return out;
  for (const Table& table : tables) {
    for (const Chain& chain : table.chains) {
      for (std::size_t i = 0; i < chain.rules.size(); ++i) {
        out[table.name + "/" + chain.name + " " + std::to_string(i + 1)] =
            one_name_for_states(ruleset::print_rule(table, chain.rules[i], *ipsets));
      }
    }
  }
  return out;
}

void expect_same(const Texts& theirs, const Texts& ours, std::size_t least) {
  EXPECT_EQ(theirs.size(), ours.size());
  EXPECT_GE(theirs.size(), least) << "too few rules to say anything";
  for (const auto& [place, text] : theirs) {
    const auto found = ours.find(place);
    if (found == ours.end()) {
      ADD_FAILURE() << place << " is missing: " << text;
    } else if (!is_known(text)) {
      EXPECT_EQ(found->second, text) << place;
    }
  }
}

class Printed : public test::KernelLab {};

TEST_F(Printed, NativeRulesReadAsNftPrintsThem) {
  load("nft -f -", "rules.nft");
  expect_same(nft_texts(), our_nft_texts(), 240);
}

// The blocks "set NAME {" and "chain NAME {" of a whole ruleset, one line each.
Texts blocks(const std::string& text, const std::regex& wanted) {
  Texts out;
  static const std::regex kTable("table (\\S+ \\S+) \\{"), kSpace("\\s+"),
      kTimes(" (timeout|expires) \\w+");
  std::istringstream lines(text);
  std::string table, block;
  std::smatch found;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, found, kTable)) table = found.str(1);
    if (std::regex_match(line, found, wanted)) block = table + " " + found.str(1);
    if (block.empty()) continue;
    std::string& to = out[block];
    to = std::regex_replace(to + " " + line, kSpace, " ");
    if (line != "\t}") continue;
    to = std::regex_replace(to, kTimes, "");
    block.clear();
  }
  return out;
}

// Everything behind `key` in each block.
Texts part_of(Texts all, const std::string& key) {
  for (auto& [place, text] : all) {
    const std::size_t at = text.find(key);
    text =
        at == std::string::npos ? "" : sort_elements(text.substr(at, text.find(" }", at) + 2 - at));
  }
  return all;
}

std::string our_ruleset() {
  Ruleset all;
  auto tables = ruleset::decode_nftables(test::read_nftables());
  if (tables) all.tables = std::move(*tables);
  return ruleset::print_ruleset(all);
}

TEST_F(Printed, SetsHoldTheElementsThatNftPrints) {
  load("nft -f -", "rules.nft");
  static const std::regex kSet("\t(?:set|map) (\\S+) \\{");
  const auto theirs = part_of(blocks(test::run("nft list ruleset").text, kSet), "elements = ");
  expect_same(theirs, part_of(blocks(our_ruleset(), kSet), "elements = "), 15);
}

TEST_F(Printed, ChainsHaveTheHooksThatNftPrints) {
  load("nft -f -", "rules.nft");
  std::map<std::string, std::set<std::string>> lines;
  for (const bool ours : {false, true}) {
    std::istringstream text(ours ? our_ruleset() : test::run("nft -y list ruleset").text);
    for (std::string line; std::getline(text, line);) {
      if (line.find(" hook ") != std::string::npos) lines[ours ? "ours" : "theirs"].insert(line);
    }
  }
  EXPECT_GE(lines["theirs"].size(), 10U);
  EXPECT_EQ(lines["ours"], lines["theirs"]);
}

TEST_F(Printed, RulesOfIptablesInNftReadAsItsSavePrintsThem) {
  load("ipset restore", "ipsets.txt");
  load("iptables-nft-restore", "iptables.rules");
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  expect_same(save_texts("iptables-nft-save"), our_save_texts(*tables), 150);
}

TEST_F(Printed, RulesOfIp6tablesInNftReadAsItsSavePrintsThem) {
  load("ipset restore", "ipsets.txt");
  load("ip6tables-nft-restore", "ip6tables.rules");
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  expect_same(save_texts("ip6tables-nft-save"), our_save_texts(*tables), 40);
}

std::vector<Table> legacy_tables(IpFamily family) {
  std::vector<Table> out;
  for (const char* name : {"filter", "nat", "mangle", "raw", "security"}) {
    const auto bytes = test::read_legacy(family, name);
    if (bytes.info.empty()) continue;
    auto table = ruleset::decode_legacy_table(family, name, bytes.info, bytes.entries);
    if (!table) {
      ADD_FAILURE() << table.error().message;
      continue;
    }
    out.push_back(std::move(*table));
  }
  return out;
}

TEST_F(Printed, LegacyRulesReadAsIptablesSavePrintsThem) {
  load("ipset restore", "ipsets.txt");
  load("iptables-legacy-restore", "iptables.rules");
  expect_same(save_texts("iptables-legacy-save"), our_save_texts(legacy_tables(IpFamily::kV4)),
              150);
}

TEST_F(Printed, LegacyIpv6RulesReadAsIp6tablesSavePrintsThem) {
  load("ipset restore", "ipsets.txt");
  load("ip6tables-legacy-restore", "ip6tables.rules");
  expect_same(save_texts("ip6tables-legacy-save"), our_save_texts(legacy_tables(IpFamily::kV6)),
              40);
}

}  // namespace
}  // namespace bulkhead
