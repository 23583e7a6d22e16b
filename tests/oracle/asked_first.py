#!/usr/bin/env python3
"""Whether a mismatch of randnet.py is one of its order: it probes each pair once, in a network whose neighbour
tables earlier probes have filled, and where a neighbour answers no question but is known by its own (arp_ignore,
a reverse path filter), what a pair gets depends on who asked whom before. What `bulkhead query` says is of a
first connection. So each pair is tried again, as the first of all in the network built anew.

    asked_first.py RANDNET.PY SEED.json        a file that `randnet.py run --keep-fail` wrote

Prints a line per pair; ends 0 when the first connection is as bulkhead said for every pair, 1 when one is not.
"""

import importlib.util
import json
import os
import subprocess
import sys

CONNECT = """
import socket, sys
for attempt in range(2):
    s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
    s.settimeout(float(sys.argv[3]))
    try:
        s.connect((sys.argv[1], int(sys.argv[2])))
        print("open")
        break
    except OSError:
        s.close()
else:
    print("closed")
"""
PATIENCE = "0.8"  # seconds; an address is given up after three questions of a second at most by the kernel


def load(path):
    spec = importlib.util.spec_from_file_location("randnet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.HOME = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    module.tool()
    return module


def first_connection(randnet, net, seat, address, port):
    try:
        randnet.build(net)
        done = subprocess.run(["nsenter", f"--net={randnet.P_(seat)}", sys.executable, "-c", CONNECT, address, str(port),
                               PATIENCE], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()
    finally:
        randnet.home()
        randnet.destroy()


def main():
    randnet = load(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        kept = json.load(file)
    wrong = 0
    for seat, address, port, kernel, said in kept["mismatch"]:
        verdict = (said or {}).get("verdict")
        found = first_connection(randnet, kept["net"], seat, address, port)
        same = found == verdict
        wrong += not same
        print(f"   {seat} -> {address}:{port}: later {kernel['result']}, first {found}, bulkhead {verdict}"
              f"{'' if same else ': MISMATCH'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
