#!/usr/bin/env python3
"""Held containers of a real Podman and its name server, aardvark-dns, which is a service of the host to them.

Without a line for it the name server is closed to them, and `compile` says so with the line to write; with exactly that line names are
answered again, and nothing else is opened. `policy init` proposes it by itself. It ends 1 when one of these is otherwise.
"""

import argparse
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

import engine
import run as suite
import spaces
from lab import Box, Built, Lab, Net
from spaces import inside, run

WORLD = Lab('poddns', 'two containers of Podman on a network of their own', podman=True, nets=[Net('blue', '10.1.1.0/24')],
            boxes=[Box('web', 'blue'), Box('db', 'blue')])
GATEWAY, WAIT = '10.1.1.1', 2
POLICY = '''bulkhead: 1
%stenants:
  shop:
    mode: enforce
    containers: [web, db]
    services: {web: {container: web}, db: {container: db}}
'''


def answers(built, name):
    """How many addresses the name server gives web for |name|; None: silence."""
    query = struct.pack('!HHHHHH', 7, 0x100, 1, 0, 0, 0) + bytes([len(name)]) + name.encode() + b'\0' + struct.pack('!HH', 1, 1)
    with inside(built.path('web')), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(WAIT)
        try:
            one.sendto(query, (GATEWAY, 53))
            return int.from_bytes(one.recv(512)[6:8], 'big')
        except OSError:
            return None


def reaches(built, port):
    with inside(built.path('web')), socket.socket(socket.AF_INET) as one:
        one.settimeout(WAIT)
        return one.connect_ex((GATEWAY, port)) == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd')
    options = parser.parse_args()
    spaces.stale()
    directory = tempfile.mkdtemp(prefix='bkpod-')
    program = os.path.abspath(options.bulkhead)
    labd = os.path.abspath(options.labd) if options.labd else suite.build_labd(directory)
    built, wrong = Built(WORLD, directory, labd, engine.make_image(directory, labd)), []

    def bulkhead(*words):
        environment = {k: v for k, v in os.environ.items() if k not in ('DOCKER_HOST', 'CONTAINER_HOST')}
        with inside(built.path('host')):
            done = subprocess.run([program, *words], env=environment | built.engine.environment, capture_output=True, text=True, timeout=60)
        if done.returncode not in (0, 1):
            raise spaces.LabError('%s ends %d: %s' % (' '.join(words), done.returncode, done.stderr))
        return done.stdout

    def loaded(host):
        with open(directory + '/b.yaml', 'w') as file:
            file.write(POLICY % host)
        text = bulkhead('compile', '--config', directory + '/b.yaml')
        with inside(built.path('host')):
            run('nft', '-f', '-', text=text)
        return text

    def expect(true, what):
        if not true:
            wrong.append(what)

    try:
        built.build()
        built.settle()
        expect(answers(built, 'db') == 1 and reaches(built, 443), 'without rules the name server does not answer')
        proposed = bulkhead('policy', 'init')
        expect(re.search(r'aardvark-dns\S*: \{port: 53/udp, from: \[[^]]*web', proposed), 'policy init does not propose it:\n' + proposed)
        said = re.search(r'^# not held: the name server .*; to open it: (host: .*\}\})', loaded(''), re.M)
        expect(said, 'compile does not say that the name server is closed')
        expect(answers(built, 'db') is None, 'it answers though no line permits it')
        expect('name server' not in loaded(said.group(1) + '\n' if said else ''), 'compile says that it is closed though a line opens it')
        expect(answers(built, 'db') == 1, 'it does not answer though a line permits it')
        expect(not reaches(built, 443), 'another service of the host is open')
    finally:
        built.close()
        shutil.rmtree(directory, ignore_errors=True)
    print('\n'.join(wrong) or 'the name server answers those whom a line lets ask')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
