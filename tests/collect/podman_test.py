#!/usr/bin/env python3
"""A real Podman, with its service and without: what a snapshot says of its containers, and what it says it does not know.

usage: podman_test.py BULKHEAD PRIVATE_PODMAN
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

BULKHEAD, LAB = sys.argv[1:3]
NOBODY = 65534

# A user's container as far as processes tell: conmon's name and arguments, and a child.
ROOTLESS = """
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(15, b'conmon')
child = os.fork()
if child == 0:
    time.sleep(100)
    os._exit(0)
print('ready', flush=True)
sys.stdin.read()
os.kill(child, 9)
os.wait()
"""


class Podman(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = subprocess.Popen([LAB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        words = cls.lab.stdout.readline().split()
        if words[:1] != ['ready']:
            cls.tearDownClass()
            raise RuntimeError(' '.join(words))
        cls.socket = 'unix://%s/podman.sock' % words[1]

    @classmethod
    def tearDownClass(cls):
        cls.lab.stdin.close()
        cls.lab.wait(60)
        cls.lab.stdout.close()

    def run_inside(self, *words, **env):
        clean = {k: v for k, v in os.environ.items() if k not in ('DOCKER_HOST', 'CONTAINER_HOST')}
        return subprocess.run(['nsenter', '--net=/proc/%d/ns/net' % self.lab.pid, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=dict(clean, **env), timeout=60)

    def engines(self, **env):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_inside(BULKHEAD, 'snapshot', '-o', folder + '/s.json', **env)
            with open(folder + '/s.json') as file:
                snapshot = json.load(file)
        return done.returncode, snapshot, snapshot['engines']

    def containers(self, engine):
        return {c['name'][12:] if c['name'].endswith('-infra') else c['name']: c for c in engine['containers']}

    def test_with_its_service_all_is_known(self):
        # Not `complete`: namespaces of other tests on this machine come and go while it is read.
        _, snapshot, engines = self.engines(CONTAINER_HOST=self.socket)
        self.assertEqual([(e['kind'], e['name'], e.get('gaps', [])) for e in engines], [('podman', 'podman', [])])
        self.assertEqual([g for g in snapshot.get('gaps', []) if 'podman' in g['what']], [])
        boxes = self.containers(engines[0])
        self.assertEqual(boxes['front']['netns'], boxes['-infra']['netns'])
        self.assertEqual(boxes['front']['labels']['io.podman.pod.name'], 'cart')
        self.assertNotEqual(boxes['web']['netns'], boxes['front']['netns'])

    def test_without_its_service_containers_are_found_and_the_gap_is_named(self):
        told = self.containers(self.engines(CONTAINER_HOST=self.socket)[2][0])
        code, snapshot, engines = self.engines()
        self.assertEqual([(e['kind'], e['name'], e.get('rootless', False)) for e in engines], [('podman', 'podman', False)])
        self.assertEqual((code, snapshot.get('complete', False)), (3, False))
        self.assertIn('systemctl start podman.socket', engines[0]['gaps'][0]['reason'])
        seen = self.containers(engines[0])
        self.assertEqual(set(seen), {name for name, box in told.items() if box['state'] == 'running'})
        for name, box in seen.items():
            for key in ('id', 'pid', 'netns'):
                self.assertEqual(box[key], told[name][key], name)
            pod = told[name].get('labels', {}).get('io.podman.pod.id')
            self.assertEqual(box.get('labels', {}).get('io.podman.pod.id'), pod, name)
            addresses = [sorted(str(a.get(k)) for a in c.get('attachments', []) for k in ('address4', 'address6', 'mac'))
                         for c in (box, told[name])]
            if name != 'beside':  # whose namespace it shares is not known
                self.assertEqual(*addresses, name)
        self.assertEqual(seen['onhost']['network_mode'], 'host')
        self.assertEqual(seen['till']['network_mode'], 'container:' + seen['-infra']['id'])

    def test_an_audit_without_its_service_is_not_called_complete(self):
        done = self.run_inside(BULKHEAD, 'audit', '--lang', 'en', '--fail-on', 'critical')
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn('systemctl start podman.socket', ' '.join(done.stdout.split()))

    def test_bridges_are_said_to_be_podmans(self):
        for env in ({}, {'CONTAINER_HOST': self.socket}):
            shown = json.loads(self.run_inside(BULKHEAD, 'map', '--json', **env).stdout)
            made = {i['name']: i.get('made_by') for i in shown['interfaces']}
            self.assertEqual({n: m for n, m in made.items() if n.startswith('podman')},
                             {'podman1': 'podman', 'podman2': 'podman', 'podman4': 'podman'}, env)

    def test_a_users_containers_are_rootless_and_stand_for_nobody(self):
        taken = self.containers(self.engines(CONTAINER_HOST=self.socket)[2][0])['web']['id']
        with contextlib.ExitStack() as stack:
            for at, name in (('ab' * 32, 'mine'), (taken, 'impostor')):
                fake = stack.enter_context(subprocess.Popen(
                    ['nsenter', '--net=/proc/%d/ns/net' % self.lab.pid, 'setpriv', '--reuid', str(NOBODY), '--clear-groups',
                     sys.executable, '-c', ROOTLESS, '-c', at, '-n', name, '--exit-command', '/usr/bin/podman'],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
                stack.callback(fake.stdin.close)
                self.assertEqual(fake.stdout.readline(), 'ready\n')
            code, snapshot, engines = self.engines(CONTAINER_HOST=self.socket)
        self.assertEqual((code, snapshot.get('complete', False)), (3, False))
        self.assertEqual([(e['name'], e.get('rootless', False)) for e in engines], [('podman', False), ('podman-uid%d' % NOBODY, True)])
        self.assertEqual([c['name'] for c in engines[1]['containers']], ['mine'])
        self.assertEqual(engines[1]['gaps'][0]['what'], 'rootless podman of user %d' % NOBODY)
        self.assertIn('not known', engines[1]['gaps'][0]['reason'])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
