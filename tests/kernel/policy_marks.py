#!/usr/bin/env python3
"""Marks of another tool that are exactly ours, on a real Docker host with compiled rules.

The host's mangle table marks all that comes from the LAN with the bit by which our bridge table says that a source is proved. A packet
with an address of a held container as its source must not come from there nevertheless: neither to a service of the host that is open
to the Internet, nor to a container of nobody. What nobody marks, and what the policy says, must be as before; what is marked and goes
to a held container may be closed, never opened. It ends 1 when one of these is otherwise, or when nothing arrives without the rules.
"""

import argparse
import os
import shutil
import socket
import struct
import sys
import tempfile
import time

import policy as judge
import run as suite
import spaces
import truth
from policy_scene import Policy
from spaces import inside, run

PROVED = '0x00100000'
WAIT = 0.5
OPEN = Policy(set(), {('internet', 'web', 'udp', 5514)}, set(), {('internet', 'udp', 514), ('internet', 'tcp', 443)})


def checksum(data):
    total = sum(struct.unpack('!%dH' % ((len(data) + 1) // 2), data + b'\0' * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def datagram(source, target, port, payload):
    """As a raw socket takes it: IPv4 (whose checksum the kernel writes) and UDP without checksum."""
    udp = struct.pack('!HHHH', 4000, port, 8 + len(payload), 0) + payload
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target)) + udp


def forged(host, source, targets):
    """Those of |targets| at which a datagram from the LAN arrives that claims to be from |source|."""
    tokens = {target: 'mark%s%d' % (os.urandom(4).hex(), i) for i, target in enumerate(targets)}
    with inside(host.built.path('lan')), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for (address, port), token in tokens.items():
            raw.sendto(datagram(source, address, port, token.encode() + b'\n'), (address, 0))
    time.sleep(WAIT)
    seen = host.prober._received()
    return {target for target, token in tokens.items() if token in seen}


def mark(host, how):
    with inside(host.built.path('host')):
        run('iptables', '-t', 'mangle', how, 'PREROUTING', '-i', 'up0', '-j', 'MARK', '--set-mark', PROVED)
        run('ip6tables', '-t', 'mangle', how, 'PREROUTING', '-i', 'up0', '-j', 'MARK', '--set-mark', PROVED)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    options = parser.parse_args()
    options.plain = True
    spaces.stale()
    directory = tempfile.mkdtemp(prefix='bkmark-')
    options.bulkhead = os.path.abspath(options.bulkhead)
    options.labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    wrong = []
    host = judge.Host(0, options, directory)
    try:
        host.build_plain()
        own = {name: [a for a in truth.addresses(host.built.path(name)) if ':' not in a and not a.startswith('127.')]
               for name in ('host', 'db', 'stray', 'lan')}
        with inside(host.built.path('host')):  # a neighbour that routes to a network of nobody: Docker would drop it
            run('iptables', '-I', 'DOCKER-USER', '-d', own['stray'][0], '-j', 'ACCEPT')
        with inside(host.built.path('lan')):
            run('ip', 'route', 'replace', own['stray'][0], 'via', '192.168.50.10')
        targets = [('192.168.50.10', 514), (own['stray'][0], 514)]
        if forged(host, own['db'][0], targets) != set(targets):
            wrong.append('without rules not all that is forged arrives')
        asked = [q for q, was in host.before.items() if was and q.vantage == 'lan']
        host.load(OPEN)
        before = host.prober.opens(asked)
        if not any(before.values()):
            wrong.append('nothing is open from the LAN')
        for target in forged(host, own['db'][0], targets):
            wrong.append('%s is reached from an address of db' % (target,))
        mark(host, '-A')
        for target in forged(host, own['db'][0], targets):
            wrong.append('%s is reached from an address of db with a mark of another tool' % (target,))
        after = host.prober.opens(asked)
        wrong += ['%s %s %d is open with a mark of another tool' % (q.address, q.proto, q.port) for q in asked if after[q] and not before[q]]
        services = [q for q in asked if before[q] and host.meaning.whose.get(q.address) == 'host' and (q.proto, q.port) in (('udp', 514), ('tcp', 443))]
        wrong += ['%s %s %d is closed with a mark of another tool' % (q.address, q.proto, q.port) for q in services if not after[q]]
        if not services:
            wrong.append('no service of the host was asked')
        mark(host, '-D')
        if host.prober.opens(asked) != before:
            wrong.append('without the mark it is not as before')
    finally:
        host.close()
        shutil.rmtree(directory, ignore_errors=True)
    print('\n'.join(wrong) or 'a mark of another tool opens nothing')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
