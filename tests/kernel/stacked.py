#!/usr/bin/env python3
"""Judges `bulkhead query` (and reach, by reach_query) on devices that stand on others, by real connections.

    host: up0 10.9.0.1 -- sw: p0 --+ br (no rules, no netfilter) +-- lan 10.9.0.9
          up1 10.9.0.5 -- sw: p1 --+
          br9 10.9.9.1 -- g9 10.9.9.2 (a guest by veth)

    macvlans on up0: b1, b2 (bridge), p1, p2 (private), v1, v2 (vepa); on up1: t1 (passthru); on br9: c9 (bridge)

and the same in IPv6. In each case something changes: the switch sends back to where a frame came from (hairpin), or
rules stand at the device below, at the host's hooks, or in a child. Everybody asks everybody else; ends 1 on any
contradiction, when more than one answer in 200 is an unknown that its case does not name (what a machine remembers of
its neighbours moves while it is read; each is told), and when the truth is too thin to judge by.
"""

import argparse
import collections
import contextlib
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from spaces import LabError, Spaces, forget, inside, quicken, run, stale, sysctl
from truth import _answer

LISTEN = 'tcp,::,80 tcp,::,81 udp,::,514'
ASKED = (('tcp', 80), ('tcp', 81), ('tcp', 9), ('udp', 514), ('udp', 9))
PLACES = {  # namespace: its last number, on which device of the host, its mode
    'b1': (11, 'up0', 'bridge'), 'b2': (12, 'up0', 'bridge'), 'p1': (13, 'up0', 'private'), 'p2': (14, 'up0', 'private'),
    'v1': (15, 'up0', 'vepa'), 'v2': (16, 'up0', 'vepa'), 't1': (17, 'up1', 'passthru'),
}
Case = collections.namedtuple('Case', 'name why do unknown')
Question = collections.namedtuple('Question', 'vantage proto address port')


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


class Network:
    def __init__(self, labd, directory):
        self.labd, self.dir = labd, directory
        self.spaces = Spaces('stacked')
        self.listeners = []
        self.addresses = {}

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
        self._address('host', 'up0', '10.9.0.1', 'fd09::1')
        self._address('host', 'up1', '10.8.0.5', 'fd08::5')
        self._address('host', 'br9', '10.9.9.1', 'fd09:9::1')
        self._address('lan', 'eth0', '10.9.0.9', 'fd09::9')
        self._address('g9', 'eth0', '10.9.9.2', 'fd09:9::2')
        self._address('c9', 'eth0', '10.9.9.3', 'fd09:9::3')
        for name, (number, _, _) in PLACES.items():
            self._address(name, 'eth0', '10.9.0.%d' % number, 'fd09::%d' % number)
        for name in self.addresses:
            quicken(spaces.path(name))
            log = '%s/%s.log' % (self.dir, name)
            self.listeners.append(subprocess.Popen([self.labd, 'listen', '--netns', spaces.path(name), '--log', log,
                                                    *LISTEN.split()], stdin=subprocess.DEVNULL))
        until = time.monotonic() + 20
        while not all(os.path.exists('%s/%s.log' % (self.dir, n)) for n in self.addresses):
            if time.monotonic() > until:
                raise LabError('listeners did not start')
            time.sleep(0.02)

    def _address(self, name, device, v4, v6):
        self.spaces.ip(name, ['addr add %s/24 dev %s' % (v4, device), 'addr add %s/64 dev %s nodad' % (v6, device)])
        self.addresses.setdefault(name, []).extend((v4, v6))

    def close(self):
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.kill()
            listener.wait()
        self.spaces.delete()

    @contextlib.contextmanager
    def case(self, case):
        for name, what in case.do:
            self._do(name, what)
        for name in self.addresses:
            forget(self.spaces.path(name))
        try:
            yield
        finally:
            with contextlib.suppress(LabError):
                self._undo(case)

    def _do(self, name, what):
        with inside(self.spaces.path(name)):
            if isinstance(what, str):
                run(*what.split())
            elif what[0] == 'nft':
                run('nft', '-f', '-', text=what[1])
        if what[0] == 'sysctl':
            sysctl(self.spaces.path(name), what[1])

    def _undo(self, case):
        for name, _ in case.do:
            with inside(self.spaces.path(name)):
                run('nft', 'flush', 'ruleset')
        with inside(self.spaces.path('sw')):
            run('bridge', 'link', 'set', 'dev', 'p0', 'hairpin', 'off')
        with inside(self.spaces.path('b2')):
            run('ip', 'link', 'set', 'eth0', 'up')
            run('ip', 'addr', 'replace', 'fd09::12/64', 'dev', 'eth0', 'nodad')
        sysctl(self.spaces.path('host'), {'net.bridge.bridge-nf-call-iptables': 0, 'net.bridge.bridge-nf-call-ip6tables': 0})

    def questions(self):
        """All of those on one's own networks; of the others one port, for they get no route."""
        asked = []
        for name, own in self.addresses.items():
            networks = [ipaddress.ip_network('%s/%d' % (a, 64 if ':' in a else 24), strict=False) for a in own]
            for other, all_of in self.addresses.items():
                for address in all_of if other != name else ():
                    near = any(ipaddress.ip_address(address) in n for n in networks)
                    asked += [Question(name, proto, address, port) for proto, port in (ASKED if near else ASKED[:1])]
        return asked

    def measure(self, asked, tag):
        names = list(self.addresses)
        lines = ['%d %s %s %d %sq%d' % (names.index(q.vantage), q.proto, q.address, q.port, tag, i) for i, q in enumerate(asked)]
        done = subprocess.run([self.labd, 'probe', '400', '1300', '2', '6000', '0', *(self.spaces.path(n) for n in names)],
                              input='\n'.join(lines) + '\n', stdout=subprocess.PIPE, text=True, timeout=120, check=True)
        received = set()
        for name in names:
            with open('%s/%s.log' % (self.dir, name)) as log:
                received.update(log.read().split())
        return [_answer(line, '%sq%d' % (tag, i) in received) for i, line in enumerate(done.stdout.splitlines())]

    def ask(self, binary, asked):
        lines = [json.dumps({'id': i, 'from': 'netns:' + self.spaces.path(q.vantage) if q.vantage != 'host' else 'host',
                             'to': q.address, 'port': q.port, 'proto': q.proto}) for i, q in enumerate(asked)]
        file = self.dir + '/questions'
        with open(file, 'w') as out:
            out.write('\n'.join(lines) + '\n')
        done = subprocess.run(['nsenter', '--net=' + self.spaces.path('host'), binary, 'query', file], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if [a.get('id') for a in answers] != list(range(len(asked))):
            raise LabError('%s: %d answers to %d questions; exit %d: %s' % (binary, len(answers), len(asked), done.returncode,
                                                                         done.stderr.strip()[:600]))
        return answers


def judge(case, who, asked, truth, said, count):
    wrong = 0
    for q, real, got in zip(asked, truth, said):
        verdict = got['verdict']
        if verdict == 'unknown':
            count['unknown'] += 1
            named = case.unknown is not None and case.unknown in str(got.get('reason'))
            kind = None if named else 'UNKNOWN'
        else:
            kind = 'CONTRADICTION' if (verdict == 'open') != real.open else None if got.get('how') in real.hows else 'HOW'
        count['unnamed'] += kind == 'UNKNOWN'
        if kind:
            wrong += kind != 'UNKNOWN'
            count['told'] += 1
            if count['told'] <= 24:
                print('%s %s, %s: %s %s %d from %s: kernel %s (%s); said %s %s: %s' % (
                    kind, case.name, who, q.address, q.proto, q.port, q.vantage, real.hows[0], real.detail, verdict,
                    got.get('how'), got.get('reason')), flush=True)
    return wrong


def judged(options, network):
    count = collections.Counter()
    wrong = 0
    every = network.questions()
    last = None
    for i, case in enumerate(c for c in CASES if not options.cases or c.name in options.cases):
        # A private macvlan is answered by the host only if the host had asked it before, by a frame that came back.
        asked = [q for q in every if not (q.vantage in ('p1', 'p2') and q.address in network.addresses['host'])]
        with network.case(case):
            said = {p: network.ask(p, asked) for p in options.programs}
            truth = network.measure(asked, 'c%d' % i)
        states = [a.hows[0] for a in truth]
        count.update(states)
        changed = sum(a != b for a, b in zip(states, last)) if last else len(states)
        last = states if case.name == 'plain' else last
        print('%-10s %d asked, %d open, %d not as without: %s' % (case.name, len(asked), states.count('accepted'), changed, case.why), flush=True)
        if not changed:
            print('  the case changes nothing')
            wrong += case.name != 'tracked' and case.name != 'input'
        for program, answers in said.items():
            wrong += judge(case, os.path.basename(program), asked, truth, answers, count)
    total = sum(count[h] for h in ('accepted', 'refused', 'unreachable', 'dropped'))
    print(dict(count))
    if count['unnamed'] * 200 > total * len(options.programs):
        print('too much is not known')
        wrong += 1
    if count['accepted'] < 0.2 * total or min(count[h] for h in ('accepted', 'refused', 'unreachable', 'dropped')) < 5:
        print('too little to judge by')
        wrong += 1
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--bulkhead', required=True, dest='programs', action='append', help='a program to judge; may be given again')
    parser.add_argument('--labd', required=True)
    parser.add_argument('cases', nargs='*')
    options = parser.parse_args()
    if os.geteuid():
        sys.exit('kernel labs need root')
    options.programs = [os.path.abspath(p) for p in options.programs]
    stale()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix='bk%d-' % os.getpid())
    network = Network(os.path.abspath(options.labd), directory)
    try:
        network.build()
        return 1 if judged(options, network) else 0
    finally:
        network.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
