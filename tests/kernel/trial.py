"""Runs the tests of a script in a world of its own: built before them, gone after them, whatever happens."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import unittest


def run(doc, prefix, make, begin):
    """`make(bulkhead, labd, directory)` gives the world, which begin() takes once it is built. The exit code."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument('--bulkhead', required=True)
    parser.add_argument('--labd', required=True)
    parser.add_argument('tests', nargs='*')
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = tempfile.mkdtemp(prefix=prefix, dir='/var/tmp')
    world = make(options.bulkhead, options.labd, directory)
    try:
        world.build()
        begin(world)
        result = unittest.main(argv=[sys.argv[0], '-v', *(['--failfast'] if os.environ.get('FAILFAST') else []),
                                     *options.tests], exit=False).result
    finally:
        world.close()
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if result.wasSuccessful() and result.testsRun else 1
