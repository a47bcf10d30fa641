#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completions: of descriptions made here, and those that were built.

usage: pages_test.py SOURCE BUILD
"""

import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = sys.argv[1:3]
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "tools/packaging"))

import completions  # noqa: E402
import roff  # noqa: E402


def option(*names, **more):
    common = {"description": "", "value": "", "words": [], "default": "", "excludes": [], "flag": False, "required": False, "several": False}
    return {**common, "names": list(names), **more}


TAKES = {
    "description": "Shows a tape's run.\n\n  --json  is for programs\n",
    "footer": "Examples:\n  ktape show run.ktape\n\nSlow on old disks.\n\nExit status: 0 shown;\n3 the tape is unusable",
    "positionals": [option("TAPE", description="a tape", required=True)],
    "options": [
        option("-o", "--output", value="OUT", description="where to", required=True),
        option("--accel", value="auto|kvm", description="how", default="auto", excludes=["--json"]),
        option("--dir", value="DIR", description="look here; more than once", several=True),
        option("--tag", value="NAME", description="this one", several=True),
        option("--json", flag=True, description="don't talk"),
    ],
    "commands": [],
}
VERB = {"name": "show", "summary": "show what is on a tape", "takes": TAKES}
PAGE = roff.page(VERB, roff.Release("1.2.3", "2026-01-01"))


NAMES = completions.Names(["a_scenario", "b_scenario"], ["an-assertion"])
SHARE = os.path.join(BUILD, "share")


def bash(words, script=completions.bash([VERB], NAMES), **more):
    """What bash completes the last of these words to."""
    line = " ".join(f"'{word}'" for word in words)
    command = f'source /dev/stdin 3<&0; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _ktape 2>/dev/null'
    command += '; printf "%s\\n" "${COMPREPLY[@]}"'
    run = subprocess.run(["bash", "-c", command], input=script, stdout=subprocess.PIPE, text=True, check=True, **more)
    return run.stdout.split()


def built(path):
    with open(os.path.join(SHARE, path), encoding="utf-8") as file:
        return file.read()


def description(program):
    """What a program that was built takes."""
    run = subprocess.run([os.path.join(BUILD, "bin", program), "--describe-command"], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


VERBS = [verb["name"] for verb in description("ktape")["verbs"]]
ASSERTIONS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(BUILD, "bin/ktape-assert-*")))


def every_help():
    """(page, words, help, what it takes) of each verb and each of its commands, and of each assertion, without a page."""
    for program in [f"ktape-{verb}" for verb in VERBS] + ASSERTIONS:
        takes = description(program)
        page = "" if program in ASSERTIONS else program
        for words, one in [([], takes)] + [([one["name"]], one) for one in takes["commands"]]:
            command = [os.path.join(BUILD, "bin", program), *words, "--help"]
            yield page, [program, *words], subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout, one


def text_of(page):
    """A page that was built, without what roff needs to print a character as it is."""
    with gzip.open(os.path.join(SHARE, f"man/man1/{page}.1.gz"), "rt") as file:
        text = file.read()
    for code, character in (("\\&", ""), ("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~"), ("\\(ha", "^"), ("\\e", "\\")):
        text = text.replace(code, character)
    return text


def plain(text):
    return " ".join(text.split())


class Pages(unittest.TestCase):
    def test_name_and_synopsis_are_those_of_the_verb(self):
        self.assertIn('.TH KTAPE\\-SHOW 1 "2026-01-01" "ktape 1.2.3"', PAGE)
        self.assertIn(".SH NAME\nktape\\-show \\- show what is on a tape\n", PAGE)
        self.assertIn("\\fBktape show\\fR [\\fIOPTION\\fR...] \\fB\\-\\-output\\fR \\fIOUT\\fR \\fITAPE\\fR\n", PAGE)

    def test_an_option_has_its_value_default_and_what_it_goes_without(self):
        self.assertIn(
            ".TP\n\\fB\\-\\-accel\\fR \\fIauto|kvm\\fR\nHow. The default is auto. Not with \\-\\-json.\n", PAGE
        )
        self.assertIn("\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIOUT\\fR\nWhere to.\n", PAGE)
        self.assertIn("\\fB\\-\\-json\\fR\nDon\\(aqt talk.\n", PAGE)

    def test_a_description_becomes_a_sentence_but_what_is_typed_stays_as_it_is(self):
        self.assertEqual(roff.sentence("make\n  it"), "Make it.")
        self.assertEqual(roff.sentence("scx-error: the default"), "scx-error: the default.")
        self.assertEqual(roff.sentence("kvm, or tcg"), "kvm, or tcg.")

    def test_an_option_says_once_that_it_may_be_repeated(self):
        self.assertIn("Look here; more than once.\n", PAGE)
        self.assertIn("\\fB\\-\\-tag\\fR \\fINAME\\fR\nThis one. May be repeated.\n", PAGE)

    def test_indented_lines_stay_as_they_are(self):
        self.assertIn("Shows a tape\\(aqs run.\n.PP\n.RS 4\n.nf\n\\-\\-json  is for programs\n.fi\n", PAGE)

    def test_the_footer_becomes_sections(self):
        self.assertIn(".SH EXIT STATUS\n0 shown;\n3 the tape is unusable\n", PAGE)
        self.assertIn(".SH NOTES\nSlow on old disks.\n", PAGE)
        self.assertIn(".SH EXAMPLES\n.RS 4\n.nf\nktape show run.ktape\n.fi\n", PAGE)

    def test_a_line_that_begins_with_a_dot_is_text(self):
        self.assertEqual(roff.escaped(".partial"), "\\&.partial")
        self.assertEqual(roff.escaped("'a' \\n"), "\\(aqa\\(aq \\en")

    def test_every_verb_that_was_built_has_a_page_without_warnings(self):
        pages = glob.glob(os.path.join(BUILD, "share/man/man1/*.gz"))
        programs = {os.path.basename(path) for path in glob.glob(os.path.join(BUILD, "bin/ktape*"))}
        programs = {name for name in programs if not name.startswith("ktape-assert-")}
        self.assertEqual({os.path.basename(page)[: -len(".1.gz")] for page in pages}, programs)
        for page in pages if shutil.which("mandoc") else []:
            with self.subTest(page=page):
                lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], stdout=subprocess.PIPE, text=True)
                self.assertEqual(lint.stdout, "")

    def test_what_a_help_says_is_on_its_page(self):
        for page, words, shown, takes in every_help():
            if not page:
                continue
            with self.subTest(words=words):
                self.assertNotIn("--describe-command", shown)
                text = text_of(page)
                names = [line.split()[0].split(",")[-1] for line in shown.splitlines() if line.startswith("  -")]
                self.assertGreater(len(names), 0)
                for name in names:
                    self.assertIn(f"\\fB{name}\\fR", text)
                for one in takes["positionals"] + takes["options"]:
                    self.assertIn(plain(one["description"])[1:], plain(text))
                for part in re.split(r"Exit status:|Examples?:|\n", takes["footer"]):
                    self.assertIn(plain(part), plain(text))

    def test_every_page_says_what_the_exit_status_means(self):
        for verb in VERBS:
            with self.subTest(verb=verb):
                self.assertRegex(text_of(f"ktape-{verb}"), r"(?i)exit status")

    def test_helps_have_one_style(self):
        for _, words, shown, takes in every_help():
            with self.subTest(words=words):
                self.assertEqual([line for line in shown.splitlines() if len(line) > 100], [])
                for one in takes["positionals"] + takes["options"]:
                    text = one["description"]
                    self.assertRegex(text, r"^[A-Z]")
                    self.assertFalse(text.endswith("."), text)
                    self.assertFalse("epeatable" in text, text)
                    if one["several"] and one["names"][0].startswith("-"):
                        self.assertRegex(plain(text), "[Mm]ay be repeated")
                    is_option = one["names"][0].startswith("-") and not one["flag"]
                    self.assertNotIn(one["value"] if is_option else "", ("TEXT", "INT", "UINT", "FLOAT", "T", "S"))
                    self.assertNotRegex(one["value"], "e[+]")

class Completions(unittest.TestCase):
    def test_bash_completes_verbs_options_and_values(self):
        self.assertEqual(bash(["ktape", "sh"]), ["show"])
        self.assertEqual(bash(["ktape", "help", "sh"]), ["show"])
        self.assertEqual(bash(["ktape", "show", "--j"]), ["--json"])
        self.assertEqual(bash(["ktape", "show", "--accel", "k"]), ["kvm"])

    def test_bash_completes_what_was_built(self):
        script = built("bash-completion/completions/ktape")
        with tempfile.TemporaryDirectory() as folder:
            kernels = os.path.join(folder, "ktape/kernels")
            os.makedirs(os.path.join(kernels, "6.16.12"))
            with open(os.path.join(kernels, "on-mirror"), "w", encoding="utf-8") as file:
                file.write("7.3.3\n7.3.4\n8.0\n")
            with open(os.path.join(folder, "a.file"), "w", encoding="utf-8"):
                pass

            def completed(*words):
                return bash(["ktape", *words], script, cwd=folder, env={**os.environ, "XDG_CACHE_HOME": folder})

            for verb in VERBS:
                self.assertEqual(completed(verb), [verb])
                self.assertEqual(completed("help", verb), [verb])
                self.assertIn("--help", completed(verb, "--h"))
            self.assertEqual(completed("capture", "cold"), ["cold_path_roundtrip"])
            self.assertEqual(completed("capture", "a."), ["a.file"])
            self.assertEqual(completed("capture", "--kernel", "6"), ["6.16.12"])
            self.assertEqual(completed("capture", "-k", "ho"), ["host"])
            for option in ("--append", "--topology", "--freeze-on"):
                self.assertEqual(completed("capture", option, "a"), [])
            self.assertEqual(completed("show", "--kind", "freezeB"), ["freezeBegan"])
            self.assertEqual(completed("show", "--from", "S"), [])
            self.assertEqual(completed("show", "a"), ["a.file"])
            self.assertEqual(completed("read", "a"), ["a.file"])
            self.assertEqual(completed("read", "a.file", "work"), ["workers"])
            self.assertEqual(completed("check", "--only", "vt"), ["vtime-monotonic"])
            self.assertEqual(completed("kernel", "i"), ["inspect"])
            self.assertEqual(completed("kernel", "fetch", "7"), ["7.3.3", "7.3.4"])
            self.assertEqual(completed("kernel", "inspect", "6"), ["6.16.12"])
            self.assertEqual(completed("init", "a"), [])

    def test_shells_read_what_was_built(self):
        for shell, path in (
            ("bash", "bash-completion/completions/ktape"),
            ("zsh", "zsh/site-functions/_ktape"),
            ("fish", "fish/vendor_completions.d/ktape.fish"),
        ):
            path = os.path.join(BUILD, "share", path)
            self.assertTrue(os.path.getsize(path))
            if shutil.which(shell):
                with self.subTest(shell=shell):
                    subprocess.run([shell, "-n", path], check=True)

    @unittest.skipUnless(shutil.which("fish"), "there is no fish: tools/setup --full")
    def test_fish_completes_verbs_options_and_values(self):
        script = built("fish/vendor_completions.d/ktape.fish")
        for line, wanted in (
            ("ktape sh", "show"), ("ktape show --j", "--json"), ("ktape capture --accel k", "kvm"),
            ("ktape show --kind freezeB", "freezeBegan"), ("ktape capture cold", "cold_path_roundtrip"),
            ("ktape kernel insp", "inspect"), ("ktape check --only vt", "vtime-monotonic"),
            ("ktape read x work", "workers"),
        ):
            run = subprocess.run(
                ["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"], stdout=subprocess.PIPE, text=True, check=True
            )
            self.assertEqual([found.split("\t")[0] for found in run.stdout.splitlines()], [wanted])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
