#!/usr/bin/env python3
"""Judges `bulkhead query` (and reach, by reach_query) on devices that stand on others, by real connections.

    host: up0 10.9.0.1 -- sw: p0 --+ br (no rules, no netfilter) +-- lan 10.9.0.9
          up1 10.9.0.5 -- sw: p1 --+
          br9 10.9.9.1 -- g9 10.9.9.2 (a guest by veth)

    macvlans on up0: b1, b2 (bridge), p1, p2 (private), v1, v2 (vepa); on up1: t1 (passthru); on br9: c9 (bridge)

and the same in IPv6. In each case something changes: the switch sends back to where a frame came from (hairpin), or
rules stand at the device below, at the host's hooks, or in a child.
"""

import sys

from everybody import Case, Everybody, main
from spaces import inside, run, sysctl

PLACES = {  # namespace: its last number, on which device of the host, its mode
    'b1': (11, 'up0', 'bridge'), 'b2': (12, 'up0', 'bridge'), 'p1': (13, 'up0', 'private'), 'p2': (14, 'up0', 'private'),
    'v1': (15, 'up0', 'vepa'), 'v2': (16, 'up0', 'vepa'), 't1': (17, 'up1', 'passthru'),
}


def netdev(device, text):
    return 'table netdev own { chain c { type filter hook ingress device "%s" priority 0; %s }; }' % (device, text)


CASES = (
    Case('plain', 'siblings in bridge mode hear each other; nobody hears the host, nor it them', (), None),
    Case('hairpin', 'the switch outside sends back: vepa by it, private by unicast alone',
         (('sw', 'bridge link set dev p0 hairpin on'),), None),
    Case('below', 'rules where frames arrive at the device below are met by siblings too',
         (('host', ('nft', netdev('up0', 'tcp dport 80 drop; udp dport 514 ip saddr 10.9.0.11 drop;'))),), None),
    Case('input', "the host's own hooks are not met by its macvlans",
         (('host', ('nft', 'table inet own { chain i { type filter hook input priority 0; policy drop; }; '
                           'chain f { type filter hook forward priority 0; policy drop; }; '
                           'chain o { type filter hook output priority 0; policy drop; }; '
                           'chain p { type filter hook prerouting priority 0; policy drop; }; }')),), None),
    Case('mark', 'a mark set below is seen above',
         (('host', ('nft', netdev('up0', 'tcp dport 80 meta mark set 7;'))),
          ('b2', ('nft', 'table inet own { chain i { type filter hook input priority 0; meta mark 7 drop; }; }')),
          ('v2', ('nft', 'table inet own { chain i { type filter hook input priority 0; meta mark 7 reject; }; }'))), None),
    Case('egress', 'rules where the device below sends',
         (('host', ('nft', 'table netdev own { chain c { type filter hook egress device "up0" priority 0; tcp sport 81 drop; }; }')),),
         None),
    Case('netfilter', 'a bridge below with br_netfilter: its FORWARD is met by bridged frames, not by its macvlan',
         (('host', ('sysctl', {'net.bridge.bridge-nf-call-iptables': 1, 'net.bridge.bridge-nf-call-ip6tables': 1})),
          ('host', ('nft', 'table inet own { chain f { type filter hook forward priority 0; tcp dport 80 drop; }; '
                           'chain p { type filter hook prerouting priority -150; ct state new tcp dport 81 drop; }; }'))), None),
    Case('tracked', 'rules of a macvlan on a bridge with br_netfilter, whose connections are already tracked there',
         (('host', ('sysctl', {'net.bridge.bridge-nf-call-iptables': 1, 'net.bridge.bridge-nf-call-ip6tables': 1})),
          ('host', ('nft', 'table inet own { chain f { type filter hook forward priority 0; ct state new accept; }; }')),
          ('c9', ('nft', 'table inet own { chain i { type filter hook input priority 0; ct state new tcp dport 80 drop; }; }'))),
         'stands on a bridge with br_netfilter'),
    Case('down', 'a sibling that is down', (('b2', 'ip link set eth0 down'),), None),
)


class Network(Everybody):
    name = 'stacked'
    cases = CASES
    unchanged = ('tracked', 'input')

    def build(self):
        spaces = self.spaces
        for name in ('host', 'sw', 'lan', 'g9', 'c9', *PLACES):
            spaces.add(name)
        spaces.ip('sw', ['link add br0 type bridge forward_delay 0 mcast_snooping 0', 'link set br0 up'])
        sysctl(spaces.path('sw'), {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0})
        for port, other, device in (('p0', 'host', 'up0'), ('p1', 'host', 'up1'), ('p2', 'lan', 'eth0')):
            spaces.veth('sw', port, other, device)
            spaces.ip('sw', ['link set %s master br0' % port])
        spaces.ip('host', ['link add br9 type bridge forward_delay 0 mcast_snooping 0', 'link set br9 up'])
        sysctl(spaces.path('host'), {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0})
        spaces.veth('host', 'w9', 'g9', 'eth0')
        spaces.ip('host', ['link set w9 master br9'])
        for name, (_, below, mode) in [*PLACES.items(), ('c9', (0, 'br9', 'bridge'))]:
            spaces.ip('host', ['link add c%s link %s type macvlan mode %s' % (name, below, mode),
                               'link set c%s netns %s%s name eth0' % (name, spaces.prefix, name)])
            spaces.ip(name, ['link set eth0 up'])
        self.address('host', 'up0', '10.9.0.1', 'fd09::1')
        self.address('host', 'up1', '10.8.0.5', 'fd08::5')
        self.address('host', 'br9', '10.9.9.1', 'fd09:9::1')
        self.address('lan', 'eth0', '10.9.0.9', 'fd09::9')
        self.address('g9', 'eth0', '10.9.9.2', 'fd09:9::2')
        self.address('c9', 'eth0', '10.9.9.3', 'fd09:9::3')
        for name, (number, _, _) in PLACES.items():
            self.address(name, 'eth0', '10.9.0.%d' % number, 'fd09::%d' % number)
        self.listen()

    def undo(self, case):
        with inside(self.spaces.path('sw')):
            run('bridge', 'link', 'set', 'dev', 'p0', 'hairpin', 'off')
        with inside(self.spaces.path('b2')):
            run('ip', 'link', 'set', 'eth0', 'up')
            run('ip', 'addr', 'replace', 'fd09::12/64', 'dev', 'eth0', 'nodad')
        sysctl(self.spaces.path('host'), {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0})

    def leaves_out(self, question):
        # A private macvlan is answered by the host only if the host had asked it before, by a frame that came back.
        return question.vantage in ('p1', 'p2') and question.address in self.addresses['host']


if __name__ == '__main__':
    sys.exit(main(Network, __doc__))
