"""Root in a container, or on the uplink's wire, who does not keep to his own name: what no line of a policy lets him reach he
must not reach with forged sources, foreign MAC addresses, lies about who has an address, tags, or frames of other protocols."""

import ipaddress
import itertools
import json
import random
import re
import struct

import frames
import truth
from forger import EVERYTHING, Forger, wire
from spaces import inside, run

STRANGER = '02:de:ad:be:ef:01'
ROUNDS, LISTEN, LAST = 2, 0.03, 0.15  # seconds
MOST_TARGETS = 60
_numbers = itertools.count(1 << 16)


def links(path):
    """(device, MAC, addresses) of a namespace, but for lo."""
    with inside(path):
        found = json.loads(run('ip', '-j', 'addr') or '[]')
    return [(one['ifname'], one['address'], [a['local'] for a in one['addr_info'] if a['scope'] == 'global'])
            for one in found if one.get('link_type') == 'ether']


def number_in(frame):
    """That of an attempt whose SYN or datagram is in this frame, or None."""
    if frame[12:14] == b'\x81\0':
        frame = frame[:12] + frame[16:]
    kind, = struct.unpack_from('!H', frame, 12)
    if kind not in (frames.IPV4, frames.IPV6) or len(frame) < 54:
        return None
    size, protocol = ((frame[14] & 15) * 4, frame[23]) if kind == frames.IPV4 else (40, frame[20])
    inner = frame[14 + size:]
    if protocol == frames.TCP and len(inner) >= 20 and inner[13] & (frames.SYN | frames.ACK) == frames.SYN:
        return struct.unpack_from('!I', inner, 4)[0]
    text = re.match(rb'forged(\d+)', inner[8:]) if protocol == frames.UDP else None
    return int(text.group(1)) if text else None


class Segments:
    """Who is where: what every attacker of a lab has to know."""

    def __init__(self, built, names):
        self.built = built
        self.ends = {name: links(built.path(name)) for name in ('host', *names)}
        self.mac_of = {a: mac for ends in self.ends.values() for _, mac, all_ in ends for a in all_}
        self.owner = {a: name for name, ends in self.ends.items() for _, _, all_ in ends for a in all_}

    @staticmethod
    def near(a, b):
        size = 64 if ':' in a else 24
        return (':' in a) == (':' in b) and ipaddress.ip_address(b) in ipaddress.ip_network('%s/%d' % (a, size), False)

    def beside(self, addresses):
        """Addresses of others on the wires of these."""
        return [b for b in self.owner if b not in addresses and any(self.near(a, b) for a in addresses)]


class Intruder:
    def __init__(self, segments, name, held):
        self.segments, self.name, self.held, self.others = segments, name, name in held, [h for h in held if h != name]
        path = segments.built.path(name)
        self.legs = [(device, mac, all_) for device, mac, all_ in segments.ends[name] if all_]
        self.own = [a for _, _, all_ in self.legs for a in all_]
        self.beside = segments.beside(self.own)
        name6 = next((a for a in self.own if ':' in a), 'fe80::1')
        self.forger = Forger(path, [(d, m) for d, m, _ in self.legs], name6)
        macs = {m for _, m, _ in self.legs}
        self.ears = {}  # whom frames of other protocols must not reach
        for other in held:
            if other != name:
                for device, mac, all_ in segments.ends[other]:
                    if mac not in macs and any(a in self.beside for a in all_):
                        self.ears[other, device] = wire(segments.built.path(other), device, frames.EXPERIMENT)

    def close(self):
        for one in (*self.forger.wires, *self.ears.values()):
            one.close()

    def attack(self, targets, seed, friends):
        """What was reached though it must not be: lines for a person. |targets| are Questions that are not permitted; |friends| of
        one are addresses of others from which it would be."""
        taps = [(o, wire(self.segments.built.path(o), d, EVERYTHING)) for o in self.others for d, _, _ in self.segments.ends[o]]
        try:
            return self._attack(targets, seed, friends, taps)
        finally:
            for _, tap in taps:
                tap.close()

    def _attack(self, targets, seed, friends, taps):
        pick = random.Random(seed)
        targets = pick.sample(targets, min(MOST_TARGETS, len(targets)))
        attempts = {}
        self.forger.forget()
        claims = pick.sample(self.beside, min(3, len(self.beside)))
        for round_ in range(ROUNDS):
            self.forger.claims.update(claims)
            self._lie(claims)
            for target in targets:
                self._try(target, claims + friends(target), attempts, pick)
            self.forger.listen(LISTEN if round_ + 1 < ROUNDS else LAST)
        raw = b'raw%d' % next(_numbers)
        self._send_others(raw)
        self.forger.listen(LISTEN)
        # Beyond the bridges of those who are held nobody's table and nobody's frames are guarded.
        return self._found(attempts) + self._tapped(attempts, taps) + (self._heard(raw) + self._poisoned(claims) if self.held else [])

    def _lie(self, claims):
        for leg, (_, mac, all_) in enumerate(self.legs):
            for claimed in claims:
                for asked in self.beside:
                    if asked != claimed and self.segments.near(claimed, asked) and any(self.segments.near(a, asked) for a in all_):
                        self.forger.send(frames.question(mac, claimed, asked), leg)

    def _try(self, target, claims, attempts, pick):
        v6 = ':' in target.address
        others = [a for a in self.segments.owner if (':' in a) == v6 and a not in self.own and a != target.address]
        sources = [a for a in (*self.own, *claims) if (':' in a) == v6 and a != target.address] + pick.sample(others, min(2, len(others)))
        for leg, (_, mac, all_) in enumerate(self.legs):
            gateways = [self.segments.mac_of[a] for a in self.beside if self.segments.owner[a] == 'host' and any(self.segments.near(o, a) for o in all_)]
            to = set(gateways[:1])
            if any(self.segments.near(o, target.address) for o in all_):
                to.add(self.segments.mac_of.get(target.address, frames.BROADCAST))
            stolen = pick.choice([self.segments.mac_of[a] for a in self.beside] or [STRANGER])
            for source in sources:
                for sender in (mac, stolen, STRANGER):
                    for receiver in sorted(to):
                        self._send(target, source, (sender, receiver), leg, attempts)

    def _send(self, target, source, macs, leg, attempts):
        number = next(_numbers)
        attempts[number] = (target, source, macs)
        ports = 20000 + number % 40000, target.port
        if target.proto == 'tcp':
            frame = frames.syn(macs, source, target.address, ports, number)
        else:
            frame = frames.datagram(macs, source, target.address, ports, b'forged%d' % number)
        self.forger.send(frame, leg)
        if number % 4 == 0:
            self.forger.send(frames.tagged(frame), leg)

    def _send_others(self, text):
        for leg, (_, mac, _) in enumerate(self.legs):
            for to in {frames.BROADCAST, *(self.segments.mac_of[a] for a in self.beside)}:
                frame = frames.ethernet(to, mac, frames.EXPERIMENT, text.ljust(46, b'\0'))
                self.forger.send(frame, leg)
                self.forger.send(frames.tagged(frame), leg)

    def _found(self, attempts):
        reached = {n for n in self.forger.heard if n in attempts}
        for token in truth.Prober(self.segments.built)._received():
            if token.startswith('forged') and token[6:].isdigit():
                reached.add(int(token[6:]))
        told = {}
        for n in sorted(reached & attempts.keys()):
            target, source, macs = attempts[n]
            how = 'in its own name' if source in self.own else 'as ' + source
            told.setdefault((target, source in self.own), '%s %s %d from %s is reached %s, %s to %s' % (
                target.address, target.proto, target.port, self.name, how, *macs))
        return list(told.values())

    @staticmethod
    def _seen(tap):
        try:
            while True:
                yield tap.recv(256)
        except BlockingIOError:
            pass

    def _tapped(self, attempts, taps):
        """What arrives at a container, though nobody there answers us."""
        told = {}
        for other, tap in taps:
            for frame in self._seen(tap):
                number = number_in(frame)
                if number in attempts:
                    target, source, macs = attempts[number]
                    told.setdefault((other, target), 'to %s %s %d as %s, %s to %s: from %s arrives at %s' % (
                        target.address, target.proto, target.port, source, *macs, self.name, other))
        return list(told.values())

    def _heard(self, text):
        out = []
        for (name, _), ear in self.ears.items():
            try:
                while True:
                    if text in ear.recv(256):
                        out.append('a frame of another protocol from %s reaches %s' % (self.name, name))
                        break
            except BlockingIOError:
                pass
        return out

    def _poisoned(self, claims):
        """Who believes that a claimed address is at one of our MAC addresses."""
        out, mine = [], {m for _, m, _ in self.legs}
        for name in {self.segments.owner[a] for a in self.beside}:
            with inside(self.segments.built.path(name)):
                table = json.loads(run('ip', '-j', 'neigh') or '[]')
            out += ['%s believes that %s is at %s' % (name, one['dst'], self.name) for one in table
                    if one.get('lladdr') in mine and one['dst'] in claims]
        return out
