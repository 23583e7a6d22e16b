#!/usr/bin/env python3
"""scripts/check-layers finds what it exists to find, and nothing else."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# (name, file below src/, its text, the violation that must be reported or None)
CASES = [
    ("a lower module includes a higher one", "model/a.h", '#include "trace/walk.h"\n',
     'src/model/a.h:1: "trace/walk.h": model may include base, not trace'),
    ("a sibling includes its sibling", "services/a.cpp", '\n#include "model/network.h"\n',
     'src/services/a.cpp:2: "model/network.h": services may include yaml, base, not model'),
    ("base includes anything", "base/a.h", '#include "model/network.h"\n', "base may include nothing"),
    ("an effect is included by a pure module", "query/a.h", '#include "collect/netns.h"\n',
     "not collect"),
    ("the include is indented and spaced", "model/a.h", '  #  include   "audit/x.h"\n', "not audit"),
    ("a module is unknown to the table", "drawer/a.h", "int x;\n", "module drawer is not in the table"),
    ("an unknown module is included", "cli/a.cpp", '#include "utils/x.h"\n', "no module utils"),
    ("a path is relative", "model/a.cpp", '#include "a.h"\n', "write the path below src/"),
    ("a path climbs", "model/a.cpp", '#include "../trace/a.h"\n', "write the path below src/"),
    ("a pure module makes system calls", "trace/a.cpp", "#include <unistd.h>\n", "trace is pure"),
    ("a pure module opens sockets", "ruleset/a.cpp", "#include <sys/socket.h>\n", "ruleset is pure"),
    ("a pure module reads files", "policy/a.cpp", "#include <fstream>\n", "policy is pure"),
    ("a pure module prints", "report/a.cpp", 'void f() { fmt::print("x"); }\n', "prints"),
    ("a pure module prints by printf", "base/a.cpp", 'void f() { std::printf("x"); }\n', "prints"),
    ("a pure module opens a file", "base/a.cpp", 'auto* f = std::fopen("x", "r");\n', "opens files"),
    ("a pure module runs a program", "base/a.cpp", 'auto* f = popen("x", "r");\n', "runs a program"),
    ("a pure module reads the clock", "audit/a.cpp",
     "auto t = std::chrono::system_clock::now();\n", "reads a clock"),
    ("a pure module reads the environment", "base/a.cpp", 'auto* p = getenv("LANG");\n',
     "reads the environment"),
    ("a pure module ends the process", "model/a.cpp", "void f() { std::exit(1); }\n", "return an error"),

    ("a higher module includes lower ones", "trace/a.cpp",
     '#include "base/text.h"\n#include "ruleset/rule.h"\n#include "trace/walk.h"\n', None),
    ("the command line includes all", "cli/a.cpp",
     '#include "audit/a.h"\n#include "collect/a.h"\n#include <unistd.h>\n', None),
    ("an effect uses the outside world", "collect/a.cpp", "#include <sys/socket.h>\n", None),
    ("constants of the kernel are facts", "ruleset/a.cpp",
     "#include <linux/netfilter/nf_tables.h>\n#include <netinet/in.h>\n", None),
    ("numbers are formatted", "ruleset/a.cpp",
     '#include <cstdio>\nvoid f() { std::snprintf(b, 9, "%d", 1); }\n', None),
    ("a comment speaks of calls", "model/a.cpp",
     "// getenv() is not for us\n/* #include <unistd.h>\n#include \"audit/a.h\" */ int x;\n", None),
    ("a string speaks of calls", "model/a.cpp", 'auto s = "getenv(x) \\" system_clock";\n', None),
    ("a word only looks like a call", "model/a.cpp", "int x = snprintf_like(3); c.exit(3);\n", None),
]


def check(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, "src", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        done = subprocess.run([ROOT / "scripts/check-layers", folder], capture_output=True, text=True,
                              check=False)
    return done.returncode, done.stdout


class CheckLayers(unittest.TestCase):
    def test_each_case(self):
        for name, file, text, expected in CASES:
            with self.subTest(name):
                code, output = check({file: text})
                if expected is None:
                    self.assertEqual((code, output), (0, "check-layers: 1 files, 0 violations\n"))
                else:
                    self.assertEqual(code, 1, output)
                    self.assertIn(expected, output)

    def test_one_violation_among_good_files_is_enough(self):
        code, output = check({"base/a.h": "", "model/a.h": '#include "base/a.h"\n',
                              "base/b.h": '#include "model/a.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("check-layers: 3 files, 1 violations", output)

    def test_the_small_program_gets_nothing_of_the_host(self):
        script = (ROOT / "scripts/check-layers").read_text(encoding="utf-8")
        wider = script.replace('"probe": ["seen", "base"]', '"probe": ["seen", "engine", "base"]')
        self.assertNotEqual(wider, script)
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "check-layers")
            copy.write_text(wider, encoding="utf-8")
            pathlib.Path(folder, "src").mkdir()
            done = subprocess.run([sys.executable, copy, folder], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("outside must stay alone, and the table lets it have engine", done.stdout)

    def test_a_tree_without_source_is_not_clean(self):
        done = subprocess.run([ROOT / "scripts/check-layers", "/nonexistent"], capture_output=True,
                              check=False)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
