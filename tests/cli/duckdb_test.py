#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads tapes with DuckDB: the recipe for CSV of docs/exports.md, and each view of schema/views.sql.

usage: duckdb_test.py SOURCE BUILD

DuckDB is taken from Node.js's module @duckdb/node-api, which Debian does not have: npm install @duckdb/node-api, and
NODE_PATH=.../node_modules. Its extension for SQLite is not needed: the tables are copied, with their types, into a
database of DuckDB that is attached as a tape would be. A failure names DuckDB's version.
"""

import gzip
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

SKIPPED = 77
# Runs the statements of a JSON list; prints the rows of each, or {"error": ...}.
NODE = """
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const answers = [];
  for (const sql of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
    try {
      answers.push((await connection.runAndReadAll(sql)).getRowsJson());
    } catch (error) {
      answers.push({ error: String(error.message) });
    }
  }
  console.log(JSON.stringify(answers));
})();
"""
TYPES = {"INTEGER": "BIGINT", "TEXT": "VARCHAR", "REAL": "DOUBLE"}
RECIPE = "SELECT tag, value::UBIGINT FROM read_csv('kernel_op.csv', all_varchar = true)"


def duckdb(statements, folder):
    done = subprocess.run(["node", "-e", NODE], input=json.dumps(statements), stdout=subprocess.PIPE, text=True,
                          check=True, cwd=folder)
    answers = json.loads(done.stdout)
    for sql, answer in zip(statements, answers):
        if isinstance(answer, dict):
            sys.exit(f"DuckDB {duckdb.version}: {sql[:200]}: {answer['error']}")
    return answers


def quoted(value):
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def copied(tape):
    """Statements that make the tape's tables, in a database that is attached as `tape`."""
    statements = []
    for (table,) in tape.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        if table in ("event", "blob", "page", "freeze_page"):
            continue
        columns = tape.execute(f"PRAGMA table_info({table})").fetchall()
        types = ", ".join(f'"{name}" {TYPES[kind]}' for _, name, kind, *_ in columns)
        statements.append(f'CREATE TABLE tape."{table}" ({types})')
        rows = tape.execute(f'SELECT * FROM "{table}"').fetchall()
        if rows:
            values = ", ".join("(" + ", ".join(quoted(cell) for cell in row) + ")" for row in rows)
            statements.append(f'INSERT INTO tape."{table}" VALUES {values}')
    return statements


def view_mistakes(path, source, folder):
    """Where the views do not have the rows that they have in SQLite."""
    tape = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    views = (source / "schema/views.sql").read_text()
    names = re.findall(r"CREATE TEMP VIEW IF NOT EXISTS (\w+) AS", views)
    tape.executescript(views)
    begin = ["ATTACH ':memory:' AS tape", *copied(tape), "USE tape", views]
    answers = duckdb(begin + [f"SELECT * FROM {name}" for name in names], folder)[len(begin):]
    wrong = []
    for name, found in zip(names, answers):
        wanted = tape.execute(f"SELECT * FROM {name}").fetchall()
        # Both as text: DuckDB's driver gives 64-bit integers as text.
        same = sorted(map(comparable, found)) == sorted(map(comparable, wanted))
        if not same:
            wrong.append(f"{path.name}: view {name}: {found[:3]}..., not {wanted[:3]}...")
    return wrong


def comparable(row):
    """The cells as text: integers exactly, other numbers to nine digits, NULL apart from any text."""
    def cell(value):
        if value is None or isinstance(value, bool):
            return repr(value)
        if re.fullmatch(r"-?\d+", str(value)):
            return str(int(value))
        try:
            return "%.9g" % float(value)
        except ValueError:
            return repr(value)
    return [cell(value) for value in row]


def recipe_mistakes(path, source, build, folder):
    """Where the recipe for CSV has other values than the tape."""
    for page in ("docs/exports.md",):
        if RECIPE not in (source / page).read_text():
            return [f"{page} has another recipe"]
    export = [build / "bin/ktape-export", path, "--csv", "--table", "kernel_op", "-o", folder / "kernel_op.csv"]
    subprocess.run(export, check=True)
    (found,) = duckdb([RECIPE], folder)
    tape = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    wanted = [list(row) for row in tape.execute("SELECT tag, value FROM kernel_op ORDER BY op, entry")]
    return [] if sorted(map(str, found)) == sorted(map(str, wanted)) else [f"{RECIPE}: {found}, not {wanted}"]


def main():
    source, build = (Path(word).resolve() for word in sys.argv[1:3])
    found = None
    if shutil.which("node"):
        found = subprocess.run(["node", "-p", "require('@duckdb/node-api').version()"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, check=False)
    if found is None or found.returncode != 0:
        print("not tested: DuckDB: npm install @duckdb/node-api, and set NODE_PATH to its node_modules")
        return SKIPPED
    duckdb.version = found.stdout.strip()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        golden = source / "tests/golden"
        recorded = folder / "recorded.ktape"
        recorded.write_bytes(gzip.decompress((golden / "sql/ejected-6.16.12.ktape.gz").read_bytes()))
        tapes = {"ejected.ktape": recorded, "stall.ktape": golden / "scheduler_stall-6.16.12.ktape"}
        wrong = []
        for tape, old in tapes.items():
            subprocess.run([build / "bin/ktape", "upgrade", old, folder / tape], check=True, stdout=subprocess.DEVNULL)
            wrong += view_mistakes(folder / tape, source, folder)
        wide = folder / "wide.ktape"
        subprocess.run([build / "bin/ktape", "upgrade", golden / "cold_path_roundtrip-6.16.12.ktape", wide],
                       check=True, stdout=subprocess.DEVNULL)
        wrong += recipe_mistakes(wide, source, build, folder)
    for what in wrong:
        print(f"DuckDB {duckdb.version}: {what}")
    print(f"DuckDB {duckdb.version}: {len(wrong)} mistakes")
    return 1 if wrong else 0


sys.exit(main())
