# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which method erases a disk: pure functions from what a drive can do to a plan with an estimate.

Grades are those of NIST SP 800-88 (clear, purge; appendix A says what reaches them for which kind of drive), and below them
"metadata", which removes what marks a disk as used and leaves its data. Where the SP's revision 1 and IEEE 2883 differ, the stricter
one counts: a Format NVM that erases user data is clear, and so is the secure erase of an ATA SSD.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .ata import FROZEN
from .ata_sanitize import FROZEN as SANITIZE_FROZEN
from .devices import GIB, describe

STAGE = "erase"
GRADES = ("metadata", "clear", "purge")
METHODS = ("nvme_format", "nvme_sanitize", "scsi_sanitize", "ata_sanitize", "ata_secure_erase", "discard", "overwrite")
# Those that a drive does by itself, whatever becomes of the machine's own work meanwhile.
INSIDE = METHODS[:5]
# States of a sanitize in which a drive takes nothing but another one, and cannot even be read.
CLOSED = {"running": "a sanitize of it is running", "failed": "a sanitize of it has failed, and it gives no data until one succeeds"}
# Bytes per second that a drive is expected to write: what is common, on the low side.
_RATES = {"rotational": 150e6, "nvme": 1000e6, "ssd": 400e6}
# Seconds where the drive says nothing of the time that it takes.
_CRYPTO, _BLOCK, _FORMAT, _DISCARD, _METADATA = 10, 120, 60, 30, 5
# Seconds that a disk may take beyond the estimate at least: the drive's own, and ours.
_MARGIN, _PATIENCE = 600, 3600


def whole_seconds(disk):
    """Return how many seconds a disk, a dict of list_disks, is expected to take to write or read all of itself once."""
    return disk["size"] / _RATES["nvme" if disk.get("tran") == "nvme" else "rotational" if disk.get("rotational") else "ssd"]


def candidates(disk, abilities):
    """List every way to erase a disk that its kind knows, also those that are not open now.

    disk: a dict of list_disks. abilities: {nvme: dict of nvme.abilities, ata: dict of ata.security, scsi: list of scsi.abilities,
    discard: bool, siblings: [other namespaces of the same controller that are not to be erased], problems: {method: text}}; a key may
    be missing. Each is {method, technique (str or None), grade, seconds (estimate), limit (seconds after which it has failed), zeroes (whether
    it promises them), reason (why it is not open, or None)}.
    """
    found = []
    whole = whole_seconds(disk)
    nvme, ata, sanitizes = (abilities.get(key) for key in ("nvme", "ata", "ata_sanitize"))
    others = abilities.get("siblings") or []

    def add(method, technique, grade, guess, reason=None, zeroes=False, told=None):
        seconds = max(1, round(told or guess))
        # Where the drive tells nothing, its blocks may take it tens of minutes to erase, or as long as to write them; to throw a key away takes none of them.
        longest = seconds if told or technique == "crypto" else max(seconds, round(whole))
        limit = max(3 * longest, longest + (_MARGIN if told else _PATIENCE))
        found.append({"method": method, "technique": technique, "grade": grade, "seconds": seconds, "limit": limit, "zeroes": zeroes, "reason": reason})

    closed = next((CLOSED[one["state"]] for one in (nvme, sanitizes) if one and one.get("state") in CLOSED), None)

    if nvme:
        shared = "it would also erase %s, which is not to be erased" % ", ".join(others)
        meets_all = shared if others and (nvme["erase_all"] or nvme["format_all"]) else None
        if nvme["format"]:
            if nvme["format_crypto"]:
                add("nvme_format", "crypto", "purge", _CRYPTO, closed or meets_all)
            add("nvme_format", "user_data", "clear", _FORMAT, closed or meets_all)
        for action in nvme["sanitize"]:
            guess = {"crypto": _CRYPTO, "block": _BLOCK}.get(action, whole)
            add("nvme_sanitize", action, "purge", guess, shared if others else None, zeroes=action == "overwrite", told=nvme["seconds"].get(action))
    for action in abilities.get("scsi") or []:
        add("scsi_sanitize", action, "purge", {"crypto": _CRYPTO, "block": _BLOCK}.get(action, whole), zeroes=action == "overwrite")
    locked = "the drive is locked" if ata and ata["locked"] else None
    for action in sanitizes["actions"] if sanitizes else []:
        # SP 800-88, table A-8, has the overwrite for rotating disks alone.
        grade = "clear" if action == "overwrite" and not disk.get("rotational") else "purge"
        guess = {"crypto": _CRYPTO, "block": _BLOCK}.get(action, whole)
        add("ata_sanitize", action, grade, guess, SANITIZE_FROZEN if sanitizes["state"] == "frozen" else locked, zeroes=action == "overwrite")
    if ata and ata["supported"]:
        reason = closed or FROZEN if closed or ata["frozen"] else "too many wrong passwords: power the drive off and on" if ata["expired"] else None
        if ata["enhanced"]:
            grade = "purge" if disk.get("rotational") else "clear"
            add("ata_secure_erase", "enhanced", grade, whole, reason, told=60 * (ata["enhanced_minutes"] or 0))
        add("ata_secure_erase", "normal", "clear", whole, reason, told=60 * (ata["minutes"] or 0))
    if abilities.get("discard"):
        add("discard", None, "clear", _DISCARD, closed or locked, zeroes=True)
    add("overwrite", None, "clear", whole, closed or locked, zeroes=True)
    add("metadata", None, "metadata", _METADATA, closed or locked)
    return found


def choose(disk, abilities, grade, *, methods=METHODS, fallback=None):
    """Choose how a disk is erased: the cheapest open way that reaches the grade.

    grade: one of GRADES. methods: those that may be used. fallback: the weakest grade that is accepted of a disk that cannot reach the
    wanted one, or None for none.
    Returns {chosen: candidate, instead: [candidates to go on with when it fails, by preference; empty without fallback],
    not_open: [candidates with a reason], weaker: why the grade is not reached, or None}.
    Raises BaremetalError that names what stands against each method.
    """
    known = candidates(disk, abilities)
    allowed = [one for one in known if one["method"] in methods or one["method"] == "metadata"]
    ways = [one for one in allowed if one["reason"] is None]
    floor = GRADES.index(grade if fallback is None else min(grade, fallback, key=GRADES.index))
    ranked = []
    for level in range(GRADES.index(grade), floor - 1, -1):
        reached = [one for one in ways if one not in ranked and GRADES.index(one["grade"]) >= level]
        # Nobody who asked for the metadata alone wants the data gone with it.
        reached = [one for one in reached if one["grade"] == "metadata"] if level == 0 else reached
        ranked += sorted(reached, key=lambda one: one["seconds"])
    not_open = [one for one in allowed if one["reason"]]
    against = _against(known, allowed, not_open, grade, abilities.get("problems") or {})
    if not ranked:
        raise BaremetalError(
            "%s cannot be erased to the grade %s" % (describe(disk), grade), stage=STAGE, seen=against,
            cure="Mend what stands against a method, or ask for a weaker grade, or accept one with fallback; a disk that cannot be erased is destroyed.")
    chosen = ranked[0]
    weaker = against if GRADES.index(chosen["grade"]) < GRADES.index(grade) else None
    return {"chosen": chosen, "instead": ranked[1:] if fallback else [], "not_open": not_open, "weaker": weaker}


def _against(known, allowed, not_open, grade, problems):
    said = {one["method"]: one["reason"] for one in not_open}
    said.update(problems)
    words = ["%s: %s" % pair for pair in sorted(said.items())]
    enough = {one["method"] for one in known if GRADES.index(one["grade"]) >= GRADES.index(grade)}
    barred = sorted(enough - {one["method"] for one in allowed})
    if barred:
        words.append("not among the methods that may be used: " + ", ".join(barred))
    if not enough:
        words.append("no method of this kind of drive reaches that grade")
    return "; ".join(words) or "the methods that may be used are none of this drive"


def duration(seconds):
    """Return a number of seconds as a person says it: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return "%d s" % seconds
    return "%d min" % round(seconds / 60) if seconds < 5400 else "%.1f h" % (seconds / 3600)


def line(disk, plan, layers):
    """Return the plan of one disk as one line for a person.

    plan: of choose. layers: texts of what stands on the disk and is taken apart first.
    """
    chosen = plan["chosen"]
    text = "%s, %.1f GiB, serial %s: %s" % (disk["name"], disk["size"] / GIB, disk.get("serial") or "none", name_of(chosen))
    text += ", grade %s, about %s" % (chosen["grade"], duration(chosen["seconds"]))
    if plan["weaker"]:
        text += " (weaker than wanted; %s)" % plan["weaker"]
    return text + ("; first taken apart: %s" % ", ".join(layers) if layers else "")


def name_of(candidate):
    """Return the name of a candidate: its method, with the technique where there are several."""
    return candidate["method"] + (" (%s)" % candidate["technique"] if candidate["technique"] else "")
