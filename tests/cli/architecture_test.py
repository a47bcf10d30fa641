#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds ARCHITECTURE.md against the tree: what it names in backquotes exists.

usage: architecture_test.py ROOT

A path is a file or a folder. A function, `name()`, is in one of the sources that its paragraph, list item or row of a
table names (a header counts with its source). The order of the folders, `room  a < b, c`, agrees with tools/layering.
"""

import re
import runpy
import sys
from pathlib import Path

NAMED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"^[\w.-]+(/[\w.*-]+)+/?$|^[\w.-]+\.(md|txt|cc|h|py)$")
FUNCTION = re.compile(r"^(\w+)\(\)$")
ORDER = re.compile(r"^([a-z/]+) +([a-z/, ]+ < [a-z/, <]+)$", flags=re.MULTILINE)
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


def folder_of(room, name, arrows):
    """`ops` of guest/kernel is guest/kernel/ops; `kernel` of guest/kernel is that room's own folder."""
    return f"{room}/{name}" if f"{room}/{name}" in arrows else f"{room.rpartition('/')[0]}/{name}".lstrip("/")


def wrong_order(layering, room, chain):
    """Folders of a room that tools/layering orders otherwise."""
    arrows, may_use = layering["ARROWS"], layering["may_use"]
    groups = [[folder_of(room, name, arrows) for name in group.split(", ")] for group in chain.split(" < ")]
    found = [f"'{folder}' is not in tools/layering" for group in groups for folder in group if folder not in arrows]
    if found:
        return found
    for at, group in enumerate(groups):
        for folder in group:
            not_lower = [other for later in groups[at:] for other in later if other != folder]
            found += [f"'{folder}' may use '{other}'" for other in not_lower if may_use(folder, other)]
            if at > 0 and not any(may_use(folder, lower) for lower in groups[at - 1]):
                found.append(f"'{folder}' uses nothing of {groups[at - 1]}")
    return found


def order_mistakes(layering, text):
    orders = ORDER.findall(text)
    found = [mistake for room, chain in orders for mistake in wrong_order(layering, room, chain)]
    named = {folder_of(room, name, layering["ARROWS"]) for room, chain in orders for name in re.split(r" < |, ", chain)}
    inside = {module for module in layering["ARROWS"] for room, _ in orders if module.startswith(room + "/")}
    nested = {"schema/base/command"}
    return found + [f"the order of '{module}' is missing" for module in sorted(inside - named - nested)]


def main():
    root = Path(sys.argv[1])
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    layering = runpy.run_path(str(root / "tools" / "layering"))
    found = mistakes(root, text) + unnamed_modules(root, text) + order_mistakes(layering, text)
    # A check that sees nothing would pass as well.
    planted = mistakes(root, "`capture/no_such_file.cc`: `main()`\n\n`capture/run/engine.cc`: `resume()`, `turn()`\n")
    planted += unnamed_modules(root, text.replace("`ops`", "`opps`"))
    planted += order_mistakes(layering, text.replace("record < freeze", "freeze < record"))[:1]
    planted += order_mistakes(layering, text.replace("survey, ops", "survey"))
    if len(planted) != 6:
        found.append(f"of six planted mistakes {len(planted)} were seen: {planted}")
    if len(NAMED.findall(text)) < 100:
        found.append("ARCHITECTURE.md names next to nothing")
    for mistake in found:
        print(f"ARCHITECTURE.md: {mistake}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
