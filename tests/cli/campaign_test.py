#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/campaign on made-up tapes and results: what it counts against a campaign. Captures nothing."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("campaign", str(ROOT / "tools/campaign"))
campaign = importlib.util.module_from_spec(importlib.util.spec_from_loader("campaign", loader))
loader.exec_module(campaign)


class MadeUp(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def tape(self, outcome="completed", ops=(), complaints=0, incidents=0):
        path = os.path.join(self.folder.name, "run.ktape")
        if os.path.exists(path):
            os.unlink(path)
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.executescript("""
                CREATE TABLE ending(outcome, detail);
                CREATE TABLE event(seq, kind);
                CREATE TABLE incident(seq);
                CREATE TABLE kernel_op(tag, status, value);
                CREATE TABLE worker(name, event, status);
                CREATE TABLE request(mode, tries);""")
            database.execute("INSERT INTO ending VALUES (?, 'why')", (outcome,))
            database.executemany("INSERT INTO kernel_op VALUES (?, ?, ?)", ops)
            database.executemany("INSERT INTO event VALUES (?, ?)", [(n, campaign.GUEST_OOPS) for n in range(complaints)])
            database.executemany("INSERT INTO incident VALUES (?)", [(n,) for n in range(incidents)])
        return campaign.Tape(path)

    def verdict(self, results):
        folder = Path(self.folder.name)
        (folder / "6.16.12").mkdir()
        (folder / "6.16.12/results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            good = campaign.Campaign("reference", "6.16.12", None, folder, False).tell()
        return good, said.getvalue()


def result(good=1, problems=()):
    return {"number": 1, "asked": 1, "good": good, "problems": list(problems), "requests": 2, "tries": 3, "most_tries": 2}


class Verdicts(MadeUp):
    def test_a_campaign_is_good_when_every_capture_is(self):
        good, said = self.verdict([result()] * 3)
        self.assertTrue(good)
        self.assertIn("3 of 3 runs good, in 3 captures, 0 of them with problems", said)
        self.assertIn("6 requests took 9 tries, at most 2 each", said)

    def test_one_capture_that_did_not_go_well_fails_it(self):
        for outcome in ("machineLost", "bootTimedOut", "hostFailed", "guestPanicked", "scenarioFailed"):
            problems = self.tape(outcome).problems()
            self.assertEqual(problems, [f"outcome {outcome}: why"])
        good, said = self.verdict([result(), result(good=0, problems=problems)])
        self.assertFalse(good)
        self.assertIn("1 of 2 runs good, in 2 captures, 1 of them with problems", said)

    def test_a_capture_without_a_tape_fails_it(self):
        good, said = self.verdict([{"number": 1, "asked": 1, "good": 0, "problems": ["no tape, status 4"]}])
        self.assertFalse(good)
        self.assertIn("0 of 1 runs good", said)


class Tapes(MadeUp):
    def test_what_the_kernel_complained_of_is_a_problem(self):
        self.assertEqual(self.tape().problems(), [])
        self.assertEqual(self.tape(complaints=1).problems(), ["1 complaints of the guest's kernel, 0 incidents"])
        self.assertEqual(self.tape(incidents=2).problems(), ["0 complaints of the guest's kernel, 2 incidents"])

    def test_a_write_counts_when_it_is_read_back_and_leaves_the_locks_free(self):
        as_wanted = {"write0": str(campaign.written(0)), "read0": str(campaign.written(0)), "pi_lock0": "0", "rq_lock0": "0"}

        def judged(**other):
            ops = [(tag, "done", value) for tag, value in {**as_wanted, **other}.items() if value is not None]
            return campaign.SleepingWrites().judge(self.tape(ops=ops), 0, 1)

        self.assertEqual(judged(), ([], 1))
        for other in ({"read0": "7"}, {"pi_lock0": "1"}, {"rq_lock0": "256"}, {"write0": None}):
            problems, good = judged(**other)
            self.assertEqual((len(problems), good), (1, 0), other)

    def test_a_refused_write_does_not_count(self):
        problems, good = campaign.SleepingWrites().judge(self.tape(ops=[("write0", "refused", "")]), 0, 1)
        self.assertEqual(good, 0)
        self.assertIn("write0: ('refused', '')", problems)


if __name__ == "__main__":
    unittest.main()
