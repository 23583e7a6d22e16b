#!/usr/bin/env python3
"""Writes the snapshot of a made-up Docker host to standard output, and what an audit must find in it to
standard error, as JSON.

    host_snapshot.py CONTAINERS

Twenty containers to a network, each with one service; five of the twenty are published on every address of
the host, by docker-proxy and by the rules that Docker 20.10 writes through iptables-nft. An administrator's
whitelist in DOCKER-USER fills the rules up to five for each container. Nothing here is random.
"""

import json
import sys

PER_NETWORK, PUBLISHED, RULES_PER_CONTAINER = 20, 5, 5
UPLINK, GATEWAY = "203.0.113.10", "203.0.113.1"
UP, LOOPBACK = 65, 73  # IFF_UP | IFF_RUNNING; with IFF_LOOPBACK
FIRST_HOST_PORT = 20000


def octets(text):
    return "".join(f"{int(part):02x}" for part in text.split("."))


class Rules:
    """One chain; a rule is a list of statements as the snapshot holds them."""

    def __init__(self, name, **base):
        self.name, self.base, self.rules = name, base, []

    def add(self, *statements):
        self.rules.append(list(statements))

    def json(self, handle):
        counter = {"observe": {"what": "counter", "packets": 0, "bytes": 0}}
        out = {"name": self.name, "rules": []}
        if self.base:
            out["base"] = self.base
        for number, statements in enumerate(self.rules):
            # iptables-nft puts the counter before the verdict or target
            out["rules"].append({"handle": handle + number, "statements": [*statements[:-1], counter, statements[-1]]})
        return out


def compare(left, right, negated=False):
    return {"compare": {"left": left, "right": right} | ({"op": "!="} if negated else {})}


def interface(key, name, negated=False):
    return compare({"meta": {"key": key}}, name.encode().hex().ljust(len(name) * 2 + 2, "0"), negated)


def payload(offset, value, base=None, negated=False):
    term = {"offset": offset, "length": len(value) // 2} | ({"base": base} if base else {})
    return compare({"payload": term}, value, negated)


def source(value):
    return payload(12, value)


def destination(value, negated=False):
    return payload(16, value, negated=negated)


def tcp(port):
    return [compare({"meta": {"key": "l4proto"}}, "06"), payload(2, f"{port:04x}", "transport")]


def established():
    return {"xt-match": {"name": "conntrack", "revision": 3, "info": {"conntrack": {"state_mask": 6}}}}


def to_local():
    return {"xt-match": {"name": "addrtype", "revision": 1, "info": {"addrtype": {"destination_mask": 4}}}}


def verdict(kind, chain=None):
    return {"verdict": {"verdict": {"kind": kind} | ({"chain": chain} if chain else {})}}


def dnat(address, port):
    where = {"addresses": {"first": address, "last": address}, "ports": {"first": port, "last": port}, "flags": 3}
    return {"xt-target": {"name": "DNAT", "revision": 2, "info": {"nat": where}}}


def masquerade():
    return {"xt-target": {"name": "MASQUERADE", "info": {"nat": {"kind": "masquerade"}}}}


class Container:
    def __init__(self, number):
        self.number = number
        self.network, self.place = divmod(number, PER_NETWORK)
        self.address = f"10.{self.network}.0.{self.place + 2}"
        self.port = 6379 if self.place in (0, PUBLISHED) else 8000 + self.place
        self.published = FIRST_HOST_PORT + number if self.place < PUBLISHED else None
        self.name = f"net{self.network}-c{self.place}"


def mac(machine, index):
    return f"02:42:{machine >> 8:02x}:{machine & 255:02x}:{index >> 8:02x}:{index & 255:02x}"


def link(index, name, machine, kind="", **more):
    flags = LOOPBACK if name == "lo" else UP
    out = {"index": index, "name": name, "flags": flags, "mtu": 1500, "operstate": 6}
    out |= {"hw_type": 772} if name == "lo" else {"mac": mac(machine, index)}
    return out | ({"kind": kind} if kind else {}) | {"ipv4": {"forwarding": 1}, "ipv6": {}} | more


def routes_of(index, address, length):
    network = address.rsplit(".", 1)[0] + ".0" if length == 24 else "127.0.0.0"
    common = {"protocol": 2, "preferred_source": address, "next_hops": [{"link": index}]}
    return [
        {"table": 255, "destination": f"{address}/32", "type": 2, "scope": 254} | common,
        {"destination": f"{network}/{length}", "scope": 253} | common,
    ]


class Host:
    def __init__(self, count):
        self.containers = [Container(number) for number in range(count)]
        self.networks = count // PER_NETWORK
        self.links = [link(1, "lo", 0), link(2, "eth0", 0)]
        self.addresses, self.routes = [], []
        self.address(1, "127.0.0.1", 8)
        self.address(2, UPLINK, 24)
        self.routes.append({"next_hops": [{"link": 2, "gateway": GATEWAY}]})
        for network in range(self.networks):
            self.links.append(link(10 + network, f"br{network}", 0, "bridge", bridge={}))
            self.address(10 + network, f"10.{network}.0.1", 24)
        for c in self.containers:
            more = {"peer": 2, "peer_ns": c.number + 1, "peer_elsewhere": True, "master": 10 + c.network, "port": {}}
            self.links.append(link(1000 + c.number, f"veth{c.number}", 0, "veth", **more))

    def address(self, index, address, length):
        self.addresses.append({"link": index, "local": address, "prefix_length": length})
        self.routes += routes_of(index, address, length)

    def tables(self):
        forward = Rules("FORWARD", hook="forward", policy="drop")
        user, docker = Rules("DOCKER-USER"), Rules("DOCKER")
        first, second = Rules("DOCKER-ISOLATION-STAGE-1"), Rules("DOCKER-ISOLATION-STAGE-2")
        nat, after = Rules("DOCKER"), Rules("POSTROUTING", hook="postrouting", type="nat", priority=100)
        before = Rules("PREROUTING", hook="prerouting", type="nat", priority=-100)
        out = Rules("OUTPUT", hook="output", type="nat", priority=-100)
        before.add(to_local(), verdict("jump", "DOCKER"))
        out.add(destination("7f", negated=True), to_local(), verdict("jump", "DOCKER"))
        forward.add(verdict("jump", "DOCKER-USER"))
        forward.add(verdict("jump", "DOCKER-ISOLATION-STAGE-1"))
        for network in range(self.networks):
            name = f"br{network}"
            inside, leaves = interface("iifname", name), interface("oifname", name)
            elsewhere = interface("oifname", name, negated=True)
            forward.add(leaves, established(), verdict("accept"))
            forward.add(leaves, verdict("jump", "DOCKER"))
            forward.add(inside, elsewhere, verdict("accept"))
            forward.add(inside, leaves, verdict("accept"))
            first.add(inside, elsewhere, verdict("jump", "DOCKER-ISOLATION-STAGE-2"))
            second.add(leaves, verdict("drop"))
            nat.add(inside, verdict("return"))
            after.add(elsewhere, source(octets(f"10.{network}.0")), masquerade())
        for c in self.containers:
            if not c.published:
                continue
            name, here = f"br{c.network}", octets(c.address)
            others = interface("iifname", name, negated=True)
            docker.add(others, interface("oifname", name), destination(here), *tcp(c.port), verdict("accept"))
            nat.add(others, *tcp(c.published), dnat(c.address, c.port))
            after.add(source(here), destination(here), *tcp(c.port), masquerade())
        user.add(established(), verdict("accept"))
        chains = [forward, user, docker, first, second, nat, after, before, out]
        self.whitelist(user, RULES_PER_CONTAINER * len(self.containers) - sum(len(c.rules) for c in chains) - 3)
        for chain in (user, first, second):
            chain.add(verdict("return"))
        return [
            {"family": "ip", "name": "filter", "chains": [c.json(1) for c in (forward, user, docker, first, second)]},
            {"family": "ip", "name": "nat", "chains": [c.json(1) for c in (nat, after, before, out)]},
        ]

    def whitelist(self, chain, count):
        """Containers that may reach one of the next networks, though Docker keeps networks apart."""
        self.allowed = set()
        step = 0
        while len(self.allowed) < count:
            step += 1
            for c in self.containers:
                to = self.containers[(c.number + PER_NETWORK + 7 * step) % len(self.containers)]
                if len(self.allowed) < count and (c.number, to.number) not in self.allowed:
                    self.allowed.add((c.number, to.number))
                    ends = [source(octets(c.address)), destination(octets(to.address))]
                    chain.add(*ends, *tcp(to.port), verdict("accept"))

    def namespaces(self):
        sockets = []
        for c in self.containers:
            if c.published:
                owner = {"pid": 100000 + c.number, "command": "docker-proxy"}
                sockets.append({"port": c.published, "inode": 500000 + c.number, "owners": [owner]})
        host = {
            "links": self.links,
            "addresses": self.addresses,
            "routes": self.routes,
            "sysctls": {"ipv4_all": {"forwarding": 1}, "ip_forward": 1, "bridge_nf_call_iptables": 1},
            "sockets": sockets,
            "ruleset": {"tables": self.tables()},
        }
        return [host] + [self.inside(c) for c in self.containers]

    def inside(self, c):
        up = link(2, "eth0", c.number + 1, "veth", peer=1000 + c.number, peer_ns=0, peer_elsewhere=True)
        gateway = {"next_hops": [{"link": 2, "gateway": f"10.{c.network}.0.1"}]}
        owner = {"pid": 10000 + c.number, "command": "redis-server" if c.port == 6379 else "server"}
        return {
            "links": [link(1, "lo", 0), up],
            "addresses": [
                {"link": 1, "local": "127.0.0.1", "prefix_length": 8},
                {"link": 2, "local": c.address, "prefix_length": 24},
            ],
            "routes": routes_of(1, "127.0.0.1", 8) + routes_of(2, c.address, 24) + [gateway],
            "sockets": [{"port": c.port, "inode": 1000 + c.number, "owners": [owner]}],
        }

    def engine(self):
        networks = [
            {
                "id": f"id-net{n}",
                "name": f"net{n}",
                "driver": "bridge",
                "bridge": f"br{n}",
                "subnets": [f"10.{n}.0.0/24"],
                "gateways": [f"10.{n}.0.1"],
            }
            for n in range(self.networks)
        ]
        return {"name": "docker", "version": "20.10.24", "networks": networks, "containers": self.listed()}

    def listed(self):
        out = []
        for c in self.containers:
            name = f"net{c.network}"
            attachment = {"network": name, "network_id": f"id-{name}", "address4": c.address}
            image = "redis:7" if c.port == 6379 else f"registry.example.org/{name}/app:1"
            published = [{"container_port": c.port, "host_port": c.published}] if c.published else []
            out.append(
                {
                    "id": f"{c.number:064x}",
                    "name": c.name,
                    "image": image,
                    "state": "running",
                    "pid": 10000 + c.number,
                    "network_mode": name,
                    "netns": c.number + 1,
                    "attachments": [attachment],
                    "published": published,
                    "project": name,
                    "service": f"s{c.place}",
                }
            )
        return out

    def expected(self):
        """Of the pairs (service, other container): by which of the three ways each is open."""
        count = len(self.containers)
        open_pairs = 0
        for to in self.containers:
            neighbours = PER_NETWORK - 1
            allowed = sum(
                1 for a, b in self.allowed if b == to.number and self.containers[a].network != to.network
            )
            open_pairs += count - 1 if to.published else neighbours + allowed
        return {"containers": count, "services": count, "open_between_containers": open_pairs}


def main(arguments):
    count = int(arguments[0])
    if count % PER_NETWORK or not PER_NETWORK <= count <= 5000:
        sys.exit(f"host_snapshot.py: a multiple of {PER_NETWORK}, up to 5000")
    host = Host(count)
    namespaces = host.namespaces()
    snapshot = {
        "version": 1,
        "taken_at_ms": 1795478400000,
        "host_name": "made-up",
        "complete": True,
        "namespaces": namespaces,
        "engines": [host.engine()],
    }
    json.dump(snapshot, sys.stdout, separators=(",", ":"))
    rules = sum(len(c["rules"]) for t in namespaces[0]["ruleset"]["tables"] for c in t["chains"])
    json.dump(host.expected() | {"rules": rules, "networks": host.networks}, sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
