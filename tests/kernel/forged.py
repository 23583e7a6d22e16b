#!/usr/bin/env python3
"""Judges `as: attacker` of `bulkhead query` by real forged packets.

    host: br0 10.9.0.1 -- g1 (attacker) .11, g2 .12, g3 .13
          br1 10.9.1.1 -- h1 .11, and g4 (attacker in one case) .14, who is 10.9.0.14 on br0 as well
          up0 192.0.2.1 -- lan1 (attacker) .9

and the same in IPv6. The host's rules are changed case by case (forged_cases.py). In each, both attackers try every
source, source MAC, destination MAC and source port of a list against every target, lying about who they are; a target
is open when its answer (TCP) comes back to the attacker or its socket got the datagram (UDP). Where the program says
open and none of these got in, the program's own witness is sent before it counts as wrong.

Ends 1 on any contradiction and when less than a fifth of the truth is open, or closed.
"""

import argparse
import collections
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import forged_cases
import frames
import spaces
from forger import Forger, Neighbour
from spaces import Spaces, forget, inside, quicken, run, sysctl

LEAST = 0.20  # of the truth must be open, and closed
MOST_PACKETS = 200000
GROUP, SETTLE, COLLECT = 0.012, 0.04, 0.12  # seconds
REPLAYS = 3
PORTS_OF_NOTE = (53, 0)
STRANGER = '02:de:ad:be:ef:01'
FREE = ('10.9.0.77', 'fd09::77')
FAR = ('198.51.100.7', '2001:db8:51::7', 'fe80::77')
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
ASKED = [  # protocol, whose address, port
    ('tcp', 'g2', 80), ('tcp', 'g2', 5432), ('tcp', 'g2', 81), ('tcp', 'g3', 80), ('tcp', 'h1', 80),
    ('tcp', 'br0', 22), ('tcp', 'br1', 22), ('tcp', 'up0', 22), ('tcp', 'up0', 8080), ('tcp', 'lan1', 80),
    ('udp', 'g2', 80), ('udp', 'g2', 5432), ('udp', 'g3', 80), ('udp', 'h1', 80),
    ('udp', 'br0', 22), ('udp', 'up0', 22), ('udp', 'lan1', 80),
]

Target = collections.namedtuple('Target', 'attacker protocol address port')
Attempt = collections.namedtuple('Attempt', 'target source source_port sender receiver')
Sender = collections.namedtuple('Sender', 'mac stolen', defaults=(None,))  # |stolen|: whose MAC it used just before
Receiver = collections.namedtuple('Receiver', 'mac leg tagged', defaults=(0, False))


def everyone_but(*addresses):
    return [a for pair in [*HOST.values(), *(p[0] for p in PLACES.values())] for a in pair if a not in addresses]


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
        self.spaces.ip('g4', ['addr add %s/24 dev eth1' % SECOND_LEG[0], 'addr add %s/64 dev eth1 nodad' % SECOND_LEG[1]])
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


class Attacker:
    """What one attacker varies, and its attempts at the targets of one case."""

    def __init__(self, network, name, legs, sources, macs, neighbours):
        addresses, _, self.gateways = PLACES[name]
        self.wire = [a for a in everyone_but(*addresses) if near(a, self.gateways)]
        self.network, self.name, self.sources, self.neighbours = network, name, sources, neighbours
        self.senders, self.receivers = macs  # Senders, first itself, and Receivers
        self.forger = Forger(network.path(name), legs, addresses[1])
        self.number = 1
        self.begin([])

    def begin(self, targets):
        self.open = set(targets)  # not reached yet
        self.reached = {}  # Target -> Attempt
        self.attempts = {}  # number -> Attempt

    def phase(self, sources, claims=(), ports=PORTS_OF_NOTE):
        """Everything with these sources at once, from new ports and from |ports|, lying about the sources and |claims|.

        TCP in two rounds: in the second, what was said in the first is believed.
        """
        self.network.forget()
        self.network.received()
        self.forger.forget()
        self.forger.claims.update(sources, claims, *(self._gateway(s) for s in sources))
        same = {}  # one tuple keeps its number: what is asked again answers again
        for round_ in range(2):
            self._ask_as()
            for sender in self.senders:
                for one in self.neighbours:
                    one.hello()
                if sender.stolen:
                    self.forger.send(frames.hello(sender.stolen))
                for target in sorted(self.open):
                    for source in sources if target.protocol == 'tcp' or not round_ else ():
                        self._try(target, source, sender, ports if sender == self.senders[0] else (), same)
                self.forger.listen(GROUP)
            self.forger.listen(COLLECT if round_ else SETTLE)
        self._note()

    def _ask_as(self):
        """Tells the others on its wire the lies before they ask, by asking in the names that it claims."""
        for claimed in sorted(self.forger.claims):
            for address in self.wire:
                if near(claimed, self.gateways) and claimed != address and (':' in claimed) == (':' in address):
                    self.forger.send(frames.question(self.forger.macs[0], claimed, address))

    def _gateway(self, source):
        """To whom the neighbours send an answer to |source|, when it is not on their own wire."""
        return () if near(source, self.gateways) else (self.gateways[':' in source],)

    def _try(self, target, source, sender, ports, same):
        if source == target.address or (':' in source) != (':' in target.address):
            return
        for to in self.receivers:
            self.number += 1
            self._send(Attempt(target, source, 20000 + self.number % 40000, sender, to), self.number)
            for port in ports:
                if (target, source, port) not in same:
                    self.number += 1
                    same[target, source, port] = self.number
                self._send(Attempt(target, source, port, sender, to), same[target, source, port])

    def _send(self, attempt, number):
        target, source, port, sender, to = attempt
        self.attempts.setdefault(number, attempt)
        way = (sender.mac, to.mac), source, target.address, (port, target.port)
        frame = frames.syn(*way, number) if target.protocol == 'tcp' else frames.datagram(*way, b'%d' % number)
        self.forger.send(frames.tagged(frame) if to.tagged else frame, to.leg)

    def _note(self):
        tcp = [(number, str(answer)) for number, answer in self.forger.heard.items()]
        udp = [(int(text), 'received') for text in self.network.received() if text.isdigit()]
        for protocol, found in (('tcp', tcp), ('udp', udp)):
            for number, how in found:
                attempt = self.attempts.get(number)
                if attempt and attempt.target.protocol == protocol:
                    self.reached.setdefault(attempt.target, (attempt, how))
                    self.open.discard(attempt.target)

    def attack(self, case):
        for sources in self.sources + [(case.source, case.source6)] * bool(case.source):
            if self.open:
                self.phase(sources, case.claims if case.source in sources else ())


def near(address, gateways):
    """On the wire of these gateways: their first three numbers, or /64."""
    v4, v6 = gateways
    if ':' in address:
        return address.startswith(('fe80:', v6[:-1]))
    return address.rpartition('.')[0] == v4.rpartition('.')[0]


def targets(attackers):
    found = []
    for attacker in attackers:
        for protocol, whose, port in ASKED:
            if whose != attacker:
                addresses = HOST[whose] if whose in HOST else PLACES[whose][0]
                found += [Target(attacker, protocol, a, port) for a in addresses]
    return found


def attackers(network, wide):
    """name -> Attacker."""
    mac = {name: network.mac(name, PLACES[name][1]) for name in PLACES}
    on_host = {device: network.mac('host', device) for device in HOST}
    second = network.mac('g4', 'eth1')
    guests = [Neighbour(network.path(n), 'eth0', mac[n]) for n in ('g2', 'g3')]
    own, two, three, four, h1, lan1 = (PLACES[n][0] for n in ('g1', 'g2', 'g3', 'g4', 'h1', 'lan1'))

    def guest(name, legs, sources, more):
        senders = [Sender(mac[name]), Sender(mac[name], mac['g3']), Sender(mac['g3']), Sender(STRANGER), Sender(mac['g2'])]
        near_by = receivers(wide, 0, on_host['br0'], mac['g2'], mac['g3'])
        return Attacker(network, name, legs, sources, (senders, near_by + more), guests)

    # Each of whom it may hear the neighbours ask for is claimed alone: nobody finds the way there meanwhile.
    elsewhere = HOST['br0'] + lan1 + FREE + FAR
    return {
        'g1': guest('g1', [('eth0', mac['g1'])], [own, elsewhere + h1, two, three], []),
        'g4': guest('g4', [('eth0', mac['g4']), ('eth1', second)], [four, elsewhere, two, three, h1],
                    receivers(wide, 1, on_host['br1'], mac['h1'])),
        # Whatever lan1 says on its wire misleads the host only, about that wire: all at once.
        'lan1': Attacker(network, 'lan1', [('up0', mac['lan1'])],
                         [elsewhere + own + two + three + h1 + ('192.0.2.77', 'fd0a::77')],
                         ([Sender(mac['lan1']), Sender(STRANGER)], receivers(wide, 0, on_host['up0'])), []),
    }


def receivers(wide, leg, *macs):
    """|wide|: also what `as: attacker` does not speak of."""
    beyond = [Receiver(frames.BROADCAST, leg), *(Receiver(mac, leg, True) for mac in macs)] if wide else []
    return [Receiver(mac, leg) for mac in macs] + beyond


def ask(binary, network, asked):
    """Target -> the program's answer."""
    lines = [json.dumps({'id': i, 'from': 'netns:' + network.path(t.attacker), 'to': t.address, 'port': t.port,
                         'proto': t.protocol, 'as': 'attacker', 'explain': True}) for i, t in enumerate(asked)]
    command = ['nsenter', '--net=' + network.path('host'), binary, 'query', '-']
    done = subprocess.run(command, input='\n'.join(lines) + '\n',
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [a.get('id') for a in answers] != list(range(len(asked))):
        raise spaces.LabError('%d answers to %d questions; exit %d: %s' % (len(answers), len(asked), done.returncode,
                                                                        done.stderr.strip()[:600]))
    return dict(zip(asked, answers))


def replay(attacker, said):
    """Sends the program's own witnesses for what it calls open and nothing else reached."""
    for _ in range(REPLAYS):
        for target in sorted(attacker.open):
            answer = said[target]
            if answer['verdict'] != 'open' or target not in attacker.open:
                continue
            witness = answer['witness']
            waiting, attacker.open = attacker.open, {target}
            attacker.phase((witness['source'],), everyone_but(target.address), (witness['source_port'],))
            attacker.open |= waiting - {target}
            if target in attacker.reached:
                print('  only by the witness: %s %s' % (' '.join(map(str, target)), _attempt(attacker.reached[target])))


class Score:
    def __init__(self):
        self.counts = collections.Counter()
        self.reasons = collections.Counter()
        self.cases = []

    def add(self, case, all_attackers, said):
        count = collections.Counter()
        for attacker in all_attackers:
            for target in attacker.targets:
                count.update(self._judge(case, attacker, target, said.get(target)))
        self.counts += count
        self.cases.append('%s %d/%d' % (case.name, count['open'], count['asked']))
        return count

    def _judge(self, case, attacker, target, answer):
        truth = 'open' if target in attacker.reached else 'closed'
        kinds = ['asked', truth]
        if answer is None:
            return kinds
        verdict = answer['verdict']
        if verdict == 'unknown':
            self.reasons[str(answer.get('reason'))[:120]] += 1
            return kinds + ['unknown']
        if verdict == truth:
            return kinds
        print('CONTRADICTION %s: %s: kernel %s %s; bulkhead %s: %s' % (
            case.name, ' '.join(map(str, target)), truth, _attempt(attacker.reached.get(target)), verdict,
            answer.get('reason') or answer.get('witness')), flush=True)
        return kinds + ['contradictions']

    def faults(self):
        asked = self.counts['asked']
        thin = ['only %d of %d %s' % (self.counts[k], asked, k) for k in ('open', 'closed')
                if self.counts[k] < LEAST * asked]
        return thin + ['%d contradictions' % self.counts['contradictions']] * bool(self.counts['contradictions'])


def _attempt(reached):
    if not reached:
        return ''
    (_, source, port, sender, to), how = reached
    return '(from %s port %d, MAC %s to %s%s%s: %s)' % (
        source, port, sender.mac, to.mac, ' of VLAN 0' * to.tagged,
        ', after a frame from MAC %s' % sender.stolen if sender.stolen else '', how)


def try_case(case, present, network, options):
    """The program's answers; what was reached stays in the attackers."""
    network.forget()
    asked = targets(case.attackers)
    said = ask(options.bulkhead, network, asked) if options.bulkhead else {}
    for attacker in present:
        attacker.targets = [t for t in asked if t.attacker == attacker.name]
        attacker.begin(attacker.targets)
        attacker.attack(case)
        if said:
            replay(attacker, said)
    return said


def judge(network, options):
    score, started = Score(), time.monotonic()
    everyone = attackers(network, options.wide)
    names = forged_cases.names(network, HOST, PLACES)
    for case in forged_cases.CASES:
        if options.cases and case.name not in options.cases:
            continue
        begun = time.monotonic()
        forged_cases.enter(network, case, names)
        present = [everyone[name] for name in case.attackers]
        said = try_case(case, present, network, options)
        forged_cases.leave(network, case, names)
        count = score.add(case, present, said)
        kinds = ' '.join('%s %d' % (k, count[k]) for k in ('open', 'closed', 'unknown', 'contradictions'))
        print('%-16s %s, %.1f s' % (case.name, kinds, time.monotonic() - begun), flush=True)
    return conclude(score, sum(a.forger.sent for a in everyone.values()), time.monotonic() - started, options)


def conclude(score, packets, seconds, options):
    faults = score.faults()
    if packets > MOST_PACKETS and not options.wide:
        faults.append('%d packets are too many' % packets)
    for reason, n in score.reasons.most_common(10):
        print('unknown %d times: %s' % (n, reason))
    counts = ['%s %d' % (k, score.counts[k]) for k in ('asked', 'open', 'closed', 'unknown', 'contradictions')]
    print('forged: %s, packets %d, %.0f s; open/asked: %s: %s' % (
        ', '.join(counts), packets, seconds, ', '.join(score.cases), '; '.join(faults) or 'all agree'))
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('cases', nargs='*', help='names; default all')
    parser.add_argument('--bulkhead', help='the program to judge; without it only the truth is found')
    parser.add_argument('--wide', action='store_true',
                        help='also frames of VLAN 0 and broadcast, which the program does not speak of')
    parser.add_argument('--list', action='store_true')
    options = parser.parse_args()
    if options.list:
        for case in forged_cases.CASES:
            print('%-16s %s' % (case.name, case.why))
        return 0
    unknown = set(options.cases) - {c.name for c in forged_cases.CASES}
    if unknown:
        sys.exit('no such case: ' + ' '.join(sorted(unknown)))
    if os.geteuid():
        sys.exit('forged packets need root')
    spaces.stale()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    network = Network()
    try:
        network.build()
        return judge(network, options)
    finally:
        network.close()


if __name__ == '__main__':
    sys.exit(main())
