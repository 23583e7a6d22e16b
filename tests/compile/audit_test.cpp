// Mode audit: which tables there are, what is read of what they counted, and whose it is told to
// be.
#include "compile/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/compare.h"
#include "compile/shape.h"
#include "compile/shop.h"
#include "compile/whose.h"

namespace bulkhead::compile {
namespace {

using shops::ip;
using shops::Policy;
using shops::shop;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string in_mode(const std::string& file, const std::string& blog) {
  std::string text(shops::kPolicy);
  text.replace(text.find("mode: enforce"), 13, "mode: " + file);
  return text.replace(text.find("  blog:\n"), 8, "  blog:\n    mode: " + blog + "\n");
}

Compiled compiled_of(const Policy& p) {
  auto out = compile(p.input());
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(Compiled{});
}

TEST(ModeAudit, OnlyWhatIsInForceIsLoadedAndAllElseIsTakenAway) {
  const std::string away = "delete table inet bulkhead\n",
                    away_audit = "delete table inet bulkhead_audit\n";
  for (const auto& [file, blog, tables] :
       {std::tuple("enforce", "enforce", 3U), std::tuple("enforce", "audit", 4U),
        std::tuple("audit", "audit", 1U), std::tuple("off", "off", 0U),
        std::tuple("off", "audit", 1U)}) {
    const Policy p(shop().snapshot, in_mode(file, blog));
    const Compiled c = compiled_of(p);
    EXPECT_THAT(c.tables, SizeIs(tables)) << file << blog;
    EXPECT_THAT(c.text, HasSubstr(away));
    EXPECT_THAT(c.text, HasSubstr(away_audit));
    const bool audits = std::ranges::any_of(c.tables, is_audit);
    EXPECT_EQ(audits, c.text.contains("table inet bulkhead_audit {")) << file << blog;
    EXPECT_EQ(audits, !c.audited.empty());
    EXPECT_EQ(c.text.contains("table bridge bulkhead {"), !c.held.empty());
    EXPECT_FALSE(c.text.contains("\t@@")) << "what is not filled";
  }
  const Policy p(shop().snapshot, in_mode("audit", "enforce"));
  const Compiled c = compiled_of(p);
  EXPECT_THAT(c.held, SizeIs(1));
  EXPECT_THAT(c.audited, SizeIs(3));
  EXPECT_TRUE(c.host_audited);
  EXPECT_FALSE(c.host_held);
}

// Nothing there drops, rejects, translates or writes: whatever else is loaded decides alone.
TEST(ModeAudit, TheRulesThatCountChangeNoPacket) {
  const Policy p(shop().snapshot, in_mode("audit", "audit"));
  const Compiled c = compiled_of(p);
  ASSERT_THAT(c.tables, SizeIs(1));
  std::size_t rules = 0;
  for (const model::Chain& chain : c.tables[0].chains) {
    if (chain.base) {
      EXPECT_EQ(chain.base->policy, model::VerdictKind::kAccept);
    }
    for (const model::Rule& rule : chain.rules) {
      ++rules;
      for (const model::Statement& s : rule.statements) {
        const bool looks = std::holds_alternative<model::Compare>(s) ||
                           std::holds_alternative<model::InSet>(s) ||
                           std::holds_alternative<model::VerdictMap>(s) ||
                           std::holds_alternative<model::UpdateSet>(s) ||
                           std::holds_alternative<model::Observe>(s);
        const auto* decide = std::get_if<model::Decide>(&s);
        EXPECT_TRUE(looks || decide != nullptr) << chain.name << " " << s.index();
        if (decide != nullptr) {
          EXPECT_NE(decide->verdict.kind, model::VerdictKind::kDrop);
        }
      }
    }
  }
  EXPECT_GT(rules, 50U);
}

TEST(ModeAudit, KeepsAsManyForAsLongAsItSays) {
  const std::string text(audit_text());
  const std::string bounds = "timeout " + std::to_string(kAuditKeepMs / 86'400'000) + "d; size " +
                             std::to_string(kAuditRoom);
  std::size_t sets = 0;
  for (std::size_t at = text.find("flags dynamic"); at != std::string::npos;
       at = text.find("flags dynamic", at + 1), ++sets)
    EXPECT_EQ(text.substr(text.find("timeout", at + 20), bounds.size()), bounds);
  EXPECT_EQ(sets, 12U);
}

// A table as the kernel gives it, with what packets have put there.
struct Counting {
  Policy p{shop().snapshot, in_mode("audit", "audit")};
  std::vector<model::Table> tables = compiled_of(p).tables;

  void count(std::string_view set, IpAddress from, IpAddress to, std::uint16_t port,
             std::uint64_t packets, std::uint64_t ago_ms = 0, std::uint8_t protocol = 6) {
    model::SetElement e;
    for (const IpAddress& a : {from, to}) {
      const auto octets = a.octets();
      e.first.insert(e.first.end(), octets.begin(), octets.end());
    }
    e.first.insert(e.first.end(), {protocol, 0, 0, 0, static_cast<std::uint8_t>(port >> 8U),
                                   static_cast<std::uint8_t>(port), 0, 0});
    e.last = e.first;
    e.packets = packets;
    e.expires_ms = kAuditKeepMs - ago_ms;
    for (model::SetDef& s : tables[0].sets) {
      if (s.name == set) s.elements.push_back(e);
    }
  }
  [[nodiscard]] Tally tally() const {
    const auto out = read_tally(tables);
    EXPECT_TRUE(out);
    return out.value_or(Tally{});
  }
};

TEST(ModeAudit, ReadsWhatWasCounted) {
  Counting c;
  c.count("seen_c2c4", ip("172.20.0.4"), ip("172.20.0.3"), 7000, 3, 60'000);
  c.count("seen_c2c4", ip("172.20.0.3"), ip("172.20.0.2"), 8080, 9);
  c.count("seen_egr6", ip("fd00:20::2"), ip("2001:db8::1"), 443, 1);
  c.count("seen_hst4", ip("172.20.0.4"), ip("172.20.0.1"), 0, 2, 0, 1);
  c.count("pol4", ip("172.20.0.4"), ip("172.20.0.1"), 5, 2);  // no set that packets fill
  const Tally t = c.tally();
  ASSERT_THAT(t.refused, SizeIs(4));
  EXPECT_EQ(t.refused[0].packets, 9U);
  EXPECT_EQ(t.refused[0].ago_ms, 0U);
  EXPECT_EQ(t.refused[1].from, ip("172.20.0.4"));
  EXPECT_EQ(t.refused[1].port.number, 7000);
  EXPECT_EQ(t.refused[1].ago_ms, 60'000U);
  EXPECT_EQ(t.refused[2].refusal, Refusal::kOutward);
  EXPECT_EQ(t.refused[2].to, ip("2001:db8::1"));
  EXPECT_EQ(to_string(t.refused[3].refusal), "to-host");
  EXPECT_EQ(t.refused[3].port.number, 0);
  EXPECT_EQ(t.missed, 0U);
  EXPECT_FALSE(read_tally(compiled_of(Policy()).tables)) << "nothing is counted there";
}

TEST(ModeAudit, SaysOfWhatThereWasNoRoom) {
  Counting c;
  for (model::Chain& chain : c.tables[0].chains) {
    if (chain.name != "count_ing") continue;
    for (model::Statement& s : chain.rules.back().statements) {
      if (auto* seen = std::get_if<model::Observe>(&s)) seen->packets = 17;
    }
  }
  const Tally t = c.tally();
  EXPECT_EQ(t.missed, 17U);
  EXPECT_THAT(t.full, ElementsAre(Refusal::kInward));
}

TEST(ModeAudit, ElementsOfAnotherFormArePassedOver) {
  Counting c;
  for (model::SetDef& s : c.tables[0].sets) {
    if (s.name != "seen_c2c4") continue;
    for (const std::size_t size : {0U, 1U, 15U, 17U, 40U}) {
      model::SetElement odd;
      odd.first = Bytes(size, 0xff);
      s.elements.push_back(odd);
    }
    model::SetElement late;
    late.first = Bytes(16, 0);
    late.expires_ms = UINT64_MAX;
    s.elements.push_back(late);
  }
  const Tally t = c.tally();
  ASSERT_THAT(t.refused, SizeIs(1));
  EXPECT_EQ(t.refused[0].ago_ms, 0U);
}

// What packets put into a set is no change of the rules; the rest is.
TEST(ModeAudit, WhatWasCountedIsNoDifference) {
  Counting c;
  const auto was = c.tables;
  c.count("seen_c2c4", ip("172.20.0.4"), ip("172.20.0.3"), 7000, 3);
  EXPECT_THAT(differences(was, c.tables), IsEmpty());
  c.count("pol4", ip("172.20.0.4"), ip("172.20.0.3"), 7000, 3);
  EXPECT_THAT(differences(was, c.tables), Contains(HasSubstr("set pol4")));
  EXPECT_THAT(differences({}, was), Contains("table inet bulkhead_audit was added"));
}

TEST(ModeAudit, AnAddressThatIsAnothersNowNamesNobody) {
  auto h = shop();
  const Policy p(std::move(h.snapshot), in_mode("audit", "audit"));
  Whose whose(p.input());
  const Refused one{Refusal::kInside, ip("172.20.0.4"), ip("172.20.0.3"), IpProtocol::kTcp,
                    Port{7000}};
  EXPECT_EQ(whose.of(one.from).name, "shop/db");
  whose.disown(one.from);
  EXPECT_EQ(whose.of(one.from).name, "");
  EXPECT_EQ(whose.tenant_of(one), "shop") << "of whom it was sent to";
}

TEST(ModeAudit, TellsWhoseItIs) {
  auto h = shop();
  h.engine().containers[3].project = "elsewhere";  // blog's
  const Policy p(std::move(h.snapshot), in_mode("audit", "audit"));
  const Whose whose(p.input());
  EXPECT_EQ(whose.of(ip("172.20.0.3")).name, "shop/api");
  EXPECT_EQ(whose.of(ip("fd00:20::4")).name, "shop/db");
  EXPECT_EQ(whose.of(ip("172.21.0.2")).name, "container blog-app-1");
  EXPECT_EQ(whose.of(ip("172.20.0.1")).name, "host");
  EXPECT_EQ(whose.of(ip("172.20.0.77")).name, "") << "nobody's now";
  EXPECT_EQ(whose.of(ip("198.51.100.9")).name, "internet");
  const Refused inside{Refusal::kInside, ip("172.21.0.2"), ip("172.20.0.3"), IpProtocol::kTcp,
                       Port{7000}};
  EXPECT_EQ(whose.tenant_of(inside), "shop");
  const Refused outward{Refusal::kOutward, ip("172.20.0.3"), ip("198.51.100.9"), IpProtocol::kTcp,
                        Port{443}};
  EXPECT_EQ(whose.tenant_of(outward), "shop");
  const Refused to_host{Refusal::kToHost, ip("198.51.100.9"), ip("192.0.2.10"), IpProtocol::kTcp,
                        Port{22}};
  EXPECT_EQ(whose.tenant_of(to_host), "");
  // Served by the engine's proxy at an address of the host.
  const Refused published{Refusal::kInward, ip("198.51.100.9"), ip("192.0.2.10"), IpProtocol::kTcp,
                          Port{80}};
  EXPECT_EQ(whose.of_target(published).name, "shop/web");
  EXPECT_EQ(whose.tenant_of(published), "shop");
}

}  // namespace
}  // namespace bulkhead::compile
