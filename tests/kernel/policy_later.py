#!/usr/bin/env python3
"""Interfaces that come, or get another name, after the rules were compiled, on a real Docker host.

A new uplink, a bridge made by hand and a network that the engine makes anew: from there only what the policy opens to the Internet may
be reached at the host, and no container that is held; what nobody holds stays as it was. A renamed uplink is a new one, but for
connections that are there. Who is there claims the address of a container of nobody that may reach one that is held, and must not. What is held gets nowhere by a new interface.
Each connection is tried without the rules and with them, and `bulkhead query` must know the same of the host as it then is. It ends 1
when one of these is otherwise, and when too little was open without the rules.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import judge as queries
import policy as judge
import run as suite
import spaces
import truth
from lab import USUAL, Box, Net
from policy_marks import datagram
from policy_scene import PORTS
from spaces import LabError, inside, run

POLICY = """bulkhead: 1
mode: enforce
trust: {people: ["192.168.50.20", "2001:db8:50::20"]}
host:
  all: {port: 443/tcp, from: internet}
  log: {port: 514/udp, from: internet}
  some: {port: 80/tcp, from: people}
  held: {port: 2222/tcp, from: people}
tenants:
  shop:
    containers: [web, api, db]
    services: {web: {container: web}, api: {container: api}, db: {container: db}}
    ingress: [{from: internet, to: web, publish: [8080/tcp, 5514/udp]}]
    egress: [{from: api, to: [0.0.0.0/0, "::/0"], port: 80/tcp}]
    allow: [{from: other/stray, to: db, port: 514/udp}]
  blog: {containers: [app, store]}
  edge: {containers: [front]}
  other: {mode: off, containers: [stray], services: {stray: {container: stray}}}
"""
TO_ALL = {('tcp', 443), ('udp', 514)}  # of the host
NEW = {'late': ('new0', 77), 'bridged': ('br-new', 78)}  # outside: (the host's interface, network)
WAIT = 0.5


class More:
    """A built lab with more vantages."""

    def __init__(self, built, names):
        self._built, self._names = built, names

    def __getattr__(self, name):
        return getattr(self._built, name)

    def vantages(self):
        return {**self._built.vantages(), **{name: 'netns:' + self._built.path(name) for name in self._names}}


class Later:
    def __init__(self, host, options):
        self.host, self.built, self.bulkhead = host, host.built, options.bulkhead
        self.wrong, self.was_open = [], 0

    # ------------------------------------------------------------------------------------- the world

    def compiled(self):
        path = self.host.dir + '/bulkhead.yaml'
        with open(path, 'w') as file:
            file.write(POLICY)
        with inside(self.built.path('host')):
            return run(self.bulkhead, 'compile', '--config', path, env=dict(os.environ, DOCKER_HOST=self.built.engine.host, CONTAINER_HOST=''))

    def outside(self):
        """Two more networks outside, one by a wire, one by a bridge."""
        s = self.built.spaces
        for name, (device, net) in NEW.items():
            s.add(name)
            port = device if name == 'late' else 'nb0'
            s.veth('host', port, name, 'eth0')
            if port != device:
                s.ip('host', ['link add %s type bridge forward_delay 0 mcast_snooping 0' % device, 'link set %s up' % device,
                              'link set %s master %s' % (port, device)])
            s.ip('host', ['addr add 10.%d.0.1/24 dev %s' % (net, device), 'addr add fd77:%d::1/64 dev %s nodad' % (net, device)])
            s.ip(name, ['addr add 10.%d.0.2/24 dev eth0' % net, 'addr add fd77:%d::2/64 dev eth0 nodad' % net,
                        'route add default via 10.%d.0.1' % net])
            run('ip', '-n', s.prefix + name, '-6', 'route', 'add', 'default', 'via', 'fd77:%d::1' % net)
            self.built._listen(name, USUAL)

    def newcomer(self):
        """What `docker compose up` of a new project makes."""
        self.built.engine.network(Net('later', '10.1.7.0/24', 'fd00:1:7::/64'))
        self.built._container(Box('newbie', 'later'))

    # ------------------------------------------------------------------------------------ connections

    def asked(self, vantages, targets):
        own = {name: [a for a in truth.addresses(self.built.path(name)) if not a.startswith('127.') and a != '::1'] for name in targets}
        ports = [*PORTS, ('tcp', 22), *self.host.scene.published]
        return [truth.Question(v, proto, address, port) for v in vantages for name in targets if name != v
                for address in own[name] for proto, port in (ports if name == 'host' else PORTS)]

    def permitted(self, q):
        """None: not ours to say."""
        scene, where = self.host.scene, self.whose[q.address]
        if q.vantage == 'api':
            return where == 'lan' and (q.proto, q.port) == ('tcp', 80)
        if where in scene.held:
            return False
        box, _ = scene.published.get((q.proto, q.port), (None, 0))
        if where != 'host' or box == 'stray':
            return None
        return not box and (q.proto, q.port) in TO_ALL

    def judge(self, what, vantages, bare, asked):
        built = More(self.built, NEW)
        prober = truth.Prober(built)
        wanted = {q: bare[q] and self.permitted(q) is not False for q in asked}
        got = prober.opens(asked)
        differ = [q for q in asked if got[q] != wanted[q]]
        for patience in (3, 5):
            if differ:
                got.update(prober.opens(differ, patience))
                differ = [q for q in differ if got[q] != wanted[q]]
        self.wrong += ['%s: %s %s %d from %s is %s' % (what, q.address, q.proto, q.port, q.vantage, 'open' if got[q] else 'closed') for q in differ]
        said, complaints = queries.ask(self.bulkhead, built, asked)
        self.wrong += complaints
        self.wrong += ['%s: query says %s of %s %s %d from %s' % (what, said[q].get('verdict'), q.address, q.proto, q.port, q.vantage)
                       for q in asked if q in said and said[q].get('verdict') != ('open' if got[q] else 'closed')]
        for v in vantages:
            if sum(bare[q] and not wanted[q] for q in asked if q.vantage == v) < 6 or not any(wanted[q] for q in asked if q.vantage == v):
                self.wrong.append('%s: too little was open from %s without the rules' % (what, v))

    def new_ones(self, rules):
        vantages = [*NEW, 'newbie', 'api']
        self.whose = {a: name for name in ('host', 'lan', *NEW, *self.built.pids) for a in truth.addresses(self.built.path(name))}
        asked = self.asked([*NEW, 'newbie'], ['host', 'web', 'db', 'front', 'stray', 'lan']) + self.asked(['api', 'stray'], ['lan', *NEW])
        bare = truth.Prober(More(self.built, NEW)).opens(asked, 2)
        self.load(rules)
        self.judge('new', vantages, bare, asked)

    def load(self, rules):
        with inside(self.built.path('host')):
            run('nft', '-f', '-', text=rules)
        self.host.forget()

    def spoofed(self, what, arrives):
        """From a new network as `stray`, which may reach db."""
        own = lambda name: next(a for a in truth.addresses(self.built.path(name)) if ':' not in a and not a.startswith('127.'))
        token = 'late' + os.urandom(6).hex()
        with inside(self.built.path('late')), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(datagram(own('stray'), own('db'), 514, token.encode() + b'\n'), (own('db'), 0))
        time.sleep(WAIT)
        if (token in self.host.prober._received()) != arrives:
            self.wrong.append('%s: what claims to be from stray %s db' % (what, 'does not reach' if arrives else 'reaches'))

    # ---------------------------------------------------------------------------------------- renamed

    def renamed(self):
        """The uplink gets another name while somebody is connected."""
        with contextlib.ExitStack() as stack:
            with inside(self.built.path('host')):
                server = stack.enter_context(socket.create_server(('0.0.0.0', 2222)))
            with inside(self.built.path('lan')):
                client = stack.enter_context(socket.create_connection(('192.168.50.10', 2222), 3))
            server.settimeout(3)
            held = stack.enter_context(server.accept()[0])
            held.settimeout(3)
            with inside(self.built.path('host')):
                run('ip', 'link', 'set', 'up0', 'name', 'wan0')
            client.sendall(b'still')
            try:
                if held.recv(16) != b'still':
                    self.wrong.append('renamed: what was sent did not arrive')
            except socket.timeout:
                self.wrong.append('renamed: who was connected is cut off')
            with inside(self.built.path('lan')), contextlib.suppress(OSError):
                stack.enter_context(socket.create_connection(('192.168.50.10', 2222), 1))
                self.wrong.append('renamed: who is trusted at the uplink is let in by an unknown interface')
        asked = self.asked(['lan', 'inet'], ['host', 'web', 'db'])
        asked = [q for q in asked if q in self.host.before]
        self.judge('renamed', ['lan', 'inet'], self.host.before, asked)

    def run(self):
        rules = self.compiled()
        with inside(self.built.path('host')):  # Docker would drop what no port is published for
            run('iptables', '-I', 'DOCKER-USER', '-i', 'new0', '-j', 'ACCEPT')
        self.outside()
        self.newcomer()
        self.built.settle()
        self.spoofed('without rules', True)
        self.new_ones(rules)
        self.spoofed('new', False)
        self.renamed()
        return self.wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    parser.add_argument('--show', type=int, default=15)
    options = parser.parse_args()
    options.plain = True
    spaces.stale()
    directory = tempfile.mkdtemp(prefix='bklate-')
    options.bulkhead = os.path.abspath(options.bulkhead)
    options.labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    host = judge.Host(0, options, directory)
    try:
        host.build_plain()
        wrong = Later(host, options).run()
    except subprocess.TimeoutExpired as late:
        raise LabError(str(late)) from late
    finally:
        host.close()
        shutil.rmtree(directory, ignore_errors=True)
    print('\n'.join(wrong[:options.show]) or 'an interface that came later opens nothing')
    print('%d wrong' % len(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
