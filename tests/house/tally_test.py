#!/usr/bin/env python3
"""scripts/tally tells the truth about what passed: its closing line is what everybody reads."""

import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

GOOD = '<testcase name="A" status="run" result="completed" classname="S"/>'
BAD = '<testcase name="B" status="run" result="completed" classname="S"><failure message="x"/></testcase>'
SKIPPED = ('<testcase name="C" status="run" result="skipped" classname="S"><skipped message="x"/>'
           "</testcase>")
DISABLED = '<testcase name="D" status="notrun" result="suppressed" classname="S"/>'

# (name, {ctest test: status}, {report: text}, closing line, exit code, text that must be shown)
CASES = [
    ("scripts count one each", {"a": "run", "b": "run"}, {}, "2 passed, 0 failed", 0, ""),
    ("a failed script is named", {"a": "run", "b": "fail"}, {}, "1 passed, 1 failed", 1, "FAILED b"),
    ("cases count one by one", {"m": "run"}, {"m_test": GOOD + GOOD}, "2 passed, 0 failed", 0, ""),
    ("a failed case is named", {"m": "fail"}, {"m_test": GOOD + BAD}, "1 passed, 1 failed", 1,
     "FAILED m_test: S.B"),
    ("a skipped case is a failure", {"m": "run"}, {"m_test": GOOD + SKIPPED}, "1 passed, 1 failed", 1,
     "S.C (skipped)"),
    ("a disabled case is neither", {"m": "run"}, {"m_test": GOOD + DISABLED}, "1 passed, 0 failed", 0, ""),
    ("a program that fails after its cases is a failure", {"m": "fail"}, {"m_test": GOOD},
     "1 passed, 1 failed", 1, "FAILED m (program)"),
    ("a program that crashed before its report is a failure", {"m": "fail"}, {}, "0 passed, 1 failed", 1,
     "FAILED m"),
    ("a report cut off is a failure", {"m": "fail"}, {"m_test": "<broken"}, "0 passed, 1 failed", 1,
     "FAILED m"),
    ("a test that ctest did not run is a failure", {"a": "run", "b": "notrun"}, {},
     "1 passed, 1 failed", 1, "FAILED b"),
    ("no test at all is not a success", {}, {}, "0 passed, 0 failed", 1, ""),
]


def tally(tests, reports):
    with tempfile.TemporaryDirectory() as folder:
        cases = "".join(f'<testcase name="{n}" classname="{n}" status="{s}"/>' for n, s in tests.items())
        pathlib.Path(folder, "ctest.xml").write_text(f"<testsuite>{cases}</testsuite>", encoding="utf-8")
        for name, text in reports.items():
            pathlib.Path(folder, f"{name}.xml").write_text(
                f"<testsuites><testsuite>{text}</testsuite></testsuites>", encoding="utf-8")
        return subprocess.run([ROOT / "scripts/tally", folder], capture_output=True, text=True, check=False)


class Tally(unittest.TestCase):
    def test_each_case(self):
        for name, tests, reports, line, code, shown in CASES:
            with self.subTest(name):
                done = tally(tests, reports)
                self.assertEqual(done.stdout.splitlines()[-1], line)
                self.assertEqual(done.returncode, code)
                self.assertIn(shown, done.stdout)

    def test_a_run_without_results_is_a_failure(self):
        done = subprocess.run([ROOT / "scripts/tally", "/nonexistent"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
