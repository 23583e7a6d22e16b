#!/usr/bin/env python3
"""Flags, bad usage and exit codes of the program, on a snapshot that stands here.

    usage_test.py BULKHEAD
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())

DONE, FINDINGS, USAGE, INCOMPLETE = 0, 1, 2, 3

NOW_MS = 1795562400000


def host(ports=(22,), complete=True):
    """A host with one uplink; `ports` listen everywhere."""
    local = {"type": 2, "table": 255, "scope": 254}
    return {
        "version": 1, "taken_at_ms": NOW_MS, "host_name": "h", "complete": complete,
        "namespaces": [{
            "inode": 1,
            "links": [{"index": 1, "name": "lo", "flags": 73, "hw_type": 772},
                      {"index": 2, "name": "eth0", "flags": 4163, "hw_type": 1,
                       "mac": "02:00:00:00:00:01"}],
            "addresses": [{"link": 1, "local": "127.0.0.1", "prefix_length": 8},
                          {"link": 2, "local": "192.0.2.10", "prefix_length": 24}],
            "routes": [{**local, "destination": "127.0.0.0/8", "next_hops": [{"link": 1}]},
                       {**local, "destination": "192.0.2.10/32", "next_hops": [{"link": 2}]},
                       {"destination": "192.0.2.0/24", "scope": 253, "next_hops": [{"link": 2}]},
                       {"next_hops": [{"link": 2, "gateway": "192.0.2.1"}]}],
            "routing_rules": [{"priority": 0, "table": 255}, {"priority": 32766, "table": 254}],
            "sockets": [{"address": "0.0.0.0", "port": port,
                         "owners": [{"pid": 7, "command": "dockerd" if port == 2375 else "sshd"}]}
                        for port in ports],
        }]}


class Usage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.host = self.write("host.json", host())
        self.risky = self.write("risky.json", host(ports=(22, 2375)))
        self.partial = self.write("partial.json", host(complete=False))

    def write(self, name, value):
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return str(path)

    def run_it(self, *arguments, given=""):
        return subprocess.run([PROGRAM, *arguments], input=given, capture_output=True, text=True,
                              timeout=60, cwd=self.folder, check=False)

    def expect(self, code, *arguments, given="", says=""):
        done = self.run_it(*arguments, given=given)
        with self.subTest(arguments=arguments):
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(says, done.stderr)
            if code == USAGE:
                self.assertEqual(done.stdout, "", "what fails must not look like an answer")
                self.assertNotEqual(done.stderr, "")
        return done

    def test_bad_usage_ends_2_and_says_what_is_wrong(self):
        on = ("--snapshot", self.host)
        for arguments, says in [
                ((), "subcommand"),
                (("nosuch",), "'nosuch' is no verb; there are: audit, trace, reach"),
                (("lab",), "subcommand"),
                (("audit", "--nosuch", *on), "--nosuch"),
                (("audit", "extra", *on), "extra"),
                (("audit", "--snapshot"), "--snapshot"),
                (("audit", *on, *on), "--snapshot"),
                (("audit", "--lang", "fr", *on), "fr"),
                (("audit", "--fail-on", "worst", *on), "worst"),
                (("audit", "--at", "tomorrow", *on), "'tomorrow' is not an instant"),
                (("trace", "host", *on), "TO"),
                (("trace", "nowhere", "192.0.2.10", "22", *on), "'nowhere' is not a vantage"),
                (("trace", "zone:nosuch", "192.0.2.10", "22", *on), "nosuch"),
                (("trace", "host", "nosuch", "22", *on), "'nosuch' is neither"),
                (("trace", "host", "192.0.2.10", "ssh", *on), "'ssh' is not a port"),
                (("trace", "host", "192.0.2.10", "65536", *on), "'65536' is not a port"),
                (("trace", "host", "192.0.2.10", "22/sctp", *on), "'sctp' is not tcp or udp"),
                (("trace", "host", "192.0.2.10", "22", "--source", "::1", *on), "families"),
                (("trace", "host", "192.0.2.10", "22", "--source-port", "65536", *on), "65536"),
                (("completion", "tcsh"), "'tcsh'"),
                (("query", "nosuch.jsonl", *on), "nosuch.jsonl"),
                (("snapshot", "-o", "/nonexistent/s.json", *on), "/nonexistent/s.json"),
                (("map", "--svg", "-o", "/nonexistent/m.svg", *on), "/nonexistent/m.svg"),
                (("map", "--svg", "--dot", *on), "excludes"),
                (("map", "--mermaid", "--svg", *on), "excludes"),
                (("map", "--json", "--svg", *on), "excludes"),
                (("map", "--dot", "--json", *on), "excludes"),
        ]:
            self.expect(USAGE, *arguments, says=says)

    def test_bad_files_end_2_with_their_place(self):
        self.expect(USAGE, "audit", "--snapshot", "nosuch.json", says="nosuch.json")
        broken = self.write("broken.json", '{"version":1,"namespaces":7}')
        self.expect(USAGE, "map", "--snapshot", broken, says="$.namespaces")
        newer = self.write("newer.json", '{"version":99,"tool_version":"9.9"}')
        self.expect(USAGE, "map", "--snapshot", newer, says="Bulkhead 9.9")
        config = self.write("c.yaml", "bulkhead: 1\nzoness: {}\n")
        self.expect(USAGE, "audit", "--snapshot", self.host, "--config", config,
                    says="c.yaml:2:1: unknown key 'zoness'")

    def test_a_configuration_that_others_may_write_is_not_followed(self):
        found = self.folder / "bulkhead.yaml"
        found.write_text("bulkhead: 1\n", encoding="utf-8")
        found.chmod(0o644)
        self.expect(DONE, "map", "--snapshot", self.host)
        found.chmod(0o666)
        done = self.expect(INCOMPLETE, "map", "--snapshot", self.host, says="others may write it")
        self.assertEqual(done.stdout, "")
        self.expect(DONE, "map", "--snapshot", self.host, "--config", str(found))

    def test_help_and_version_are_answers(self):
        for arguments in [("--help",), ("audit", "--help"), ("lab", "demo", "--help"),
                          ("--version",), ("version",)]:
            self.assertNotEqual(self.expect(DONE, *arguments).stdout, "")
        self.assertIn("version", json.loads(self.expect(DONE, "version", "--json").stdout))

    def test_findings_count_from_the_severity_that_is_asked_for(self):
        self.expect(DONE, "audit", "--snapshot", self.host)
        self.expect(FINDINGS, "audit", "--snapshot", self.risky)
        self.expect(FINDINGS, "audit", "--snapshot", self.risky, "--fail-on", "info", "--json")
        self.expect(DONE, "audit", "--snapshot", self.risky, "--fail-on", "never")

    def test_what_could_not_be_read_is_never_clean(self):
        self.expect(INCOMPLETE, "audit", "--snapshot", self.partial)
        self.expect(INCOMPLETE, "snapshot", "--snapshot", self.partial)

    def test_a_snapshot_is_written_as_it_was_read(self):
        written = self.folder / "again.json"
        first = self.expect(DONE, "snapshot", "--snapshot", self.host).stdout
        self.expect(DONE, "snapshot", "--snapshot", self.host, "-o", str(written))
        self.assertEqual(written.read_text(encoding="utf-8"), first)
        self.assertEqual([p.name for p in self.folder.glob("*.tmp*")], [])
        hidden = self.expect(DONE, "snapshot", "--redact", "--snapshot", self.host).stdout
        self.assertNotIn('"host_name":"h"', hidden)

    def test_questions_are_answered_in_order_and_expectations_count(self):
        ask = ("query", "--snapshot", self.host)
        question = '{"id":%d,"from":"host","to":"127.0.0.1","port":%d,"expect":"open"}\n'
        done = self.expect(DONE, *ask, given="\n" + question % (1, 22) + "\r\n" + question % (2, 22))
        self.assertEqual([json.loads(line)["id"] for line in done.stdout.splitlines()], [1, 2])
        done = self.expect(FINDINGS, *ask, given=question % (1, 23))
        self.assertEqual(json.loads(done.stdout)["verdict"], "closed")
        last = (question % (3, 22)).rstrip("\n")
        self.assertEqual(self.expect(DONE, *ask, given=last).stdout.count("\n"), 1)

    def test_a_bad_question_is_named_by_its_line_after_the_answers_before_it(self):
        questions = self.write("q.jsonl", '{"from":"host","to":"127.0.0.1","port":22}\n{"from":"host"}\n')
        done = self.run_it("query", "--snapshot", self.host, questions)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("q.jsonl:2:", done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_trace_answers_in_text_and_as_query_does(self):
        ask = ("trace", "lan", "192.0.2.10", "22", "--snapshot", self.host)
        self.assertIn("192.0.2.10", self.expect(DONE, *ask).stdout)
        self.assertEqual(json.loads(self.expect(DONE, *ask, "--json").stdout)["verdict"], "open")

    def test_reach_wants_one_view_and_says_what_to_write(self):
        for arguments, said in [((), "--matrix"), (("--matrix", "--unused"), "exclude each other"),
                                (("--from", "lan", "--matrix"), "exclude each other"),
                                (("--through", "2"), "--from internet --through 2"),
                                (("--from", "lan", "--why"), "--to ADDRESS --port PORT --why"),
                                (("--matrix", "--why"), "--to ADDRESS --port PORT --why"),
                                (("--from", "lan", "--to", "192.0.2.0/24", "--port", "22", "--why"), "--to ADDRESS"),
                                (("--unused", "--as", "attacker"), "--unused"),
                                (("--unused", "--csv"), "--matrix --csv"),
                                (("--matrix", "--json", "--csv"), "--matrix --csv"),
                                (("--matrix", "--port", "22"), "--who-reaches"),
                                (("--who-reaches", "host", "--to", "192.0.2.10"), "--who-reaches ADDRESS"),
                                (("--who-reaches", "nobody"), "a container's name, host, an address"),
                                (("--who-reaches", "host:22", "--port", "23"), "one of them")]:
            self.expect(USAGE, "reach", *arguments, "--snapshot", self.host, says=said)

    def test_reach_says_why(self):
        ask = ("reach", "--from", "lan", "--to", "192.0.2.10", "--port", "22", "--why", "--snapshot", self.host)
        self.assertIn("port 22/tcp: open", self.expect(DONE, *ask).stdout)
        answer = json.loads(self.expect(DONE, *ask, "--json").stdout)
        self.assertEqual((answer["verdict"], answer["packet"]["verdict"]), ("open", "open"))
        self.assertTrue(answer["packet"]["path"])

    def test_reach_shows_the_whole_host(self):
        text = self.run_it("reach", "--matrix", "--snapshot", self.risky).stdout
        self.assertRegex(text, r"\n  internet +O  O\n")
        table = self.run_it("reach", "--matrix", "--csv", "--snapshot", self.risky).stdout
        self.assertIn("internet,host,dockerd,2375,tcp,open,192.0.2.10:2375,", table.splitlines())
        for what, count in [("host", 2), ("host:22", 1), ("192.0.2.10", 2), ("192.0.2.10:2375", 1),
                            ("192.0.2.11", 0)]:
            answer = json.loads(self.run_it("reach", "--who-reaches", what, "--json", "--snapshot",
                                            self.risky).stdout)
            self.assertEqual(len(answer["services"]), count, what)
        chain = json.loads(self.run_it("reach", "--from", "internet", "--through", "2", "--json",
                                       "--snapshot", self.risky).stdout)["chains"][0]
        self.assertEqual(chain["target"], "host-management")

    def test_a_map_is_drawn_in_the_form_that_is_asked_for_and_incomplete_stays_so(self):
        for form, begins in [("--svg", "<svg "), ("--dot", "graph map {"), ("--mermaid", "flowchart ")]:
            done = self.expect(DONE, "map", form, "--snapshot", self.host)
            self.assertTrue(done.stdout.startswith(begins), done.stdout[:40])
            self.assertIn("192.0.2.10/24", done.stdout)
            self.expect(INCOMPLETE, "map", form, "--snapshot", self.partial)
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("mermaid", self.expect(DONE, "completion", shell).stdout)

    def test_language_is_chosen(self):
        english = self.expect(DONE, "map", "--snapshot", self.host, "--lang", "en").stdout
        japanese = self.expect(DONE, "map", "--snapshot", self.host, "--lang", "ja").stdout
        self.assertTrue(english.isascii() or "\u3040" > max(english))
        self.assertTrue(any("\u3040" <= c <= "\u9fff" for c in japanese))
        self.assertNotIn("\x1b", english)


if __name__ == "__main__":
    unittest.main()
