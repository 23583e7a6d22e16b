#!/usr/bin/env python3
"""A neighbour's seat on the bridge of a real engine: announced, made, scanned from and compared with the model, and
gone with its process, however that ends. And the load above which nothing is sent.

    seat_lab_test.py BULKHEAD BULKHEAD-SCAN
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

from engine import Engine
from netns import ip

SCANNER = str(pathlib.Path(sys.argv.pop(2)).resolve())
PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
DONE, FINDINGS, USAGE, INCOMPLETE = 0, 1, 2, 3
WEB = ["--to", "web", "--ports", "79-81,8080"]


class Seat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = Engine()
        cls.addClassCleanup(cls.engine.stop)
        cls.engine.start()
        cls.docker("exec", "-d", "web", "nc", "-ll", "-p", "80", "-e", "true")
        cls.bridge = cls.docker("network", "inspect", "-f", "br-{{slice .Id 0 12}}", "tenant-a").strip()

    @classmethod
    def docker(cls, *words):
        return subprocess.run(["/usr/bin/docker", "-H", cls.engine.url, *words], check=True, capture_output=True,
                              text=True, timeout=30).stdout

    def words(self, *more):
        return ["scan", "--engine", self.engine.url, "--no-identify", *more]

    def scan(self, *more):
        done = self.engine.run(PROGRAM, *self.words("--json", *more))
        self.assertNotIn("internal", done.stderr)
        return done

    def quiet_links(self):
        """The same once the seats of other tests are gone: the kernel takes a moment to remove them."""
        self.assertTrue(self.wait_for(lambda: not any(l.startswith("bks") for l in self.links()), 60))
        return self.links()

    def links(self):
        told = subprocess.run(["ip", "-n", self.engine.netns, "-o", "link"], check=True, capture_output=True, text=True)
        return set(re.findall(r"^\d+: ([^:@]+)", told.stdout, re.MULTILINE))

    def mac(self):
        return subprocess.run(["ip", "-n", self.engine.netns, "-br", "link", "show", self.bridge], check=True,
                              capture_output=True, text=True).stdout.split()[2]

    def wait_for(self, what, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return True
            time.sleep(0.05)
        return what()

    def test_from_a_seat_what_answers_is_what_is_computed(self):
        before, mac = self.quiet_links(), self.mac()
        done = self.scan("--seat", "tenant-a", *WEB)
        self.assertEqual(done.returncode, DONE, done.stdout + done.stderr)
        self.assertIn(f"making a neighbour's seat on bridge {self.bridge}, with an address of 172.30.1.0/24", done.stderr)
        answer = json.loads(done.stdout)
        [seat] = answer["seats"]
        self.assertEqual((seat["vantage"], seat["names"], seat["checked"], seat["engine"]),
                         ("seat:tenant-a", ["seat:tenant-a"], True, "syn"))
        told = {t["to"]: {o["port"]: o["agreement"] for o in t["open"]} for t in seat["targets"] if t["proto"] == "tcp"}
        # It is in two networks: the other one is closed to this one's neighbours.
        self.assertEqual(told["172.30.1.2"], {80: "confirmed"})
        self.assertEqual({a: p for a, p in told.items() if a != "172.30.1.2"}.popitem()[1], {})
        self.assertEqual(answer["disagreements"], [])
        self.assertTrue(self.wait_for(lambda: self.links() <= before), self.links() - before)
        self.assertEqual(self.mac(), mac)

    def test_an_address_that_is_said_and_one_that_somebody_has(self):
        done = self.scan("--seat", f"{self.bridge}=172.30.1.77", *WEB)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn("is 172.30.1.77", done.stderr)
        self.quiet_links()
        again = self.scan("--seat", f"{self.bridge}=172.30.1.77", *WEB)
        self.assertEqual(again.returncode, DONE, again.stderr)
        # Somebody of whom no model knows: an address that only ARP tells of.
        ip("-n", self.engine.netns, "link", "add", "hid0", "type", "veth", "peer", "name", "hid1")
        name = f"bkhid{os.getpid()}"
        ip("netns", "add", name)
        self.addCleanup(ip, "netns", "del", name)
        ip("-n", self.engine.netns, "link", "set", "hid1", "netns", name)
        ip("-n", self.engine.netns, "link", "set", "hid0", "master", self.bridge, "up")
        ip("-n", name, "addr", "add", "172.30.1.254/24", "dev", "hid1")
        ip("-n", name, "link", "set", "hid1", "up")
        hidden = self.engine.run(PROGRAM, *self.words("--json", "--seat", self.bridge, *WEB), hide=[name])
        self.assertIn("is 172.30.1.253", hidden.stderr)
        done = self.engine.run(PROGRAM, *self.words("--seat", f"{self.bridge}=172.30.1.254", *WEB), hide=[name])
        self.assertNotEqual(done.returncode, DONE)
        self.assertRegex(done.stderr, "an address that nobody has cannot be had|172.30.1.254 is in use")

    def test_a_seat_dies_with_its_process_even_when_that_is_killed(self):
        before = self.quiet_links()
        running = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.engine.netns}", PROGRAM,
                                    *self.words("--seat", "tenant-a", "--to", "web", "--full", "--rate", "100")],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.assertTrue(self.wait_for(lambda: any(l.startswith("bks") for l in self.links())))
            time.sleep(0.5)
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait(20)
        self.assertTrue(self.wait_for(lambda: self.links() <= before), self.links() - before)

    def test_a_seat_has_the_addresses_that_were_announced_and_no_others(self):
        for address, families in (("172.30.4.77", ["inet"]), ("fd00:30:4::77", ["inet6", "inet6"])):
            self.quiet_links()
            running = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.engine.netns}", PROGRAM,
                                        *self.words("--seat", f"dual={address}", "--to", "six", "--full", "--rate", "100")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.assertTrue(self.wait_for(lambda r=running: self.keeper(r.pid)))
                keeper = self.keeper(running.pid)
                self.assertTrue(self.wait_for(lambda k=keeper, a=address: a in self.addresses(k)))
                self.assertEqual(sorted(self.addresses(keeper).values()), families, self.addresses(keeper))
                told = subprocess.run(["nsenter", f"--net=/proc/{keeper}/ns/net", "sysctl", "-n",
                                       "net.ipv6.conf.eth0.accept_ra"], check=True, capture_output=True, text=True)
                self.assertEqual(told.stdout.strip(), "0")
            finally:
                running.send_signal(signal.SIGKILL)
                running.wait(20)

    @staticmethod
    def children(pid):
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]

    def keeper(self, pid):
        """The child of the reader, which is a child of the program."""
        return next((k for reader in self.children(pid) for k in self.children(reader)), None)

    @staticmethod
    def addresses(keeper):
        told = subprocess.run(["nsenter", f"--net=/proc/{keeper}/ns/net", "ip", "-j", "addr", "show", "dev", "eth0"],
                              check=False, capture_output=True, text=True)
        links = json.loads(told.stdout or "[]")
        return {a["local"]: a["family"] for link in links for a in link.get("addr_info", [])}

    def test_a_bridge_keeps_its_mtu_while_it_has_a_seat(self):
        self.quiet_links()
        self.docker("network", "create", "--subnet", "172.30.77.0/24", "-o", "com.docker.network.driver.mtu=9000",
                    "-o", "com.docker.network.bridge.name=jumbo", "jumbo")
        self.addCleanup(self.docker, "network", "rm", "jumbo")
        self.docker("network", "connect", "jumbo", "plain")
        self.addCleanup(self.docker, "network", "disconnect", "jumbo", "plain")
        mtus = []
        running = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.engine.netns}", PROGRAM,
                                    *self.words("--seat", "jumbo", "--to", "plain", "--full", "--rate", "100")],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.assertTrue(self.wait_for(lambda: any(l.startswith("bks") for l in self.links())))
            for path in ("jumbo", next(l for l in self.links() if l.startswith("bks"))):
                told = subprocess.run(["ip", "-n", self.engine.netns, "-j", "link", "show", path], check=True,
                                      capture_output=True, text=True)
                mtus.append(json.loads(told.stdout)[0]["mtu"])
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait(20)
        self.assertEqual(mtus, [9000, 9000])
        self.quiet_links()

    def test_with_from_both_are_asked_and_results_can_be_compared(self):
        first = self.scan("--seat", "tenant-a", "--from", "host", *WEB)
        second = self.scan("--seat", "tenant-a", "--from", "host", *WEB)
        self.assertEqual({s["vantage"] for s in json.loads(first.stdout)["seats"]}, {"seat:tenant-a", "host"})
        files = []
        for done in (first, second):
            files.append(f"{self.engine.folder}/scan{len(files)}.json")
            pathlib.Path(files[-1]).write_text(done.stdout, encoding="utf-8")
        same = self.engine.run(PROGRAM, "scan", "--diff", *files)
        self.assertEqual(same.returncode, DONE, same.stdout + same.stderr)

    def test_a_macvlan_seat_is_made_or_refused_with_a_reason(self):
        before = self.quiet_links()
        done = self.scan("--seat", "uplink=192.0.2.99/24", "--to", "onlan", "--ports", "80")
        if done.returncode in (DONE, INCOMPLETE):
            self.assertIn("neighbour's seat on interface uplink", done.stderr)
        else:
            self.assertIn("a macvlan on the interface cannot be had", done.stderr)
        self.assertTrue(self.wait_for(lambda: self.links() <= before), self.links() - before)

    def test_usage(self):
        for words, said in ((["--seat", "nowhere"], "nowhere"), (["--seat", "lo"], "loopback"),
                            (["--seat", f"{self.bridge}=172.30.1.2"], "in use"),
                            (["--seat", "tenant-a", "--to", "nobody"], "'nobody' is neither"),
                            (["--seat", "tenant-a", "--to", "fe80::1"], "fe80::1%eth0"),
                            (["--max-load", "much"], "'much'"), (["--max-load", "0"], "'0'")):
            before = self.quiet_links()
            done = self.scan(*words, *WEB)
            self.assertLessEqual(self.links(), before)
            self.assertEqual(done.returncode, USAGE, done.stderr)
            self.assertIn(said, done.stderr)
            self.assertNotIn("making", done.stderr)

    def test_nothing_is_sent_while_the_load_is_above_what_is_allowed(self):
        if float(pathlib.Path("/proc/loadavg").read_text(encoding="utf-8").split()[0]) == 0:
            end = time.monotonic() + 30
            while time.monotonic() < end and pathlib.Path("/proc/loadavg").read_text(encoding="utf-8").startswith("0.00"):
                sum(range(100000))
        done = self.scan("--from", "host", *WEB, "--max-load", "0.0001", "--deadline", "2")
        answer = json.loads(done.stdout)
        self.assertEqual(done.returncode, INCOMPLETE)
        self.assertGreaterEqual(answer["paused_ms"], 1500)
        for target in answer["seats"][0]["targets"]:
            self.assertEqual((target["counts"]["sent"], target["counts"]["closed"]), (0, 0))
        text = self.engine.run(PROGRAM, *self.words("--from", "host", *WEB, "--max-load", "0.0001", "--deadline", "2"))
        self.assertIn("Paused for", text.stdout)
        calm = json.loads(self.scan("--from", "host", *WEB, "--max-load", "99999").stdout)
        self.assertTrue(calm["finished"])
        self.assertNotIn("paused_ms", calm)
        outside = self.engine.run(SCANNER, "172.30.1.1", "--ports", "80", "--max-load", "0.0001", "--deadline", "2", "--json")
        self.assertEqual(outside.returncode, INCOMPLETE)
        self.assertGreaterEqual(json.loads(outside.stdout)["paused_ms"], 1500)


if __name__ == "__main__":
    unittest.main()
