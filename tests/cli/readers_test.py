#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the table of docs/readers.md: each test is one of ctest's and runs the reader, each version is the one that is
installed, and each reader that tools/setup installs for the tests has a row.

usage: readers_test.py SOURCE BUILD
"""

import re
import subprocess
import sys
from pathlib import Path

# What tools/setup installs for the tests that reads nothing of ktape's.
NO_READERS = set("""clang-format-14 clang-tidy-14 libbenchmark-dev libclang-rt-14-dev libtraceevent-dev libxxhash-dev python3-yaml dpkg-dev
    file fish lintian mandoc mmdebstrap xz-utils zsh""".split())
COLUMNS = ("reader", "package", "version", "reads", "of", "test")


def rows_of(page):
    rows = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and tuple(cells) != COLUMNS:
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def test_mistakes(row, source, tests):
    """Tests that ctest does not have, or that do not run the reader."""
    wrong = []
    links = re.findall(r"\[(\w+)\]\(([^)]*)\)", row["test"])
    if not links:
        wrong.append("no test")
    for name, link in links:
        if not any(test == name or test.startswith(name + ":") for test in tests):
            wrong.append(f"ctest has no {name}")
        words = [word.split()[0] for word in re.findall(r"`([^`]*)`", row["reader"])]
        text = (source / "docs" / link).read_text()
        wrong += [f"{link} does not run {word}" for word in words if word not in text]
    return wrong


def version_mistakes(row):
    """The installed version, if it is of another series: distributions update what they ship."""
    if not row["package"] or not row["version"]:
        return []
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", row["package"]]
    try:
        done = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return []  # another distribution
    state, _, version = done.stdout.partition(" ")
    upstream = re.sub(r"^\d+:", "", version)
    series = ".".join(row["version"].split(".")[:2])
    if state != "installed" or re.match(re.escape(series) + r"(?![0-9])", upstream):
        return []
    return [f"{row['package']} {version} is installed"]


def mistakes_of(page, source, tests):
    rows = rows_of(page)
    wrong = [] if rows else ["there is no table"]
    for row in rows:
        found = test_mistakes(row, source, tests) + version_mistakes(row)
        wrong += [f"{row['reader']}: {what}" for what in found]
    setup = (source / "tools/setup").read_text()
    lists = re.findall(r"^readonly k(?:Test|Full)Packages=\(([^)]*)\)", setup, re.M)
    packages = set(" ".join(lists).split()) - NO_READERS
    wrong += [f"{package} of tools/setup has no row" for package in sorted(packages - {row["package"] for row in rows})]
    return wrong


def main():
    source, build = (Path(word).resolve() for word in sys.argv[1:3])
    page = (source / "docs/readers.md").read_text()
    listed = subprocess.run(["ctest", "--test-dir", build, "-N"], stdout=subprocess.PIPE, text=True, check=True).stdout
    tests = re.findall(r"^ *Test +#\d+: (.*)$", listed, re.M)
    wrong = mistakes_of(page, source, tests)
    planted = {
        "a test that is not there": page.replace("[duckdb_test]", "[duckdb_tests]"),
        "a test of another reader": page.replace("../tests/cli/duckdb_test.py", "../tests/cli/json_test.py"),
        "a row less": re.sub(r"\| `crash` .*\n", "", page),
        "no table": "",
    }
    for what, text in planted.items():
        if not mistakes_of(text, source, tests):
            wrong.append(f"{what} is not found")
    print("\n".join(wrong) or f"{len(rows_of(page))} readers")
    return 1 if wrong else 0


sys.exit(main())
