#!/usr/bin/env python3
"""A host and a machine outside of it, in network namespaces: what is seen from outside goes into an audit, and
what changes from one scan of the host to the next is told.

    host_lab_test.py BULKHEAD BULKHEAD-SCAN
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scan"))

import netns  # noqa: E402
from netns import inside, ip, socket_in  # noqa: E402

PROGRAM, SCANNER = (str(pathlib.Path(sys.argv.pop(1)).resolve()) for _ in range(2))
PREFIX = f"bkhost{os.getpid()}"
OUTSIDE, HOST = f"{PREFIX}-o", f"{PREFIX}-h"
DONE, FINDINGS, USAGE, INCOMPLETE = 0, 1, 2, 3


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told, unless it is to be out of order."""
    told, broken = [], False

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not Hook.broken:
            Hook.told.append(json.loads(body))
        self.send_response(500 if Hook.broken else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Host(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.clean)
        cls.folder = tempfile.mkdtemp(prefix=PREFIX)
        netns.join(OUTSIDE, HOST, "203.0.113.{}/24")
        ip("-n", HOST, "route", "add", "default", "via", "203.0.113.1")

    @classmethod
    def clean(cls):
        netns.remove(OUTSIDE, HOST)
        shutil.rmtree(cls.folder)

    def file(self, name):
        return str(pathlib.Path(self.folder, name))

    def look(self, name, *arguments):
        done = subprocess.run(["nsenter", f"--net=/run/netns/{OUTSIDE}", SCANNER, "203.0.113.2", "--i-own-this",
                               "--ports", "1-7000", "--rate", "100000", "--no-identify", "-o", self.file(name), *arguments],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, DONE, done.stderr)
        return self.file(name)

    def host(self, *arguments):
        return subprocess.run(["nsenter", f"--net=/run/netns/{HOST}", PROGRAM, *arguments],
                              capture_output=True, text=True, timeout=120, check=False, env={"LC_ALL": "C.UTF-8"})

    def audit(self, *arguments):
        done = self.host("audit", "--engine", "unix:///nowhere", "--no-probe", *arguments)
        self.assertNotIn("internal", done.stderr)
        return done

    def audit_json(self, *arguments):
        done = self.audit("--json", *arguments)
        self.assertNotEqual(done.stdout, "", done.stderr)
        return json.loads(done.stdout)

    @staticmethod
    def states(report, port):
        return {f["state"] for f in report["findings"] for r in f["reaches"]
                if r["port"] == port and r["from"] == "internet"}

    def test_what_is_seen_from_outside_confirms_and_contradicts(self):
        with socket_in(HOST, 6379), socket_in(HOST, 2375):
            # Read before anybody came by: the machine outside is on this one as well, and its addresses would be
            # modelled as what they are, and not as the Internet.
            ip("-n", HOST, "neigh", "flush", "dev", "eth0")
            snapshot = ["--snapshot", self.file("host.json")]
            self.host("snapshot", "--engine", "unix:///nowhere", "-o", snapshot[1])
            self.assertEqual(self.states(self.audit_json(*snapshot), 6379), {"computed"})
            # From beyond the host's gateway: what is there is the Internet.
            ip("-n", OUTSIDE, "addr", "add", "198.51.100.7/32", "dev", "lo")
            self.addCleanup(ip, "-n", OUTSIDE, "addr", "del", "198.51.100.7/32", "dev", "lo")
            ip("-n", OUTSIDE, "route", "add", "203.0.113.2/32", "dev", "eth0", "src", "198.51.100.7")
            self.addCleanup(ip, "-n", OUTSIDE, "route", "del", "203.0.113.2/32")
            seen = self.look("open.json", "--zone", "internet")
            report = self.audit_json(*snapshot, "--with", seen)
            self.assertEqual(report["contradictions"], [])
            self.assertEqual(self.states(report, 6379), {"confirmed"})
            # Something stops it of which the snapshot knows nothing.
            inside(HOST, "nft", "table inet f { chain i { type filter hook input priority 0; tcp dport 6379 drop;\n}\n}")
            self.addCleanup(inside, HOST, "nft", "delete table inet f")
            closed = self.look("closed.json")
            report = self.audit_json(*snapshot, "--with", f"internet:{closed}")
            [contradiction] = report["contradictions"]
            self.assertEqual((contradiction["from"], contradiction["port"], contradiction["computed"]),
                             ("internet", 6379, "accepted"))
            self.assertTrue(contradiction["observed"].startswith("dropped, seen by "), contradiction)
            self.assertEqual((self.states(report, 6379), self.states(report, 2375)), ({"contradicted"}, {"confirmed"}))
            text = self.audit(*snapshot, "--with", f"internet:{closed}").stdout
            self.assertLess(text.index("CONTRADICTED"), text.index(" 1 "))
            self.assertIn("before this host", text)

    def test_what_cannot_be_compared_is_refused_with_what_to_write(self):
        seen = self.look("nowhere.json")
        other = pathlib.Path(self.file("other.json"))
        other.write_text(pathlib.Path(seen).read_text(encoding="utf-8").replace("203.0.113.2", "203.0.113.9"), encoding="utf-8")
        for value, said in ((seen, "internet:"), (f"zone:moon:{seen}", "is no zone of this host"), ("/nowhere", "/nowhere"),
                            ("internet:/etc/hostname", "not valid JSON"), (f"internet:{other}", "no")):
            done = self.audit("--with", value)
            self.assertEqual(done.returncode, USAGE, (value, done.stderr))
            self.assertIn(said, done.stderr)
        # Read well, and rightly with nothing open: neither is a mistake. Names of files may hold colons.
        timed = shutil.copy(seen, self.file("at 21:40.json"))
        for value in (f"internet:{timed}", f"internet:{seen}"):
            done = self.audit("--json", "--with", value)
            self.assertIn('"contradictions": []', done.stdout, (value, done.stderr))

    def test_an_old_result_is_refused_and_the_age_of_another_is_told(self):
        with socket_in(HOST, 6379):
            seen = self.look("today.json", "--zone", "internet")
            snapshot = ["--snapshot", self.file("aged.json")]
            self.host("snapshot", "--engine", "unix:///nowhere", "-o", snapshot[1])
        [told] = self.audit_json(*snapshot, "--with", seen)["compared"]
        self.assertEqual((told["from"], told["after"]), ("internet", False))
        self.assertLess(told["age_ms"], 120_000)
        self.assertIn("Compared with a scan from internet", self.audit(*snapshot, "--with", seen).stdout)
        record = json.loads(pathlib.Path(seen).read_text(encoding="utf-8"))
        for days, after in ((-9, False), (9, True)):
            record["taken_at_ms"] += days * 86_400_000
            old = self.file("old.json")
            pathlib.Path(old).write_text(json.dumps(record), encoding="utf-8")
            record["taken_at_ms"] -= days * 86_400_000
            done = self.audit(*snapshot, "--with", old)
            self.assertEqual(done.returncode, USAGE, done.stdout)
            self.assertIn("--with-max-age", done.stderr)
            [told] = self.audit_json(*snapshot, "--with", old, "--with-max-age", "30d")["compared"]
            self.assertEqual(told["after"], after)
            self.assertGreater(told["age_ms"], 8 * 86_400_000)
        self.assertEqual(self.audit("--with", seen, "--with-max-age", "soon").returncode, USAGE)

    def test_services_of_ones_own_are_named_in_an_audit(self):
        folder = pathlib.Path(self.file("services"))
        folder.mkdir()
        (folder / "mine.yaml").write_text("""\
- id: flux-relay
  name: Flux relay
  class: management
  transport: [tcp]
  ports: [7777]
  impact: control
  tls: none
  confidence: verified
  source: this test
  known:
  - send: 'FLUX?\\r\\n'
    answer: '^FLUX'
""", encoding="utf-8")
        with socket_in(HOST, 7777):
            snapshot = ["--snapshot", self.file("flux.json")]
            self.host("snapshot", "--engine", "unix:///nowhere", "-o", snapshot[1])
        plain, named = (self.audit(*snapshot, *more).stdout for more in ([], ["--services", str(folder)]))
        self.assertNotIn("Flux relay", plain)
        self.assertIn("Flux relay", named)
        self.assertRegex(named, r"\bT[12]\b +Flux relay", "it is management, by what the file says")
        done = self.audit(*snapshot, "--services", "/nowhere")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("--services", done.stderr)

    def test_two_results_are_compared(self):
        with socket_in(HOST, 6000):
            one = self.look("one.json")
        two = self.look("two.json")
        for arguments, code, said in (((one, two), DONE, "gone     203.0.113.2:6000/tcp"),
                                      ((two, one), FINDINGS, "NEW      203.0.113.2:6000/tcp  open; was closed"),
                                      ((one, one), DONE, "No difference in 7000 ports."),
                                      ((one, "/nowhere"), USAGE, "")):
            done = self.host("scan", "--diff", *arguments)
            self.assertEqual((done.returncode, said in done.stdout), (code, True), done)
        self.assertEqual(json.loads(self.host("scan", "--json", "--diff", two, one).stdout)["changes"][0]["change"], "new")
        self.assertEqual(self.host("scan", "--full", "--diff", one, two).returncode, USAGE)

    @contextlib.contextmanager
    def repeated(self, state, *arguments):
        """`scan --every` from the host's own seat, with the lines that it prints."""
        lines = []
        with subprocess.Popen(["nsenter", f"--net=/run/netns/{HOST}", PROGRAM, "scan", "--every", "1s", "--state", state,
                               "--from", "host", "--to", "203.0.113.2", "--ports", "6000-6010", "--no-identify",
                               "--engine", "unix:///nowhere", *arguments], stdout=subprocess.PIPE, text=True) as running:
            reader = threading.Thread(target=lambda: lines.extend(iter(running.stdout.readline, "")), daemon=True)
            reader.start()
            try:
                yield lines
            finally:
                running.send_signal(signal.SIGTERM)
                self.assertEqual(running.wait(40), DONE)
                reader.join(5)

    def until(self, condition, what):
        for _ in range(400):
            if condition():
                return
            time.sleep(0.1)
        self.fail(f"not within 40 s: {what}")

    def test_what_changes_is_told_and_nothing_is_lost_while_nobody_listens(self):
        state, heard = self.file("state"), pathlib.Path(self.file("heard"))
        program = pathlib.Path(self.file("tell"))
        program.write_text(f"#!/bin/sh\ncat >>'{heard}'\necho >>'{heard}'\n", encoding="utf-8")
        program.chmod(0o755)
        # The hook listens in the host's namespace, whose loopback is the way to it.
        hook = http.server.HTTPServer(("", 0), Hook, bind_and_activate=False)
        hook.socket.close()
        hook.socket = socket_in(HOST, 8099)
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        self.addCleanup(hook.server_close)
        self.addCleanup(hook.shutdown)
        notify = ["--notify", "http://[::1]:8099/hook", "--notify", f"exec:{program}"]
        Hook.broken = True
        with self.repeated(state, *notify) as lines:
            self.until(lambda: any("first scan" in line for line in lines), "the first scan")
            with socket_in(HOST, 6003):
                self.until(lambda: any(line.startswith("NEW") and ":6003/tcp" in line for line in lines), "news")
                self.until(heard.exists, "the program was told")
            self.until(lambda: any(line.startswith("gone") for line in lines), "it is gone")
        self.assertEqual(Hook.told, [])
        self.assertEqual(len(list(pathlib.Path(state, "spool").glob("*.message"))), 2)
        # After a restart, and with the receiver back, it gets both, in order.
        Hook.broken = False
        with self.repeated(state, *notify) as lines:
            self.until(lambda: len(Hook.told) == 2, "the hook was told")
            # The hook hears a message before its answer is read, and only an answer takes it out of the spool.
            self.until(lambda: not list(pathlib.Path(state, "spool").iterdir()), "nothing waits")
        self.assertEqual([[(c["change"], c["ports"]) for c in told["changes"]] for told in Hook.told],
                         [[("new", [6003, 6003])], [("gone", [6003, 6003])]])
        self.assertEqual(len(heard.read_text(encoding="utf-8").split("\n\n")), 3)
        self.assertFalse(any("first scan" in line for line in lines))

    def mail_server(self, heard):
        """A real SMTP server on the host's loopback, which writes down what it gets; it is ended with the test."""
        # Debian's module belongs to Debian's interpreter.
        running = subprocess.Popen(["nsenter", f"--net=/run/netns/{HOST}", "/usr/bin/python3", "-u", "-m", "aiosmtpd", "-n",
                                    "-c", "aiosmtpd.handlers.Debugging", "-l", "127.0.0.1:2525"], stdout=heard,
                                   stderr=subprocess.STDOUT)
        self.addCleanup(running.wait, 20)
        self.addCleanup(running.terminate)

    def test_mail_goes_out_by_a_real_sendmail_and_waits_for_its_server(self):
        self.assertIn("msmtp", os.path.realpath("/usr/sbin/sendmail"))
        state, folder, heard = self.file("mailed"), pathlib.Path(self.file("config"), "msmtp"), pathlib.Path(self.file("mail"))
        folder.mkdir(parents=True)
        settings = folder / "config"
        settings.write_text("account default\nhost 127.0.0.1\nport 2525\nfrom bulkhead@example.org\ntls off\n", encoding="utf-8")
        settings.chmod(0o600)
        os.environ["XDG_CONFIG_HOME"] = str(folder.parent)
        self.addCleanup(os.environ.pop, "XDG_CONFIG_HOME")
        notify = ["--notify", "mailto:admin@example.org"]
        with self.repeated(state, *notify) as lines:
            self.until(lambda: any("first scan" in line for line in lines), "the first scan")
            with socket_in(HOST, 6003):
                self.until(lambda: any(line.startswith("NEW") for line in lines), "news")
                self.until(lambda: list(pathlib.Path(state, "spool").glob("*.message")), "it waits")
            self.until(lambda: any(line.startswith("gone") for line in lines), "it is gone")
        with open(heard, "wb") as out:
            self.mail_server(out)
            with self.repeated(state, *notify):
                self.until(lambda: heard.read_text(encoding="utf-8").count("MESSAGE FOLLOWS") == 2, "two mails")
                self.until(lambda: not list(pathlib.Path(state, "spool").iterdir()), "nothing waits")
        first, second = heard.read_text(encoding="utf-8").split("END MESSAGE")[:2]
        self.assertIn("To: admin@example.org\n", first)
        self.assertRegex(first, "Subject: .*1 new")
        self.assertIn("Auto-Submitted: auto-generated\n", first)
        self.assertIn(":6003/tcp", first)
        self.assertIn("gone", second)

    def script(self, name, text):
        out = pathlib.Path(self.file(name))
        out.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        out.chmod(0o755)
        return out

    def test_a_state_is_that_of_one_process_and_of_nobody_else(self):
        state = self.file("alone")
        again = ["scan", "--every", "1h", "--engine", "unix:///nowhere", "--state"]
        with self.repeated(state) as lines:
            self.until(lambda: lines, "the first scan")
            done = self.host(*again, state)
            self.assertEqual(done.returncode, INCOMPLETE, done)
            self.assertIn("another scan --every", done.stderr)
        strange = pathlib.Path(self.file("strange"))
        strange.mkdir()
        for owner, mode in ((65534, 0o755), (0, 0o777)):
            os.chown(strange, owner, -1)
            strange.chmod(mode)
            done = self.host(*again, str(strange))
            self.assertEqual(done.returncode, INCOMPLETE, done)
            self.assertIn("others may write there", done.stderr)

    def test_what_cannot_be_printed_is_told_once_all_the_same(self):
        state, heard = pathlib.Path(self.file("mute")), pathlib.Path(self.file("mute-heard"))
        program = self.script("mute-tell", f"cat >/dev/null; echo told >>'{heard}'")
        with open("/dev/full", "w", encoding="utf-8") as full, subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{HOST}", PROGRAM, "scan", "--every", "1s", "--state", str(state), "--from",
                 "host", "--to", "203.0.113.2", "--ports", "6000-6010", "--no-identify", "--engine", "unix:///nowhere",
                 "--notify", f"exec:{program}"], stdout=full, stderr=subprocess.PIPE, text=True) as running:
            last = state / "last.json"
            self.until(last.exists, "the first scan")
            with socket_in(HOST, 6003):
                self.until(heard.exists, "the program was told")
                for _ in range(2):  # two more scans
                    before = last.stat().st_mtime_ns
                    self.until(lambda: last.stat().st_mtime_ns != before, "another scan")  # pylint: disable=W0640
            running.send_signal(signal.SIGTERM)
            self.assertIn("No space left", running.communicate(timeout=40)[1])
        self.assertEqual(heard.read_text(encoding="utf-8").count("told"), 1)

    def test_sigterm_is_heard_though_much_waits(self):
        spool = pathlib.Path(self.file("backlog"), "spool")
        spool.mkdir(parents=True, mode=0o700)
        begun = pathlib.Path(self.file("backlog-begun"))
        program = self.script("backlog-tell", f"echo >>'{begun}'; sleep 2")
        parts = "".join(f"{len(part)}\n{part}\n" for part in (f"exec:{program}\n", "subject", "text", "{}"))
        for number in range(1, 31):
            (spool / f"{number}.message").write_text(parts, encoding="utf-8")
        with self.repeated(str(spool.parent), "--notify", f"exec:{program}"):
            self.until(begun.exists, "the program was told")
        # Ended within 40 s, and what was not told is there.
        self.assertGreater(len(list(spool.glob("*.message"))), 10)

    def test_what_is_away_for_one_scan_ends_nothing(self):
        seat = f"{PREFIX}-seat"
        ip("netns", "add", seat)
        self.addCleanup(netns.remove, seat)
        state = pathlib.Path(self.file("away"))
        again = ["--from", f"netns:/run/netns/{seat}", "--to", "203.0.113.2", "--ports", "6000", "--engine", "unix:///nowhere"]
        with subprocess.Popen(["nsenter", f"--net=/run/netns/{HOST}", PROGRAM, "scan", "--every", "1s", "--state", str(state),
                               *again], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
            self.until((state / "last.json").exists, "the first scan")
            ip("netns", "del", seat)
            said = []
            reader = threading.Thread(target=lambda: said.extend(iter(running.stderr.readline, "")), daemon=True)
            reader.start()
            self.until(lambda: any("is tried again" in line for line in said) or running.poll() is not None, "it is away")
            self.assertIsNone(running.poll(), said)
            running.send_signal(signal.SIGTERM)
            self.assertEqual(running.wait(40), DONE)
            reader.join(5)
        self.assertEqual(self.host("scan", *again).returncode, USAGE)

    def test_usage_of_repetition(self):
        for arguments, said in ((["--every", "6"], "write 30s"), (["--every", "0s"], "write 30s"),
                                (["--every", "1h", "--notify", "ftp://x"], "mailto:ADDRESS"),
                                (["--every", "1h", "--state", "/proc/nowhere"], "/proc/nowhere"),
                                (["--notify", "exec:/bin/true"], "--every")):
            done = self.host("scan", *arguments)
            self.assertIn(done.returncode, (USAGE, INCOMPLETE), done)
            self.assertIn(said, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main()
