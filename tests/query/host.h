// A host with an uplink whose LAN and Internet are not in the snapshot, for the tests of this
// folder.
#pragma once

#include "policy/zone.h"
#include "trace/net.h"

namespace bulkhead::query::testing {

struct Host {
  trace::testing::Net net;
  std::vector<policy::Zone> zones;

  Host() {
    net.machine("host").machine("web").bridge("host", "br0").joined("host", "br0", "v0", "web");
    net.device("host", "up0");
    net.address("host", "br0", "10.1.0.1/24").address("web", "eth0", "10.1.0.2/24");
    net.address("host", "up0", "192.0.2.10/24").forwarding("host");
    net.route("host", "default", "192.0.2.1", "up0").route("web", "default", "10.1.0.1", "eth0");
    net.listen("host", "0.0.0.0", 22).listen("web", "0.0.0.0", 80);
    net.ns("web").paths.push_back("/run/netns/web");
    zones = {zone("internet", policy::ZoneRole::kInternet, "0.0.0.0/0", true),
             zone("lan", policy::ZoneRole::kLan, "192.0.2.0/24", false)};
    zones[0].excluded = {*Prefix::parse("192.0.2.0/24"), *Prefix::parse("10.0.0.0/8")};
  }

  policy::Zone zone(const char* name, policy::ZoneRole role, const char* prefix, bool beyond) {
    policy::Zone z;
    z.name = name;
    z.role = role;
    z.interface = "up0";
    z.link = net.link("host", "up0").index;
    z.beyond_gateway = beyond;
    z.prefixes = {*Prefix::parse(prefix)};
    return z;
  }

  // A filter at input of the host that drops what does not come from `source`.
  void only_from(const char* source) {
    model::Table table;
    table.family = model::NfFamily::kIp;
    table.name = "t";
    model::Chain& chain = table.chains.emplace_back();
    chain.name = "input";
    chain.base = model::BaseChain{
        model::Hook::kInput, model::ChainType::kFilter, 0, model::VerdictKind::kDrop, {}};
    const IpAddress address = *IpAddress::parse(source);
    const auto octets = address.octets();
    model::Rule& rule = chain.rules.emplace_back();
    rule.handle = 1;
    rule.statements = {model::Compare{{model::PayloadTerm{model::PayloadBase::kNetwork, 12, 4}},
                                      model::CompareOp::kEqual,
                                      Bytes(octets.begin(), octets.end())},
                       model::Decide{{.kind = model::VerdictKind::kAccept, .chain = {}}}};
    net.rules("host", std::move(table));
  }
};

}  // namespace bulkhead::query::testing
