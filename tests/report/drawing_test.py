#!/usr/bin/env python3
"""Drawings of the map, read by programs that know their formats: whatever names a host has, the XML is
well-formed, Graphviz takes the graph, and all three show the names as they are. Also the contrast of the
colours, for light and dark screens.

    drawing_test.py BULKHEAD
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
SVG = "{http://www.w3.org/2000/svg}"

# What each is dangerous for, and as what it is shown: escape sequences and what is no character at all
# are spelled out, everything else stays.
NAMES = {
    "</title><script>alert(1)</script>": None,  # XML
    "<!--": None, "]]>": None, "&lt;b&gt; &amp; &#x41;": None, "'single' \"double\"": None,
    "back\\slash\\": None, "\\N\\G\\l\\\"": None, "{<f0> a|b}": None,  # Graphviz
    "\"]; click g0 \"x": None, "#35; #quot;": None, "%%{init: {}}%% %% x": None,  # Mermaid
    "style:#35;": None, "classDef x:#f;": None, "`**bold**`": None, "1. one": None, "- one": None,
    "end": None, "---": None, "a-.->b": None,
    "日本語": None, "e\u0301": None, "\U0001f4a5": None,
    "\x1b[31mred": "\\x1b[31mred", "\u202etxt": "\\u{202e}txt", "line\nbreak": "line\\x0abreak",
    "\ufffe\uffff": "\\u{fffe}\\u{ffff}", "\u2028": "\\u{2028}",
}
SHOWN = [shown or name for name, shown in NAMES.items()]


def host():
    """One network in which each name is that of a container, an image and a process."""
    up, there = {"flags": 4163}, {"peer_ns": 0, "peer_elsewhere": True}
    links = [{"index": 1, "name": "lo", "flags": 73},
             {"index": 2, "name": "br\"<&>\\", "kind": "bridge", "bridge": {}, **up}]
    namespaces, containers = [], []
    for at, name in enumerate(NAMES, start=1):
        links.append({"index": 100 + at, "name": f"veth{at}", "kind": "veth", "master": 2, "peer": 2,
                      "peer_ns": at, "peer_elsewhere": True, **up})
        namespaces.append({
            "links": [{"index": 2, "name": "eth0", "kind": "veth", "peer": 100 + at, **there, **up}],
            "addresses": [{"link": 2, "local": f"172.18.0.{at + 1}", "prefix_length": 24},
                          {"link": 2, "local": f"fd00::{at}", "prefix_length": 64}],
            "sockets": [{"address": "::", "port": 80, "owners": [{"pid": at, "command": name}]}]})
        containers.append({"id": f"{at:064}", "name": name, "image": name, "state": "running",
                           "netns": at, "project": name, "network_mode": "n<\"&"})
    return {"version": 1, "taken_at_ms": 1795562400000, "host_name": "</svg>\"h\"\\", "complete": True,
            "namespaces": [{"links": links}, *namespaces],
            "engines": [{"name": "docker", "containers": containers,
                         "networks": [{"id": "n", "name": "n<\"&", "driver": "bridge",
                                       "bridge": "br\"<&>\\"}]}]}


def mermaid_text(label):
    """A quoted label as Mermaid shows it: #NN; is a character, <br/> a new line."""
    assert not re.search(r"[\"`%{}:&\\;]", re.sub(r"#\d+;", "", label)), label
    assert not re.search(r"[<>]", label.replace("<br/>", "")), label
    lines = re.sub(r"#(\d+);", lambda m: f"\0{m.group(1)}\0", label).split("<br/>")
    return [re.sub("\0(\\d+)\0", lambda m: chr(int(m.group(1))), line) for line in lines]


class Drawings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.snapshot = pathlib.Path(folder.name) / "host.json"
        cls.snapshot.write_text(json.dumps(host()), encoding="utf-8")

    def drawn(self, form, *more):
        done = subprocess.run([PROGRAM, "map", form, "--snapshot", str(self.snapshot), *more],
                              capture_output=True, timeout=60, check=True)
        return done.stdout.decode("utf-8")

    def svg(self):
        return xml.etree.ElementTree.fromstring(self.drawn("--svg"))

    def cards(self):
        return [g for g in self.svg().iter(SVG + "g") if g.get("class") == "card"]

    def test_the_svg_is_xml_and_shows_each_name_whole(self):
        titles = [g.find(SVG + "title").text.split("\n") for g in self.cards()]
        self.assertEqual(sorted(lines[0] for lines in titles), sorted(SHOWN))
        for lines in titles:
            self.assertIn(f"○ 80/tcp({lines[0]})", lines)
            self.assertTrue(any(line.startswith("fd00::") for line in lines), lines)

    def test_the_svg_is_one_file_for_itself_and_says_what_it_is(self):
        root = self.svg()
        allowed = {"svg", "title", "desc", "style", "rect", "g", "text", "path", "circle"}
        self.assertEqual({e.tag.removeprefix(SVG) for e in root.iter()} - allowed, set())
        for element in root.iter():
            for name in element.attrib:
                self.assertFalse(name.endswith("href") or name.startswith("on"), name)
        style = root.find(SVG + "style").text
        self.assertNotIn("url(", style)
        self.assertNotIn("@import", style)
        self.assertIn("prefers-color-scheme:dark", style)
        ids = {e.get("id"): e.text for e in root.iter() if e.get("id")}
        for name in root.get("aria-labelledby").split():
            self.assertTrue(ids[name])
        self.assertIn('</svg>"h"\\', root.find(SVG + "title").text)

    def test_a_policy_is_drawn_with_each_name_whole(self):
        taken = host()
        for container in taken["engines"][0]["containers"]:
            container |= {"project": "p", "service": container["name"]}
        with tempfile.TemporaryDirectory() as folder:
            snapshot, config = pathlib.Path(folder) / "s.json", pathlib.Path(folder) / "b<&>.yaml"
            snapshot.write_text(json.dumps(taken), encoding="utf-8")
            config.write_text('bulkhead: 1\ntenants: {p: {allow: [{from: "*", to: "*", port: 80}]}}\n', encoding="utf-8")
            command = [PROGRAM, "policy", "show", "--svg", "--config", str(config), "--snapshot", str(snapshot)]
            root = xml.etree.ElementTree.fromstring(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)
            both = subprocess.run([*command, "--matrix"], capture_output=True, text=True, timeout=60)
        titles = [g.find(SVG + "title").text.split("\n")[0] for g in root.iter(SVG + "g") if g.get("class") == "card"]
        self.assertEqual(sorted(titles), sorted("p/" + name for name in SHOWN))
        self.assertIn("b<&>.yaml", root.find(SVG + "title").text)
        allowed = {"svg", "title", "desc", "style", "rect", "g", "text", "path"}
        self.assertEqual({e.tag.removeprefix(SVG) for e in root.iter()} - allowed, set())
        self.assertEqual((both.returncode, both.stdout), (2, ""))
        self.assertIn("exclude each other", both.stderr)

    def test_graphviz_takes_the_graph_and_shows_each_name(self):
        done = subprocess.run(["dot", "-Tsvg"], input=self.drawn("--dot").encode(), capture_output=True,
                              timeout=60, check=True)
        self.assertEqual(done.stderr.decode(), "")
        root = xml.etree.ElementTree.fromstring(done.stdout)
        nodes = [g for g in root.iter(SVG + "g") if g.get("class") == "node"]
        # Graphviz makes spaces of names hard ones.
        texts = [[t.text.replace("\u00a0", " ") for t in g.iter(SVG + "text")] for g in nodes]
        firsts = [lines[0] for lines in texts if any("fd00::" in line for line in lines)]
        self.assertEqual(sorted(firsts), sorted(SHOWN))

    def test_mermaid_can_take_no_name_for_its_own(self):
        text = self.drawn("--mermaid")
        self.assertTrue(text.startswith("flowchart LR\n"))
        opened, names = 0, []
        for line in text.splitlines()[1:]:
            line = line.strip()
            labelled = re.fullmatch(r'(subgraph )?(\w+)(\(?)\["([^"]*)"\]\)?', line)
            if labelled:
                opened += bool(labelled.group(1))
                names += [mermaid_text(labelled.group(4))[0]] * bool(re.match(r"g0c", labelled.group(2)))
                continue
            opened -= line == "end"
            self.assertRegex(line, r'^(end|\w+ (---|~~~|-\. "[^"]*" \.-) \w+|class \w+ \w+'
                                   r"|classDef \w+ [\w:#, -]+)$")
        self.assertEqual(opened, 0)
        self.assertEqual(sorted(names), sorted(SHOWN))

    def test_a_drawing_goes_to_a_file_as_it_goes_to_the_screen(self):
        target = self.snapshot.parent / "map.svg"
        self.assertEqual(self.drawn("--svg", "-o", str(target)), "")
        self.assertEqual(target.read_text(encoding="utf-8"), self.drawn("--svg"))


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def rules(style):
    """Selector -> {property: value}."""
    out = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", style):
        for selector in selectors.strip().split(","):
            out.setdefault(selector, {}).update(p.split(":", 1) for p in body.split(";") if p)
    return out


class Colours(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as snapshot:
            json.dump(host(), snapshot)
            snapshot.flush()
            done = subprocess.run([PROGRAM, "map", "--svg", "--snapshot", snapshot.name],
                                  capture_output=True, timeout=60, check=True)
        style = xml.etree.ElementTree.fromstring(done.stdout).find(SVG + "style").text
        light, dark = re.fullmatch(r"(.*)@media \(prefers-color-scheme:dark\)\{(.*)\}\s*", style,
                                   re.DOTALL).groups()
        cls.light, cls.dark = rules(light), rules(dark)

    def each_theme(self):
        both = {s: {**self.light.get(s, {}), **self.dark.get(s, {})} for s in {**self.light, **self.dark}}
        for name, theme in (("light", self.light), ("dark", both)):
            frames = {s: v["fill"] for s, v in theme.items() if s.endswith(">.frame") and "fill" in v}
            self.assertGreaterEqual(len(frames), 11)
            yield name, theme, {**frames, ".page": theme[".page"]["fill"]}

    def test_words_stand_out_from_every_frame(self):
        for name, theme, frames in self.each_theme():
            for pen in ("text", ".dim", ".mark", ".listening", ".published"):
                for frame, fill in frames.items():
                    with self.subTest(theme=name, pen=pen, frame=frame):
                        self.assertGreaterEqual(contrast(theme[pen]["fill"], fill), 4.5)
            for number in range(8):
                self.assertGreaterEqual(
                    contrast(theme[".badge text"]["fill"], theme[f".c{number}"]["color"]), 4.5)

    def test_frames_lines_and_colours_stand_out_from_what_is_behind_them(self):
        for name, theme, frames in self.each_theme():
            behind = [frames[".host>.frame"], frames[".page"], frames[".card>.frame"]]
            strokes = {s: v["stroke"] for s, v in theme.items()
                       if v.get("stroke", "none").startswith("#")}
            strokes |= {f".c{n}": theme[f".c{n}"]["color"] for n in range(8)}
            self.assertGreaterEqual(len(strokes), 20)
            for selector, stroke in strokes.items():
                for fill in behind:
                    with self.subTest(theme=name, what=selector, behind=fill):
                        self.assertGreaterEqual(contrast(stroke, fill), 3)


if __name__ == "__main__":
    unittest.main()
