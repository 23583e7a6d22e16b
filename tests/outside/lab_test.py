#!/usr/bin/env python3
"""`bulkhead-scan` as it is shipped, in network namespaces made for it: with rights and without, against
real listeners, from a machine that has nothing else of Bulkhead.

    lab_test.py BULKHEAD-SCAN
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scan"))

import netns  # noqa: E402
from netns import inside, served, socket_in  # noqa: E402

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
PREFIX = f"bkout{os.getpid()}"
SEAT, TARGET = f"{PREFIX}-s", f"{PREFIX}-t"
DONE, NEWS, USAGE, INCOMPLETE = 0, 1, 2, 3
NOBODY = 65534


def greet(listening):
    """Says what an SSH server says first."""
    while True:
        peer, _ = listening.accept()
        with peer, contextlib.suppress(OSError):
            peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
            peer.settimeout(3)
            peer.recv(100)


def hang_up(listening):
    """Says nothing; a listener that nobody serves would have its queue filled by the questions."""
    while True:
        listening.accept()[0].close()


def name_server(listening):
    """Answers to no question but one of DNS: an empty datagram is not one."""
    while True:
        data, peer = listening.recvfrom(2000)
        if len(data) >= 12:
            listening.sendto(data[:2] + b"\x81\x85" + data[4:6] + b"\0\0\0\0\0\0" + data[12:], peer)


class Outside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.clean)
        cls.folder = tempfile.mkdtemp(prefix=PREFIX)
        os.chmod(cls.folder, 0o777)
        # As on a machine that has nothing but this one file.
        cls.program = str(shutil.copy(PROGRAM, cls.folder))
        netns.join(SEAT, TARGET, "10.81.0.{}/24", "203.0.113.{}/24", "fd81::{}/64")

    @classmethod
    def clean(cls):
        netns.remove(SEAT, TARGET)
        shutil.rmtree(cls.folder)

    def command(self, *arguments, root=True):
        words = ["nsenter", f"--net=/run/netns/{SEAT}"]
        if not root:
            words += ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all",
                      "--bounding-set=-all"]
        return [*words, self.program, *arguments]

    def scan(self, *arguments, root=True):
        done = subprocess.run(self.command(*arguments, root=root), capture_output=True, text=True, timeout=120,
                              check=False, env={"LC_ALL": "C.UTF-8"})
        self.assertNotIn("internal", done.stderr)
        return done

    def scan_json(self, *arguments, root=True):
        done = self.scan("--json", *arguments, root=root)
        self.assertNotEqual(done.stdout, "", done.stderr)
        return done.returncode, json.loads(done.stdout)

    def open_ports(self, answer, protocol="tcp"):
        return {t["to"]: {o["port"]: o.get("service", {}).get("id") for o in t["open"]}
                for t in answer["seats"][0]["targets"] if t["proto"] == protocol}

    def test_it_needs_no_library_of_the_machine(self):
        with open(self.program, "rb") as program:
            self.assertNotIn(b"ld-linux", program.read(4096))

    def test_with_rights_and_without_it_sees_the_same(self):
        with served(hang_up, socket_in(TARGET, 7001)), served(greet, socket_in(TARGET, 7022)):
            for root, engine in ((True, "syn"), (False, "connect")):
                code, answer = self.scan_json("10.81.0.2", "fd81::2", "--ports", "7000-7030", root=root)
                self.assertEqual(code, DONE, answer)
                self.assertEqual((answer["seats"][0]["engine"], answer["seats"][0]["checked"]), (engine, True))
                self.assertEqual(self.open_ports(answer), {a: {7001: None, 7022: "ssh"} for a in ("10.81.0.2", "fd81::2")})
                for target in answer["seats"][0]["targets"]:
                    self.assertEqual((target["counts"]["open"], target["counts"]["closed"]), (2, 29))

    def test_all_ports(self):
        with socket_in(TARGET, 7001), socket_in(TARGET, 65535):
            code, answer = self.scan_json("10.81.0.2", "--ports", "all", "--rate", "200000", "--no-identify")
        self.assertEqual(code, DONE)
        self.assertEqual(self.open_ports(answer), {"10.81.0.2": {7001: None, 65535: None}})
        self.assertEqual(answer["seats"][0]["targets"][0]["counts"]["closed"], 65533)

    def test_the_ports_of_the_catalogue_are_asked_when_none_are_given(self):
        with served(greet, socket_in(TARGET, 22)), served(name_server, socket_in(TARGET, 53, socket.SOCK_DGRAM)):
            code, answer = self.scan_json("10.81.0.2")
        self.assertEqual(code, DONE)
        self.assertEqual(self.open_ports(answer), {"10.81.0.2": {22: "ssh"}})
        # It answers to its own protocol alone, which only a payload of the catalogue speaks.
        self.assertEqual(list(self.open_ports(answer, "udp")["10.81.0.2"]), [53])

    def test_what_a_rule_drops_is_filtered_and_a_silent_udp_port_is_unknown(self):
        inside(TARGET, "nft", "table inet f { chain i { type filter hook input priority 0; "
                              "meta l4proto { tcp, udp } th dport 7003-7004 drop;\n}\n}")
        self.addCleanup(inside, TARGET, "nft", "delete table inet f")
        for root in (True, False):
            code, answer = self.scan_json("10.81.0.2", "--ports", "7002-7004,7003/udp", root=root)
            self.assertEqual(code, DONE)
            states = {t["proto"]: [(r["ports"], r["state"]) for r in t["runs"]] for t in answer["seats"][0]["targets"]}
            self.assertEqual(states, {"tcp": [([7002, 7002], "closed"), ([7003, 7004], "filtered")],
                                      "udp": [([7003, 7003], "unknown")]})

    def test_a_public_address_is_refused_before_anything_is_sent(self):
        counted = "table inet c { chain o { type filter hook output priority 0; meta l4proto { tcp, udp } counter;\n}\n}"
        inside(SEAT, "nft", counted)
        self.addCleanup(inside, SEAT, "nft", "delete table inet c")
        with socket_in(TARGET, 7001):
            done = self.scan("10.81.0.2", "203.0.113.2", "--ports", "7001")
            self.assertEqual(done.returncode, USAGE)
            self.assertIn("--i-own-this", done.stderr)
            self.assertIn("counter packets 0", inside(SEAT, "nft", "list table inet c", capture_output=True,
                                                     text=True).stdout)
            code, answer = self.scan_json("203.0.113.2", "--ports", "7001", "--i-own-this", "--no-identify")
        self.assertEqual((code, self.open_ports(answer)), (DONE, {"203.0.113.2": {7001: None}}))

    def test_names_come_from_the_hosts_file_and_are_held_to_the_same_rule(self):
        hosts = pathlib.Path(self.folder, "hosts")
        hosts.write_text("127.0.0.1 localhost\n10.81.0.2 db.example\n203.0.113.2 far.example\n", encoding="utf-8")
        def scan(*arguments):
            words = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
            return subprocess.run([*words, *self.command("--json", "--ports", "7001", *arguments)],
                                  capture_output=True, text=True, timeout=60, check=False)
        with served(hang_up, socket_in(TARGET, 7001)):
            done = scan("db.example")
            self.assertEqual(done.returncode, DONE, done.stderr)
            [target] = json.loads(done.stdout)["seats"][0]["targets"]
            self.assertEqual((target["to"], target["names"], len(target["open"])), ("10.81.0.2", ["db.example"], 1))
        done = scan("far.example")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("203.0.113.2", done.stderr)

    def test_a_prefix_finds_who_is_there(self):
        with socket_in(TARGET, 7001):
            code, answer = self.scan_json("10.81.0.0/29", "--ports", "7001", "--no-identify")
        self.assertEqual(code, DONE)
        found = {address for address, ports in self.open_ports(answer).items() if ports}
        self.assertEqual(found, {"10.81.0.2"})
        self.assertEqual(len(answer["seats"][0]["targets"]), 6)

    def test_what_is_new_is_told_and_ends_1(self):
        old, new = (str(pathlib.Path(self.folder, name)) for name in ("old.json", "new.json"))
        ports = ["--ports", "7000-7010", "--no-identify"]
        with socket_in(TARGET, 7001):
            self.assertEqual(self.scan("10.81.0.2", *ports, "-o", old).returncode, DONE)
            done = self.scan("10.81.0.2", *ports, "--diff", old)
            self.assertEqual((done.returncode, done.stdout), (DONE, "No difference in 11 ports.\n"))
            with socket_in(TARGET, 7002):
                done = self.scan("10.81.0.2", *ports, "--diff", old, "-o", new)
                self.assertEqual(done.returncode, NEWS)
                self.assertIn("NEW      10.81.0.2:7002/tcp  open; was closed\n", done.stdout)
        done = self.scan("10.81.0.2", *ports, "--diff", new, "--json")
        self.assertEqual(done.returncode, DONE)
        self.assertEqual([(c["change"], c["ports"]) for c in json.loads(done.stdout)["changes"]],
                         [("gone", [7001, 7002])])

    def test_what_cannot_be_written_is_printed_all_the_same(self):
        done = self.scan("10.81.0.2", "--ports", "7000", "--no-identify", "-o", "/nowhere/at/all")
        self.assertEqual(done.returncode, USAGE, done)
        self.assertIn("/nowhere/at/all", done.stderr)
        self.assertIn("10.81.0.2", done.stdout)

    def test_an_interrupt_gives_what_is_known_and_ends_3(self):
        with socket_in(TARGET, 22) as ssh, served(greet, ssh):
            with subprocess.Popen(self.command("10.81.0.2", "--json", "--ports", "all", "--rate", "2000"),
                                  stdout=subprocess.PIPE, text=True) as running:
                time.sleep(1.5)
                running.send_signal(signal.SIGTERM)
                out, _ = running.communicate(timeout=30)
        self.assertEqual(running.returncode, INCOMPLETE)
        answer = json.loads(out)
        self.assertFalse(answer["finished"])
        self.assertGreater(answer["seats"][0]["targets"][0]["counts"]["unknown"], 10000)
        # It was asked while the packets went on.
        self.assertEqual(self.open_ports(answer)["10.81.0.2"], {22: "ssh"})

    def test_usage(self):
        for arguments, said in (([], "TARGET"), (["10.81.0.2", "--ports", "x"], "'x'"),
                                (["10.81.0.0/8"], "10.81.0.0/8"), (["a b"], "'a b'"), (["fe80::1"], "interface"),
                                (["10.81.0.2", "--diff", "/nowhere"], "/nowhere"),
                                (["10.81.0.2", "--diff", "/etc/hostname"], "not valid JSON"),
                                (["10.81.0.2", "--zone", "moon"], "--zone")):
            done = self.scan(*arguments)
            self.assertEqual(done.returncode, USAGE, (arguments, done.stderr))
            self.assertIn(said, done.stderr)


class Completion(unittest.TestCase):
    def test_each_shell_is_told_the_options_and_no_target_is_needed(self):
        for shell in ("bash", "zsh", "fish"):
            done = subprocess.run([PROGRAM, "--completion", shell], capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("bulkhead-scan", done.stdout)
            self.assertIn("i-own-this", done.stdout)
        script = subprocess.run([PROGRAM, "--completion", "bash"], capture_output=True, text=True, check=True).stdout
        asked = script + ("COMP_WORDS=(bulkhead-scan 10.0.0.1 --i-o); COMP_CWORD=2; _bulkhead_scan; echo \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "--i-own-this")
        for words, said in ((["--completion", "tcsh"], "tcsh"), ([], "TARGET")):
            done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
