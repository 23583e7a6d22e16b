"""The world in which learn is tried: a host with a real Docker engine and real connections, as apply is tried in."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'kernel'))

import engine  # noqa: E402
from lab import USUAL, Box, Built, Lab, Net  # noqa: E402
from spaces import inside, run  # noqa: E402

GENEROUS = 90  # seconds for what must happen some time
HOST, LAN, INET = '192.168.50.10', '192.168.50.20', '198.51.100.2'
HOST6 = '2001:db8:50::10'

WORLD = Lab('learn', 'one tenant, and one container of nobody', engine='--experimental --ip6tables', host=USUAL,
            nets=[Net('blue', '10.1.1.0/24', 'fd00:1:1::/64'), Net('free', '10.1.3.0/24')],
            boxes=[Box('web', 'blue', publish='8080:80'), Box('db', 'blue'), Box('stray', 'free', publish='8083:80')],
            before=['host: sysctl -qw net.ipv6.conf.all.forwarding=1',
                    'host: sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1'])

TENANTS = '''bulkhead: 1
mode: enforce  # at once
tenants:
  shop:  # ours
    containers: [web, db, api, late, first, second]
    services:
      web: {container: web}
      db: {container: db}
      api: {container: api}
      first: {container: first}
      second: {container: second}
'''


def until(true, what):
    end = time.monotonic() + GENEROUS
    while not true():
        if time.monotonic() > end:
            raise AssertionError('still not: ' + what)
        time.sleep(0.02)


def connects(path, address, port, source_port=0):
    """A TCP connection from inside a namespace is accepted; it is closed at once."""
    with inside(path):
        with socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET) as one:
            one.settimeout(1.5)
            try:
                if source_port:
                    one.bind(('', source_port))
                one.connect((address, port))
                return True
            except OSError:
                return False


def scan(path, address, ports):
    """Many connections at once; how many were accepted."""
    with inside(path):
        all_ = []
        for port in ports:
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((address, port))
            all_.append(one)
    time.sleep(0.5)
    _, ready, _ = select.select([], all_, [], 0)
    opened = sum(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 for one in ready)
    for one in all_:
        one.close()
    return opened


class World:
    def __init__(self, program, labd, directory):
        self.program = os.path.abspath(program)
        self.built = Built(WORLD, directory, os.path.abspath(labd), engine.make_image(directory, os.path.abspath(labd)))
        self.dir = directory

    def build(self):
        self.built.build()
        self.built.settle()
        self.host = self.built.path('host')

    def close(self):
        self.built.close()

    def path(self, name):
        return self.built.path(name)

    def address(self, pid_path, family='-4'):
        with inside(pid_path):
            for one in json.loads(run('ip', '-j', family, 'addr', 'show', 'dev', 'eth0'))[0]['addr_info']:
                if one['scope'] == 'global':
                    return one['local']
        raise AssertionError('no address')

    def start_box(self, box):
        """Returns the path of its network namespace."""
        return '/proc/%d/ns/net' % self.built.engine.container(box, self.built.logs)

    def remove_box(self, name):
        self.built.engine.call('DELETE', '/containers/%s?force=1' % name)

    def file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def start(self, *arguments, **how):
        environment = {'PATH': os.environ['PATH'], 'DOCKER_HOST': self.built.engine.host, 'LC_ALL': 'C.UTF-8'}
        with inside(self.host):
            return subprocess.Popen([self.program, *arguments], env=environment, stdin=subprocess.DEVNULL, cwd=self.dir,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)

    def say(self, *arguments, **how):
        """(exit code, standard output, standard error)."""
        process = self.start(*arguments, **how)
        out, err = process.communicate(timeout=GENEROUS)
        return process.returncode, out, err

    def listeners(self):
        """Sockets in the host's namespace that are told of connections (nfnetlink groups 1 and 3)."""
        with inside(self.host):
            with open('/proc/thread-self/net/netlink') as file:
                rows = [line.split() for line in file][1:]
        return sum(row[1] == '12' and int(row[3], 16) == 5 for row in rows)

    def learn(self, *arguments):
        return Learning(self, *arguments)


class Learning:
    """A `learn` that listens; `end()` interrupts it and gives what it said."""

    def __init__(self, world, *arguments):
        self.process = world.start('learn', *arguments, start_new_session=True)
        until(lambda: world.listeners() or self.process.poll() is not None, 'learn listens')
        time.sleep(1)  # the engines and the table are read first

    def end(self, how=signal.SIGINT):
        """As a terminal and a service manager send it: to each process there is of it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        out, err = self.process.communicate(timeout=GENEROUS)
        return self.process.returncode, out, err
