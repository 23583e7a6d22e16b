"""A Docker engine of its own in a network namespace: started, asked over its API, ended by pid without a trace."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import spaces
from spaces import LabError, run

IMAGE = 'lab/busybox:1'
DEADLINE = 40  # seconds for the engine to answer on a loaded machine


class _Local(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('engine', timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


def alive(pid):
    """False for a zombie too: it holds nothing any more."""
    try:
        with open('/proc/%d/stat' % pid) as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def processes():
    """pid -> (parent, command line) of all processes."""
    found = {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                with open('/proc/%s/stat' % name) as stat:
                    parent = int(stat.read().rpartition(')')[2].split()[1])
                with open('/proc/%s/cmdline' % name, 'rb') as line:
                    found[int(name)] = (parent, line.read().replace(b'\0', b' ').decode('utf8', 'replace'))
    return found


def published(text):
    """(address, first host port, last, first container port, protocol) of each -p."""
    for one in text.split():
        spec, _, proto = one.partition('/')
        head, _, inner = spec.rpartition(':')
        address, _, outer = head.rpartition(':')
        first, _, last = outer.partition('-')
        yield address.strip('[]'), int(first), int(last or first), int(inner.partition('-')[0]), proto or 'tcp'


def command(box, logs_inside):
    """What runs in the container of |box|."""
    if not box.listen:
        return ['/bin/sleep', '100000']
    return ['/labd', 'listen', '--log', '%s/%s.log' % (logs_inside, box.name), *box.listen.split()]


class Engine:
    names_survive = False  # a killed engine's containers are known by path only

    def __init__(self, netns, directory, flags, legacy=False):
        self.netns, self.dir, self.flags, self.legacy = netns, directory, flags, legacy
        self.socket = directory + '/docker.sock'
        self.host = 'unix://' + self.socket
        self.environment = {'DOCKER_HOST': self.host}
        self.process = None

    def start(self):
        os.makedirs(self.dir, exist_ok=True)
        env = dict(os.environ)
        if self.legacy:
            env['PATH'] = self._legacy_path() + ':' + env['PATH']
        log = open(self.dir + '/dockerd.log', 'ab')
        self.process = subprocess.Popen(
            ['nsenter', '--net=' + self.netns, 'dockerd', '-H', self.host, '--data-root', self.dir + '/data',
             '--exec-root', self.dir + '/exec', '--pidfile', self.dir + '/pid', *self.flags],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        log.close()
        until = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError, LabError):
                self.call('GET', '/_ping')
                return
            if self.process.poll() is not None or time.monotonic() > until:
                with open(self.dir + '/dockerd.log') as said:
                    raise LabError('dockerd did not answer: ' + said.read()[-1500:])
            time.sleep(0.05)

    def _legacy_path(self):
        where = self.dir + '/legacy'
        os.makedirs(where, exist_ok=True)
        for tool in ('iptables', 'ip6tables'):
            for end in ('', '-save', '-restore'):
                os.symlink('/usr/sbin/%s-legacy%s' % (tool, end), '%s/%s%s' % (where, tool, end))
        return where

    def call(self, method, path, body=None, raw=None):
        link = _Local(self.socket)
        try:
            data = raw if raw is not None else json.dumps(body) if body is not None else None
            kind = 'application/x-tar' if raw is not None else 'application/json'
            link.request(method, '/v1.41' + path, data, {'Content-Type': kind})
            answer = link.getresponse()
            text = answer.read().decode('utf8', 'replace')
            if answer.status >= 400:
                raise LabError('%s %s: %d %s' % (method, path, answer.status, text.strip()[:500]))
            return text
        finally:
            link.close()

    def ask(self, method, path, body=None):
        text = self.call(method, path, body)
        return json.loads(text) if text.strip() else None

    def load(self, image_tar):
        with open(image_tar, 'rb') as tar:
            name, _, tag = IMAGE.partition(':')
            said = self.call('POST', '/images/create?' + urllib.parse.urlencode(
                {'fromSrc': '-', 'repo': name, 'tag': tag}), raw=tar)
            if '"error"' in said:
                raise LabError('import: ' + said[-500:])

    def network(self, net):
        ipam = [{'Subnet': net.v4}] + ([{'Subnet': net.v6}] if net.v6 else [])
        if net.gateway:
            ipam[0]['Gateway'] = net.gateway
        options = dict(net.options)
        if net.driver == 'bridge':
            options.setdefault('com.docker.network.bridge.name', 'br-' + net.name)
        self.ask('POST', '/networks/create', {
            'Name': net.name, 'Driver': net.driver, 'Internal': net.internal, 'EnableIPv6': bool(net.v6),
            'CheckDuplicate': True, 'IPAM': {'Config': ipam}, 'Options': options})

    def container(self, box, logs):
        """Starts it; returns the pid of its first process."""
        ports = {}
        for address, first, last, inner, proto in published(box.publish):
            for i in range(last - first + 1):
                ports.setdefault('%d/%s' % (inner + i, proto), []).append(
                    {'HostIp': address, 'HostPort': str(first + i)})
        nets = [n.partition('=')[::2] for n in box.nets.split()]
        body = {
            'Image': IMAGE, 'Hostname': '' if box.mode else box.name, 'ExposedPorts': {p: {} for p in ports},
            'Cmd': command(box, '/log'),
            'HostConfig': {'Binds': [logs + ':/log'], 'PortBindings': ports, 'CapDrop': list(box.caps),
                           'NetworkMode': box.mode or (nets[0][0] if nets else 'default'), 'Sysctls': box.sysctls},
        }
        if nets:
            body['NetworkingConfig'] = {'EndpointsConfig': {nets[0][0]: _address(nets[0][1])}}
        made = self.ask('POST', '/containers/create?name=' + box.name, body)['Id']
        for name, address in nets[1:]:
            self.ask('POST', '/networks/%s/connect' % name, {'Container': made, 'EndpointConfig': _address(address)})
        self.call('POST', '/containers/%s/start' % made)
        return self.ask('GET', '/containers/%s/json' % made)['State']['Pid']

    def kill(self):
        """SIGKILL to the engine alone: containers, shims and rules stay (live-restore)."""
        with open(self.dir + '/pid') as file:
            os.kill(int(file.read()), signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        """Ends all, whatever state it is in; never raises."""
        with contextlib.suppress(Exception):
            for box in self.ask('GET', '/containers/json?all=1'):
                with contextlib.suppress(Exception):
                    self.call('DELETE', '/containers/%s?force=1' % box['Id'])
        self._end(self._mine(), signal.SIGTERM, 8)
        self._end(self._mine(), signal.SIGKILL, 5)
        unmount_below(self.dir)
        remove_cgroups(self.dir)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _mine(self):
        """Engine, containerd, shims (all name our directory) and what hangs below them."""
        table = processes()
        mine = {pid for pid, (_, line) in table.items() if self.dir + '/' in line and pid != os.getpid()}
        grown = True
        while grown:
            more = {pid for pid, (parent, _) in table.items() if parent in mine} - mine
            mine |= more
            grown = bool(more)
        return mine - {os.getpid()}

    def _end(self, pids, how, seconds):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, how)
        until = time.monotonic() + seconds
        while any(alive(pid) for pid in pids) and time.monotonic() < until:
            if self.process:
                self.process.poll()
            time.sleep(0.02)


def _address(address):
    if not address:
        return {}
    return {'IPAMConfig': {'IPv6Address' if ':' in address else 'IPv4Address': address}}


def unmount_below(directory):
    for _ in range(3):
        with open('/proc/self/mounts') as table:
            mounts = [line.split()[1] for line in table]
        below = [at for at in mounts if at.startswith(directory + '/')]
        if not below:
            return
        for at in reversed(below):
            spaces.LIBC.umount2(at.encode(), 2)  # MNT_DETACH


def remove_cgroups(directory):
    """Folders of containers that had to be killed; their ids are those of the engine's own directory."""
    with contextlib.suppress(OSError):
        ids = os.listdir(directory + '/data/containers')
        for root in os.listdir('/sys/fs/cgroup'):
            for one in ids:
                with contextlib.suppress(OSError):
                    os.rmdir('/sys/fs/cgroup/%s/docker/%s' % (root, one))


def make_image(directory, labd):
    """A root file system of busybox and labd as one tar file."""
    root = directory + '/rootfs'
    os.makedirs(root + '/bin')
    os.makedirs(root + '/tmp')
    shutil.copy('/bin/busybox', root + '/bin/busybox')
    shutil.copy(labd, root + '/labd')
    for tool in ('sh', 'ip', 'sleep', 'nc'):
        os.symlink('busybox', root + '/bin/' + tool)
    run('tar', '-C', root, '-cf', directory + '/image.tar', '.')
    return directory + '/image.tar'


def sweep(directory):
    """Ends and removes what a killed run left below |directory| (folders bk<pid>-*, their maker dead)."""
    for name in os.listdir(directory):
        pid = name[2:].partition('-')[0]
        if name.startswith('bk') and pid.isdigit() and not alive(int(pid)):
            left = directory + '/' + name
            for table in (processes(),):
                for one, (_, line) in table.items():
                    if left + '/' in line and one != os.getpid():
                        with contextlib.suppress(OSError):
                            os.kill(one, signal.SIGKILL)
            unmount_below(left)
            shutil.rmtree(left, ignore_errors=True)
