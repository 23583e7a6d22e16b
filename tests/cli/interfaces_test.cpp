// What has become of the interfaces that rules name.
#include "cli/interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::cli {
namespace {

using enforce::Interface;
using report::Shifted;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kUp = 1, kLoopback = 8;  // IFF_*

model::Link link(std::uint32_t index, std::string name, std::uint32_t master = 0) {
  model::Link out;
  out.index = IfIndex{index};
  out.name = std::move(name);
  out.flags = kUp;
  out.master = IfIndex{master};
  return out;
}

// An uplink, a bridge of ours with a port, one of nobody's, and a wire without a zone.
model::NetNs host() {
  model::NetNs out;
  out.links = {link(1, "lo"),       link(2, "eth0"),    link(3, "br-shop"),
               link(4, "veth1", 3), link(5, "docker0"), link(6, "raw0")};
  out.links[0].flags |= kLoopback;
  return out;
}

std::vector<Interface> known() {
  compile::Compiled compiled;
  compiled.interfaces = {{IfIndex{3}}, {IfIndex{2}}, {IfIndex{5}}};
  return interfaces_of(compiled, host());
}

std::vector<std::string> told(const model::NetNs& now) {
  std::vector<std::string> out;
  for (const Shifted& one : shifted(known(), now)) {
    const char* words[] = {" renamed from ", " gone", " anew", " new"};
    out.push_back(one.name + words[static_cast<int>(one.change)] + one.was);
  }
  return out;
}

TEST(Interfaces, AreKeptWithWhatTheyAreToTheRules) {
  EXPECT_THAT(known(), ElementsAre(Interface{"eth0", 2, Interface::Role::kZone},
                                   Interface{"br-shop", 3, Interface::Role::kBridge},
                                   Interface{"docker0", 5, Interface::Role::kOther},
                                   Interface{"raw0", 6, Interface::Role::kNone}));
}

TEST(Interfaces, AsTheyWereNothingIsTold) {
  EXPECT_THAT(told(host()), IsEmpty());
}

TEST(Interfaces, WhatIsOtherwiseIsTold) {
  model::NetNs now = host();
  now.links[1].name = "wan0";
  now.links[2] = link(9, "br-shop");
  now.links[4] = link(10, "usb0");
  now.links.push_back(link(11, "veth2", 9));  // a port
  now.links.push_back(link(12, "down0"));
  now.links.back().flags = 0;
  now.links[5].name = "raw1";  // no rule knew it
  EXPECT_THAT(told(now),
              ElementsAre("wan0 renamed from eth0", "br-shop anew", "docker0 gone", "usb0 new"));
}

// Each has the other's trust now.
TEST(Interfaces, TwoThatChangedTheirNamesAreBothRenamed) {
  model::NetNs now = host();
  std::swap(now.links[1].name, now.links[4].name);
  EXPECT_THAT(told(now), ElementsAre("docker0 renamed from eth0", "eth0 renamed from docker0"));
  now = host();
  now.links.erase(now.links.begin() + 1);
  now.links[3].name = "eth0";
  EXPECT_THAT(told(now), ElementsAre("eth0 gone", "eth0 renamed from docker0"));
}

}  // namespace
}  // namespace bulkhead::cli
