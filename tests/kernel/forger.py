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
    """|addresses| are its own, IPv4 then IPv6; |mac| is that of its device."""

    def __init__(self, path, device, mac, addresses):
        self.wire = wire(path, device, EVERYTHING)
        self.mac, self.addresses = mac, addresses
        self.claims = set()
        self.heard = {}  # number of a SYN -> SynAck
        self.sent = self.lies = 0
        self.pending = []  # (when, order, frame)

    def close(self):
        self.wire.close()

    def send(self, frame):
        self.sent += 1
        try:
            self.wire.send(frame)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):  # the device is busy
                raise
            time.sleep(0.002)
            self.wire.send(frame)

    def listen(self, seconds):
        """Answers and notes what comes; at least |seconds|."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while self.pending and self.pending[0][0] <= now:
                self.send(heapq.heappop(self.pending)[2])
            if now >= end:
                return
            until = min(end, self.pending[0][0]) if self.pending else end
            if select.select([self.wire], [], [], max(0.0, until - now))[0]:
                self._receive()

    def _receive(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                got = frames.parse(self.wire.recv(2048))
                if isinstance(got, frames.SynAck):
                    self.heard[got.acknowledged - 1 & 0xffffffff] = got
                elif isinstance(got, frames.Request) and got.target in self.claims and got.asker != '::':
                    self._lie(got)

    def _lie(self, request):
        # In IPv6 by turns in its own name, which filters of addresses let pass, and in that of the claimed address.
        own = self.addresses[1]
        now = time.monotonic()
        for after, sender in zip(AGAIN, (own, request.target, own)):
            self.lies += 1
            frame = frames.claim(request, self.mac, sender)
            if after:
                heapq.heappush(self.pending, (now + after, self.lies, frame))
            else:
                self.send(frame)

    def forget(self):
        self.claims.clear()
        self.heard.clear()
        self.pending.clear()
        with contextlib.suppress(BlockingIOError):
            while True:
                self.wire.recv(64)


class Neighbour:
    """A machine that says one frame when told to: bridges learn again where it is."""

    def __init__(self, path, device, mac):
        self.wire = wire(path, device, 0)
        self.frame = frames.hello(mac)

    def hello(self):
        self.wire.send(self.frame)

    def close(self):
        self.wire.close()
