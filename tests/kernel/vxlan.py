#!/usr/bin/env python3
"""Judges `bulkhead query` (and reach, by reach_query) on VXLANs, by real connections.

    underlay: host u0 10.9.0.1, h2 .2, h3 .3, r u0 .254 -- sw: br0 (no rules, no netfilter); r u1 10.9.4.254 -- h4 10.9.4.4

    id 5, unicast:   host vx5 10.5.0.1 <-> h2 10.5.0.2, each names the other
    id 6, by IPv6:   host, h2, h3: vx6 10.6.0.x with a list of all others, learning
    id 7, as Swarm:  c1 -- ov1: br -- vx7 (of host), c2 -- ov2 (of h2), c4 -- ov4 (of h4, behind the router): entries and
                     neighbours by hand, proxy, the device lives in a namespace other than that which sends its packets
    id 8, group:     host, h2 vx8 10.8.0.x; h3: vx8 under br8 with a guest g3; 239.8.8.8
    id 10, group:    host, h3: vx10 10.10.0.x; ff05::10
    id 11, one way:  host vx11 10.11.0.1 names nobody and learns; h2 names the host

and the same in IPv6. In each case something stands in the way of the packets around the frames, or of the frames.
"""

import json
import socket
import struct
import subprocess
import sys
import time

from everybody import ASKED_FIRST, Case, Everybody, main
from frames import datagram
from spaces import inside, run, sysctl

UNDERLAY = {'host': 1, 'h2': 2, 'h3': 3, 'r': 254}
SWARM = {'c1': ('ov1', 'host', 1, '10.9.0.1'), 'c2': ('ov2', 'h2', 2, '10.9.0.2'), 'c4': ('ov4', 'h4', 4, '10.9.4.4')}


def filtered(hook, text, policy='accept'):
    return 'nft', 'table inet own { chain c { type filter hook %s priority 0; policy %s; %s }; }' % (hook, policy, text)


CASES = (
    Case('plain', 'unicast, lists, entries by hand, groups', (), None),
    Case('output', 'what the host may not send', (('host', filtered('output', 'ip daddr 10.9.0.2 udp dport 4789 drop;')),), ASKED_FIRST),
    Case('input', 'what an end may not take', (('h2', filtered('input', 'udp dport 4789 ip saddr 10.9.0.1 drop; '
                                                                       'udp dport 4789 ip6 saddr fd09::1 drop;')),), ASKED_FIRST),
    Case('reject', 'who is refused hears nothing of it', (('h2', filtered('input', 'udp dport 4789 reject;')),), ASKED_FIRST),
    Case('strict', 'only what is established: a packet around a frame never is',
         (('h2', filtered('input', 'iif lo accept; ct state established,related accept; iifname { "vx5", "vx6", "vx8" } accept; '
                                   'meta l4proto ipv6-icmp accept;', 'drop')),), ASKED_FIRST),
    Case('router', 'a router between the ends drops them one way', (('r', filtered('forward', 'ip saddr 10.9.4.4 udp dport 4789 drop;')),), None),
    Case('nat', 'a router translates them, and ends learn from where they seem to come',
         (('r', ('nft', 'table ip own { chain p { type nat hook postrouting priority 100; oifname "u0" masquerade; }; }')),), None),
    Case('switch', 'a bridge with br_netfilter between the ends',
         (('sw', ('sysctl', {'net.bridge.bridge-nf-call-iptables': 1, 'net.bridge.bridge-nf-call-ip6tables': 1})),
          ('sw', filtered('forward', 'ip saddr 10.9.0.3 udp dport 4789 drop; ip6 daddr fd09::2 udp dport 4789 drop;'))), ASKED_FIRST),
    Case('isolated', 'ports of the switch that do not hear each other',
         (('sw', 'bridge link set dev p0 isolated on'), ('sw', 'bridge link set dev p1 isolated on')), None),
    Case('hash', 'a rule asks for the source port, which is a hash of the frame',
         (('h3', filtered('input', 'udp dport 4789 udp sport 40000-50000 drop;')),), 'source port'),
    Case('inner', 'rules where frames come out', (('h2', ('nft', 'table netdev own { chain c { type filter hook ingress device "vx5" '
                                                          'priority 0; tcp dport 80 drop; }; }')),
                                                  ('ov2', ('nft', 'table bridge own { chain f { type filter hook forward priority 0; '
                                                           'ether type ip tcp dport 80 drop; ether type ip6 udp dport 514 drop; }; }')),
                                                  ('g3', filtered('input', 'tcp dport 81 drop;'))), None),
    Case('mark', 'a mark set on a packet is on the frame that comes out of it in the same namespace, not in another',
         (('h2', ('nft', 'table inet own { chain p { type filter hook prerouting priority -150; udp dport 4789 meta mark set 7; }; '
                  'chain i { type filter hook input priority 0; meta mark 7 tcp dport 80 drop; }; }')),
          ('ov2', ('nft', 'table bridge own { chain f { type filter hook forward priority 0; meta mark 7 drop; }; }'))), None),
    Case('sentmark', 'a mark of the packet within is on the packet around it',
         (('host', ('nft', 'table inet own { chain o { type route hook output priority 0; tcp dport 80 meta mark set 9; '
                    'udp dport 4789 meta mark 9 drop; }; }')),), None),
    Case('group', 'who is out of a group is not flooded to', (('h3', ('nft', 'table inet own { chain i { type filter hook input priority 0; ip daddr 239.8.8.8 drop; ip6 daddr ff05::10 drop; }; '
                   'chain o { type filter hook output priority 0; ip daddr 239.8.8.8 drop; ip6 daddr ff05::10 drop; }; }')),), None),
    Case('pinned', 'an entry by hand says that the sender is elsewhere',
         (('h2', 'bridge fdb replace 02:00:00:05:00:01 dev vx5 dst 10.9.0.3 self permanent'),), ASKED_FIRST),
    Case('forgot', 'an entry by hand leads to the wrong end',
         (('host', 'bridge fdb replace 02:00:00:06:00:03 dev vx6 dst fd09::2 self permanent'),), ASKED_FIRST),
    Case('proxied', 'a neighbour of whom nobody told the proxy', (('ov1', 'ip neigh del 10.7.0.4 dev vx7'),), None),
    Case('external', 'an end that takes frames of all numbers',
         (('h2', 'ip link add ext type vxlan external dstport 4790'), ('h2', 'ip link set ext up'),
          ('host', 'bridge fdb replace 02:00:00:05:00:02 dev vx5 dst 10.9.0.2 port 4790 self permanent')), '(external)'),
    Case('down', 'an end is down', (('h2', 'ip link set vx6 down'),), None),
)


class Network(Everybody):
    name = 'vxlan'
    cases = CASES

    def build(self):
        spaces = self.spaces
        for name in ('host', 'sw', 'h2', 'h3', 'r', 'h4', 'g3', *(n for c, (o, *_) in SWARM.items() for n in (c, o))):
            spaces.add(name)
            sysctl(spaces.path(name), {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0})
        spaces.ip('sw', ['link add br0 type bridge forward_delay 0 mcast_snooping 0', 'link set br0 up'])
        for i, (name, number) in enumerate(UNDERLAY.items()):
            spaces.veth('sw', 'p%d' % i, name, 'u0')
            spaces.ip('sw', ['link set p%d master br0' % i])
            self.address(name, 'u0', '10.9.0.%d' % number, 'fd09::%x' % number)
        spaces.veth('r', 'u1', 'h4', 'u0')
        self.address('r', 'u1', '10.9.4.254', 'fd09:4::254')
        self.address('h4', 'u0', '10.9.4.4', 'fd09:4::4')
        sysctl(spaces.path('r'), {'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1})
        for name in ('host', 'h2', 'h3'):
            spaces.ip(name, ['route add 10.9.4.0/24 via 10.9.0.254', 'route add fd09:4::/64 via fd09::fe'])
        spaces.ip('h4', ['route add 10.9.0.0/24 via 10.9.4.254', 'route add fd09::/64 via fd09:4::254'])
        self._unicast()
        self._swarm()
        self._groups()
        self.listen()

    def _vxlan(self, name, number, own, options):
        device = 'vx%d' % number
        self.spaces.ip(name, ['link add %s address 02:00:00:%02x:00:%02x type vxlan id %d dstport 4789 %s' % (device, number, own, number, options),
                              'link set %s up' % device])
        return device

    def _unicast(self):
        for name, own, other in (('host', 1, 2), ('h2', 2, 1)):
            self._vxlan(name, 5, own, 'remote 10.9.0.%d local 10.9.0.%d' % (other, own))
            self.address(name, 'vx5', '10.5.0.%d' % own, 'fd05::%d' % own)
        for name, own in (('host', 1), ('h2', 2), ('h3', 3)):
            self._vxlan(name, 6, own, 'local fd09::%d' % own)
            self.address(name, 'vx6', '10.6.0.%d' % own, 'fd06::%d' % own)
            with inside(self.spaces.path(name)):
                for other in {1, 2, 3} - {own}:
                    run('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vx6', 'dst', 'fd09::%d' % other)
        self._vxlan('host', 11, 1, 'local 10.9.0.1')
        self._vxlan('h2', 11, 2, 'local 10.9.0.2 remote 10.9.0.1')
        self.address('host', 'vx11', '10.11.0.1', 'fd11::1')
        self.address('h2', 'vx11', '10.11.0.2', 'fd11::2')

    def _swarm(self):
        spaces = self.spaces
        for guest, (over, under, number, _) in SWARM.items():
            spaces.ip(over, ['link add br0 type bridge forward_delay 0 mcast_snooping 0', 'link set br0 up'])
            # Made where its packets are sent, then moved.
            spaces.ip(under, ['link add vx7 type vxlan id 7 dstport 4789 learning proxy l2miss l3miss',
                              'link set vx7 netns %s%s' % (spaces.prefix, over)])
            spaces.ip(over, ['link set vx7 master br0', 'link set vx7 up'])
            spaces.veth(over, 'v', guest, 'eth0')
            spaces.ip(over, ['link set v master br0'])
            spaces.ip(guest, ['link set eth0 address 02:00:00:07:00:%02x' % number])
            self.address(guest, 'eth0', '10.7.0.%d' % number, 'fd07::%d' % number)
        self._tell()

    def _tell(self):
        for guest, (over, _, _, _) in SWARM.items():
            for _, _, number, at in (s for g, s in SWARM.items() if g != guest):
                mac = '02:00:00:07:00:%02x' % number
                self.spaces.ip(over, ['neigh replace %s lladdr %s dev vx7 nud permanent' % (a % number, mac) for a in ('10.7.0.%d', 'fd07::%d')])
                with inside(self.spaces.path(over)):
                    run('bridge', 'fdb', 'replace', mac, 'dev', 'vx7', 'dst', at, 'self', 'permanent')

    def _groups(self):
        for name, own in (('host', 1), ('h2', 2), ('h3', 3)):
            self._vxlan(name, 8, own, 'group 239.8.8.8 dev u0')
        self.spaces.ip('h3', ['link add br8 type bridge forward_delay 0 mcast_snooping 0', 'link set br8 up', 'link set vx8 master br8'])
        self.spaces.veth('h3', 'w8', 'g3', 'eth0')
        self.spaces.ip('h3', ['link set w8 master br8'])
        for name, device, own in (('host', 'vx8', 1), ('h2', 'vx8', 2), ('h3', 'br8', 3), ('g3', 'eth0', 4)):
            self.address(name, device, '10.8.0.%d' % own, 'fd08::%d' % own)
        for name, own in (('host', 1), ('h3', 3)):
            self._vxlan(name, 10, own, 'group ff05::10 dev u0')
            self.address(name, 'vx10', '10.10.0.%d' % own, 'fd10::%d' % own)

    def forget(self):
        super().forget()
        for name in ('host', 'h2', 'h3', 'ov1', 'ov2', 'ov4'):  # what ends have learned
            for device in ('vx5', 'vx6', 'vx7', 'vx8', 'vx10', 'vx11'):
                with inside(self.spaces.path(name)):
                    run('bridge', 'fdb', 'flush', 'dev', device, 'self', 'nopermanent', check=False)

    def also(self, programs):
        """An outsider who makes frames and sends them to the port of an end: what is heard must not be called closed."""
        wrong = 0
        program = programs[0]
        mac = '02:66:66:66:66:66'
        for name, guard, heard in (('open', None, True), ('guarded', filtered('input', 'udp dport 4789 drop;'), False)):
            if guard:
                self._do('host', guard)
                self._do('h2', guard)
            for to, under, inner in (('10.7.0.1', '10.9.0.1', ('10.7.0.66', '10.7.0.1')), ('fd07::2', '10.9.0.2', ('fd07::66', 'fd07::2')),
                                     ('fd06::2', 'fd09::2', ('fd06::66', 'fd06::2'))):
                word = 'made-%s-%s' % (name, to)
                number = 7 if '07' in to or '10.7' in to else 6
                at = '02:00:00:%02x:00:%02x' % (number, int(to[-1]))
                frame = datagram((mac, at), *inner, (5000, 514), word.encode())
                with inside(self.spaces.path('h3')), socket.socket(socket.AF_INET6 if ':' in under else socket.AF_INET, socket.SOCK_DGRAM) as out:
                    out.sendto(struct.pack('!II', 0x08000000, number << 8) + frame, (under, 4789))
                got = self._heard(word)
                question = json.dumps({'id': 0, 'from': 'netns:' + self.spaces.path('h4'), 'to': to, 'port': 514, 'proto': 'udp', 'as': 'attacker'})
                done = subprocess.run(['nsenter', '--net=' + self.spaces.path('host'), program, 'query', '-'], input=question + '\n',
                                      stdout=subprocess.PIPE, text=True, timeout=120)
                said = json.loads(done.stdout)
                good = got == heard and (said['verdict'] != 'closed') == heard
                wrong += not good
                print('made frame, %s, to %s: %s; said of an attacker at h4: %s: %s%s' % (
                    name, to, 'heard' if got else 'not heard', said['verdict'], said.get('reason'), '' if good else '  WRONG'), flush=True)
        for name in ('host', 'h2'):
            with inside(self.spaces.path(name)):
                run('nft', 'flush', 'ruleset')
        return wrong

    def _heard(self, word):
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            for name in self.addresses:
                with open('%s/%s.log' % (self.dir, name)) as log:
                    if word in log.read():
                        return True
            time.sleep(0.02)
        return False

    def leaves_out(self, question):
        # Who names nobody knows others if they had asked it before.
        return question.vantage == 'host' and question.address in ('10.11.0.2', 'fd11::2')

    def undo(self, case):
        with inside(self.spaces.path('sw')):
            for port in ('p0', 'p1'):
                run('bridge', 'link', 'set', 'dev', port, 'isolated', 'off')
        sysctl(self.spaces.path('sw'), {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0})
        for name, mac, device in (('h2', '02:00:00:05:00:01', 'vx5'), ('host', '02:00:00:06:00:03', 'vx6'), ('host', '02:00:00:05:00:02', 'vx5')):
            with inside(self.spaces.path(name)):
                run('bridge', 'fdb', 'del', mac, 'dev', device, 'self', check=False)
        with inside(self.spaces.path('h2')):
            run('ip', 'link', 'del', 'ext', check=False)
            run('ip', 'link', 'set', 'vx6', 'up')
            run('ip', 'addr', 'replace', 'fd06::2/64', 'dev', 'vx6', 'nodad')
        self._tell()


if __name__ == '__main__':
    sys.exit(main(Network, __doc__))
