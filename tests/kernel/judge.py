"""Compares what Bulkhead said with what the kernel did, and decides whether that is good enough."""

import collections
import json
import os
import subprocess

from spaces import inside

HOWS = ('accepted', 'refused', 'unreachable', 'dropped')
HOW_RIGHT, UNKNOWN_MOST, OPEN_LEAST, EACH_HOW = 0.995, 0.005, 0.20, 5


def ask(binary, built, asked):
    """Runs `bulkhead query` in the lab's host namespace. (answers by question, complaints)."""
    names = built.vantages()
    file = built.dir + '/questions.jsonl'
    with open(file, 'w') as out:
        for i, q in enumerate(asked):
            out.write(json.dumps({'id': i, 'from': names[q.vantage], 'to': q.address, 'port': q.port,
                                  'proto': q.proto}) + '\n')
    opened = _active_opens(built)
    done = subprocess.run(['nsenter', '--net=' + built.path('host'), binary, 'query', file], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                          env=dict(os.environ, **built.engine.environment))
    complaints = []
    probed = _active_opens(built) - opened
    if probed:
        complaints.append('it made %d connections instead of computing' % probed)
    lines = done.stdout.splitlines()
    if len(lines) != len(asked):
        complaints.append('%d answers to %d questions; exit %d: %s' % (len(lines), len(asked), done.returncode,
                                                                      done.stderr.strip()[:600]))
    said = {}
    for q, line in zip(asked, lines):
        try:
            said[q] = json.loads(line)
        except ValueError:
            complaints.append('not JSON: ' + line[:200])
            break
    for i, q in enumerate(asked):
        if q in said and said[q].get('id') != i:
            complaints.append('answers out of order at line %d' % i)
            break
    return said, complaints


def ask_snapshot(binary, built, said):
    """Complaints where the same questions, asked of a snapshot somewhere else, get other answers."""
    file = built.dir + '/snapshot.json'
    questions = built.dir + '/questions.jsonl'
    made = subprocess.run(['nsenter', '--net=' + built.path('host'), binary, 'snapshot', '-o', file],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                          env=dict(os.environ, **built.engine.environment))
    done = subprocess.run([binary, 'query', '--snapshot', file, questions], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if not os.path.exists(file):
        return ['no snapshot: exit %d: %s' % (made.returncode, made.stderr.strip()[:400])]
    lines = done.stdout.splitlines()
    if len(lines) != len(said):
        return ['of a snapshot: %d answers to %d questions; exit %d: %s' % (len(lines), len(said), done.returncode,
                                                                          done.stderr.strip()[:400])]
    differ = [line for line, live in zip(lines, said.values()) if not _same(json.loads(line), live)]
    return ['of a snapshot: %d answers differ, such as %s' % (len(differ), differ[0][:300])] if differ else []


def _same(one, other):
    return all(one.get(k) == other.get(k) for k in ('id', 'verdict', 'how'))


def _active_opens(built):
    total = 0
    for name in ('host', *built.pids, 'lan', 'rtr', 'inet', 'mgt'):
        with inside(built.path(name)), open('/proc/thread-self/net/snmp') as table:
            total += sum(int(l.split()[5]) for l in table if l.startswith('Tcp:') and l.split()[5].isdigit())
    return total


class Score:
    """Counts per class: (how of the kernel, protocol, IPv4 or IPv6)."""

    def __init__(self):
        self.asked = collections.Counter()
        self.wrong = collections.Counter()
        self.how_wrong = collections.Counter()
        self.unknown = collections.Counter()
        self.reasons = collections.Counter()

    def add(self, truth, said):
        """Counts; returns the rows that disagree: (kind, question, answer of the kernel, answer of Bulkhead)."""
        rows = []
        for q, real in truth.items():
            cell = (real.hows[0], q.proto, 6 if ':' in q.address else 4)
            self.asked[cell] += 1
            if said is None:
                continue
            got = said.get(q) or {}
            verdict = got.get('verdict')
            if verdict == 'unknown':
                self.unknown[cell] += 1
                self.reasons[str(got.get('reason'))[:100]] += 1
                rows.append(('unknown', q, real, got))
            elif verdict not in ('open', 'closed') or (verdict == 'open') != real.open:
                self.wrong[cell] += 1
                rows.append(('CONTRADICTION', q, real, got))
            elif got.get('how') not in real.hows:
                self.how_wrong[cell] += 1
                rows.append(('how', q, real, got))
        return rows

    def merge(self, other):
        for name in ('asked', 'wrong', 'how_wrong', 'unknown', 'reasons'):
            getattr(self, name).update(getattr(other, name))

    def to_json(self):
        return {n: [[list(k) if isinstance(k, tuple) else k, v] for k, v in getattr(self, n).items()]
                for n in ('asked', 'wrong', 'how_wrong', 'unknown', 'reasons')}

    @staticmethod
    def from_json(value):
        score = Score()
        for name, pairs in value.items():
            getattr(score, name).update({tuple(k) if isinstance(k, list) else k: v for k, v in pairs})
        return score

    def table(self, asked_bulkhead):
        lines = ['%-22s %9s %14s %10s %9s' % ('class', 'asked', 'contradictions', 'how wrong', 'unknown')]
        for cell in sorted(self.asked, key=lambda c: (HOWS.index(c[0]), c[1], c[2])):
            n = self.asked[cell]
            row = '%-22s %9d' % ('%s %s IPv%d' % cell, n)
            if asked_bulkhead:
                row += ' %14d %10s %9s' % (self.wrong[cell], _rate(self.how_wrong[cell], n), _rate(self.unknown[cell], n))
            lines.append(row)
        total = sum(self.asked.values())
        lines.append('all %d: %s' % (total, ', '.join('%s %d' % (h, self.of(h)) for h in HOWS)))
        lines += ['unknown %d times: %s' % (n, reason) for reason, n in self.reasons.most_common(20)]
        return '\n'.join(lines)

    def of(self, how):
        return sum(n for cell, n in self.asked.items() if cell[0] == how)

    def faults(self, asked_bulkhead):
        """Why the whole suite fails; empty when it passes."""
        faults = []
        total = sum(self.asked.values())
        if not total or self.of('accepted') < OPEN_LEAST * total:
            faults.append('only %d of %d pairs are open: too little to judge by' % (self.of('accepted'), total))
        for how in HOWS:
            if self.of(how) < EACH_HOW:
                faults.append('only %d pairs are %s: too little to judge by' % (self.of(how), how))
        if not asked_bulkhead:
            return faults
        wrong, unknown, how = (sum(c.values()) for c in (self.wrong, self.unknown, self.how_wrong))
        if wrong:
            faults.append('%d contradictions' % wrong)
        judged = total - unknown - wrong
        if judged and how > (1 - HOW_RIGHT) * judged:
            faults.append('how is right in %.2f %% of %d' % (100 - 100 * how / judged, judged))
        if unknown > UNKNOWN_MOST * total:
            faults.append('%.2f %% unknown' % (100 * unknown / total))
        return faults


def _rate(n, of):
    return '0' if not n else '%d %.1f%%' % (n, 100 * n / of)
