"""Root in a network namespace who sends forged frames and hears what comes back (AF_PACKET).

A lie is told at once to whoever asks for a claimed address, and again twice: the owner answers as well, and where
neigh/*/locktime is 0 the last answer is believed.
"""

import contextlib
import errno
import heapq
import select
import socket
import time

import frames
from spaces import inside

SO_RCVBUFFORCE, SOL_PACKET, PACKET_IGNORE_OUTGOING = 33, 263, 23
EVERYTHING = 0x0003  # ETH_P_ALL
RECEIVE_BUFFER = 8 << 20
AGAIN = (0.0, 0.005, 0.020)  # seconds after the question


def wire(path, device, hears):
    """A packet socket on a device of the namespace at |path|; |hears| is an EtherType, 0 for none."""
    with inside(path):
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    raw.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    raw.bind((device, hears))
    raw.setblocking(False)
    return raw


class Forger:
    """|legs| are its (device, MAC), |name6| its IPv6 address on the first, which sends unless told otherwise."""

    def __init__(self, path, legs, name6):
        self.wires = [wire(path, device, EVERYTHING) for device, _ in legs]
        self.macs = [mac for _, mac in legs]
        self.name6 = name6
        self.claims = set()
        self.heard = {}  # number of a SYN -> SynAck
        self.sent = self.lies = 0
        self.pending = []  # (when, order, leg, frame)

    def send(self, frame, leg=0):
        self.sent += 1
        try:
            self.wires[leg].send(frame)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):  # the device is busy
                raise
            time.sleep(0.002)
            self.wires[leg].send(frame)

    def listen(self, seconds):
        """Answers and notes what comes; at least |seconds|."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while self.pending and self.pending[0][0] <= now:
                _, _, leg, frame = heapq.heappop(self.pending)
                self.send(frame, leg)
            if now >= end:
                return
            until = min(end, self.pending[0][0]) if self.pending else end
            for ready in select.select(self.wires, [], [], max(0.0, until - now))[0]:
                self._receive(self.wires.index(ready))

    def _receive(self, leg):
        with contextlib.suppress(BlockingIOError):
            while True:
                got = frames.parse(self.wires[leg].recv(2048))
                if isinstance(got, frames.SynAck):
                    self.heard[got.acknowledged - 1 & 0xffffffff] = got
                elif isinstance(got, frames.Request) and got.target in self.claims and got.asker != '::':
                    self._lie(got, leg)

    def _lie(self, request, leg):
        # In IPv6 by turns in its own name, which filters of addresses let pass, and in that of the claimed address.
        now = time.monotonic()
        for after, sender in zip(AGAIN, (self.name6, request.target, self.name6)):
            self.lies += 1
            frame = frames.claim(request, self.macs[leg], sender)
            if after:
                heapq.heappush(self.pending, (now + after, self.lies, leg, frame))
            else:
                self.send(frame, leg)

    def forget(self):
        self.claims.clear()
        self.heard.clear()
        self.pending.clear()
        for one in self.wires:
            with contextlib.suppress(BlockingIOError):
                while True:
                    one.recv(64)


class Neighbour:
    """A machine that says one frame when told to: bridges learn again where it is."""

    def __init__(self, path, device, mac):
        self.wire = wire(path, device, 0)
        self.frame = frames.hello(mac)

    def hello(self):
        self.wire.send(self.frame)
