#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds ARCHITECTURE.md against the tree: what it names in backquotes exists.

usage: architecture_test.py ROOT

A path is a file or a folder. A function, `name()`, is in one of the sources that its paragraph, list item or row of a
table names (a header counts with its source).
"""

import re
import sys
from pathlib import Path

NAMED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"^[\w.-]+(/[\w.*-]+)+/?$|^[\w.-]+\.(md|txt|cc|h|py)$")
FUNCTION = re.compile(r"^(\w+)\(\)$")
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-|]|\d+\.) ?)")


def sources_of(root, path):
    return [file for file in (root / path, (root / path).with_suffix(".cc")) if file.is_file()]


def is_defined(name, code):
    """A definition, or in a class of a header a declaration; no call: those are indented, and end in a semicolon."""
    return re.search(rf"^(?:[A-Za-z\[].*)?\b{name}\(", code, flags=re.MULTILINE)


def unnamed_modules(root, text):
    """Folders of sources that ARCHITECTURE.md does not name: by path, or as `name` in the row of the module above."""
    rows = [(NAMED.findall(row), row) for row in re.findall(r"^\| `.*$", text, flags=re.MULTILINE)]
    listed = {name for names, _ in rows for name in names}
    listed |= {f"{names[0]}/{name}" for names, _ in rows for name in names[1:]}
    folders = {
        str(path.parent.relative_to(root))
        for top in ("schema", "guest", "capture", "replay", "analyzers")
        for path in (root / top).rglob("*.cc")
        if "examples" not in path.parts
    }
    return [f"the module '{folder}' is not in the table of modules" for folder in sorted(folders - listed)]


def mistakes(root, text):
    found = []
    without_picture = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for block in BLOCK.split(without_picture):
        names = NAMED.findall(block)
        paths = [name for name in names if PATH.match(name) and "NAME" not in name]
        for path in paths:
            if not (root / path).exists() and not (path.endswith("CMakeLists.txt") and "/" not in path):
                found.append(f"'{path}' does not exist")
        code = "".join(file.read_text(encoding="utf-8") for path in paths for file in sources_of(root, path))
        for name in names:
            function = FUNCTION.match(name)
            if function and not is_defined(function.group(1), code):
                found.append(f"no file beside it has the function '{name}'")
    return found


def main():
    root = Path(sys.argv[1])
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    found = mistakes(root, text) + unnamed_modules(root, text)
    # A check that sees nothing would pass as well.
    planted = mistakes(root, "`capture/no_such_file.cc`: `main()`\n\n`capture/run/engine.cc`: `resume()`, `turn()`\n")
    planted += unnamed_modules(root, text.replace("`ops`", "`opps`"))
    if len(planted) != 4:
        found.append(f"of four planted mistakes {len(planted)} were seen: {planted}")
    if len(NAMED.findall(text)) < 100:
        found.append("ARCHITECTURE.md names next to nothing")
    for mistake in found:
        print(f"ARCHITECTURE.md: {mistake}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
