# SPDX-License-Identifier: Apache-2.0
"""The results of a benchmark: rows, each beside its floor and its goal, and curves.

tools/bench finds every module in this folder that has a list BENCHMARKS or CURVES.
"""

import math
from dataclasses import dataclass, field
from typing import Callable, Optional, Sequence

# What a goal limits.
RATIO, VALUE, DIFFERENCE = "ratio", "value", "difference"  # ours / floor, ours, ours - floor


def median(samples):
    ordered, middle = sorted(samples), len(samples) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def worst(samples, better):
    """The value that 99 of 100 samples reach or beat: with fewer than 100, the worst of them."""
    ordered = sorted(samples, reverse=better == "higher")
    return ordered[max(0, math.ceil(0.99 * len(ordered)) - 1)]


@dataclass
class Row:
    """One line of the table. Samples are in `unit`, one per pair; floor and ours are measured in turns."""

    name: str
    unit: str  # of the samples: "ns", "ms", "kB", "1/s"
    floor: Sequence[float]  # empty if the goal is absolute
    ours: Sequence[float]
    goal: float  # the limit for the median
    better: str = "lower"  # or "higher": the goal is then a minimum
    note: str = ""  # one line, shown below the table
    goal_of: str = RATIO  # what the limits apply to: RATIO, VALUE or DIFFERENCE
    goal_p99: Optional[float] = None  # an additional limit for the p99

    def _measure(self, reduce):
        """The limited quantity, from medians or from p99s."""
        ours = reduce(self.ours)
        if self.goal_of == VALUE:
            return ours
        return ours / reduce(self.floor) if self.goal_of == RATIO else ours - reduce(self.floor)

    def _keeps(self, value, limit):
        return value >= limit if self.better == "higher" else value <= limit

    def met(self):
        p99_met = self.goal_p99 is None or self._keeps(self._measure(self._p99), self.goal_p99)
        return self._keeps(self._measure(median), self.goal) and p99_met

    def _p99(self, samples):
        return worst(samples, self.better)

    def to_json(self):
        floor = list(self.floor)
        return {
            "name": self.name,
            "floor": median(floor) if floor else None,
            "ours": median(self.ours),
            "unit": self.unit,
            "ratio": median(self.ours) / median(floor) if floor else None,
            "goal": self.goal,
            "goal_of": self.goal_of,
            "goal_p99": self.goal_p99,
            "better": self.better,
            "met": self.met(),
            "n": min(len(floor), len(self.ours)) if floor else len(self.ours),
            "floor_p99": self._p99(floor) if floor else None,
            "ours_p99": self._p99(self.ours),
            "note": self.note,
        }


@dataclass
class Benchmark:
    """A producer of rows. `run` takes the Context of harness.py and returns the rows of those names."""

    names: Sequence[str]
    about: str  # one line, for --list
    run: Callable
    targets: Sequence[str] = field(default_factory=tuple)  # CMake targets that it needs; built before it runs


@dataclass
class Curve:
    """How a cost grows. `run` takes the Context and returns the lines of the table, each list as long as `columns`."""

    name: str
    title: str
    columns: Sequence[str]
    run: Callable
    targets: Sequence[str] = field(default_factory=tuple)
