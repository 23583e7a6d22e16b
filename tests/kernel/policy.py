#!/usr/bin/env python3
"""Judges `bulkhead compile` on real Docker hosts: random whitelists on random hosts are compiled, loaded with nft, and connections
are tried before and after. With a policy loaded a connection must be open exactly when it was open without it (the engine's rules let
it through) and the policy permits it, or has nothing to say of it. Then root in containers, and on the uplink's wire, forges: what is
not permitted must not be reached by a spoofed source, a foreign MAC address, a lie to ARP or neighbour discovery, a tag, or a frame of
another protocol (policy_attack.py).

The judge reads no bulkhead.yaml: it draws the same policy as lines of its own and knows what each means (policy_scene.py). A policy
that fails is made smaller while it fails, and printed. It ends 1 on any difference, when a policy is refused, and when the truth is
too thin to judge by.
"""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import engine
import run as suite
import spaces
import truth
from lab import Built, OUTSIDE as SPACES
from policy_attack import Intruder, Segments
from policy_scene import Meaning, Policy, scene
from spaces import LabError, forget, inside, run

MOST_DENIED, MOST_FREE, MOST_CLOSED = 900, 150, 60  # of each kind asked for a policy
ATTACKERS = 2  # for a policy
MOST_TRIES = 40  # to make a policy smaller


class Host:
    """One lab, with policies loaded into it one after another."""

    def __init__(self, number, options, directory):
        self.number, self.bulkhead = number, options.bulkhead
        self.scene = scene(number)
        self.dir = os.path.join(directory, 'host%d' % number)
        os.makedirs(self.dir)
        self.built = Built(self.scene.lab, self.dir, options.labd, engine.make_image(self.dir, options.labd))
        self.intruders = {}

    def build_plain(self):
        """Without intruders."""
        self.built.build()
        self.built.settle()
        self.paths = [self.built.path(n) for n in ('host', 'sw', *SPACES, *self.built.pids)]
        self.meaning, self.prober = Meaning(self.scene, self.built), truth.Prober(self.built)
        self.before = {q: answer.open for q, answer in self.prober.measure(truth.questions(self.built)).items()}

    def build(self):
        self.build_plain()
        names = [*self.built.pids, 'lan']
        segments = Segments(self.built, names)
        for name in names:
            self.intruders[name] = Intruder(segments, name, self.scene.held)

    def close(self):
        for one in self.intruders.values():
            one.close()
        self.built.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def load(self, policy):
        self.load_text(self.scene.write(policy))

    def load_text(self, policy):
        path = self.dir + '/bulkhead.yaml'
        with open(path, 'w') as file:
            file.write(policy)
        env = dict(os.environ, DOCKER_HOST=self.built.engine.host, CONTAINER_HOST='')
        with inside(self.built.path('host')):
            done = subprocess.run([self.bulkhead, 'compile', '--config', path], env=env, capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise LabError('compile ends %d: %s\n%s' % (done.returncode, done.stderr, policy))
            run('nft', '-f', '-', text=done.stdout)
        self.forget()

    def unload(self):
        with inside(self.built.path('host')):
            for family in ('inet', 'bridge', 'arp'):
                run('nft', 'delete', 'table', family, 'bulkhead', check=False)
            run('nft', 'delete', 'table', 'inet', 'bulkhead_audit', check=False)
        self.forget()

    def forget(self):
        for path in self.paths:
            forget(path)

    def chosen(self, policy, pick):
        """What to ask: all that must stay open by a line, and some of the rest."""
        kinds = collections.defaultdict(list)
        for q, was in self.before.items():
            kinds[self.meaning.of(policy, q) if was else 'closed'].append(q)
        some = lambda kind, most: pick.sample(kinds[kind], min(most, len(kinds[kind])))
        return kinds[True] + some(False, MOST_DENIED) + some(None, MOST_FREE) + some('closed', MOST_CLOSED)

    def connect(self, policy, asked, patience=1):
        """Questions that are answered otherwise than they must be, with what was found; and counts."""
        after, wrong, counts = self.prober.opens(asked, patience), {}, collections.Counter()
        for q in asked:
            permitted = self.meaning.of(policy, q)
            expected = self.before[q] and permitted is not False
            counts['said' if permitted is not None else 'free', expected] += 1
            if after[q] != expected:
                wrong[q] = '%s %s %d from %s is %s, was %s, the policy says %s' % (
                    q.address, q.proto, q.port, q.vantage, 'open' if after[q] else 'closed',
                    'open' if self.before[q] else 'closed', permitted)
        return wrong, counts

    def targets(self, policy, attacker):
        return [q for q in self.before if q.vantage == attacker and self.meaning.of(policy, q) is False]

    def friends(self, policy, q):
        """An address of each who may do what |q| asks for, at most three."""
        whose = {name: a for a, name in self.meaning.whose.items() if (':' in a) == (':' in q.address) and a != q.address}
        return [a for name, a in sorted(whose.items()) if name != q.vantage and self.meaning.of(policy, q._replace(vantage=name))][:3]

    def attack(self, policy, attacker, seed):
        self.forget()
        found = self.intruders[attacker].attack(self.targets(policy, attacker), seed, lambda q: self.friends(policy, q))
        self.forget()
        return found


    def bare(self):
        """What of all that is forged is found when no rules are loaded: the kinds that are not. A judge that is blind tells nothing."""
        nothing = Policy(set(), set(), set(), set())
        found = '\n'.join(line for name in self.scene.held for line in self.attack(nothing, name, 0))
        return [kind for kind in ('is reached as', 'in its own name', 'a frame of another protocol', 'believes that', 'arrives at') if kind not in found]


class Case:
    """One policy on one host."""

    def __init__(self, host, seed, forge):
        self.host, self.seed = host, seed
        self.policy = host.scene.draw(seed)
        self.asked = host.chosen(self.policy, random.Random('case %d' % seed))
        self.attackers = random.Random('attackers %d' % seed).sample(sorted(host.intruders), min(ATTACKERS, len(host.intruders))) if forge else []

    def judge(self):
        self.host.load(self.policy)
        wrong, counts = self.host.connect(self.policy, self.asked)
        found = {a: self.host.attack(self.policy, a, self.seed) for a in self.attackers}
        if wrong:
            wrong = self.confirmed(wrong, counts)
        counts['forged', False] = sum(len(self.host.targets(self.policy, a)) for a in self.attackers)
        return wrong, {a: lines for a, lines in found.items() if lines}, counts

    def confirmed(self, wrong, counts):
        """Those that are found each time, with and without the rules, with more and more patience: silence is measured by a clock."""
        first = len(wrong)
        for patience in (3, 5):
            if wrong:
                self.host.unload()
                self.host.before.update(self.host.prober.opens(sorted(wrong), patience))
                self.host.load(self.policy)
                wrong = self.host.connect(self.policy, sorted(wrong), patience)[0]
        counts['not found again', False] += first - len(wrong)
        return wrong

    def fails(self, policy, wrong, found):
        """Whether one of these differences is there with that policy, too."""
        self.host.load(policy)
        return bool(wrong and self.host.connect(policy, sorted(wrong), 3)[0]) or any(
            self.host.attack(policy, a, self.seed) for a in found)

    def smaller(self, wrong, found):
        """Lines are taken out, half of them at first, while it fails."""
        lines = [(field, line) for field in Policy._fields for line in sorted(getattr(self.policy, field))]
        made = lambda kept: Policy(*({line for f, line in kept if f == field} for field in Policy._fields))
        size, tries = max(1, len(lines) // 2), 0
        while tries < MOST_TRIES:
            for at in range(0, len(lines), size):
                tries += 1
                kept = lines[:at] + lines[at + size:]
                if self.fails(made(kept), wrong, found):
                    lines = kept
                    break
                if tries >= MOST_TRIES:
                    break
            else:
                if size == 1:
                    break
                size = max(1, size // 2)
        return made(lines)


def judge_host(number, seeds, options, directory, total):
    """Differences found on one host."""
    host, differences = Host(number, options, directory), 0
    try:
        host.build()
        blind = host.bare() if number == 0 and not options.plain else []
        if blind:
            print('without rules nothing was found of: ' + ', '.join(blind))
            differences += len(blind)
        for seed in seeds:
            begun = time.monotonic()
            case = Case(host, seed, not options.plain)
            wrong, found, counts = case.judge()
            total.update(counts)
            differences += len(wrong) + sum(map(len, found.values()))
            print('host %d, policy %d: %d permitted and open, %d closed, %d others, %d targets of %s; %d wrong (%.1f s)' % (
                number, seed, counts['said', True], counts['said', False], counts['free', True] + counts['free', False],
                counts['forged', False], ' and '.join(case.attackers) or 'nobody', len(wrong) + sum(map(len, found.values())),
                time.monotonic() - begun), flush=True)
            if wrong or found:
                for line in [*wrong.values(), *(line for lines in found.values() for line in lines)][:options.show]:
                    print('  ' + line)
                print('smaller: --host %d --seed %d\n%s' % (number, seed, host.scene.write(case.smaller(wrong, found))), flush=True)
            host.unload()
        if options.keep:
            sys.stdin.read()
    finally:
        host.close()
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    parser.add_argument('--seed', type=int, default=1, help='the first policy')
    parser.add_argument('--policies', type=int, default=4)
    parser.add_argument('--each', type=int, default=20, help='policies on one host')
    parser.add_argument('--host', type=int, default=0, help='the first host; 0 is always the same, others are drawn')
    parser.add_argument('--plain', action='store_true', help='nobody forges')
    parser.add_argument('--show', type=int, default=10)
    parser.add_argument('--keep', action='store_true', help='wait for the end of input before a host is removed')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    spaces.stale()
    directory = tempfile.mkdtemp(prefix='bkpol-')
    options.bulkhead = os.path.abspath(options.bulkhead)
    options.labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    total, differences, judged = collections.Counter(), 0, 0
    try:
        for first in range(0, options.policies, options.each):
            seeds = range(options.seed + first, options.seed + min(first + options.each, options.policies))
            differences += judge_host(options.host + first // options.each, seeds, options, directory, total)
            judged += len(seeds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    thin = total['said', True] < 5 * judged or total['said', False] < 100 * judged or (
        not options.plain and total['forged', False] < 40 * judged)
    print('%d policies, %d differences; asked %s%s' % (judged, differences, dict(total), '; the truth is too thin' if thin else ''))
    return 1 if differences or thin else 0


if __name__ == '__main__':
    sys.exit(main())
