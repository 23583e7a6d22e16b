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


class Engine:
    def __init__(self, netns, directory, flags, legacy=False):
        self.netns, self.dir, self.flags, self.legacy = netns, directory, flags, legacy
        self.socket = directory + '/docker.sock'
        self.host = 'unix://' + self.socket
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
