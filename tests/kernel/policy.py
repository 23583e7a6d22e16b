#!/usr/bin/env python3
"""Judges `bulkhead compile` on a real Docker host: random whitelists are compiled, loaded with nft, and every connection of the
lab is tried before and after. With a policy loaded a connection must be open exactly when it was open without it (the
engine's rules let it through) and the policy permits it, or has nothing to say of it.

The judge reads no bulkhead.yaml: it draws the same policy as lines of its own and knows what each means. It ends 1 on any
difference, when a policy is refused, and when the truth is too thin to judge by.
"""

import argparse
import collections
import ipaddress
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import engine
import run as suite
import truth
from engine import published
from lab import Box, Built, Lab, Net
from spaces import LabError, inside, run

LAB = Lab('policy', 'two tenants, a proxy on a network of its own and one of theirs, one container of nobody; IPv4 and IPv6',
          engine='--experimental --ip6tables',
          nets=[Net('blue', '10.1.1.0/24', 'fd00:1:1::/64'), Net('red', '10.1.2.0/24', 'fd00:1:2::/64'),
                Net('free', '10.1.3.0/24')],
          boxes=[Box('web', 'blue', publish='8080:80 5514:514/udp'), Box('api', 'blue'), Box('db', 'blue'),
                 Box('app', 'red', publish='8081:443'), Box('store', 'red'), Box('front', 'red blue', publish='8082:80'),
                 Box('stray', 'free', publish='8083:80')],
          before=['host: sysctl -qw net.ipv6.conf.all.forwarding=1',
                  'host: sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1'])
TENANTS = {'shop': ('web', 'api', 'db'), 'blog': ('app', 'store'), 'edge': ('front',)}
HELD = [box for boxes in TENANTS.values() for box in boxes]
OF = {box: tenant for tenant, boxes in TENANTS.items() for box in boxes}
PORTS = (('tcp', 80), ('tcp', 443), ('tcp', 3306), ('tcp', 5432), ('tcp', 6379), ('udp', 514))
OUTSIDE = {  # vantage: the words of ingress and host that cover it; 'lan' is every zone of that role
    'lan': ('internet', 'lan', 'people'), 'inet': ('internet',), 'mgt': ('internet', 'lan', 'lan:mgmt0'),
}
TRUST = {'people': ['192.168.50.20', '2001:db8:50::20']}
PREFIXES = ('198.51.100.0/24', '2001:db8:100::/64', '192.168.50.20', '10.99.0.0/24')

Policy = collections.namedtuple('Policy', 'allow ingress egress host')


def draw(seed):
    """A policy as sets of tuples."""
    pick = random.Random(seed)
    some = lambda values, most: pick.sample(list(values), min(len(values), pick.randint(0, most)))
    allow = {(a, b, *port) for b in HELD for a in some([*HELD, 'host'], 3) if a != b for port in some(PORTS, 3)}
    ingress = {(word, box, *port) for box, port in (('web', ('tcp', 8080)), ('web', ('udp', 5514)), ('app', ('tcp', 8081)),
                                                    ('front', ('tcp', 8082)))
               for word in some(('internet', 'lan', 'lan:mgmt0', 'people'), 2)}
    egress = {(box, prefix, *port) for box in some(HELD, 4) for prefix in some(PREFIXES, 2) for port in some(PORTS, 3)}
    host = {(who, *port) for port in some(PORTS, 3) for who in some([*HELD, 'internet', 'lan', 'people'], 4)}
    return Policy(allow, ingress, egress, host)


def write(policy):
    """The same as bulkhead.yaml."""
    place = lambda who: '%s/%s' % (OF[who], who) if who in OF else '"%s"' % who
    lines = ['bulkhead: 1', 'mode: enforce', 'trust: {people: ["%s", "%s"]}' % tuple(TRUST['people']), 'host:']
    for proto, port in PORTS:
        users = sorted(who for who, *of in policy.host if of == [proto, port])
        lines.append('  s%d%s: {port: %d/%s, from: [%s]}' % (port, proto, port, proto, ', '.join(map(place, users))))
    lines.append('tenants:')
    for tenant, boxes in TENANTS.items():
        lines += ['  %s:' % tenant, '    containers: [%s]' % ', '.join(boxes), '    services:']
        lines += ['      %s: {container: %s}' % (box, box) for box in boxes]
        lines.append('    allow:')
        lines += ['      - {from: %s, to: %s, port: %d/%s}' % (place(a), b, port, proto)
                  for a, b, proto, port in sorted(policy.allow) if OF[b] == tenant]
        lines.append('    ingress:')
        lines += ['      - {from: "%s", to: %s, publish: %d/%s}' % (word, b, port, proto)
                  for word, b, proto, port in sorted(policy.ingress) if OF[b] == tenant]
        lines.append('    egress:')
        lines += ['      - {from: %s, to: "%s", port: %d/%s}' % (a, prefix, port, proto)
                  for a, prefix, proto, port in sorted(policy.egress) if OF[a] == tenant]
    return '\n'.join(lines) + '\n'


class Meaning:
    """Whether a policy permits a connection; None: it has nothing to say of it."""

    def __init__(self, built):
        self.whose = {a: name for name in ('host', *built.pids) for a in truth.addresses(built.path(name))
                      if not ipaddress.ip_address(a).is_loopback}
        self.nets = {box.name: set(box.nets.split()) for box in LAB.boxes}
        self.published = {}
        for box in LAB.boxes:
            for text in box.publish.split():
                _, first, _, _, proto = next(iter(published(text)))
                self.published[proto, first] = (box.name, int(text.rpartition(':')[2].partition('/')[0]))

    def of(self, policy, q):
        where = self.whose.get(q.address)
        if q.vantage not in (*HELD, 'host', 'stray', *OUTSIDE) or ipaddress.ip_address(q.address).is_loopback:
            return None
        if q.vantage == where == 'host':  # to a published port at an address of its own: not held yet (docs/policy.md)
            return False if self.published.get((q.proto, q.port), (None, 0))[0] in HELD else None
        if q.vantage == where:
            return None
        if where == 'host':
            return self.to_host(policy, q)
        if where in HELD:
            return self.to_box(policy, q.vantage, where, q.proto, q.port)
        return self.out(policy, q) if q.vantage in HELD else None

    def to_box(self, policy, a, b, proto, port):
        if (a, b, proto, port) in policy.allow:
            return True
        # The engine's proxy runs as root on the host, as the prober does.
        return a == 'host' and any(to == b and self.published[p, n] == (b, port) and p == proto
                                   for _, to, p, n in policy.ingress)

    def to_host(self, policy, q):
        box, port = self.published.get((q.proto, q.port), (None, 0))
        if q.vantage in OUTSIDE:
            if box in HELD:
                return any((word, box, q.proto, q.port) in policy.ingress for word in OUTSIDE[q.vantage])
            if box:
                return None
            return any((word, q.proto, q.port) in policy.host for word in OUTSIDE[q.vantage])
        if q.vantage == 'stray':
            return False if box in HELD else None
        if box in HELD and not self.nets[q.vantage] & self.nets[box]:  # translated, and forwarded
            return self.to_box(policy, q.vantage, box, q.proto, port)
        if box and box not in HELD:  # translated on its way to a container of nobody's
            return False
        return (q.vantage, q.proto, q.port) in policy.host

    def out(self, policy, q):
        target = ipaddress.ip_address(q.address)
        return any(a == q.vantage and (proto, port) == (q.proto, q.port) and target in ipaddress.ip_network(prefix)
                   for a, prefix, proto, port in policy.egress)


def load(bulkhead, built, text):
    path = built.dir + '/bulkhead.yaml'
    with open(path, 'w') as file:
        file.write(text)
    env = dict(os.environ, DOCKER_HOST=built.engine.host, CONTAINER_HOST='')
    with inside(built.path('host')):
        done = subprocess.run([bulkhead, 'compile', '--config', path], env=env, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise LabError('compile ends %d: %s\n%s' % (done.returncode, done.stderr, text))
        run('nft', '-f', '-', text=done.stdout)
    built.settle()


def unload(built):
    with inside(built.path('host')):
        for family in ('inet', 'bridge', 'arp'):
            run('nft', 'delete', 'table', family, 'bulkhead', check=False)
    built.settle()


def judge(seed, before, after, meaning, policy):
    wrong, counts = [], collections.Counter()
    for q, was in before.items():
        permitted = meaning.of(policy, q)
        expected = was.open and permitted is not False
        counts['said' if permitted is not None else 'free', expected] += 1
        if after[q].open != expected:
            wrong.append('policy %d: %s %s %d from %s is %s, was %s, the policy says %s' % (
                seed, q.address, q.proto, q.port, q.vantage, 'open' if after[q].open else 'closed',
                'open' if was.open else 'closed', permitted))
    return wrong, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    parser.add_argument('--seed', type=int, default=1, help='the first policy')
    parser.add_argument('--count', type=int, default=4, help='policies')
    parser.add_argument('--show', type=int, default=10)
    parser.add_argument('--keep', action='store_true', help='wait for the end of input before the lab is removed')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix='bkpol-')
    options.bulkhead = os.path.abspath(options.bulkhead)
    labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    built = Built(LAB, directory, labd, engine.make_image(directory, labd))
    wrong, total = [], collections.Counter()
    try:
        built.build()
        built.settle()
        asked = truth.questions(built)
        prober, meaning = truth.Prober(built), Meaning(built)
        before = prober.measure(asked)
        for seed in range(options.seed, options.seed + options.count):
            policy = draw(seed)
            load(options.bulkhead, built, write(policy))
            found, counts = judge(seed, before, prober.measure(asked), meaning, policy)
            wrong += found
            total += counts
            unload(built)
            print('policy %d: %d permitted and open, %d closed by it or by others, %d others; %d wrong' % (
                seed, counts['said', True], counts['said', False], counts['free', True] + counts['free', False], len(found)),
                flush=True)
        if options.keep:
            sys.stdin.read()
    finally:
        built.close()
        shutil.rmtree(directory, ignore_errors=True)
    for line in wrong[:options.show]:
        print('  ' + line)
    thin = total['said', True] < 20 * options.count or total['said', False] < 200 * options.count
    print('%d policies, %d differences%s' % (options.count, len(wrong), ', and the truth is too thin' if thin else ''))
    return 1 if wrong or thin else 0


if __name__ == '__main__':
    sys.exit(main())
