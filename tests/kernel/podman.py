"""A rootful Podman of its own, with the interface of engine.Engine: containers without a daemon, and a service to ask."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

from engine import IMAGE, Engine, alive, command, processes, unmount_below
from spaces import LabError, run

# In a lab nothing may be raised above what the machine allows; runc: crun refuses hybrid cgroups.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
# Asked for its version, Podman asks dpkg for the packages of its tools, each time, for seconds: not here.
ENTER = ('mount -t tmpfs none /run && mkdir /run/netns && mount --bind /bin/false /usr/bin/dpkg && echo ready && '
         'exec sleep 100000')


class Podman(Engine):
    """Whatever its flags, Podman keeps addresses and names in /run/containers/networks, so this one has a /run of its own."""

    names_survive = True  # by their conmon

    def __init__(self, netns, directory, flags, legacy=False):
        super().__init__(netns, directory, flags, legacy)
        self.socket = directory + '/podman.sock'
        self.host = 'unix://' + self.socket
        self.environment = {'CONTAINER_HOST': self.host}
        self.keeper = None  # holds the mount namespace

    def start(self):
        os.makedirs(self.dir + '/networks')
        with open(self.dir + '/containers.conf', 'w') as file:
            file.write(CONFIGURATION)
        self.keeper = subprocess.Popen(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ENTER],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.keeper.stdout.readline().strip() != 'ready':
            raise LabError('no mount namespace for podman')
        log = open(self.dir + '/service.log', 'ab')
        self.process = subprocess.Popen(self._line('system', 'service', '--time', '0', self.host),
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env(),
                                        start_new_session=True)
        log.close()
        until = time.monotonic() + 40
        while True:
            with contextlib.suppress(OSError, LabError):
                self.call('GET', '/_ping')
                return
            if self.process.poll() is not None or time.monotonic() > until:
                with open(self.dir + '/service.log') as said:
                    raise LabError('podman does not answer: ' + said.read()[-1500:])
            time.sleep(0.05)

    def load(self, image_tar):
        self._podman('import', image_tar, IMAGE)

    def network(self, net):
        options = [part for key, value in net.options.items() for part in ('--opt', '%s=%s' % (key, value))]
        six = ['--ipv6', '--subnet', net.v6] if net.v6 else []
        self._podman('network', 'create', '--driver', net.driver, *options, *['--internal'] * net.internal,
                     '--subnet', net.v4, *six, net.name)

    def pod(self, pod):
        self._podman('pod', 'create', '--name', pod.name, '--infra-image', IMAGE, '--infra-command', '/bin/sleep 100000',
                     *self._ports(pod.publish), *self._nets(pod.nets))

    def container(self, box, logs):
        where = ['--pod', box.mode[4:]] if box.mode.startswith('pod:') else \
            ['--network', box.mode] if box.mode else self._nets(box.nets)
        drop = [part for cap in box.caps for part in ('--cap-drop', cap)]
        sysctls = [part for pair in box.sysctls.items() for part in ('--sysctl', '%s=%s' % pair)]
        self._podman('run', '--detach', '--name', box.name, '--volume', logs + ':/log', *where, *drop, *sysctls,
                     *self._ports(box.publish), IMAGE, *command(box, '/log'))
        return json.loads(self._podman('inspect', box.name))[0]['State']['Pid']

    def kill(self):
        """SIGKILL to the service alone: nothing else notices."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        """Ends all, whatever state it is in; never raises. Conmon first: if it saw its container end, it would start a
        podman to clean up."""
        until = time.monotonic() + 15
        mine = self._mine()
        while mine and time.monotonic() < until:
            for pid in sorted(mine, key=lambda pid: _name(pid) != 'conmon'):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            for child in (self.process, self.keeper):
                if child:
                    child.poll()
            time.sleep(0.05)
            mine = {pid for pid in self._mine() if alive(pid)}
        unmount_below(self.dir)
        self._remove_cgroups()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _mine(self):
        """What names our directory, what hangs below it, and what stands in our mount namespace (the name server)."""
        mine = super()._mine()
        with contextlib.suppress(OSError, AttributeError):
            ours = os.readlink('/proc/%d/ns/mnt' % self.keeper.pid)
            for pid in processes():
                with contextlib.suppress(OSError):
                    if os.readlink('/proc/%d/ns/mnt' % pid) == ours and ours != os.readlink('/proc/self/ns/mnt'):
                        mine.add(pid)
        return mine

    def _remove_cgroups(self):
        with contextlib.suppress(OSError):
            ids = os.listdir(self.dir + '/data/vfs-containers')
            for at, folders, _ in os.walk('/sys/fs/cgroup', topdown=False):
                for folder in folders:
                    if 'libpod_parent' in at + '/' and folder[7:] in ids:
                        with contextlib.suppress(OSError):
                            os.rmdir(at + '/' + folder)
                        if not at.endswith('/libpod_parent'):  # of the pod, once its last member is gone
                            for left in (at + '/conmon', at):
                                with contextlib.suppress(OSError):
                                    os.rmdir(left)

    def _line(self, *words):
        return ['nsenter', '--mount=/proc/%d/ns/mnt' % self.keeper.pid, '--net=' + self.netns, 'podman',
                '--runtime', shutil.which('runc'), '--storage-driver', 'vfs', '--root', self.dir + '/data',
                '--runroot', '/run/storage', '--tmpdir', '/run/libpod',
                '--network-config-dir', self.dir + '/networks', *words]

    def _env(self):
        return dict(os.environ, CONTAINERS_CONF=self.dir + '/containers.conf')

    def _podman(self, *words):
        return run(*self._line(*words), env=self._env())

    @staticmethod
    def _ports(publish):
        return [part for one in publish.split() for part in ('--publish', one)]

    @staticmethod
    def _nets(nets):
        return ['--network', ','.join(nets.split())] if nets else []


def _name(pid):
    with contextlib.suppress(OSError):
        with open('/proc/%d/comm' % pid) as name:
            return name.read().strip()
    return ''
