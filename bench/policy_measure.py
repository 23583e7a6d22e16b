#!/usr/bin/env python3
"""The measuring part of policy.sh: sends through each of its worlds in turn and prints ratios.

    policy_measure.py FOLDER
"""

import itertools
import os
import re
import subprocess
import sys

from policy_world import LEAST, OUTSIDE4, OUTSIDE6, PORT, six

WORLDS = ("engine", "small", "large", "iptables", "nft")
WAYS = {"bridge4": ("c1", "10.0.0.3"), "bridge6": ("c1", six(0, 3)), "routed4": ("out", OUTSIDE4), "routed6": ("out", OUTSIDE6)}
COUNTS = {"udp": 20_000, "tcp": 2_000}


def send(folder, world, way, kind, port=PORT, count=None):
    to, address = WAYS[way]
    where = "/run/netns/%s." % world
    command = [folder + "/send", where + "c0", where + to, kind, address, str(port), str(count or COUNTS[kind])]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def check_entries(folder):
    """A large policy is as large as it says, a small one is small."""
    for name, right in (("small", lambda n: n == 10), ("large", lambda n: n >= LEAST)):
        with open("%s/%s.nft" % (folder, name), encoding="utf-8") as file:
            text = file.read()
        for kind in ("pol4", "pol6", "egr4_", "egr6_"):
            sets = re.findall(r"\tset %s\d* \{.*?\n\t\}" % kind, text, re.S)
            count = sum(one.count(" . tcp . ") + one.count(" . udp . ") for one in sets)
            if not right(count):
                sys.exit("policy.sh: %s of the %s policy has %d entries" % (kind, name, count))


def check_closed(folder):
    """What no line permits does not arrive, but with the engine's rules alone."""
    for world, way in itertools.product(WORLDS, WAYS):
        arrived = send(folder, world, way, "udp", PORT + 1, 64).returncode == 0
        if arrived != (world == "engine"):
            sys.exit("policy.sh: %s %s: a packet that no line permits %s" % (world, way, "arrived" if arrived else "did not arrive"))


def main(arguments):
    folder, least = arguments[0], {}
    check_entries(folder)
    check_closed(folder)
    for _ in range(int(os.environ.get("ROUNDS", "9"))):
        for way, kind, world in itertools.product(WAYS, COUNTS, WORLDS):
            linear = world in ("iptables", "nft")
            done = send(folder, world, way, kind, count=COUNTS[kind] // (10 if linear else 1))
            if done.returncode:
                sys.exit("policy.sh: %s %s %s: %s" % (world, way, kind, done.stderr.strip()))
            key = world, way, kind
            least[key] = min(least.get(key, 1e12), float(done.stdout))
    for way in WAYS:
        took = {(world, kind): least[world, way, kind] for world in WORLDS for kind in COUNTS}
        print("policy_%s_packet_of_engine_alone %.0f ns at_most 1000000" % (way, took["engine", "udp"]))
        print("policy_%s_packet_large_to_small %.3f x at_most 1.05" % (way, took["large", "udp"] / took["small", "udp"]))
        print("policy_%s_packet_to_engine_alone %.3f x at_most 1.25" % (way, took["large", "udp"] / took["engine", "udp"]))
        print("policy_%s_connections_to_engine_alone %.3f x at_least 0.9" % (way, took["engine", "tcp"] / took["large", "tcp"]))
        for world in ("iptables", "nft"):
            print("policy_%s_packet_linear_%s_to_ours %.1f x at_least 3" % (way, world, took[world, "udp"] / took["large", "udp"]))


if __name__ == "__main__":
    main(sys.argv[1:])
