#!/usr/bin/env python3
"""The pages of `--format html`: well nested, and with colours that can be read on light and dark screens.

    page_test.py BULKHEAD
"""

import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
VOID = {"meta"}
SNAPSHOT = {"version": 1, "taken_at_ms": 1795562400000, "host_name": "<b>host", "complete": True,
            "namespaces": [{"links": [{"index": 1, "name": "lo", "flags": 73},
                                      {"index": 2, "name": "eth0", "flags": 4163}],
                            "addresses": [{"link": 2, "local": "203.0.113.5", "prefix_length": 24}],
                            "sockets": [{"address": "0.0.0.0", "port": 2375,
                                         "owners": [{"pid": 7, "command": "dockerd"}]}]}]}


class Nesting(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        for name, _ in attrs:
            assert not name.startswith("on") and name not in ("src", "href"), name
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag


def brightness(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((brightness(one), brightness(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "host.json"
            file.write_text(json.dumps(SNAPSHOT), encoding="utf-8")
            done = subprocess.run([PROGRAM, "audit", "--snapshot", str(file), "--format", "html", "--fail-on", "never",
                                   "-o", folder + "/page.html"], capture_output=True, text=True, timeout=60, check=False)
            assert done.stdout == "" and done.stderr == "", done
            cls.page = (pathlib.Path(folder) / "page.html").read_text(encoding="utf-8")

    def test_all_that_is_opened_is_closed(self):
        nesting = Nesting()
        nesting.feed(self.page)
        nesting.close()
        self.assertEqual(nesting.open, [])
        self.assertNotIn("script", nesting.seen)
        self.assertNotIn("b", nesting.seen - {"b"})
        self.assertIn("&lt;b&gt;host", self.page)

    def test_text_has_contrast_in_both_themes(self):
        sheet = self.page[self.page.index("<style>"):self.page.index("</style>")]
        light, dark = sheet.split("@media (prefers-color-scheme:dark)")
        for theme in (light, dark.split("*{box-sizing")[0]):
            colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6})", theme))
            self.assertEqual(len(colours), 14)
            pairs = [(text, ground) for text in ("text", "dim", "note") for ground in ("page", "card")]
            pairs += [("text", "code")] + [(tone, tone + "-ground") for tone in ("bad", "warning", "good", "note")]
            for text, ground in pairs:
                self.assertGreaterEqual(contrast(colours[text], colours[ground]), 4.5, (text, ground))


if __name__ == "__main__":
    unittest.main()
