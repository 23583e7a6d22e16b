// Hosts as engines and their users make them, by chance: ports published at all addresses, at one
// and at 127.0.0.1, with docker-proxy and without, rules of OUTPUT, containers of the host's
// network, of several networks and of none, macvlans, further interfaces, both families and
// link-local addresses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "audit/random_host.h"

namespace bulkhead::testing_hosts {

class VariedHost {
 public:
  explicit VariedHost(std::mt19937& random)
      : random_(random),
        lan_(random() % 3 == 0 ? "10.0.0." : "192.0.2."),
        h_(lan_ + "10", lan_ + "1") {}

  model::Snapshot make() {
    proxy_ = !one_in(3);
    six_ = !one_in(3);
    links();
    containers();
    output_nat();
    listeners();
    rules();
    if (six_) link_local();
    return h_.snapshot;
  }

 private:
  bool one_in(std::uint32_t n) { return random_() % n == 0; }

  void links() {
    if (one_in(2)) h_.interface("eth1", "10.9.0.1", 24);
    if (one_in(3)) h_.address(0, IfIndex{1}, "10.77.0.1", 32);
    if (one_in(3)) h_.address(0, IfIndex{2}, lan_ + "11", 32);
    if (six_) {
      h_.address(0, IfIndex{1}, "::1", 128);
      h_.address(0, IfIndex{2}, "2001:db8::10", 64);
      h_.route(0, "::/0", IfIndex{2}, ip("2001:db8::1"));
    }
    if (one_in(3)) {
      for (model::Link& link : h_.host().links) link.ipv4.route_localnet = 1;
    }
  }

  void containers() {
    for (std::size_t n = 0; n < 3; ++n) {
      const std::string name = "net" + std::to_string(n),
                        subnet = "172.2" + std::to_string(n) + ".0.",
                        six = "fd00:2" + std::to_string(n) + "::";
      h_.network(name, "br" + std::to_string(n), subnet + "1").internal = n == 2 && one_in(2);
      const IfIndex bridge = h_.host().links.back().index;
      const bool both = six_ && one_in(2);
      if (both) h_.address(0, bridge, six + "1", 64);
      for (std::size_t c = 2; c < 6; ++c) {
        const std::string last = std::to_string(c);
        boxes_.push_back(h_.container(name + "-c" + last, name, subnet + last, name));
        const std::size_t ns = boxes_.back().ns;
        if (both) {
          h_.address(ns, IfIndex{2}, six + last, 64);
          h_.route(ns, "::/0", IfIndex{2}, ip(six + "1"));
        }
        if (n > 0 && one_in(4))
          h_.join_network(boxes_.back(), "net0", "172.20.0." + std::to_string(20 + boxes_.size()));
        if (six_) h_.address(ns, IfIndex{1}, "::1", 128);
      }
    }
    if (one_in(2)) lonely();
    if (one_in(2)) on_macvlan();
    if (one_in(2)) of_the_host();
  }

  std::size_t bare(const std::string& name, const std::string& mode) {
    const std::size_t ns = h_.snapshot.namespaces.size();
    h_.snapshot.namespaces.emplace_back();
    model::Link& lo = h_.link(ns, "lo", "", 1);
    lo.flags |= 8;
    lo.hw_type = 772;
    lo.mac = {};
    h_.address(ns, IfIndex{1}, "127.0.0.1", 8);
    add(name, mode).netns = model::NsId{static_cast<std::uint32_t>(ns)};
    return ns;
  }
  model::Container& add(const std::string& name, const std::string& mode) {
    model::Container& c = h_.engine().containers.emplace_back();
    c.id = std::string(56, 'b') + name.substr(0, 8);
    c.name = name;
    c.image = "acme/app:1";
    c.state = "running";
    c.network_mode = mode;
    c.pid = 900 + static_cast<std::uint32_t>(h_.engine().containers.size());
    return c;
  }
  void lonely() { h_.listen(bare("lonely", "none"), 80, "server"); }
  void on_macvlan() {
    const std::size_t ns = bare("onlan", "lan");
    model::Link& link = h_.link(ns, "eth0", one_in(2) ? "macvlan" : "ipvlan", 2);
    link.peer = IfIndex{2};
    link.peer_ns = model::NsId{0};
    link.peer_elsewhere = true;
    h_.address(ns, IfIndex{2}, lan_ + "77", 24);
    h_.route(ns, "0.0.0.0/0", IfIndex{2}, ip(lan_ + "1"));
    h_.listen(ns, 80, "server");
  }
  void of_the_host() {
    add("onhost", "host").netns = model::NsId{0};
    h_.listen(0, 8088, "server", one_in(2) ? "0.0.0.0" : "::");
  }

  // Docker's own: -d ! 127.0.0.0/8 only when a proxy answers there.
  void output_nat() {
    if (one_in(4)) return;
    model::Chain out =
        HostBuilder::base("OUTPUT", model::Hook::kOutput, model::ChainType::kNat, -100);
    model::Rule jump = h_.rule();
    model::FibTerm local;
    local.daddr = true;
    HostBuilder::add(jump, HostBuilder::equals({local}, {2, 0, 0, 0}));
    if (proxy_)
      HostBuilder::add(
          jump, HostBuilder::equals({model::PayloadTerm{model::PayloadBase::kNetwork, 16, 1}},
                                    {127}, model::CompareOp::kNotEqual));
    HostBuilder::add(jump, HostBuilder::decide(model::VerdictKind::kJump, "DOCKER"));
    out.rules.push_back(std::move(jump));
    h_.table("nat").chains.push_back(std::move(out));
  }

  std::string bound() {
    constexpr std::array kAt{"0.0.0.0", "0.0.0.0", "127.0.0.1", "::", "::1"};
    const std::size_t i = random_() % (six_ ? kAt.size() : 3);
    return kAt[i];
  }

  void listeners() {
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
      const std::uint16_t port = one_in(2) ? 6379 : 80;
      if (one_in(2)) {
        model::Socket& s = h_.listen(boxes_[i].ns, port, "server", bound());
        s.v6_only = one_in(4);
      }
      if (one_in(5)) h_.listen(boxes_[i].ns, 53, "dns", bound(), IpProtocol::kUdp);
      if (!one_in(3)) continue;
      const std::array<std::string, 5> kAt{"0.0.0.0", "0.0.0.0", "127.0.0.1", lan_ + "10",
                                           "172.20.0.1"};
      const std::size_t sockets = h_.host().sockets.size();
      h_.publish(boxes_[i], static_cast<std::uint16_t>(20000 + i), port,
                 kAt[random_() % kAt.size()]);
      if (six_ && one_in(2))
        h_.publish(boxes_[i], static_cast<std::uint16_t>(20000 + i), port, "::");
      if (!proxy_) h_.host().sockets.resize(sockets);
    }
    constexpr std::array kHost{"0.0.0.0", "127.0.0.1", "127.0.0.53", "172.20.0.1", "::", "::1"};
    for (std::uint16_t port = 5430; port < 5434; ++port) {
      const std::size_t at = random_() % (six_ ? kHost.size() : 4);
      h_.listen(0, port, "daemon" + std::to_string(port), kHost[at],
                one_in(3) ? IpProtocol::kUdp : IpProtocol::kTcp);
    }
  }

  void rules() {
    add_random_rules(h_, boxes_, random_);
    if (one_in(3)) h_.closed_but_for({5430, 20001});
    if (one_in(3)) h_.no_direct_access(boxes_[random_() % boxes_.size()]);
    if (one_in(2)) return;
    model::Chain out =
        HostBuilder::base("OUTPUT", model::Hook::kOutput, model::ChainType::kFilter, 0);
    for (std::size_t i = random_() % 8; i > 0; --i) {
      model::Rule r = h_.rule();
      if (!one_in(3))
        HostBuilder::add(r, HostBuilder::is_address(boxes_[random_() % boxes_.size()].address));
      if (!one_in(3)) {
        HostBuilder::add(r, HostBuilder::is_proto(6));
        HostBuilder::add(
            r, HostBuilder::is_port(
                   one_in(2) ? 6379 : static_cast<std::uint16_t>(20000 + random_() % 12)));
      }
      if (r.statements.empty()) continue;
      HostBuilder::add(r, HostBuilder::decide(one_in(4) ? model::VerdictKind::kAccept
                                                        : model::VerdictKind::kDrop));
      out.rules.push_back(std::move(r));
    }
    h_.table("filter").chains.push_back(std::move(out));
  }

  void link_local() {
    for (std::size_t ns = 0; ns < h_.snapshot.namespaces.size(); ++ns) {
      for (std::size_t i = 0; i < h_.snapshot.namespaces[ns].links.size(); ++i) {
        const model::Link& l = h_.snapshot.namespaces[ns].links[i];
        if (l.name == "lo" || l.master) continue;
        const IfIndex index = l.index;
        h_.address(ns, index, "fe80::" + std::to_string(ns + 1) + ":" + std::to_string(index.value),
                   64);
      }
    }
  }

  std::mt19937& random_;
  std::string lan_;  // of the uplink
  HostBuilder h_;
  bool proxy_ = true, six_ = false;
  std::vector<HostBuilder::Box> boxes_;
};

}  // namespace bulkhead::testing_hosts
