// The decoders on small replies made by hand: what must come out, and what hostile bytes must not
// do.
#include "ruleset/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>

#include <cstring>

#include "ruleset/print.h"
#include "ruleset/registers.h"
#include "ruleset/sets.h"
#include "ruleset/xt.h"

namespace bulkhead {
namespace {

using namespace model;
using ruleset::RegisterFile;

// ------------------------------------------------------------------ replies, written by hand

void pad(Bytes& out) {
  while (out.size() % 4 != 0) out.push_back(0);
}
template <class T>
void put(Bytes& out, const T& value) {
  // Not insert(): g++ 12 sees an overflow in it that is none.
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&value);
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(raw[i]);
}
Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}
Bytes attribute(std::uint16_t type, const Bytes& value) {
  Bytes out;
  put(out, static_cast<std::uint16_t>(4 + value.size()));
  put(out, type);
  out.insert(out.end(), value.begin(), value.end());
  pad(out);
  return out;
}
Bytes text(std::uint16_t type, std::string_view value) {
  Bytes bytes(value.begin(), value.end());
  bytes.push_back(0);
  return attribute(type, bytes);
}
Bytes big(std::uint16_t type, std::uint32_t v) {
  return attribute(type, {static_cast<std::uint8_t>(v >> 24), static_cast<std::uint8_t>(v >> 16),
                          static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)});
}
Bytes message(std::uint8_t command, const Bytes& attributes, std::uint8_t family = NFPROTO_IPV4,
              std::uint8_t subsystem = NFNL_SUBSYS_NFTABLES, std::uint16_t flags = 0) {
  nlmsghdr header{};
  header.nlmsg_len =
      static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + attributes.size());
  header.nlmsg_type = static_cast<std::uint16_t>(subsystem << 8 | command);
  header.nlmsg_flags = flags;
  nfgenmsg generic{family, 0, 0};
  Bytes out;
  put(out, header);
  put(out, generic);
  out.insert(out.end(), attributes.begin(), attributes.end());
  return out;
}
Bytes expression(std::string_view name, const Bytes& data) {
  return attribute(NFTA_LIST_ELEM,
                   join({text(NFTA_EXPR_NAME, name), attribute(NFTA_EXPR_DATA, data)}));
}
Bytes value_of(std::uint16_t type, const Bytes& bytes) {
  return attribute(type, attribute(NFTA_DATA_VALUE, bytes));
}

// A table "t" with a chain "c" that holds one rule of these expressions.
ruleset::NftDump one_rule(const Bytes& expressions) {
  ruleset::NftDump dump;
  dump.tables = message(NFT_MSG_NEWTABLE, text(NFTA_TABLE_NAME, "t"));
  dump.chains =
      message(NFT_MSG_NEWCHAIN, join({text(NFTA_CHAIN_TABLE, "t"), text(NFTA_CHAIN_NAME, "c")}));
  dump.rules =
      message(NFT_MSG_NEWRULE, join({text(NFTA_RULE_TABLE, "t"), text(NFTA_RULE_CHAIN, "c"),
                                     attribute(NFTA_RULE_EXPRESSIONS, expressions)}));
  return dump;
}
std::vector<Statement> statements(const Bytes& expressions) {
  const auto tables = ruleset::decode_nftables(one_rule(expressions));
  if (!tables) {
    ADD_FAILURE() << tables.error().message;
    return {};
  }
  return tables->front().chains.front().rules.front().statements;
}

Bytes load_port() {
  return expression("payload", join({big(NFTA_PAYLOAD_DREG, 1), big(NFTA_PAYLOAD_BASE, 2),
                                     big(NFTA_PAYLOAD_OFFSET, 2), big(NFTA_PAYLOAD_LEN, 2)}));
}
Bytes compare_port(std::uint32_t source = 1) {
  return expression("cmp", join({big(NFTA_CMP_SREG, source), big(NFTA_CMP_OP, NFT_CMP_EQ),
                                 value_of(NFTA_CMP_DATA, {0, 80})}));
}

// -------------------------------------------------------------------------------- expressions

TEST(Expressions, AComparisonNamesTheFieldThatWasLoaded) {
  const auto out = statements(join({load_port(), compare_port()}));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(std::get<Compare>(out[0]),
            (Compare{{PayloadTerm{PayloadBase::kTransport, 2, 2}}, CompareOp::kEqual, {0, 80}}));
}

TEST(Expressions, OldAndNewRegisterNumbersAreTheSameRegisters) {
  EXPECT_EQ(ruleset::register_slot(NFT_REG_1), ruleset::register_slot(NFT_REG32_00));
  EXPECT_EQ(ruleset::register_slot(NFT_REG_2), ruleset::register_slot(NFT_REG32_04));
  EXPECT_EQ(ruleset::register_slot(NFT_REG_VERDICT), std::nullopt);
  EXPECT_EQ(ruleset::register_slot(24), std::nullopt);
}

TEST(Expressions, WhatIsNotUnderstoodIsKeptAndMakesEveryRegisterUnknown) {
  const auto out =
      statements(join({load_port(), expression("from_the_future", big(1, 7)), compare_port()}));
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(std::get<OpaqueStatement>(out[0]).what, "from_the_future");
  EXPECT_FALSE(std::get<OpaqueStatement>(out[0]).raw.empty());
  EXPECT_TRUE(std::holds_alternative<OpaqueTerm>(std::get<Compare>(out[1]).left.node));
}

TEST(Expressions, AnAttributeThatIsNewToUsIsNotSkippedInSilence) {
  const auto out = statements(expression("cmp", join({big(NFTA_CMP_SREG, 1), big(NFTA_CMP_OP, 0),
                                                      value_of(NFTA_CMP_DATA, {1}), big(9, 1)})));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<OpaqueStatement>(out[0]));
}

TEST(Expressions, ARegisterThatNobodyWroteIsUnknown) {
  const auto out = statements(compare_port());
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<OpaqueTerm>(std::get<Compare>(out[0]).left.node));
}

TEST(Expressions, TwoRegistersJoinedAgainAndAgainStayBounded) {
  Bytes list =
      expression("meta", join({big(NFTA_META_DREG, 8), big(NFTA_META_KEY, NFT_META_MARK)}));
  for (int i = 0; i < 100; ++i) {
    // Linux 6.13: mark = mark | mark, which doubles the term each time.
    list =
        join({list, expression("bitwise", join({big(NFTA_BITWISE_SREG, 8),
                                                big(NFTA_BITWISE_DREG, 8), big(NFTA_BITWISE_LEN, 4),
                                                big(NFTA_BITWISE_OP, 4), big(8, 8)}))});
  }
  list = join({list, expression("cmp", join({big(NFTA_CMP_SREG, 8), big(NFTA_CMP_OP, 0),
                                             value_of(NFTA_CMP_DATA, {1, 0, 0, 0})}))});
  const auto out = statements(list);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_LE(ruleset::count_nodes(std::get<Compare>(out[0]).left), 2 * RegisterFile::kMaxNodes + 1);
}

TEST(Registers, AKeyOfSeveralLoadsIsAConcatenation) {
  RegisterFile registers;
  registers.write(0, 4, {PayloadTerm{PayloadBase::kNetwork, 12, 4}});
  registers.write(1, 2, {PayloadTerm{PayloadBase::kTransport, 2, 2}});
  const Term key = registers.read(0, 8);
  const auto& concat = std::get<ConcatTerm>(key.node);
  ASSERT_EQ(concat.parts.size(), 2U);
  EXPECT_EQ(concat.parts[1], (Term{PayloadTerm{PayloadBase::kTransport, 2, 2}}));
}

TEST(Registers, PartOfAMapsDataIsASliceOfTheMap) {
  RegisterFile registers;
  MapTerm map;
  map.set = "m";
  map.key = {{MetaTerm{MetaKey::kMark, 3}}};
  registers.write(0, 8, {map});
  const auto port = std::get<MapTerm>(registers.read(1, 2).node);
  EXPECT_EQ(port.slice_offset, 4U);
  EXPECT_EQ(port.slice_length, 2U);
}

TEST(Registers, AWriteInTheMiddleHidesOnlyWhatItCovers) {
  RegisterFile registers;
  registers.write(0, 16, {PayloadTerm{PayloadBase::kNetwork, 8, 16}});
  registers.write(1, 4, {MetaTerm{MetaKey::kMark, 3}});
  const auto parts = std::get<ConcatTerm>(registers.read(0, 16).node).parts;
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0], (Term{PayloadTerm{PayloadBase::kNetwork, 8, 4}}));
  EXPECT_EQ(parts[1], (Term{MetaTerm{MetaKey::kMark, 3}}));
  EXPECT_EQ(parts[2], (Term{PayloadTerm{PayloadBase::kNetwork, 16, 8}}));
}

// --------------------------------------------------------------------------------------- sets

ruleset::RawElement element(Bytes key, bool end) {
  ruleset::RawElement out;
  out.element.first = out.element.last = std::move(key);
  out.interval_end = end;
  return out;
}

TEST(Intervals, StartsAndEndsInAnyOrderBecomeClosedIntervals) {
  SetDef set;
  set.flags = NFT_SET_INTERVAL;
  struct Row {
    const char* name;
    std::vector<ruleset::RawElement> raw;
    std::vector<std::pair<Bytes, Bytes>> expected;
  };
  const std::vector<Row> rows = {
      {"descending, as the kernel lists them",
       {element({0, 20}, true), element({0, 10}, false), element({0, 0}, true)},
       {{{0, 10}, {0, 19}}}},
      {"open at the top", {element({0xff, 0}, false)}, {{{0xff, 0}, {0xff, 0xff}}}},
      {"adjacent, end and start of the same value",
       {element({0, 3}, false), element({0, 3}, true), element({0, 1}, false),
        element({0, 5}, true)},
       {{{0, 1}, {0, 2}}, {{0, 3}, {0, 4}}}},
      {"a start that closes the one before",
       {element({0, 1}, false), element({0, 3}, false), element({0, 5}, true)},
       {{{0, 1}, {0, 2}}, {{0, 3}, {0, 4}}}},
      {"an end carried over bytes",
       {element({1, 0}, true), element({0, 5}, false)},
       {{{0, 5}, {0, 0xff}}}},
      {"nothing but an end", {element({0, 1}, true)}, {}},
  };
  for (const Row& row : rows) {
    std::vector<std::pair<Bytes, Bytes>> got;
    for (const SetElement& e : ruleset::close_intervals(set, row.raw))
      got.emplace_back(e.first, e.last);
    EXPECT_EQ(got, row.expected) << row.name;
  }
}

// ------------------------------------------------------------------------------------ x_tables

template <class T>
Bytes blob(const T& raw) {
  Bytes out;
  put(out, raw);
  while (out.size() % 8 != 0) out.push_back(0);
  return out;
}

TEST(XtMatch, ConntrackDirectionIsOriginalUnlessInverted) {
  for (const bool inverted : {false, true}) {
    xt_conntrack_mtinfo3 raw{};
    raw.match_flags = XT_CONNTRACK_DIRECTION;
    raw.invert_flags = inverted ? XT_CONNTRACK_DIRECTION : 0;
    const auto match = ruleset::make_xt_match("conntrack", 3, NfFamily::kIp, blob(raw));
    EXPECT_EQ(std::get<xt::Conntrack>(match.info).direction_original, !inverted);
  }
}

TEST(XtMatch, MultiportRangesTakeTwoPlaces) {
  xt_multiport_v1 raw{};
  raw.flags = XT_MULTIPORT_DESTINATION;
  raw.count = 3;
  raw.ports[0] = 22;
  raw.ports[1] = 80;
  raw.pflags[1] = 1;
  raw.ports[2] = 90;
  const auto match = ruleset::make_xt_match("multiport", 1, NfFamily::kIp, blob(raw));
  EXPECT_THAT(
      std::get<xt::Multiport>(match.info).ports,
      testing::ElementsAre(xt::PortRange{Port{22}, Port{22}}, xt::PortRange{Port{80}, Port{90}}));
  raw.count = 200;  // a lie
  EXPECT_TRUE(std::holds_alternative<xt::Opaque>(
      ruleset::make_xt_match("multiport", 1, NfFamily::kIp, blob(raw)).info));
}

TEST(XtMatch, AnUnknownRevisionOrSizeIsOpaqueWithItsBytes) {
  const Bytes raw = blob(xt_tcp{});
  struct Row {
    std::uint32_t revision;
    Bytes info;
  };
  for (const Row& row : {Row{1, raw}, Row{0, Bytes(3, 0)}, Row{0, Bytes(64, 0)}, Row{0, {}}}) {
    const auto match = ruleset::make_xt_match("tcp", row.revision, NfFamily::kIp, row.info);
    EXPECT_TRUE(std::holds_alternative<xt::Opaque>(match.info));
    EXPECT_EQ(match.raw, row.info);
  }
}

// Found by fuzzing: the structure's member is an enum.
TEST(XtTarget, ARejectThatDoesNotExistIsOpaque) {
  for (const std::uint32_t with : {9U, 197U, 0xffffff00U}) {
    for (const NfFamily family : {NfFamily::kIp, NfFamily::kIp6}) {
      const auto target = ruleset::make_xt_target("REJECT", 0, family, blob(with));
      EXPECT_TRUE(std::holds_alternative<xt::Opaque>(target.info)) << with;
    }
  }
}

// --------------------------------------------------------------------------------------- legacy

Bytes entry(const Bytes& target_name, std::int32_t verdict, std::uint8_t flags = 0) {
  Bytes target;
  put(target, static_cast<std::uint16_t>(32 + 8));
  Bytes name = target_name;
  name.resize(XT_EXTENSION_MAXNAMELEN, 0);
  target.insert(target.end(), name.begin(), name.end());
  target.push_back(0);
  put(target, verdict);
  target.resize(40, 0);
  ipt_ip ip{};
  ip.flags = flags;
  Bytes out;
  put(out, ip);
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint16_t>(sizeof(ipt_entry)));
  put(out, static_cast<std::uint16_t>(sizeof(ipt_entry) + target.size()));
  out.resize(sizeof(ipt_entry), 0);
  out.insert(out.end(), target.begin(), target.end());
  return out;
}
constexpr std::uint32_t kEntry = sizeof(ipt_entry) + 40;
const Bytes kError = {'E', 'R', 'R', 'O', 'R'};

// INPUT of table filter with `rules`, its policy, one chain behind it and the mark of the end.
Result<Table> input_with(const Bytes& rules, std::int32_t policy = -NF_DROP - 1) {
  ipt_getinfo info{};
  info.valid_hooks = 1 << NF_INET_LOCAL_IN;
  info.underflow[NF_INET_LOCAL_IN] = static_cast<std::uint32_t>(rules.size());
  const Bytes blob_bytes =
      join({rules, entry({}, policy), entry(kError, 0x41), entry({}, XT_RETURN), entry(kError, 0)});
  info.size = static_cast<std::uint32_t>(blob_bytes.size());
  Bytes header;
  put(header, info);
  return ruleset::decode_legacy_table(IpFamily::kV4, "filter", header, blob_bytes);
}

TEST(Legacy, JumpsAreNamedByTheChainAtTheirOffset) {
  const auto at =
      static_cast<std::int32_t>(4 * kEntry);  // behind one rule, another, policy and name
  const auto table = input_with(join({entry({}, at), entry({}, at, IPT_F_GOTO)}));
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->chains.size(), 2U);
  EXPECT_EQ(table->chains[0].base->policy, VerdictKind::kDrop);
  EXPECT_EQ(table->chains[1].name, "A");
  EXPECT_TRUE(table->chains[1].rules.empty());
  const auto target = [&](int i) {
    return std::get<xt::Standard>(
        std::get<XtTarget>(table->chains[0].rules[i].statements.back()).info);
  };
  EXPECT_EQ(target(0), (xt::Standard{xt::StandardVerdict::kJump, "A"}));
  EXPECT_EQ(target(1), (xt::Standard{xt::StandardVerdict::kGoto, "A"}));
}

TEST(Legacy, ARuleWithoutATargetJumpsToTheNextAndHasNone) {
  const auto table = input_with(entry({}, static_cast<std::int32_t>(kEntry)));
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_TRUE(table->chains[0].rules[0].statements.empty());
}

TEST(Legacy, JumpsToNowhereAndPoliciesThatAreNoneAreErrors) {
  EXPECT_FALSE(input_with(entry({}, 12345)));
  EXPECT_FALSE(input_with(entry({}, -99)));
  EXPECT_FALSE(input_with({}, XT_RETURN));
}

TEST(Legacy, AnEntryThatDoesNotMoveForwardEndsTheReading) {
  Bytes stuck = entry({}, -NF_ACCEPT - 1);
  const std::uint16_t zero = 0;
  std::memcpy(stuck.data() + offsetof(ipt_entry, next_offset), &zero, sizeof zero);
  EXPECT_FALSE(input_with(stuck));
}

// -------------------------------------------------------------------------------------- hostile

TEST(Hostile, EveryCutOfADumpIsAnErrorOrLess) {
  const auto whole = one_rule(join({load_port(), compare_port()}));
  for (std::size_t cut = 1; cut < whole.rules.size(); ++cut) {
    auto dump = whole;
    dump.rules.resize(cut);
    EXPECT_FALSE(ruleset::decode_nftables(dump)) << cut;
  }
}

TEST(Hostile, ADumpInPartsWithoutItsEndIsIncomplete) {
  auto dump = one_rule({});
  dump.tables = message(NFT_MSG_NEWTABLE, text(NFTA_TABLE_NAME, "t"), NFPROTO_IPV4,
                        NFNL_SUBSYS_NFTABLES, NLM_F_MULTI);
  EXPECT_FALSE(ruleset::decode_nftables(dump));
}

TEST(Hostile, ADumpThatMovedSaysSo) {
  auto dump = one_rule({});
  dump.tables = message(NFT_MSG_NEWTABLE, text(NFTA_TABLE_NAME, "t"), NFPROTO_IPV4,
                        NFNL_SUBSYS_NFTABLES, NLM_F_DUMP_INTR);
  const auto tables = ruleset::decode_nftables(dump);
  ASSERT_FALSE(tables);
  EXPECT_EQ(tables.error().code, ErrorCode::kInterrupted);
}

TEST(Hostile, ARuleOfAChainThatIsNotThereMeansThatItMoved) {
  auto dump = one_rule({});
  dump.chains.clear();
  const auto tables = ruleset::decode_nftables(dump);
  ASSERT_FALSE(tables);
  EXPECT_EQ(tables.error().code, ErrorCode::kInterrupted);
}

TEST(Hostile, TheSameTableTwiceIsAnError) {
  auto dump = one_rule({});
  dump.tables = join({dump.tables, dump.tables});
  EXPECT_FALSE(ruleset::decode_nftables(dump));
}

TEST(Hostile, NamesArePrintedWithoutTheirEscapeSequences) {
  auto dump = one_rule({});
  const std::string evil = "t\x1b[2J\n";
  dump.tables = message(NFT_MSG_NEWTABLE, text(NFTA_TABLE_NAME, evil));
  dump.chains =
      message(NFT_MSG_NEWCHAIN, join({text(NFTA_CHAIN_TABLE, evil), text(NFTA_CHAIN_NAME, "c")}));
  dump.rules.clear();
  const auto tables = ruleset::decode_nftables(dump);
  ASSERT_TRUE(tables) << tables.error().message;
  Ruleset all;
  all.tables = *tables;
  EXPECT_EQ(ruleset::print_ruleset(all).find('\x1b'), std::string::npos);
}

TEST(Hostile, AnIpsetWithoutATypeOrWithAPrefixTooLongIsAnError) {
  const auto list = [](const Bytes& attributes) {
    return ruleset::decode_ipsets(message(IPSET_CMD_LIST, attributes, 0, NFNL_SUBSYS_IPSET), {});
  };
  EXPECT_FALSE(list(text(IPSET_ATTR_SETNAME, "s")));
  const Bytes address = attribute(IPSET_ATTR_IP, attribute(IPSET_ATTR_IPADDR_IPV4, {10, 0, 0, 1}));
  const auto with = [&](std::uint8_t bits) {
    return list(join({text(IPSET_ATTR_SETNAME, "s"), text(IPSET_ATTR_TYPENAME, "hash:net"),
                      attribute(IPSET_ATTR_ADT,
                                attribute(IPSET_ATTR_DATA,
                                          join({address, attribute(IPSET_ATTR_CIDR, {bits})})))}));
  };
  EXPECT_FALSE(with(33));
  const auto sets = with(24);
  ASSERT_TRUE(sets) << sets.error().message;
  EXPECT_EQ(sets->front().entries.front().prefix->to_string(), "10.0.0.0/24");
  EXPECT_EQ(sets->front().index, ruleset::kNoIpSetIndex);
}

// ---------------------------------------------------------------------------------------- author

TEST(Author, IsGuessedByNamesAndNeverForTheChainThatIsLeftToOthers) {
  Table table;
  table.family = NfFamily::kIp;
  table.name = "filter";
  Chain docker{"DOCKER", 1, {}, {}}, user{"DOCKER-USER", 2, {}, {}},
      ufw{"ufw-user-input", 3, {}, {}};
  Rule rule;
  rule.statements.push_back(Decide{{VerdictKind::kDrop, {}, 0, false}});
  EXPECT_EQ(ruleset::guess_author(table, docker, &rule), "docker");
  EXPECT_EQ(ruleset::guess_author(table, user, &rule), "iptables-nft");
  EXPECT_EQ(ruleset::guess_author(table, ufw, nullptr), "ufw");
}

}  // namespace
}  // namespace bulkhead
