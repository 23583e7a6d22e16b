#!/usr/bin/env python3
"""scripts/bench-summary computes ratios right and fails on wrong answers and missed targets."""

import json
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(name, time, **more):
    return {"name": name, "run_name": name, "run_type": "iteration", "real_time": time, "time_unit": "ns",
            **more}


# (name, benchmarks, lines of a script, text that must be shown, exit code)
CASES = [
    ("a time is told with its spread", [run("a", 90), run("a", 100), run("a", 110)], "",
     "a: 100 ns ±10%\n", 0),
    ("a variant is compared with its base", [run("m/base/8", 200), run("m/x/8", 50)], "",
     "4.00x as fast as base", 0),
    ("sizes are compared with the same size only", [run("m/base/8", 200), run("m/x/9", 50)], "",
     "m/x/9: 50 ns ±0%\n", 0),
    ("a wrong answer fails", [run("a", 1, error_occurred=True, error_message="differs")], "",
     "a: WRONG ANSWER: differs", 1),
    ("a rate that is reached", [run("a", 1, **{"v": 7.0, "at_least:v": 5.0})], "",
     "v 7 (at_least 5: met)", 0),
    ("a rate that is missed", [run("a", 1, **{"v": 3.0, "at_least:v": 5.0})], "",
     "v 3 (at_least 5: MISSED)", 1),
    ("a program within its bound", [], "audit 0.4 s at_most 1\n", "audit: 0.4 s  (at_most 1: met)", 0),
    ("a program beyond its bound", [], "audit 1.4 s at_most 1\n", "audit: 1.4 s  (at_most 1: MISSED)", 1),
    ("nothing measured is not a success", [], "", "0 measured, 0 failed", 1),
]


class BenchSummary(unittest.TestCase):
    def test_each_case(self):
        for name, benchmarks, lines, shown, code in CASES:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                pathlib.Path(folder, "a.json").write_text(json.dumps({"benchmarks": benchmarks}),
                                                          encoding="utf-8")
                pathlib.Path(folder, "b.lines").write_text(lines, encoding="utf-8")
                done = subprocess.run([ROOT / "scripts/bench-summary", folder], capture_output=True,
                                      text=True, check=False)
                self.assertIn(shown, done.stdout)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
