#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the verbs print as JSON against docs/json.md.

usage: json_test.py SOURCE BUILD [TAPE...]

A section of the page has a table whose rows are a member's path and its type: `hits[].vcpu` is that member of each
object in the list `hits`; `records.*` is any member of `records`. Every member that a verb prints on the golden tapes
has a row, of its type, and every row is printed by a verb, except for RARE. "part of a record" has the names of
schema/*.capnp. No number is beyond 2^53, and each object begins with its format. TAPEs are looked at as well. Also looks
for planted mistakes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

EXACT = 2**53
PART = "part of a record"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", flags=re.MULTILINE)
# What no golden tape has: recorders of their time did not record it, nothing was lost, and every tape replays as it was
# recorded. Tests of these verbs have tapes of their own.
RARE = re.compile(r"kindNumber|(host|runDelays|triggers|intervals|schedulerProgram|clocksources)\b.+|a\.clock"
                  r"|a\.losses\..*|differences\[\]\.(seq|what|field|recorded|computed)"
                  r"|kfuncsWithShownAux\[\]|incomplete\[\]")


def digits(value):
    return isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None


def text(value):  # what is not UTF-8 is in hex
    return isinstance(value, str) or (isinstance(value, dict) and list(value) == ["hex"])


TYPES = {
    "number": lambda value: type(value) is int,
    "digits": digits,
    "text": text,
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    PART: lambda value: isinstance(value, dict),
}


class Section:
    """A verb's rows of the page, and which of them were printed."""

    def __init__(self, name, body):
        self.name = name
        self.rows = dict(ROW.findall(body))
        self.seen = set()
        self.found = []

    def mistake(self, path, what):
        self.found.append(f"json.md: {self.name}: `{path}` {what}")

    def check_line(self, line, schema):
        try:
            value = json.loads(line)
        except ValueError as error:
            return self.mistake(line[:60], f"cannot be read: {error}")
        if next(iter(value)) != "format" or type(value["format"]) is not int:
            self.mistake("format", "is not the first member")
        self.check_numbers(value)
        for name, inner in value.items():
            self.check(name, inner, schema)
        return None

    def check_numbers(self, value):
        if isinstance(value, float) or (type(value) is int and abs(value) > EXACT):
            self.mistake(value, "is not exact in every reader")
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.check_numbers(inner)

    def check(self, path, value, schema):
        if self.name == "ktape diff":  # B has the members of A, and so has each repeat
            path = re.sub(r"^a\.repeats\[\]\.", "a.", re.sub(r"^b\.", "a.", path))
        row = path if path in self.rows else re.sub(r"(^|\.)[^.\[\]]+$", r"\1*", path)
        if row not in self.rows:
            return self.mistake(path, "has no row")
        self.seen.add(row)
        type_name = self.rows[row].strip()
        if value is None and type_name.endswith(" or null"):
            return None
        type_name = type_name.removesuffix(" or null")
        if type_name not in TYPES:
            return self.mistake(path, f"has the type '{type_name}', which is none")
        if not TYPES[type_name](value):
            return self.mistake(path, f"is not of the type '{type_name}': {str(value)[:60]}")
        if type_name == PART:
            return self.check_part(path, value, schema)
        if isinstance(value, dict) and type_name == "object":
            for name, inner in value.items():
                self.check(f"{path}.{name}", inner, schema)
        for inner in value if isinstance(value, list) else ():
            self.check_element(path, inner, schema)
        return None

    def check_element(self, path, inner, schema):
        if isinstance(inner, dict) and f"{path}[]" not in self.rows:
            for name, member in inner.items():
                self.check(f"{path}[].{name}", member, schema)
        else:
            self.check(f"{path}[]", inner, schema)

    def check_part(self, path, value, schema):
        """Every name is one of the schemas, except for {"hex":...}."""
        if isinstance(value, dict):
            for name in value.keys() - schema - {"hex"}:
                self.mistake(path, f"has '{name}', which no schema has")
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.check_part(path, inner, schema)

    def check_rows_seen(self):
        for row in self.rows.keys() - self.seen:
            if not RARE.fullmatch(row):
                self.mistake(row, "is printed by no verb")


def sections_of(page):
    parts = re.split(r"^## (.*)$", page, flags=re.MULTILINE)
    return {name: Section(name, body) for name, body in zip(parts[1::2], parts[2::2]) if ROW.search(body)}


def kernel_to_inspect():
    """A kernel of the cache; None if there is none: then most lists of 'ktape kernel inspect' are empty."""
    kernels = sorted(Path.home().glob(".cache/ktape/kernels/6.16*/bzImage"))
    return str(kernels[-1]) if kernels else None


FREEZING = '(name = "a", freezes = (on = ["symbol:schedule"]), steps = [(name = "b", actions = [(sleepMs = 1)])])'


def runs_of(golden, folder, more):
    """The section and arguments of each run of a verb."""
    tapes = sorted(str(path) for path in golden.glob("*.ktape")) + more
    for tape in tapes:
        yield "ktape show and export", ["show", "--json", tape]
        yield "ktape info", ["info", "--json", "--size", tape]
        yield "ktape read without targets", ["read", "--json", tape]
        yield "ktape replay", ["replay", "--json", tape]
        yield "ktape replay --state-at", ["replay", "--json", "--state-at", "90", tape]
        yield "ktape check", ["check", "--json", "-", tape]
    for seq in range(1, 200, 3):
        yield "ktape replay --state-at", ["replay", "--json", "--state-at", str(seq), tapes[0]]
    yield "ktape show and export", ["export", "--jsonl", tapes[0], "-o", "-"]
    value = "value --tag verify_rq_nr_running --op >= --to 0"
    yield "ktape check", ["check", "--json", "-", "--with", value, tapes[0]]
    target = ["cpu0:runqueues.nr_running", "task:sleeper.scx.dsq_vtime", "cpu0:runqueues.curr.comm"]
    cold = str(golden / "cold_path_roundtrip-6.16.12.ktape")
    yield "ktape read with targets", ["read", "--json", cold, "--at", "freeze:2", *target]
    yield "ktape read with targets", ["read", "--json", cold, "--at", "freeze:1", "0xffff888000000000:u64"]
    yield "ktape read with targets", ["read", "--json", cold, "--at", "all", *target[:2]]
    pids = "(struct pid_namespace)init_pid_ns.idr{xarray struct pid 1000}"
    walk = pids + ".tasks[0]{hlist struct task_struct pid_links[0] 1}.pid"
    yield "ktape read with targets", ["read", "--json", cold, "--at", "freeze:2", walk]
    views = ["dsqs", "tasks", "workers", "runqueues", "maps", "cgroups"]
    for tape in tapes:
        if "format-1" not in tape:
            yield "ktape read with views", ["read", "--json", tape, "--at", "all", *views]
    old, new = (str(golden / f"vtime_across_policies-{kernel}.ktape") for kernel in ("6.16.12", "7.3.4"))
    yield "ktape diff", ["diff", "--json", "--all", old, new]
    for name, tape in (("old", old), ("new", new)):
        (folder / name).mkdir()
        for i in range(2):
            (folder / name / f"{i}.ktape").symlink_to(tape)
    yield "ktape diff", ["diff", "--json", str(folder / "old"), str(folder / "new")]
    yield "ktape upgrade", ["upgrade", "--json", str(golden / "format-1.ktape"), str(folder / "new.ktape")]
    (folder / "a.scenario").write_text(FREEZING, encoding="utf-8")
    for kernel in ("/bin/true", kernel_to_inspect() or "/bin/true"):
        yield "ktape kernel inspect", ["kernel", "inspect", "--json", kernel]
        yield "ktape kernel inspect", ["kernel", "inspect", "--json", kernel, "--scenario", str(folder / "a.scenario")]
    yield "ktape doctor", ["doctor", "--json"]


def objects_of(verb, output):
    """One in each line, or one over several."""
    if not output:
        return []
    return output.removesuffix("\n").split("\n") if verb in ("show", "export", "read") else [output]


def check_verbs(source, programs, sections, more):
    found = []
    schemas = "".join(path.read_text(encoding="utf-8") for path in (source / "schema").glob("*.capnp"))
    schema = set(re.findall(r"^ +(\w+) (?:@\d+|:union|:group)", schemas, flags=re.MULTILINE))
    with tempfile.TemporaryDirectory() as name:
        for title, words in runs_of(source / "tests/golden", Path(name), more):
            done = subprocess.run([f"{programs}/ktape", *words], capture_output=True, text=True, check=False)
            if title not in sections:
                found.append(f"json.md: has no section '{title}'")
            elif not done.stdout and done.returncode not in (2, 77):
                found.append(f"ktape {' '.join(words)} printed nothing: {done.stderr}")
            else:
                for line in objects_of(words[0], done.stdout):
                    sections[title].check_line(line, schema)
    return found


def planted_mistakes():
    rows = {"format": "number", "seq": "digits", "of": "list", "of[].a": "text", "gone": "text"}
    section = Section("planted", "".join(f"| `{path}` | {type_name} |\n" for path, type_name in rows.items()))
    section.check_line('{"seq":5,"of":[{"a":"x"},{"b":1}],"big":9007199254740993,"format":1}', set())
    section.check_rows_seen()
    return section.found


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    source, build = (Path(argument).resolve() for argument in sys.argv[1:3])
    sections = sections_of((source / "docs/json.md").read_text(encoding="utf-8"))
    found = check_verbs(source, build / "bin", sections, sys.argv[3:])
    for section in sections.values():
        if section.name != "ktape kernel inspect" or kernel_to_inspect():
            section.check_rows_seen()
        found += section.found
    planted = planted_mistakes()
    if len(planted) != 6:
        found += ["of the planted mistakes these were seen:", *planted]
    for mistake in dict.fromkeys(found):
        print(mistake)
    rows = sum(len(section.rows) for section in sections.values())
    print(f"{len(sections)} sections, {rows} members, {len(set(found))} mistakes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
