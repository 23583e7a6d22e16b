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
import json
import os
import signal
import subprocess
import sys
import time

import forged_cases
import spaces
from forged_attack import Target, attackers
from forged_net import HOST, PLACES, Network, everyone_but

LEAST = 0.20  # of the truth must be open, and closed
MOST_PACKETS = 280_000
REPLAYS = 3
ASKED = [  # protocol, whose address, port
    ('tcp', 'g2', 80), ('tcp', 'g2', 5432), ('tcp', 'g3', 80), ('tcp', 'h1', 80),
    ('tcp', 'br0', 22), ('tcp', 'br1', 22), ('tcp', 'up0', 22), ('tcp', 'up0', 8080), ('tcp', 'lan1', 80),
    ('udp', 'g2', 80), ('udp', 'g2', 5432), ('udp', 'g3', 80), ('udp', 'h1', 80),
    ('udp', 'br0', 22), ('udp', 'up0', 22), ('udp', 'lan1', 80),
]


def targets(attackers):
    found = []
    for attacker in attackers:
        for protocol, whose, port in ASKED:
            if whose != attacker:
                addresses = HOST[whose] if whose in HOST else PLACES[whose][0]
                found += [Target(attacker, protocol, a, port) for a in addresses]
    return found


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
    """Sends the program's own witnesses for what it calls open and nothing else reached, with tags in every name."""
    attacker.thorough = True
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
    names = forged_cases.names(network)
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
                        help='also broadcast frames, of which the program does not speak')
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
