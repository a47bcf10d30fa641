#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts what `ktape check` prints before the programs that read it, and compares what they say with its JSON.

usage: check_readers_test.py SOURCE BUILD [--full]

The readers are perl's prove for KTAP and xmllint with the rules of Jenkins' schema for JUnit, and with --full also the
kernel's kunit.py, of tools/kunit, and node's tap-parser, of Debian's node-tap-parser. A failure names the reader's
version.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree
from pathlib import Path

SKIPPED = 77
PLAIN = 'printf "KTAP version 1\\n1..1\\n%s\\n"'
# Programs of others, and the exit status that their KTAP has to have.
ASSERTIONS = {
    "crash": "echo half a line; kill -SEGV $$",
    "hangs-up": 'printf "KTAP version 1\\n1..1\\n# so far\\nBail out! no disk\\n"; exit 1',
    "nested": 'printf "KTAP version 1\\n1..2\\n  KTAP version 1\\n  # Subtest: a\\n  1..1\\n  ok 1 a\\nok 1 a\\n'
              '# violated, seq 3: b\\n  not ok 1 c\\nnot ok 2 b\\n"; exit 1',
    "says-subtest": PLAIN % "# Subtest: mine\\nok 1 mine",
    "says-todo": PLAIN % "# violated, TODO later\\nnot ok 1 x" + "; exit 1",
    "says-skip": PLAIN % "# violated, skipped 5 # SKIP\\nnot ok 1 x" + "; exit 1",
    "says-yaml": PLAIN % "  ---\\n  a: [\\nok 1 says-yaml",
    "undecided": PLAIN % "ok 1 x # SKIP inconclusive: no # of it" + "; exit 77",
}
ODD_NAME = " - a #b {"
ODD_NAMES = [ODD_NAME, "- b", "# c", "Subtest: a"]
OTHERS = ["--analyzers", "others"]
# Tapes and options.
CASES = {
    "one tape": (["pass.ktape"], []),
    "one tape of a real kernel": (["run.ktape"], []),
    "one tape that passes": (["run.ktape"], ["--only", "run-completed", "--only", "op-pairing"]),
    "a failure": (["stall.ktape"], []),
    "an expected failure": (["xfail.ktape"], ["--only", "no-scheduler-error"]),
    "an unexpected pass": (["xpass.ktape"], ["--only", "no-scheduler-error"]),
    "another failure than the expected one": (["other.ktape"], []),
    "nothing asked": (["pass.ktape"], ["--only", "value"]),
    "nothing decided": (["pass.ktape"], [*OTHERS, "--only", "undecided"]),
    "a required assertion": (["pass.ktape"], [*OTHERS, "--only", "crash", "--require", "undecided"]),
    "an unreadable tape": (["gone.ktape"], []),
    "assertions of others": (["pass.ktape"], OTHERS),
    "a name like a header": (["Subtest: a"], []),
    "an odd name": ([ODD_NAME], ["--with", "value --tag '- x #' --op '==' --to '5 {'"]),
    "many tapes": (["pass.ktape", "run.ktape", "stall.ktape", "xfail.ktape", "xpass.ktape", "other.ktape"], []),
    "many tapes that pass": (["pass.ktape", "run.ktape"], ["--only", "run-completed"]),
    "many tapes, some unreadable": (["gone.ktape", "pass.ktape", "altered.ktape", "run.ktape"],
                                    ["--only", "run-completed"]),
    "many tapes with odd names": ([*ODD_NAMES, "run.ktape"], OTHERS),
    "many tapes, nothing decided": (["pass.ktape", "run.ktape"], ["--only", "value"]),
}

NODE = """
const Parser = (m => m.Parser || m)(require('tap-parser'));
const parser = new Parser(results => {
  console.log(JSON.stringify({
    plan: results.plan.end, count: results.count, pass: results.pass, fail: results.fail, skip: results.skip,
    todo: results.todo, bailout: results.bailout,
    errors: results.failures.filter(f => f.tapError).map(f => f.tapError),
    names: names, children: children}));
});
const names = [];
let children = 0;
parser.on('assert', a => names.push(a.name));
parser.on('child', () => ++children);
process.stdin.pipe(parser);
"""


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)


class Expected:
    """What a reader has to find, by the JSON of the same check."""

    def __init__(self, check):
        self.tapes = check["tapes"]
        self.bad = [self.verdicts(tape) & {"fail", "xpass", "error"} != set() for tape in self.tapes]
        totals = check["totals"]
        self.failed = totals["fail"] + totals["xpass"] + totals["error"]
        self.passed = totals["pass"] + totals["xfail"]
        self.skipped = totals["skip"]
        self.several = len(self.tapes) > 1
        # Of the top level: a tape is skipped if each of its results is.
        self.top = len(self.tapes) if self.several else self.failed + self.passed + self.skipped
        self.top_failed = sum(self.bad) if self.several else self.failed
        self.top_skipped = self.skipped if not self.several else sum(
            self.verdicts(tape) <= {"inconclusive", "notAsked"} for tape in self.tapes)

    @staticmethod
    def verdicts(tape):
        return {result["verdict"] for result in tape["results"]}


def read_by_prove(ktap, folder, expected):
    """What prove says otherwise; it reads the top level alone."""
    (folder / "read.tap").write_text(ktap)
    done = run(["prove", "--verbose", "--nocolor", "read.tap"], cwd=folder)
    found = {
        "status 0": done.returncode == 0,
        "PASS": "\nResult: PASS" in done.stdout,
        "tests": re.search(r"Tests=(\d+),", done.stdout)[1],
        "parse errors": "Parse errors" in done.stdout,
        "failed": (re.search(r"Failed: (\d+)\)", done.stdout) or [0, "0"])[1],
        "TODO": "TODO passed" in done.stdout,
    }
    good = expected.top_failed == 0
    wanted = {"status 0": good, "PASS": good, "tests": str(expected.top), "parse errors": False,
              "failed": str(expected.top_failed), "TODO": False}
    return [] if found == wanted else [f"{found}, not {wanted}\n{done.stdout}"]


def read_by_kunit(reader, ktap, expected):
    """What kunit.py says otherwise; it counts results without subtests."""
    done = run([sys.executable, reader, "parse"], input=ktap)
    counts = re.search(r"Testing complete\. Ran (\d+) tests: (.*)", done.stdout)
    found = dict(part.split(": ") for part in counts[2].split(", "))
    wanted = {"passed": expected.passed, "failed": expected.failed, "skipped": expected.skipped}
    wanted = {name: str(count) for name, count in wanted.items() if count > 0}
    wrong = []
    if found != wanted or "[ERROR]" in done.stdout:
        wrong.append(f"{found}, not {wanted}\n{done.stdout}")
    # For it, skipped tests alone are no success.
    if (done.returncode == 0) != (expected.failed == 0 and expected.passed > 0):
        wrong.append(f"status {done.returncode}\n{done.stdout}")
    return wrong


def read_by_tap_parser(ktap, expected):
    """What node's tap-parser says otherwise; it reads the top level alone."""
    done = run(["node", "-e", NODE], input=ktap)
    if done.returncode != 0:
        return [done.stdout]
    found = json.loads(done.stdout)
    names = found.pop("names")
    wanted = {"plan": expected.top, "count": expected.top, "fail": expected.top_failed,
              "pass": expected.top - expected.top_failed, "skip": expected.top_skipped, "todo": 0, "bailout": False,
              "errors": [], "children": 0}
    wrong = [] if found == wanted else [f"{found}, not {wanted}\n{ktap}"]
    if len(names) != expected.top or any(not name for name in names):
        wrong.append(f"{names}\n{ktap}")
    return wrong


def junit_mistakes(source, path):
    """What Jenkins' schema would refuse."""
    done = run(["xmllint", "--nonet", "--noout", "--schema", source / "tests/cli/junit.xsd", path])
    return [] if done.returncode == 0 else [done.stdout]


def junit_differences(path, expected):
    """Where the JUnit report says other than the JSON."""
    root = tree.parse(path).getroot()
    wrong = []
    suites = [{"tests": 0, "failures": 0, "errors": 0, "skipped": 0} for _ in expected.tapes]
    for suite, tape in zip(suites, expected.tapes):
        for result in tape["results"]:
            kind = {"fail": "failures", "xpass": "failures", "error": "errors", "pass": None}
            suite["tests"] += 1
            counted = kind.get(result["verdict"], "skipped")
            if counted:
                suite[counted] += 1
    found = [{name: int(suite.attrib[name]) for name in suites[0]} for suite in root]
    if found != suites:
        wrong.append(f"suites {found}, not {suites}")
    for name in ("tests", "failures", "errors"):
        if int(root.attrib[name]) != sum(suite[name] for suite in suites):
            wrong.append(f"testsuites has {root.attrib[name]} {name}")
    for case in root.iter("testcase"):
        if float(case.attrib["time"]) < 0 or len(case) != 1:
            wrong.append(f"the case {case.attrib['name']} has {[child.tag for child in case]}")
    # A failure comes with its evidence, in its own text.
    for failure in root.iter("failure"):
        if failure.attrib["message"].startswith("seq ") and "violated, seq " not in (failure.text or ""):
            wrong.append(f"no evidence in {failure.attrib}: {failure.text!r}")
    return wrong


class Bench:
    """Tapes and assertions in a folder, and the readers."""

    def __init__(self, source, build, folder, full):
        self.check, self.source, self.folder = build / "bin/ktape-check", source, folder
        subprocess.run([build / "tests/write_checked_tapes", folder], check=True)
        golden = source / "tests/golden"
        shutil.copy(golden / "cold_path_roundtrip-6.16.12.ktape", folder / "run.ktape")
        for name in ODD_NAMES:
            shutil.copy(folder / "pass.ktape", folder / name)
        altered = bytearray((folder / "pass.ktape").read_bytes())
        altered[altered.index(b"set_vtime")] ^= 1
        (folder / "altered.ktape").write_bytes(altered)
        (folder / "others").mkdir()
        for name, script in ASSERTIONS.items():
            program = folder / "others" / f"ktape-assert-{name}"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        # What is missing skips the test.
        self.missing = []
        self.readers = {}
        self.add_prove()
        self.xmllint = self.find_xmllint()
        if full:
            self.add_kunit(source)
            self.add_tap_parser()

    def add_prove(self):
        if shutil.which("prove") is None:
            self.missing.append("prove: install the package perl")
            return
        known_as = run(["prove", "--version"]).stdout.strip()
        self.readers["prove"] = (lambda ktap, expected: read_by_prove(ktap, self.folder, expected), known_as)

    def find_xmllint(self):
        """Its version."""
        if shutil.which("xmllint") is None:
            self.missing.append("xmllint: install the package libxml2-utils")
            return None
        return run(["xmllint", "--version"]).stdout.split("\n")[0].removeprefix("xmllint: using ")

    def add_kunit(self, source):
        fetched = subprocess.run([source / "tools/kunit"], stdout=subprocess.PIPE, text=True, check=False)
        if fetched.returncode != 0:
            self.missing.append("kunit.py: see tools/kunit")
            return
        reader = Path(fetched.stdout.strip())
        package = dict(line.split(": ") for line in (reader.parents[3] / "package").read_text().splitlines())
        known_as = f"{package['Package']} {package['Version']}"
        self.readers["kunit.py"] = (lambda ktap, expected: read_by_kunit(reader, ktap, expected), known_as)

    def add_tap_parser(self):
        # Of Debian, besides what is set for others.
        os.environ["NODE_PATH"] = ":".join([*filter(None, [os.environ.get("NODE_PATH")]), "/usr/share/nodejs"])
        found = run(["node", "-p", "require('tap-parser/package.json').version"]) if shutil.which("node") else None
        if found is None or found.returncode != 0:
            self.missing.append("node's tap-parser: install the package node-tap-parser")
            return
        self.readers["tap-parser"] = (read_by_tap_parser, found.stdout.strip())

    def results_of(self, tapes, options):
        junit = self.folder / "check.xml"
        check = [self.check, *options]
        done = subprocess.run([*check, "--junit", junit, "--", *tapes], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        checked = subprocess.run([*check, "--json", "-", "--", *tapes], cwd=self.folder, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, check=False)
        return done.stdout, Expected(json.loads(checked.stdout)), junit

    def judge(self, case, tapes, options):
        ktap, expected, junit = self.results_of(tapes, options)
        wrong = []
        for name, (read, known_as) in self.readers.items():
            wrong += [f"{case}: {name} ({known_as}): {what}" for what in read(ktap, expected)]
        wrong += [f"{case}: JUnit: {what}" for what in junit_differences(junit, expected)]
        if self.xmllint:
            wrong += [f"{case}: xmllint ({self.xmllint}): {what}" for what in junit_mistakes(self.source, junit)]
        return wrong


def planted_mistakes(source, folder):
    """The checks above have to find these."""
    missed = []
    bad = folder / "bad.xml"
    for text in ('<testsuites skipped="0"/>', '<testsuites><testsuite name="a" tests="1" failures="0"/></testsuites>',
                 '<testsuites time="1e-3"/>', '<other/>',
                 "<testsuites><testcase/></testsuites>", "<testsuites>x</testsuites>"):
        bad.write_text(text)
        if not junit_mistakes(source, bad):
            missed.append(f"the schema's rules accept {text}")
    return missed


def main():
    source, build = (Path(word).resolve() for word in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(source, build, folder, "--full" in sys.argv[3:])
        wrong = planted_mistakes(source, folder) if bench.xmllint else []
        for case, (tapes, options) in CASES.items():
            wrong += bench.judge(case, tapes, options)
    print("\n".join(wrong))
    readers = [f"{name} ({known_as})" for name, (_, known_as) in bench.readers.items()]
    if bench.xmllint:
        readers.append(f"xmllint ({bench.xmllint})")
    print(f"{len(CASES)} checks, read by {', '.join(readers)}: {len(wrong)} mistakes")
    if wrong:
        return 1
    for what in bench.missing:
        print(f"not tested: {what}")
    return SKIPPED if bench.missing else 0


sys.exit(main())
