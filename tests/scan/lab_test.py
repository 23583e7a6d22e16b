#!/usr/bin/env python3
"""`bulkhead scan` as a whole, in network namespaces made for it: what it says, and how it ends.

    lab_test.py BULKHEAD
"""

import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
import unittest

import netns
from netns import inside, socket_in

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
PREFIX = f"bkscan{os.getpid()}"
SEAT, TARGET = f"{PREFIX}-s", f"{PREFIX}-t"
PATH = f"netns:/run/netns/{SEAT}"
DONE, FINDINGS, USAGE, INCOMPLETE = 0, 1, 2, 3


class Scan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.clean)
        netns.join(SEAT, TARGET, "10.79.0.{}/24", "fd79::{}/64")

    @classmethod
    def clean(cls):
        netns.remove(SEAT, TARGET)

    def scan(self, *arguments):
        done = subprocess.run([PROGRAM, "scan", "--engine", "unix:///nowhere", "--from", PATH, *arguments],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertNotIn("internal", done.stderr)
        return done

    def scan_json(self, *arguments):
        done = self.scan("--json", *arguments)
        return done.returncode, json.loads(done.stdout)

    def targets(self, answer):
        return {t["to"]: t for t in answer["seats"][0]["targets"] if t["proto"] == "tcp"}

    def test_both_engines_agree_with_the_model_for_both_versions(self):
        with socket_in(TARGET, 7001):
            for engine, flag in (("syn", []), ("connect", ["--connect"])):
                code, answer = self.scan_json("--to", "10.79.0.2", "--to", "fd79::2", "--full", *flag)
                self.assertEqual(code, DONE, answer["left_out"])
                self.assertEqual(answer["seats"][0]["engine"], engine)
                self.assertTrue(answer["seats"][0]["checked"])
                self.assertEqual(answer["counts"]["confirmed"], 2 * 65535)
                for target in self.targets(answer).values():
                    self.assertEqual([o["port"] for o in target["open"]], [7001])
                    self.assertEqual(target["counts"]["closed"], 65534)
                    self.assertEqual(target["open"][0]["agreement"], "confirmed")

    # A listener whose queue is full drops SYNs: the model sees a socket that listens.
    def test_a_disagreement_is_shown_with_both_sides_and_ends_1(self):
        with socket_in(TARGET, 7002, backlog=0):
            code = ("import socket,time\n"
                    "held = []\n"
                    "for i in range(4):\n"
                    "  s = socket.socket(); s.setblocking(False); s.connect_ex(('10.79.0.2', 7002)); held.append(s)\n"
                    "print('full', flush=True)\n"
                    "time.sleep(60)\n")
            with subprocess.Popen(["nsenter", f"--net=/run/netns/{SEAT}", sys.executable, "-c", code],
                                  stdout=subprocess.PIPE, text=True) as holder:
                try:
                    self.assertEqual(holder.stdout.readline(), "full\n")
                    code, answer = self.scan_json("--to", "10.79.0.2", "--ports", "7000-7005")
                    text = self.scan("--to", "10.79.0.2", "--ports", "7000-7005").stdout
                finally:
                    holder.kill()
        self.assertEqual(code, FINDINGS)
        [found] = answer["disagreements"]
        self.assertEqual((found["observed"]["ports"], found["observed"]["state"]), ([7002, 7002], "filtered"))
        self.assertEqual(found["computed"]["verdict"], "open")
        self.assertIn("DISAGREEMENT", text.splitlines()[1])
        self.assertIn("10.79.0.2:7002/tcp", text)

    def test_an_interrupt_gives_what_is_known_and_ends_3(self):
        inside(TARGET, "nft", "table inet f { chain i { type filter hook input priority 0; tcp dport != 7003 drop;\n}\n}")
        self.addCleanup(inside, TARGET, "nft", "delete table inet f")
        def greet(listening):
            while True:
                with listening.accept()[0] as peer:
                    peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        with socket_in(TARGET, 7003) as listening, netns.served(greet, listening):
            with subprocess.Popen([PROGRAM, "scan", "--json", "--engine", "unix:///nowhere", "--from", PATH,
                                   "--to", "10.79.0.2", "--full", "--rate", "20000"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
                time.sleep(2.5)
                running.send_signal(signal.SIGINT)
                out, _ = running.communicate(timeout=30)
        answer = json.loads(out)
        self.assertEqual(running.returncode, INCOMPLETE)
        self.assertFalse(answer["finished"])
        counts = self.targets(answer)["10.79.0.2"]["counts"]
        self.assertEqual(counts["closed"], 0)
        self.assertEqual(counts["filtered"], 0)
        self.assertGreater(counts["unknown"], 60000)
        # Who listens was asked while the packets went on.
        [ssh] = self.targets(answer)["10.79.0.2"]["open"]
        self.assertEqual((ssh["port"], ssh["service"]["id"]), (7003, "ssh"))

    # Listeners that say nothing: each question takes its time.
    def test_an_end_during_identification_gives_what_is_known_of_the_ports(self):
        with contextlib.ExitStack() as stack:
            for port in range(7100, 7160):
                stack.enter_context(socket_in(TARGET, port, backlog=2000))
            for number in (signal.SIGTERM, signal.SIGINT):
                with subprocess.Popen([PROGRAM, "scan", "--json", "--engine", "unix:///nowhere", "--from", PATH,
                                       "--to", "10.79.0.2", "--ports", "7100-7159"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
                    end = time.monotonic() + 60
                    while time.monotonic() < end and not self.is_identifying():
                        time.sleep(0.02)
                    begin = time.monotonic()
                    running.send_signal(number)
                    out, said = running.communicate(timeout=30)
                self.assertLess(time.monotonic() - begin, 10)
                self.assertEqual(running.returncode, INCOMPLETE, said)
                answer = json.loads(out)
                self.assertFalse(answer["finished"])
                self.assertEqual(self.targets(answer)["10.79.0.2"]["counts"]["open"], 60)

    @staticmethod
    def is_identifying():
        """A connection that was accepted by the target's kernel, beyond the half-open ones of the scan itself."""
        told = subprocess.run(["nsenter", f"--net=/run/netns/{TARGET}", "ss", "-Htn", "state", "established"],
                              capture_output=True, text=True, check=True).stdout
        return len(told.splitlines()) > 20

    # It accepts on every port, and says nothing there: identification is bounded, in listeners and in time.
    def test_a_tarpit_holds_nobody_up_and_takes_no_memory(self):
        inside(TARGET, "nft", "table ip lab {\n chain p {\n type nat hook prerouting priority -100\n"
                              " tcp dport 1-65535 redirect to :7004\n}\n}")
        self.addCleanup(inside, TARGET, "nft", "delete table ip lab")
        with socket_in(TARGET, 7004, backlog=4096):
            begin = time.monotonic()
            code, answer = self.scan_json("--to", "10.79.0.2", "--full")
            self.assertLess(time.monotonic() - begin, 110)
        self.assertEqual((code, answer["finished"]), (DONE, True))
        self.assertEqual(self.targets(answer)["10.79.0.2"]["counts"]["open"], 65535)
        self.assertEqual(answer["counts"]["confirmed"], 65535)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 200 * 1024)

    def test_the_deadline_ends_it(self):
        begin = time.monotonic()
        code, answer = self.scan_json("--to", "10.79.0.2", "--full", "--rate", "100", "--deadline", "1")
        self.assertEqual(code, INCOMPLETE)
        self.assertFalse(answer["finished"])
        self.assertLess(time.monotonic() - begin, 20)

    def test_usage(self):
        for arguments, said in ((["--snapshot", "x.json"], "cannot be made from a snapshot"),
                                (["--ports", "80-22"], "80-22"), (["--ports", "0"], "'0'"),
                                (["--ports", "x"], "'x'"), (["--full", "--ports", "1"], "--full"),
                                (["--to", "nobody"], "nobody")):
            done = self.scan(*arguments)
            self.assertEqual(done.returncode, USAGE, done.stderr)
            self.assertIn(said, done.stderr)
        done = subprocess.run([PROGRAM, "scan", "--from", "internet"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, USAGE, done.stderr)


if __name__ == "__main__":
    unittest.main()
