"""What to ask of a lab, and what the kernel answers."""

import collections
import itertools
import json
import os
import re
import subprocess

from engine import published
from lab import OUTSIDE
from spaces import inside, run

CONTROLS = (9, 4444, 61111)  # nothing listens there and no rule names them
WAIT4, WAIT6 = 400, 1300  # ms; IPv6 longer: an error for the first SYN can be lost, that for the second counts

Question = collections.namedtuple('Question', 'vantage proto address port')
Answer = collections.namedtuple('Answer', 'open hows detail')  # hows: every `how` that is right


def sockets(path):
    """Local ports of TCP listeners and bound UDP sockets in the namespace at |path|."""
    ports = {'tcp': set(), 'udp': set()}
    with inside(path):
        for name, state in (('tcp', '0A'), ('tcp6', '0A'), ('udp', '07'), ('udp6', '07')):
            try:
                with open('/proc/thread-self/net/' + name) as table:
                    for line in table:
                        words = line.split()
                        if words[3] == state:
                            ports[name[:3]].add(int(words[1].rpartition(':')[2], 16))
            except OSError:
                pass
    return ports


def resolver_ports(path):
    with inside(path):
        text = run('iptables-save', '-t', 'nat', check=False)
        with open('/proc/thread-self/net/ip_tables_names') as legacy:
            if 'nat' in legacy.read().split():  # asking for a table makes it
                text += run('iptables-legacy-save', '-t', 'nat', check=False)
    return {int(p) for p in re.findall(r'127\.0\.0\.11:(\d+)', text)}


def addresses(path):
    with inside(path):
        links = json.loads(run('ip', '-j', 'addr') or '[]')
    return [a['local'] for link in links for a in link.get('addr_info', [])
            if a['scope'] in ('global', 'host') and not a['local'].startswith('127.0.0.53')]


def rule_ports(path):
    """Ports that a rule names, the ends of ranges and what lies just beside them."""
    with inside(path):
        texts = [run(c, check=False) for c in ('iptables-save', 'ip6tables-save', 'iptables-legacy-save')]
        texts.append(run('nft', 'list', 'ruleset', check=False))
    ports = set()
    for text in texts:
        for found in re.findall(r'(?:--(?:[ds]ports?|to-ports|ctorigdstport) |--to-destination \S*:|[ds]port (?:!= )?|redirect to :|(?:dnat|dnat ip6?) to \S+:)'
                                r'([\d,:-]+|\{[^}]*\})', text):
            for one in re.findall(r'\d+(?:[-:]\d+)?', found):
                ends = [int(n) for n in re.split('[-:]', one)]
                ports.update(ends)
                if len(ends) == 2:
                    ports.update((ends[0] - 1, ends[1] + 1))
    return {p for p in ports if 0 < p < 65536}


def questions(built):
    lab = built.lab
    spaces = ['host', *built.pids, *OUTSIDE]
    tcp, udp, where = set(CONTROLS), set(CONTROLS[:1]), []
    passing = {53}  # the engine's name server and the ports it picked: asked at a few addresses only
    for name in spaces:
        path = built.path(name)
        tcp |= sockets(path)['tcp']
        passing |= resolver_ports(path)
        where += addresses(path)
        if name not in OUTSIDE:
            tcp |= rule_ports(path)
    for box in lab.boxes + lab.pods:
        for _, first, last, _, proto in published(box.publish):
            (udp if proto == 'udp' else tcp).update({first, last} | ({first - 1, last + 1} if last > first else set()))
    specs = [lab.host, lab.around] + [box.listen for box in lab.boxes]
    udp |= {int(p.split(',')[2]) for s in specs for p in s.split() if p.startswith('udp,')}
    tcp |= {int(p) for p in lab.ports.split()}
    where += lab.extra.split() + ['192.168.50.99', '2001:db8:50::99'] + ['127.0.0.11'] * bool(lab.nets)
    where = [a for a in dict.fromkeys(where) if a not in lab.few.split()]
    asked = []
    for vantage in built.vantages():
        own = addresses(built.path(vantage))
        for address in where + lab.few.split():
            near = address in own or address.startswith('127.')
            thin = address in lab.few.split() or not _speaks(own, address)
            asked += [Question(vantage, 'tcp', address, p) for p in ((80, CONTROLS[0]) if thin else sorted(tcp | passing if near else tcp - passing))]
            if address not in lab.few.split():
                asked += [Question(vantage, 'udp', address, p) for p in ((514,) if thin else sorted(udp))]
    return asked


def _speaks(own, address):
    """False where the vantage has no address of that family but loopback: one answer for all, so two ports will do."""
    six = ':' in address
    return address in ('127.0.0.1', '::1') or any((':' in a) == six and a not in ('127.0.0.1', '::1') for a in own)


class Prober:
    _rounds = itertools.count()  # a token is never used twice: the listeners' logs keep them all

    def __init__(self, built):
        self.built = built

    def measure(self, asked):
        """Question -> Answer."""
        said = dict(zip(asked, self._probe(asked, '6000', 0)))
        for _ in range(2):  # a first look at one pair of each kind; only where it changed, at the others
            slow = _may_have_run_dry(said)
            if not slow:
                break
            again = dict(zip(slow, self._probe(slow, '64', 1100)))
            said.update(again)
            if not any(line.startswith('icmp') for line, _ in again.values()):
                break
        return {q: _answer(*s) for q, s in said.items()}

    def opens(self, asked, patience=1):
        """Question -> whether it is open, asked once. Silence is closed: who doubts it asks again with more |patience|."""
        said = self._probe(asked, str(6000 // patience ** 2), 0, '1', patience)
        return {q: _answer(*s).open for q, s in zip(asked, said)}

    def _probe(self, asked, in_flight, gap, tries=None, patience=1):
        tag = 't%d' % next(self._rounds)
        tries = tries or ('1' if gap else '2')
        names = list(self.built.vantages())
        lines = ['%d %s %s %d %sq%d' % (names.index(q.vantage), q.proto, q.address, q.port, tag, i)
                 for i, q in enumerate(asked)]
        done = subprocess.run(
            [self.built.labd, 'probe', str(WAIT4 * patience), str(WAIT6 * patience), tries, in_flight, str(gap), *(self.built.path(n) for n in names)],
            input='\n'.join(lines) + '\n', stdout=subprocess.PIPE, text=True, timeout=120, check=True)
        results = done.stdout.splitlines()
        if len(results) != len(asked):
            raise RuntimeError('prober answered %d of %d' % (len(results), len(asked)))
        received = self._received()
        return [(line, '%sq%d' % (tag, i) in received) for i, line in enumerate(results)]

    def _received(self):
        tokens = set()
        for name in os.listdir(self.built.logs):
            with open('%s/%s' % (self.built.logs, name)) as log:
                tokens.update(log.read().split())
        return tokens


def _may_have_run_dry(said):
    """Silent pairs beside pairs that a router answered with 'no route' or 'prohibited': it gives five such answers to
    one source, then one a second, so the silence may be its own. One pair of each vantage and address, and at most 24."""
    def kind(line):
        words = line.split()
        return 'dry' if words[0] == 'icmp' and words[2] == '3' and words[3] in ('0', '1', '13') else words[0]
    dry = {(q.vantage, q.address) for q, (line, _) in said.items() if kind(line) == 'dry'}
    first = {}
    for q, (line, received) in said.items():
        if (q.vantage, q.address) in dry and kind(line) == 'silent' and not received:
            first.setdefault((q.vantage, q.address), q)
    return list(first.values())[:24]


def _answer(line, received):
    result, error, kind, code, tries = line.split()
    if result == 'open' or received:
        return Answer(True, ('accepted',), line)
    if result == 'icmp':
        # connect() reports a port-unreachable as ECONNREFUSED: both names are right
        return Answer(False, ('unreachable',) + (('refused',) if error == 'ECONNREFUSED' else ()), line)
    return Answer(False, ({'refused': 'refused', 'local': 'unreachable', 'silent': 'dropped'}[result],), line)
