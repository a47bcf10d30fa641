# SPDX-License-Identifier: Apache-2.0
"""Rows as text: the table, the comparison of two runs, curves. All take rows as in the JSON."""


def number(value):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 4
    return f"{value:.{digits}f}"


def ratio(value):
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def goal(row):
    """The goal of a row: "<= 1.3 x, p99 <= 2 x", "<= 20 ns", "<= 2 ms more"."""
    sign = ">=" if row.get("better") == "higher" else "<="
    unit = {"ratio": "x", "value": row["unit"], "difference": f"{row['unit']} more"}[row.get("goal_of", "ratio")]
    text = f"{sign} {row['goal']:g} {unit}"
    if row.get("goal_p99") is not None:
        text += f", p99 {sign} {row['goal_p99']:g} {unit}"
    return text


def aligned(header, lines, left=(0,)):
    """Columns as wide as their content; right-aligned except those in `left`."""
    cells = [list(header)] + [list(line) for line in lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    return ["  ".join(text.ljust(width) if i in left else text.rjust(width)
                      for i, (text, width) in enumerate(zip(line, widths))).rstrip() for line in cells]


def table(rows):
    header = ("name", "floor", "p99", "ours", "p99", "unit", "ratio", "goal", "met", "n")
    lines = [(row["name"], number(row["floor"]), number(row["floor_p99"]), number(row["ours"]), number(row["ours_p99"]),
              row["unit"], ratio(row["ratio"]), goal(row), "yes" if row["met"] else "no", str(row["n"])) for row in rows]
    text = aligned(header, lines, left=(0, 5, 7, 8))
    text += [f"{row['name']}: {row['note']}" for row in rows if row.get("note")]
    return "\n".join(text)


def moved(old, new):
    """"12.3 -> 10.1 (-18 %)"."""
    if old is None or new is None:
        return "-" if old is None and new is None else f"{number(old)} -> {number(new)}"
    change = f" ({100 * (new - old) / old:+.0f} %)" if old else ""
    return f"{number(old)} -> {number(new)}{change}"


def lost(old_rows, rows):
    """The names of the rows that met their goal in the old run and no longer do."""
    met = {row["name"] for row in old_rows if row["met"]}
    return [row["name"] for row in rows if row["name"] in met and not row["met"]]


def comparison(old_rows, rows):
    """How each row changed from the old run to the new one. A row in only one of them is named."""
    old, new = {row["name"]: row for row in old_rows}, {row["name"]: row for row in rows}
    header = ("name", "floor", "ours", "ratio", "unit", "met")
    words = {True: "yes", False: "no"}
    lines = []
    for row in rows:
        was = old.get(row["name"])
        if was is None:
            continue
        met = words[row["met"]] if was["met"] == row["met"] else f"{words[was['met']]} -> {words[row['met']]}"
        lines.append((row["name"], moved(was["floor"], row["floor"]), moved(was["ours"], row["ours"]),
                      moved(was["ratio"], row["ratio"]), row["unit"], met))
    text = aligned(header, lines, left=(0, 1, 2, 3, 4, 5))
    text += [f"{name}: not in the old run" for name in new if name not in old]
    text += [f"{name}: only in the old run" for name in old if name not in new]
    return "\n".join(text)


def curve(title, columns, lines):
    """A table in Markdown, as in README.md."""
    text = [f"**{title}**", "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    text += ["| " + " | ".join(cell if isinstance(cell, str) else number(cell) for cell in line) + " |" for line in lines]
    return "\n".join(text)
