# SPDX-License-Identifier: Apache-2.0
"""Shared by the benchmarks of this folder: paths, building, pairs of runs, Google Benchmark."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

PAIRS = 20  # at least, for each row
PAIRS_QUICK = 5


class BenchError(Exception):
    """Something is missing, or a measured program failed; the text says what."""


@dataclass
class Context:
    """What a benchmark receives."""

    root: str  # of the repository
    work: str  # an empty folder, removed afterwards
    quick: bool = False

    @property
    def build(self):
        return os.path.join(self.root, "build", "release")

    def program(self, name):
        """The path of one of ktape's programs, or of the benchmarks' own."""
        return os.path.join(self.build, "benchmarks" if name.startswith("bench_") else "bin", name)

    @property
    def pairs(self):
        return PAIRS_QUICK if self.quick else PAIRS

    def say(self, text):
        """A line of progress."""
        print(f"    {text}", file=sys.stderr, flush=True)

    def run(self, arguments, **options):
        """Runs a program to its end and returns its output. BenchError with its last output if it fails."""
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
        if done.returncode != 0:
            last = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
            raise BenchError(f"'{' '.join(arguments)}' ended with status {done.returncode}\n{last}")
        return done.stdout

    def build_targets(self, targets):
        """Sets up and builds what is measured, with the preset release."""
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            self.run([os.path.join(self.root, "tools", "setup"), "--tests"])
            self.run(["cmake", "--preset", "release"], cwd=self.root)
        for target in sorted(set(targets)):
            self.say(f"building {target}")
            self.run(["cmake", "--build", self.build, "--target", target])

    def interleave(self, floor, ours, pairs=None):
        """Samples of floor and ours, functions that each return one number: in turns, alternating which comes first, so
        that neither always finds the caches warm."""
        samples = ([], [])
        for pair in range(pairs or self.pairs):
            order = (0, 1) if pair % 2 == 0 else (1, 0)
            for which in order:
                samples[which].append((floor, ours)[which]())
        return samples

    def google(self, program, name, per=None, min_time_s=0.05):
        """Runs the Google benchmarks `NAME/floor` and `NAME/ours` of a program in tools/benchmarks, in random turns.
        Returns their samples, one per repetition, as {"floor": [...], "ours": [...]} without missing ones: real time in
        ns; with per="item" in ns per item; with per="second" in items a second."""
        return {key.removeprefix(name + "/"): samples
                for key, samples in self.google_all(program, f"^{name}/(floor|ours)(/real_time)?$", per, min_time_s).items()}

    def google_all(self, program, pattern, per=None, min_time_s=0.05):
        """Like `google`, for all benchmarks with matching names: {name: samples}."""
        out = os.path.join(self.work, "google.json")
        self.run([self.program(program), f"--benchmark_filter={pattern}", f"--benchmark_min_time={min_time_s}",
                  f"--benchmark_repetitions={self.pairs if self.quick else self.pairs + 10}",
                  "--benchmark_enable_random_interleaving=true", f"--benchmark_out={out}",
                  "--benchmark_out_format=json"])
        with open(out, encoding="utf-8") as file:
            return google_samples(json.load(file), per)


def google_samples(report, per=None):
    """Samples by name from a report of Google Benchmark."""
    samples = {}
    scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    for run in report["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        if run.get("error_occurred"):
            raise BenchError(f"'{run['name']}': {run['error_message']}")
        value = run["real_time"] * scale[run["time_unit"]]
        if per is not None:
            value = run["items_per_second"] if per == "second" else 1e9 / run["items_per_second"]
        samples.setdefault(run["run_name"].removesuffix("/real_time"), []).append(value)
    return samples


def machine():
    """The machine on which the figures were measured."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    # A device that opens is no proof that KVM works: `ktape doctor` checks that. Without it guests run on tcg.
    accelerator = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0],
            "accelerator": accelerator, "kernel": os.uname().release, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


def work_folder():
    return tempfile.TemporaryDirectory(prefix="ktape-bench.")
