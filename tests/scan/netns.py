"""What tests of scans share: network namespaces of their own, joined by a veth pair, and sockets in them."""

import contextlib
import socket
import subprocess
import sys
import threading


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def inside(name, *words, **more):
    return subprocess.run(["nsenter", f"--net=/run/netns/{name}", *words], check=True, **more)


def join(first, second, *networks):
    """Makes both namespaces; eth0 of the first has the addresses NETWORK.format(1), of the second .format(2)."""
    for name in (first, second):
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    ip("-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)
    for name, last in ((first, 1), (second, 2)):
        for network in networks:
            words = ["nodad"] if ":" in network else []
            ip("-n", name, "addr", "add", network.format(last), "dev", "eth0", *words)
        ip("-n", name, "link", "set", "eth0", "up")


def remove(*names):
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False)


def socket_in(name, port, kind=socket.SOCK_STREAM, backlog=64):
    """A socket that belongs to the namespace `name`, listening if it is one of TCP: made in a child, handed over."""
    here, there = socket.socketpair()
    code = ("import socket\n"
            f"s = socket.socket(socket.AF_INET6, {int(kind)})\n"
            "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
            f"s.bind(('::', {port}))\n"
            f"{f's.listen({backlog})' if kind == socket.SOCK_STREAM else ''}\n"
            f"c = socket.socket(fileno={there.fileno()})\n"
            "socket.send_fds(c, [b'x'], [s.fileno()])\n")
    inside(name, sys.executable, "-c", code, pass_fds=[there.fileno()])
    _, fds, _, _ = socket.recv_fds(here, 1, 1)
    here.close(), there.close()
    return socket.socket(fileno=fds[0])


@contextlib.contextmanager
def served(serve, listening):
    """Runs serve(listening) in a thread; it ends when the socket does."""
    def run():
        with contextlib.suppress(OSError):
            serve(listening)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)
