# SPDX-License-Identifier: Apache-2.0
"""The Markdown pages of docs_test.py: their commands, and what they show of the output of each."""

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path

SKIPPED = "..."
NUMBER = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{16,}\b|\d+(\.\d+)*")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@dataclass
class Command:
    text: str
    line: int  # of the page, from 0: where its output begins
    kind: set
    status: int = 0
    shown: list = field(default_factory=list)


@dataclass
class Page:
    path: Path
    lines: list
    blocks: list = field(default_factory=list)  # (info, first line, lines)

    def __str__(self):
        return self.path.name


def read_page(path):
    page = Page(path, path.read_text(encoding="utf-8").split("\n"))
    info = None
    for number, line in enumerate(page.lines):
        if not line.startswith("```"):
            continue
        if info is None:
            info, first = line[3:].split(), number + 1
        else:
            page.blocks.append((info, first, page.lines[first:number]))
            info = None
    return page


def commands_of(page):
    commands, more = [], False
    for info, first, lines in page.blocks:
        if info[:1] != ["console"]:
            continue
        more = False
        for number, line in enumerate(lines, first):
            if more:
                commands[-1].text += "\n" + line
            elif line.startswith("$ "):
                commands.append(Command(line[2:], 0, set(info[1:])))
            else:
                commands[-1].shown.append(line)
                continue
            commands[-1].line = number + 1
            more = line.endswith("\\")
    for command in commands:
        status = re.search(r"# exits (\d+)$", command.text)
        command.status = int(status.group(1)) if status else 0
    return commands


def segments_of(shown):
    """The runs of lines between the '...', and whether something may stand before and behind them."""
    segments = [[]]
    for line in shown:
        if line.strip() == SKIPPED:
            segments.append([])
        else:
            segments[-1].append(line.rstrip())
    return segments


def form(line):
    return re.sub(r"[-─]+", "-", " ".join(NUMBER.sub("#", line).split()))


def unseen(shown, output, same=lambda line: line):
    """The first shown line that is not in its place in the output; None where all are."""
    output, at = [same(line.rstrip()) for line in output], 0
    segments = segments_of(shown)
    for number, segment in enumerate(segments):
        if not segment:
            continue
        wanted, size = [same(line) for line in segment], len(segment)
        places = range(at, len(output) - size + 1) if number else range(0, min(1, len(output) - size + 1))
        if number == len(segments) - 1:
            places = [place for place in places if place + size == len(output)]
        place = next((place for place in places if output[place : place + size] == wanted), None)
        if place is None:
            missing = [line for line in segment if same(line) not in output[at:]]
            return (missing or segment)[0]
        at = place + size
    return None


def renewed(shown, output):
    """What is shown, with the lines of the output that are most like it."""
    output, at, lines = [line.rstrip() for line in output], 0, []
    segments = segments_of(shown)
    for number, segment in enumerate(segments):
        def likeness(place, segment=segment):
            pairs = zip(segment, output[place : place + len(segment)])
            return sum(difflib.SequenceMatcher(None, *pair, autojunk=False).ratio() for pair in pairs)

        if number:
            lines.append(SKIPPED)
        if segment:
            last = max(at, len(output) - len(segment))
            places = [last] if number and number == len(segments) - 1 else range(at, last + 1) if number else [0]
            place = max(places, key=likeness)
            size = len(output) if len(segments) == 1 else len(segment)
            lines += output[place : place + size]
            at = place + size
    return lines


def page_text(page):
    return "\n".join(page.lines)


def anchors_of(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
