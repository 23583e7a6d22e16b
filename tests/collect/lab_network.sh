#!/bin/bash
# Three namespaces PREFIX-host, PREFIX-a and PREFIX-b with one of nearly everything that is read.
# The caller removes them.
# shellcheck disable=SC2086  # names of namespaces hold no blanks, and $H is a command
set -e
P=$1
for n in host a b; do ip netns add $P-$n; nsenter --net=/run/netns/$P-$n sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0; ip -n $P-$n link set lo up; done
H="ip -n $P-host"
$H link add br0 type bridge; $H link set br0 up alias "the bridge"
$H link add va type veth peer name eth0 netns $P-a
$H link set va master br0 up; $H link set va type bridge_slave isolated on hairpin on
$H link property add dev va altname va-long-name
$H link add vb type veth peer name eth0 netns $P-b; $H link set vb up
$H link add vx type vxlan id 42 dstport 4789 local 192.0.2.1 group 239.1.1.1 dev vb; 
$H link add vy type vxlan id 43 dstport 4790 srcport 40000 40100 tos 0x20 ttl 9 nolearning proxy rsc l2miss l3miss
bridge -n $P-host fdb append 02:00:00:00:00:43 dev vy dst 192.0.2.43 port 4444 vni 44 via vb self permanent
$H link add ve type vxlan external dstport 4791; $H link set ve netns $P-a
$H link add mv link vb type macvlan mode bridge; $H link set mv netns $P-b
$H tuntap add tap0 mode tap
$H addr add 10.1.0.1/24 dev br0; $H addr add fd00:1::1/64 dev br0 nodad; $H addr add 10.2.0.1 peer 10.2.0.2/32 dev vb
$H addr add 127.5.5.5/8 dev lo
ip -n $P-a link set eth0 up; ip -n $P-a addr add 10.1.0.2/24 dev eth0; ip -n $P-a route add default via 10.1.0.1; ip -n $P-a addr add fd00:1::2/64 dev eth0 nodad
ip -n $P-b link set eth0 up; ip -n $P-b link set mv up; ip -n $P-b addr add 10.2.0.2/32 dev eth0
$H route add blackhole 10.66.0.0/16; $H route add unreachable fd66::/16 metric 7; $H route add prohibit 10.67.0.0/16 table 1000
$H route add 10.70.0.0/16 nexthop via 10.1.0.2 weight 3 nexthop via 10.1.0.3
$H route add 10.71.0.0/16 via inet6 fd00:1::2 dev br0
$H nexthop add id 5 via 10.1.0.2 dev br0; $H route add 10.72.0.0/16 nhid 5
$H -6 route add fd70::/32 nexthop via fd00:1::2 nexthop via fd00:1::3
$H rule add from 10.1.0.0/24 to 10.9.0.0/16 table 1000 priority 100
$H rule add not fwmark 0x1/0xff iif br0 table 1001 priority 101
$H rule add ipproto tcp dport 80-90 prohibit priority 102
$H rule add uidrange 5-9 goto 32766 priority 103
$H -6 rule add oif br0 table 1002 suppress_prefixlength 0 priority 104
$H rule add dsfield 0x10 table 1003 priority 105
$H neigh add 10.1.0.77 lladdr 02:00:00:00:00:77 dev br0; $H neigh add proxy 10.1.0.88 dev br0; $H neigh add proxy fd00:1::88 dev br0
bridge -n $P-host fdb add 02:00:00:00:00:99 dev va master static
bridge -n $P-host fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.7
tc -n $P-host qdisc add dev vb clsact
nsenter --net=/run/netns/$P-host sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.br0.rp_filter=2 net.ipv4.conf.br0.route_localnet=1 net.ipv4.conf.all.arp_ignore=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.vb.disable_ipv6=1 net.ipv4.conf.va.proxy_arp=1
