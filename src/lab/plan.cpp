#include "lab/plan.h"

namespace bulkhead::lab {
namespace {

constexpr LabNetwork kNetworks[] = {
    {"shop_front", "shop", "172.30.1.0/24"}, {"shop_back", "shop", "172.30.2.0/24", true},
    {"blog_front", "blog", "172.30.3.0/24"}, {"blog_back", "blog", "172.30.4.0/24", true},
    {"ops_default", "ops", "172.30.5.0/24"}, {"shared", "shop", "172.30.9.0/24"},
};

constexpr LabBox kBoxes[] = {
    {"shop-web", "shop", "shop_front", "shop_back", "80:80", "httpd -f -p 80 -h /www"},
    {"shop-api", "shop", "shop_front", "shared", "7070:7070", "nc -ll -p 7070 -e /bin/cat"},
    {"shop-cache", "shop", "shop_front", "", "6379:6379", "nc -ll -p 6379 -e /redis"},
    {"shop-db", "shop", "shop_back", "", "", "httpd -f -p 5432 -h /www"},
    {"blog-web", "blog", "blog_front", "shared", "8088:80", "httpd -f -p 80 -h /www"},
    {"blog-app", "blog", "blog_front", "blog_back", "", "httpd -f -p 7071 -h /www"},
    {"blog-db", "blog", "blog_back", "", "", "httpd -f -p 3306 -h /www"},
    {"ops-agent", "ops", "ops_default", "", "", "sleep 100000", true},
    {"ops-exporter", "ops", "host", "", "", "sleep 100000"},
    {"ops-legacy", "ops", "bridge", "", "", "sleep 100000"},
    {"ops-batch", "ops", "none", "", "", "sleep 100000"},
};

constexpr Planted kPlanted[] = {
    {"T1", "host", Port{2375},
     "the Docker API without TLS on every address: the Internet reaches it"},
    {"T2", "host", Port{2375}, "the same API from the LAN and from every container with a network"},
    {"T3", "host", Port{873},
     "a backup service of the host that only containers reach, and need not"},
    {"T4", "shop-api", Port{7070}, "an inner service of the shop, published needlessly"},
    {"T5", "shop-cache", Port{6379}, "a Redis without password, published on 0.0.0.0"},
    {"T6", "shared", Port{}, "shop and blog share a network"},
    {"docker-sock", "ops-agent", Port{}, "the engine's socket is mounted: root on the host"},
    {"host-mode", "ops-exporter", Port{}, "in the host's network, listening on nothing"},
    {"default-bridge", "bridge", Port{}, "ops-legacy is on the default bridge"},
    {"firewall", "shop-api", Port{7070}, "INPUT says closed, the engine opened it"},
    {"firewall", "shop-cache", Port{6379}, "INPUT says closed, the engine opened it"},
};

constexpr std::string_view kEgress[] = {
    "shop-web", "shop-api",  "shop-cache",   "blog-web",
    "blog-app", "ops-agent", "ops-exporter", "ops-legacy",
};

constexpr std::string_view kClean[] = {"shop-web", "shop-db", "blog-web",
                                       "blog-app", "blog-db", "ops-batch"};

constexpr std::string_view kFirewall[] = {
    "iptables -A INPUT -i up0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "iptables -A INPUT -i up0 -p icmp -j ACCEPT",
    "iptables -A INPUT -i up0 -p tcp -m multiport --dports 80,8088,2375 -j ACCEPT",
    "iptables -A INPUT -i up0 -j DROP",
    "ip6tables -A INPUT -i up0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "ip6tables -A INPUT -i up0 -p ipv6-icmp -j ACCEPT",
    "ip6tables -A INPUT -i up0 -p tcp -m multiport --dports 80,8088,2375 -j ACCEPT",
    "ip6tables -A INPUT -i up0 -j DROP",
};

}  // namespace

std::span<const Planted> planted() {
  return kPlanted;
}
std::span<const std::string_view> egress() {
  return kEgress;
}
std::span<const std::string_view> clean() {
  return kClean;
}
std::span<const LabNetwork> networks() {
  return kNetworks;
}
std::span<const LabBox> boxes() {
  return kBoxes;
}
std::span<const std::string_view> firewall() {
  return kFirewall;
}

}  // namespace bulkhead::lab
