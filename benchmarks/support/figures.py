# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a benchmark tells its figures: a table on the screen and a file in build/bench."""

from __future__ import annotations

import json
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def figure(metric, value, unit, limit=None):
    """One measured value.

    :param limit: its bar: the most that it may be, in the same unit; None where nothing is promised.
    :returns: dict with metric, value, unit, bar and ok.
    """
    return {"metric": metric, "value": round(value, 3), "unit": unit, "bar": limit, "ok": limit is None or value <= limit}


def report(name, figures):
    """Print the figures of a benchmark and write them to build/bench/<name>.json.

    :param figures: list of dicts as ``figure`` makes them.
    :returns: 0 when every bar is kept, else 1.
    """
    rows = [("metric", "value", "unit", "bar", "")]
    rows += [(row["metric"], f"{row['value']:g}", row["unit"], "-" if row["bar"] is None else f"{row['bar']:g}", "" if row["ok"] else "MISSED")
             for row in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    print()
    for row in rows:
        print("  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].ljust(widths[2]), row[3].rjust(widths[3]), row[4]]).rstrip())
    target = ROOT / "build" / "bench" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    new.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    os.replace(new, target)
    print(f"\nwritten to {target.relative_to(ROOT)}")
    return 0 if all(row["ok"] for row in figures) else 1
