// What the decoders make of the kernel's own bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <regex>
#include <set>
#include <sstream>

#include "ruleset/decode.h"
#include "ruleset/kernel_lab.h"

namespace bulkhead {
namespace {

using namespace model;

// The places of a table that were not understood.
std::vector<std::string> opaque_places(const Table& table) {
  std::vector<std::string> out;
  for (const Chain& chain : table.chains) {
    for (const Rule& rule : chain.rules) {
      const std::string place =
          table.name + " " + chain.name + " " + std::to_string(rule.handle) + " ";
      for (const Statement& statement : rule.statements) {
        if (const auto* opaque = std::get_if<OpaqueStatement>(&statement)) {
          out.push_back(place + opaque->what);
        } else if (const auto* match = std::get_if<XtMatch>(&statement)) {
          if (std::holds_alternative<xt::Opaque>(match->info)) out.push_back(match->name);
        } else if (const auto* target = std::get_if<XtTarget>(&statement)) {
          if (std::holds_alternative<xt::Opaque>(target->info)) out.push_back(target->name);
        }
      }
    }
  }
  return out;
}

// Matches that ask for what the model does not have.
const std::vector<std::string> kNotUnderstood = {"socket", "policy"};

class Kernel : public test::KernelLab {};

TEST_F(Kernel, NativeRulesAreUnderstoodToTheLast) {
  load("nft -f -", "rules.nft");
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(tables->size(), 11U);
  for (const Table& table : *tables) EXPECT_THAT(opaque_places(table), testing::IsEmpty());
}

TEST_F(Kernel, MatchesAndTargetsOfIptablesInNftAreUnderstood) {
  load("ipset restore", "ipsets.txt");
  load("iptables-nft-restore", "iptables.rules");
  load("ip6tables-nft-restore", "ip6tables.rules");
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(tables->size(), 9U);
  for (const Table& table : *tables) {
    EXPECT_THAT(opaque_places(table), testing::Each(testing::AnyOfArray(kNotUnderstood)));
  }
}

TEST_F(Kernel, LegacyTablesAreUnderstood) {
  load("ipset restore", "ipsets.txt");
  load("iptables-legacy-restore", "iptables.rules");
  load("ip6tables-legacy-restore", "ip6tables.rules");
  for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    for (const char* name : {"filter", "nat", "mangle", "raw"}) {
      const auto bytes = test::read_legacy(family, name);
      const auto table = ruleset::decode_legacy_table(family, name, bytes.info, bytes.entries);
      ASSERT_TRUE(table) << table.error().message;
      EXPECT_THAT(opaque_places(*table), testing::Each(testing::AnyOfArray(kNotUnderstood)));
    }
  }
}

TEST_F(Kernel, IpSetsAreReadWithTheirIndexes) {
  load("ipset restore", "ipsets.txt");
  const auto sets = ruleset::decode_ipsets(test::read_ipsets(), {});
  ASSERT_TRUE(sets) << sets.error().message;
  std::vector<std::string> names;
  for (const IpSet& set : *sets) names.push_back(set.name);
  const auto indexes = test::read_ipset_indexes(names);
  ASSERT_EQ(indexes.size(), sets->size());
  for (std::size_t i = 0; i < indexes.size(); ++i) EXPECT_EQ((*sets)[i].index, indexes[i].index);
}

// A set whose elements are limited holds an address only as long as its limit does.
TEST_F(Kernel, LookingUpAnElementThatKeepsALimitIsAMay) {
  const auto loaded =
      test::run("nft -f -",
                "table ip t {\n"
                " set limited { type ipv4_addr; limit rate 1/minute; elements = { 10.0.0.1 } }\n"
                " set counted { type ipv4_addr; counter; elements = { 10.0.0.1 } }\n"
                " chain c { ip saddr @limited accept\n ip saddr @counted accept\n }\n}\n");
  ASSERT_EQ(loaded.status, 0) << loaded.text;
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  const auto& rules = tables->front().chains.front().rules;
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<May>(rules[0].statements[0]));
  EXPECT_TRUE(std::holds_alternative<InSet>(rules[1].statements[0]));
}

// One line of `ipset save` from what was decoded; what only counts or tunes is left out.
std::string ipset_line(const IpSet& set, const IpSetEntry& e) {
  std::string key;
  const auto part = [&](const std::string& text) { key += (key.empty() ? "" : ",") + text; };
  const auto address = [](const Prefix& p) {
    return p.length() == p.address().bits() ? p.address().to_string() : p.to_string();
  };
  if (e.prefix) part(address(*e.prefix));
  if (e.last_address) key += "-" + e.last_address->to_string();
  if (e.port) {
    const bool echo = e.protocol == 1 && e.port->number == 0x0800;
    const std::string number = echo ? "echo-request" : std::to_string(e.port->number);
    part(e.protocol ? to_string(static_cast<IpProtocol>(*e.protocol)) + ":" + number : number);
  }
  if (e.prefix2) part(address(*e.prefix2));
  if (!e.interface.empty()) part(e.interface);
  if (e.mac) {
    std::string mac = e.mac->to_string();
    for (char& c : mac) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    part(mac);
  }
  if (!e.member_set.empty()) part(e.member_set);
  return "add " + set.name + " " + key + (e.nomatch ? " nomatch" : "");
}

TEST_F(Kernel, IpSetEntriesReadAsIpsetSavePrintsThem) {
  load("ipset restore", "ipsets.txt");
  const auto sets = ruleset::decode_ipsets(test::read_ipsets(), {});
  ASSERT_TRUE(sets) << sets.error().message;
  std::multiset<std::string> theirs, ours;
  static const std::regex kOther(" (timeout \\d+|packets \\d+|bytes \\d+|comment \"[^\"]*\")");
  std::istringstream lines(test::run("ipset save").text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("add ")) theirs.insert(std::regex_replace(line, kOther, ""));
  }
  for (const IpSet& set : *sets) {
    for (const IpSetEntry& entry : set.entries) ours.insert(ipset_line(set, entry));
  }
  EXPECT_GE(theirs.size(), 20U);
  EXPECT_EQ(ours, theirs);
}

// The rest of an ipset that decides: family, mask, time left.
TEST_F(Kernel, IpSetOptionsAreRead) {
  load("ipset restore", "ipsets.txt");
  const auto sets = ruleset::decode_ipsets(test::read_ipsets(), {});
  ASSERT_TRUE(sets) << sets.error().message;
  for (const IpSet& set : *sets) {
    if (set.name == "masked") {
      EXPECT_EQ(set.netmask_length, 24U);
    }
    if (set.name == "addrs6") {
      EXPECT_EQ(set.family, IpFamily::kV6);
    }
    if (set.name == "nets") {
      ASSERT_EQ(set.entries.size(), 2U);
      EXPECT_GT(set.entries[0].timeout_s, 900U);
    }
  }
}

TEST_F(Kernel, GenerationMovesWithEachChange) {
  const auto before = ruleset::decode_generation(test::read_generation());
  ASSERT_EQ(test::run("nft add table ip t").status, 0);
  const auto after = ruleset::decode_generation(test::read_generation());
  ASSERT_TRUE(before && after);
  EXPECT_LT(*before, *after);
}

}  // namespace
}  // namespace bulkhead
