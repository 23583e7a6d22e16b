#!/usr/bin/env python3
"""Runs a command several times and prints what `make bench` reads: lines "NAME VALUE UNIT at_most|at_least
TARGET".

    measure.py [--seconds NAME TARGET] [--megabytes NAME TARGET] [--rate NAME COUNT TARGET] [--ok CODES]
               [--runs N] -- COMMAND...

Seconds and rate are the median of the runs after a first one that warms up; megabytes are the largest
resident set of any process of the command. Ends 1 when the command ends with a code that is not in CODES
(comma separated, 0 by default).
"""

import argparse
import os
import statistics
import subprocess
import sys
import time


def run_once(command):
    """Seconds, megabytes, exit code of one run; its output is thrown away."""
    before = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - before, usage.ru_maxrss / 1024, process.returncode


def parse(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", nargs=2, metavar=("NAME", "TARGET"))
    parser.add_argument("--megabytes", nargs=2, metavar=("NAME", "TARGET"))
    parser.add_argument("--rate", nargs=3, metavar=("NAME", "COUNT", "TARGET"))
    parser.add_argument("--ok", default="0")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    good = {int(code) for code in options.ok.split(",")}
    runs = []
    for _ in range(options.runs + 1):
        runs.append(run_once(options.command))
        if runs[-1][2] not in good:
            print(f"measure: {' '.join(options.command)}: ended {runs[-1][2]}", file=sys.stderr)
            return 1
    seconds = statistics.median(run[0] for run in runs[1:])
    if options.seconds:
        print(f"{options.seconds[0]} {seconds:.3f} s at_most {options.seconds[1]}")
    if options.megabytes:
        print(f"{options.megabytes[0]} {max(run[1] for run in runs):.0f} MB at_most {options.megabytes[1]}")
    if options.rate:
        name, count, target = options.rate
        print(f"{name} {int(count) / seconds:.0f} 1/s at_least {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
