// A user's own services beside the compiled-in table.
#include "services/added.h"

#include <gtest/gtest.h>

namespace bulkhead::services {
namespace {

constexpr const char* kMine =
    "- id: flux-relay\n"
    "  name: Flux relay\n"
    "  class: management\n"
    "  transport: [tcp]\n"
    "  ports: [7777]\n"
    "  process: [fluxd]\n"
    "  images: [flux]\n"
    "  anywhere: true\n"
    "  impact: control\n"
    "  tls: none\n"
    "  confidence: verified\n"
    "  source: this test\n"
    "  known:\n"
    "  - send: 'FLUX?\\r\\n'\n"
    "    answer: '^FLUX'\n";

TEST(AddedServices, AreKnownByProcessImageAndPort) {
  const Entries read = parse_entries(kMine, "mine.yaml");
  ASSERT_TRUE(read.problems.empty()) << read.problems.front();
  const AddedServices added(read.entries);
  ASSERT_EQ(added.all().size(), 1U);
  const auto known = [&](std::uint16_t port, const char* process, const char* image) {
    return match(Port{port}, IpProtocol::kTcp, process, image, added.all());
  };
  EXPECT_EQ(known(9999, "fluxd", "").by, KnownBy::kProcess);
  EXPECT_EQ(known(9999, "x", "registry/flux:1").by, KnownBy::kImage);
  EXPECT_EQ(known(7777, "x", "").by, KnownBy::kPort);
  EXPECT_EQ(known(7777, "x", "").service->name, "Flux relay");
  EXPECT_EQ(known(9999, "x", "").service, nullptr);
  EXPECT_EQ(match(Port{9999}, IpProtocol::kTcp, "fluxd", "").service, nullptr) << "not compiled in";
}

TEST(AddedServices, WhatIsCompiledInComesFirstAndIsNotRepeated) {
  const Entries builtin = builtin_entries();
  EXPECT_TRUE(AddedServices(builtin.entries).all().empty());
  const AddedServices added(parse_entries(kMine, "mine.yaml").entries);
  const auto ssh = match(Port{22}, IpProtocol::kTcp, "sshd", "", added.all());
  ASSERT_NE(ssh.service, nullptr);
  EXPECT_EQ(ssh.service, find_service("ssh"));
}

TEST(AddedServices, StayWhereTheyAreWhenTheyAreMoved) {
  AddedServices first(parse_entries(kMine, "mine.yaml").entries);
  const AddedServices second = std::move(first);
  EXPECT_EQ(match(Port{1}, IpProtocol::kTcp, "fluxd", "", second.all()).service->id, "flux-relay");
}

}  // namespace
}  // namespace bulkhead::services
