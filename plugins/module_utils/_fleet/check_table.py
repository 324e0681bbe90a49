# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight found, as plain text: a table per rack, and below it what to do. Private to the collection; may change at any time."""

from __future__ import annotations

import textwrap

from .._checks import FAIL, OK, SKIPPED, WARN, worst
from .._errors import sentence

WIDTH = 120  # columns
_NAME = 36  # columns at most of a node's name in the table; it stands in full below
_SHOWN = 20  # nodes that are named for one cause
_WORDS = {OK: "ok", WARN: "warn", FAIL: "FAIL", SKIPPED: "-"}
_NO_RACK = "no rack"


def render(nodes, hosts):
    """All of it.

    :param nodes: dict by node of dicts with ``checks`` (see _checks.py; ``cause`` tells which belong together), ``rack``.
    :param hosts: dict by host of lists of checks that concern its nodes, with several of one name where it was looked in several networks.
    :returns: text of at most WIDTH columns where names and words let it.
    """
    racks = {}
    for name, node in nodes.items():
        racks.setdefault(node["rack"] or _NO_RACK, {})[name] = node["checks"]
    parts = []
    for rack, members in sorted(racks.items(), key=lambda item: (item[0] == _NO_RACK, item[0])):
        parts.append([f"{rack}: {_summary(members)}", *_table("node", members)])
    if hosts:
        parts.append(_table("boot server", hosts))
    told = _told({**nodes, **{host: {"checks": checks} for host, checks in hosts.items()}})
    if told:
        parts.append(["To do:", *told])
    return "\n\n".join("\n".join(lines) for lines in parts)


def _summary(members):
    statuses = [worst(checks) for checks in members.values()]
    counts = [(statuses.count(FAIL), "fail"), (statuses.count(WARN), "with warnings"), (statuses.count(OK) + statuses.count(SKIPPED), "ready")]
    return f"{len(members)} node{'s' if len(members) > 1 else ''}, " + ", ".join(f"{count} {word}" for count, word in counts if count)


def _table(title, rows):
    """Lines with a column per check; a check that was made for none of the rows gets none."""
    names = list(dict.fromkeys(item["check"] for checks in rows.values() for item in checks if item["status"] != SKIPPED))
    cells = [[title, *names]]
    for name, checks in rows.items():
        cells.append([_short(name), *(_WORDS[worst(item for item in checks if item["check"] == check)] for check in names)])
    widths = [max(len(row[column]) for row in cells) for column in range(len(names) + 1)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]
    return [lines[0], "-" * len("  ".join("-" * width for width in widths)), *lines[1:]]


def _short(name):
    return name if len(name) <= _NAME else f"{name[:_NAME - 2]}.."


def _told(rows):
    """What is wrong and what to do, each trouble once, what fails before what is a warning."""
    causes = {}
    for name, row in rows.items():
        for item in row["checks"]:
            if item["status"] in (FAIL, WARN):
                key = item["status"] != FAIL, item["check"], item.get("cause") or item["seen"], item["cure"]
                causes.setdefault(key, []).append(name)
    lines = []
    for (is_warning, check, seen, cure), names in sorted(causes.items(), key=lambda item: (item[0][0], -len(item[1]), item[1])):
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        text = f"{_WORDS[WARN if is_warning else FAIL]} {check}: {', '.join(names[:_SHOWN])}{more}: {sentence(seen or 'no more is known')}"
        lines += textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        if cure:
            lines += textwrap.wrap(f"To do: {sentence(cure)}", WIDTH, initial_indent="    ", subsequent_indent="    ",
                                   break_long_words=False, break_on_hyphens=False)
    return lines
