# SPDX-License-Identifier: Apache-2.0
"""Completions for bash, zsh and fish, of the descriptions that ktape's programs print."""

import re

LICENCE = "SPDX-License-Identifier: Apache-2.0"


def all_options(takes):
    """A verb's options, and those of its commands."""
    options = list(takes["options"])
    for command in takes["commands"]:
        names = {name for option in options for name in option["names"]}
        options += [option for option in command["options"] if not names & set(option["names"])]
    return options


def choices(option):
    """What an option can be given, where that is a list."""
    return option["value"].split("|") if "|" in option["value"] else []


def kind(option):
    """What else an option takes: "folders", "files", or "nothing" that a shell can complete."""
    if option["value"] == "DIR":
        return "folders"
    return "files" if re.match(r"(FILE|OUT|TEXT)\b", option["value"]) else "nothing"


def subcommands(verb):
    return [command["name"] for command in verb["takes"]["commands"]]


def summary(option):
    """The first sentence of what an option does."""
    text = " ".join(option["description"].split())
    return re.split(r"(?<=[^.])[.;:](?: |$)", text)[0]


# ----------------------------------------------------------------------------------------------- bash


def bash_values(verbs):
    """Cases "VERB OPTION": how the word behind it is completed."""
    cases = []
    for verb in verbs:
        for option in all_options(verb["takes"]):
            if option["flag"]:
                continue
            patterns = "|".join(f"'{verb['name']} {name}'" for name in option["names"])
            if choices(option):
                action = f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(choices(option))}' -- \"$word\")"
            else:
                action = {
                    "folders": 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word")',
                    "files": 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")',
                    "nothing": "COMPREPLY=()",
                }[kind(option)]
            cases.append(f"    {patterns}) {action}; return ;;")
    return cases


def bash(verbs):
    names = " ".join(verb["name"] for verb in verbs)
    words = []
    for verb in verbs:
        options = " ".join(name for option in all_options(verb["takes"]) for name in option["names"])
        words.append(f"    {verb['name']}) options='{options}' commands='{' '.join(subcommands(verb))}' ;;")
    return "\n".join(
        [
            "# shellcheck shell=bash",
            f"# {LICENCE}",
            "_ktape() {",
            "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} before=${COMP_WORDS[COMP_CWORD-1]}",
            "  local options='' commands=''",
            "  if ((COMP_CWORD == 1)); then",
            f"    mapfile -t COMPREPLY < <(compgen -W 'help {names} --help --version' -- \"$word\")",
            "    return",
            "  fi",
            '  if [[ $verb == help ]]; then',
            f"    mapfile -t COMPREPLY < <(compgen -W '{names}' -- \"$word\")",
            "    return",
            "  fi",
            '  case "$verb $before" in',
            *bash_values(verbs),
            "  esac",
            "  case $verb in",
            *words,
            "  esac",
            "  if [[ $word == -* ]]; then",
            '    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")',
            "  elif [[ -n $commands ]] && ((COMP_CWORD == 2)); then",
            '    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")',
            "  else",
            '    compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")',
            "  fi",
            "}",
            "complete -F _ktape ktape",
            "",
        ]
    )


# ------------------------------------------------------------------------------------------------ zsh


def zsh_text(text):
    """For between brackets or colons of a specification that stands in single quotes."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh_option(option):
    names = option["names"]
    excluded = " ".join(names)
    value = ""
    if not option["flag"]:
        action = {"folders": "_files -/", "files": "_files", "nothing": ""}[kind(option)]
        if choices(option):
            action = f"({' '.join(choices(option))})"
        value = f":{zsh_text(option['value'].split(' ')[0] or 'value')}:{action}"
    prefix = "*" if option["several"] else f"({excluded})"
    return [f"    '{prefix}{name}[{zsh_text(summary(option))}]{value}'" for name in names]


def zsh(verbs):
    lines = [
        "#compdef ktape",
        f"# {LICENCE}",
        "_ktape() {",
        "  local -a verbs",
        "  verbs=(",
        *(f"    '{verb['name']}:{zsh_text(verb['summary'])}'" for verb in verbs),
        "  )",
        "  if ((CURRENT == 2)); then",
        "    _describe verb verbs",
        "    compadd help",
        "    return",
        "  fi",
        "  local verb=$words[2]",
        "  shift words",
        "  ((CURRENT--))",
        "  case $verb in",
        "  help) _describe verb verbs ;;",
    ]
    for verb in verbs:
        specifications = [line for option in all_options(verb["takes"]) for line in zsh_option(option)]
        if subcommands(verb):
            specifications.append(f"    '1:command:({' '.join(subcommands(verb))})'")
        specifications.append("    '*:file:_files'")
        lines += [f"  {verb['name']}) _arguments \\", " \\\n".join(specifications), "    ;;"]
    return "\n".join([*lines, "  esac", "}", '_ktape "$@"', ""])


# ----------------------------------------------------------------------------------------------- fish


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_option(verb, option):
    words = ["complete -c ktape", f"-n '__fish_seen_subcommand_from {verb}'"]
    for name in option["names"]:
        words.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
    if choices(option):
        words.append(f"-x -a {fish_text(' '.join(choices(option)))}")
    elif not option["flag"]:
        words.append({"folders": "-x -a '(__fish_complete_directories)'", "files": "-r -F", "nothing": "-x"}[kind(option)])
    return " ".join([*words, f"-d {fish_text(summary(option))}"])


def fish(verbs):
    names = " ".join(verb["name"] for verb in verbs)
    lines = [f"# {LICENCE}", "complete -c ktape -n __fish_use_subcommand -f"]
    for verb in verbs:
        lines.append(f"complete -c ktape -n __fish_use_subcommand -a {verb['name']} -d {fish_text(verb['summary'])}")
    lines.append("complete -c ktape -n __fish_use_subcommand -a help -d 'show the manual page of a verb'")
    lines.append(f"complete -c ktape -n '__fish_seen_subcommand_from help' -f -a '{names}'")
    for verb in verbs:
        lines += [fish_option(verb["name"], option) for option in all_options(verb["takes"])]
        for command in verb["takes"]["commands"]:
            lines.append(
                f"complete -c ktape -n '__fish_seen_subcommand_from {verb['name']}' -a {command['name']} "
                f"-d {fish_text(summary(command))}"
            )
    return "\n".join([*lines, ""])
