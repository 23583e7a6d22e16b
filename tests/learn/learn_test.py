#!/usr/bin/env python3
"""learn and plan --seen on a real Docker host, with real connections.

    learn_test.py --bulkhead PROGRAM --labd PROGRAM [TEST...]

No test measures time: what must come some time is waited for. Each has a state file of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

import world
import trial  # isort: skip
from world import HOST, HOST6, INET, TENANTS, connects, inside, until

from spaces import flush_conntrack  # isort: skip

DONE, FINDINGS, USAGE, INCOMPLETE, REFUSED = range(5)
WORLD = None
LIFE = 5  # seconds: a container that is gone before it is read has no name (docs/policy.md)


class Learn(unittest.TestCase):
    maxDiff = 6000

    def setUp(self):
        with inside(WORLD.path('host')):
            flush_conntrack()
        name = self.id().rpartition('.')[2]
        self.state = os.path.join(WORLD.dir, name + '.json')
        self.config = WORLD.file('bulkhead.yaml', TENANTS)
        self.web, self.db = WORLD.path('web'), WORLD.path('db')
        self.db4, self.db6 = WORLD.address(self.db), WORLD.address(self.db, '-6')

    def learn(self, *arguments):
        learning = WORLD.learn('--state', self.state, *arguments)
        self.addCleanup(learning.process.wait)
        self.addCleanup(learning.process.stdout.close)
        self.addCleanup(learning.process.stderr.close)
        self.addCleanup(lambda: learning.process.poll() is None and learning.process.kill())
        return learning

    def told(self, learning, code=DONE):
        """As JSON."""
        got, out, err = learning.end()
        self.assertEqual(got, code, out + err)
        return json.loads(out)

    def lines(self, told):
        return sorted(one['section'] + ' ' + one['line'].partition(', why:')[0] for one in told['lines'])

    def book(self):
        """What is kept, as 'FROM -> TO PORT': counts."""
        with open(self.state) as file:
            book = json.load(file)
        names = [one['name'] for one in book['containers']]
        end = lambda peer: names[peer['container']] if peer['kind'] == 'container' else peer.get('address', peer['kind'])  # noqa: E731
        out = {}
        for one in book['flows']:
            key = '%s -> %s %d/%s' % (end(one['from']), end(one['to']), one['port'], one['proto'])
            out.setdefault(key, []).append(one)
        return out

    def test_flows_of_every_kind_become_lines_that_hold(self):
        learning = self.learn('--config', self.config)
        for _ in range(3):
            self.assertTrue(connects(self.web, self.db4, 5432))
        self.assertTrue(connects(self.web, self.db6, 5432))
        self.assertTrue(connects(WORLD.path('lan'), HOST, 8080))
        self.assertTrue(connects(WORLD.path('inet'), HOST, 8080))
        self.assertTrue(connects(WORLD.path('lan'), HOST6, 8080))
        self.assertTrue(connects(self.db, INET, 443))
        self.assertTrue(connects(WORLD.path('host'), self.db4, 3306))
        self.assertFalse(connects(self.web, self.db4, 9999))
        self.assertTrue(connects(WORLD.path('stray'), INET, 80))
        code, out, err = learning.end()
        self.assertEqual(code, DONE, out + err)
        book = self.book()
        self.assertEqual(sum(one['answered'] for one in book['web -> db 5432/tcp']), 4)
        self.assertEqual(book['web -> db 9999/tcp'][0]['answered'], 0)
        published = book['192.168.50.20 -> web 8080/tcp'][0]
        self.assertEqual((published['served'], published['at']), (80, HOST))
        self.assertNotIn('web -> 192.168.50.20 ', ' '.join(book), 'a reply is no flow')
        self.assertIn('not proposed (unanswered, 1 try): web -> db 9999/tcp', out)
        # It is a diff, which patch takes with the remarks before it.
        new = WORLD.file('new.yaml', TENANTS)
        subprocess.run(['patch', '-s', new], input=out, text=True, check=True)
        with open(new) as file:
            text = file.read()
        for line in ('{from: web, to: db, port: 5432/tcp, why: "seen 4 times, ', '{from: host, to: db, port: 3306/tcp, ',
                     '{from: db, to: "198.51.100.2", port: 443/tcp, ', '{to: web, publish: 8080/tcp, from: seen-shop-web, '):
            self.assertIn(line, text)
        self.assertNotIn('internet', text)
        self.assertNotIn('9999', text)
        code, out, err = WORLD.say('policy', 'lint', '--config', new)
        self.assertEqual(code, DONE, out + err)
        code, out, err = WORLD.say('plan', '--config', new, '--seen', self.state, '--json')
        seen = json.loads(out)['seen']
        self.assertEqual((code, seen['breaks'], seen['unknown']), (DONE, 0, 0), seen)
        self.assertEqual((seen['stays'], seen['permitted']), (8, 0))  # IPv6, too
        # With the tenants alone it would all break, and is named.
        code, out, err = WORLD.say('plan', '--config', self.config, '--seen', self.state, '--json')
        self.assertEqual(code, FINDINGS)
        breaks = {one['flow'] for one in json.loads(out)['seen']['flows'] if one['fate'] == 'breaks'}
        self.assertIn('web -> db 5432/tcp', breaks)
        self.assertIn('192.168.50.20 -> web 8080/tcp at ' + HOST, breaks)
        self.assertIn('db -> %s 443/tcp' % INET, breaks)
        # And the kernel agrees: the proposed policy, loaded, lets through what was seen, and not what was not.
        code, out, err = WORLD.say('apply', '--config', new, '--console', '--confirm-within', '0')
        self.assertEqual(code, DONE, out + err)
        try:
            self.assertTrue(connects(self.web, self.db4, 5432))
            self.assertTrue(connects(self.web, self.db6, 5432))
            self.assertTrue(connects(WORLD.path('lan'), HOST, 8080))
            self.assertTrue(connects(WORLD.path('inet'), HOST, 8080))
            self.assertTrue(connects(WORLD.path('lan'), HOST6, 8080))
            self.assertTrue(connects(self.db, INET, 443))
            self.assertTrue(connects(WORLD.path('host'), self.db4, 3306))
            self.assertFalse(connects(self.web, self.db4, 6379))
            self.assertFalse(connects(WORLD.path('mgt'), HOST, 8080))
            self.assertFalse(connects(self.db, INET, 80))
        finally:
            WORLD.say('rollback', '--remove')

    def test_runs_add_up_and_the_proposal_needs_no_root_or_host(self):
        for _ in range(2):
            learning = self.learn('--config', self.config, '--json')
            self.assertTrue(connects(self.web, self.db4, 5432))
            self.told(learning)
        self.assertEqual(self.book()['web -> db 5432/tcp'][0]['answered'], 2)
        snapshot = os.path.join(WORLD.dir, 'snapshot.json')
        # Other labs come and go on the same machine: their namespaces may be gaps of the snapshot.
        self.assertIn(WORLD.say('snapshot', '-o', snapshot)[0], (DONE, INCOMPLETE))
        done = subprocess.run([WORLD.program, 'learn', '--snapshot', snapshot, '--state', self.state, '--config', self.config, '--json'],
                              capture_output=True, text=True)
        self.assertEqual(self.lines(json.loads(done.stdout)), ['allow {from: web, to: db, port: 5432/tcp'])
        self.assertEqual(json.loads(done.stdout)['runs'], 2)

    def test_an_exchanged_address_is_each_holders_in_its_time(self):
        learning = self.learn('--config', self.config, '--json')
        address = '10.1.1.77'
        first = WORLD.start_box(world.Box('first', 'blue=' + address))
        until(lambda: connects(first, self.db4, 5432), 'the first sends')
        time.sleep(LIFE)
        WORLD.remove_box('first')
        second = WORLD.start_box(world.Box('second', 'blue=' + address))
        try:
            until(lambda: connects(second, self.db4, 6379), 'the second sends')
            self.assertEqual(WORLD.address(second), address)
            told = self.told(learning)
        finally:
            WORLD.remove_box('second')
        self.assertEqual(self.lines(told), ['allow {from: first, to: db, port: 5432/tcp', 'allow {from: second, to: db, port: 6379/tcp'])
        self.assertEqual(told['declined'], [])

    def test_an_address_that_nobody_holds_is_kept_as_such(self):
        # A bridge's port that no engine made, with an address of the network.
        host = WORLD.path('host')
        with inside(host):
            bridge = [one['ifname'] for one in json.loads(world.run('ip', '-j', 'addr'))
                      if any(a.get('local') == '10.1.1.1' for a in one['addr_info'])][0]
            world.run('ip', 'link', 'add', 'odd0', 'type', 'veth', 'peer', 'name', 'odd1')
            holder = subprocess.Popen(['unshare', '-n', 'sleep', '300'])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        odd = '/proc/%d/ns/net' % holder.pid
        until(lambda: os.stat(odd).st_ino != os.stat(host).st_ino, 'it has a namespace')
        try:
            with inside(host):
                world.run('ip', 'link', 'set', 'odd0', 'master', bridge, 'up')
                world.run('ip', 'link', 'set', 'odd1', 'netns', str(holder.pid))
            with inside(odd):
                world.run('ip', 'addr', 'add', '10.1.1.99/24', 'dev', 'odd1')
                world.run('ip', 'link', 'set', 'odd1', 'up')
            learning = self.learn('--config', self.config, '--json')
            until(lambda: connects(odd, self.db4, 5432), 'the stranger sends')
            told = self.told(learning)
        finally:
            with inside(host):
                world.run('ip', 'link', 'del', 'odd0')
        self.assertEqual(told['lines'], [])
        self.assertIn(('nobody', '10.1.1.99'), {(one['refusal'], one['from'].get('address')) for one in told['declined']})

    def test_a_port_scan_is_not_proposed(self):
        learning = self.learn('--config', self.config, '--json')
        world.scan(self.web, self.db4, [*range(2000, 2060), 5432, 6379])
        world.scan(WORLD.path('lan'), HOST, [8080])
        told = self.told(learning)
        self.assertEqual(self.lines(told), ['ingress {to: web, publish: 8080/tcp, from: seen-shop-web'])
        scanned = [one for one in told['declined'] if one['refusal'] == 'scan']
        self.assertEqual(len(scanned), 62, told['declined'])
        found = [one for one in scanned if one['port'] == 5432]
        self.assertEqual(found[0]['answered'], 1)

    def test_events_for_which_there_is_no_room_are_counted_and_said(self):
        learning = self.learn('--config', self.config, '--json', '--buffer', '4096')
        learning.process.send_signal(signal.SIGSTOP)
        for _ in range(300):
            self.assertTrue(connects(self.web, self.db4, 5432))
        learning.process.send_signal(signal.SIGCONT)
        told = self.told(learning, INCOMPLETE)
        self.assertGreater(told['losses']['overflows'], 0)
        # What the table still holds is seen all the same.
        self.assertEqual(self.lines(told), ['allow {from: web, to: db, port: 5432/tcp'])
        code, out, _ = WORLD.say('learn', '--for', '0', '--state', self.state, '--config', self.config)
        self.assertIn('# lost: the kernel had no room for events', out)

    def test_same_bridge_traffic_that_is_not_tracked_is_a_gap(self):
        with inside(WORLD.path('host')):
            world.run('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0')
        try:
            learning = self.learn('--config', self.config, '--json')
            self.assertTrue(connects(self.web, self.db4, 5432))
            told = self.told(learning)
        finally:
            with inside(WORLD.path('host')):
                world.run('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1')
        self.assertEqual(told['lines'], [])
        self.assertTrue([gap for gap in told['gaps'] if '(db, web) IPv4 is not seen' in gap], told['gaps'])

    def test_what_the_table_holds_at_the_start_and_the_end_is_seen(self):
        with inside(self.web):
            before = socket.create_connection((self.db4, 5432))
        self.addCleanup(before.close)
        learning = self.learn('--config', self.config, '--json')
        with inside(self.web):
            after = socket.create_connection((self.db4, 3306))
        self.addCleanup(after.close)
        told = self.told(learning)
        self.assertEqual(self.lines(told), ['allow {from: web, to: db, port: [3306/tcp, 5432/tcp]'])

    def test_it_ends_after_its_time_and_changes_nothing(self):
        with inside(WORLD.path('host')):
            before = world.run('nft', '-s', 'list', 'ruleset')
        code, out, err = WORLD.say('learn', '--for', '1s', '--state', self.state, '--config', self.config, '-o', self.state + '.diff')
        self.assertEqual((code, out), (DONE, ''), err)
        self.assertTrue(os.path.exists(self.state + '.diff'))
        self.assertEqual(os.stat(self.state).st_mode & 0o777, 0o600)
        with inside(WORLD.path('host')):
            self.assertEqual(world.run('nft', '-s', 'list', 'ruleset'), before)

    def test_what_was_seen_is_kept_when_it_is_interrupted(self):
        for how, port in ((signal.SIGINT, 80), (signal.SIGTERM, 443), (signal.SIGHUP, 6379)):
            with self.subTest(how.name):
                learning = self.learn('--config', self.config)
                self.assertTrue(connects(self.web, self.db4, port))
                code, out, err = learning.end(how)
                self.assertEqual(code, DONE, out + err)
                self.assertEqual(self.book()['web -> db %d/tcp' % port][0]['answered'], 1)
                self.assertIn('--- ', out)

    def test_what_was_seen_is_told_when_it_cannot_be_kept(self):
        folder = os.path.join(WORLD.dir, 'full')
        self.state = os.path.join(folder, 'flows.json')
        learning = self.learn('--config', self.config)
        self.assertTrue(connects(self.web, self.db4, 5432))
        os.rename(folder, folder + '.away')
        code, out, err = learning.end()
        self.assertEqual(code, INCOMPLETE, out + err)
        self.assertIn('full/flows.json', err)
        self.assertIn('{from: web, to: db, port: 5432/tcp', out)

    def test_without_a_file_the_whole_policy_is_proposed(self):
        os.remove(self.config)
        learning = self.learn()
        self.assertTrue(connects(self.web, self.db4, 5432))
        code, out, err = learning.end()
        self.assertEqual(code, DONE, out + err)
        new = os.path.join(WORLD.dir, 'fresh', 'bulkhead.yaml')
        os.makedirs(os.path.dirname(new))
        subprocess.run(['patch', '-s', '-p0'], input=out, text=True, check=True, cwd=os.path.dirname(new))
        with open(new) as file:
            text = file.read()
        self.assertIn('mode: audit', text)
        self.assertIn('{from: web/web, to: db, port: 5432/tcp', text)
        self.assertEqual(WORLD.say('policy', 'lint', '--config', new)[0], DONE)

    def test_the_half_that_decodes_has_no_rights(self):
        learning = self.learn('--config', self.config)
        pid = learning.process.pid
        for thread in os.listdir('/proc/%d/task' % pid):
            with open('/proc/%d/task/%s/status' % (pid, thread)) as file:
                status = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
            self.assertEqual(int(status['CapEff'], 16), 0)
            self.assertEqual(status['NoNewPrivs'], '1')
        self.assertGreaterEqual(len(os.listdir('/proc/%d/task' % pid)), 2)
        self.assertEqual(learning.end(signal.SIGTERM)[0], DONE)

    def test_bad_calls_are_refused(self):
        for arguments, code, word in (
                (['--for', '10x'], USAGE, 'write 30s, 15m'),
                (['--for', '1s', '--buffer', '1'], USAGE, '--buffer'),
                (['--for', '1s', '--state', WORLD.file('bad.json', '{"schema": 1}')], USAGE, 'bulkhead learn --state FILE'),
                (['--for', '1s', '--state', '/proc/none/flows.json'], INCOMPLETE, '--state /proc/none/flows.json')):
            got, out, err = WORLD.say('learn', '--config', self.config, '--state', self.state, *arguments) \
                if '--state' not in arguments else WORLD.say('learn', '--config', self.config, *arguments)
            self.assertEqual(got, code, out + err)
            self.assertIn(word, err + out)
        link = os.path.join(WORLD.dir, 'link.yaml')
        os.symlink(self.config, link)
        for output in (self.config, link, self.state):
            got, out, err = WORLD.say('learn', '--for', '1s', '--config', self.config, '--state', self.state, '-o', output)
            self.assertEqual(got, USAGE, out + err)
            self.assertIn('would take the place of', err)
        with open(self.config) as file:
            self.assertEqual(file.read(), TENANTS)
        got, out, err = WORLD.say('plan', '--config', self.config, '--seen', WORLD.file('bad.json', '[]'))
        self.assertEqual(got, USAGE)
        first = self.learn('--config', self.config)
        got, out, err = WORLD.say('learn', '--for', '1s', '--state', self.state, '--config', self.config)
        self.assertEqual(got, INCOMPLETE)
        self.assertIn('another learn uses it', err)
        first.end()
        with inside(WORLD.path('host')):
            world.run('sysctl', '-qw', 'net.netfilter.nf_conntrack_events=0')
        try:
            got, out, err = WORLD.say('learn', '--for', '1s', '--state', self.state, '--config', self.config)
        finally:
            with inside(WORLD.path('host')):
                world.run('sysctl', '-qw', 'net.netfilter.nf_conntrack_events=2')
        self.assertEqual(got, INCOMPLETE)
        self.assertIn('nf_conntrack_events=1', err)

    def test_without_root_it_says_so(self):
        state = os.path.join(WORLD.dir, 'mine')
        os.mkdir(state)
        os.chown(state, 65534, 65534)
        os.chmod(WORLD.dir, 0o755)
        code, out, err = WORLD.say('learn', '--for', '1s', '--state', state + '/flows.json', user=65534, group=65534, extra_groups=[])
        self.assertEqual(code, INCOMPLETE, out + err)
        self.assertIn('this takes root', err)


def begin(built):
    global WORLD
    WORLD = built


if __name__ == '__main__':
    sys.exit(trial.run(__doc__, 'bklrn-', world.World, begin))
