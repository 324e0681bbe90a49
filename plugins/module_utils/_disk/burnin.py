# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Burn-in: load that shows hardware which fails early. What is loaded, the guard in front of it, and the record of it.

The tests are those of the ironic-python-agent (burnin_cpu, burnin_memory, burnin_disk, burnin_network), with the programs that it takes.
"""

from __future__ import annotations

import datetime
import os
import time
from functools import partial

from . import burnin_disk, burnin_load, burnin_network
from .._burnin_arguments import wrong_arguments
from .._errors import BaremetalError
from .commands import find_tool
from .devices import list_disks
from .erase_plan import duration
from .hints import idle
from .interlock import verify

STAGE = "burn-in"
_TOOLS = {"cpu": "stress-ng", "memory": "stress-ng", "disk": "fio", "network": "fio"}
TESTS = tuple(_TOOLS)


def burn_in(options, job, *, check_mode=False, lister=list_disks, sizeless=partial(list_disks, sizeless=True), verifier=verify):
    """Burn in one part of this machine.

    options: {interlock, test (one of TESTS), runtime, workers, vm_bytes, loops, disks, root_device, skip_block_devices,
    wipe_special_filesystems, partner, wait}. job: the job of this machine, which the burn-in becomes. lister: of disks.
    sizeless: of those that tell no size.
    Returns {changed, plan, skipped, machine_warnings: [texts], record, job}; record is None before the end. Its "error" tells what has failed. In check mode
    nothing is loaded and nothing is written, but everything that would refuse does. Raises BaremetalError.
    """
    verifier(options["interlock"])
    test = options["test"]
    wrong = wrong_arguments(test, options)
    if wrong:
        raise BaremetalError("the burn-in of the %s cannot be done so" % test, stage=STAGE, seen="; ".join(wrong), cure="Correct it.")
    # What the node's record says of its disks counts beside what the task says.
    options = dict(options, skip_block_devices=options["skip_block_devices"] + (options["interlock"].get("skip_block_devices") or []),
                   wipe_special_filesystems=options["wipe_special_filesystems"] or bool(options["interlock"].get("wipe_special_filesystems")))
    identity = {"work": "burn-in", **{key: value for key, value in options.items() if key not in ("wait", "connect_timeout", "certificates")}}
    status = job.status()
    known = bool(status) and status["identity"] == identity and not status["told"]
    if check_mode or not known:
        if not find_tool(_TOOLS[test]):
            raise BaremetalError("the program %s is needed for a burn-in and is not in this ramdisk" % _TOOLS[test], stage=STAGE,
                                 cure="Build the ramdisk with ramdisk_burn_in, and boot it.")
        plan, skipped, work = _prepare(options, lister, verifier)
        all_disks = test == "disk" and options["disks"] == "all"
        warnings = idle(lister() + sizeless(), options["skip_block_devices"]) if all_disks else []
        shown = {"plan": plan, "skipped": skipped, "machine_warnings": warnings}
        if check_mode:
            return dict(shown, changed=not known, record=None)
        started = job.start(identity, lambda report: dict(shown, record=_record(test, options, work)))
    else:
        shown, started = {}, False
    if not options["wait"]:
        return dict(shown, changed=started, record=None, job=_job_facts(job))
    return dict(job.join(), changed=started, job=_job_facts(job))


def _prepare(options, lister, verifier):
    """Look at everything that the test needs; returns (plan: text, skipped disks, function that does the work)."""
    test, runtime = options["test"], options["runtime"]
    if test == "disk":
        disks, skipped = burnin_disk.choose(options, lister)
        return burnin_disk.plan(disks, options), skipped, lambda: burnin_disk.burn(disks, options, guard=lambda: verifier(options["interlock"]))
    if test == "network":
        burnin_network.refuse_partner(options["partner"])
        plan = "the network to and from %s, for %s" % (options["partner"], duration(runtime))
        return plan, [], lambda: burnin_network.burn(options["partner"], runtime)
    workers = options["workers"] or os.cpu_count()
    if test == "memory":
        return "%s of the free memory, for %s" % (options["vm_bytes"], duration(runtime)), [], lambda: burnin_load.memory(workers, options["vm_bytes"], runtime)
    return "%d workers on the processors, for %s" % (workers, duration(runtime)), [], lambda: burnin_load.cpu(workers, runtime)


def _record(test, options, work):
    begun, clock = _now(), time.monotonic()
    try:
        details, errors = work()
    except BaremetalError as error:
        details, errors = {}, [str(error)]
    return {"test": test, "runtime": options["runtime"], "result": "failed" if errors else "passed", "error": " ".join(errors) or None,
            "begun": begun, "ended": _now(), "seconds": round(time.monotonic() - clock, 1), "tools": burnin_load.versions(_TOOLS[test]), "details": details}


def _job_facts(job):
    status = job.status()
    return {key: status[key] for key in ("state", "pid")} if status else None


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
