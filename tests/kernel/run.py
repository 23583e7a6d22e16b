#!/usr/bin/env python3
"""Real Docker hosts, what the kernel does on them, and whether `bulkhead query` says the same. See README.md."""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import engine
import judge
import labs
import spaces
import truth
from lab import Built

HERE = os.path.dirname(os.path.abspath(__file__))
LAB_SECONDS = 150  # one lab, whatever happens
TRIES_TO_REPEAT = 3


def build_labd(directory):
    target = directory + '/labd'
    sources = [HERE + '/labd/%s.cpp' % n for n in ('main', 'listen', 'probe')]
    spaces.run('g++', '-std=c++20', '-O1', '-static', '-s', '-o', target, *sources, timeout=120)
    return target


def one_lab(options):
    """Builds, asks and measures one lab; prints its result as one JSON object."""
    result = {'lab': options.lab, 'phases': [], 'rows': [], 'complaints': []}
    score = judge.Score()
    directory = tempfile.mkdtemp(prefix='bk%d-' % os.getpid(), dir=options.tmp)
    built = Built(labs.by_name(options.lab), directory, options.labd, options.image)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        built.build()
        result['built'] = round(time.monotonic() - started, 1)
        for phase in built.lab.phases:
            _phase(options, built, phase, score, result)
    except Exception as error:  # a lab that cannot be built is a failure of the suite, told with its reason
        result['complaints'].append('%s: %s' % (type(error).__name__, error))
        if options.verbose:
            traceback.print_exc()
        if options.shell:
            print(result['complaints'], file=sys.stderr)
    finally:
        if options.shell:
            print('lab %s in %s, engine %s; end of input ends it' % (built.spaces.prefix, directory, built.engine.host),
                  file=sys.stderr)
            sys.stdin.read()
        built.close()
        shutil.rmtree(directory, ignore_errors=True)
    result['seconds'] = round(time.monotonic() - started, 1)
    result['score'] = score.to_json()
    print(json.dumps(result))
    return 1 if result['complaints'] else 0


def _phase(options, built, phase, score, result):
    built.enter_phase(phase)
    asked = truth.questions(built)
    said, complaints = None, []
    started = time.monotonic()
    if options.bulkhead:
        said, complaints = judge.ask(options.bulkhead, built, asked)
        if phase is built.lab.phases[0] and len(said) == len(asked):
            complaints += judge.ask_snapshot(options.bulkhead, built, said)
    answered = time.monotonic()
    prober = truth.Prober(built)
    real = prober.measure(asked)
    if options.truth_only:
        _stable(built, prober, asked, real, phase, result)
    rows = score.add(real, said)
    where = '%s/%s' % (built.lab.name, phase.name)
    result['complaints'] += ['%s: %s' % (where, c) for c in complaints]
    result['phases'].append({'name': phase.name, 'asked': len(asked), 'open': sum(a.open for a in real.values()),
                             'query': round(answered - started, 2), 'probe': round(time.monotonic() - answered, 1)})
    result['rows'] += [[where, kind, list(q), list(answer), got] for kind, q, answer, got in rows]
    if options.dump:
        _dump(options.dump, built, where, real)


def _stable(built, prober, asked, real, phase, result):
    """Measures again in reverse order: an answer that depends on the order is no truth."""
    built.settle()
    again = prober.measure(asked[::-1])
    for q in asked:
        if not set(real[q].hows) & set(again[q].hows):
            result['complaints'].append('%s/%s: unstable %s: %s, then %s' % (
                built.lab.name, phase.name, ' '.join(map(str, q)), real[q].detail, again[q].detail))


def _dump(directory, built, where, real):
    """The measured answers and what the host looked like, to look into a contradiction later."""
    os.makedirs(directory, exist_ok=True)
    base = '%s/%s' % (directory, where.replace('/', '-'))
    with open(base + '.truth', 'w') as out:
        for q, answer in real.items():
            out.write('%s %s %d from %s: %s (%s)\n' % (q.address, q.proto, q.port, q.vantage, answer.hows[0], answer.detail))
    with open(base + '.state', 'w') as out, spaces.inside(built.path('host')):
        for command in ('ip addr', 'ip rule', 'ip route show table all', 'ip -6 route show table all', 'nft list ruleset',
                        'iptables-save', 'ip6tables-save', 'iptables-legacy-save', 'bridge -d link', 'ss -ltnpu'):
            out.write('## %s\n%s\n' % (command, spaces.run(*command.split(), check=False)))


class Suite:
    """Runs labs side by side, each in a process of its own with a bound on its time."""

    def __init__(self, options):
        self.options = options
        self.running = {}
        self.results = []

    def run(self, names):
        names = list(names)
        try:
            while names or self.running:
                while names and len(self.running) < self.options.jobs:
                    self._start(names.pop(0))
                self._reap()
        finally:
            for process in self.running:
                process.terminate()
            for process in self.running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
        return self.results

    def _start(self, name):
        output = tempfile.TemporaryFile('w+')
        command = [sys.executable, os.path.abspath(__file__), '--one', name, '--labd', self.options.labd, '--image',
                   self.options.image, '--tmp', self.options.tmp]
        command += ['--bulkhead', self.options.bulkhead] if self.options.bulkhead else []
        command += ['--truth-only'] if self.options.truth_only else []
        command += ['--dump', self.options.dump] if self.options.dump else []
        command += ['--verbose'] if self.options.verbose else []
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output)
        self.running[process] = (name, output, time.monotonic())

    def _reap(self):
        time.sleep(0.05)
        for process, (name, output, started) in list(self.running.items()):
            late = time.monotonic() - started > LAB_SECONDS
            if late:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(30)
            if process.poll() is None:
                continue
            del self.running[process]
            output.seek(0)
            text = output.read().strip().splitlines()
            try:
                result = json.loads(text[-1])
            except (IndexError, ValueError):
                result = {'lab': name, 'phases': [], 'rows': [], 'score': judge.Score().to_json(),
                          'complaints': ['%s: %s' % (name, 'took too long' if late else 'no result, exit %s' % process.returncode)]}
            self.results.append(result)
            self._show(result)

    def _show(self, result):
        print('%-14s %s s (up %s)  %s' % (
            result['lab'], result.get('seconds', '?'), result.get('built', '?'),
            '  '.join('%s %d/%d query %.2f s' % (p['name'], p['open'], p['asked'], p['query']) for p in result['phases'])), flush=True)
        for complaint in result['complaints'][:self.options.show]:
            print('  ' + complaint)
        for where, kind, q, real, got in result['rows'][:self.options.show]:
            print('  %s %s: %s %s %d from %s: kernel %s (%s), bulkhead %s' % (
                where, kind, q[2], q[1], q[3], q[0], real[1][0], real[2],
                ' '.join(str(got.get(k)) for k in ('verdict', 'how', 'reason')) if got else 'nothing'))


def conclude(results, asked_bulkhead):
    score = judge.Score()
    faults = []
    for result in results:
        score.merge(judge.Score.from_json(result['score']))
        faults += result['complaints']
    print(score.table(asked_bulkhead))
    faults = ['%d complaints' % len(faults)] * bool(faults) + score.faults(asked_bulkhead)
    print('labs %d, phases %d: %s' % (len(results), sum(len(r['phases']) for r in results), '; '.join(faults) or 'all agree'))
    return 1 if faults else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('labs', nargs='*', help='names; default all')
    parser.add_argument('--bulkhead', help='the program to judge')
    parser.add_argument('--truth-only', action='store_true', help='measure twice, the second time in reverse order')
    parser.add_argument('--jobs', type=int, default=3)
    parser.add_argument('--show', type=int, default=10, help='disagreements to print per lab')
    parser.add_argument('--dump', help='folder for the measured answers and the state of each host')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('--shell', metavar='LAB', help='build one lab and keep it until end of input')
    parser.add_argument('--one', dest='lab', help=argparse.SUPPRESS)
    parser.add_argument('--labd')
    parser.add_argument('--image', help=argparse.SUPPRESS)
    parser.add_argument('--tmp', help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = arguments()
    if options.list:
        for lab in labs.LABS:
            print('%-14s %s (%s)' % (lab.name, lab.why, ', '.join(p.name for p in lab.phases)))
        return 0
    if os.geteuid():
        sys.exit('kernel labs need root')
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))
    if options.lab:
        return one_lab(options)
    if not options.bulkhead and not options.truth_only and not options.shell:
        sys.exit('say --bulkhead PROGRAM or --truth-only')
    if options.bulkhead:
        options.bulkhead = os.path.abspath(options.bulkhead)
    engine.sweep(tempfile.gettempdir())
    spaces.stale()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    options.tmp = tempfile.mkdtemp(prefix='bk%d-' % os.getpid())
    try:
        options.labd = os.path.abspath(options.labd) if options.labd else build_labd(options.tmp)
        options.image = engine.make_image(options.tmp, options.labd)
        if options.shell:
            options.lab = options.shell
            return one_lab(options)
        started = time.monotonic()
        results = Suite(options).run(options.labs or [lab.name for lab in labs.LABS])
        print('%.0f s' % (time.monotonic() - started))
        return conclude(results, bool(options.bulkhead))
    finally:
        shutil.rmtree(options.tmp, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
