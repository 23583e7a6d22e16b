#include "plan/redirects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"
#include "plan/plan.h"

namespace bulkhead::plan {
namespace {

using compile::shops::Policy;
using compile::shops::shop;
using testing_hosts::HostBuilder;

model::Nat dnat(Bytes address, Bytes port) {
  model::Nat nat;
  nat.family = IpFamily::kV4;
  nat.address = model::Term{model::ConstantTerm{std::move(address)}};
  nat.port = model::Term{model::ConstantTerm{std::move(port)}};
  return nat;
}

model::Statement l4_protocol(std::uint8_t number) {
  return model::Compare{
      {model::MetaTerm{model::MetaKey::kL4proto, 0}}, model::CompareOp::kEqual, {number}};
}

model::Rule to_port(Bytes dialled, model::Statement statement) {
  model::Rule rule;
  rule.handle = 4711;
  rule.statements = {l4_protocol(6),
                     model::Compare{{model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}},
                                    model::CompareOp::kEqual,
                                    std::move(dialled)},
                     std::move(statement)};
  return rule;
}

bool only_published(const model::Rule& rule) {
  HostBuilder h = shop();
  h.chain("nat", "DOCKER").rules.push_back(rule);
  return only_published_ports_lead(h.snapshot);
}

TEST(Redirects, WhatEnginesPublishIsWhereServicesAreKnown) {
  EXPECT_TRUE(only_published_ports_lead(shop().snapshot));
  // Once more the same.
  EXPECT_TRUE(only_published(to_port({0, 80}, dnat({172, 20, 0, 2}, {0x1f, 0x90}))));
  model::Nat masquerade;
  masquerade.kind = model::NatKind::kMasquerade;
  EXPECT_TRUE(only_published(to_port({0, 80}, masquerade)));
}

TEST(Redirects, AnotherPortTargetOrFormIsSomewhereElse) {
  EXPECT_FALSE(only_published(to_port({0, 90}, dnat({172, 20, 0, 2}, {0x1f, 0x90}))));
  EXPECT_FALSE(only_published(to_port({0, 80}, dnat({172, 20, 0, 3}, {0x1f, 0x90}))));
  EXPECT_FALSE(only_published(to_port({0, 80}, dnat({172, 20, 0, 2}, {0x1f, 0x91}))));
  model::Rule any_port = to_port({0, 80}, dnat({172, 20, 0, 2}, {0x1f, 0x90}));
  any_port.statements.erase(any_port.statements.begin() + 1);
  EXPECT_FALSE(only_published(any_port));
  model::Nat redirect;
  redirect.kind = model::NatKind::kRedirect;
  EXPECT_FALSE(only_published(to_port({0, 80}, redirect)));
  EXPECT_FALSE(only_published(to_port({0, 80}, model::Tproxy{})));
  EXPECT_FALSE(only_published(to_port({0, 80}, model::OpaqueStatement{"weird", {}})));
  model::XtTarget legacy;
  model::xt::NatTarget target;
  target.addresses = {*IpAddress::parse("172.20.0.2"), *IpAddress::parse("172.20.0.9")};
  legacy.info = target;
  EXPECT_FALSE(only_published(to_port({0, 80}, legacy)));
}

TEST(Redirects, ThePortOfAnotherProtocolIsSomewhereElse) {
  model::Rule rule = to_port({0, 80}, dnat({172, 20, 0, 2}, {0x1f, 0x90}));
  EXPECT_TRUE(only_published(rule));
  rule.statements[0] = l4_protocol(17);
  EXPECT_FALSE(only_published(rule));
  rule.statements.erase(rule.statements.begin());
  EXPECT_FALSE(only_published(rule));
}

TEST(Redirects, WhatIsPublishedAtOneAddressIsNotDialledAtOthers) {
  const auto published = [](std::optional<Bytes> dialled) {
    HostBuilder h = shop();
    for (model::Container& c : h.snapshot.engines[0].containers) {
      for (model::PublishedPort& p : c.published) p.host_address = *IpAddress::parse("192.0.2.10");
    }
    auto& rules = h.chain("nat", "DOCKER").rules;
    rules = {to_port({0, 80}, dnat({172, 20, 0, 2}, {0x1f, 0x90}))};
    const model::PayloadTerm to{model::PayloadBase::kNetwork, 16, 4};
    if (dialled)
      rules[0].statements.insert(rules[0].statements.begin(),
                                 model::Compare{{to}, model::CompareOp::kEqual, *dialled});
    return only_published_ports_lead(h.snapshot);
  };
  EXPECT_TRUE(published(Bytes{192, 0, 2, 10}));
  EXPECT_FALSE(published(Bytes{192, 0, 2, 11}));
  EXPECT_FALSE(published(std::nullopt));
}

TEST(Redirects, PortsThatAreWrittenLeadElsewhere) {
  model::SetPayload write;
  write.target = {model::PayloadBase::kTransport, 2, 2};
  write.value = {model::ConstantTerm{{0, 80}}};
  EXPECT_FALSE(only_published(to_port({0x23, 0x28}, write)));
}

TEST(Redirects, AContainerMaySendToItsOwnLoopback) {
  const auto inside = [](Bytes to, bool outsiders = false) {
    HostBuilder h = shop();
    model::NetNs& ns = h.snapshot.namespaces[1];
    model::Table& table = ns.ruleset.tables.emplace_back();
    table.chains.emplace_back().rules.push_back(to_port({0, 53}, dnat(std::move(to), {0xa0, 1})));
    for (model::Link& link : ns.links) link.ipv4.route_localnet = outsiders ? 1 : 0;
    return only_published_ports_lead(h.snapshot);
  };
  EXPECT_TRUE(inside({127, 0, 0, 11}));
  EXPECT_FALSE(inside({172, 20, 0, 1}));
  EXPECT_FALSE(inside({127, 0, 0, 1}, true));
  EXPECT_FALSE(inside({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
}

TEST(Redirects, AddressesByLocalRoutesAreNotKnown) {
  HostBuilder h = shop();
  model::Route route;
  route.type = 2;  // RTN_LOCAL
  route.destination = *Prefix::parse("192.0.2.0/24");
  h.snapshot.namespaces[0].routes.push_back(route);
  EXPECT_FALSE(only_published_ports_lead(h.snapshot));
  h.snapshot.namespaces[0].routes.back().destination = *Prefix::parse("198.51.100.9/32");
  EXPECT_FALSE(only_published_ports_lead(h.snapshot));
  h.snapshot.namespaces[0].routes.back().destination =
      Prefix::single(h.snapshot.namespaces[0].addresses.back().local);
  EXPECT_TRUE(only_published_ports_lead(h.snapshot));
}

// By a rule that no engine has made.
TEST(Redirects, APlanNamesWhatItClosesBehindThem) {
  HostBuilder h = shop();
  h.chain("nat", "DOCKER")
      .rules.push_back(to_port({0x23, 0x28}, dnat({172, 20, 0, 3}, {0x1b, 0x58})));
  model::Rule accept;
  accept.handle = 4712;
  accept.statements = {model::Compare{{model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}},
                                      model::CompareOp::kEqual,
                                      {0x1b, 0x58}},
                       model::Decide{{.kind = model::VerdictKind::kAccept, .chain = {}}}};
  auto& forward = h.chain("filter", "DOCKER").rules;
  forward.insert(forward.begin(), accept);
  const auto ways = [](const Policy& p) {
    std::vector<std::string> out;
    const auto plan = make_plan(p.input(), false);
    EXPECT_TRUE(plan);
    for (const Way& w : plan.value_or(Plan{}).closes)
      out.push_back(w.from.get() + " " + w.to->container + " " +
                    std::to_string(w.to->port->number));
    return out;
  };
  const auto plain = ways(Policy());
  const auto behind = ways(Policy(h.snapshot));
  EXPECT_THAT(behind, ::testing::IsSupersetOf(plain));
  EXPECT_THAT(plain, ::testing::Not(::testing::Contains("internet shop-api-1 7000")));
  EXPECT_THAT(behind, ::testing::Contains("internet shop-api-1 7000"));
}

}  // namespace
}  // namespace bulkhead::plan
