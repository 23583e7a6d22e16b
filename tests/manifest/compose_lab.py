#!/usr/bin/env python3
"""Holds `bulkhead compile --to compose` against a real Docker engine.

Three Compose projects run on one host, each on its default network, joined by one that all share. A random whitelist is
compiled to overrides; they are merged with the files (by the rules of https://docs.docker.com/reference/compose-file/merge/ for
!override and !reset, which Debian's docker-compose is too old for), the networks of several projects are made as the heads of the
files say, and everything is brought up again. Then real connections are tried from everybody to everybody: who may talk by a line
talks, and who shares no line reaches no address of the other; who has an `egress` or `ingress` line gets out, and nobody else; a
published port is open where a line lets somebody in, and nowhere else. Ends 1 on any difference.
"""

import argparse
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'kernel'))

import engine  # noqa: E402
import run as suite  # noqa: E402
import truth  # noqa: E402
from lab import Built, Lab, USUAL  # noqa: E402
from spaces import LabError, inside, run  # noqa: E402

PROJECTS = {'edge': ('proxy',), 'shop': ('web', 'api', 'db'), 'blog': ('app', 'store')}
OF = {service: project for project, services in PROJECTS.items() for service in services}
PUBLISH = {'proxy': 8080, 'web': 8081, 'app': 8082}  # each its port 80
ZONES = {'internet': ('lan', 'inet', 'mgt'), 'lan:mgmt0': ('mgt',)}  # who is let in by that word
HOST = {'lan': '192.168.50.10', 'inet': '192.168.50.10', 'mgt': '10.99.0.1'}
PORT = 443  # asked of everybody
LAB = Lab('compose', 'three Compose projects', [], host='tcp,::,22')


def draw(seed):
    pick = random.Random(seed)
    allow = {(a, b) for b in OF for a in pick.sample(list(OF), pick.randint(0, 2)) if a != b}
    ingress = {(word, box) for box in PUBLISH for word in pick.sample(list(ZONES), pick.randint(0, 1))}
    egress = set(pick.sample(list(OF), 2))
    return allow, ingress, egress


def write(policy):
    allow, ingress, egress = policy
    lines = ['bulkhead: 1', 'mode: enforce', 'tenants:']
    for project, services in PROJECTS.items():
        lines += ['  %s:' % project, '    services: {%s}' % ', '.join('%s: {compose: %s}' % (s, s) for s in services), '    allow:']
        lines += ['      - {from: %s/%s, to: %s, port: %d/tcp}' % (OF[a], a, b, PORT) for a, b in sorted(allow) if OF[b] == project]
        lines.append('    ingress:')
        lines += ['      - {from: "%s", to: %s, publish: %d/tcp}' % (word, b, PUBLISH[b]) for word, b in sorted(ingress) if OF[b] == project]
        lines.append('    egress:')
        lines += ['      - {from: %s, to: internet, port: 443/tcp}' % a for a in sorted(egress) if OF[a] == project]
    return '\n'.join(lines) + '\n'


# -------------------------------------------------------------------------------- two files as Compose would merge them

class Marked:
    def __init__(self, tag, value):
        self.tag, self.value = tag, value


class Loader(yaml.SafeLoader):
    """Keeps !override and !reset."""


def marked(loader, node):
    plain = {yaml.MappingNode: loader.construct_mapping, yaml.SequenceNode: loader.construct_sequence}
    value = plain[type(node)](node, deep=True) if type(node) in plain else None
    return Marked(node.tag, value)


for tag_ in ('!override', '!reset'):
    Loader.add_constructor(tag_, marked)


def merged(base, over):
    if isinstance(over, Marked):
        return over.value
    if isinstance(base, dict) and isinstance(over, dict):
        out = dict(base)
        for key, value in over.items():
            if isinstance(value, Marked) and value.tag == '!reset':
                out.pop(key, None)
            else:
                out[key] = merged(base[key], value) if key in base else merged(None, value)
        return out
    if isinstance(base, list) and isinstance(over, list):
        return base + over
    return over


class Projects:
    def __init__(self, built, bulkhead):
        self.built, self.bulkhead = built, bulkhead
        self.env = dict(os.environ, DOCKER_HOST=built.engine.host, CONTAINER_HOST='', COMPOSE_PARALLEL_LIMIT='4')
        self.ids = {}

    def base(self, project):
        services = {}
        for name in PROJECTS[project]:
            box = {'image': engine.IMAGE, 'command': ['/labd', 'listen', '--log', '/log/%s.log' % name, *USUAL.split()],
                   'volumes': [self.built.logs + ':/log'], 'networks': ['default', 'everybody'], 'stop_grace_period': '0s'}
            if name in PUBLISH:
                box['ports'] = ['%d:80' % PUBLISH[name]]
            services[name] = box
        return {'version': '3.7', 'services': services, 'networks': {'everybody': {'external': True}}}

    def up(self, project, content):
        folder = os.path.join(self.built.dir, project)
        os.makedirs(folder, exist_ok=True)
        with open(folder + '/docker-compose.yaml', 'w') as file:
            yaml.safe_dump(content, file)
        run('docker-compose', '-p', project, '-f', folder + '/docker-compose.yaml', 'up', '-d', '--no-color', env=self.env, timeout=120)

    def compile(self, project, policy):
        path = self.built.dir + '/bulkhead.yaml'
        with open(path, 'w') as file:
            file.write(write(policy))
        with inside(self.built.path('host')):
            done = subprocess.run([self.bulkhead, 'compile', '--config', path, '--to', 'compose', '--project', project],
                                  env=self.env, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise LabError('compile ends %d: %s\n%s' % (done.returncode, done.stderr, write(policy)))
        return done.stdout

    def find(self):
        """Where each service's container is now."""
        self.built.pids.clear()
        for one in self.built.engine.ask('GET', '/containers/json'):
            name = one['Labels']['com.docker.compose.service']
            about = self.built.engine.ask('GET', '/containers/%s/json' % one['Id'])
            self.built.pids[name] = about['State']['Pid']
        if set(self.built.pids) != set(OF):
            raise LabError('not running: %s' % (set(OF) - set(self.built.pids)))
        self.built.settle()

    def forget(self):
        """The networks of several projects that an earlier policy asked for."""
        for one in self.built.engine.ask('GET', '/networks'):
            if one['Name'].startswith('bh-'):
                self.built.engine.call('DELETE', '/networks/' + one['Name'])

    def follow(self, policy):
        """Everything as the compiled overrides say; what they are compiled from runs now."""
        texts = {project: self.compile(project, policy) for project in PROJECTS}
        made = {tuple(shlex.split(line.lstrip('# '))) for text in texts.values() for line in text.splitlines()
                if re.match(r'#\s+docker network create ', line)}
        for command in sorted(made):
            flags, name = command[3:-1], command[-1]
            if flags != ('--internal',):
                raise LabError('the head of a file asks for %r' % (command,))
            self.built.engine.ask('POST', '/networks/create', {'Name': name, 'Internal': True, 'CheckDuplicate': True})
        for project, text in texts.items():
            self.up(project, merged(self.base(project), yaml.load(text, Loader)))
        self.find()
        return texts


def expected(policy, question, where):
    """True, False, or None where nothing is claimed."""
    allow, ingress, egress = policy
    a, at = question.vantage, question.address
    b = where.get(at)
    if a in OF and b in OF and a != b:
        return (a, b) in allow or (b, a) in allow
    if a in OF and at == '198.51.100.2':
        return a in egress or any(box == a for _, box in ingress)
    if a in HOST and at == HOST[a]:
        box = next(box for box, port in PUBLISH.items() if port == question.port)
        return any(a in ZONES[word] for word, to in ingress if to == box)
    return None


def round_(built, projects, policy, prober):
    """The differences, and how many answers there were of each kind."""
    where = {address: name for name in OF for address in truth.addresses(built.path(name)) if not address.startswith('127.')}
    asked = [truth.Question(a, 'tcp', at, PORT) for a in OF for at in (*where, '198.51.100.2') if where.get(at) != a]
    asked += [truth.Question(a, 'tcp', HOST[a], port) for a in HOST for port in PUBLISH.values()]
    answers = prober.measure(asked)
    reach, counts, wrong = {}, {True: 0, False: 0}, []
    for q in asked:  # at one of its addresses is enough, and none of them may do where nothing permits it
        key = q._replace(address=where.get(q.address, q.address)), expected(policy, q, where)
        reach[key] = reach.get(key, False) or answers[q].open
    for (q, wanted), found in reach.items():
        if wanted is None:
            continue
        counts[wanted] += 1
        if found != wanted:
            wrong.append('%s to %s %d is %s' % (q.vantage, q.address, q.port, 'open' if found else 'closed'))
    return wrong, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--count', type=int, default=2)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix='bk%d-' % os.getpid())
    labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    built = Built(LAB, directory, labd, engine.make_image(directory, labd))
    differences, total = 0, {True: 0, False: 0}
    try:
        built.build()
        projects, prober = Projects(built, os.path.abspath(options.bulkhead)), truth.Prober(built)
        built.engine.ask('POST', '/networks/create', {'Name': 'everybody'})
        for seed in range(options.seed, options.seed + options.count):
            for project in PROJECTS:
                projects.up(project, projects.base(project))
            projects.forget()
            projects.find()
            policy = draw(seed)
            before, _ = round_(built, projects, policy, prober)
            texts = projects.follow(policy)
            wrong, counts = round_(built, projects, policy, prober)
            print('policy %d: %d open, %d closed as it says, %d wrong; %d were wrong without it' % (
                seed, counts[True], counts[False], len(wrong), len(before)), flush=True)
            if wrong:
                print(write(policy) + '\n'.join(texts.values()))
            for line in wrong[:10] + ([] if before else ['nothing was wrong without it: the test tells nothing']):
                print('  ' + line)
            differences += len(wrong) + (not before)
            total = {k: total[k] + counts[k] for k in total}
    finally:
        built.close()
        shutil.rmtree(directory, ignore_errors=True)
    thin = min(total.values()) < 8 * options.count
    print('%d policies, %d differences%s' % (options.count, differences, ', and the truth is too thin' if thin else ''))
    return 1 if differences or thin else 0


if __name__ == '__main__':
    sys.exit(main())
