# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load on the processors and on the memory, through stress-ng, and the errors that the kernel counts meanwhile."""

from __future__ import annotations

import os
import re

from .._errors import sentence
from .commands import run
from .system import listdir, read_text

STAGE = "burn-in"
# Whatever code a program ends with, also by a signal, is looked at here.
ANY_CODE = range(-64, 256)
# Seconds that a program gets to end by itself when its time is over.
GRACE = 600
_METRICS = re.compile(r"^stress-ng: metrc: \[\d+\] (?:cpu|vm)\s+(\d+)\s+([\d.]+)\s", re.MULTILINE)
_DONE = re.compile(r"^stress-ng: info:\s+\[\d+\] successful run completed", re.MULTILINE)
# Of a core that was slowed down; the counters of the kernel for Intel's processors.
_THROTTLE = ("core_throttle_count", "package_throttle_count")


def cpu(workers, runtime, **places):
    """Load the processors, and have each computation verified.

    workers: their number. runtime: seconds. Returns (details, [what has failed]).
    """
    return _stress(["--cpu", str(workers)], "the processors", runtime, **places)


def memory(workers, vm_bytes, runtime, **places):
    """Write patterns to memory, and read them back.

    workers: their number, which share the memory. vm_bytes: how much, as 98% of what is free or 16g. runtime: seconds. Returns (details, [what has failed]).
    """
    return _stress(["--vm", str(workers), "--vm-bytes", str(vm_bytes)], "the memory", runtime, **places)


def _stress(arguments, what, runtime, *, runner=run, sysfs="/sys", proc="/proc"):
    before = counters(sysfs=sysfs, proc=proc)
    argv = ["stress-ng", *arguments, "--timeout", "%ds" % runtime, "--verify", "--metrics-brief"]
    text = everything(argv, timeout=runtime + GRACE, runner=runner)
    rose = {name: value - before.get(name, 0) for name, value in counters(sysfs=sysfs, proc=proc).items() if value > before.get(name, 0)}
    found = _METRICS.search(text)
    details = {"operations": int(found.group(1)) if found else None, "seconds_each": float(found.group(2)) if found else None, "counters": rose}
    errors = []
    if not _DONE.search(text):
        lines = [line.partition("] ")[2] for line in text.splitlines() if re.match(r"stress-ng: (fail|error|warn)", line)]
        errors.append("stress-ng found %s at fault. Seen: %s" % (what, sentence("; ".join(lines[:5]) or text[-400:] or "it ended without a word")))
    bad = {name: count for name, count in rose.items() if name not in _THROTTLE}
    if bad:
        errors.append("The kernel counted errors of the hardware during the burn-in. Seen: %s." % ", ".join("%s: %d" % pair for pair in sorted(bad.items())))
    if errors:
        errors.append("To do: look at the kernel log (dmesg) and at the BMC's event log for the module that is meant, and replace it.")
    return details, errors


def everything(argv, *, timeout, runner=run):
    """Run a program that may fail, and return all that it printed, as one text."""
    return runner(["sh", "-c", 'exec "$@" 2>&1', "sh", *argv], stage=STAGE, timeout=timeout, ok=ANY_CODE).decode("utf-8", "replace")


def counters(*, sysfs="/sys", proc="/proc"):
    """Return what the kernel has counted of errors of processors and memory, and of throttling, as {name: count}.

    Memory controllers count by module (EDAC): memory_corrected:LABEL and memory_uncorrected:LABEL, or by controller where they know no modules.
    """
    found = {}
    for line in (read_text(os.path.join(proc, "interrupts")) or "").splitlines():
        words = line.split()
        if words and words[0] == "MCE:":
            found["machine_checks"] = sum(int(word) for word in words[1:] if word.isdigit())
    base = os.path.join(sysfs, "devices/system/edac/mc")
    for controller in (name for name in listdir(base) if re.fullmatch(r"mc\d+", name)):
        place = os.path.join(base, controller)
        modules = [name for name in listdir(place) if re.fullmatch(r"(dimm|rank)\d+", name)]
        for name in modules:
            label = read_text(os.path.join(place, name, "dimm_label")) or "%s/%s" % (controller, name)
            _add(found, "memory_corrected:" + label, os.path.join(place, name, "dimm_ce_count"))
            _add(found, "memory_uncorrected:" + label, os.path.join(place, name, "dimm_ue_count"))
        if not modules:
            _add(found, "memory_corrected:" + controller, os.path.join(place, "ce_count"))
            _add(found, "memory_uncorrected:" + controller, os.path.join(place, "ue_count"))
    cpus = os.path.join(sysfs, "devices/system/cpu")
    for name in (name for name in listdir(cpus) if re.fullmatch(r"cpu\d+", name)):
        for counter in _THROTTLE:
            _add(found, counter, os.path.join(cpus, name, "thermal_throttle", counter))
    return found


def _add(found, name, path):
    text = read_text(path)
    if text and text.isdigit():
        found[name] = found.get(name, 0) + int(text)


def versions(tool):
    """Return the versions of the kernel and of a program."""
    return {"kernel": os.uname().release, tool: run([tool, "--version"], stage=STAGE, ok=ANY_CODE).decode("utf-8", "replace").strip().partition("\n")[0]}
