# SPDX-License-Identifier: Apache-2.0
"""Completions for bash, zsh and fish, of the descriptions that ktape's programs print."""

import collections
import re

LICENCE = "SPDX-License-Identifier: Apache-2.0"

# Names that are known when the completions are made.
Names = collections.namedtuple("Names", "scenarios assertions")

# What a value, or a positional argument, is by its name in --help; see `kind`.
KINDS = {
    "DIR": "folders",
    **dict.fromkeys(("A", "B", "FILE", "OUT", "PROGRAM", "TAPE"), "files"),
    "SCENARIO": "scenarios",
    **dict.fromkeys(("IMAGE", "KERNEL"), "kernels"),
    "VERSION": "versions",
}
# Where `ktape kernel` keeps kernels, and what it knows of the mirror's.
CACHE = "${XDG_CACHE_HOME:-$HOME/.cache}/ktape/kernels"


def all_options(takes):
    """A verb's options, and those of its commands."""
    options = list(takes["options"])
    for command in takes["commands"]:
        names = {name for option in options for name in option["names"]}
        options += [option for option in command["options"] if not names & set(option["names"])]
    return options


def choices(option):
    """What an option can be given, where that is a list."""
    if re.fullmatch(r"[a-z|-]*\|[a-z|-]*", option["value"]):
        return option["value"].split("|")
    return option["words"]


def kind(name):
    """What a shell completes it to: "folders", "files", "nothing", or names: "scenarios" and "kernels", which can also
    be files, "versions" of kernels, "assertions"."""
    return KINDS.get(name.split(" ")[0], "nothing")


def option_kind(option):
    return "assertions" if option["names"][-1] in ("--only", "--require") else kind(option["value"])


def positional_kind(takes):
    return kind(takes["positionals"][0]["names"][0]) if takes["positionals"] else "nothing"


def positional_words(takes):
    """Names that a positional argument can have besides those of files."""
    return " ".join(word for positional in takes["positionals"] for word in positional["words"])


def subcommands(verb):
    return [command["name"] for command in verb["takes"]["commands"]]


def summary(option):
    """The first sentence of what an option does."""
    text = " ".join(option["description"].split())
    return re.split(r"(?<=[^.])[.;:](?: |$)", text)[0]


# ----------------------------------------------------------------------------------------------- bash


def bash_words(words, more=""):
    return f"mapfile -t COMPREPLY < <(compgen -W \"{words}\"{more} -- \"$word\")"


def bash_action(what, names):
    files = "compopt -o filenames; "
    return {
        "folders": files + 'mapfile -t COMPREPLY < <(compgen -d -- "$word")',
        "files": files + 'mapfile -t COMPREPLY < <(compgen -f -- "$word")',
        "scenarios": files + bash_words(" ".join(names.scenarios), " -f"),
        "kernels": files + bash_words("host $(_ktape_kernels)", " -f"),
        "versions": bash_words("$(_ktape_on_mirror)"),
        "assertions": bash_words(" ".join(names.assertions)),
        "nothing": "COMPREPLY=()",
    }[what]


def bash_values(verbs, names):
    """Cases "VERB OPTION": how the word behind it is completed."""
    cases = []
    for verb in verbs:
        for option in all_options(verb["takes"]):
            if option["flag"]:
                continue
            patterns = "|".join(f"'{verb['name']} {name}'" for name in option["names"])
            words = " ".join(choices(option))
            action = bash_words(words) if words else bash_action(option_kind(option), names)
            cases.append(f"    {patterns}) {action}; return ;;")
    return cases


def bash_positionals(verbs, names):
    """Cases "VERB COMMAND": how a word that is no option is completed."""
    cases = []
    for verb in verbs:
        for command in verb["takes"]["commands"]:
            action = bash_action(positional_kind(command), names)
            cases.append(f"    '{verb['name']} {command['name']}') {action} ;;")
        if not verb["takes"]["commands"]:
            words = positional_words(verb["takes"])
            action = bash_action(positional_kind(verb["takes"]), names)
            if words:
                action = "compopt -o filenames; " + bash_words(words, " -f")
            cases.append(f"    '{verb['name']} '*) {action} ;;")
    return cases


def bash(verbs, names):
    verb_names = " ".join(verb["name"] for verb in verbs)
    words = []
    for verb in verbs:
        options = " ".join(name for option in all_options(verb["takes"]) for name in option["names"])
        words.append(f"    {verb['name']}) options='{options}' commands='{' '.join(subcommands(verb))}' ;;")
    return "\n".join(
        [
            "# shellcheck shell=bash",
            f"# {LICENCE}",
            f"_ktape_kernels() {{ ls \"{CACHE}\" 2>/dev/null | grep '^[0-9]'; }}",
            f"_ktape_on_mirror() {{ cat \"{CACHE}/on-mirror\" 2>/dev/null; }}",
            "_ktape() {",
            "  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} before=${COMP_WORDS[COMP_CWORD-1]}",
            "  local options='' commands=''",
            "  if ((COMP_CWORD == 1)); then",
            "    " + bash_words(f"help {verb_names} --help --version"),
            "    return",
            "  fi",
            '  if [[ $verb == help ]]; then',
            "    " + bash_words(verb_names),
            "    return",
            "  fi",
            '  case "$verb $before" in',
            *bash_values(verbs, names),
            "  esac",
            "  case $verb in",
            *words,
            "  esac",
            "  if [[ $word == -* ]]; then",
            "    " + bash_words("$options"),
            "    return",
            "  fi",
            "  if [[ -n $commands ]] && ((COMP_CWORD == 2)); then",
            "    " + bash_words("$commands"),
            "    return",
            "  fi",
            '  case "$verb ${COMP_WORDS[2]}" in',
            *bash_positionals(verbs, names),
            "  esac",
            "}",
            "complete -F _ktape ktape",
            "",
        ]
    )


# ------------------------------------------------------------------------------------------------ zsh


def zsh_text(text):
    """For between brackets or colons of a specification that stands in single quotes."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh_action(what, names):
    return {
        "folders": "_files -/",
        "files": "_files",
        "scenarios": "_ktape_scenarios",
        "kernels": "_ktape_kernels",
        "versions": "_ktape_versions",
        "assertions": f"({' '.join(names.assertions)})",
        "nothing": "",
    }[what]


def zsh_functions(names):
    scenarios = " ".join(names.scenarios)
    return [
        "_ktape_scenarios() {",
        f"  _alternative 'names:scenario:({scenarios})' 'files:file:_files'",
        "}",
        "_ktape_kernels() {",
        "  local -a kernels",
        f"  kernels=(host ${{(f)\"$(ls \"{CACHE}\" 2>/dev/null | grep '^[0-9]')\"}})",
        "  _alternative 'names:kernel:($kernels)' 'files:file:_files'",
        "}",
        "_ktape_versions() {",
        "  local -a versions",
        f"  versions=(${{(f)\"$(cat \"{CACHE}/on-mirror\" 2>/dev/null)\"}})",
        "  compadd -a versions",
        "}",
    ]


def zsh_option(option, names):
    excluded = " ".join(option["names"])
    value = ""
    if not option["flag"]:
        action = f"({' '.join(choices(option))})" if choices(option) else zsh_action(option_kind(option), names)
        value = f":{zsh_text(option['value'].split(' ')[0] or 'value')}:{action}"
    prefix = "*" if option["several"] else f"({excluded})"
    return [f"    '{prefix}{name}[{zsh_text(summary(option))}]{value}'" for name in option["names"]]


def zsh_positionals(verb, names):
    """Of a verb's commands, only the first one's positionals."""
    takes, lines = verb["takes"], []
    if takes["commands"]:
        lines.append(f"    '1:command:({' '.join(subcommands(verb))})'")
        takes = takes["commands"][0]
    what, words = positional_kind(takes), positional_words(takes)
    if words:
        return [*lines, f"    '*:argument:{{_alternative \"names:name:({words})\" \"files:file:_files\"}}'"]
    return lines + ([f"    '*:argument:{zsh_action(what, names)}'"] if what != "nothing" else [])


def zsh(verbs, names):
    lines = [
        "#compdef ktape",
        f"# {LICENCE}",
        *zsh_functions(names),
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
        specifications = [line for option in all_options(verb["takes"]) for line in zsh_option(option, names)]
        specifications += zsh_positionals(verb, names)
        lines += [f"  {verb['name']}) _arguments \\", " \\\n".join(specifications), "    ;;"]
    return "\n".join([*lines, "  esac", "}", '_ktape "$@"', ""])


# ----------------------------------------------------------------------------------------------- fish


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_action(what, names):
    """Options of `complete` for a value, or for positional arguments."""
    return {
        "folders": "-x -a '(__fish_complete_directories)'",
        "files": "-r -F",
        "scenarios": f"-r -F -a '{' '.join(names.scenarios)}'",
        "kernels": "-r -F -a 'host (__ktape_kernels)'",
        "versions": "-x -a '(__ktape_on_mirror)'",
        "assertions": f"-x -a '{' '.join(names.assertions)}'",
        "nothing": "-x",
    }[what]


def fish_option(verb, option, names):
    words = ["complete -c ktape", f"-n '__fish_seen_subcommand_from {verb}'"]
    for name in option["names"]:
        words.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
    if choices(option):
        words.append(f"-x -a {fish_text(' '.join(choices(option)))}")
    elif not option["flag"]:
        words.append(fish_action(option_kind(option), names))
    return " ".join([*words, f"-d {fish_text(summary(option))}"])


def fish_positional(word, what, names):
    """Files are what fish offers by itself; -r and -x are about the values of options."""
    action = fish_action(what, names).replace("-r -F", "").replace("-x", "-f").strip()
    return f"complete -c ktape -n '__fish_seen_subcommand_from {word}' {action}" if action else ""


def fish_verb(verb, names):
    name, takes = verb["name"], verb["takes"]
    lines = [fish_option(name, option, names) for option in all_options(takes)]
    for command in takes["commands"]:
        lines.append(
            f"complete -c ktape -n '__fish_seen_subcommand_from {name}; and not __fish_seen_subcommand_from "
            f"{' '.join(subcommands(verb))}' -f -a {command['name']} -d {fish_text(summary(command))}"
        )
        lines.append(fish_positional(command["name"], positional_kind(command), names))
    if not takes["commands"]:
        lines.append(fish_positional(name, positional_kind(takes), names))
        if words := positional_words(takes):
            lines.append(f"complete -c ktape -n '__fish_seen_subcommand_from {name}' -a {fish_text(words)}")
    return [line for line in lines if line]


def fish(verbs, names):
    verb_names = " ".join(verb["name"] for verb in verbs)
    cache = "(set -q XDG_CACHE_HOME; and echo $XDG_CACHE_HOME; or echo ~/.cache)/ktape/kernels"
    lines = [
        f"# {LICENCE}",
        "function __ktape_kernels",
        f"  command ls {cache} 2>/dev/null | string match -r '^[0-9].*'",
        "end",
        "function __ktape_on_mirror",
        f"  command cat {cache}/on-mirror 2>/dev/null",
        "end",
        "complete -c ktape -n __fish_use_subcommand -f",
    ]
    for verb in verbs:
        lines.append(f"complete -c ktape -n __fish_use_subcommand -a {verb['name']} -d {fish_text(verb['summary'])}")
    lines.append("complete -c ktape -n __fish_use_subcommand -a help -d 'show the manual page of a verb'")
    lines.append(f"complete -c ktape -n '__fish_seen_subcommand_from help' -f -a '{verb_names}'")
    for verb in verbs:
        lines += fish_verb(verb, names)
    return "\n".join([*lines, ""])
