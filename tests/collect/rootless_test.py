#!/usr/bin/env python3
"""A user's rootless containers with the real Podman: whose they are, which ports of the host are theirs, and what of
their ways out is not known.

usage: rootless_test.py BULKHEAD PRIVATE_ROOTLESS
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

BULKHEAD, LAB = sys.argv[1:3]
HOST = '203.0.113.10'


class Rootless(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = subprocess.Popen([LAB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = cls.lab.stdout.readline().split()
        if words[:1] != ['ready']:
            cls.tearDownClass()
            raise RuntimeError(' '.join(words))
        cls.user = int(words[2])
        cls.engine = 'podman-uid%d' % cls.user
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = cls.folder.name + '/s.json'
        cls.code = cls.run_inside('snapshot', '-o', cls.file).returncode
        with open(cls.file) as file:
            cls.snapshot = json.load(file)

    @classmethod
    def tearDownClass(cls):
        cls.lab.stdin.close()
        cls.lab.wait(60)
        cls.lab.stdout.close()
        if hasattr(cls, 'folder'):
            cls.folder.cleanup()

    @classmethod
    def run_inside(cls, *words, stdin=''):
        clean = {k: v for k, v in os.environ.items() if k not in ('DOCKER_HOST', 'CONTAINER_HOST')}
        return subprocess.run(['nsenter', '--net=/proc/%d/ns/net' % cls.lab.pid, BULKHEAD, *words], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean, timeout=100)

    def query(self, *questions):
        lines = ''.join(json.dumps(dict(q, id=i)) + '\n' for i, q in enumerate(questions))
        done = self.run_inside('query', '--snapshot', self.file, '-', stdin=lines)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def boxes(self):
        [engine] = self.snapshot['engines']
        return {'infra' if c['name'].endswith('-infra') else c['name']: c for c in engine['containers']}

    def test_the_users_containers_are_named_and_what_is_not_known_is_said(self):
        [engine] = self.snapshot['engines']
        self.assertEqual((engine['kind'], engine['name'], engine['rootless']), ('podman', self.engine, True))
        self.assertEqual(set(self.boxes()), {'front', 'near', 'native', 'db', 'app', 'onhost', 'pasted', 'till', 'infra'})
        self.assertEqual((self.code, self.snapshot.get('complete', False)), (3, False))
        self.assertEqual(engine['gaps'][0]['what'], 'rootless podman of user %d' % self.user)

    def test_each_port_of_the_host_belongs_to_the_container_that_it_is_forwarded_to(self):
        """As `podman port` tells it, but for the port inside, which rootlessport and slirp4netns alone know."""
        seen = {name: {(p.get('protocol', 'tcp'), p.get('host_address', '0.0.0.0'), p['host_port'], p.get('container_port', 0))
                       for p in box.get('published', [])} for name, box in self.boxes().items()}
        both = ('0.0.0.0', '::')
        self.assertEqual(seen, {
            'front': {('tcp', a, 8080, 0) for a in both},
            'near': {('tcp', '127.0.0.1', 8081, 0)} | {('udp', a, 5353, 0) for a in both},
            'native': {('tcp', '0.0.0.0', 8085, 0)},
            'db': {('tcp', a, 8082, 0) for a in both},
            'infra': {('tcp', a, 8084, 0) for a in both},
            'pasted': {('tcp', a, 8090, 80) for a in both} | {('udp', a, 5390, 53) for a in both},
            'app': set(), 'onhost': set(), 'till': set()})

    def test_what_the_internet_reaches_is_named_after_the_container(self):
        report = json.loads(self.run_inside('audit', '--snapshot', self.file, '--json').stdout)
        reached = {}
        for service in report['exposures']:
            for opening in service['open_from']:
                if opening['from'] == 'internet':
                    subject = service['subject']
                    self.assertEqual(subject.get('engine'), self.engine, subject)
                    reached[opening['port']] = subject['container']
        infra = self.boxes()['infra']['name']
        self.assertEqual(reached,
                         {8080: 'front', 8082: 'db', 8083: 'onhost', 8084: infra, 8085: 'native', 8090: 'pasted',
                          5353: 'near', 5390: 'pasted'})
        text = ' '.join(self.run_inside('audit', '--snapshot', self.file, '--lang', 'en').stdout.split())
        self.assertIn('A service of db (%s) is open to the Internet' % self.engine, text)
        self.assertNotIn('listens on nothing', text)

    def test_published_ports_are_open_and_ways_through_user_space_unknown_with_their_reason(self):
        boxes = self.boxes()
        db = boxes['db']['attachments'][0]['address4']
        answers = self.query(
            {'from': 'internet', 'to': HOST, 'port': 8080, 'proto': 'tcp'},
            {'from': 'internet', 'to': HOST, 'port': 8090, 'proto': 'tcp'},
            {'from': 'internet', 'to': HOST, 'port': 8081, 'proto': 'tcp'},
            {'from': 'container:app', 'to': db, 'port': 80, 'proto': 'tcp'},
            {'from': 'container:app', 'to': db, 'port': 81, 'proto': 'tcp'},
            {'from': 'host', 'to': db, 'port': 80, 'proto': 'tcp'},
            {'from': 'container:front', 'to': HOST, 'port': 8082, 'proto': 'tcp'},
            {'from': 'container:app', 'to': HOST, 'port': 8083, 'proto': 'tcp'},
            {'from': 'container:pasted', 'to': '198.51.100.7', 'port': 443, 'proto': 'tcp'})
        self.assertEqual([a['verdict'] for a in answers],
                         ['open', 'open', 'closed', 'open', 'closed', 'closed', 'unknown', 'unknown', 'unknown'],
                         answers)
        for answer in answers[-3:]:
            self.assertIn('to a program in user space (slirp4netns, pasta', answer['reason'])

    def test_the_same_is_so_on_the_wire(self):
        """What query calls open is accepted, and what it calls closed is not."""
        pids = {name: box['pid'] for name, box in self.boxes().items()}
        db = self.boxes()['db']['attachments'][0]['address4']
        for where, to, port, opens in ((self.lab.pid, HOST, 8080, True), (self.lab.pid, HOST, 8090, True),
                                       (self.lab.pid, HOST, 8081, False), (pids['app'], db, 80, True),
                                       (pids['app'], db, 81, False)):
            done = subprocess.run(['nsenter', '--net=/proc/%d/ns/net' % where, sys.executable, '-c',
                                   'import socket; socket.create_connection((%r, %d), 5)' % (to, port)],
                                  stderr=subprocess.DEVNULL, timeout=60)
            self.assertEqual(done.returncode == 0, opens, (to, port))

    def test_the_map_shows_where_they_are(self):
        text = ' '.join(self.run_inside('map', '--snapshot', self.file, '--lang', 'en').stdout.replace('|', ' ').split())
        self.assertIn('in no network of the host', text)
        self.assertIn('%s/podman1' % self.engine, text)
        self.assertIn('%s/user space: tap0' % self.engine, text)
        self.assertIn('0.0.0.0:8082->?/tcp', text)
        self.assertIn('0.0.0.0:8090->80/tcp', text)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
