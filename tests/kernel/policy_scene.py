"""Hosts and whitelists for policy.py, drawn at random; what a policy means is known here without reading bulkhead.yaml."""

import collections
import ipaddress
import random

import truth
from engine import published
from lab import Box, Lab, Net

PORTS = (('tcp', 80), ('tcp', 443), ('tcp', 3306), ('tcp', 5432), ('tcp', 6379), ('udp', 514))
OUTSIDE = {  # vantage: the words of ingress and host that cover it; 'lan' is every zone of that role
    'lan': ('internet', 'lan', 'people'), 'inet': ('internet',), 'mgt': ('internet', 'lan', 'lan:mgmt0'),
}
TRUST = {'people': ['192.168.50.20', '2001:db8:50::20']}
PREFIXES = ('198.51.100.0/24', '2001:db8:100::/64', '192.168.50.20', '10.99.0.0/24')
BEFORE = ['host: sysctl -qw net.ipv6.conf.all.forwarding=1',
          'host: sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1']

# The host's uplink is a bridge, as on hosts that have virtual machines, too.
BRIDGED = ['host: ip link add br-up type bridge forward_delay 0 mcast_snooping 0 && ip link set br-up up && ip link set up0 master br-up',
           'host: ip addr flush dev up0 && ip addr add 192.168.50.10/24 dev br-up && ip -6 addr add 2001:db8:50::10/64 dev br-up nodad',
           'host: ip route replace default via 192.168.50.1 && ip -6 route replace default via 2001:db8:50::1']

Policy = collections.namedtuple('Policy', 'allow ingress egress host')


class Scene:
    """A lab, who is of which tenant, and who is of none (always on a network of his own)."""

    def __init__(self, lab, tenants):
        self.lab, self.tenants = lab, tenants
        self.held = [box for boxes in tenants.values() for box in boxes]
        self.of = {box: tenant for tenant, boxes in tenants.items() for box in boxes}
        self.loose = [box.name for box in lab.boxes if box.name not in self.of]
        with6 = {net.name for net in lab.nets if net.v6}
        self.published6 = {box.name for box in lab.boxes if set(box.nets.split()) & with6}  # by translation, in IPv6 too
        self.published = {}  # (protocol, host port) -> (box, port inside)
        for box in lab.boxes:
            for _, first, _, inner, proto in published(box.publish):
                self.published[proto, first] = (box.name, inner)

    def draw(self, seed):
        """A policy as sets of tuples."""
        pick = random.Random(seed)
        some = lambda values, most: pick.sample(list(values), min(len(values), pick.randint(0, most)))
        allow = {(a, b, *port) for b in self.held for a in some([*self.held, 'host'], 3) if a != b for port in some(PORTS, 3)}
        ingress = {(word, box, *port) for port, (box, _) in self.published.items() if box in self.of
                   for word in some(('internet', 'lan', 'lan:mgmt0', 'people'), 2)}
        egress = {(box, prefix, *port) for box in some(self.held, 4) for prefix in some(PREFIXES, 2) for port in some(PORTS, 3)}
        host = {(who, *port) for port in some(PORTS, 3) for who in some([*self.held, 'internet', 'lan', 'people'], 4)}
        return Policy(allow, ingress, egress, host)

    def write(self, policy, mode='enforce', modes=None):
        """The same as bulkhead.yaml; |modes| by tenant."""
        place = lambda who: '%s/%s' % (self.of[who], who) if who in self.of else '"%s"' % who
        lines = ['bulkhead: 1', 'mode: ' + mode, 'trust: {people: ["%s", "%s"]}' % tuple(TRUST['people']), 'host:']
        for proto, port in PORTS:
            users = sorted(who for who, *of in policy.host if of == [proto, port])
            lines.append('  s%d%s: {port: %d/%s, from: [%s]}' % (port, proto, port, proto, ', '.join(map(place, users))))
        lines.append('tenants:')
        for tenant, boxes in self.tenants.items():
            lines += ['  %s:' % tenant, *('    mode: ' + m for m in [(modes or {}).get(tenant)] if m),
                      '    containers: [%s]' % ', '.join(boxes), '    services:']
            lines += ['      %s: {container: %s}' % (box, box) for box in boxes]
            lines.append('    allow:')
            lines += ['      - {from: %s, to: %s, port: %d/%s}' % (place(a), b, port, proto)
                      for a, b, proto, port in sorted(policy.allow) if self.of[b] == tenant]
            lines.append('    ingress:')
            lines += ['      - {from: "%s", to: %s, publish: %d/%s}' % (word, b, port, proto)
                      for word, b, proto, port in sorted(policy.ingress) if self.of[b] == tenant]
            lines.append('    egress:')
            lines += ['      - {from: %s, to: "%s", port: %d/%s}' % (a, prefix, port, proto)
                      for a, prefix, proto, port in sorted(policy.egress) if self.of[a] == tenant]
        return '\n'.join(lines) + '\n'


FIRST = Scene(
    Lab('policy', 'two tenants, a proxy on a network of its own and one of theirs, one container of nobody; IPv4 and IPv6',
        engine='--experimental --ip6tables',
        nets=[Net('blue', '10.1.1.0/24', 'fd00:1:1::/64'), Net('red', '10.1.2.0/24', 'fd00:1:2::/64'),
              Net('free', '10.1.3.0/24')],
        boxes=[Box('web', 'blue', publish='8080:80 5514:514/udp'), Box('api', 'blue'), Box('db', 'blue'),
               Box('app', 'red', publish='8081:443'), Box('store', 'red'), Box('front', 'red blue', publish='8082:80'),
               Box('stray', 'free', publish='8083:80')],
        before=BEFORE),
    {'shop': ('web', 'api', 'db'), 'blog': ('app', 'store'), 'edge': ('front',)})


def scene(number):
    """The first is always the same; the others are drawn."""
    if number == 0:
        return FIRST
    pick = random.Random('scene %d' % number)
    colours = ('blue', 'red', 'green')[:pick.randint(1, 3)]
    nets = [Net(name, '10.1.%d.0/24' % i, 'fd00:1:%d::/64' % i if pick.random() < 0.7 else '') for i, name in enumerate(colours, 1)]
    boxes, tenants = [], collections.defaultdict(list)
    for i in range(pick.randint(3, 6)):
        on = pick.sample(colours, 2 if len(colours) > 1 and pick.random() < 0.25 else 1)
        proto, inner = pick.choice(PORTS)
        publish = '%d:%d/%s' % (8080 + i, inner, proto) if pick.random() < 0.6 else ''
        boxes.append(Box('box%d' % i, ' '.join(on), publish=publish))
        tenants['t%d' % pick.randint(0, 2)].append('box%d' % i)
    for i in range(pick.randint(0, 2)):
        boxes.append(Box('stray%d' % i, 'free', publish=pick.choice(['', '%d:80' % (8090 + i)])))
    lab = Lab('policy', 'drawn', boxes, nets + [Net('free', '10.1.9.0/24')], engine='--experimental --ip6tables', before=BEFORE + BRIDGED * (number % 3 == 1))
    return Scene(lab, {t: tuple(boxes) for t, boxes in sorted(tenants.items())})


class Meaning:
    """Whether a policy permits a connection; None: it has nothing to say of it."""

    def __init__(self, scene, built):
        self.scene = scene
        self.whose = {a: name for name in ('host', *built.pids) for a in truth.addresses(built.path(name))
                      if not ipaddress.ip_address(a).is_loopback}

    def of(self, policy, q):
        scene, where = self.scene, self.whose.get(q.address)
        loopback = ipaddress.ip_address(q.address).is_loopback
        if q.vantage == 'host' and (loopback or where == 'host'):
            return self.to_itself(policy, q, loopback)
        if q.vantage not in (*scene.held, *scene.loose, 'host', *OUTSIDE) or loopback or q.vantage == where:
            return None
        if where == 'host':
            return self.to_host(policy, q)
        if where in scene.of:
            return self.to_box(policy, q.vantage, where, q.proto, q.port)
        return self.out(policy, q) if q.vantage in scene.of else None

    def to_itself(self, policy, q, loopback):
        """Of the host's processes to published ports at the host's own addresses."""
        box, port = self.scene.published.get((q.proto, q.port), (None, 0))
        if box not in self.scene.of:
            return None
        translated = not loopback and (':' not in q.address or box in self.scene.published6)
        if q.proto == 'tcp' and not translated:
            return None  # the engine's proxy answers a handshake before it asks the container
        return self.to_box(policy, 'host', box, q.proto, port)

    def to_box(self, policy, a, b, proto, port):
        if (a, b, proto, port) in policy.allow:
            return True
        # The engine's proxy runs as root on the host, as the prober does.
        return a == 'host' and any(to == b and self.scene.published[p, n] == (b, port) and p == proto
                                   for _, to, p, n in policy.ingress)

    def to_host(self, policy, q):
        scene = self.scene
        box, _ = scene.published.get((q.proto, q.port), (None, 0))
        if q.vantage in OUTSIDE:
            if box in scene.of:
                return any((word, box, q.proto, q.port) in policy.ingress for word in OUTSIDE[q.vantage])
            if box:
                return None
            return any((word, q.proto, q.port) in policy.host for word in OUTSIDE[q.vantage])
        if q.vantage in scene.loose:
            return False if box in scene.of else None
        # The engine translates nothing that comes from its own bridges: its proxy would answer, as a service of the host.
        return (q.vantage, q.proto, q.port) in policy.host

    def out(self, policy, q):
        target = ipaddress.ip_address(q.address)
        return any(a == q.vantage and (proto, port) == (q.proto, q.port) and target in ipaddress.ip_network(prefix)
                   for a, prefix, proto, port in policy.egress)
