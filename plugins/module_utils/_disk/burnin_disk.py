# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load on disks: all of each is written and read back, through fio. What was on them is gone."""

from __future__ import annotations

import json

from .._errors import BaremetalError, sentence
from .arrays import disks_for
from .burnin_load import ANY_CODE, GRACE, everything
from .commands import find_tool, run
from .devices import GIB, describe
from .erase import choose_disks, raise_all
from .erase_plan import duration, whole_seconds
from .partitions import signatures, wipe_metadata
from .protect import refuse_if_protected, refuse_special_filesystems

STAGE = "burn-in"
_BLOCK = 1024 ** 2
# Of a hundred lines about the same disk the first ones tell what is the matter.
_LINES = 2
# Bytes per second below which a disk is taken to hang: sound ones that are slow (a SATADOM, QLC flash whose cache is full, many disks behind one
# expander) stay above it.
_FLOOR = 20e6


def choose(options, lister):
    """Choose the disks, and look whether each may be written; returns (disks, skipped: [{device, serial, reason, text}]).

    options: of burnin.burn_in. Whatever speaks against one of the disks is raised as a BaremetalError before the first one is written.
    """
    disks = disks_for(options["root_device"] if options["disks"] == "root" else None, options["skip_block_devices"], lister=lister)
    chosen, skipped = choose_disks(disks, options)
    problems = []
    for disk in chosen:
        try:
            _refuse(disk, options)
        except BaremetalError as error:
            problems.append(error)
    raise_all(problems, "%d disks cannot be written, and nothing was", stage=STAGE)
    return chosen, [dict(one, text="%(device)s, serial %(serial)s: skipped, %(reason)s" % one) for one in skipped]


def plan(disks, options):
    """Return one line that tells a person what would be written, and how long that takes; options: loops and runtime."""
    names = ", ".join("%s (%.1f GiB, serial %s)" % (disk["name"], disk["size"] / GIB, disk.get("serial") or "none") for disk in disks)
    seconds = _estimate(disks, options)
    return "%s: all of it written and read back, %d times, about %s" % (names, options["loops"], duration(max(1, seconds)))


def burn(disks, options, *, guard, runner=run):
    """Write disks in full and read them back, all at the same time.

    disks: as read when they were chosen. options: loops, runtime (seconds after which it ends, also before everything was written; 0 for
    none), and those of the guard. guard: function that raises when this is not the machine that is meant; called with the protection of the
    disk directly before each write.
    Returns (details, [what has failed]): what happens to one disk at the end is told of that disk, and the others go on. Raises BaremetalError.
    """
    for disk in disks:
        guard()
        _refuse(disk, options)
        wipe_metadata(disk["name"])
    before = {disk["name"]: _health(disk["name"], runner) for disk in disks}
    argv = ["fio", "--thread", "--verify_state_save=0", "--output-format=json", "--direct=1", "--ioengine=libaio", "--iodepth=32", "--bs=%d" % _BLOCK,
            # Other data at each burn-in: what an earlier one left would pass for what was written.
            "--rw=write", "--verify=crc32c", "--randrepeat=0", "--loops=%d" % options["loops"]]
    argv += ["--runtime=%d" % options["runtime"]] if options["runtime"] else []
    for disk in disks:
        argv += ["--name=" + disk["name"], "--filename=" + disk["name"]]
    guard()
    for disk in disks:
        _refuse(disk, options)
    said, jobs = parse_report(everything(argv, timeout=_patience(disks, options), runner=runner))
    details, errors, unwiped = [], [], []
    for disk in disks:
        one, problems = _judge(disk, jobs.get(disk["name"]), said, options["loops"])
        after = _health(disk["name"], runner)
        if after is False:
            problems.append("SMART tells that the disk is failing" + ("" if before[disk["name"]] is False else ", since this burn-in"))
        if problems:
            errors.append("%s has failed. Seen: %s" % (describe(disk), sentence("; ".join(problems))))
        else:
            # After hours the name may be that of another disk.
            try:
                guard()
                _refuse(disk, options)
                wipe_metadata(disk["name"])
            except (BaremetalError, OSError) as error:
                problems.append(str(error))
                unwiped.append("%s was burnt in, and then not wiped. Seen: %s" % (describe(disk), sentence(error)))
        details.append(dict(one, smart_passed=after, error="; ".join(problems) or None))
    if errors:
        errors.append("To do: look at the kernel log (dmesg) for the disk and its link, and replace it.")
    return {"disks": details}, errors + unwiped


def parse_report(text):
    """Return (lines of what fio said, {name of a job: its numbers}) of all that it printed.

    The numbers are JSON; what it says of errors, with the name of the disk, is around that. Raises BaremetalError when there is no report in it.
    """
    begin = text.find("{\n")
    try:
        found, end = json.JSONDecoder().raw_decode(text[begin:]) if begin >= 0 else ({}, 0)
        jobs = {job["jobname"]: job for job in found["jobs"]}
    except (ValueError, KeyError, TypeError):
        raise BaremetalError("fio gave no report", stage=STAGE, seen=text[-400:] or "it ended without a word",
                             cure="Look at the kernel log (dmesg); run the same command again.") from None
    return (text[:begin] + text[begin + end:]).splitlines(), jobs


def _judge(disk, job, said, loops):
    """What one disk did: (details, [what was wrong])."""
    written, verified = (job[way]["io_bytes"] for way in ("write", "read")) if job else (0, 0)
    details = {"device": disk["name"], "serial": disk["serial"], "model": disk["model"], "size": disk["size"], "bytes_written": written,
               "bytes_verified": verified, "write_rate": job["write"]["bw_bytes"] if job else 0, "read_rate": job["read"]["bw_bytes"] if job else 0,
               "complete": verified >= loops * (disk["size"] // _BLOCK * _BLOCK)}
    if job and not job["error"]:
        return details, []
    lines = [" ".join(line.split()) for line in said if " %s " % disk["name"] in line or " %s:" % disk["name"] in line]
    return details, lines[:_LINES] or ["fio gave up with error %s" % (job["error"] if job else "before it began")]


def _refuse(disk, options):
    refuse_special_filesystems(disk, signatures(disk["name"]), options["wipe_special_filesystems"])
    refuse_if_protected(disk, hints=options["root_device"], skip=options["skip_block_devices"])


def _estimate(disks, options):
    """Seconds that the slowest disk takes."""
    seconds = max(2 * options["loops"] * whole_seconds(disk) for disk in disks)
    return round(min(seconds, options["runtime"]) if options["runtime"] else seconds)


def _patience(disks, options):
    """Seconds after which fio is ended from outside, because a disk hangs."""
    slowest = 2 * options["loops"] * max(disk["size"] for disk in disks) / _FLOOR
    return round(min(slowest, options["runtime"]) if options["runtime"] else slowest) + GRACE


def _health(device, runner):
    """What SMART tells of a disk as a whole: True, False, or None for a disk (or a ramdisk) that tells nothing, or not in time."""
    if not find_tool("smartctl"):
        return None
    try:
        text = runner(["smartctl", "--json", "--health", device], stage=STAGE, ok=ANY_CODE).decode("utf-8", "replace")
        return json.loads(text)["smart_status"]["passed"]
    except (BaremetalError, ValueError, KeyError, TypeError):
        return None
