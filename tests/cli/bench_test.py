#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/bench on made-up samples: rows, table, JSON, comparison, exit status. Measures nothing."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "benchmarks"))
sys.dont_write_bytecode = True

import boot_options  # noqa: E402
import harness  # noqa: E402
import table  # noqa: E402
from row import DIFFERENCE, VALUE, Row  # noqa: E402

BENCH = os.path.join(ROOT, "tools", "bench")


def row(name="echo", floor=(100.0,) * 20, ours=(120.0,) * 20, goal=1.3, **more):
    return Row(name=name, unit="us", floor=floor, ours=ours, goal=goal, **more).to_json()


def bench(*arguments):
    done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Rows(unittest.TestCase):
    def test_medians_and_p99_are_of_the_samples(self):
        got = row(floor=[10, 20, 30, 1000], ours=list(range(1, 201)))
        self.assertEqual((got["floor"], got["floor_p99"]), (25, 1000))
        self.assertEqual((got["ours"], got["ours_p99"], got["n"]), (100.5, 198, 4))

    def test_the_ratio_is_ours_to_floor_and_is_held_against_the_goal(self):
        self.assertEqual(row()["ratio"], 1.2)
        self.assertTrue(row(goal=1.2)["met"])
        self.assertFalse(row(goal=1.19)["met"])

    def test_a_rate_has_to_be_at_least_its_goal_and_its_p99_is_among_the_slowest(self):
        rates = dict(floor=[100.0] * 20, ours=[70.0] + [90.0] * 19, better="higher")
        self.assertTrue(row(goal=0.8, **rates)["met"])
        self.assertFalse(row(goal=0.95, **rates)["met"])
        self.assertEqual(row(goal=0.8, **rates)["ours_p99"], 70.0)

    def test_an_absolute_goal_has_no_floor_and_no_ratio(self):
        got = row(floor=(), ours=[19.0] * 20, goal=20, goal_of=VALUE)
        self.assertEqual((got["floor"], got["floor_p99"], got["ratio"], got["met"], got["n"]), (None, None, None, True, 20))
        self.assertFalse(row(floor=(), ours=[21.0] * 20, goal=20, goal_of=VALUE)["met"])

    def test_a_goal_may_be_of_what_ours_takes_more(self):
        self.assertTrue(row(goal=20, goal_of=DIFFERENCE)["met"])
        self.assertFalse(row(goal=19, goal_of=DIFFERENCE)["met"])

    def test_a_p99_beyond_its_own_goal_is_a_goal_missed(self):
        tail = dict(ours=[110.0] * 19 + [300.0], goal=1.3)
        self.assertTrue(row(goal_p99=3, **tail)["met"])
        self.assertFalse(row(goal_p99=2, **tail)["met"])


class GoogleSamples(unittest.TestCase):
    REPORT = {"benchmarks": [
        {"run_name": "a/ours/real_time", "name": "a/ours/real_time", "run_type": "iteration", "real_time": 2.0,
         "time_unit": "us", "items_per_second": 4e6},
        {"run_name": "a/ours/real_time", "name": "a/ours/real_time_mean", "run_type": "aggregate", "real_time": 2.0,
         "time_unit": "us"}]}

    def test_they_are_of_repetitions_and_not_of_aggregates_in_the_unit_that_was_asked(self):
        self.assertEqual(harness.google_samples(self.REPORT), {"a/ours": [2000.0]})
        self.assertEqual(harness.google_samples(self.REPORT, per="item"), {"a/ours": [250.0]})
        self.assertEqual(harness.google_samples(self.REPORT, per="second"), {"a/ours": [4e6]})

    def test_a_benchmark_that_failed_is_an_error(self):
        failed = {"benchmarks": [{"run_name": "a", "name": "a", "run_type": "iteration", "error_occurred": True,
                                  "error_message": "no memory"}]}
        with self.assertRaisesRegex(harness.BenchError, "'a': no memory"):
            harness.google_samples(failed)


class Interleaving(unittest.TestCase):
    def test_floor_and_ours_take_turns_in_going_first(self):
        order = []
        take = lambda name: lambda: order.append(name) or len(order)  # noqa: E731
        floor, ours = harness.Context(root=ROOT, work="").interleave(take("f"), take("o"), pairs=3)
        self.assertEqual("".join(order), "fooffo")
        self.assertEqual((floor, ours), ([1, 4, 5], [2, 3, 6]))


class BootOptions(unittest.TestCase):
    def measure(self, costs, pairs=4):
        """What is said of each option, of boots that take (wall, processor) seconds by its name."""
        options = [boot_options.Option(name, used, "no", {}) for name, used in
                   (("quick", "no"), ("slow", "no"), ("idle", "no"), ("there", boot_options.DEFAULT))]
        boots = []

        def boot(option):
            boots.append(option.name if option else None)
            return costs[option.name if option else None]

        saved, own = boot_options.measured(options, boot, pairs)
        return {line[0]: line[3:] for line in boot_options.lines(options, saved, own)}, boots

    def test_what_an_option_saves_is_computed_from_the_boots_beside_it(self):
        said, boots = self.measure({None: (3, 4), "quick": (2.9, 3.8), "slow": (3.5, 4.5), "idle": (3, 4), "there": (3.2, 4.1)})
        self.assertEqual(said["quick"], ["+100 (+100 to +100)", "+200 (+200 to +200)", "yes"])
        self.assertEqual(said["slow"], ["-500 (-500 to -500)", "-500 (-500 to -500)", "costs"])
        self.assertEqual(said["idle"], ["+0 (+0 to +0)", "+0 (+0 to +0)", "noise"])
        self.assertEqual((boots.count(None), boots.count("quick")), (4, 4))

    def test_an_option_that_captures_have_is_measured_by_taking_it_away(self):
        said, _ = self.measure({None: (3, 4), "quick": (3, 4), "slow": (3, 4), "idle": (3, 4), "there": (3.2, 4.1)})
        self.assertEqual(said["there"], ["+200 (+200 to +200)", "+100 (+100 to +100)", "yes"])

    def test_what_only_one_of_the_two_times_says_is_noise(self):
        said, _ = self.measure({None: (3, 4), "quick": (2.9, 4), "slow": (3, 4.1), "idle": (3, 4), "there": (3, 4)})
        self.assertEqual((said["quick"][2], said["slow"][2]), ("noise", "noise"))

    def test_a_boot_that_fails_is_reported_and_is_no_pair(self):
        said, _ = self.measure({None: (3, 4), "quick": None, "slow": (3, 4), "idle": (3, 4), "there": (3, 4)})
        self.assertEqual(said["quick"], ["-", "-", "noise; 4 did not boot"])


class Tables(unittest.TestCase):
    def test_a_row_has_its_floor_ours_ratio_and_goal_and_whether_that_is_met(self):
        text = table.table([row(goal_p99=2), row("slow", ours=(200.0,) * 20, note="the disk is slow"),
                            row("read", floor=(), ours=(19.0,) * 20, goal=20, goal_of=VALUE)])
        lines = [line.split() for line in text.splitlines()]
        self.assertEqual(lines[0], "name floor p99 ours p99 unit ratio goal met n".split())
        self.assertEqual(lines[1], "echo 100.0 100.0 120.0 120.0 us 1.2 <= 1.3 x, p99 <= 2 x yes 20".split())
        self.assertEqual(lines[2], "slow 100.0 100.0 200.0 200.0 us 2 <= 1.3 x no 20".split())
        self.assertEqual(lines[3], "read - - 19.00 19.00 us - <= 20 us yes 20".split())
        self.assertEqual(text.splitlines()[4], "slow: the disk is slow")

    def test_a_comparison_tells_how_floor_ours_and_ratio_moved(self):
        text = table.comparison([row(), row("gone")], [row(floor=(50.0,) * 20, ours=(60.0,) * 20), row("fresh")])
        self.assertIn("100.0 -> 50.00 (-50 %)", text)
        self.assertIn("120.0 -> 60.00 (-50 %)", text)
        self.assertIn("1.20 -> 1.20 (+0 %)", text)
        self.assertIn("fresh: not in the old run", text)
        self.assertIn("gone: only in the old run", text)

    def test_a_curve_is_a_table_in_markdown(self):
        self.assertEqual(table.curve("cost", ["kernel", "1"], [["7.3", 12.5]]).splitlines()[2:],
                         ["| kernel | 1 |", "|---|---|", "| 7.3 | 12.50 |"])


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, rows):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"rows": rows}, out)
        return path

    def test_the_json_has_the_rows_and_the_machine(self):
        out = os.path.join(self.folder, "out.json")
        status, text, _ = bench("--from", self.file("in.json", [row()]), "--json", out)
        self.assertEqual(status, 0)
        self.assertIn("echo", text)
        with open(out, encoding="utf-8") as file:
            written = json.load(file)
        self.assertEqual(written["rows"], [row()])
        self.assertLessEqual({"cpu", "cores", "load", "accelerator", "kernel"}, set(written["machine"]))
        self.assertLessEqual({"name", "floor", "ours", "ratio", "goal", "met"}, set(written["rows"][0]))

    def test_comparing_ends_with_1_only_when_a_goal_that_was_met_is_missed_now(self):
        good, missed = self.file("good.json", [row()]), self.file("missed.json", [row(ours=(200.0,) * 20)])
        self.assertEqual(bench("--from", good, "--compare", good)[0], 0)
        self.assertEqual(bench("--from", missed, "--compare", missed)[0], 0)
        self.assertEqual(bench("--from", good, "--compare", missed)[0], 0)
        status, text, _ = bench("--from", missed, "--compare", good)
        self.assertEqual(status, 1)
        self.assertIn("yes -> no", text)

    def test_a_file_that_is_none_is_refused(self):
        path = os.path.join(self.folder, "none.json")
        for content, what in (("{", "was not written by"), ('{"rows": [{}]}', "was not written by"), (None, "cannot read")):
            if content is not None:
                with open(path, "w", encoding="utf-8") as out:
                    out.write(content)
            status, _, error = bench("--from", self.file("good.json", [row()]), "--compare",
                                     path if content is not None else path + ".missing")
            self.assertEqual(status, 3)
            self.assertIn(what, error)

    def test_the_list_names_rows_and_curves_and_a_name_that_is_none_is_refused(self):
        self.assertIn("read-symbol", bench("--list")[1])
        self.assertIn("read-symbol", bench("--list", "--curves")[1])
        self.assertEqual(bench("--list", "--only", "no-such-row")[0], 2)

    def test_the_help_teaches_the_exit_status(self):
        status, text, _ = bench("--help")
        self.assertEqual(status, 0)
        self.assertIn("exit status: 0", text)


if __name__ == "__main__":
    unittest.main()
