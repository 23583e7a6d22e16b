// What a policy becomes: which containers are held, which elements stand in which set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"

namespace bulkhead::compile {
namespace {

using shops::HostBuilder;
using shops::Policy;
using shops::shop;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

Compiled good(const Policy& p, bool enforce = false) {
  auto compiled = compile(p.input(enforce));
  EXPECT_TRUE(compiled) << compiled.error().message;
  return compiled.value_or(Compiled{});
}

// The lines of one set in the text.
std::string set_of(const Compiled& c, const std::string& table, const std::string& name,
                   const std::string& kind = "set") {
  const std::size_t begin = c.text.find("table " + table + " bulkhead {");
  const std::size_t at = c.text.find("\t" + kind + " " + name + " {", begin);
  return c.text.substr(at, c.text.find("\n\t}", at) - at);
}

TEST(Compile, WritesEachLineAsElements) {
  const Policy p;
  const Compiled c = good(p);
  EXPECT_THAT(c.held, SizeIs(4));
  EXPECT_TRUE(c.host_held);
  const std::string pol4 = set_of(c, "inet", "pol4");
  EXPECT_THAT(pol4, HasSubstr("172.20.0.2 . 172.20.0.3 . tcp . 7000"));
  EXPECT_THAT(pol4, HasSubstr("172.20.0.3 . 172.20.0.4 . tcp . 5432"));
  EXPECT_THAT(pol4, Not(HasSubstr("172.21.0.2")));
  EXPECT_THAT(set_of(c, "inet", "pol6"), HasSubstr("fd00:20::2 . fd00:20::4 . tcp . 5432"));
  EXPECT_THAT(set_of(c, "inet", "hst4"), HasSubstr("\"br-shop\" . 172.20.0.4 . tcp . 5432"));
  // One address within a prefix of the same line is not there twice.
  EXPECT_THAT(set_of(c, "inet", "egr4_0"), HasSubstr("172.20.0.3 . tcp . 443"));
  EXPECT_THAT(set_of(c, "inet", "egr4_0"), HasSubstr("172.20.0.3 . udp . 53"));
  const std::string dst4 = set_of(c, "inet", "dst4", "map");
  EXPECT_THAT(dst4, HasSubstr("{ 203.0.113.0-203.0.113.255 : goto to4_0"));
  EXPECT_THAT(dst4, Not(HasSubstr("203.0.113.7")));
  EXPECT_THAT(set_of(c, "inet", "ing4"),
              HasSubstr("\"eth0\" . 0.0.0.0-255.255.255.255 . 192.0.2.10 . tcp . 80"));
  EXPECT_THAT(set_of(c, "inet", "in4t"),
              HasSubstr("\"eth0\" . 0.0.0.0-255.255.255.255 . 80 . 172.20.0.2 . 8080"));
  EXPECT_THAT(set_of(c, "inet", "prx4"), HasSubstr("0.0.0.0-255.255.255.255 . tcp . 81"));
  EXPECT_THAT(set_of(c, "inet", "host4"),
              HasSubstr("\"eth0\" . 198.51.100.0-198.51.100.15 . tcp . 22"));
  EXPECT_THAT(set_of(c, "inet", "host4"), HasSubstr("\"br-blog\" . 172.21.0.2 . tcp . 9100"));
  EXPECT_THAT(set_of(c, "inet", "pfx4"), HasSubstr("172.20.0.0-172.20.0.255"));
  EXPECT_THAT(set_of(c, "bridge", "p4"), HasSubstr(" . 02:42:01:00:00:02 . 172.20.0.2"));
}

TEST(Compile, ModesSayWhoIsHeld) {
  std::string text(shops::kPolicy);
  text.replace(text.find("mode: enforce"), 13, "mode: audit  ");
  const Policy audit(shop().snapshot, text);
  EXPECT_THAT(good(audit).held, SizeIs(0));
  EXPECT_FALSE(good(audit).host_held);
  EXPECT_THAT(good(audit, true).held, SizeIs(4));
  EXPECT_TRUE(good(audit, true).host_held);
  text.replace(text.find("  blog:\n"), 8, "  blog:\n    mode: off\n");
  const Policy off(shop().snapshot, text);
  EXPECT_THAT(good(off, true).held, SizeIs(3));
  // Published by somebody who is not held, and the host is: it stays.
  EXPECT_THAT(set_of(good(off, true), "inet", "host4"),
              HasSubstr("\"eth0\" . 0.0.0.0-255.255.255.255 . tcp . 81"));
}

TEST(Compile, WithoutAHostSectionTheHostIsLeftAlone) {
  std::string text(shops::kPolicy);
  text.erase(text.find("host: {ssh"), text.find("tenants:") - text.find("host: {ssh"));
  const Compiled c = good(Policy(shop().snapshot, text));
  EXPECT_FALSE(c.host_held);
  EXPECT_THAT(set_of(c, "inet", "hostzones"), Not(HasSubstr("elements")));
  EXPECT_THAT(set_of(c, "inet", "hostheld"), Not(HasSubstr("elements")));
  EXPECT_THAT(set_of(c, "inet", "zones"), HasSubstr("eth0"));
}

// Rules cannot name what comes later: they name what was there, and what is open to everybody.
TEST(Compile, WhatComesLaterGetsWhatIsOpenToEverybody) {
  HostBuilder h = shop();
  h.network("elsewhere", "br-else", "172.22.0.1");
  const auto stray = h.container("stray", "elsewhere", "172.22.0.2", "", "");
  h.publish(stray, 8083, 80);
  h.publish(stray, 8084, 81, "127.0.0.1");
  std::string text(shops::kPolicy);
  text.replace(text.find("host: {ssh:"), 11,
               "host: {all: {port: 443, from: internet}, near: {port: 444, from: lan}, ssh:");
  const Compiled c = good(Policy(h.snapshot, text));
  const std::string others = set_of(c, "inet", "others");
  EXPECT_THAT(others, HasSubstr("\"br-else\""));
  for (const char* name : {"br-shop", "br-blog", "eth0", "lo"})
    EXPECT_THAT(others, Not(HasSubstr(name)));
  EXPECT_THAT(set_of(c, "inet", "hostheld"), HasSubstr("ipv4,\n\t\t\tipv6"));
  const std::string all = set_of(c, "inet", "hostall");
  for (const char* open : {"ipv4 . tcp . 443", "ipv6 . tcp . 443"})
    EXPECT_THAT(all, HasSubstr(open));
  EXPECT_THAT(all, HasSubstr("ipv4 . tcp . 8083"));  // of nobody: it stays open
  for (const char* closed : {"444", ". 22", "9100", ". 80,", ". 81", "ipv6 . tcp . 8083", "8084"})
    EXPECT_THAT(all, Not(HasSubstr(closed)));
  // Where the host alone reaches the container, others may listen at the other addresses.
  EXPECT_THAT(set_of(c, "inet", "host4"), Not(HasSubstr("8084")));
}

TEST(Compile, SaysWhatIsNotHeld) {
  auto h = shop();
  h.container("stray", "shop", "172.20.0.9");
  h.engine().containers[3].network_mode = "host";
  std::string text(shops::kPolicy);
  text.replace(text.find("to: [203.0.113.0/24, 203.0.113.7]"), 33,
               "to: {fqdn: [api.example.org]}    ");
  const Compiled c = good(Policy(h.snapshot, text));
  EXPECT_THAT(c.unheld, Contains(HasSubstr("container blog-app-1: it sits in the host's own")));
  EXPECT_THAT(c.unheld, Contains(HasSubstr("is cut off on br-shop")));
  EXPECT_THAT(c.unheld, Contains(HasSubstr("egress to api.example.org is closed")));
  for (const std::string& what : c.unheld) EXPECT_THAT(c.text, HasSubstr("# not held: " + what));
}

TEST(Compile, WhoIsNotHeldAndStillReachesTheHostIsNamed) {
  HostBuilder h = shop();
  const Compiled before = good(Policy(h.snapshot));
  EXPECT_THAT(before.unheld, Each(Not(HasSubstr("services of the host"))));
  h.network("elsewhere", "br-else", "172.22.0.1");
  h.container("stray", "elsewhere", "172.22.0.2", "", "");
  EXPECT_THAT(good(Policy(h.snapshot)).unheld,
              Contains(HasSubstr("services of the host are open to containers on elsewhere")));
}

// Podman's name server sits on the host, at the bridge's own address.
TEST(Compile, SaysWhichNameServersAreClosedAndWhatOpensThem) {
  auto h = shop();
  h.listen(0, 53, "aardvark-dns", "172.20.0.1", IpProtocol::kUdp);
  h.listen(0, 53, "resolved", "127.0.0.53", IpProtocol::kUdp);
  h.listen(0, 53, "any", "0.0.0.0", IpProtocol::kUdp);
  const auto said = [&h](std::string text) {
    std::vector<std::string> out;
    for (const std::string& line : good(Policy(h.snapshot, text)).unheld) {
      if (line.contains("name server")) out.push_back(line);
    }
    return out;
  };
  const std::string text(shops::kPolicy);
  const auto lines = said(text);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0], HasSubstr("br-shop (aardvark-dns, 172.20.0.1)"));
  EXPECT_THAT(lines[0], HasSubstr("host: {names: {port: 53/udp, from: [shop/*]}}"));
  EXPECT_THAT(lines[0], Not(HasSubstr("other services")));
  std::string open = text;
  open.replace(open.find("host: {ssh:"), 11, "host: {names: {port: 53/udp, from: [shop/*]}, ssh:");
  EXPECT_THAT(said(open), SizeIs(0));
  std::string some = text;
  some.replace(some.find("host: {ssh:"), 11, "host: {names: {port: 53/udp, from: shop/web}, ssh:");
  EXPECT_THAT(said(some), SizeIs(1));
  std::string off = text;
  off.replace(off.find("mode: enforce"), 13, "mode: off");
  EXPECT_THAT(said(off), SizeIs(0));
  std::string bare = text;
  bare.erase(bare.find("host: {ssh"), bare.find("tenants:") - bare.find("host: {ssh"));
  ASSERT_THAT(said(bare), SizeIs(1));
  EXPECT_THAT(said(bare)[0], HasSubstr("closes the host's other services"));
}

TEST(Compile, NothingOfASnapshotGetsIntoTheTextUnread) {
  auto h = shop();
  for (model::Link& link : h.host().links) {
    if (link.name == "br-shop") link.name = "x\" } drop #";
  }
  h.engine().networks[0].bridge = "x\" } drop #";
  const Policy p(h.snapshot);
  const auto compiled = compile(p.input());
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().code, ErrorCode::kUnsupported);
}

TEST(Compile, LinesThatAreOverPermitNothing) {
  std::string text(shops::kPolicy);
  text.replace(text.find("port: 7000/tcp}"), 15, "port: 7000, expires: 2026-11-23}");
  EXPECT_THAT(set_of(good(Policy(shop().snapshot, text)), "inet", "pol4"), Not(HasSubstr("7000")));
}

TEST(Compile, InstallsInPlaceOfAnEarlierPolicy) {
  Policy p;
  const Compiled c = good(p);
  const std::size_t before = p.snapshot.namespaces[0].ruleset.tables.size();
  install(p.snapshot, c.tables);
  install(p.snapshot, c.tables);
  EXPECT_EQ(p.snapshot.namespaces[0].ruleset.tables.size(), before + 3);
}

}  // namespace
}  // namespace bulkhead::compile
