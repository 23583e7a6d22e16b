#!/usr/bin/env python3
"""Holds `bulkhead compile --to networkpolicy` against what Kubernetes documents, without Kubernetes.

Random policies are drawn as tuples whose meaning is known here, written as bulkhead.yaml, and compiled. What comes out must
have the form of NetworkPolicy objects (networking.k8s.io/v1), and a small evaluator, written from the documented semantics
(https://kubernetes.io/docs/concepts/services-networking/network-policies/), must let through exactly what the policy permits:
between all pods, from outside and to the outside, for every port of the universe. Ends 1 on any difference.
"""

import argparse
import collections
import ipaddress
import json
import os
import random
import re
import subprocess
import sys
import tempfile

import yaml

PODS = '10.244.0.0/16'
PORTS = (('tcp', 80), ('tcp', 443), ('tcp', 5432), ('udp', 53))
KEYS, VALUES = ('app', 'tier.example.org/role'), ('a', 'b', 'on', '1')
ZONES = {'outside': ('internet', 'eth0', ['0.0.0.0/0', '::/0']), 'office': ('lan', 'eth1', ['192.168.50.0/24', 'fd50::/64'])}
TRUST = {'people': ['192.168.50.16/28', '198.51.100.7', 'fd50::7']}
BEYOND = ['198.51.100.7', '198.51.100.8', '203.0.113.9', '192.168.50.15', '192.168.50.16', '192.168.50.31', '192.168.50.32', '2001:db8::1',
          'fd50::7', 'fd50::8', '10.243.255.255', '10.245.0.0']
PREFIXES = ('198.51.100.0/24', '203.0.113.9', '10.0.0.0/8', 'fd50::/64', '2001:db8::/32', '0.0.0.0/0')

Pod = collections.namedtuple('Pod', 'name namespace labels address published')  # published: (proto, host port) -> port inside
Service = collections.namedtuple('Service', 'tenant name labels')  # name '*': all pods of the tenant
Policy = collections.namedtuple('Policy', 'tenants modes services pods allow ingress egress')


def draw(seed):
    pick = random.Random(seed)
    tenants = {'t%d' % i: ['n%d' % i] + ['n%d-b' % i] * pick.randint(0, 1) for i in range(3)}
    modes = {t: pick.choice(['enforce', 'enforce', 'off']) for t in tenants}
    modes['t0'] = 'enforce'
    labels = lambda most: {k: pick.choice(VALUES) for k in pick.sample(KEYS, pick.randint(1, most))}
    services = [Service(t, 's%d' % i, labels(2)) for t in tenants for i in range(2)]
    pods = []
    for number in range(9):
        namespace = pick.choice([n for spaces in tenants.values() for n in spaces] + ['stray'])
        published = {(p, 8000 + n): n for p, n in PORTS if pick.random() < 0.5}
        pods.append(Pod('p%d' % number, namespace, labels(2), '10.244.0.%d' % (number + 1), published))
    ends = services + [Service(t, '*', {}) for t in tenants]
    some = lambda values, most: pick.sample(list(values), pick.randint(1, most))
    allow = [(some(ends, 3), [pick.choice(ends)], some(PORTS, 2)) for _ in range(pick.randint(2, 8))]
    ingress = [(some(['internet', 'outside', 'office', 'lan', 'people'], 2), pick.choice(ends), some(PORTS, 2)) for _ in range(pick.randint(0, 3))]
    egress = [(pick.choice(ends), some(['internet', 'office', 'people', *PREFIXES], 2), some(PORTS, 2)) for _ in range(pick.randint(0, 3))]
    return Policy(tenants, modes, services, pods, allow, ingress, egress)


def write(policy):
    quoted = lambda words: '[%s]' % ', '.join(json.dumps(w) for w in words)
    ports = lambda all_, add=0: '[%s]' % ', '.join('%d/%s' % (n + add, p) for p, n in all_)
    out = ['bulkhead: 1', 'mode: enforce', 'zones:']
    out += ['  %s: {role: %s, interface: %s, prefixes: %s}' % (name, role, device, quoted(prefixes))
            for name, (role, device, prefixes) in ZONES.items()]
    out += ['trust:'] + ['  %s: %s' % (name, quoted(prefixes)) for name, prefixes in TRUST.items()] + ['tenants:']
    for tenant, spaces in policy.tenants.items():
        out += ['  %s:' % tenant, '    mode: "%s"' % policy.modes[tenant], '    projects: ' + quoted(spaces), '    services:']
        out += ['      %s: {label: %s}' % (s.name, json.dumps(s.labels)) for s in policy.services if s.tenant == tenant]
        out += ['    allow:'] + ['      - {from: %s, to: %s, port: %s}' % (quoted('%s/%s' % s[:2] for s in from_), quoted([to[0].name]), ports(of))
                                 for from_, to, of in policy.allow if to[0].tenant == tenant]
        out += ['    ingress:'] + ['      - {from: %s, to: %s, publish: %s}' % (quoted(words), quoted([to.name]), ports(of, 8000))
                                   for words, to, of in policy.ingress if to.tenant == tenant]
        out += ['    egress:'] + ['      - {from: %s, to: %s, port: %s}' % (quoted([from_.name]), quoted(words), ports(of))
                                  for from_, words, of in policy.egress if from_.tenant == tenant]
    return '\n'.join(out) + '\n'


def snapshot(policy):
    """A host on which these pods are containers; who is where in it does not matter here."""
    links = [{'index': 2, 'name': 'eth0', 'flags': 65, 'mac': '02:00:00:00:00:02'}, {'index': 3, 'name': 'eth1', 'flags': 65, 'mac': '02:00:00:00:00:03'}]
    containers = [{'id': '%064x' % i, 'name': pod.name, 'image': 'x', 'state': 'running',
                   'labels': {**pod.labels, 'io.kubernetes.pod.namespace': pod.namespace},
                   'published': [{'protocol': p, 'host_port': n, 'container_port': inside}
                                 for (p, n), inside in pod.published.items()]}
                  for i, pod in enumerate(policy.pods)]
    return {'version': 1, 'taken_at_ms': 1795478400000, 'host_name': 'h', 'complete': True,
            'namespaces': [{'links': links}], 'engines': [{'name': 'docker', 'containers': containers}]}


# ------------------------------------------------------------------------------------- what the policy means

class Meaning:
    def __init__(self, policy):
        self.policy = policy
        self.tenant = {n: t for t, spaces in policy.tenants.items() for n in spaces}

    def held(self, pod):
        return self.policy.modes.get(self.tenant.get(pod.namespace)) == 'enforce'

    def of(self, pod, service):
        return self.tenant.get(pod.namespace) == service.tenant and all(pod.labels.get(k) == v for k, v in service.labels.items())

    def between(self, a, b, port):
        if not self.held(a) and not self.held(b):
            return True
        return any(port in ports and any(self.of(a, s) for s in from_) and self.of(b, to[0]) for from_, to, ports in self.policy.allow)

    def inward(self, address, b, port):
        if not self.held(b):
            return True
        for words, to, ports in self.policy.ingress:
            inner = {(p, self._inside(to, p, n + 8000)) for p, n in ports}
            if any(within(address, word, everywhere=True) for word in words) and self.of(b, to) and port in inner:
                return True
        return False

    def _inside(self, to, proto, published):
        """The port inside, if any container of that service publishes it."""
        for pod in self.policy.pods:
            if self.of(pod, to) and (proto, published) in pod.published:
                return pod.published[proto, published]
        return None

    def outward(self, a, address, port):
        return not self.held(a) or any(
            port in ports and self.of(a, from_) and any(within(address, word) for word in words) for from_, words, ports in self.policy.egress)


def within(address, word, everywhere=False):
    if word == 'internet' and everywhere:
        return True
    prefixes = [p for name, (role, _, all_) in ZONES.items() if word in (name, role) for p in all_] or TRUST.get(word) or [word]
    return any(held(address, p) for p in prefixes)


def held(address, prefix):
    net, it = ipaddress.ip_network(prefix), ipaddress.ip_address(address)
    return net.version == it.version and it in net


# ---------------------------------------------------------------------------------- what Kubernetes documents

LABEL = re.compile(r'[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?\Z')
NAME = re.compile(r'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z')


def check(condition, what):
    if not condition:
        raise ValueError('no NetworkPolicy: %r' % (what,))


def check_keys(value, needed, possible=()):
    check(isinstance(value, dict) and set(needed) <= set(value) <= set(needed) | set(possible), value)


def check_selector(selector):
    check_keys(selector, (), ('matchLabels',))
    for key, value in selector.get('matchLabels', {}).items():
        check(isinstance(value, str) and (not value or LABEL.match(value)) and LABEL.match(key.rpartition('/')[2]), selector)
        check('/' not in key or NAME.match(key.rpartition('/')[0]), key)


def check_peer(peer):
    if 'ipBlock' in peer:
        check_keys(peer, ('ipBlock',))
        check_keys(peer['ipBlock'], ('cidr',), ('except',))
        net = ipaddress.ip_network(peer['ipBlock']['cidr'])
        for hole in map(ipaddress.ip_network, peer['ipBlock'].get('except', [])):
            check(hole.version == net.version and hole.subnet_of(net) and hole != net, peer)  # strictly within
    else:
        check_keys(peer, (), ('namespaceSelector', 'podSelector'))
        check(peer, peer)
        for selector in peer.values():
            check_selector(selector)


def check_object(one):
    check_keys(one, ('apiVersion', 'kind', 'metadata', 'spec'))
    check(one['apiVersion'] == 'networking.k8s.io/v1' and one['kind'] == 'NetworkPolicy', one)
    check_keys(one['metadata'], ('name', 'namespace'))
    check(all(isinstance(v, str) and NAME.match(v) and len(v) <= 253 for v in one['metadata'].values()), one)
    spec = one['spec']
    check_keys(spec, ('podSelector', 'policyTypes'), ('ingress', 'egress'))
    check_selector(spec['podSelector'])
    check(spec['policyTypes'] and set(spec['policyTypes']) <= {'Ingress', 'Egress'}, one)
    for side, peers in (('ingress', 'from'), ('egress', 'to')):
        check(side not in spec or side.capitalize() in spec['policyTypes'], one)
        for rule in spec.get(side, []):
            check_keys(rule, (), (peers, 'ports'))
            for peer in rule.get(peers, []):
                check_peer(peer)
            for port in rule.get('ports', []):
                check_keys(port, ('protocol', 'port'))
                check(port['protocol'] in ('TCP', 'UDP') and isinstance(port['port'], int) and 0 < port['port'] < 65536, port)


def selects(selector, labels):
    return all(labels.get(k) == v for k, v in selector.get('matchLabels', {}).items())


def is_peer(peer, policy_namespace, pod, address):
    if 'ipBlock' in peer:
        return held(address, peer['ipBlock']['cidr']) and not any(held(address, e) for e in peer['ipBlock'].get('except', []))
    if pod is None:
        return False
    if 'namespaceSelector' in peer:
        if not selects(peer['namespaceSelector'], {'kubernetes.io/metadata.name': pod.namespace}):
            return False
    elif pod.namespace != policy_namespace:
        return False
    return selects(peer.get('podSelector', {}), pod.labels)


def lets(objects, pod, side, other, address, port):
    """Whether |pod| may be reached by (ingress) or reach (egress) the other end; |other| is None outside of the cluster."""
    mine = [o for o in objects if o['metadata']['namespace'] == pod.namespace and selects(o['spec']['podSelector'], pod.labels)
            and side.capitalize() in o['spec']['policyTypes']]
    if not mine:
        return True  # not isolated
    for one in mine:
        for rule in one['spec'].get(side, []):
            peers, ports = rule.get('from' if side == 'ingress' else 'to'), rule.get('ports')
            if ports and not any((p['protocol'].lower(), p['port']) == port for p in ports):
                continue
            if not peers or any(is_peer(p, pod.namespace, other, address) for p in peers):
                return True
    return False


# --------------------------------------------------------------------------------------------------- judging

def compile_(bulkhead, policy, directory):
    paths = [os.path.join(directory, name) for name in ('b.yaml', 's.json')]
    for path, text in zip(paths, (write(policy), json.dumps(snapshot(policy)))):
        with open(path, 'w') as file:
            file.write(text)
    done = subprocess.run([bulkhead, 'compile', '--config', paths[0], '--snapshot', paths[1], '--to', 'networkpolicy', '--pods', PODS],
                          capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise ValueError('compile ends %d: %s\n%s' % (done.returncode, done.stderr, write(policy)))
    return [one for one in yaml.safe_load_all(done.stdout) if one is not None]


def judge(objects, policy):
    meaning, wrong, counts = Meaning(policy), [], collections.Counter()

    def compare(what, expected, found):
        counts[what[0], expected] += 1
        if expected != found:
            wrong.append('%s: the policy says %s, Kubernetes would say %s' % (what, expected, found))
    for port in PORTS:
        for a in policy.pods:
            for b in policy.pods:
                if a != b:
                    compare(('pods', a.name, b.name, port), meaning.between(a, b, port),
                            lets(objects, a, 'egress', b, b.address, port) and lets(objects, b, 'ingress', a, a.address, port))
            for address in BEYOND:
                compare(('in', address, a.name, port), meaning.inward(address, a, port), lets(objects, a, 'ingress', None, address, port))
                compare(('out', a.name, address, port), meaning.outward(a, address, port), lets(objects, a, 'egress', None, address, port))
    return wrong, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--policies', type=int, default=150)
    options = parser.parse_args()
    total, differences = collections.Counter(), 0
    with tempfile.TemporaryDirectory(prefix='bknp-') as directory:
        for seed in range(options.seed, options.seed + options.policies):
            policy = draw(seed)
            objects = compile_(options.bulkhead, policy, directory)
            for one in objects:
                check_object(one)
            check(len({(o['metadata']['namespace'], o['metadata']['name']) for o in objects}) == len(objects), 'names twice')
            wrong, counts = judge(objects, policy)
            total += counts
            differences += len(wrong)
            for line in wrong[:5]:
                print('policy %d: %s' % (seed, line))
    print('%d policies, %d differences; %s' % (options.policies, differences, dict(total)))
    thin = any(total[kind, said] < options.policies for kind in ('pods', 'in', 'out') for said in (True, False))
    if thin:
        print('too thin to judge by')
    return 1 if differences or thin else 0


if __name__ == '__main__':
    sys.exit(main())
