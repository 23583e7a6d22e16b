"""Everybody in a lab asks everybody else, and each answer of a program is held against a real connection.

A lab is a subclass of Everybody: what it builds, what its cases do, and what is asked. Ends 1 on any contradiction, when
more than one answer in 200 is an unknown that its case does not name (what a machine remembers of its neighbours moves
while it is read; each is told), and when the truth is too thin to judge by.
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
Case = collections.namedtuple('Case', 'name why do unknown')
Question = collections.namedtuple('Question', 'vantage proto address port')


class Everybody:
    name = ''       # of the lab
    cases = ()
    unchanged = ()  # names of cases in which all is as without

    def __init__(self, labd, directory):
        self.labd, self.dir = labd, directory
        self.spaces = Spaces(self.name)
        self.listeners = []
        self.addresses = {}

    def build(self):
        raise NotImplementedError

    def undo(self, case):
        """What a case did beside rules."""

    def leaves_out(self, question):
        return False

    def also(self, programs):
        """More that the lab judges; how much of it is wrong."""
        return 0

    def address(self, name, device, v4, v6):
        self.spaces.ip(name, ['addr add %s/24 dev %s' % (v4, device), 'addr add %s/64 dev %s nodad' % (v6, device)])
        self.addresses.setdefault(name, []).extend((v4, v6))

    def listen(self):
        for name in self.addresses:
            quicken(self.spaces.path(name))
            log = '%s/%s.log' % (self.dir, name)
            self.listeners.append(subprocess.Popen([self.labd, 'listen', '--netns', self.spaces.path(name), '--log', log,
                                                    *LISTEN.split()], stdin=subprocess.DEVNULL))
        until = time.monotonic() + 20
        while not all(os.path.exists('%s/%s.log' % (self.dir, n)) for n in self.addresses):
            if time.monotonic() > until:
                raise LabError('listeners did not start')
            time.sleep(0.02)

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
        self.forget()
        try:
            yield
        finally:
            with contextlib.suppress(LabError):
                for name, _ in case.do:
                    with inside(self.spaces.path(name)):
                        run('nft', 'flush', 'ruleset')
                self.undo(case)

    def forget(self):
        for name in self.addresses:
            forget(self.spaces.path(name))

    def _do(self, name, what):
        with inside(self.spaces.path(name)):
            if isinstance(what, str):
                run(*what.split())
            elif what[0] == 'nft':
                run('nft', '-f', '-', text=what[1])
        if what[0] == 'sysctl':
            sysctl(self.spaces.path(name), what[1])

    def questions(self):
        """All of those on one's own networks; of the others one port, for they get no route."""
        asked = []
        for name, own in self.addresses.items():
            networks = [ipaddress.ip_network('%s/%d' % (a, 64 if ':' in a else 24), strict=False) for a in own]
            for other, all_of in self.addresses.items():
                for address in all_of if other != name else ():
                    near = any(ipaddress.ip_address(address) in n for n in networks)
                    asked += [Question(name, proto, address, port) for proto, port in (ASKED if near else ASKED[:1])]
        return [q for q in asked if not self.leaves_out(q)]

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


ASKED_FIRST = 'is known if it asked first'


def judge(case, who, asked, truth, said, count):
    """A case that names ASKED_FIRST stops frames one way alone: neighbours that get no answer may have heard a question, as all
    ask at once here, so whether they are unreachable or silent is not judged."""
    wrong = 0
    for q, real, got in zip(asked, truth, said):
        verdict = got['verdict']
        if verdict == 'unknown':
            count['unknown'] += 1
            reasons = (case.unknown, 'no neighbour answers') if case.unknown == ASKED_FIRST else (case.unknown,)
            named = case.unknown is not None and any(r in str(got.get('reason')) for r in reasons)
            kind = None if named else 'UNKNOWN'
        else:
            hows = set(real.hows) | ({'unreachable', 'dropped'} if case.unknown == ASKED_FIRST and not real.open else set())
            kind = 'CONTRADICTION' if (verdict == 'open') != real.open else None if got.get('how') in hows else 'HOW'
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
    asked = network.questions()
    last = None
    for i, case in enumerate(c for c in network.cases if not options.cases or c.name in options.cases):
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
            wrong += case.name not in network.unchanged
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


def main(network_of, doc):
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
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
    network = network_of(os.path.abspath(options.labd), directory)
    try:
        network.build()
        wrong = judged(options, network)
        if not options.cases:
            wrong += network.also(options.programs)
        return 1 if wrong else 0
    finally:
        network.close()
        shutil.rmtree(directory, ignore_errors=True)
