#!/usr/bin/env python3
"""Link-local IPv6: what listens on `::` of the host is reached at its bridge's fe80:: address by who sits behind a port of
that. Scanned by both engines and compared with the model; no rule for another address stands in between.

    link_local_lab_test.py BULKHEAD
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from netns import inside, ip, remove, socket_in

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
HOST, GUEST, OTHER = (f"bkll{name}{os.getpid()}" for name in "hgo")
DONE, FINDINGS, USAGE = 0, 1, 2
HERE = "fe80::1%eth0"
RULES = """table inet f {
  chain i {
    type filter hook input priority 0
    iifname "br0" tcp dport 7002 drop
  }
}"""


def make_guest(name, bridge):
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", HOST, "link", "add", f"v{bridge}", "master", bridge, "type", "veth", "peer", "name", "eth0", "netns", name)
    inside(name, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
    ip("-n", HOST, "link", "set", f"v{bridge}", "up")
    ip("-n", name, "link", "set", "eth0", "up")


class LinkLocal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(remove, HOST, GUEST, OTHER)
        ip("netns", "add", HOST)
        ip("-n", HOST, "link", "set", "lo", "up")
        for bridge in ("br0", "br1"):  # as Docker does it: the same address on each of them
            ip("-n", HOST, "link", "add", bridge, "type", "bridge")
            ip("-n", HOST, "link", "set", bridge, "up")
            ip("-n", HOST, "addr", "add", "fe80::1/64", "dev", bridge, "nodad")
        make_guest(GUEST, "br0")
        make_guest(OTHER, "br1")
        cls.sockets = [socket_in(HOST, port) for port in (7001, 7002)]
        inside(HOST, "nft", RULES)

    def run_program(self, *words):
        return subprocess.run(["nsenter", f"--net=/run/netns/{HOST}", PROGRAM, *words, "--engine", "unix:///nowhere"],
                              capture_output=True, text=True, timeout=60)

    def scan(self, *words, guest=GUEST):
        done = self.run_program("scan", "--json", "--from", f"netns:/run/netns/{guest}", "--no-identify", *words)
        self.assertTrue(done.stdout, done)
        return json.loads(done.stdout)

    def target(self, answer, to=HERE):
        found = [t for seat in answer["seats"] for t in seat["targets"] if (t["to"], t["proto"]) == (to, "tcp")]
        self.assertEqual(len(found), 1, answer)
        return found[0]

    def test_the_host_is_asked_at_its_bridge_and_the_model_agrees(self):
        for more in ([], ["--connect"]):
            answer = self.scan(*more)
            target = self.target(answer)
            self.assertEqual([(o["port"], o["agreement"]) for o in target["open"]], [(7001, "confirmed")], more)
            self.assertIn(([7002, 7002], "filtered"), [(r["ports"], r["state"]) for r in target["runs"]], more)
            self.assertEqual(answer["disagreements"], [], more)

    def test_the_same_address_is_another_end_behind_another_bridge(self):
        target = self.target(self.scan(guest=OTHER))
        self.assertEqual([o["port"] for o in target["open"]], [7001, 7002])

    def test_it_may_be_named_with_its_interface(self):
        answer = self.scan("--to", HERE, "--ports", "7000-7003")
        [seat] = answer["seats"]
        self.assertEqual([t["to"] for t in seat["targets"]], [HERE])
        self.assertEqual([(r["ports"], r["state"]) for r in self.target(answer)["runs"]],
                         [([7000, 7000], "closed"), ([7001, 7001], "open"), ([7002, 7002], "filtered"),
                          ([7003, 7003], "closed")])
        self.assertEqual(answer["disagreements"], [])

    def test_all_ports_of_it_are_asked(self):
        answer = self.scan("--to", HERE, "--full")
        self.assertEqual([o["port"] for o in self.target(answer)["open"]], [7001])
        self.assertEqual(answer["disagreements"], [])

    def test_other_forms_name_it_and_what_is_written_can_be_compared(self):
        words = ["scan", "--from", f"netns:/run/netns/{GUEST}", "--to", HERE, "--ports", "7000-7003", "--no-identify"]
        self.assertIn(HERE, self.run_program(*words).stdout)
        self.assertIn('addr="fe80::1" addrtype="ipv6"', self.run_program(*words, "--format", "xml").stdout)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as old:
            old.write(self.run_program(*words, "--json").stdout)
            old.flush()
            done = subprocess.run([PROGRAM, "scan", "--diff", old.name, old.name], capture_output=True, text=True)
            self.assertEqual(done.returncode, DONE, done)

    def test_a_trace_tells_the_same(self):
        for port, verdict in ((7000, "closed"), (7001, "open"), (7002, "closed")):
            done = self.run_program("trace", "--json", f"netns:/run/netns/{GUEST}", HERE, str(port))
            self.assertEqual(json.loads(done.stdout)["verdict"], verdict, done)

    def test_reach_does_not_say_closed(self):
        for to in (HERE, "fe80::1"):
            done = self.run_program("reach", "--from", f"netns:/run/netns/{GUEST}", "--to", to)
            self.assertEqual(done.returncode, USAGE, done)
            self.assertIn("bulkhead trace", done.stderr)

    def test_usage(self):
        for to, said in (("fe80::1", "fe80::1%eth0"), ("fe80::1%eth7", "eth7"), ("fd00::1%eth0", "link-local")):
            done = self.run_program("scan", "--from", f"netns:/run/netns/{GUEST}", "--to", to)
            self.assertEqual(done.returncode, USAGE, done)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
