#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the manual pages, and the completions of bash, zsh and fish, of what ktape's programs say of themselves.

usage: tools/packaging/make_pages.py PROGRAMS VERSION DATE OUT

PROGRAMS is the folder of `ktape` and `ktape-VERB`; OUT has the scenarios in ktape/scenarios; below it come man/man1, bash-completion/completions,
zsh/site-functions and fish/vendor_completions.d.
"""

import glob
import gzip
import json
import os
import subprocess
import sys

import completions
import roff


def description(program):
    """What a program takes, by its hidden argument."""
    run = subprocess.run([program, "--describe-command"], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def names_of(pattern, prefix="", suffix=""):
    """The names of the files of a pattern, without what they have in common."""
    return sorted(os.path.basename(path).removeprefix(prefix).removesuffix(suffix) for path in glob.glob(pattern))


def write(folder, name, content):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def write_page(out, name, text):
    # Without a time, so that the same page is the same file.
    write(os.path.join(out, "man", "man1"), f"{name}.1.gz", gzip.compress(text.encode(), 9, mtime=0))


def main():
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    programs, version, date, out = sys.argv[1:]
    ktape = description(os.path.join(programs, "ktape"))
    verbs = ktape["verbs"]
    for verb in verbs:
        verb["takes"] = description(os.path.join(programs, f"ktape-{verb['name']}"))
    names = completions.Names(
        names_of(os.path.join(out, "ktape/scenarios/*.scenario"), suffix=".scenario"),
        names_of(os.path.join(programs, "ktape-assert-*"), prefix="ktape-assert-"),
    )
    release = roff.Release(version, date)
    write_page(out, "ktape", roff.overview(ktape["description"], verbs, release))
    for verb in verbs:
        write_page(out, f"ktape-{verb['name']}", roff.page(verb, release))
    for folder, name, text in (
        ("bash-completion/completions", "ktape", completions.bash(verbs, names)),
        ("zsh/site-functions", "_ktape", completions.zsh(verbs, names)),
        ("fish/vendor_completions.d", "ktape.fish", completions.fish(verbs, names)),
    ):
        write(os.path.join(out, folder), name, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
