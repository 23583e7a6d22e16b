#!/usr/bin/env python3
"""Whether a mismatch of randnet.py is one of its order: it probes each pair once, in a network whose neighbour
tables earlier probes have filled, and where a neighbour answers no question but is known by its own (arp_ignore,
a reverse path filter), what a pair gets depends on who asked whom before. What `bulkhead query` says is of a
first connection. So each pair is tried again, as the first of all in the network built anew.

    asked_first.py RANDNET.PY SEED.json        a file that `randnet.py run --keep-fail` wrote

Prints a line per pair, and last how many there were; ends 0 when all of them open that way, 1 when one does not.
"""

import importlib.util
import json
import os
import subprocess
import sys

CONNECT = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(float(sys.argv[3]))
s.connect((sys.argv[1], int(sys.argv[2])))
print("open")
"""
PATIENCE = "3"  # seconds, in which the kernel sends the SYN again after one and three


def load(path):
    spec = importlib.util.spec_from_file_location("randnet", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.HOME = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    module.tool()
    return module


def opens_first(randnet, net, seat, address, port):
    try:
        errors, _ = randnet.build(net)
        if errors:
            return False
        done = subprocess.run(["nsenter", f"--net={randnet.P_(seat)}", sys.executable, "-c", CONNECT, address, str(port),
                               PATIENCE], capture_output=True, text=True, timeout=30, check=False)
        return done.returncode == 0 and done.stdout.strip() == "open"
    finally:
        randnet.home()
        randnet.destroy()


def main():
    randnet = load(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        kept = json.load(file)
    wrong = 0
    for seat, address, port, kernel, said in kept["mismatch"]:
        excused = (said or {}).get("verdict") == "open" and opens_first(randnet, kept["net"], seat, address, port)
        wrong += not excused
        print(f"   {seat} -> {address}:{port}: kernel {kernel['result']}, bulkhead {(said or {}).get('verdict')}: "
              f"{'opens as the first of all' if excused else 'MISMATCH'}")
    print(f"pairs {len(kept['mismatch'])} of seed {kept['net']['seed']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
