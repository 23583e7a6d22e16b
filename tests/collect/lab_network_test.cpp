// What is read of real namespaces, against what `ip`, `bridge`, `tc` and `ss` say of them.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "collect/lab.h"
#include "collect/reader_files.h"

namespace bulkhead::collect {
namespace {

using nlohmann::json;
using testing::ElementsAre;

class LabNetwork : public LabTest {
 protected:
  void SetUp() override {
    LabTest::SetUp();
    for (const char* part : {"host", "a", "b"}) adopt(part);
    run(std::string(BULKHEAD_SOURCE_DIR) + "/tests/collect/lab_network.sh " + prefix_);
    snapshot_ = take();
    host_ = find(snapshot_, inode(name("host")));
    a_ = find(snapshot_, inode(name("a")));
    b_ = find(snapshot_, inode(name("b")));
    ASSERT_TRUE(host_ != nullptr && a_ != nullptr && b_ != nullptr);
  }
  [[nodiscard]] json ask(const std::string& part, const std::string& command) const {
    return json::parse(in(name(part), command));
  }
  static const model::Link& link(const model::NetNs& ns, const std::string& name) {
    for (const model::Link& item : ns.links) {
      if (item.name == name) return item;
    }
    ADD_FAILURE() << "no link " << name;
    static const model::Link kNone;
    return kNone;
  }
  static std::string device(const model::NetNs& ns, IfIndex index) {
    for (const model::Link& item : ns.links) {
      if (item.index == index) return item.name;
    }
    return index ? "if" + std::to_string(index.value) : "";
  }

  model::Snapshot snapshot_;
  const model::NetNs* host_ = nullptr;
  const model::NetNs* a_ = nullptr;
  const model::NetNs* b_ = nullptr;
};

TEST_F(LabNetwork, EveryLinkIsWhatIpSaysItIs) {
  for (const auto& [part, ns] : {std::pair{"host", host_}, {"a", a_}, {"b", b_}}) {
    const json links = ask(part, "ip -j -d link");
    ASSERT_EQ(links.size(), ns->links.size()) << part;
    for (const json& said : links) {
      const model::Link& read = link(*ns, said["ifname"]);
      EXPECT_EQ(read.index.value, said["ifindex"]);
      EXPECT_EQ(read.mtu, said["mtu"]);
      if (said["link_type"] == "ether") {
        EXPECT_EQ(read.mac.to_string(), said["address"]);
      }
      EXPECT_EQ((read.flags & 1) != 0, said["flags"].dump().find("\"UP\"") != std::string::npos)
          << read.name;
      EXPECT_EQ(device(*ns, read.master), said.value("master", "")) << read.name;
      EXPECT_EQ(read.kind,
                said.contains("linkinfo") ? said["linkinfo"].value("info_kind", "") : "");
      EXPECT_EQ(read.peer_elsewhere, said.contains("link_netnsid")) << read.name;
      if (said.contains("link_index")) {
        EXPECT_EQ(read.peer.value, said["link_index"]);
      }
      EXPECT_EQ(read.alias, said.value("ifalias", ""));
    }
  }
  EXPECT_THAT(link(*host_, "va").alternative_names, ElementsAre("va-long-name"));
}

TEST_F(LabNetwork, EndsOfLinksAreFoundInTheirNamespaces) {
  const auto at = [&](const model::Link& item) {
    return item.peer_ns ? snapshot_.namespaces[item.peer_ns->value].inode : 0;
  };
  EXPECT_EQ(at(link(*host_, "va")), a_->inode);
  EXPECT_EQ(at(link(*host_, "vb")), b_->inode);
  EXPECT_EQ(at(link(*a_, "eth0")), host_->inode);
  EXPECT_EQ(at(link(*b_, "eth0")), host_->inode);
  EXPECT_EQ(at(link(*b_, "mv")), host_->inode) << "the parent of a macvlan does not lead back";
  EXPECT_EQ(device(*host_, link(*b_, "mv").peer), "vb");
  EXPECT_TRUE(host_->gaps.empty() && a_->gaps.empty() && b_->gaps.empty());
}

TEST_F(LabNetwork, DetailsOfVirtualLinksAreRead) {
  ASSERT_TRUE(link(*host_, "va").port);
  EXPECT_TRUE(link(*host_, "va").port->isolated);
  EXPECT_TRUE(link(*host_, "va").port->hairpin);
  EXPECT_FALSE(link(*host_, "vb").port);
  ASSERT_TRUE(link(*host_, "br0").bridge);
  EXPECT_TRUE(link(*host_, "br0").bridge->mcast_snooping);
  EXPECT_FALSE(link(*host_, "br0").bridge->vlan_filtering);
  EXPECT_EQ(link(*b_, "mv").detail.macvlan_mode, 4U);
  const model::LinkDetail& vxlan = link(*host_, "vx").detail;
  EXPECT_EQ(vxlan.vxlan_id, 42U);
  EXPECT_EQ(vxlan.vxlan_port, Port{4789});
  EXPECT_EQ(vxlan.vxlan_local, IpAddress::parse("192.0.2.1").value());
  EXPECT_EQ(vxlan.vxlan_group, IpAddress::parse("239.1.1.1").value());
  EXPECT_EQ(link(*host_, "tap0").detail.tun_is_tap, true);
  EXPECT_TRUE(link(*host_, "vb").tc_filters);
  EXPECT_FALSE(link(*host_, "va").tc_filters);
}

TEST_F(LabNetwork, VxlansAreReadWithWhatTheySendTo) {
  model::VxlanInfo usual;
  usual.link = link(*host_, "vb").index;
  EXPECT_EQ(link(*host_, "vx").vxlan, usual);
  model::VxlanInfo odd;
  odd.learning = false;
  odd.proxy = odd.route_short_circuit = true;
  odd.ttl = 9;
  odd.tos = 0x20;
  odd.first_source = Port{40000};
  odd.last_source = Port{40100};
  EXPECT_EQ(link(*host_, "vy").vxlan, odd);
  ASSERT_TRUE(link(*a_, "ve").vxlan);
  EXPECT_TRUE(link(*a_, "ve").vxlan->external);
  EXPECT_TRUE(link(*a_, "ve").peer_elsewhere);  // its packets are sent where it was made
  ASSERT_TRUE(link(*a_, "ve").peer_ns);
  EXPECT_EQ(&snapshot_.namespaces.at(link(*a_, "ve").peer_ns->value), host_);
  const auto entry = [&](const std::string& device) {
    const auto at =
        std::ranges::find(host_->fdb, link(*host_, device).index, &model::BridgeFdbEntry::link);
    return at == host_->fdb.end() ? model::BridgeFdbEntry{} : *at;
  };
  EXPECT_TRUE(entry("vx").mac.is_zero());
  EXPECT_EQ(entry("vx").destination, IpAddress::parse("239.1.1.1").value());
  EXPECT_EQ(entry("vx").via, link(*host_, "vb").index);
  EXPECT_FALSE(entry("vx").port);
  EXPECT_EQ(entry("vy").mac, MacAddress({2, 0, 0, 0, 0, 0x43}));
  EXPECT_EQ(entry("vy").port, Port{4444});
  EXPECT_EQ(entry("vy").vni, 44U);
}

// Every number of the per-interface arrays against its file, in every namespace.
TEST_F(LabNetwork, SettingsOfEveryInterfaceAreThoseOfTheirFiles) {
  std::size_t compared = 0;
  for (const auto& [part, ns] : {std::pair{"host", host_}, {"a", a_}, {"b", b_}}) {
    std::map<std::string, std::string> files;
    std::string text = in(
        name(part), "sh -c 'cd /proc/sys/net && grep -r . ipv4/conf ipv6/conf 2>/dev/null; true'");
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      if (const auto colon = line.find(':'); colon != std::string::npos) {
        files[line.substr(0, colon)] = line.substr(colon + 1);
      }
      at = end + 1;
    }
    const auto compare = [&](const std::string& folder, auto& conf) {
      std::remove_cvref_t<decltype(conf)>::fields(
          conf, [&](const char* member, const std::int32_t& value) {
            const auto file = files.find(folder + "/" + member);
            if (file == files.end()) return;  // a member that this kernel has no file for
            EXPECT_EQ(std::to_string(value), file->second) << part << " " << file->first;
            ++compared;
          });
    };
    for (const model::Link& item : ns->links) {
      compare("ipv4/conf/" + item.name, item.ipv4);
      if (item.ipv6) compare("ipv6/conf/" + item.name, *item.ipv6);
    }
    compare("ipv4/conf/all", ns->sysctls.ipv4_all);
    compare("ipv6/conf/all", ns->sysctls.ipv6_all);
  }
  EXPECT_GT(compared, 300U);
  EXPECT_EQ(host_->sysctls.ip_forward, 1);
  EXPECT_EQ(a_->sysctls.ip_forward, 0);
}

TEST_F(LabNetwork, AddressesAreWhatIpSays) {
  for (const auto& [part, ns] : {std::pair{"host", host_}, {"a", a_}, {"b", b_}}) {
    std::multiset<std::string> said, read;
    for (const json& item : ask(part, "ip -j addr")) {
      for (const json& address : item["addr_info"]) {
        const std::string peer = address.value("address", "");
        said.insert(std::string(item["ifname"]) + " " + std::string(address["local"]) + "/" +
                    std::to_string(address["prefixlen"].get<int>()) + " " + peer);
      }
    }
    for (const model::Address& address : ns->addresses) {
      read.insert(device(*ns, address.link) + " " + address.local.to_string() + "/" +
                  std::to_string(address.prefix_length) + " " +
                  (address.peer ? address.peer->to_string() : ""));
    }
    EXPECT_EQ(read, said) << part;
  }
}

std::string hop_text(const std::string& device, const std::string& gateway, int weight) {
  return " [" + device + " " + gateway + " *" + std::to_string(weight) + "]";
}

std::string said_hop(const json& hop) {
  const std::string gateway =
      hop.contains("via") ? hop["via"].value("host", "") : hop.value("gateway", "");
  return hop_text(hop.value("dev", ""), gateway, hop.value("weight", 1));
}

TEST_F(LabNetwork, RoutesOfAllTablesAreWhatIpSays) {
  for (const auto& [part, ns] : {std::pair{"host", host_}, {"a", a_}, {"b", b_}}) {
    std::multiset<std::string> said, read;
    for (const char* family : {"-4", "-6"}) {
      for (const json& route :
           ask(part, std::string("ip -j -N ") + family + " route show table all")) {
        std::string destination = route["dst"];
        if (destination == "default")
          destination = std::string(family) == "-4" ? "0.0.0.0/0" : "::/0";
        if (destination.find('/') == std::string::npos) {
          destination += std::string(family) == "-4" ? "/32" : "/128";
        }
        std::string text = destination + " type " + route.value("type", "1") + " table " +
                           route.value("table", "254") + " metric " +
                           std::to_string(route.value("metric", 0)) + " src " +
                           route.value("prefsrc", "");
        if (route.contains("nexthops")) {
          for (const json& hop : route["nexthops"]) text += said_hop(hop);
        } else if (route.contains("dev")) {
          text += said_hop(route);
        }
        said.insert(text);
      }
    }
    for (const model::Route& route : ns->routes) {
      std::string text = route.destination.to_string();
      if (text.find('/') == std::string::npos)
        text += "/" + std::to_string(route.destination.length());
      text += " type " + std::to_string(route.type) + " table " + std::to_string(route.table) +
              " metric " + std::to_string(route.metric) + " src " +
              (route.preferred_source ? route.preferred_source->to_string() : "");
      for (const model::NextHop& hop : route.next_hops) {
        text += hop_text(device(*ns, hop.link), hop.gateway ? hop.gateway->to_string() : "",
                         static_cast<int>(hop.weight));
      }
      read.insert(text);
    }
    EXPECT_EQ(read, said) << part;
  }
}

TEST_F(LabNetwork, RoutingRulesAreTheOnesThatWereAdded) {
  std::map<std::uint32_t, const model::RoutingRule*> rules;
  for (const model::RoutingRule& rule : host_->routing_rules) {
    if (rule.priority >= 100 && rule.priority < 200) rules[rule.priority] = &rule;
  }
  ASSERT_EQ(rules.size(), 6U);
  EXPECT_EQ(rules[100]->source, Prefix::parse("10.1.0.0/24").value());
  EXPECT_EQ(rules[100]->destination, Prefix::parse("10.9.0.0/16").value());
  EXPECT_EQ(rules[100]->table, 1000U);
  EXPECT_TRUE(rules[101]->inverted);
  EXPECT_EQ(rules[101]->mark, 1U);
  EXPECT_EQ(rules[101]->mark_mask, 0xffU);
  EXPECT_EQ(rules[101]->in_interface, "br0");
  EXPECT_EQ(rules[102]->action, 8);
  EXPECT_EQ(rules[102]->protocol, IpProtocol::kTcp);
  ASSERT_TRUE(rules[102]->destination_port);
  EXPECT_EQ(rules[102]->destination_port->first.number, 80);
  EXPECT_EQ(rules[102]->destination_port->last.number, 90);
  EXPECT_EQ(rules[103]->action, 2);
  EXPECT_EQ(rules[103]->goto_priority, 32766U);
  ASSERT_TRUE(rules[103]->uid);
  EXPECT_EQ(rules[103]->uid->first, 5U);
  EXPECT_EQ(rules[104]->family, IpFamily::kV6);
  EXPECT_EQ(rules[104]->out_interface, "br0");
  EXPECT_EQ(rules[104]->suppress_prefix_length, 0U);
  EXPECT_EQ(rules[105]->tos, 0x10);
  for (const auto& [priority, rule] : rules) EXPECT_FALSE(rule->other_conditions) << priority;
}

TEST_F(LabNetwork, NeighboursProxiesAndBridgeEntriesAreRead) {
  const auto neighbour = [&](const char* text, std::uint8_t flags) {
    const IpAddress address = IpAddress::parse(text).value();
    for (const model::Neighbour& item : host_->neighbours) {
      if (item.address == address && (item.flags & 8) == flags) return &item;
    }
    return static_cast<const model::Neighbour*>(nullptr);
  };
  ASSERT_NE(neighbour("10.1.0.77", 0), nullptr);
  EXPECT_EQ(neighbour("10.1.0.77", 0)->state, 128);
  EXPECT_EQ(neighbour("10.1.0.77", 0)->mac, MacAddress::parse("02:00:00:00:00:77").value());
  EXPECT_NE(neighbour("10.1.0.88", 8), nullptr);
  EXPECT_NE(neighbour("fd00:1::88", 8), nullptr);
  std::set<std::string> entries;
  for (const model::BridgeFdbEntry& entry : host_->fdb) {
    entries.insert(device(*host_, entry.link) + " " + entry.mac.to_string() + " " +
                   device(*host_, entry.bridge) + " " +
                   (entry.destination ? entry.destination->to_string() : ""));
  }
  EXPECT_THAT(entries, testing::Contains("va 02:00:00:00:00:99 br0 "));
  EXPECT_THAT(entries, testing::Contains("vx 00:00:00:00:00:00  192.0.2.7"));
}

// ---------------------------------------------------------------------------------------- sockets

// With the kernel's dump, and with the text of /proc/net where asking would load a module.
class LabSockets : public LabTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    LabTest::SetUp();
    if (GetParam()) pretend_kernel_has("inet_diag", false);
  }
  void TearDown() override {
    pretend_kernel_has("inet_diag", true);
    for (int fd : open_) close(fd);
    LabTest::TearDown();
  }
  // Bound in `ns` through a broker, so that this process needs no second thread.
  void bind_in(Broker& broker, std::uint64_t ns, int type, const std::string& address,
               std::uint16_t port, int v6_only, const char* device) {
    const bool v4 = address.find(':') == std::string::npos;
    const auto fd = broker.open_socket(ns, v4 ? AF_INET : AF_INET6, type);
    ASSERT_TRUE(fd) << fd.error().message;
    open_.push_back(*fd);
    sockaddr_in four{};
    sockaddr_in6 six{};
    four.sin_family = AF_INET;
    six.sin6_family = AF_INET6;
    four.sin_port = six.sin6_port = htons(port);
    inet_pton(v4 ? AF_INET : AF_INET6, address.c_str(),
              v4 ? static_cast<void*>(&four.sin_addr) : static_cast<void*>(&six.sin6_addr));
    if (!v4) setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    if (device != nullptr)
      setsockopt(*fd, SOL_SOCKET, SO_BINDTODEVICE, device, static_cast<socklen_t>(strlen(device)));
    ASSERT_EQ(bind(*fd, v4 ? reinterpret_cast<sockaddr*>(&four) : reinterpret_cast<sockaddr*>(&six),
                   v4 ? sizeof four : sizeof six),
              0)
        << address << " " << strerror(errno);
    if (type == SOCK_STREAM) {
      ASSERT_EQ(listen(*fd, 1), 0);
    }
  }
  std::vector<int> open_;
};

INSTANTIATE_TEST_SUITE_P(Sources, LabSockets, testing::Bool(), [](const auto& row) {
  return row.param ? "FromProcText" : "FromSocketDump";
});

TEST_P(LabSockets, ListenersAreReadWithTheirBindingsAndTheirProcess) {
  const std::string ns = add("s");
  run("ip -n " + ns + " link set lo up");
  auto broker = Broker::start();
  ASSERT_TRUE(broker);
  // The broker knows what it has listed.
  Options options;
  options.read_engines = false;
  ASSERT_TRUE(take_snapshot(*broker, options));
  const std::uint64_t id = inode(ns);
  bind_in(*broker, id, SOCK_STREAM, "0.0.0.0", 80, 0, nullptr);
  bind_in(*broker, id, SOCK_STREAM, "127.0.0.1", 81, 0, "lo");
  bind_in(*broker, id, SOCK_STREAM, "::", 82, 0, nullptr);
  bind_in(*broker, id, SOCK_STREAM, "::1", 83, 1, nullptr);
  bind_in(*broker, id, SOCK_DGRAM, "::", 53, 1, nullptr);
  bind_in(*broker, id, SOCK_DGRAM, "127.0.0.1", 54, 0, nullptr);
  const auto snapshot = take_snapshot(*broker, options);
  ASSERT_TRUE(snapshot);
  const model::NetNs* read = find(*snapshot, id);
  ASSERT_NE(read, nullptr);
  std::set<std::string> sockets;
  for (const model::Socket& socket : read->sockets) {
    sockets.insert(to_string(socket.protocol) + " " + socket.address.to_string() + " " +
                   std::to_string(socket.port.number) + (socket.v6_only ? " only6" : "") +
                   (socket.bound_to ? " if" + std::to_string(socket.bound_to.value) : ""));
    ASSERT_EQ(socket.owners.size(), 1U) << socket.port.number;
    // This process is left out of no list: it holds them.
    EXPECT_EQ(socket.owners.front().pid, static_cast<std::uint32_t>(getpid()));
    EXPECT_EQ(socket.owners.front().command,
              run("cat /proc/" + std::to_string(getpid()) + "/comm | tr -d '\\n'"));
    EXPECT_FALSE(socket.owners.front().executable.empty());
  }
  EXPECT_TRUE(read->gaps.empty()) << read->gaps.front().reason;
  EXPECT_THAT(sockets,
              testing::ElementsAre("tcp 0.0.0.0 80", "tcp 127.0.0.1 81 if1", "tcp :: 82",
                                   "tcp ::1 83 only6", "udp 127.0.0.1 54", "udp :: 53 only6"));
}

}  // namespace
}  // namespace bulkhead::collect
