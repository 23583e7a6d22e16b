"""What a lab is (a plain description) and how it is built.

The world around each host, unless the description says otherwise:

    inet 198.51.100.2 --- rtr 192.168.50.1 --+-- sw (bridge) --+-- up0  host 192.168.50.10  mgmt0 --- mgt 10.99.0.2
                                             |                 |
                                             +-- lan .20 ------+         the same in IPv6: 2001:db8:...

lan and mgt have routes to the container networks through the host; rtr throws packets to private addresses away
(in silence: a router's "no route" runs dry after five answers, see README).
"""

import contextlib
import dataclasses
import json
import os
import re
import subprocess
import time

from engine import Engine
from podman import Podman
from spaces import EVERYWHERE, LabError, Spaces, forget, inside, quicken, run, sysctl

OUTSIDE = ('lan', 'rtr', 'inet', 'mgt')
USUAL = 'tcp,::,80 tcp,::,443 tcp,::,3306 tcp,::,5432 tcp,::,6379 udp,::,514'  # few ports, asked of everybody: many pairs can be open


@dataclasses.dataclass
class Net:
    name: str
    v4: str
    v6: str = ''
    internal: bool = False
    driver: str = 'bridge'
    options: dict = dataclasses.field(default_factory=dict)
    gateway: str = ''  # given only where it matters (macvlan)


@dataclasses.dataclass
class Box:
    """A container. |publish| as in docker run -p, |listen| as in labd; |mode| host, none, container:NAME or pod:NAME."""
    name: str
    nets: str = ''  # blank-separated names, each NAME or NAME=ADDRESS; nothing: the default bridge
    listen: str = USUAL
    publish: str = ''
    mode: str = ''
    caps: tuple = ()  # dropped
    sysctls: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Pod:
    """Of Podman: its networks and ports are those of its boxes."""
    name: str
    nets: str = ''
    publish: str = ''


@dataclasses.dataclass
class Phase:
    """A change of the running lab, after which everything is asked and measured again.

    |do| holds lines 'SPACE: shell command' (SPACE: host, lan, rtr, inet, mgt or a container), where $VETH_name is the
    host's end of that container's first interface. |kill| ends the engine first; Docker's containers are then named by path.
    """
    name: str
    do: tuple = ()
    kill: bool = False


@dataclasses.dataclass
class Lab:
    name: str
    why: str
    boxes: list
    nets: list = dataclasses.field(default_factory=list)
    pods: list = dataclasses.field(default_factory=list)
    podman: bool = False  # which engine
    engine: str = ''  # flags of dockerd
    legacy: bool = False
    host: str = 'tcp,::,22 tcp,127.0.0.1,631 ' + USUAL  # listeners of the host itself
    around: str = USUAL  # listeners of lan, inet and mgt
    before: tuple = ()  # before the engine starts, lines as in Phase.do
    phases: list = dataclasses.field(default_factory=lambda: [Phase('up')])
    extra: str = ''  # more addresses to ask for
    few: str = ''  # addresses asked at three ports only (answers that run dry)
    ports: str = ''  # more TCP ports
    router: bool = False  # the router is asked too: it throws packets to private addresses away unless told otherwise


class Built:
    """A running lab. close() leaves nothing behind, however far the building came."""

    def __init__(self, lab, directory, labd, image):
        self.lab, self.dir, self.labd, self.image = lab, directory, labd, image
        self.spaces = Spaces(lab.name)
        make = Podman if lab.podman else Engine
        self.engine = make(self.spaces.path('host'), directory + '/engine', lab.engine.split(), lab.legacy)
        self.listeners = []
        self.pids = {}
        self.by_path = {}
        self.logs = directory + '/logs'
        os.makedirs(self.logs)

    def build(self):
        self._outside()
        for name, specs in [('host', self.lab.host)] + [(n, self.lab.around) for n in OUTSIDE if n != 'rtr']:
            if specs:
                self._listen(name, specs)
        self.do(self.lab.before)
        self.engine.start()
        self.engine.load(self.image)
        for net in self.lab.nets:
            self.engine.network(net)
        for pod in self.lab.pods:
            self.engine.pod(pod)
        for box in self.lab.boxes:
            self._container(box)
        wanted = [b.name for b in self.lab.boxes if b.listen] + [n for n, _ in self.listeners]
        self._wait(lambda: all(os.path.exists('%s/%s.log' % (self.logs, n)) for n in wanted), 'listeners')

    def close(self):
        self.engine.stop()
        for _, listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.kill()
            listener.wait()
        self.spaces.delete()

    def path(self, name):
        return '/proc/%d/ns/net' % self.pids[name] if name in self.pids else self.spaces.path(name)

    def vantages(self):
        """name -> what `bulkhead query` calls it."""
        names = {'host': 'host'}
        for name in self.pids:
            names[name] = 'netns:' + self.spaces.path(self.by_path[name]) if name in self.by_path else 'container:' + name
        for name in OUTSIDE:
            if name == 'rtr' and not self.lab.router:
                continue
            names[name] = 'netns:' + self.spaces.path(name)
        return names

    def do(self, lines):
        env = dict(os.environ, DIR=self.dir, **{'VETH_' + n.replace('-', '_'): v for n, v in self._ends().items()})
        for line in lines:
            space, _, command = line.partition(': ')
            done = subprocess.run(['nsenter', '--net=' + self.path(space), 'sh', '-ec', command], env=env, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
            if done.returncode:
                raise LabError('%s: exit %d: %s' % (line, done.returncode, done.stdout.strip()[:400]))

    def enter_phase(self, phase):
        if phase.kill:
            self.engine.kill()
        if phase.kill and not self.engine.names_survive:
            for name, pid in self.pids.items():
                self.by_path[name] = 'box-' + name
                self.spaces.attach('box-' + name, pid)
        self.do(phase.do)
        self.settle()

    def settle(self):
        """Ports forward, addresses are usable, nothing is remembered of what was sent before."""
        paths = {self.path(n) for n in ('host', 'sw', *OUTSIDE, *self.pids)}

        def ready():
            for path in paths:
                with inside(path):
                    if 'tentative' in run('ip', '-6', 'addr', 'show', 'tentative'):
                        return False
                    if re.search(r'state (listening|learning)', run('bridge', 'link', check=False)):
                        return False
            return True
        self._wait(ready, 'addresses and bridge ports')
        for path in paths:
            quicken(path)
            forget(path)

    def _wait(self, true, what):
        until = time.monotonic() + 40
        while not true():
            if time.monotonic() > until:
                raise LabError('%s: %s not ready; logs %s' % (self.lab.name, what, os.listdir(self.logs)))
            time.sleep(0.03)

    def _outside(self):
        s = self.spaces
        for name in ('host', 'sw', *OUTSIDE):
            s.add(name)
        s.ip('sw', ['link add swbr type bridge forward_delay 0 mcast_snooping 0', 'link set swbr up'])
        for name, device in (('host', 'up0'), ('lan', 'eth0'), ('rtr', 'eth0')):
            s.veth(name, device, 'sw', 'to-' + name)
            s.ip('sw', ['link set to-%s master swbr' % name])
        s.veth('rtr', 'wan0', 'inet', 'eth0')
        s.veth('host', 'mgmt0', 'mgt', 'eth0')
        addresses = {
            'host': ['192.168.50.10/24 dev up0', '2001:db8:50::10/64 dev up0', '10.99.0.1/24 dev mgmt0',
                     'fd99::1/64 dev mgmt0'],
            'lan': ['192.168.50.20/24 dev eth0', '2001:db8:50::20/64 dev eth0'],
            'rtr': ['192.168.50.1/24 dev eth0', '2001:db8:50::1/64 dev eth0', '198.51.100.1/24 dev wan0',
                    '2001:db8:100::1/64 dev wan0'],
            'inet': ['198.51.100.2/24 dev eth0', '2001:db8:100::2/64 dev eth0'],
            'mgt': ['10.99.0.2/24 dev eth0', 'fd99::2/64 dev eth0'],
        }
        routes = {
            'host': ['default via 192.168.50.1', 'default via 2001:db8:50::1'],
            'lan': ['default via 192.168.50.1', 'default via 2001:db8:50::1', '10.1.0.0/16 via 192.168.50.10',
                    '172.16.0.0/12 via 192.168.50.10', 'fd00::/16 via 2001:db8:50::10'],
            'rtr': ['blackhole 10.0.0.0/8', 'blackhole 172.16.0.0/12', 'blackhole 240.0.0.0/4', 'blackhole fc00::/7'],
            'inet': ['default via 198.51.100.1', 'default via 2001:db8:100::1'],
            'mgt': ['default via 10.99.0.1', 'default via fd99::1'],
        }
        for name, list_ in addresses.items():
            s.ip(name, ['addr add %s%s' % (a, ' nodad' if ':' in a.split()[0] else '') for a in list_])
        for name, list_ in routes.items():
            s.ip(name, ['%sroute add %s' % ('-6 ' if ':' in r else '', r) for r in list_ if ':' not in r])
            run('ip', '-n', s.prefix + name, '-6', '-batch', '-', text=''.join('route add %s\n' % r for r in list_ if ':' in r))
        # The host's own forwarding is left to the engine, which sets FORWARD's policy to DROP when it switches it on.
        sysctl(self.path('rtr'), {'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1})

    def _listen(self, name, specs):
        log = '%s/%s.log' % (self.logs, name)
        self.listeners.append((name, subprocess.Popen(
            [self.labd, 'listen', '--netns', self.path(name), '--log', log, *specs.split()], stdin=subprocess.DEVNULL)))

    def _container(self, box):
        self.pids[box.name] = self.engine.container(box, self.logs)
        if not box.mode or box.mode.startswith('pod:'):
            sysctl(self.path(box.name), EVERYWHERE)

    def _ends(self):
        """container -> the host's end of its first interface that is a veth."""
        ends = {}
        if not self.pids:
            return ends
        with inside(self.path('host')):
            by_index = {link['ifindex']: link['ifname'] for link in json.loads(run('ip', '-j', 'link'))}
        for name in self.pids:
            with inside(self.path(name)):
                links = json.loads(run('ip', '-j', 'link') or '[]')
            for link in links:
                if link.get('link_index') in by_index and link['ifname'].startswith('eth'):
                    ends.setdefault(name, by_index[link['link_index']])
        return ends
