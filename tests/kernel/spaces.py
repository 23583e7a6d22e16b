"""Network namespaces of one lab: made, entered, configured and deleted by name.

Names are bk<pid>-<lab>-<space>; the pid is that of the process that made them, so that what a killed run left behind
can be told from what another run uses now (see stale()).
"""

import contextlib
import ctypes
import os
import re
import socket
import struct
import subprocess

RUN = '/run/netns/'
CLONE_NEWNET = 0x40000000
RTM_DELNEIGH, RTM_GETNEIGH = 29, 30
LIBC = ctypes.CDLL(None, use_errno=True)
HOME = os.open('/proc/self/ns/net', os.O_RDONLY | os.O_CLOEXEC)

# Answers must not depend on how many were given before, nor on addresses that are still being checked for duplicates.
EVERYWHERE = {
    'net.ipv4.icmp_ratelimit': '0', 'net.ipv4.icmp_ratemask': '0',
    'net.ipv4.icmp_msgs_per_sec': '1000000', 'net.ipv4.icmp_msgs_burst': '1000000',
    'net.ipv6.icmp.ratelimit': '0', 'net.ipv6.icmp.ratemask': '',
    'net.ipv4.conf.all.send_redirects': '0', 'net.ipv4.conf.default.send_redirects': '0',
    'net.ipv4.conf.all.accept_redirects': '0', 'net.ipv6.conf.all.accept_redirects': '0',
    'net.ipv6.conf.default.accept_ra': '0', 'net.ipv6.conf.all.accept_ra': '0',
    'net.ipv6.conf.default.accept_dad': '0', 'net.ipv6.conf.all.accept_dad': '0',
}


class LabError(Exception):
    """A lab could not be built; says which command failed and how."""


def run(*command, text=None, check=True, timeout=60, env=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, env=env)
    if check and done.returncode:
        raise LabError('%s: exit %d: %s' % (' '.join(command), done.returncode, done.stderr.strip()[:500]))
    return done.stdout


@contextlib.contextmanager
def inside(path):
    """Runs the body (this thread and the children it starts) in the network namespace at |path|."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.setns(fd, CLONE_NEWNET):
            raise LabError('setns %s: errno %d' % (path, ctypes.get_errno()))
        yield
    finally:
        LIBC.setns(HOME, CLONE_NEWNET)
        os.close(fd)


def sysctl(path, values):
    """Sets net.* values in the namespace at |path|; interface names in them must hold no dot."""
    with inside(path):
        for key, value in values.items():
            file = '/proc/sys/' + key.replace('.', '/')
            try:
                with open(file, 'w') as out:
                    out.write(str(value))
            except OSError as error:
                raise LabError('sysctl %s=%s: %s' % (key, value, error))


def quicken(path):
    """Neighbours that do not exist are known after 60 ms instead of 3 s, on every device there is now."""
    with inside(path):
        for family in ('ipv4', 'ipv6'):
            base = '/proc/sys/net/%s/neigh' % family
            for device in os.listdir(base):
                for key, value in (('mcast_solicit', '2'), ('ucast_solicit', '2'), ('retrans_time_ms', '30'), ('proxy_delay', '0')):
                    with contextlib.suppress(OSError):
                        with open('%s/%s/%s' % (base, device, key), 'w') as out:
                            out.write(value)


def forget(path):
    """Empties connection tracking and neighbour tables, so that a measurement leaves nothing to the next one."""
    with inside(path):
        flush_conntrack()
        flush_neighbours()


def flush_neighbours():
    """As `ip neigh flush all`: what was learned goes, what was set by hand stays. No process is started: it is done often."""
    kept = 0x40 | 0x80  # NUD_NOARP, NUD_PERMANENT
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.send(struct.pack('=IHHII', 28, RTM_GETNEIGH, 1 | 0x300, 1, 0) + bytes(12))  # NLM_F_REQUEST, NLM_F_DUMP
        for body in _dumped(link):
            family, index, state = struct.unpack_from('=Bxxxih', body)
            address = next((value for kind, value in _attributes(body[12:]) if kind == 1), b'')  # NDA_DST
            if state & kept or family not in (socket.AF_INET, socket.AF_INET6):
                continue
            which = struct.pack('=BxxxiHBB', family, index, 0, 0, 0) + struct.pack('=HH', 4 + len(address), 1) + address
            link.send(struct.pack('=IHHII', 16 + len(which), RTM_DELNEIGH, 1, 2, 0) + which)  # gone already: an error nobody reads


def _dumped(link):
    """The bodies of a dump's messages, read to its end."""
    bodies = []
    while True:
        data = link.recv(1 << 16)
        while data:
            size, kind = struct.unpack_from('=IH', data)
            if kind in (2, 3):  # NLMSG_ERROR, NLMSG_DONE
                return bodies
            bodies.append(data[16:size])
            data = data[size + 3 & ~3:]


def _attributes(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from('=HH', data)
        yield kind, data[4:size]
        data = data[max(size, 4) + 3 & ~3:]


def flush_conntrack():
    # IPCTNL_MSG_CT_DELETE without a tuple deletes all (net/netfilter/nf_conntrack_netlink.c).
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as link:
        body = struct.pack('=BBH', 0, 0, 0)
        link.send(struct.pack('=IHHII', 16 + len(body), (1 << 8) | 2, 1 | 4, 1, 0) + body)
        answer = link.recv(4096)
        error = struct.unpack_from('=i', answer, 16)[0]
        if error:
            raise LabError('flush of connection tracking: errno %d' % -error)


class Spaces:
    """The namespaces of one lab."""

    def __init__(self, lab):
        self.prefix = 'bk%d-%s-' % (os.getpid(), lab)
        self.names = []

    def path(self, name):
        return RUN + self.prefix + name

    def add(self, name):
        self.names.append(name)  # first, so that a failure half way is cleaned too
        run('ip', 'netns', 'add', self.prefix + name)
        sysctl(self.path(name), EVERYWHERE)
        self.ip(name, ['link set lo up'])

    def attach(self, name, pid):
        self.names.append(name)
        run('ip', 'netns', 'attach', self.prefix + name, str(pid))

    def ip(self, name, lines):
        if lines:
            run('ip', '-n', self.prefix + name, '-batch', '-', text='\n'.join(lines) + '\n')

    def veth(self, a, a_device, b, b_device):
        run('ip', '-n', self.prefix + a, 'link', 'add', a_device, 'type', 'veth', 'peer', 'name', b_device,
            'netns', self.prefix + b)
        self.ip(a, ['link set %s up' % a_device])
        self.ip(b, ['link set %s up' % b_device])

    def delete(self):
        for name in self.names:
            if os.path.exists(self.path(name)):
                run('ip', 'netns', 'del', self.prefix + name, check=False)
        self.names = []


def stale():
    """(prefix, pid) of namespaces whose maker is dead, deleted here."""
    if not os.path.isdir(RUN):
        return
    for name in os.listdir(RUN):
        made = re.match(r'bk(\d+)-', name)
        if made and not os.path.exists('/proc/' + made.group(1)):
            run('ip', 'netns', 'del', name, check=False)
