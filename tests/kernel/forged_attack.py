"""What each attacker tries: sources, MACs and ports, phase by phase, and what of it got in."""

import collections

import frames
from forged_net import HOST, PLACES, everyone_but, near
from forger import Forger, Neighbour

PORTS_OF_NOTE = (53, 0)
GROUP, SETTLE, COLLECT = 0.012, 0.03, 0.10  # seconds
STRANGER = '02:de:ad:be:ef:01'
FREE = ('10.9.0.77', 'fd09::77')
FAR = ('198.51.100.7', '2001:db8:51::7', 'fe80::77')

Target = collections.namedtuple('Target', 'attacker protocol address port')
Attempt = collections.namedtuple('Attempt', 'target source source_port sender receiver')
Sender = collections.namedtuple('Sender', 'mac stolen', defaults=(None,))  # |stolen|: whose MAC it used just before
Receiver = collections.namedtuple('Receiver', 'mac leg tagged', defaults=(0, False))


class Attacker:
    """What one attacker varies, and its attempts at the targets of one case."""

    def __init__(self, network, name, legs, sources, macs, neighbours):
        addresses, _, self.gateways = PLACES[name]
        self.wire = [a for a in everyone_but(*addresses) if near(a, self.gateways)]
        self.network, self.name, self.sources, self.neighbours = network, name, sources, neighbours
        self.senders, self.receivers = macs  # Senders, first itself, and Receivers
        self.forger = Forger(network.path(name), legs, addresses[1])
        self.hosts = {network.mac('host', device) for device in HOST}
        self.framed = False  # the case has rules that see whole frames: tags matter to the host too
        self.number = 1
        self.begin([])

    def begin(self, targets):
        self.open = set(targets)  # not reached yet
        self.thorough = False  # frames with a tag bear every MAC address, not its own alone
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
            if to.tagged and not self.thorough and (sender != self.senders[0] or to.mac in self.hosts and not self.framed):
                continue
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
        self.framed = 'table bridge' in case.nft
        for sources in self.sources + [(case.source, case.source6)] * bool(case.source):
            if self.open:
                self.phase(sources, case.claims if case.source in sources else ())


def attackers(network, wide):
    """name -> Attacker."""
    mac = {name: network.mac(name, PLACES[name][1]) for name in PLACES}
    on_host = {device: network.mac('host', device) for device in HOST}
    second = network.mac('g4', 'eth1')
    guests = [Neighbour(network.path(n), 'eth0', mac[n]) for n in ('g2', 'g3')]
    own, two, three, four, h1, lan1 = (PLACES[n][0] for n in ('g1', 'g2', 'g3', 'g4', 'h1', 'lan1'))

    def guest(name, legs, sources, more):
        others = [mac[n] for n in ('g3', 'g4') if n != name]
        senders = [Sender(mac[name]), *(Sender(mac[name], other) for other in others),
                   Sender(mac['g3']), Sender(STRANGER), Sender(mac['g2'])]
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


def receivers(wide, leg, bridge, *macs):
    """|macs|: beside the bridge. |wide|: also what `as: attacker` does not speak of."""
    plain = [Receiver(mac, leg) for mac in (bridge, *macs)]
    return plain + [Receiver(mac, leg, True) for mac in (bridge, *macs)] + [Receiver(frames.BROADCAST, leg)] * wide
