#include "seen/nmap_xml.h"

#include <gmock/gmock.h>

#include "seen/records.h"

namespace bulkhead::seen {
namespace {

using testing::HasSubstr;
using testing::Not;

Record nmap_usual() {
  Record out = record_of({run_of(1, 21, State::kClosed),
                          run_of(22, 22, State::kOpen, Proof::kAccepted),
                          run_of(23, 1000, State::kFiltered, Proof::kSilence),
                          {{1001, 1001}, State::kFiltered, Proof::kIcmp, 113},
                          run_of(1002, 1003, State::kUnknown, Proof::kLost)},
                         {known(22, "ssh", "protected")});
  out.elapsed_ms = 12'345;
  return out;
}

TEST(NmapXml, SaysOfEachPortItsStateAndWhatThatRestsOn) {
  const std::string xml = nmap_xml(nmap_usual(), "bulkhead-scan 192.168.7.9");
  EXPECT_THAT(xml, HasSubstr("args=\"bulkhead-scan 192.168.7.9\""));
  EXPECT_THAT(xml, HasSubstr("<address addr=\"192.168.7.9\" addrtype=\"ipv4\"/>"));
  EXPECT_THAT(xml, HasSubstr("<port protocol=\"tcp\" portid=\"22\"><state state=\"open\" "
                             "reason=\"syn-ack\" reason_ttl=\"0\"/><service name=\"ssh\""));
  EXPECT_THAT(xml, HasSubstr("extrainfo=\"access: protected\""));
  EXPECT_THAT(xml, HasSubstr("portid=\"21\"><state state=\"closed\" reason=\"conn-refused\""));
  EXPECT_THAT(xml, HasSubstr("portid=\"1003\"><state state=\"unknown\" reason=\"lost\""));
  EXPECT_THAT(xml, HasSubstr("elapsed=\"12.34\" exit=\"success\""));
}

TEST(NmapXml, ManyPortsOfAStateAreToldTogetherWithEachReason) {
  const std::string xml = nmap_xml(nmap_usual(), "x");
  EXPECT_THAT(xml, HasSubstr("<extraports state=\"filtered\" count=\"979\">"));
  EXPECT_THAT(xml, HasSubstr("<extrareasons reason=\"no-response\" count=\"978\" proto=\"tcp\" "
                             "ports=\"23-1000\"/>"));
  EXPECT_THAT(xml, HasSubstr("<extrareasons reason=\"host-unreach\" count=\"1\" proto=\"tcp\" "
                             "ports=\"1001\"/>"));
  EXPECT_THAT(xml, Not(HasSubstr("portid=\"1001\"")));
}

// nmap's word for it; and it is never told as closed or filtered.
TEST(NmapXml, ASilentUdpPortIsOpenOrFiltered) {
  Record record = record_of({run_of(53, 53, State::kUnknown, Proof::kNoUdpAnswer)});
  record.seats[0].targets[0].protocol = IpProtocol::kUdp;
  EXPECT_THAT(nmap_xml(record, "x"),
              HasSubstr("<port protocol=\"udp\" portid=\"53\"><state state=\"open|filtered\" "
                        "reason=\"no-response\""));
}

TEST(NmapXml, WhatIsNotWholeSaysSo) {
  Record record = nmap_usual();
  record.finished = false;
  record.seats[0].check = {.passed = false, .engine = Engine::kSyn, .why = "silent"};
  record.left_out.push_back({"container:x", "gone"});
  const std::string xml = nmap_xml(record, "x");
  EXPECT_THAT(xml, HasSubstr("exit=\"error\""));
  EXPECT_THAT(xml, HasSubstr("the self-check of outside did not pass: silent"));
  EXPECT_THAT(xml, HasSubstr("left out: container:x: gone"));
}

TEST(NmapXml, NothingFromOutsideIsMarkup) {
  Record record = nmap_usual();
  const std::string bad = "\"/><x a='\x01\x1b\xff\xef\xbf\xbe&";
  record.tool = record.host = bad;
  record.seats[0].vantage = bad;
  record.seats[0].targets[0].names = {bad};
  record.seats[0].targets[0].services[0].service = {bad, bad, bad, bad};
  record.left_out.push_back({bad, bad});
  const std::string xml = nmap_xml(record, bad);
  EXPECT_THAT(xml, Not(HasSubstr("<x")));
  for (const char c : xml) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  EXPECT_THAT(xml, Not(HasSubstr("\xff")));
  EXPECT_THAT(xml, Not(HasSubstr("\xef\xbf\xbe")));
}

}  // namespace
}  // namespace bulkhead::seen
