#!/usr/bin/env python3
"""What bench/policy.sh measures in: the snapshot of a Docker host (that of host_snapshot.py with IPv6), policies for it, what the
engine itself writes, linear rules of the same meaning, and commands that build the part of that host through which packets go.

    policy_world.py FOLDER
    policy_world.py --of-host CONTAINERS    prints a policy for the host of host_snapshot.py

Writes snapshot.json, small.yaml, large.yaml, engine.v4, engine.v6 (iptables-restore), linear.v4, linear.v6, linear.nft, world.sh.
"""

import json
import os
import sys

import host_snapshot

CONTAINERS, PORT = 200, 9000
LINK_LOCAL = "fe80::1"  # of each bridge: the host asks for its neighbours from there
OUTSIDE4, OUTSIDE6 = "198.51.100.7", "2001:db8:51::7"
LEAST = 10_000  # entries of a large policy, of each kind and family


def six(network, place):
    return f"fd00:0:{network}::{place:x}"


class World:
    def __init__(self):
        self.host = host_snapshot.Host(CONTAINERS)
        self.networks = self.host.networks

    def snapshot(self):
        namespaces = self.host.namespaces()
        root = namespaces[0]
        root["sysctls"]["bridge_nf_call_ip6tables"] = 1
        root["addresses"].append({"link": 2, "local": "2001:db8:113::10", "prefix_length": 64})
        for n in range(self.networks):
            for address in (six(n, 1), LINK_LOCAL):
                root["addresses"].append({"link": 10 + n, "local": address, "prefix_length": 64})
        for c in self.host.containers:
            where = {"link": 2, "local": six(c.network, c.place + 2), "prefix_length": 64}
            namespaces[c.number + 1]["addresses"].append(where)
        return {
            "version": 1,
            "taken_at_ms": 1795478400000,
            "host_name": "made-up",
            "complete": True,
            "namespaces": namespaces,
            "engines": [self.host.engine()],
        }

    def policy(self, large):
        """Ten entries of each kind, or some ten thousand; the first of each is the one that is measured."""
        own = f"[{PORT}/udp, {PORT}/tcp, 9101/tcp, 9102/tcp, 9103/tcp, 9104/tcp, 9105/tcp, 9106/tcp, 9107/tcp, 9108/tcp]"
        lines = ["bulkhead: 1", "mode: enforce", "tenants:"]
        for n in range(self.networks):
            lines += [f"  net{n}:", "    allow:"]
            lines += [f"      - {{from: s0, to: s1, port: {own}}}"] * (n == 0)
            lines += ['      - {from: "*", to: "*", port: [7001/tcp, 7002/tcp, 7003/tcp]}'] * large
            lines.append("    egress:")
            lines += [f"      - {{from: s0, to: [198.51.100.0/24, 2001:db8:51::/48], port: {own}}}"] * (n == 0)
            if large:
                for i in range(10):  # each with ports of its own: ten groups
                    others = f'[192.0.{2 * i}.0/24, "2001:db8:{0x200 + 2 * i:x}::/48"]'
                    lines.append(f'      - {{from: "*", to: {others}, port: {10 * i + 10}-{10 * i + 14}/tcp}}')
        return "\n".join(lines) + "\n"

    def engine(self, family):
        """As Docker 20.10 writes it for these networks, without published ports."""
        names = [f"br{n}" for n in range(self.networks)]
        out = ["*filter", ":INPUT ACCEPT", ":FORWARD DROP", ":OUTPUT ACCEPT", ":DOCKER -", ":DOCKER-ISOLATION-STAGE-1 -",
               ":DOCKER-ISOLATION-STAGE-2 -", ":DOCKER-USER -", "-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-ISOLATION-STAGE-1"]
        for name in names:
            out += [f"-A FORWARD -o {name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", f"-A FORWARD -o {name} -j DOCKER",
                    f"-A FORWARD -i {name} ! -o {name} -j ACCEPT", f"-A FORWARD -i {name} -o {name} -j ACCEPT",
                    f"-A DOCKER-ISOLATION-STAGE-1 -i {name} ! -o {name} -j DOCKER-ISOLATION-STAGE-2",
                    f"-A DOCKER-ISOLATION-STAGE-2 -o {name} -j DROP"]
        out += ["COMMIT", "*nat", ":PREROUTING ACCEPT", ":INPUT ACCEPT", ":OUTPUT ACCEPT", ":POSTROUTING ACCEPT", ":DOCKER -",
                "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"]
        for n, name in enumerate(names):
            prefix = f"10.{n}.0.0/24" if family == 4 else f"fd00:0:{n}::/64"
            out += [f"-A POSTROUTING -s {prefix} ! -o {name} -j MASQUERADE", f"-A DOCKER -i {name} -j RETURN"]
        return "\n".join([*out, "COMMIT", ""])

    def pairs(self, family):
        """Of linear rules: as many as a large policy has, the measured ones last."""
        name = (lambda c: c.address) if family == 4 else (lambda c: six(c.network, c.place + 2))
        found = []
        for a in self.host.containers:
            for b in self.host.containers:
                if a.network == b.network and a != b:
                    found += [(name(a), name(b), "tcp", port) for port in (7001, 7002, 7003)]
        found = found[: LEAST - 4]
        first, second = name(self.host.containers[0]), name(self.host.containers[1])
        outside = "198.51.100.0/24" if family == 4 else "2001:db8:51::/48"
        return found + [(first, to, proto, PORT) for to in (second, outside) for proto in ("udp", "tcp")]

    def linear(self, family):
        rules = [f"-A DOCKER-USER -s {a} -d {b} -p {proto} --dport {port} -j RETURN" for a, b, proto, port in self.pairs(family)]
        first = "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
        found = ["-A DOCKER-USER -p icmpv6 -j RETURN"] * (family == 6)  # neighbours find each other
        return "\n".join(["*filter", first, *found, *rules, "-A DOCKER-USER -i br+ -j DROP", "COMMIT", ""])

    def linear_nft(self):
        rules = [f"ip{'6' if f == 6 else ''} saddr {a} ip{'6' if f == 6 else ''} daddr {b} {proto} dport {port} accept"
                 for f in (4, 6) for a, b, proto, port in self.pairs(f)]
        for_icmp = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
        body = "\n    ".join(["type filter hook forward priority -1", "ct state established,related accept", for_icmp, *rules, 'iifname "br*" drop'])
        return "table inet linear {\n  chain forward {\n    %s\n  }\n}\n" % body

    def commands(self):
        """For ip -batch and sh; PREFIX stands before the names of the namespaces. Links have the numbers that they have in the
        snapshot: rules know them by these, too."""
        mac = host_snapshot.mac
        out = ["set -e"]
        out += [f"ip netns add ${{1}}{name}; ip -n ${{1}}{name} link set lo up" for name in ("host", "c0", "c1", "out")]
        inside = "nsenter --net=/run/netns/${1}host"
        out += [f"{inside} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
                "ip -n ${1}host link add br0 index 10 type bridge forward_delay 0 mcast_snooping 0",
                "ip -n ${1}host link set br0 addrgenmode none", "ip -n ${1}host link set br0 up",
                f"ip -n ${{1}}host addr add {LINK_LOCAL}/64 dev br0 nodad",
                f"{inside} sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1",
                "ip -n ${1}host addr add 10.0.0.1/24 dev br0", f"ip -n ${{1}}host addr add {six(0, 1)}/64 dev br0 nodad"]
        for c in (0, 1):
            ns = f"${{1}}c{c}"
            out += [f"ip -n ${{1}}host link add veth{c} index {1000 + c} type veth peer name eth0 netns {ns}",
                    f"ip -n ${{1}}host link set veth{c} master br0 up",
                    f"ip -n {ns} link set eth0 address {mac(c + 1, 2)} up",
                    f"ip -n {ns} addr add 10.0.0.{c + 2}/24 dev eth0", f"ip -n {ns} addr add {six(0, c + 2)}/64 dev eth0 nodad",
                    f"ip -n {ns} route add default via 10.0.0.1", f"ip -n {ns} -6 route add default via {six(0, 1)}"]
        out += ["ip -n ${1}host link add eth0 index 2 type veth peer name eth0 netns ${1}out", "ip -n ${1}host link set eth0 up",
                "ip -n ${1}out link set eth0 up", "ip -n ${1}host addr add 203.0.113.10/24 dev eth0",
                "ip -n ${1}host addr add 2001:db8:113::10/64 dev eth0 nodad", "ip -n ${1}out addr add 203.0.113.1/24 dev eth0",
                "ip -n ${1}out addr add 2001:db8:113::1/64 dev eth0 nodad", f"ip -n ${{1}}out addr add {OUTSIDE4}/32 dev lo",
                f"ip -n ${{1}}out addr add {OUTSIDE6}/128 dev lo nodad", "ip -n ${1}host route add default via 203.0.113.1",
                "ip -n ${1}host -6 route add default via 2001:db8:113::1"]
        out += [f"{inside} iptables-restore <$2/engine.v4", f"{inside} ip6tables-restore <$2/engine.v6"]
        return "\n".join(out) + "\n"


def policy_of_host(count):
    lines = ["bulkhead: 1", "mode: enforce", "host: {ssh: {port: 22/tcp, from: management}}", "tenants:"]
    containers = host_snapshot.Host(count).containers
    for network in range(count // host_snapshot.PER_NETWORK):
        mine = [c for c in containers if c.network == network]
        lines += [f"  net{network}:", "    ingress:"]
        lines += [f"      - {{to: s{c.place}, publish: {c.published}/tcp, from: internet}}" for c in mine if c.published]
        lines.append("    allow:")
        lines += [f"      - {{from: [s{(c.place + 1) % 20}, s{(c.place + 7) % 20}], to: s{c.place}, port: {c.port}/tcp}}" for c in mine]
    return "\n".join([*lines, "never:", '  - {from: internet, to: "*/s7"}']) + "\n"


def main(arguments):
    if arguments[0] == "--of-host":
        sys.stdout.write(policy_of_host(int(arguments[1])))
        return
    world, folder = World(), arguments[0]
    files = {
        "snapshot.json": json.dumps(world.snapshot()),
        "small.yaml": world.policy(False),
        "large.yaml": world.policy(True),
        "linear.nft": world.linear_nft(),
        "world.sh": world.commands(),
    }
    for family in (4, 6):
        files[f"engine.v{family}"], files[f"linear.v{family}"] = world.engine(family), world.linear(family)
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
