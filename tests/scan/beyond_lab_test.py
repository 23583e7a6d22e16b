#!/usr/bin/env python3
"""What stands beyond the host, asked from inside real containers: a real engine, and real servers on a machine that the
model of the host knows nothing of.

    beyond_lab_test.py BULKHEAD
"""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from engine import Engine
from netns import inside, ip, socket_in

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
FAR = f"bkfar{os.getpid()}"
DONE, FINDINGS, USAGE, INCOMPLETE = 0, 1, 2, 3
NAS = "10.60.0.5"


def forward(listening, to):
    """The process of a server in a namespace would show the namespace to the model: its socket alone does not."""
    def relay(peer):
        with contextlib.suppress(OSError), peer, socket.create_connection(to, timeout=5) as server:
            while ready := select.select([peer, server], [], [], 30)[0]:
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    (server if source is peer else peer).sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=relay, args=[listening.accept()[0]], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


class Beyond(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.clean)
        cls.folder = tempfile.mkdtemp(prefix=FAR)
        cls.servers, cls.sockets, cls.engine = [], [], Engine()
        cls.engine.start()
        ip("netns", "add", FAR)
        ip("-n", FAR, "link", "set", "lo", "up")
        ip("-n", cls.engine.netns, "link", "add", "far0", "type", "veth", "peer", "name", "eth0", "netns", FAR)
        for name, device, address in ((cls.engine.netns, "far0", "10.60.0.1/24"), (FAR, "eth0", f"{NAS}/24")):
            ip("-n", name, "addr", "add", address, "dev", device)
            ip("-n", name, "link", "set", device, "up")
        inside(FAR, "nft", "table inet f { counter hello { } ; chain i { type filter hook prerouting priority 0; "
                           "tcp flags syn counter name hello;\n}\n}")
        cls.serve_redis(6379)
        cls.serve_redis(7777, "--requirepass", "x" * 20)

    @classmethod
    def serve_redis(cls, port, *more):
        path = f"{cls.folder}/redis-{port}.sock"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            local = free.getsockname()[1]
        server = ["redis-server", "--port", str(local), "--bind", "127.0.0.1", "--save", "", "--dir", cls.folder, "--unixsocket",
                  path, *more]
        cls.servers.append(subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *server], stdout=subprocess.DEVNULL))
        end = time.monotonic() + 20
        while time.monotonic() < end and not os.path.exists(path):
            time.sleep(0.05)
        cls.sockets.append(socket_in(FAR, port))
        forward(cls.sockets[-1], ("127.0.0.1", local))

    @classmethod
    def clean(cls):
        for one in cls.sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()
        for server in cls.servers:
            server.terminate()
            server.wait(20)
        subprocess.run(["ip", "netns", "del", FAR], check=False)
        cls.engine.stop()
        shutil.rmtree(cls.folder)

    def config(self, text):
        path = os.path.join(self.folder, "bulkhead.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("bulkhead: 1\n" + text)
        return path

    def bulkhead(self, verb, config, *words):
        done = self.engine.run(PROGRAM, verb, "--engine", self.engine.url, "--config", self.config(config), *words,
                               hide=[FAR])
        self.assertNotIn("internal", done.stderr)
        return done

    def hellos(self):
        said = subprocess.run(["nsenter", f"--net=/run/netns/{FAR}", "nft", "list counter inet f hello"], check=True,
                              capture_output=True, text=True).stdout
        return int(re.search(r"packets (\d+)", said).group(1))

    TARGET = f"scan: {{targets: {{nas: {{at: [{NAS}], ports: [6379, 6380, 7777]}}}}}}\n"

    def test_what_another_target_names_too_is_asked_for_both(self):
        both = f"scan: {{targets: {{nas: {{at: [{NAS}], ports: [6379]}}, rack: {{at: [10.60.0.4/30], ports: [7777]}}}}}}\n"
        for name in ("nas", "rack"):
            done = self.bulkhead("scan", both, "--to", name, "--json", "--no-identify")
            self.assertNotEqual(done.returncode, USAGE, done.stderr)
            self.assertEqual({f["port"] for f in json.loads(done.stdout)["beyond"]}, {6379, 7777}, name)

    def test_what_answers_is_named_with_who_gets_there(self):
        done = self.bulkhead("scan", self.TARGET, "--to", "nas", "--json")
        answer = json.loads(done.stdout)
        self.assertEqual(done.returncode, FINDINGS, done.stderr)
        found = {f["port"]: f for f in answer["beyond"]}
        self.assertEqual(set(found), {6379, 7777})
        self.assertEqual((found[6379]["threat"], found[6379]["severity"], found[6379]["service"]["access"]),
                         ("T5", "high", "open"))
        self.assertEqual((found[7777]["severity"], found[7777]["service"]["id"], found[7777]["service"]["access"]),
                         ("low", "redis", "protected"))
        for one in found.values():
            self.assertIn("container:docker/web", one["from"])
            self.assertIn("container:docker/onhost", one["from"], "it sends as the host does")
            self.assertNotIn("container:docker/inner", one["from"], "its network is internal")
            self.assertNotIn("container:docker/nowhere", one["from"])
        self.assertEqual(answer["disagreements"], [])
        # From the ports that are closed it is known that they are.
        web = next(s for s in answer["seats"] if "container:docker/web" in s["names"])
        [target] = [t for t in web["targets"] if t["to"] == NAS]
        self.assertEqual((target["counts"]["closed"], target["places"]), (1, ["nas"]))
        text = self.bulkhead("scan", self.TARGET, "--to", "nas").stdout
        self.assertIn("HIGH T5 nas, beyond this host: Redis", text)

    def test_who_is_permitted_is_no_threat(self):
        allow = ("tenants: {t: {containers: [web, beside], egress: [{from: '*', to: 10.60.0.0/24, port: [6379/tcp, "
                 "7777/tcp]}]}}\n")
        done = self.bulkhead("scan", self.TARGET + allow, "--to", "nas", "--from", "container:web", "--json")
        self.assertEqual(done.returncode, DONE, done.stdout + done.stderr)
        self.assertEqual({f["severity"] for f in json.loads(done.stdout)["beyond"]}, {"info"})

    def test_a_zone_of_management_is_asked_and_its_empty_addresses_are_not_closed(self):
        zone = "zones: {bmc: {role: management, interface: far0, prefixes: [10.60.0.0/29]}}\n"
        begin = time.monotonic()
        done = self.bulkhead("scan", zone, "--from", "container:web", "--to", "bmc", "--json")
        self.assertLess(time.monotonic() - begin, 60)
        answer = json.loads(done.stdout)
        self.assertEqual(done.returncode, FINDINGS, done.stderr)
        # Of ports that nobody named, those of the catalogue: 7777 is none.
        self.assertEqual([(f["threat"], f["port"]) for f in answer["beyond"]], [("management-network", 6379)])
        asked = {t["to"] for t in answer["seats"][0]["targets"]}
        self.assertEqual(asked, {f"10.60.0.{n}" for n in range(1, 7)})
        for target in answer["seats"][0]["targets"]:
            if target["to"] not in (NAS, "10.60.0.1"):
                self.assertEqual((target["counts"]["open"], target["counts"]["closed"]), (0, 0), target["to"])

    # Such a zone is declared to say what comes from there.
    def test_a_zone_that_is_too_wide_is_a_note_unless_it_is_named(self):
        wide = "zones: {bmc: {role: management, interface: far0, prefixes: [10.60.0.0/16]}}\n"
        said = "zone bmc: 10.60.0.0/16 holds more than 256 addresses"
        plain = ("--from", "container:plain", "--no-identify")
        done = self.bulkhead("scan", wide, *plain, "--json")
        self.assertEqual(done.returncode, DONE, done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["left_out"], [])
        self.assertEqual([n["what"] for n in answer["notes"]], ["zone bmc"])
        self.assertIn("Note: " + said[:30], " ".join(self.bulkhead("scan", wide, *plain).stdout.split()))
        # By its name it is what was wanted, and is not all there.
        done = self.bulkhead("scan", wide, *plain, "--to", "bmc", "--json")
        self.assertEqual(done.returncode, INCOMPLETE, done.stdout)
        self.assertIn(said, done.stderr)
        done = self.bulkhead("scan", wide + self.TARGET, "--from", "container:web", "--no-identify", "--to", "bmc", "--json")
        answer = json.loads(done.stdout)
        self.assertEqual({t["to"] for seat in answer["seats"] for t in seat["targets"]}, {NAS})
        self.assertEqual([left["seat"] for left in answer["left_out"]], ["zone bmc"])
        done = self.bulkhead("scan", wide + self.TARGET, "--from", "container:inner", "--no-identify", "--to", "bmc", "--json")
        self.assertEqual(done.returncode, INCOMPLETE, done.stdout + done.stderr)

    def test_nothing_is_asked_that_nobody_declared_and_public_ones_need_a_word(self):
        before = self.hellos()
        self.bulkhead("scan", "scan: {zones: []}\nzones: {bmc: {role: management, interface: far0, prefixes: [10.60.0.0/29]}}\n",
                      "--from", "container:plain", "--no-identify", "--json")
        self.assertEqual(self.hellos(), before)
        public = "scan: {targets: {theirs: {at: [203.0.113.9], ports: [22]}}}\n"
        done = self.bulkhead("scan", public, "--from", "container:web", "--no-identify", "--json")
        self.assertEqual(done.returncode, INCOMPLETE)
        self.assertIn("--i-own-this", json.loads(done.stdout)["left_out"][0]["reason"])
        for to in ("theirs", "203.0.113.9"):
            done = self.bulkhead("scan", public, "--from", "container:web", "--to", to)
            self.assertEqual(done.returncode, USAGE)
            self.assertIn("--i-own-this", done.stderr)

    def test_an_audit_computes_who_gets_there_and_sends_nothing(self):
        before = self.hellos()
        done = self.bulkhead("audit", self.TARGET, "--json")
        self.assertEqual(self.hellos(), before)
        report = json.loads(done.stdout)
        [finding] = [f for f in report["findings"] if f["subject"].get("network") == "nas"]
        self.assertEqual((finding["kind"], finding["state"]), ("T5", "computed"))
        seats = {v for r in finding["reaches"] for v in (r["from"], *(f"container:docker/{n}" for n in r.get("also", [])))}
        self.assertIn("container:docker/web", seats)
        self.assertIn("container:docker/onhost", seats)
        self.assertNotIn("container:docker/inner", seats)
        # What is computed to leave is what real packets got through.
        scanned = json.loads(self.bulkhead("scan", self.TARGET, "--to", "nas", "--no-identify", "--json").stdout)
        reached = {v for f in scanned["beyond"] for v in f["from"]}
        self.assertEqual(reached - {"container:docker/frozen"}, seats, "an audit does not ask for who is paused")


if __name__ == "__main__":
    unittest.main()
