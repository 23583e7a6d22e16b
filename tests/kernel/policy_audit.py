#!/usr/bin/env python3
"""Judges mode audit on real Docker hosts: random whitelists (policy_scene.py) whose tenants are counted instead of closed.

All in mode audit: every connection must be answered as without any rules of ours; each that is open and that the policy does not
permit must have been counted, between whom and at which port, and none that it permits. Some in mode enforce and the rest in mode
audit: every connection must be answered exactly as when the rest is `off`, so counting widens nothing that is closed and closes
nothing. It ends 1 on any difference and when the truth is too thin to judge by.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import sys
import tempfile

import policy as judge
import run as suite
import spaces
import truth
from spaces import LabError, inside, run

KINDS = ('c2c', 'egr', 'ing', 'src', 'hst', 'hout')
MOST_ASKED = 1000  # of what is not permitted, for a policy


def counted(host):
    """{(source, destination, protocol, port): packets}, and packets for which there was no room."""
    with inside(host.built.path('host')):
        table = json.loads(run('nft', '-j', 'list', 'table', 'inet', 'bulkhead_audit'))
    found, missed = {}, 0
    for one in (entry[next(iter(entry))] | {'is': next(iter(entry))} for entry in table['nftables']):
        if one['is'] == 'set' and one['name'].startswith('seen_'):
            for element in one.get('elem', []):
                source, target, proto, port = element['elem']['val']['concat']
                found[source, target, proto, int(port)] = element['elem']['counter']['packets']
        if one['is'] == 'rule' and one['chain'].startswith('count_') and 'counter' in one['expr'][0]:
            missed += one['expr'][0]['counter']['packets']
    return found, missed


class Case:
    def __init__(self, host, seed):
        self.host, self.seed = host, seed
        self.policy = host.scene.draw(seed)
        self.wrong, self.counts = [], collections.Counter()

    def load(self, file, modes):
        text = self.host.scene.write(self.policy, file, modes)
        self.host.load_text(text)
        return text

    def chosen(self):
        pick = random.Random('audit %d' % self.seed)
        kinds = collections.defaultdict(list)
        for q, was in self.host.before.items():
            kinds[was, self.host.meaning.of(self.policy, q)].append(q)
        some = lambda kind, most: pick.sample(kinds[kind], min(most, len(kinds[kind])))
        return kinds[True, True] + some((True, False), MOST_ASKED) + some((True, None), 200) + some((False, False), 100)

    def answers(self, asked, expected, what):
        """Asks; what is answered otherwise than |expected| is asked again with more patience, then both are."""
        got = self.host.prober.opens(asked)
        differ = [q for q in asked if got[q] != expected[q]]
        for patience in (3, 5):
            if differ:
                got.update(self.host.prober.opens(differ, patience))
                differ = [q for q in differ if got[q] != expected[q]]
        self.wrong += ['%s: %s %s %d from %s is %s' % (what, q.address, q.proto, q.port, q.vantage, 'open' if got[q] else 'closed')
                       for q in differ]
        return got

    def ways(self, q):
        """What a packet of |q| may have been counted as: its target before and after translation."""
        own = self.host.own
        sources = [a for a in own.get(q.vantage, ()) if (':' in a) == (':' in q.address)]
        targets = {(q.address, q.port)}
        box, inner = self.host.scene.published.get((q.proto, q.port), (None, 0))
        if box and self.host.meaning.whose.get(q.address) == 'host':
            targets |= {(a, inner) for a in own[box] if (':' in a) == (':' in q.address)}
        return {(s, t, q.proto, p) for s in sources for t, p in targets}

    def all_counted(self, asked):
        """All in mode audit."""
        self.load('audit', {})
        self.host.own = {name: truth.addresses(self.host.built.path(name)) for name in ('host', *self.host.built.pids, *judge.SPACES)}
        got = self.answers(asked, self.host.before, 'counted, and not let through as before')
        found, missed = counted(self.host)
        denied = [q for q in asked if got[q] and self.host.meaning.of(self.policy, q) is False]
        permitted = [q for q in asked if self.host.meaning.of(self.policy, q) is True]
        of_denied = set().union(*(self.ways(q) for q in asked if self.host.meaning.of(self.policy, q) is not True), set())
        self.wrong += ['not counted: %s %s %d from %s' % (q.address, q.proto, q.port, q.vantage)
                       for q in denied if not self.ways(q) & found.keys()]
        self.wrong += ['counted though permitted: %s %s %d from %s' % (q.address, q.proto, q.port, q.vantage)
                       for q in permitted if (self.ways(q) & found.keys()) - of_denied]
        if missed:
            self.wrong.append('no room for %d packets' % missed)
        self.counts['counted'] += len(denied)
        self.counts['permitted'] += len(permitted)

    def some_enforced(self, asked):
        """Some tenants in mode enforce; the rest off, then in mode audit."""
        pick = random.Random('modes %d' % self.seed)
        tenants = sorted(self.host.scene.tenants)
        enforced = set(pick.sample(tenants, pick.randint(1, max(1, len(tenants) - 1))))
        for file in ('off', 'enforce') if len(tenants) == 1 else (pick.choice(('off', 'enforce')),):
            self.load(file, {t: 'enforce' if t in enforced else 'off' for t in tenants})
            expected = self.host.prober.opens(asked)
            text = self.load('audit' if file == 'off' else file, {t: 'enforce' if t in enforced else 'audit' for t in tenants})
            got = self.answers(asked, expected, 'with %s enforced' % ', '.join(sorted(enforced)))
            self.counts['closed beside'] += sum(self.host.before[q] and not got[q] for q in asked)
            if 'mode: audit' not in text:
                raise LabError('nothing is in mode audit')

    def judge(self):
        asked = self.chosen()
        self.all_counted(asked)
        self.some_enforced(asked)
        return self.wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--policies', type=int, default=4)
    parser.add_argument('--each', type=int, default=2, help='policies on one host')
    parser.add_argument('--host', type=int, default=0)
    parser.add_argument('--show', type=int, default=15)
    options = parser.parse_args()
    options.plain = True
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    spaces.stale()
    directory = tempfile.mkdtemp(prefix='bkaud-')
    options.bulkhead = os.path.abspath(options.bulkhead)
    options.labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    differences, total = 0, collections.Counter()
    try:
        for at in range(0, options.policies, options.each):
            host = judge.Host(options.host + at // options.each, options, directory)
            try:
                host.build_plain()
                for seed in range(options.seed + at, options.seed + min(at + options.each, options.policies)):
                    case = Case(host, seed)
                    wrong = case.judge()
                    total.update(case.counts)
                    differences += len(wrong)
                    print('host %d, policy %d: %s; %d wrong' % (host.number, seed, dict(case.counts), len(wrong)), flush=True)
                    for line in wrong[:options.show]:
                        print('  ' + line)
                    if wrong:
                        print(host.scene.write(case.policy))
                    host.unload()
            finally:
                host.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    thin = total['counted'] < 50 * options.policies or total['permitted'] < 5 * options.policies or total['closed beside'] < 20 * options.policies
    print('%d policies, %d differences; %s%s' % (options.policies, differences, dict(total), '; the truth is too thin' if thin else ''))
    return 1 if differences or thin else 0


if __name__ == '__main__':
    sys.exit(main())
