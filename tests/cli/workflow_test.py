#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the workflows in docs/ci.md, and runs the steps that need no guest.

usage: workflow_test.py SOURCE BUILD

Each ```yaml block is YAML with steps; each step's script is valid for bash; each option of `ktape VERB` in it is in the
verb's --help. The steps that check tapes, and gather those of failures, run over golden tapes. Also looks for planted
mistakes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import yaml
except ImportError:
    print("not tested: install the package python3-yaml")
    sys.exit(77)

BLOCK = re.compile(r"```yaml\n(.*?)```", flags=re.DOTALL)
COMMAND = re.compile(r"\bktape ((?:kernel )?[a-z]+)((?:[^\n|;&]|\\\n)*)")


def steps_of(text):
    """The steps of a workflow, or of a list of steps."""
    read = yaml.safe_load(text)
    jobs = [{"steps": read}] if isinstance(read, list) else read["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def mistakes_in(step, ktape):
    if ("run" in step) == ("uses" in step):
        return [f"{step}: has one of run and uses"]
    script = step.get("run", "")
    parsed = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    found = [f"{step['name']}: {parsed.stderr}"] if parsed.returncode != 0 else []
    for words, rest in COMMAND.findall(script):
        done = subprocess.run([ktape, *words.split(), "--help"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            found.append(f"there is no 'ktape {words}'")
        for option in re.findall(r"(?<=\s)(--?[a-z][-a-z]*)", rest):
            if not re.search(rf"^ +(-\w,)?{option}\b", done.stdout, flags=re.MULTILINE):
                found.append(f"'ktape {words}' has no option {option}")
    return found


def run_steps(steps, source, build, folder):
    """Checks a good and a bad tape as the workflow does; what is not as it should be."""
    tapes = folder / "tapes"
    tapes.mkdir()
    for name in ("cold_path_roundtrip", "scheduler_stall"):
        shutil.copy(source / f"tests/golden/{name}-6.16.12.ktape", tapes)
    summary = folder / "summary.md"
    environment = dict(os.environ, PATH=f"{build / 'bin'}:{os.environ['PATH']}", GITHUB_STEP_SUMMARY=str(summary))

    def run(name):
        script = next(step["run"] for step in steps if step.get("name") == name)
        return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, env=environment,
                              capture_output=True, text=True, check=False)

    found = []
    check, gather = run("Check"), run("Gather the tapes of failures")
    if check.returncode == 0 or "\n::error title=no-scheduler-error%3A tapes/scheduler_stall" not in check.stdout:
        found.append(f"the check of a bad tape: status {check.returncode}\n{check.stdout}{check.stderr}")
    if gather.returncode != 0 or os.listdir(folder / "failures") != ["scheduler_stall-6.16.12.ktape"]:
        found.append(f"gathering: status {gather.returncode}\n{gather.stderr}")
    if "| **violated** | no-scheduler-error | tapes/scheduler" not in summary.read_text().replace("&#95;", "_"):
        found.append(f"the summary: {summary.read_text()}")
    (tapes / "scheduler_stall-6.16.12.ktape").unlink()
    good = run("Check")
    if good.returncode != 0:
        found.append(f"the check of a good tape: status {good.returncode}\n{good.stdout}{good.stderr}")
    return found


def planted_mistakes(ktape):
    missed = []
    for step in ({"name": "a", "run": "if true"}, {"name": "a"}, {"name": "a", "run": "ktape chekc a"},
                 {"name": "a", "run": "ktape check a --junti b"}, {"name": "a", "run": "x || ktape kernel fetch -j 3"}):
        if not mistakes_in(step, ktape):
            missed.append(f"a planted mistake was not found: {step}")
    return missed


def main():
    source, build = (Path(word).resolve() for word in sys.argv[1:3])
    ktape = build / "bin/ktape"
    blocks = BLOCK.findall((source / "docs/ci.md").read_text(encoding="utf-8"))
    found = planted_mistakes(ktape) + ([] if len(blocks) == 2 else [f"docs/ci.md has {len(blocks)} blocks of YAML"])
    for block in blocks:
        for step in steps_of(block):
            found += mistakes_in(step, ktape)
    with tempfile.TemporaryDirectory() as folder:
        found += run_steps(steps_of(blocks[0]), source, build, Path(folder))
    print("\n".join([*found, f"{len(found)} mistakes"]))
    return 1 if found else 0


sys.exit(main())
