#!/usr/bin/env python3
"""What `bulkhead scan` and `bulkhead-scan` write for other programs, read by those programs; services that a user adds; and
UDP services, which speak only when they are asked in their own words. In network namespaces made for it.

    forms_lab_test.py BULKHEAD BULKHEAD-SCAN
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's modules, whichever python3 comes first

from libnmap.parser import NmapParser  # noqa: E402

import netns  # noqa: E402
from netns import inside, served, socket_in  # noqa: E402

OUTSIDE = str(pathlib.Path(sys.argv.pop(2)).resolve())
PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
PREFIX = f"bkform{os.getpid()}"
SEAT, TARGET = f"{PREFIX}-s", f"{PREFIX}-t"
PATH = f"netns:/run/netns/{SEAT}"
HERE = "10.83.0.2"
DTD = "/usr/share/nmap/nmap.dtd"  # of nmap-common, which nmap depends on
DONE, FINDINGS, USAGE, INCOMPLETE = 0, 1, 2, 3

MADE_UP = r"""
- id: flux-relay
  name: Flux <relay> & co
  class: management
  transport: [tcp, udp]
  ports: [7777]
  impact: control
  tls: none
  confidence: verified
  source: this test
  known:
  - send: 'FLUX?\r\n'
    answer: '^FLUX/1 '
  - send: 'FLUX?\r\n'
    over: udp
    answer: '^FLUX/1 '
  access:
  - send: 'FLUX?\r\n'
    answer: 'unclaimed'
    means: unowned
"""


def relay(listening):
    """Speaks a protocol of its own, and only that."""
    while True:
        peer, _ = listening.accept()
        with peer, contextlib.suppress(OSError):
            peer.settimeout(3)
            if peer.recv(100).startswith(b"FLUX?"):
                peer.sendall(b"FLUX/1 <script>\x1b]0;x\x07\xff unclaimed\r\n")


def datagram_relay(socket_):
    """An empty datagram is no question."""
    while True:
        data, peer = socket_.recvfrom(2000)
        if data.startswith(b"FLUX?"):
            socket_.sendto(b"FLUX/1 hello\r\n", peer)


def name_server(socket_):
    while True:
        data, peer = socket_.recvfrom(2000)
        if len(data) >= 12:
            socket_.sendto(data[:2] + b"\x81\x85" + data[4:6] + b"\0\0\0\0\0\0" + data[12:], peer)


class Forms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.clean)
        cls.folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        cls.services = cls.folder.name + "/services"
        os.mkdir(cls.services)
        cls.add("made-up.yaml", MADE_UP)
        netns.join(SEAT, TARGET, "10.83.0.{}/24", "fd83::{}/64")

    @classmethod
    def clean(cls):
        netns.remove(SEAT, TARGET)
        cls.folder.cleanup()

    @classmethod
    def add(cls, name, text):
        with open(os.path.join(cls.services, name), "w", encoding="utf-8") as file:
            file.write(text)

    def command(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        self.assertNotIn("internal", done.stderr)
        return done

    def scan(self, *arguments):
        return self.command(PROGRAM, "scan", "--engine", "unix:///nowhere", "--from", PATH, *arguments)

    def outside(self, *arguments):
        return self.command("nsenter", f"--net=/run/netns/{SEAT}", OUTSIDE, *arguments)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read_xml(self, name, text):
        """By a validating parser, by libnmap, and by ndiff; gives libnmap's report."""
        path = self.write(name, text)
        valid = self.command("xmllint", "--noout", "--nonet", "--dtdvalid", DTD, path)
        self.assertEqual((valid.returncode, valid.stderr), (0, ""))
        same = self.command("ndiff", path, path)
        self.assertEqual((same.returncode, same.stderr), (0, ""))
        return NmapParser.parse_fromfile(path)

    def test_the_xml_of_both_programs_is_read_by_programs_that_read_nmaps(self):
        with served(relay, socket_in(TARGET, 7777)), served(name_server, socket_in(TARGET, 53, socket.SOCK_DGRAM)):
            inner = self.scan("--to", HERE, "--ports", "7000-7800,53/udp,54/udp", "--services", self.services, "--format", "xml")
            outer = self.outside(HERE, "--ports", "7000-7800,53/udp,54/udp", "--services", self.services, "--xml")
        for name, done in (("inner.xml", inner), ("outer.xml", outer)):
            self.assertEqual(done.stderr, "")
            report = self.read_xml(name, done.stdout)
            [host] = report.hosts
            self.assertEqual((host.address, host.status), (HERE, "up"))
            self.assertEqual(sorted(host.get_open_ports()), [(53, "udp"), (7777, "tcp")])
            relay_ = host.get_service(7777, "tcp")
            self.assertEqual((relay_.service, relay_.state), ("flux-relay", "open"))
            self.assertEqual(relay_.service_dict["product"], "Flux <relay> & co")
            self.assertIn("unowned", relay_.service_dict["extrainfo"])
            self.assertIn('state="closed" count="801"', done.stdout)
            self.assertIn('<extrareasons reason="port-unreach" count="1" proto="udp" ports="54"/>', done.stdout)
            self.assertNotIn("<script>", done.stdout)
        self.assertIn('comment="from %s"' % PATH, inner.stdout)
        self.assertIn("bulkhead scan --engine", NmapParser.parse(inner.stdout).commandline)

    def test_a_difference_of_two_scans_is_one_to_ndiff(self):
        before = self.outside(HERE, "--ports", "7000-7010", "--xml").stdout
        with served(relay, socket_in(TARGET, 7003)):
            after = self.outside(HERE, "--ports", "7000-7010", "--xml").stdout
        told = self.command("ndiff", self.write("before.xml", before), self.write("after.xml", after))
        self.assertEqual(told.returncode, 1, told.stderr)
        self.assertRegex(told.stdout, r"(?m)^\+7003/tcp +open")

    def test_what_is_filtered_and_what_is_lost_is_told_apart(self):
        inside(TARGET, "nft", "table inet f { chain i { type filter hook input priority 0; tcp dport 7100-7199 drop;\n}\n}")
        self.addCleanup(inside, TARGET, "nft", "delete table inet f")
        done = self.scan("--to", HERE, "--ports", "7100-7199", "--format", "xml")
        self.read_xml("filtered.xml", done.stdout)
        self.assertIn('<extrareasons reason="no-response" count="100" proto="tcp" ports="7100-7199"/>', done.stdout)
        cut = self.scan("--to", HERE, "--full", "--rate", "50", "--deadline", "1", "--format", "xml")
        self.assertEqual(cut.returncode, INCOMPLETE)
        self.read_xml("cut.xml", cut.stdout)
        self.assertIn('exit="error"', cut.stdout)
        self.assertIn('reason="not-finished"', cut.stdout)

    def test_sarif_and_the_page_name_what_is_open(self):
        with served(relay, socket_in(TARGET, 7777)):
            file = self.folder.name + "/scan.sarif"
            done = self.scan("--to", HERE, "--ports", "7776,7777", "--services", self.services, "--format", "sarif", "-o", file)
            page = self.scan("--to", HERE, "--ports", "7776,7777", "--services", self.services, "--format", "html").stdout
        self.assertEqual((done.returncode, done.stdout, done.stderr), (DONE, "", ""))
        with open(file, encoding="utf-8") as text:
            [run] = json.load(text)["runs"]
        [result] = run["results"]
        self.assertEqual((result["ruleId"], result["level"]), ("unowned-service", "error"))
        self.assertIn("10.83.0.2:7777/tcp", result["message"]["text"])
        self.assertTrue(run["invocations"][0]["executionSuccessful"])
        self.assertIn("Flux &lt;relay&gt; &amp; co (unowned: the first visitor becomes its administrator)", page)
        self.assertNotIn("<script", page)

    def test_json_and_terminal_are_what_they_were(self):
        whole = json.loads(self.scan("--to", HERE, "--ports", "7776", "--json").stdout)
        same = json.loads(self.scan("--to", HERE, "--ports", "7776", "--format", "json").stdout)
        for answer in (whole, same):
            self.assertTrue(answer.pop("elapsed_ms") >= 0)
            for seat in answer["seats"]:
                for target in seat["targets"]:
                    target.pop("rtt_us")
        self.assertEqual(whole, same)
        self.assertTrue(self.scan("--to", HERE, "--ports", "7776", "--format", "terminal").stdout.startswith("Scan"))

    def test_what_cannot_be_written_is_printed_all_the_same(self):
        done = self.scan("--to", HERE, "--ports", "7776", "-o", "/nonexistent/x")
        self.assertNotEqual(done.returncode, DONE)
        self.assertIn("/nonexistent/x", done.stderr)
        self.assertIn("7776" if "7776" in done.stdout else "open", done.stdout)

    def test_a_made_up_service_is_known_on_any_port_and_only_with_its_file(self):
        with served(relay, socket_in(TARGET, 7005)):
            for add, known in (([], False), (["--services", self.services], True)):
                answer = json.loads(self.scan("--to", HERE, "--ports", "7005", "--json", *add).stdout)
                [target] = [t for t in answer["seats"][0]["targets"] if t["proto"] == "tcp"]
                service = target["open"][0].get("service", {})
                self.assertEqual(service.get("id") == "flux-relay", known, service)
                if known:
                    self.assertEqual(service["access"], "unowned")
                there = json.loads(self.outside(HERE, "--ports", "7005", "--json", *add).stdout)
                self.assertEqual("flux-relay" in json.dumps(there), known)

    def test_files_of_services_that_break_a_rule_are_refused_with_file_and_line(self):
        good = MADE_UP.strip() + "\n"
        cases = {
            "a path that acts on GET": (good.replace("send: 'FLUX?\\r\\n'\n    answer: '^FLUX/1 '\n  - send", "get: /v1/update\n    status: [200]\n  - send", 1), "'update' is on the list"),
            "bytes that stop it": (good.replace("FLUX?\\r\\n'\n    answer: '^FLUX/1 '", "SHUTDOWN\\r\\n'\n    answer: '^FLUX/1 '", 1), "made-up.yaml:"),
            "HTTP that goes around": (good.replace("FLUX?\\r\\n'\n    answer: '^FLUX/1 '", "POST / HTTP/1.0\\r\\n\\r\\n'\n    answer: '^FLUX/1 '", 1), "made-up.yaml:"),
            "an unknown word": (good.replace("impact: control", "impact: doom"), "doom"),
            "a pattern that RE2 refuses": (good.replace("'unclaimed'", "'(?=x)'"), "made-up.yaml:"),
            "an id that is taken": (good.replace("id: flux-relay", "id: docker-api"), "docker-api"),
            "no YAML": ("- id: [", "made-up.yaml:"), "nothing": ("", "made-up.yaml"),
        }
        for name, (text, said) in cases.items():
            self.add("made-up.yaml", text)
            self.addCleanup(self.add, "made-up.yaml", MADE_UP)
            for done in (self.scan("--to", HERE, "--ports", "7777", "--services", self.services),
                         self.outside(HERE, "--ports", "7777", "--services", self.services)):
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), name)
                self.assertIn("--services", done.stderr, name)
                self.assertIn(said, done.stderr, name)
                if name not in ("nothing",):
                    self.assertTrue(re.search(r"made-up\.yaml:\d+", done.stderr), (name, done.stderr))
        self.add("made-up.yaml", MADE_UP)
        for folder, said in (("/nonexistent", "/nonexistent"), (self.folder.name, "no file NAME.yaml")):
            done = self.scan("--services", folder)
            self.assertEqual(done.returncode, USAGE)
            self.assertIn(said, done.stderr)

    def test_a_udp_service_is_asked_in_its_own_words_and_silence_is_never_closed(self):
        def states(*more):
            answer = json.loads(self.scan("--to", HERE, "--ports", "53/udp,7777/udp,7778/udp,7779/udp", "--json", *more).stdout)
            [target] = [t for t in answer["seats"][0]["targets"] if t["proto"] == "udp"]
            return {run["ports"][0]: (run["state"], run["proof"]) for run in target["runs"]}, target

        inside(TARGET, "nft", "table inet f { chain i { type filter hook input priority 0; udp dport 7779 drop;\n}\n}")
        self.addCleanup(inside, TARGET, "nft", "delete table inet f")
        with served(name_server, socket_in(TARGET, 53, socket.SOCK_DGRAM)), \
                served(datagram_relay, socket_in(TARGET, 7777, socket.SOCK_DGRAM)):
            told, target = states("--services", self.services)
            self.assertEqual(told[53], ("open", "accepted"))
            self.assertEqual(told[7777], ("open", "accepted"))
            self.assertEqual(told[7778], ("closed", "port-unreachable"))
            self.assertEqual(told[7779], ("unknown", "no-udp-answer"))
            self.assertEqual({o["port"]: o["service"]["id"] for o in target["open"] if "service" in o}.get(7777), "flux-relay")
            # Without the file nobody knows what it wants to hear.
            self.assertEqual(states()[0][7777], ("unknown", "no-udp-answer"))
            # Nothing is said to services when they are not to be identified.
            self.assertEqual(states("--no-identify", "--services", self.services)[0][7777], ("unknown", "no-udp-answer"))

    def test_closed_udp_ports_of_a_machine_that_says_so_once_a_second_are_never_open_nor_filtered(self):
        answer = json.loads(self.scan("--to", HERE, "--ports", "9000-9019/udp", "--json").stdout)
        [target] = [t for t in answer["seats"][0]["targets"] if t["proto"] == "udp"]
        self.assertEqual(target["counts"]["open"] + target["counts"]["filtered"], 0)
        self.assertGreaterEqual(target["counts"]["closed"], 6)

    def test_usage(self):
        for arguments, said in ((["--format", "pdf"], "pdf"), (["--format", "xml", "--json"], "--json"),
                                (["--format", "xml", "--every", "1h"], "--every"),
                                (["--format", "html", "--diff", "a", "b"], "--diff")):
            done = self.scan(*arguments)
            self.assertEqual(done.returncode, USAGE, arguments)
            self.assertIn(said, done.stderr)
        done = self.command(PROGRAM, "audit", "--format", "xml")
        self.assertEqual(done.returncode, USAGE)


if __name__ == "__main__":
    unittest.main()
