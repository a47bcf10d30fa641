# SPDX-License-Identifier: Apache-2.0
"""Manual pages in man(7), of the descriptions that ktape's programs print."""

import collections
import re

Release = collections.namedtuple("Release", "version date")

EXIT_STATUSES = (
    ("0", "good"),
    ("1", "an assertion is violated, a difference was found, or the run ended in another way than completed"),
    ("2", "the command line or the scenario is wrong"),
    ("3", "the tape or other input is unusable"),
    ("4", "the machine was lost, or the host lacks something"),
    ("77", "not applicable, inconclusive, not captured"),
)
ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def escaped(text):
    """Text of one line as roff prints it, character by character."""
    text = "".join(ESCAPES.get(character, character) for character in text)
    return "\\&" + text if text.startswith(".") else text


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def italic(text):
    return f"\\fI{escaped(text)}\\fR"


def header(name, release):
    title = escaped(name.upper())
    return [f'.TH {title} 1 "{release.date}" "ktape {release.version}" "User Commands"', ".nh"]


def sentence(text):
    """The words of a description as a sentence; one that begins with something to type keeps its first letter."""
    text = " ".join(text.split())
    if not text:
        return ""
    first = text[0].upper() if re.match(r"[a-z']+( |$)", text) else text[0]
    return first + text[1:] + ("" if text.endswith((".", ":")) else ".")


def paragraphs(text):
    """Lists of lines: running text, or lines that are indented and stay as they are."""
    block = []
    for line in [*text.split("\n"), ""]:
        indented = line.startswith(" ")
        if block and (not line or indented != block[-1].startswith(" ")):
            # What goes on below an indented line is indented more; a new block begins elsewhere.
            yield block
            block = []
        if line:
            block.append(line)


def body(text):
    """The lines of a section."""
    lines, first = [], True
    for block in paragraphs(text):
        if block[0].startswith(" "):
            lines += [".PP", ".RS 4", ".nf"] if not first else [".RS 4", ".nf"]
            lines += [escaped(line.strip() if len(block) == 1 else line[2:]) for line in block]
            lines += [".fi", ".RE"]
        else:
            lines += [] if first else [".PP"]
            lines += [escaped(line) for line in block]
        first = False
    return lines


def section(title, lines):
    return [f".SH {title}", *lines] if lines else []


def argument(option):
    """The value of an option, or the name of a positional, as a synopsis has it."""
    return option["value"].split(" ")[0] or "VALUE"


def term(option):
    names = ", ".join(bold(name) for name in option["names"])
    return names if option["flag"] else f"{names} {italic(option['value'] or 'VALUE')}"


def option_entry(option, title):
    text = sentence(option["description"])
    if option["default"]:
        text += f" The default is {option['default']}."
    is_told = re.search("repeat|several|more than once", text, re.IGNORECASE)
    if option["several"] and title.startswith("\\fB") and not is_told:
        text += " May be repeated."
    if option["excludes"]:
        text += f" Not with {', '.join(option['excludes'])}."
    return [".TP", title, escaped(text.strip()) or "\\&"]


def entries(command):
    lines = []
    for positional in command["positionals"]:
        lines += option_entry(positional, italic(positional["names"][0]))
    for option in command["options"]:
        lines += option_entry(option, term(option))
    return lines


def synopsis(name, command):
    words = [bold(name)]
    if command["options"]:
        words.append("[\\fIOPTION\\fR...]")
    for option in command["options"]:
        if option["required"]:
            words.append(f"{bold(option['names'][-1])} {italic(argument(option))}")
    for positional in command["positionals"]:
        dots = "..." if positional["several"] else ""
        word = italic(positional["names"][0]) + dots
        words.append(word if positional["required"] else f"[{word}]")
    return " ".join(words)


def footer_sections(text):
    """Title: text, of a help's footer: examples and exit status have sections, the rest is notes."""
    sections = collections.OrderedDict((title, "") for title in ("NOTES", "EXAMPLES", "EXIT STATUS"))
    title = "NOTES"
    for line in text.split("\n"):
        start = re.match(r"(Examples?|Exit status):\s*(.*)", line)
        if start:
            title = "EXAMPLES" if start.group(1).startswith("Example") else "EXIT STATUS"
            line = start.group(2)
        elif not line and title == "EXIT STATUS" or (title == "EXAMPLES" and line and not line.startswith(" ")):
            title = "NOTES"
        sections[title] += line + "\n"
    return {title: text.strip("\n") for title, text in sections.items() if text.strip()}


def commands(name, command):
    """The commands of a verb: their synopses, and a section for each."""
    lines = []
    for one in command["commands"]:
        lines += section(
            escaped(f"{name} {one['name']}".upper()),
            [
                *body(one["description"]),
                ".PP",
                synopsis(f"{name} {one['name']}", one),
                *entries(one),
                ".PP",
                *body(one["footer"].strip("\n")),
            ],
        )
    return lines


def page(verb, release):
    name, takes = f"ktape {verb['name']}", verb["takes"]
    footer = footer_sections(takes["footer"])
    forms = [f"{name} {one['name']}" for one in takes["commands"]]
    if forms:
        usage = [synopsis(form, one) for form, one in zip(forms, takes["commands"])]
        usage = "\n.br\n".join(usage).split("\n")
    else:
        usage = [synopsis(name, takes)]
    lines = header(name.replace(" ", "-"), release)
    lines += section("NAME", [escaped(f"ktape-{verb['name']}") + " \\- " + escaped(verb["summary"])])
    lines += section("SYNOPSIS", usage)
    lines += section("DESCRIPTION", body(takes["description"].strip("\n")))
    lines += section("OPTIONS", entries(takes))
    lines += commands(name, takes)
    for title in ("EXIT STATUS", "NOTES", "EXAMPLES"):
        lines += section(title, body(footer.get(title, "")))
    lines += section("SEE ALSO", [".BR ktape (1)"])
    return "\n".join(lines) + "\n"


def overview(description, verbs, release):
    lines = header("ktape", release)
    lines += section("NAME", ["ktape \\- flight recorder for Linux kernel schedulers"])
    lines += section("SYNOPSIS", ["\\fBktape\\fR \\fIVERB\\fR [\\fIARGUMENT\\fR...]", ".br", f"{bold('ktape help')} \\fIVERB\\fR"])
    lines += section(
        "DESCRIPTION",
        [
            escaped(description),
            "ktape boots a kernel in a virtual machine, runs a scenario there, freezes the machine to read or write",
            "kernel state from outside, and records all of it on a tape, which is one file.",
            "Assertions judge the tape later.",
            ".PP",
            "A verb is a program \\fBktape\\-\\fIVERB\\fR, one of ktape\\(aqs own or one on PATH.",
        ],
    )
    rows = []
    for verb in verbs:
        rows += [".TP", f"\\fBktape\\-{escaped(verb['name'])}\\fR(1)", escaped(sentence(verb["summary"]))]
    lines += section("VERBS", rows)
    data = "Print the folder of ktape's data: scenarios, and views.sql for SQL."
    lines += section("OPTIONS", [".TP", bold("--data-path"), escaped(data), ".TP", bold("--version"), "Print the version."])
    rows = []
    for status, meaning in EXIT_STATUSES:
        rows += [".TP", f"\\fB{status}\\fR", escaped(sentence(meaning))]
    lines += section("EXIT STATUS", rows)
    lines += section(
        "EXAMPLES",
        body("  ktape capture cold_path_roundtrip -o run.ktape\n  ktape check run.ktape\n  ktape show run.ktape"),
    )
    return "\n".join(lines) + "\n"
