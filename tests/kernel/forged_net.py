"""The network in which packets are forged: its places, namespaces and sockets. forged.py draws it."""

import contextlib
import json
import os
import socket

from spaces import Spaces, forget, inside, quicken, run, sysctl

PLACES = {  # namespace: its addresses, its device, its gateways
    'g1': (('10.9.0.11', 'fd09::11'), 'eth0', ('10.9.0.1', 'fd09::1')),
    'g2': (('10.9.0.12', 'fd09::12'), 'eth0', ('10.9.0.1', 'fd09::1')),
    'g3': (('10.9.0.13', 'fd09::13'), 'eth0', ('10.9.0.1', 'fd09::1')),
    'g4': (('10.9.0.14', 'fd09::14'), 'eth0', ('10.9.0.1', 'fd09::1')),
    'h1': (('10.9.1.11', 'fd09:1::11'), 'eth0', ('10.9.1.1', 'fd09:1::1')),
    'lan1': (('192.0.2.9', 'fd0a::9'), 'up0', ('192.0.2.1', 'fd0a::1')),
}
SECOND_LEG = ('10.9.1.14', 'fd09:1::14')  # of g4
HOST = {'br0': ('10.9.0.1', 'fd09::1'), 'br1': ('10.9.1.1', 'fd09:1::1'), 'up0': ('192.0.2.1', 'fd0a::1')}
PORTS = {'g2': (80, 5432), 'g3': (80,), 'h1': (80,), 'host': (22,), 'lan1': (80,)}


def everyone_but(*addresses):
    return [a for pair in [*HOST.values(), *(p[0] for p in PLACES.values())] for a in pair if a not in addresses]


def near(address, gateways):
    """On the wire of these gateways: their first three numbers, or /64."""
    v4, v6 = gateways
    if ':' in address:
        return address.startswith(('fe80:', v6[:-1]))
    return address.rpartition('.')[0] == v4.rpartition('.')[0]


class Network:
    """The namespaces, their sockets, and everything that must be closed."""

    def __init__(self):
        self.spaces = Spaces('forged')
        self.listeners = {'tcp': [], 'udp': []}

    def path(self, name):
        return self.spaces.path(name)

    def build(self):
        for name in ('host', *PLACES):
            self.spaces.add(name)
        self.spaces.ip('host', ['link add %s type bridge forward_delay 0' % b for b in ('br0', 'br1')])
        for name, device, port, bridge in (('g1', 'eth0', 'p1', 'br0'), ('g2', 'eth0', 'p2', 'br0'),
                                           ('g3', 'eth0', 'p3', 'br0'), ('g4', 'eth0', 'p4', 'br0'),
                                           ('h1', 'eth0', 'q1', 'br1'), ('g4', 'eth1', 'q4', 'br1')):
            self.spaces.veth('host', port, name, device)
            self.spaces.ip('host', ['link set %s master %s' % (port, bridge)])
        self.spaces.veth('host', 'up0', 'lan1', 'up0')
        for device, (v4, v6) in HOST.items():
            self.spaces.ip('host', ['link set %s up' % device, 'addr add %s/24 dev %s' % (v4, device),
                                    'addr add %s/64 dev %s nodad' % (v6, device)])
        sysctl(self.path('host'), {'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1})
        for name, ((v4, v6), device, (gateway4, gateway6)) in PLACES.items():
            self.spaces.ip(name, ['addr add %s/24 dev %s' % (v4, device), 'addr add %s/64 dev %s nodad' % (v6, device),
                                  'route add default via ' + gateway4, 'route add default via ' + gateway6])
        self.spaces.ip('g4', ['addr add %s/24 dev eth1' % SECOND_LEG[0],
                              'addr add %s/64 dev eth1 nodad' % SECOND_LEG[1]])
        for name in ('host', *PLACES):
            self._believe_the_last(name)
            self._listen(name)

    def _believe_the_last(self, name):
        quicken(self.path(name))
        with inside(self.path(name)):
            for device in os.listdir('/proc/sys/net/ipv4/neigh'):
                with open('/proc/sys/net/ipv4/neigh/%s/locktime' % device, 'w') as out:
                    out.write('0')
        # Half-open connections are gone after a second, and one tuple may be tried again at once.
        sysctl(self.path(name), {'net.ipv4.tcp_synack_retries': 0, 'net.ipv4.tcp_invalid_ratelimit': 0,
                                 'net.core.somaxconn': 4096})

    def _listen(self, name):
        for port in PORTS.get(name, ()):
            for kind, protocol in ((socket.SOCK_STREAM, 'tcp'), (socket.SOCK_DGRAM, 'udp')):
                with inside(self.path(name)):
                    one = socket.socket(socket.AF_INET6, kind)
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                one.bind(('::', port))
                one.setblocking(False)
                if protocol == 'tcp':
                    one.listen(4096)
                self.listeners[protocol].append(one)

    def received(self):
        """What the UDP sockets got since the last time."""
        texts = []
        for one in self.listeners['udp']:
            with contextlib.suppress(BlockingIOError):
                while True:
                    texts.append(one.recv(64))
        return texts

    def mac(self, name, device):
        with inside(self.path(name)):
            return json.loads(run('ip', '-j', 'link', 'show', device))[0]['address']

    def forget(self):
        for name in ('host', *PLACES):
            forget(self.path(name))

    def close(self):
        for one in self.listeners['tcp'] + self.listeners['udp']:
            one.close()
        self.spaces.delete()
