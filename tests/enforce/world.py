"""The world in which apply is tried: a host with a real Docker engine, two tenants, and a real sshd.

Reading, loading and confirming is done by the program under test, in the host's network namespace; connections are made
with real sockets from inside the namespaces. Whoever is "over SSH" here is: OpenSSH's server runs in the lab's host, and
the client in the machine on its LAN.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'kernel'))

import engine  # noqa: E402
from lab import USUAL, Box, Built, Lab, Net  # noqa: E402
from spaces import LabError, inside, run  # noqa: E402

GENEROUS = 90  # seconds for what must happen some time
HOST, LAN, MGT = '192.168.50.10', '192.168.50.20', '10.99.0.2'

WORLD = Lab('apply', 'one tenant, and one container of nobody', engine='--experimental --ip6tables', host=USUAL,
            nets=[Net('blue', '10.1.1.0/24', 'fd00:1:1::/64'), Net('free', '10.1.3.0/24')],
            boxes=[Box('web', 'blue', publish='8080:80'), Box('db', 'blue'), Box('stray', 'free', publish='8083:80')],
            before=['host: sysctl -qw net.ipv6.conf.all.forwarding=1',
                    'host: sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1'])

POLICY = '''bulkhead: 1
mode: enforce
trust: {people: ["%s"]}
tenants:
  shop:
    containers: [web, db, late]
    services: {web: {container: web}, db: {container: db}}
    ingress: [{to: web, publish: 8080/tcp, from: %s}]
    allow: [{from: web, to: db, port: 5432/tcp}]
''' % (LAN, '%s')
FROM_ANYWHERE = POLICY % 'internet'
FROM_PEOPLE = POLICY % 'people'
AUDITED = FROM_PEOPLE.replace('enforce', 'audit')
BESIDE = '''  free:
    mode: audit
    containers: [stray]
    services: {stray: {container: stray}}
'''
NEVER = 'never: [{from: host, to: shop/db}]\n'
LATE = FROM_ANYWHERE.replace('db: {container: db}', 'db: {container: db}, late: {container: late}').replace(
    'ingress: [', 'ingress: [{to: late, publish: 8090/tcp, from: internet}, ')
BROKEN = FROM_ANYWHERE + 'never: [{from: internet, to: shop/web}]\n'
SSH_FROM = 'host: {ssh: {port: 22/tcp, from: %s}}\n'
SSH_OF_PEOPLE = FROM_ANYWHERE + SSH_FROM % 'people'
DROPBEAR_FROM = 'host: {ssh: {port: 22/tcp, from: people}, other: {port: 2222/tcp, from: %s}}\n'
DROPBEAR_OF_PEOPLE = FROM_ANYWHERE + DROPBEAR_FROM % 'people'
DROPBEAR_OF_NOBODY = FROM_ANYWHERE + DROPBEAR_FROM % '"lan:mgmt0"'
SSH_OF_NOBODY = FROM_ANYWHERE + SSH_FROM % '"lan:mgmt0"'


def until(true, what, seconds=GENEROUS):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError('still not: ' + what)
        time.sleep(0.02)


class Server:
    """A server of SSH in the host of the lab; the client is OpenSSH's, on the LAN."""

    port = 22

    def client(self, *command):
        return ['ssh', '-F', 'none', '-p', str(self.port), '-i', self.dir + '/user', '-o', 'StrictHostKeyChecking=no',
                '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'SendEnv=DOCKER_HOST', '-o', 'BatchMode=yes',
                'root@' + HOST, *command]

    def shell(self):
        """A session that stays: lines of a shell, in one connection."""
        with inside(self.built.path('lan')):
            return Shell(self.client('sh'), dict(os.environ, DOCKER_HOST=self.built.engine.host))

    def close(self):
        self.process.terminate()
        self.process.wait()


class Dropbear(Server):
    """Dropbear, root's, beside OpenSSH's. It reads keys in the home of the user, so root's is another for it."""

    port = 2222

    def __init__(self, built):
        self.built, self.dir = built, built.dir + '/dropbear'
        os.makedirs(self.dir + '/home/.ssh', mode=0o700)
        run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self.dir + '/user')
        run('dropbearkey', '-t', 'ed25519', '-f', self.dir + '/host')
        shutil.copy(self.dir + '/user.pub', self.dir + '/home/.ssh/authorized_keys')
        with open(self.dir + '/passwd', 'w') as file:
            file.write('root:x:0:0:root:%s/home:/bin/sh\n' % self.dir)
        with inside(built.path('host')):
            self.process = subprocess.Popen(
                ['unshare', '-m', 'sh', '-c', 'mount --bind "$0/passwd" /etc/passwd && exec dropbear -F -E -s -r "$0/host" -p %d -P ""'
                 % self.port, self.dir], stdin=subprocess.DEVNULL, stderr=open(self.dir + '/log', 'w'))
        until(lambda: connects(built.path('lan'), HOST, self.port), 'dropbear answers')

    def shell(self):
        shell = super().shell()
        shell.say('export DOCKER_HOST=' + self.built.engine.host)  # it takes no environment
        return shell


class Sshd(Server):
    """OpenSSH's server, root's, with keys of its own."""

    def __init__(self, built):
        self.built, self.dir = built, built.dir + '/ssh'
        os.makedirs(self.dir, mode=0o700)
        for key in ('host', 'user'):
            run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '%s/%s' % (self.dir, key))
        os.makedirs('/run/sshd', exist_ok=True)
        shutil.copy(self.dir + '/user.pub', self.dir + '/authorized')
        with open(self.dir + '/config', 'w') as file:
            file.write('Port 22\nHostKey %s/host\nPidFile none\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\n'
                       'PermitRootLogin yes\nPasswordAuthentication no\nAcceptEnv DOCKER_HOST\n' % (self.dir, self.dir))
        with inside(built.path('host')):
            self.process = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', self.dir + '/config'], stdin=subprocess.DEVNULL,
                                            stderr=open(self.dir + '/log', 'w'))
        until(lambda: connects(built.path('lan'), HOST, 22), 'sshd answers')


class Shell:
    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=env)

    def say(self, line):
        """(exit code, what it printed)."""
        self.process.stdin.write(line + ' </dev/null 2>&1; code=$?; echo; echo ended $code\n')
        self.process.stdin.flush()
        text = ''
        for read in self.process.stdout:
            if read.startswith('ended '):
                return int(read.split()[1]), text
            text += read
        raise LabError('the session ended: ' + text)

    def close(self):
        self.process.kill()  # the connection may be cut
        self.process.communicate()


def connects(path, address, port):
    """A TCP connection from inside a namespace is accepted."""
    with inside(path):
        with socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET) as one:
            one.settimeout(1.5)
            try:
                one.connect((address, port))
                return True
            except OSError:
                return False


def cookie(path):
    with inside(path), socket.socket(socket.AF_UNIX) as one:
        return struct.unpack('=Q', one.getsockopt(socket.SOL_SOCKET, 71, 8))[0]


class World:
    def __init__(self, program, labd, directory):
        self.program = os.path.abspath(program)
        self.built = Built(WORLD, directory, os.path.abspath(labd), engine.make_image(directory, os.path.abspath(labd)))
        self.sshd = None
        self.folder = None

    def build(self):
        self.built.build()
        self.built.settle()
        self.host = self.built.path('host')
        self.folder = '/run/bulkhead/apply/net-%d' % cookie(self.host)
        self.sshd = Sshd(self.built)
        with inside(self.built.path('db')):
            self.db = json.loads(run('ip', '-j', '-4', 'addr', 'show', 'dev', 'eth0'))[0]['addr_info'][0]['local']

    def close(self):
        if self.folder and os.path.isdir(self.folder):
            with contextlib.suppress(OSError, ValueError):
                with open(self.folder + '/state.json') as file:
                    pid = json.load(file)['guardian_pid']
                with open('/proc/%d/comm' % pid) as file:
                    if file.read() == 'bulkhead-guard\n':
                        os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.folder)
        if self.sshd:
            self.sshd.close()
        self.built.close()

    def policy(self, text):
        path = self.built.dir + '/bulkhead.yaml'
        with open(path, 'w') as file:
            file.write(text)
        return path

    def command(self, *arguments):
        return [self.program, *arguments]

    def environment(self):
        return {'PATH': os.environ['PATH'], 'DOCKER_HOST': self.built.engine.host, 'LC_ALL': 'C.UTF-8'}

    def start(self, *arguments, **how):
        with inside(self.host):
            return subprocess.Popen(self.command(*arguments), env=self.environment(), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)

    def start_with_nft(self, script, *arguments):
        """With a program in the place of nft, for this command and what it leaves behind. In |script|, $real is nft."""
        directory = os.path.join(self.built.dir, 'nft')
        os.makedirs(directory, exist_ok=True)
        shutil.copy('/usr/sbin/nft', directory + '/real')
        with open(directory + '/fake', 'w') as file:
            file.write('#!/bin/sh\nreal=%s/real\ncd %s\n%s\nexec "$real" "$@"\n' % (directory, directory, script))
        os.chmod(directory + '/fake', 0o755)
        with inside(self.host):
            return subprocess.Popen(['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /usr/sbin/nft && exec "$@"', directory + '/fake',
                                     *self.command(*arguments)], env=self.environment(), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                    process_group=0)  # as a shell does: else no key suspends it

    def nft_said(self, name):
        """What |script| wrote into a file; '' when it has not yet."""
        try:
            with open(os.path.join(self.built.dir, 'nft', name)) as file:
                return file.read().strip()
        except OSError:
            return ''

    def say(self, *arguments, **how):
        """(exit code, what it printed), at a console."""
        process = self.start(*arguments, **how)
        text = process.communicate(timeout=GENEROUS)[0]
        return process.returncode, text

    def apply(self, text, *arguments):
        return self.say('apply', '--config', self.policy(text), *arguments)

    def over_ssh(self, shell, *arguments):
        return shell.say(' '.join(self.command(*arguments)))

    def nft(self, *arguments):
        with inside(self.host):
            return run('nft', *arguments)

    def rules(self):
        """As nft lists them; without counters, which the engine's own rules have, too."""
        return self.nft('-s', 'list', 'ruleset')

    def sessions(self):
        with inside(self.host):
            return run('ss', '-Htn', 'state', 'established', 'sport = :22 or sport = :%d' % Dropbear.port)

    def loaded(self):
        return 'table inet bulkhead' in self.nft('list', 'tables')

    def status(self):
        code, text = self.say('status', '--json')
        return code, json.loads(text)

    def refused_words(self):
        return self.status()[1]['applied']['audited']['would_refuse']

    def guardian(self):
        with open(self.folder + '/state.json') as file:
            return json.load(file)['guardian_pid']

    def phase(self):
        try:
            with open(self.folder + '/state.json') as file:
                return json.load(file)['phase']
        except OSError:
            return ''

    def seen(self):
        """Who connects to what, by real connections."""
        path = self.built.path
        return {'lan to web': connects(path('lan'), HOST, 8080), 'mgt to web': connects(path('mgt'), HOST, 8080),
                'web to db': connects(path('web'), self.db, 5432), 'web to db, other port': connects(path('web'), self.db, 6379),
                'stray to stray': connects(path('lan'), HOST, 8083), 'host to db': connects(path('host'), self.db, 5432)}
