#!/usr/bin/env python3
"""apply, confirm, rollback and status on a real Docker host, in the kernel's own words.

    apply_test.py --bulkhead PROGRAM --labd PROGRAM [TEST...]

Each test begins with nothing applied. No test measures time: a deadline is waited for until what it brings is there.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import world
import trial  # isort: skip
from world import (AUDITED, BESIDE, BROKEN, DROPBEAR_OF_NOBODY, DROPBEAR_OF_PEOPLE, FROM_ANYWHERE, FROM_PEOPLE, GENEROUS, LATE, NEVER,
                   SSH_OF_NOBODY, SSH_OF_PEOPLE, inside, until)

DONE, FINDINGS, USAGE, INCOMPLETE, REFUSED = range(5)
WORLD = None
OPEN = {'lan to web', 'web to db', 'stray to stray'}


class Apply(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.addCleanup(WORLD.say, 'rollback', '--remove')
        self.before = WORLD.rules()

    def expect(self, code, said, *words):
        """|said| is (exit code, text)."""
        self.assertEqual(said[0], code, said[1])
        for word in words:
            self.assertIn(word, ' '.join(said[1].split()))
        return said[1]

    def unchanged(self):
        self.assertEqual(WORLD.rules(), self.before)

    def test_holds_what_the_policy_says_and_comes_back_when_nobody_confirms(self):
        was = WORLD.seen()
        self.assertTrue(all(was.values()), was)
        self.expect(DONE, WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '6s'), 'is applied', '2 containers held',
                    'bulkhead confirm')
        # Whatever the deadline makes of the rest, what was closed while the rules were there was closed by them.
        seen = WORLD.seen()
        if WORLD.loaded():
            self.assertEqual({who for who, gets in seen.items() if gets}, OPEN)
        until(lambda: not WORLD.loaded(), 'the guardian takes it back')
        self.unchanged()
        self.assertEqual(WORLD.seen(), was)
        self.expect(REFUSED, WORLD.say('confirm', '--console'), 'too late')
        self.expect(DONE, WORLD.say('status'), 'no policy is applied', 'nobody confirmed it')

    def test_what_is_confirmed_stays(self):
        self.expect(DONE, WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '1h'))
        guardian = WORLD.guardian()
        self.assertTrue(world.engine.alive(guardian))
        self.expect(DONE, WORLD.say('status'), 'Not confirmed', 'exactly the tables that were applied')
        self.expect(DONE, WORLD.say('confirm'), 'confirmed')  # the apply was given --console
        until(lambda: not world.engine.alive(guardian), 'its guardian ends')
        self.assertEqual({who for who, gets in WORLD.seen().items() if gets}, OPEN)
        self.expect(DONE, WORLD.say('confirm', '--console'), 'kept already')
        text = self.expect(DONE, WORLD.say('status'), 'exactly the tables that were applied', 'nothing guards against it yet')
        self.assertNotIn('Not confirmed', text)
        self.expect(DONE, WORLD.say('rollback'), 'no rules of Bulkhead are left')
        self.unchanged()
        self.expect(DONE, WORLD.say('rollback'), 'nothing to roll back')

    def test_an_apply_that_is_killed_right_after_loading_is_taken_back(self):
        process = WORLD.start('apply', '--config', WORLD.policy(FROM_PEOPLE), '--console', '--confirm-within', '10s',
                              start_new_session=True)
        until(lambda: WORLD.phase() == 'awaiting' or process.poll() is not None, 'the rules are loaded')
        os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[0]
        self.assertTrue(WORLD.loaded(), 'exit %d: %s' % (process.returncode, said))
        until(lambda: not WORLD.loaded(), 'the guardian takes it back')
        self.unchanged()

    def test_the_guardian_survives_hangup_and_termination(self):
        self.expect(DONE, WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '1h'))
        guardian = WORLD.guardian()
        for one in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            os.kill(guardian, one)
        with open('/proc/%d/stat' % guardian) as stat:
            fields = stat.read().rpartition(')')[2].split()
        self.assertEqual(fields[4], '0', 'it has a terminal')
        self.assertEqual(int(fields[3]) == os.getsid(0), False, 'it is in our session')
        self.assertEqual(os.readlink('/proc/%d/cwd' % guardian), '/')
        files = {os.readlink('/proc/%d/fd/%s' % (guardian, fd)) for fd in os.listdir('/proc/%d/fd' % guardian)}
        self.assertEqual(files, {'/dev/null'})
        self.assertTrue(world.engine.alive(guardian))
        self.expect(DONE, WORLD.say('rollback'))
        until(lambda: not world.engine.alive(guardian), 'a rollback ends it')

    def test_a_second_policy_replaces_the_first_and_a_rollback_brings_that_back(self):
        self.expect(DONE, WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '0'), 'It is kept')
        first = WORLD.rules()
        self.expect(DONE, WORLD.apply(FROM_ANYWHERE, '--console', '--confirm-within', '1h'))
        self.assertNotEqual(WORLD.rules(), first)
        self.assertTrue(WORLD.seen()['mgt to web'])
        self.expect(USAGE, WORLD.apply(FROM_PEOPLE, '--console'), 'not confirmed yet')
        self.expect(DONE, WORLD.say('rollback'), 'are in force again')
        self.assertEqual(WORLD.rules(), first)
        self.assertFalse(WORLD.seen()['mgt to web'])
        self.expect(DONE, WORLD.say('status'), 'exactly the tables that were applied')
        self.expect(DONE, WORLD.say('rollback'), 'rolled back already')
        self.assertEqual(WORLD.rules(), first)
        self.expect(DONE, WORLD.say('rollback', '--remove'), 'taken away')
        self.unchanged()

    def test_an_unconfirmed_second_policy_gives_way_to_the_first(self):
        self.expect(DONE, WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '0'))
        first = WORLD.rules()
        self.expect(DONE, WORLD.apply(FROM_ANYWHERE, '--console', '--confirm-within', '2s'))
        until(lambda: WORLD.rules() == first, 'the guardian brings the first back')
        self.expect(REFUSED, WORLD.say('confirm', '--console'), 'too late')
        self.expect(DONE, WORLD.say('status'), 'exactly the tables', 'nobody confirmed it')

    def test_what_the_host_began_and_closed_ends_in_the_container_too(self):
        # What the kernel answers to the end of a connection whose process has closed it belongs to no user.
        box = world.Box('late', 'blue', publish='8090:90', listen='tcp,::,91')
        path = '/proc/%d/ns/net' % WORLD.built.engine.container(box, WORLD.built.logs)
        self.addCleanup(WORLD.built.engine.call, 'DELETE', '/containers/late?force=1')
        with inside(path):
            address = json.loads(world.run('ip', '-j', '-4', 'addr', 'show', 'dev', 'eth0'))[0]['addr_info'][0]['local']
            server = socket.create_server(('', 90))
        with server:
            self.expect(DONE, WORLD.apply(LATE, '--console', '--confirm-within', '0'))
            for _ in range(3):
                with inside(WORLD.host):
                    client = socket.create_connection((address, 90), 5)  # as root, to what is published
                taken = server.accept()[0]
                client.close()
                self.assertEqual(taken.recv(1), b'')
                taken.close()

            def left():
                with inside(path):
                    return world.run('ss', '-Htn', 'state', 'last-ack').strip()
            until(lambda: not left(), 'the last acknowledgement comes to ' + address, 10)

    def test_a_plan_that_is_not_fit_is_shown_and_not_applied(self):
        self.expect(FINDINGS, WORLD.apply(BROKEN, '--console'), 'this plan must not be applied', 'BROKEN')
        self.unchanged()
        self.expect(USAGE, WORLD.apply(FROM_PEOPLE.replace('enforce', 'off'), '--console'), 'nothing that runs is in mode enforce')
        self.unchanged()
        self.expect(USAGE, WORLD.say('confirm', '--console'), 'nothing to confirm')

    def test_bad_usage_and_lack_of_rights_change_nothing(self):
        for within in ('', '0s', '60', '-1s', '25h', '99999999999h', '1d'):
            self.expect(USAGE, WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within=' + within))
        for verb in ('apply', 'confirm', 'rollback'):
            self.expect(USAGE, WORLD.say(verb, user=65534, group=65534, extra_groups=[]), 'only root')
        with inside(WORLD.host):
            done = subprocess.run(['unshare', '-Ur', WORLD.program, 'apply', '--console'], env=WORLD.environment(),
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn('root of a user namespace', done.stderr)
        self.expect(INCOMPLETE, WORLD.say('status', user=65534, group=65534, extra_groups=[]), 'only root')
        self.unchanged()

    def test_of_two_at_once_one_is_told_to_wait(self):
        path = WORLD.policy(FROM_PEOPLE)
        two = [WORLD.start('apply', '--config', path, '--console', '--confirm-within', '1h') for _ in range(2)]
        said = [(one.communicate(timeout=world.GENEROUS)[0], one.returncode) for one in two]
        self.assertEqual(sorted(code for _, code in said)[0], DONE, said)
        self.assertTrue(any('is at work' in text or 'not confirmed yet' in text for text, _ in said), said)
        self.expect(DONE, WORLD.say('status'), 'exactly the tables')

    def test_rules_that_no_apply_made_are_not_replaced(self):
        code, text = WORLD.say('compile', '--config', WORLD.policy(FROM_PEOPLE))
        self.assertEqual(code, DONE, text)
        with inside(WORLD.host):
            world.run('nft', '-f', '-', text=text)
        loaded = WORLD.rules()
        self.expect(USAGE, WORLD.apply(FROM_ANYWHERE, '--console'), 'that no apply made')
        self.assertEqual(WORLD.rules(), loaded)
        self.expect(FINDINGS, WORLD.say('status'), 'no apply loaded')

    def test_a_folder_that_others_could_write_to_is_refused(self):
        path = WORLD.policy(FROM_PEOPLE)
        shutil.rmtree(WORLD.folder, ignore_errors=True)
        elsewhere = WORLD.built.dir + '/elsewhere'
        os.makedirs(elsewhere, exist_ok=True)
        os.makedirs(os.path.dirname(WORLD.folder), exist_ok=True)
        os.symlink(elsewhere, WORLD.folder)
        try:
            self.expect(INCOMPLETE, WORLD.say('apply', '--config', path, '--console'), WORLD.folder)
        finally:
            os.unlink(WORLD.folder)
        os.makedirs(WORLD.folder)
        os.chmod(WORLD.folder, 0o777)
        self.expect(INCOMPLETE, WORLD.say('apply', '--config', path, '--console'), 'others than root')
        os.chmod(WORLD.folder, 0o700)
        self.assertEqual(os.listdir(elsewhere), [])
        self.unchanged()


class Mishaps(unittest.TestCase):
    """What ends, stops or fills up at the worst moment. The moment is made by a program in the place of nft."""

    def setUp(self):
        shutil.rmtree(WORLD.built.dir + '/nft', ignore_errors=True)
        self.addCleanup(WORLD.say, 'rollback', '--remove')
        self.before = WORLD.rules()

    def begin(self, script, within='1h'):
        """|script| runs in the place of the first nft that loads."""
        path = WORLD.policy(FROM_PEOPLE)
        process = WORLD.start_with_nft('if [ "$1" = -f ] && mkdir once 2>/dev/null; then %s; fi' % script,
                                       'apply', '--config', path, '--console', '--confirm-within', within)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def taken_back(self):
        until(lambda: not WORLD.loaded(), 'the rules are taken back')
        self.assertEqual(WORLD.rules(), self.before)

    def test_an_nft_that_is_killed_once_the_kernel_has_the_rules(self):
        process = self.begin('"$real" "$@"; kill -9 $$')
        text = process.communicate(timeout=world.GENEROUS)[0]
        self.assertFalse(WORLD.loaded(), text)
        self.assertEqual(process.returncode, REFUSED, text)
        self.assertIn('rolled back', text)
        self.taken_back()
        self.assertEqual(WORLD.say('status')[0], DONE)

    def test_no_room_to_write_down_what_is_loaded(self):
        block = WORLD.folder + '/.state.json.new'
        process = self.begin('"$real" "$@"; mkdir %s; exit 0' % block, within='0')
        try:
            text = process.communicate(timeout=world.GENEROUS)[0]
            self.assertEqual(process.returncode, REFUSED, text)
            self.assertFalse(WORLD.loaded(), text)
            self.taken_back()
        finally:
            os.rmdir(block)
        WORLD.say('rollback')

    def test_an_apply_that_is_killed_between_loading_and_writing_it_down(self):
        self.begin('"$real" "$@"; echo $$ >loaded; kill -9 $PPID; exit 0', within='6s')
        until(lambda: WORLD.nft_said('loaded'), 'the rules are loaded')
        self.taken_back()

    def test_an_apply_that_is_stopped_does_not_hold_up_the_guardian(self):
        self.begin('"$real" "$@"; echo $PPID >loaded; kill -STOP $PPID; exit 0', within='6s')
        until(lambda: WORLD.nft_said('loaded'), 'the rules are loaded')
        self.addCleanup(lambda: world.engine.alive(int(WORLD.nft_said('loaded'))) and
                        os.kill(int(WORLD.nft_said('loaded')), signal.SIGKILL))
        self.taken_back()

    def test_a_key_that_suspends_does_not_reach_the_half_that_holds_the_lock(self):
        process = self.begin('"$real" "$@"; echo $PPID >loaded; kill -TSTP $PPID; exit 0', within='1h')
        until(lambda: WORLD.nft_said('loaded'), 'the rules are loaded')
        text = process.communicate(timeout=world.GENEROUS)[0]
        self.assertEqual(process.returncode, DONE, text)

    def test_an_nft_that_is_left_behind_loads_nothing_after_a_rollback(self):
        self.begin('echo $$ >loading.new; mv loading.new loading; kill -9 $PPID; while [ ! -e go ]; do sleep 0.1; done')
        until(lambda: WORLD.nft_said('loading'), 'nft is under way')
        left = int(WORLD.nft_said('loading'))
        until(lambda: WORLD.say('rollback')[0] == DONE, 'a rollback is possible')
        with open(WORLD.built.dir + '/nft/go', 'w'):
            pass
        until(lambda: not world.engine.alive(left), 'nft ends')
        self.taken_back()

    def test_a_folder_that_is_gone_is_not_a_confirmation(self):
        self.begin('"$real" "$@"; exit 0', within='6s').communicate(timeout=world.GENEROUS)
        self.assertTrue(WORLD.loaded())
        shutil.rmtree(WORLD.folder)
        self.taken_back()

    def test_a_state_that_cannot_be_read_is_not_a_confirmation(self):
        self.begin('"$real" "$@"; exit 0', within='6s').communicate(timeout=world.GENEROUS)
        self.assertTrue(WORLD.loaded())
        with open(WORLD.folder + '/state.json', 'w') as file:
            file.write('{"version": 1, "boot_id"')
        for verb in ('status', 'rollback'):
            code, text = WORLD.say(verb)
            self.assertEqual(code, USAGE, text)
            self.assertIn('bulkhead rollback --remove', text)
        self.taken_back()


class Status(unittest.TestCase):
    def setUp(self):
        self.addCleanup(WORLD.say, 'rollback', '--remove')
        code, text = WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '0')
        self.assertEqual(code, DONE, text)

    def applied(self, code):
        # What moves while it is read is unknown, and said to be: then it is asked again.
        said = []

        def is_known():
            said[:] = WORLD.status()
            return 'uncovered_unknown' not in said[1].get('applied', {})

        until(is_known, 'status knows all')
        got, status = said
        self.assertEqual(got, code, status)
        self.assertEqual(status['sound'], code == DONE)
        return status['applied']

    def test_tells_who_applied_what_from_where(self):
        applied = self.applied(DONE)
        self.assertEqual(applied['file'], WORLD.built.dir + '/bulkhead.yaml')
        self.assertEqual(len(applied['sha256']), 64)
        self.assertFalse(applied['file_changed'])
        self.assertTrue(applied['exact'] and applied['kept'])
        self.assertEqual({one['container'] for one in applied['held']}, {'web', 'db'})
        self.assertEqual(applied['not_yet'], ['foreign-flush', 're-arm', 'boot'])
        WORLD.policy(FROM_ANYWHERE)
        self.assertTrue(self.applied(DONE)['file_changed'])

    def test_sees_one_element_that_somebody_took_away(self):
        # With as many elements and rules as before.
        listed = WORLD.nft('list', 'set', 'inet', 'bulkhead', 'pol4')
        element = listed.partition('elements = {')[2].partition('}')[0].strip()
        WORLD.nft('delete', 'element', 'inet', 'bulkhead', 'pol4', '{ %s }' % element)
        WORLD.nft('add', 'element', 'inet', 'bulkhead', 'pol4', '{ %s }' % element.replace('5432', '5433'))
        self.assertEqual(self.applied(FINDINGS)['differences'], ['table inet bulkhead: set pol4: 1 elements gone, 1 added'])

    def test_sees_a_rule_that_somebody_added(self):
        WORLD.nft('insert', 'rule', 'inet', 'bulkhead', 'forw', 'accept')
        self.assertIn('chain forw', self.applied(FINDINGS)['differences'][0])

    def test_counters_are_no_change(self):
        WORLD.seen()
        self.assertTrue(self.applied(DONE)['exact'])

    def test_sees_a_foreign_flush(self):
        with inside(WORLD.host):
            engines_own = world.run('nft', 'list', 'ruleset')
        WORLD.nft('flush', 'ruleset')
        try:
            self.assertEqual(len(self.applied(FINDINGS)['differences']), 3)
            # Applying again is the cure; before it there was nothing, and so nothing comes back.
            WORLD.say('rollback')
            self.assertFalse(WORLD.loaded())
        finally:
            with inside(WORLD.host):
                world.run('nft', '-f', '-', text='flush ruleset\n' + engines_own.partition('table inet bulkhead')[0]
                        .partition('table bridge bulkhead')[0].partition('table arp bulkhead')[0], check=False)

    def interfaces(self, code):
        return [(one.get('was'), one['name'], one['change'], one['role']) for one in self.applied(code)['interfaces']]

    def link(self, *words):
        with inside(WORLD.host):
            world.run('ip', 'link', *words)

    def test_tells_interfaces_that_came_and_went_and_were_made_anew(self):
        self.assertEqual(self.interfaces(DONE), [])
        self.link('add', 'new0', 'type', 'veth', 'peer', 'name', 'new1')
        self.assertEqual(self.interfaces(DONE), [])  # not up: nothing comes in
        self.link('set', 'new0', 'up')
        self.assertEqual(self.interfaces(DONE), [(None, 'new0', 'new', 'none')])
        self.assertIn('new0 came since', WORLD.say('status')[1])
        code, text = WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '0')
        self.assertEqual((code, self.interfaces(DONE)), (DONE, []), text)
        self.link('del', 'new0')
        self.assertEqual(self.interfaces(DONE), [])  # no rule knew it
        WORLD.built.engine.network(world.Net('later', '10.1.9.0/24'))
        try:
            self.assertEqual(self.interfaces(DONE), [(None, 'br-later', 'new', 'none')])
            WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '0')
            self.assertEqual(self.interfaces(DONE), [])
            self.link('del', 'br-later')
            self.assertEqual(self.interfaces(DONE), [(None, 'br-later', 'gone', 'other')])
            self.link('add', 'br-later', 'type', 'bridge')
            self.assertEqual(self.interfaces(DONE), [(None, 'br-later', 'made anew', 'other')])
        finally:
            WORLD.built.engine.call('DELETE', '/networks/later')

    def test_a_renamed_uplink_is_a_finding_and_applying_again_mends_it(self):
        self.assertTrue(WORLD.seen()['lan to web'])
        self.link('set', 'up0', 'name', 'wan0')
        try:
            self.assertEqual(self.interfaces(FINDINGS), [('up0', 'wan0', 'renamed', 'zone')])
            self.assertIn('up0 is called wan0 now', WORLD.say('status')[1])
            self.assertFalse(WORLD.seen()['lan to web'])
            code, text = WORLD.apply(FROM_PEOPLE, '--console', '--confirm-within', '0')
            self.assertEqual((code, self.interfaces(DONE)), (DONE, []), text)
            self.assertTrue(WORLD.seen()['lan to web'])
        finally:
            self.link('set', 'wan0', 'name', 'up0')

    def test_a_renamed_bridge_is_a_finding(self):
        self.link('set', 'br-blue', 'name', 'br-red')
        try:
            self.assertEqual(self.interfaces(FINDINGS), [('br-blue', 'br-red', 'renamed', 'bridge')])
            self.assertIn('the host and the containers there do not reach each other', ' '.join(WORLD.say('status')[1].split()))
            self.assertFalse(WORLD.seen()['host to db'])
        finally:
            self.link('set', 'br-red', 'name', 'br-blue')
        self.assertEqual(self.interfaces(DONE), [])

    def test_names_a_container_that_started_since(self):
        box = world.Box('late', 'blue')
        WORLD.built.engine.container(box, WORLD.built.logs)
        try:
            self.assertEqual(self.applied(FINDINGS)['uncovered'],
                             [{'engine': 'docker', 'container': 'late', 'why': 'started since'}])
        finally:
            WORLD.built.engine.call('DELETE', '/containers/late?force=1')
        self.assertEqual(self.applied(DONE)['uncovered'], [])

    def test_names_a_container_that_was_made_anew_in_a_namespace_of_the_same_number(self):
        """The kernel gives the number of one that ended to the next; whether it does is not ours, so the record is told that it did."""
        engine, logs = WORLD.built.engine, WORLD.built.logs
        box = world.Box('late', 'blue=10.1.1.77')
        start = lambda: os.stat('/proc/%d/ns/net' % engine.container(box, logs)).st_ino
        end = lambda: engine.call('DELETE', '/containers/late?force=1')
        was = start()
        try:
            code, said = WORLD.apply(LATE, '--console', '--confirm-within', '0')
            self.assertEqual(code, DONE, said)
            self.assertEqual(self.applied(DONE)['uncovered'], [])
            identity = engine.ask('GET', '/containers/late/json')['Id']
            engine.call('POST', '/containers/late/restart?t=0')
            now = os.stat('/proc/%d/ns/net' % engine.ask('GET', '/containers/late/json')['State']['Pid']).st_ino
            with open(WORLD.folder + '/state.json') as file:
                state = json.load(file)
            held, = (h for h in state['current']['held'] if h['id'] == identity)
            self.assertEqual(held['netns'], was)
            held['netns'] = now
            with open(WORLD.folder + '/state.json', 'w') as file:
                json.dump(state, file)
            self.assertEqual(self.applied(FINDINGS)['uncovered'], [{'engine': 'docker', 'container': 'late', 'why': 'started anew'}])
        finally:
            end()

    def test_names_a_container_that_was_connected_elsewhere_since(self):
        # The rules hold addresses: on that network nothing holds it.
        WORLD.built.engine.call('POST', '/networks/free/connect', {'Container': 'db'})
        try:
            self.assertEqual(self.applied(FINDINGS)['uncovered'],
                             [{'engine': 'docker', 'container': 'db', 'why': 'other addresses'}])
        finally:
            WORLD.built.engine.call('POST', '/networks/free/disconnect', {'Container': 'db'})
        self.assertEqual(self.applied(DONE)['uncovered'], [])

    def test_a_guardian_that_is_gone_is_a_finding(self):
        code, text = WORLD.apply(FROM_ANYWHERE, '--console', '--confirm-within', '1h')
        self.assertEqual(code, DONE, text)
        guardian = WORLD.guardian()
        os.kill(guardian, signal.SIGKILL)
        until(lambda: not world.engine.alive(guardian), 'it ends')
        self.assertFalse(self.applied(FINDINGS)['kept'])
        WORLD.say('rollback')
        self.applied(DONE)

    def test_applying_again_mends_a_change_and_a_rollback_brings_the_policy_back(self):
        first = WORLD.rules()
        WORLD.nft('delete', 'table', 'arp', 'bulkhead')
        self.applied(FINDINGS)
        code, text = WORLD.apply(FROM_ANYWHERE, '--console', '--confirm-within', '1h')
        self.assertEqual(code, DONE, text)
        self.applied(DONE)
        WORLD.say('rollback')
        self.assertEqual(sorted(WORLD.rules()), sorted(first))


class Audit(unittest.TestCase):
    """Mode audit: what would be refused is let through, counted, and told by status."""

    def setUp(self):
        self.addCleanup(WORLD.say, 'rollback', '--remove')
        self.before = WORLD.rules()

    def apply(self, text, *arguments):
        code, said = WORLD.apply(text, '--console', '--confirm-within', '0', *arguments)
        self.assertEqual(code, DONE, said)
        return said

    def refused(self):
        """{(from, to, protocol, port)} as status names them, of those that are told."""
        code, status = WORLD.status()
        self.assertEqual(code, DONE, status)
        audited = status['applied']['audited']
        self.assertTrue(audited['counting'])
        return {(w['from'].get('name', ''), w['to'].get('name', ''), w['protocol'], w.get('port', 0)): w for w in audited['would_refuse']}

    def test_what_would_be_refused_passes_and_status_names_it(self):
        was = WORLD.seen()
        said = self.apply(AUDITED)
        self.assertIn('2 containers in mode audit', said)
        self.assertEqual(WORLD.refused_words(), [])
        now = time.time()
        self.assertEqual(WORLD.seen(), was, 'nothing is closed')
        found = self.refused()
        self.assertIn(('lan:mgmt0', 'shop/web', 'tcp', 80), found, found)  # published, from elsewhere than people
        self.assertIn(('shop/web', 'shop/db', 'tcp', 6379), found)
        self.assertIn(('host', 'shop/db', 'tcp', 5432), found)
        self.assertNotIn(('shop/web', 'shop/db', 'tcp', 5432), found)  # a line permits it
        self.assertNotIn(('lan', 'shop/web', 'tcp', 80), found)
        self.assertFalse([w for w in found if 'stray' in str(w)], 'of nobody it says nothing')
        one = found['shop/web', 'shop/db', 'tcp', 6379]
        self.assertEqual((one['tenant'], one['kind']), ('shop', 'inside'))
        self.assertGreaterEqual(one['packets'], 1)
        self.assertLess(abs(one['last_ms'] / 1000 - now), GENEROUS)
        code, text = WORLD.say('status')
        self.assertEqual(code, DONE, text)
        self.assertIn('would be refused', text)
        self.assertIn('exactly the tables that were applied', text)  # what packets fill is no change

    def test_learn_proposes_what_was_counted_and_plan_says_that_it_would_break(self):
        state = WORLD.built.dir + '/counted.json'
        learn = ('learn', '--from-audit', '--json', '--state', state, '--config', WORLD.policy(AUDITED))
        code, said = WORLD.say(*learn)
        self.assertNotEqual(code, DONE, said)
        self.assertIn('nothing is in mode audit here', said)
        self.apply(AUDITED)
        WORLD.seen()
        code, said = WORLD.say(*learn)
        self.assertEqual(code, DONE, said)
        told = json.loads(said)
        lines = {line['line'].partition(', why')[0]: line for line in told['lines']}
        self.assertIn('{from: web, to: db, port: 6379/tcp', lines)
        self.assertIn('{to: web, publish: 8080/tcp, from: seen-shop-web', lines)
        self.assertIn('{from: host, to: db, port: 5432/tcp', lines)
        self.assertEqual(len(lines), 3)
        self.assertTrue(all(line['packets'] >= 1 for line in lines.values()))
        self.assertGreaterEqual(told['audited'], 3)
        self.assertEqual([g['addresses'] for g in told['trust']], [[world.MGT]])
        code, again = WORLD.say(*learn)
        packets = lambda text: [line['packets'] for line in json.loads(text)['lines']]
        self.assertEqual(packets(again), packets(said), 'what was counted is added once')
        for enforce, breaks, expected in (('--enforce', 3, FINDINGS), (None, 0, DONE)):
            code, said = WORLD.say('plan', '--from-audit', '--json', '--config', WORLD.policy(AUDITED), *filter(None, [enforce]))
            self.assertEqual((code, json.loads(said)['seen']['breaks']), (expected, breaks), said)
        # With these lines nothing is lost.
        code, diff = WORLD.say(*(word for word in learn if word != '--json'))
        patch = subprocess.run(['patch', '-s', WORLD.built.dir + '/bulkhead.yaml'], input=diff, text=True, capture_output=True)
        self.assertEqual(patch.returncode, 0, patch.stdout + diff)
        with open(WORLD.built.dir + '/bulkhead.yaml') as file:
            self.apply(file.read().replace('mode: audit', 'mode: enforce'))
        self.assertTrue(all(WORLD.seen().values()))

    def test_counts_go_up_and_a_rollback_leaves_nothing(self):
        self.apply(AUDITED)
        WORLD.seen()
        first = self.refused()['shop/web', 'shop/db', 'tcp', 6379]['packets']
        WORLD.seen()
        self.assertGreater(self.refused()['shop/web', 'shop/db', 'tcp', 6379]['packets'], first)
        self.assertEqual(WORLD.say('rollback')[0], DONE)
        self.assertEqual(WORLD.rules(), self.before)

    def test_a_tenant_that_is_enforced_stays_so_beside_one_that_is_counted(self):
        self.apply(FROM_PEOPLE + BESIDE)
        self.assertEqual({who for who, gets in WORLD.seen().items() if gets}, OPEN)
        code, status = WORLD.status()
        self.assertEqual(code, DONE, status)
        self.assertEqual(len(status['applied']['held']), 2)
        self.assertEqual([c['container'] for c in status['applied']['audited']['containers']], ['stray'])
        found = self.refused()
        self.assertIn(('lan', 'free/stray', 'tcp', 80), found, found)
        self.assertFalse([w for w in found if w[1].startswith('shop/')], 'what is dropped is no change')
        # From counting to enforcing, in one transaction, and back.
        self.apply(FROM_PEOPLE + BESIDE.replace('audit', 'enforce'))
        self.assertFalse(WORLD.seen()['stray to stray'])
        self.assertNotIn('bulkhead_audit', WORLD.nft('list', 'tables'))
        self.assertEqual(WORLD.say('rollback')[0], DONE)
        self.assertTrue(WORLD.seen()['stray to stray'])
        self.assertIn('bulkhead_audit', WORLD.nft('list', 'tables'))

    def test_more_than_there_is_room_for_is_said(self):
        self.apply(AUDITED)
        with inside(WORLD.built.path('web')), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for port in range(1, 4096 + 200):
                one.sendto(b'x', (WORLD.db, port))
        code, status = WORLD.status()
        self.assertEqual(code, DONE)
        audited = status['applied']['audited']
        self.assertEqual(audited['full'], ['inside'])
        self.assertGreater(audited['missed'], 0)
        self.assertIn('are not listed', ' '.join(WORLD.say('status')[1].split()))

    def test_a_never_that_only_enforcement_makes_true_is_said_and_awaits_it(self):
        code, said = WORLD.apply(AUDITED + NEVER, '--console', '--confirm-within', '0')
        self.assertEqual(code, DONE, said)
        code, text = WORLD.say('plan', '--config', WORLD.policy(AUDITED + NEVER))
        self.assertEqual(code, DONE, text)
        self.assertIn('holds once they are enforced', ' '.join(text.split()))
        self.assertIn('BROKEN', text)

    def test_what_a_container_sent_that_is_gone_is_not_said_of_who_has_its_address_now(self):
        engine, logs = WORLD.built.engine, WORLD.built.logs
        start = lambda name: engine.container(world.Box(name, 'blue=10.1.1.77'), logs)
        end = lambda name: engine.call('DELETE', '/containers/%s?force=1' % name)
        pid = start('late')
        try:
            self.apply(AUDITED.replace('db: {container: db}', 'db: {container: db}, late: {container: late}'))
            with inside('/proc/%d/ns/net' % pid):
                socket.create_connection((WORLD.db, 6379), GENEROUS).close()
            self.assertIn(('shop/late', 'shop/db', 'tcp', 6379), self.refused())
        finally:
            end('late')
        self.assertIn(('', 'shop/db', 'tcp', 6379), self.refused())
        start('other')
        try:
            found = self.refused()
        finally:
            end('other')
        self.assertIn(('', 'shop/db', 'tcp', 6379), found)
        self.assertFalse([w for w in found if 'other' in str(w)], 'it sent nothing')
        start('late')  # made anew: the same service
        try:
            self.assertIn(('shop/late', 'shop/db', 'tcp', 6379), self.refused())
        finally:
            end('late')

    def test_what_an_older_program_applied_comes_back_without_counting(self):
        """It knew no mode audit: its state says nothing of it, its rules do not take that table away."""
        self.apply(FROM_PEOPLE)
        applied = WORLD.rules()
        with open(WORLD.folder + '/state.json') as file:
            state = json.load(file)
        state['version'] = 1
        del state['current']['audited'], state['current']['host_audited']
        with open(WORLD.folder + '/state.json', 'w') as file:
            json.dump(state, file)
        path = '%s/%s.nft' % (WORLD.folder, state['current']['id'])
        with open(path) as file:
            text = file.read()
        with open(path, 'w') as file:
            file.write(''.join(line + '\n' for line in text.splitlines() if 'bulkhead_audit' not in line))
        self.assertEqual(WORLD.say('status')[0], DONE)
        self.apply(FROM_PEOPLE + BESIDE)
        self.assertIn('bulkhead_audit', WORLD.nft('list', 'tables'))
        self.assertEqual(WORLD.say('rollback')[0], DONE)
        self.assertEqual(WORLD.rules(), applied)

    def test_counting_that_somebody_ended_is_a_finding(self):
        self.apply(AUDITED)
        WORLD.nft('delete', 'table', 'inet', 'bulkhead_audit')
        code, text = WORLD.say('status')
        self.assertEqual(code, FINDINGS, text)
        self.assertIn('Nothing is counted', text)
        self.assertIn('bulkhead_audit is gone', text)


class Lockout(unittest.TestCase):
    """Over SSH: sshd is OpenSSH's own, and so is its client, which is on the LAN."""

    def setUp(self):
        until(lambda: not WORLD.sessions(), 'sessions of an earlier test end')
        self.addCleanup(WORLD.say, 'rollback', '--remove')
        self.before = WORLD.rules()

    def session(self):
        shell = WORLD.sshd.shell()
        self.addCleanup(shell.close)
        return shell

    def apply_in(self, shell, text, *arguments):
        return WORLD.over_ssh(shell, 'apply', '--config', WORLD.policy(text), *arguments)

    def expect(self, code, said, *words):
        Apply.expect(self, code, said, *words)

    def test_without_a_session_a_console_must_be_named(self):
        self.expect(REFUSED, WORLD.apply(FROM_PEOPLE), 'say --console')
        self.assertEqual(WORLD.rules(), self.before)

    def test_who_would_shut_himself_out_is_refused(self):
        shell = self.session()
        for more in ((), ('--console',)):
            self.expect(REFUSED, self.apply_in(shell, SSH_OF_NOBODY, *more), 'would shut out', world.LAN, 'your own session')
        self.assertEqual(WORLD.rules(), self.before)
        # The same after sudo and in tmux, which take SSH_CONNECTION away.
        self.expect(REFUSED, shell.say('env -u SSH_CONNECTION ' + ' '.join(WORLD.command(
            'apply', '--config', WORLD.policy(SSH_OF_NOBODY)))), 'would shut out')
        self.assertEqual(WORLD.rules(), self.before)

    def test_others_are_cut_off_from_a_console_only(self):
        self.session()
        self.expect(REFUSED, WORLD.apply(SSH_OF_NOBODY), 'would shut out', world.LAN)
        self.assertEqual(WORLD.rules(), self.before)
        self.expect(DONE, WORLD.apply(SSH_OF_NOBODY, '--console', '--confirm-within', '1h'))
        self.assertFalse(world.connects(WORLD.built.path('lan'), world.HOST, 22))
        WORLD.say('rollback', '--remove')  # before the session is closed, so that the server hears it

    def test_only_a_new_session_confirms(self):
        shell = self.session()
        self.expect(DONE, self.apply_in(shell, SSH_OF_PEOPLE, '--confirm-within', '1h'), 'NEW session')
        self.expect(REFUSED, WORLD.over_ssh(shell, 'confirm'), 'older than the rules', 'that you still can')
        self.expect(REFUSED, WORLD.say('confirm'), 'no SSH session')
        self.expect(DONE, WORLD.say('status'), 'Not confirmed')
        self.expect(DONE, WORLD.over_ssh(self.session(), 'confirm'), 'confirmed')
        self.assertTrue(world.connects(WORLD.built.path('lan'), world.HOST, 22))
        self.assertFalse(world.connects(WORLD.built.path('mgt'), '10.99.0.1', 22))

    def test_a_session_from_the_machine_itself_proves_nothing(self):
        shell = self.session()
        self.expect(DONE, self.apply_in(shell, SSH_OF_PEOPLE, '--confirm-within', '1h'))
        inner = ' '.join(WORLD.sshd.client("'" + ' '.join(WORLD.command('confirm')) + "'"))
        self.expect(REFUSED, shell.say(inner), 'from this machine itself')

    def test_who_has_not_logged_in_has_no_say(self):
        shell = self.session()
        with inside(WORLD.built.path('mgt')):
            stranger = world.socket.create_connection(('10.99.0.1', 22))
        try:
            self.assertTrue(stranger.recv(64).startswith(b'SSH-2.0'))
            self.expect(DONE, self.apply_in(shell, SSH_OF_PEOPLE, '--confirm-within', '1h'))
        finally:
            stranger.close()

    def test_over_dropbear_it_is_the_same(self):
        server = world.Dropbear(WORLD.built)
        self.addCleanup(server.close)
        shell = server.shell()
        self.addCleanup(shell.close)
        for more in ((), ('--console',)):
            self.expect(REFUSED, self.apply_in(shell, DROPBEAR_OF_NOBODY, *more), 'would shut out', world.LAN, 'your own session')
        self.assertEqual(WORLD.rules(), self.before)
        with inside(WORLD.built.path('mgt')):  # who only connects has no say
            stranger = world.socket.create_connection(('10.99.0.1', server.port))
        self.addCleanup(stranger.close)
        self.addCleanup(WORLD.say, 'rollback', '--remove')  # before it is closed, so that the server hears it
        self.assertTrue(stranger.recv(64).startswith(b'SSH-2.0-dropbear'))
        self.expect(DONE, self.apply_in(shell, DROPBEAR_OF_PEOPLE, '--confirm-within', '1h'), 'NEW session')
        self.expect(REFUSED, WORLD.over_ssh(shell, 'confirm'), 'older than the rules')
        later = server.shell()
        self.addCleanup(later.close)
        self.expect(DONE, WORLD.over_ssh(later, 'confirm'), 'confirmed')
        self.assertFalse(world.connects(WORLD.built.path('mgt'), '10.99.0.1', server.port))

    def test_who_calls_himself_sshd_is_none(self):
        # Not root's, and no child of one; its connection stays.
        with inside(WORLD.built.path('lan')):
            listener = world.socket.create_server((world.LAN, 5999))
        self.addCleanup(listener.close)
        with inside(WORLD.built.path('host')):
            mimic = subprocess.Popen(
                ['/usr/bin/python3', '-c', 'import ctypes,socket,sys;ctypes.CDLL(None).prctl(15,b"sshd");'
                 's=socket.create_connection(("%s",5999));print(1,flush=True);sys.stdin.read()' % world.LAN],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=65534, group=65534, extra_groups=[])
        try:
            self.assertEqual(mimic.stdout.readline(), b'1\n')
            self.expect(REFUSED, WORLD.apply(SSH_OF_NOBODY), 'no SSH session')
        finally:
            mimic.communicate(b'')


def begin(built):
    global WORLD
    WORLD = built


if __name__ == '__main__':
    sys.exit(trial.run(__doc__, 'bkapl-', world.World, begin))
