#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completions: of descriptions made here, and those that were built.

usage: pages_test.py SOURCE BUILD
"""

import glob
import gzip
import os
import shutil
import subprocess
import sys
import unittest

SOURCE, BUILD = sys.argv[1:3]
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "tools/packaging"))

import completions  # noqa: E402
import roff  # noqa: E402


def option(*names, **more):
    common = {"description": "", "value": "", "default": "", "excludes": [], "flag": False, "required": False, "several": False}
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


def bash(words):
    """What bash completes the last of these words to."""
    line = " ".join(f"'{word}'" for word in words)
    script = f'source /dev/stdin 3<&0; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _ktape; printf "%s\\n" "${{COMPREPLY[@]}}"'
    run = subprocess.run(["bash", "-c", script], input=completions.bash([VERB]), stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout.split()


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

    def test_every_option_of_a_help_is_on_its_page(self):
        for verb in ("capture", "check", "kernel"):
            with gzip.open(os.path.join(BUILD, f"share/man/man1/ktape-{verb}.1.gz"), "rt") as file:
                page = file.read().replace("\\-", "-")
            command = [os.path.join(BUILD, "bin", f"ktape-{verb}")] + (["inspect"] if verb == "kernel" else [])
            shown = subprocess.run([*command, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
            self.assertNotIn("--describe-command", shown)
            names = [line.split()[0].split(",")[-1] for line in shown.splitlines() if line.startswith("  -")]
            self.assertGreater(len(names), 2)
            for name in names:
                self.assertIn(f"\\fB{name}\\fR", page)


class Completions(unittest.TestCase):
    def test_bash_completes_verbs_options_and_values(self):
        self.assertEqual(bash(["ktape", "sh"]), ["show"])
        self.assertEqual(bash(["ktape", "help", "sh"]), ["show"])
        self.assertEqual(bash(["ktape", "show", "--j"]), ["--json"])
        self.assertEqual(bash(["ktape", "show", "--accel", "k"]), ["kvm"])

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
        script = completions.fish([VERB])
        for line, wanted in (("ktape sh", "show"), ("ktape show --j", "--json"), ("ktape show --accel k", "kvm")):
            run = subprocess.run(
                ["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"], stdout=subprocess.PIPE, text=True, check=True
            )
            self.assertEqual([found.split("\t")[0] for found in run.stdout.splitlines()], [wanted])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
