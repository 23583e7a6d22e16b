#!/usr/bin/env python3
"""An audit finds what containers get at by link-local IPv6 alone: what the host listens with on `::`, past rules that name
its other addresses. With a real engine and real connections.

    link_local_audit_lab_test.py BULKHEAD
"""

import json
import pathlib
import subprocess
import sys
import unittest

from engine import Engine
from netns import inside, socket_in

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
OPEN, CLOSED = 9301, 9302  # the latter is dropped on the bridge
RULES = """table inet lab {
  chain i {
    type filter hook input priority 0
    meta nfproto ipv4 tcp dport 9301-9302 drop
    ip6 daddr fd00::/8 tcp dport 9301-9302 drop
    iifname "BRIDGE" tcp dport 9302 drop
  }
}"""


class LinkLocal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.stop)
        cls.engine.start()
        cls.bridge = cls.docker("network", "inspect", "-f", "br-{{slice .Id 0 12}}", "dual").strip()
        [cls.name] = cls.docker("ps", "--filter", "network=dual", "--format", "{{.Names}}").split()[:1]
        cls.pid = cls.docker("inspect", "-f", "{{.State.Pid}}", cls.name).strip()
        cls.sockets = [socket_in(cls.engine.netns, port) for port in (OPEN, CLOSED)]
        inside(cls.engine.netns, "nft", RULES.replace("BRIDGE", cls.bridge))

    @classmethod
    def docker(cls, *words):
        return subprocess.run(["/usr/bin/docker", "-H", cls.engine.url, *words], check=True, capture_output=True,
                              text=True, timeout=30).stdout

    def audit(self, *more):
        done = self.engine.run(PROGRAM, "audit", "--engine", self.engine.url, *more)
        self.assertNotIn("internal", done.stderr)
        return done

    def findings(self, port, *more):
        report = json.loads(self.audit("--json", *more).stdout)
        return [f for f in report["findings"] if f["subject"].get("port") == port and f["kind"] in ("T2", "T3")]

    def address(self):
        told = subprocess.run(["ip", "-n", self.engine.netns, "-j", "-6", "addr", "show", "dev", self.bridge, "scope", "link"],
                              check=True, capture_output=True, text=True)
        [here] = [a["local"] for link in json.loads(told.stdout) for a in link.get("addr_info", ()) if "local" in a][:1]
        return here

    def connects(self, to, port):
        code = ("import socket,sys\n"
                f"s = socket.socket(socket.AF_INET6); s.settimeout(2)\n"
                f"r = s.connect_ex(({to!r}, {port}, 0, socket.if_nametoindex('eth0')))\n"
                "sys.exit(1 if r else 0)\n")
        return subprocess.run(["nsenter", "--target", self.pid, "--net", sys.executable, "-c", code],
                              check=False).returncode == 0

    def test_what_only_a_link_local_address_opens_is_a_finding(self):
        here = self.address()
        self.assertTrue(self.connects(here, OPEN))
        self.assertFalse(self.connects(here, CLOSED))
        [found] = self.findings(OPEN)
        reaches = [r for r in found["reaches"] if r["from"].endswith("/" + self.name)]
        self.assertEqual([(r["to"], r["port"]) for r in reaches], [(here + "%eth0", OPEN)])
        self.assertIn("socket", reaches[0])
        self.assertEqual(self.findings(CLOSED), [])

    def test_it_is_shown_with_its_interface_and_the_cure_is_held_against_it(self):
        text = self.audit("--no-color", "--details").stdout
        self.assertIn(f"[{self.address()}%eth0]:{OPEN}", text)
        [found] = self.findings(OPEN)
        [cure] = found["cures"]
        self.assertIn(f'iifname "{self.bridge}" tcp dport {OPEN} drop', cure["paste"])
        self.assertTrue(cure["effect"]["computed"] and cure["effect"]["gone"], cure)
        inside(self.engine.netns, "sh", "-c", cure["paste"])
        self.addCleanup(inside, self.engine.netns, "nft", "delete table inet local_guard")
        self.assertFalse(self.connects(self.address(), OPEN))
        self.assertEqual(self.findings(OPEN), [])


if __name__ == "__main__":
    unittest.main()
