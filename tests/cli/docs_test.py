#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of README.md and docs/*.md; checks their links, and that they document every option and field.

usage: docs_test.py SOURCE BUILD [--vm] [--renew]

A ```console block has commands, lines that begin with '$ ', and below each command the output that it shows, if any.
A line '...' stands for any number of omitted lines. The expected exit status is 0, or N if the command ends in
'# exits N'. The commands of a page run in order in a scratch folder that has tapes of real kernels (TAPES), the tools,
and every block of the page whose first line is '# FILE.EXT'.

`ktape capture` and `ktape test` boot nothing here: they check the command line and the scenario, and then a golden tape
takes the place of the captured one. Of tools/*, only the command line is checked: with --help behind it, the tool has
to take it.

  ```console vm    runs only with --vm, which boots kernels and skips (77) if they are not cached. Otherwise each option
                   has to be in the verb's --help. Numbers may differ from those shown. A capture that several pages show
                   runs once
  ```console tty   runs on a terminal of 100 columns
  ```capnp         a scenario, fields of one, a step, or actions of one: `ktape capture` has to accept it

--renew replaces the output that is shown by the real output. Each run also looks for planted mistakes.
"""

import gzip
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from docs_page import OPTION, SKIPPED, anchors_of, commands_of, form, page_text, read_page, renewed, unseen

TAPES = {
    "run.ktape": "cold_path_roundtrip-6.16.12",
    "old.ktape": "vtime_across_policies-6.16.12",
    "new.ktape": "vtime_across_policies-7.3.4",
    "stall.ktape": "scheduler_stall-6.16.12",
    "format-1.ktape": "format-1",
}
SKELETON = {
    "name": '"fragment"',
    "durationMs": "1000",
    "workers": '[(name = "sleeper", phases = [(sleepMs = 1000)]), (name = "spinner", phases = [(spinMs = 1)])]',
    "scheduler": "(vtime = (switchMode = full))",
    "steps": '[(name = "a", actions = [(sleepMs = 1)])]',
}


class Docs:
    """The pages of a tree, and the programs that they speak of."""

    def __init__(self, source, build, pages):
        self.source, self.build, self.pages = source, build, pages
        self.bin = build / "bin"
        self.found = []
        self.helps = {}
        self.captures = {}  # by its command: (status, output, tape)

    def mistake(self, page, line, what):
        self.found.append(f"{page}:{line + 1}: {what}")

    def help_of(self, *words):
        if words not in self.helps:
            program = [str(self.bin / "ktape"), *words]
            if words and words[0].startswith(("tools/", "ktape-")):
                program = [str((self.source if "/" in words[0] else self.bin) / words[0])]
            done = subprocess.run([*program, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            self.helps[words] = done.stdout if done.returncode == 0 or "usage: tools/" in done.stdout else ""
        return self.helps[words]

    # Running commands.

    def scratch(self, folder, page, real):
        golden = self.source / "tests/golden"
        for name, tape in TAPES.items():
            shutil.copy(golden / f"{tape}.ktape", folder / name)
        # With the tables of today's format, which may change until it is released.
        recorded = folder / "recorded.ktape"
        recorded.write_bytes(gzip.decompress((golden / "sql/ejected-6.16.12.ktape.gz").read_bytes()))
        upgrade = [str(self.bin / "ktape"), "upgrade", str(recorded), str(folder / "ejected.ktape")]
        subprocess.run(upgrade, stdout=subprocess.DEVNULL, check=True)
        recorded.unlink()
        for name in ("tools", "analyzers", "schema"):
            (folder / name).symlink_to(self.source / name)
        (folder / "build").mkdir()
        (folder / "build/release").symlink_to(self.build)
        readme = [read_page(self.source / "README.md")] if page.path.name != "README.md" else []
        for info, _, lines in [block for one in [*readme, page] for block in one.blocks]:
            named = re.fullmatch(r"# ([\w-]+\.\w+)", lines[0]) if lines else None
            if named and info[:1] != ["console"]:
                (folder / named.group(1)).write_text("\n".join(lines) + "\n", encoding="utf-8")
                (folder / named.group(1)).chmod(0o755)
        if not any(command.text == "ktape init mine" for command in commands_of(page) if ("vm" in command.kind) == real):
            subprocess.run([str(self.bin / "ktape"), "init", "mine"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        make_repository(folder / "linux")
        (folder / "schedulers").mkdir()
        shutil.copy("/bin/true", folder / "schedulers/scx_simple")
        (folder / "path").mkdir()
        stand_in = folder / "path/ktape"
        stand_in.write_text(
            "#!/bin/sh\ncase $1 in capture | test) exec "
            f"'{sys.executable}' '{Path(__file__).resolve()}' --stand-in '{self.source}' '{self.bin}' \"$@\" ;; esac\n"
            f"exec '{self.bin}/ktape' \"$@\"\n"
        )
        (folder / "path/make").write_text("#!/bin/sh\nmkdir -p arch/x86/boot && cp image arch/x86/boot/bzImage\n")
        for program in (folder / "path").iterdir():
            program.chmod(0o755)
        path = f"{self.bin}:{os.environ['PATH']}" if real else f"{folder}/path:{self.bin}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "PAGER": "cat", "TERM": "dumb", "COLUMNS": "100"}
        cache = (self.build / "CMakeCache.txt").read_text(encoding="utf-8")
        for name, language in (("CC", "C"), ("CXX", "CXX")):  # what ktape's libraries were built with
            compiler = re.search(rf"^CMAKE_{language}_COMPILER:\w+=(.*)$", cache, flags=re.MULTILINE)
            environment.update({name: compiler.group(1)} if compiler else {})
        return environment

    def output_of(self, command, folder, environment):
        run = {"cwd": folder, "env": environment, "stdin": subprocess.DEVNULL, "timeout": 900}
        script = ["bash", "-c", command.text]
        if "tty" not in command.kind:
            done = subprocess.run(script, **run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            return done.returncode, done.stdout.decode("utf-8", "replace")
        ours, theirs = pty.openpty()
        done = subprocess.Popen(script, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        return done.wait(), text.decode("utf-8", "replace").replace("\r\n", "\n")

    def capture(self, command, folder, environment, name):
        """A capture of `name`, or the result of the same one on an earlier page."""
        (folder / name).unlink(missing_ok=True)
        if command.text not in self.captures:
            status, output = self.output_of(command, folder, environment)
            tape = (folder / name).read_bytes() if (folder / name).exists() else b""
            self.captures[command.text] = (status, output, tape)
        status, output, tape = self.captures[command.text]
        (folder / name).write_bytes(tape)
        return status, output

    def check_tool(self, page, command, folder):
        """A command of tools/*: the tool takes its options; --help then ends it before it does anything."""
        words = command.text.split(" # ")[0].split()
        usage = self.help_of(words[0])
        while len(words) > 1 and not words[-1].startswith("-") and not re.search(rf"{words[-2]} [A-Z]", usage):
            words.pop()
        run = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run([*words, "--help"], cwd=folder, check=False, **run)
        if done.returncode != 0 or not done.stdout.startswith(f"usage: {words[0]}"):
            self.mistake(page, command.line - 1, f"'{command.text}' is not taken: {done.stdout.strip()[:200]}")

    def check_words(self, page, command):
        """Of a command that is not run: its program and the options that it names exist."""
        for part in re.split(r"&&|\|\||[|;]|\$\(", command.text):
            words = re.sub(r"'[^']*'|\"[^\"]*\"", "Q", part.split(" # ")[0]).split()
            if not words or not (words[0].startswith("tools/") or words[0] == "ktape"):
                continue
            names = words[1 : 3 if words[1:2] == ["kernel"] else 2] if words[0] == "ktape" else words[:1]
            text = self.help_of(*names)
            if not text:
                self.mistake(page, command.line, f"'{' '.join(words[:2])}' is nothing that can be run")
            for option in OPTION.findall(" ".join(words)):
                if text and option not in OPTION.findall(text):
                    self.mistake(page, command.line, f"'{' '.join(names)}' has no option {option}")

    def run_page(self, page, vm, renew):
        commands = commands_of(page)
        if vm and not any("vm" in command.kind for command in commands):
            return
        renewals = []
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = self.scratch(folder, page, real=vm)
            for command in commands:
                if command.text.startswith("tools/"):
                    self.check_tool(page, command, folder)
                    continue
                if ("vm" in command.kind) != vm:
                    self.check_words(page, command)
                    continue
                tape = re.search(r"^ktape capture .* -o (\S+)$", command.text)
                if tape and vm:
                    status, output = self.capture(command, folder, environment, tape.group(1))
                else:
                    status, output = self.output_of(command, folder, environment)
                lines = output.removesuffix("\n").split("\n")
                if status != command.status:
                    tail = "\n    ".join(lines[-8:])
                    self.mistake(page, command.line - 1, f"'{command.text}' exits {status}\n    {tail}")
                elif command.shown and renew:
                    renewals.append((command, renewed(command.shown, lines)))
                elif command.shown and (gone := unseen(command.shown, lines, form if vm else str)) is not None:
                    self.mistake(page, command.line, f"'{command.text}' does not print there: {gone!r}")
        for command, lines in reversed(renewals):
            page.lines[command.line : command.line + len(command.shown)] = lines
        if renewals:
            page.path.write_text("\n".join(page.lines), encoding="utf-8")

    def check_fragments(self, page):
        """Each ```capnp block is a scenario or a part of one that `ktape capture` takes."""
        for info, first, lines in page.blocks:
            text = "\n".join(line for line in lines if not line.startswith("#"))
            if info[:1] != ["capnp"]:
                continue
            if not text.startswith("(\n"):
                given = set(re.findall(r"^(\w+) =", text, flags=re.MULTILINE))
                if text.startswith("("):
                    step = text if text.startswith("(name = ") else f'(name = "a", actions = [{text}])'
                    text, given = f"steps = [{step}]", {"steps"}
                rest = ", ".join(f"{key} = {value}" for key, value in SKELETON.items() if key not in given)
                text = f"({text.rstrip().removesuffix(',')}, {rest})"
            with tempfile.TemporaryDirectory() as name:
                (Path(name) / "a.scenario").write_text(text, encoding="utf-8")
                shutil.copy("/bin/true", Path(name) / "scx_qmap")
                status, error = dry_run(self.bin, ["capture", "a.scenario"], name)
            if status == 2:
                self.mistake(page, first, f"the scenario is refused: {error}")

    # Links and names.

    def check_links(self, page):
        text = re.sub(r"```.*?```", lambda block: "\n" * block.group().count("\n"), page_text(page), flags=re.DOTALL)
        for number, line in enumerate(text.split("\n")):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"\w+:", target):
                    continue
                file, _, anchor = target.partition("#")
                there = (page.path.parent / file).resolve() if file else page.path
                if not there.exists():
                    self.mistake(page, number, f"'{file}' is not there")
                elif anchor and anchor not in anchors_of(there):
                    self.mistake(page, number, f"'{target}': no such heading")

    def section_of(self, name):
        """All sections of all pages that speak of a program."""
        word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
        sections = [part for page in self.pages for part in re.split(r"\n(?=#+ )", page_text(page))]
        return "\n".join(part for part in sections if word.search(part))

    def check_options(self):
        lines = self.help_of().splitlines()
        verbs = [(match.group(1),) for line in lines if (match := re.match(r"  ([a-z]+) {2,}\S", line))]
        below = self.help_of("kernel").partition("Subcommands:")[2]
        subcommands = re.findall(r"^  ([a-z]+) {2,}\S", below, flags=re.MULTILINE)
        programs = [("ktape", *verb) for verb in verbs] + [("ktape", "kernel", name) for name in subcommands]
        programs += [(path.name,) for path in sorted(self.bin.glob("ktape-assert-*"))]
        for words in programs:
            name = words[0].removeprefix("ktape-assert-") if len(words) == 1 else " ".join(words)
            section = self.section_of(name)
            if not section:
                self.found.append(f"docs: nothing is said of '{name}'")
            text = self.help_of(*(words if len(words) == 1 else words[1:]))
            options = re.findall(r"^ {2,6}(?:-\w,\s*)?(--[a-z-]+)", text, flags=re.MULTILINE)
            for option in sorted(set(options) - {"--help", "--version"}):
                if option not in OPTION.findall(section):
                    self.found.append(f"docs: no section that names '{name}' has its option {option}")
        if len(programs) < 20:
            self.found.append(f"docs: only {len(programs)} programs were found")

    def check_names(self):
        """Every field and enumerant of a scenario, every cause of a freeze, every exit status, every outcome."""
        capnp = {name: (self.source / f"schema/{name}.capnp").read_text() for name in ("scenario", "op", "record")}
        of_ops = "PerCpu TaskRef Target Virtual ValueKind Bits Value OpMode OpEntry Gate Expectation".split()
        self.check_named("scenarios.md", [capnp["scenario"]] + [body_of(capnp["op"], name) for name in of_ops])
        self.check_named("freezes.md", [body_of(capnp["record"], "FreezeCause"), body_of(capnp["op"], "Gate")])
        self.check_named("exit-codes.md", [body_of(capnp["record"], "Outcome")])
        codes = (self.source / "schema/base/exit_code.h").read_text()
        page = self.text_of("exit-codes.md")
        for number in re.findall(r"\bk\w+ =\s+(\d+)", codes):
            if not re.search(rf"^\| {number} \|", page, flags=re.MULTILINE):
                self.found.append(f"exit-codes.md: has no row for {number}")

    def check_named(self, page, schemas):
        text = self.text_of(page)
        names = {name for schema in schemas for name in re.findall(r"^ +(\w+) @\d+", schema, flags=re.MULTILINE)}
        for name in sorted(names - {"notSaid", "none", "truncated"}):
            if not re.search(rf"`[^`\n]*(?<!\w){name}(?!\w)[^`\n]*`", text):
                self.found.append(f"{page}: does not name '{name}'")

    def text_of(self, name):
        return "".join(page_text(page) for page in self.pages if page.path.name == name)


def not_cached():
    """What the commands of --vm need, and is not there; None where all is."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ktape"
    needed = [cache / "kernels/6.16.12/bzImage", cache / "kernels/7.3.4/bzImage", cache / "schedulers/6.16.12/scx_simple"]
    return next((path for path in needed if not path.exists()), None)


def body_of(schema, name):
    return re.search(rf"^(?:struct|enum) {name} {{.*?^}}", schema, flags=re.MULTILINE | re.DOTALL).group()


def dry_run(programs, words, folder):
    """Checks the command line and the scenario of a capture: there is neither a kernel nor a QEMU to go on with."""
    empty = {**os.environ, "XDG_CACHE_HOME": "/nonexistent", "HOME": "/nonexistent"}
    words = [*words, *(["--"] if words[0] == "test" and "--" not in words else []), "--qemu", "/bin/false"]
    run = {"cwd": folder, "env": empty, "capture_output": True, "text": True}
    done = subprocess.run([f"{programs}/ktape", *words], **run, check=False)
    return done.returncode, done.stderr


def stand_in(source, programs, verb, *words):
    """`ktape capture` or `ktape test` for the pages' commands."""
    option = "-o" if verb == "capture" else "--tapes"
    words, output = [word for word in words if word != "--git-bisect"], None
    if option in words:
        output = words.pop(words.index(option) + 1)
        words.remove(option)
    with tempfile.TemporaryDirectory() as name:
        status, error = dry_run(programs, [verb, option, f"{name}/a.ktape", *words], ".")
    if status not in (3, 4):
        print(error, end="", file=sys.stderr)
        return status
    if verb == "test":
        image = Path(words[words.index("--kernel") + 1]) if "--kernel" in words else Path()
        return 1 if image.is_file() and "bad" in image.read_text(errors="replace") else 0
    scenario = Path(words[0]).stem
    kernel = words[words.index("--kernel") + 1] if "--kernel" in words else "6.16.12"
    golden = Path(source) / f"tests/golden/{scenario}-{kernel}.ktape"
    usual = Path(source) / f"tests/golden/{TAPES['run.ktape']}.ktape"
    target = Path(output or f"{scenario}.ktape")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(golden if golden.exists() else usual, target)
    return 0


def make_repository(folder):
    """Four commits; the third one brings a mistake. The `make` of scratch() builds the image."""
    folder.mkdir()
    script = "git init -q; for i in first second third fourth; do"
    script += " case $i in first | second) echo good $i ;; *) echo bad $i ;; esac >image; git add image"
    script += "; git -c user.name=a -c user.email=a@b commit -qm \"the $i change\"; [ $i != first ] || git tag v1; done"
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True)


PLANTED = """# Planted
[gone](nowhere.md) and [no heading](planted.md#nothing), but [this](planted.md#planted).
```console
$ ktape verify run.ktape
run.ktape: intact: every record, blob, page and column is as it was recorded
...
losses  many
$ ktape verify nothing.ktape
$ ktape verify nothing.ktape # exits 3
...
$ ktape capture mine.scenario --no-such-option
$ tools/build --no-such-option
```
```console tty
$ test -t 1
$ printf 'one\ntwo\nthree\n'
...
two
one
...
```
```capnp
durationMs = 1000,
steps = [(name = "a", actions = [(wait = (worker = "nobody"))])]
```
```capnp
agentPriority = 50,
```
"""


def planted_mistakes(source, build):
    """How many of the mistakes in PLANTED, and of what it does not name, are seen."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "planted.md"
        path.write_text(PLANTED, encoding="utf-8")
        page = read_page(path)
        docs = Docs(source, build, [page])
        docs.run_page(page, vm=False, renew=False)
        docs.check_fragments(page)
        docs.check_links(page)
        seen = len(docs.found)
        docs.check_options()
        docs.check_names()
    return seen, docs.found


def readers():
    """The versions of the programs that read ktape's output in the pages."""
    lines = []
    for program in ("sqlite3", "capnp", "jq", "nm", "python3"):
        done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        lines.append(f"with {program}: {done.stdout.splitlines()[0]}")
    return lines


def main():
    if sys.argv[1:2] == ["--stand-in"]:
        return stand_in(*sys.argv[2:])
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    source, build = (Path(argument).resolve() for argument in sys.argv[1:3])
    vm, renew = "--vm" in sys.argv, "--renew" in sys.argv
    if not shutil.which("jq"):
        sys.exit("docs_test: jq is missing\nhint: tools/setup --tests")
    if vm and (missing := not_cached()):
        print(f"skipped: {missing} is not in the cache: tools/kernel tests, tools/scx-examples 6.16.12")
        return 77
    pages = [read_page(path) for path in [source / "README.md", *sorted((source / "docs").glob("*.md"))]]
    docs = Docs(source, build, pages)
    for page in pages:
        docs.run_page(page, vm, renew)
    if not vm:
        for page in pages:
            docs.check_fragments(page)
        others = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "schema/FORMAT.md"]
        for page in [*pages, *(read_page(source / name) for name in others)]:
            docs.check_links(page)
        docs.check_options()
        docs.check_names()
        seen, all_seen = planted_mistakes(source, build)
        if renewed(["a 1", SKIPPED, "c 3"], ["a 2", "b", "c 4"]) != ["a 2", SKIPPED, "c 4"]:
            docs.found.append("--renew does not put the new lines in the place of the old ones")
        if seen != 8 or len(all_seen) < 150:
            docs.found.append(f"of the planted mistakes {seen} and {len(all_seen)} were seen:\n" + "\n".join(all_seen))
    commands = [command for page in pages for command in commands_of(page)]
    if docs.found:
        print("\n".join([*docs.found, *readers()]))
    print(f"{len(pages)} pages, {len(commands)} commands, {len(docs.found)} mistakes")
    return 1 if docs.found else 0


if __name__ == "__main__":
    sys.exit(main())
