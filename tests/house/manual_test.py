#!/usr/bin/env python3
"""The manual page and the README name the verbs and options that the program has, and no others.

    manual_test.py BULKHEAD BULKHEAD-SCAN
"""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = sys.argv.pop(1)
SCANNER = sys.argv.pop(1)

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Said by the command line parser on every verb; a manual page need not.
EVERYWHERE = {"--help"}


def help_of(*verb, program=PROGRAM):
    done = subprocess.run([program, *verb, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


def verbs_below(*verb):
    """The verbs that the help of `verb` lists, with those below them: ("lab",), ("lab", "demo")."""
    listed = help_of(*verb).partition("Subcommands:")[2]
    for name in re.findall(r"^  ([a-z]+)\b", listed, re.MULTILINE):
        yield verb + (name,)
        yield from verbs_below(*verb, name)


def manual(page="bulkhead.1"):
    """The page as text: font changes and escaped hyphens taken out."""
    text = (ROOT / "man" / page).read_text(encoding="utf-8")
    return re.sub(r"\\f.|^\.\\\".*$", "", text, flags=re.MULTILINE).replace("\\-", "-")


class Manual(unittest.TestCase):
    verbs = list(verbs_below())

    def test_the_program_has_verbs(self):
        self.assertIn(("audit",), self.verbs)
        self.assertIn(("lab", "demo"), self.verbs)

    def test_each_verb_has_its_paragraph(self):
        paragraphs = set(re.findall(r"^\.TP\n\.B ([a-z ]+)$", manual(), re.MULTILINE))
        last = {" ".join(verb) for verb in self.verbs
                if not any(other[:len(verb)] == verb and other != verb for other in self.verbs)}
        self.assertEqual(last - paragraphs, set(), "verbs without a paragraph in VERBS")

    def test_options_are_those_of_the_program(self):
        real = set().union(*(OPTION.findall(help_of(*verb)) for verb in [(), *self.verbs])) - EVERYWHERE
        written = set(OPTION.findall(manual())) - EVERYWHERE
        self.assertEqual(real - written, set(), "options that the manual does not name")
        self.assertEqual(written - real, set(), "options that the program does not have")

    def test_options_are_those_of_the_small_program(self):
        real = set(OPTION.findall(help_of(program=SCANNER))) - EVERYWHERE
        # The page speaks of the other program, too.
        text = re.sub(r"bulkhead audit --[a-z]+", "", manual("bulkhead-scan.1"))
        self.assertEqual(real, set(OPTION.findall(text)) - EVERYWHERE)

    def test_the_readme_names_only_what_is(self):
        real = set().union(*(OPTION.findall(help_of(*verb)) for verb in [(), *self.verbs]))
        real |= set(OPTION.findall(help_of(program=SCANNER)))
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        self.assertEqual(set(OPTION.findall(text)) - real, set())
        verbs = {verb[0] for verb in self.verbs}
        named = set(re.findall(r"\bbulkhead ([a-z]+)\b", text)) | set(re.findall(r"`bulkhead ([a-z]+)", text))
        self.assertEqual(named - verbs, set())

    def test_the_version_is_that_of_the_page(self):
        version = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, check=True).stdout
        page = re.search(r'"bulkhead ([0-9.]+)"', manual())
        self.assertIsNotNone(page)
        self.assertIn(page.group(1), version)


if __name__ == "__main__":
    unittest.main()
