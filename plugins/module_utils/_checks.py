# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight found: one check, and the worst of several. Private to the collection; may change at any time."""

from __future__ import annotations

from ._errors import BaremetalError, sentence

OK, WARN, FAIL, SKIPPED = "ok", "warn", "fail", "skipped"

# From harmless to bad.
_ORDER = (SKIPPED, OK, WARN, FAIL)


def check(name, status, seen=None, cure=None):
    """The result of one check.

    :param name: one word, the column of the table.
    :param status: ``ok``; ``warn`` for what may disturb a deploy; ``fail`` for what a deploy would fail of; ``skipped`` for what could not be looked at.
    :param seen: what was seen, as a text.
    :param cure: what the operator does about it.
    """
    return {"check": name, "status": status, "seen": seen, "cure": cure}


def of_error(name, status, error):
    """The same for a BaremetalError."""
    seen = sentence(error.what) + (f" Seen: {sentence(error.seen)}" if error.seen else "")
    return check(name, status, seen, error.cure)


def tried(name, look):
    """A check that fails with the BaremetalError that it raises.

    :param look: function that raises it, or returns what was seen.
    """
    try:
        return check(name, OK, look())
    except BaremetalError as error:
        return of_error(name, FAIL, error)


def worst(checks):
    """The worst status of several checks; ``skipped`` where there are none."""
    return max((item["status"] for item in checks), key=_ORDER.index, default=SKIPPED)
