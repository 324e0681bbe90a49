# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Erasing disks of this machine: which, in which way, and all of them at the same time."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from functools import partial

from . import nvme, stack
from .._errors import BaremetalError
from .arrays import disks_for
from .devices import NETWORK_TRANSPORTS, describe, list_disks
from .erase_disk import abilities, erase_disk, failed, locked
from .erase_plan import INSIDE, METHODS, choose, line, name_of
from .hints import idle, is_skipped, select, skip_list
from .interlock import verify
from .late import wait_for_scans
from .partitions import signatures
from .protect import refuse_if_protected, refuse_special_filesystems
from .system import read_text

STAGE = "erase"
# More at a time would only wait for the bus.
_WORKERS = 16


def erase(options, job, *, check_mode=False, lister=list_disks, sizeless=partial(list_disks, sizeless=True), verifier=verify):
    """Erase the disks that are meant.

    options: {interlock, disks ("root" or "all"), root_device, skip_block_devices, grade, methods, fallback, wipe_special_filesystems,
    wait, timeout}. job: the job of this machine, which the erase becomes unless only the metadata goes. lister: of disks.
    sizeless: of those that tell no size.
    Returns {changed, erased: [certificates], plan, skipped, failures: [texts], machine_warnings: [texts], job, diff}. In check mode nothing is written, but
    everything that would refuse does. Raises BaremetalError; a disk that failed while others were erased is in failures instead, and so is
    what ended the work when some disks were done.
    """
    verifier(options["interlock"])
    # What the node's record says of its disks counts beside what the task says.
    options = dict(options, skip_block_devices=options["skip_block_devices"] + (options["interlock"].get("skip_block_devices") or []),
                   wipe_special_filesystems=options["wipe_special_filesystems"] or bool(options["interlock"].get("wipe_special_filesystems")))
    identity = {"work": "erase", **{key: value for key, value in options.items() if key not in ("wait", "timeout", "connect_timeout", "certificates")}}
    status = job.status() if options["grade"] != "metadata" else None
    if not status or status["identity"] != identity or status["told"]:
        warnings = []
        if options["disks"] == "all":
            wait_for_scans()
            sick = sizeless()
            _refuse_sizeless(sick, options["skip_block_devices"])
            warnings = idle(lister() + sick, options["skip_block_devices"])
        entries, skipped = _prepare(options, lister)
        shown = {"plan": [_shown(entry) for entry in entries], "skipped": skipped, "diff": _diff(entries), "machine_warnings": warnings}
        if check_mode:
            erased = [_predicted(entry, options) for entry in entries if _needed(entry, options)]
            return dict(shown, changed=bool(erased), erased=erased, failures=[])
        if options["grade"] == "metadata":
            needed = [entry for entry in entries if _needed(entry, options)]
            return dict(shown, **_work(needed, options, lister, verifier, lambda *progress: None))
        started = job.start(identity, lambda report: dict(shown, **_work(entries, options, lister, verifier, report)))
    else:
        shown, started = {}, False
    if check_mode or not options["wait"]:
        return dict(shown, changed=started, erased=[], failures=[], job=_job_facts(job))
    try:
        result = job.join(options["timeout"] or None)
    except BaremetalError as error:
        erased = job.status()["parts"]
        if not erased:
            raise
        result = dict(shown, erased=erased, failures=[str(error)] + _errors(erased))
    return dict(result, changed=started, job=_job_facts(job))


def _refuse_sizeless(disks, skip):
    """Raise for a disk that tells no size: it would be passed over, with all that is on it."""
    sick = sort_out(disks, skip_list(skip))[0]
    if sick:
        raise BaremetalError(
            "disks of this machine tell no size, so that they cannot be erased; nothing was written", stage=STAGE, seen="; ".join(map(describe, sick)),
            cure="Wait for a sanitize or a format that runs (sg_requests --progress, nvme sanitize-log), replace a drive that fails, or put it into "
            "skip_block_devices and destroy it.")


def choose_disks(disks, options):
    """Choose the disks to erase.

    disks: of list_disks. options: of erase.
    Returns (chosen, skipped: [{device, serial, reason}]). With "all", disks that can be taken out, disks in a network, disks of the skip
    list and further paths to the same disk are skipped. Raises BaremetalError for hints that are wrong or mean a disk of the skip list.
    """
    skipping = skip_list(options["skip_block_devices"])
    if options["disks"] == "root":
        disk = select(disks, options["root_device"])
        if is_skipped(disk, skipping):
            raise BaremetalError("%s is the root device and in skip_block_devices" % describe(disk), stage=STAGE,
                                 cure="Correct the one or the other.")
        return [disk], [{"device": other["name"], "serial": other["serial"], "reason": "it is in skip_block_devices"}
                        for other in disks if is_skipped(other, skipping)]
    chosen, skipped = sort_out(disks, skipping)
    if not chosen:
        raise BaremetalError("no disk is to be written", stage=STAGE, seen="; ".join("%(device)s: %(reason)s" % one for one in skipped) or "no disk at all",
                             cure="Correct skip_block_devices, or take the step out where there is nothing to write.")
    return chosen, skipped


def sort_out(disks, skipping):
    """Sort disks into those that may be written and others, (chosen, skipped: [{device, serial, reason}]).

    disks: of list_disks. skipping: of hints.skip_list. Skipped are disks of the skip list, disks that can be taken out, disks in a network, and further
    paths to the same disk.
    """
    chosen, skipped, seen = [], [], {}
    for disk in disks:
        transport = transport_of(disk)
        same = (disk["wwn"], disk["serial"], disk["size"]) if disk["wwn"] else disk["name"]
        reason = (
            "it is in skip_block_devices" if is_skipped(disk, skipping)
            else "it is removable" if disk["removable"]
            else "it is in a network (%s)" % transport if transport in NETWORK_TRANSPORTS
            else "it is another path to %s" % seen[same] if same in seen
            else None)
        if reason:
            skipped.append({"device": disk["name"], "serial": disk["serial"], "reason": reason})
        else:
            seen[same] = disk["name"]
            chosen.append(disk)
    return chosen, skipped


def _prepare(options, lister):
    """Look at everything; returns (entries, skipped). Whatever speaks against any disk is raised before the first one is written."""
    # With hints for it, an array is the root device: it stays, and what is in it is erased.
    disks = disks_for(options["root_device"] if options["disks"] == "root" else None, options["skip_block_devices"], lister=lister)
    chosen, skipped = choose_disks(disks, options)
    skipped = [dict(one, text="%(device)s, serial %(serial)s: skipped, %(reason)s" % one) for one in skipped]
    targets = [disk["name"] for disk in chosen]
    protected = {one["device"]: one["reason"] for one in skipped if not one["reason"].startswith("it is another path")}
    entries, problems = [], []
    for disk in chosen:
        try:
            layers = stack.layers(disk["name"])
            stack.refuse_foreign(layers, targets, protected)
            siblings = [other["name"] for other in disks
                        if nvme.controller(disk["name"]) and nvme.controller(other["name"]) == nvme.controller(disk["name"]) and other["name"] not in targets]
            able = abilities(disk, siblings) if options["grade"] != "metadata" else {}
            found = [] if locked(able) else signatures(disk["name"])
            plan = choose(disk, able, options["grade"], methods=options["methods"] or METHODS, fallback=options["fallback"])
            entry = {"disk": disk, "layers": layers, "able": able, "signatures": found, "plan": plan}
            if _needed(entry, options):
                refuse_special_filesystems(disk, found, options["wipe_special_filesystems"])
                # Holders are taken apart before anything is written.
                refuse_if_protected(disk, hints=options["root_device"], skip=options["skip_block_devices"], ignore_holders=bool(layers))
            entries.append(entry)
        except BaremetalError as error:
            problems.append(error)
        except OSError as error:
            problems.append(_broken(disk, error))
    raise_all(problems, "%d disks cannot be erased, nothing was written", stage=STAGE)
    return entries, skipped


def raise_all(problems, what, *, stage):
    """Raise what speaks against disks, if anything does: one BaremetalError as it is, several as one; what: the message, with %d for how many."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise BaremetalError(what % len(problems), stage=stage, seen=" ".join(map(str, problems)),
                             cure="Mend each of them, or put it into skip_block_devices.")


def _needed(entry, options):
    """Whether there is anything to do: only without data to erase, and without metadata, there is not."""
    return options["grade"] != "metadata" or bool(entry["signatures"] or entry["layers"])


def _work(entries, options, lister, verifier, report):
    """Take the stacks apart, then erase all disks side by side; namespaces of one NVMe drive one after the other."""
    targets = [entry["disk"]["name"] for entry in entries]
    for entry in entries:
        verifier(options["interlock"])
        # Read anew: an array of two disks went with the first one.
        stack.take_apart(stack.layers(entry["disk"]["name"]), targets)
    progress = _Progress(entries, report)
    groups = {}
    for entry in entries:
        groups.setdefault(nvme.controller(entry["disk"]["name"]) or entry["disk"]["name"], []).append(entry)

    def erase_group(group):
        return [_certificate(entry, options, progress, verifier) for entry in group]

    pool = concurrent.futures.ThreadPoolExecutor(max_workers=_WORKERS)
    try:
        found = {one["device"]: one for certificates in pool.map(erase_group, groups.values()) for one in certificates}
    finally:
        # Who is told to stop does not wait for drives that erase for hours.
        pool.shutdown(wait=False, cancel_futures=True)
    certificates = [found[device] for device in targets]
    return {"changed": bool(certificates), "erased": certificates, "failures": _errors(certificates)}


def _errors(certificates):
    return [one["error"] for one in certificates if one["error"]]


def _certificate(entry, options, progress, verifier):
    disk = entry["disk"]
    try:
        certificate = erase_disk(disk, entry["plan"], entry["able"], options, report=lambda part: progress.note(disk, part),
                                 under_way=lambda candidate: progress.begin(disk, candidate), guard=lambda: verifier(options["interlock"]))
    except BaremetalError as error:
        certificate = failed(disk, error, options)
    except OSError as error:
        certificate = failed(disk, _broken(disk, error), options)
    # What was found at first, before stacks were taken apart and marks with them.
    certificate = dict(certificate, signatures=entry["signatures"])
    progress.end(disk, certificate)
    return certificate


def _broken(disk, error):
    return BaremetalError("%s fails" % describe(disk), stage=STAGE, seen=str(error),
                          cure="Look at the kernel log (dmesg) and at the health of the disk (smartctl); replace it, or put it into skip_block_devices.")


class _Progress:
    """The progress of several disks as one number of bytes, told about once a second, and at once what drives have begun or ended by themselves.

    The certificates of disks that are done are told with it: the work may be ended before the last one is.
    """

    def __init__(self, entries, report):
        self._sizes = {entry["disk"]["name"]: entry["disk"]["size"] for entry in entries}
        self._parts = dict.fromkeys(self._sizes, 0.0)
        self._lasting, self._certificates = {}, []
        self._report, self._told, self._lock = report, None, threading.Lock()

    def note(self, disk, part):
        with self._lock:
            self._parts[disk["name"]] = part
            if self._told is None or part >= 1 or time.monotonic() - self._told >= 1:
                self._told = time.monotonic()
                self._tell()

    def end(self, disk, certificate):
        """Tell that a disk is done."""
        with self._lock:
            self._parts[disk["name"]] = 1.0
            self._certificates.append(certificate)
            self._tell()

    def begin(self, disk, candidate):
        """Tell that a disk is being erased in one way now; None: no more."""
        with self._lock:
            self._lasting.pop(disk["name"], None)
            if candidate and candidate["method"] in INSIDE:
                self._lasting[disk["name"]] = name_of(candidate) + " of " + disk["name"]
            self._tell()

    def _tell(self):
        self._report(round(sum(size * self._parts[name] for name, size in self._sizes.items())), sum(self._sizes.values()), list(self._lasting.values()),
                     self._certificates)


def transport_of(disk):
    """The transport of a disk; that of NVMe over fabrics is in sysfs only."""
    place = nvme.controller(disk["name"])
    return (read_text("/sys/class/nvme/%s/transport" % place.rpartition("/")[2]) if place else None) or disk["tran"]


def _shown(entry):
    disk, plan = entry["disk"], entry["plan"]
    chosen, layers = plan["chosen"], [stack.describe(layer) for layer in entry["layers"]]
    return {
        "device": disk["name"], "serial": disk["serial"], "model": disk["model"], "size": disk["size"], "method": chosen["method"],
        "technique": chosen["technique"], "grade": chosen["grade"], "seconds": chosen["seconds"], "stack": layers, "signatures": entry["signatures"],
        "not_open": {name_of(one): one["reason"] for one in plan["not_open"]}, "weaker": plan["weaker"], "text": line(disk, plan, layers),
    }


def _predicted(entry, options):
    disk, chosen = entry["disk"], entry["plan"]["chosen"]
    return {"device": disk["name"], "serial": disk["serial"], "size": disk["size"], "method": chosen["method"], "technique": chosen["technique"],
            "grade": chosen["grade"], "wanted_grade": options["grade"], "signatures": entry["signatures"]}


def _diff(entries):
    def state(entry, found, content):
        shown = ["%(type)s on %(device)s at byte %(offset)d" % one for one in found]
        return {"serial": entry["disk"]["serial"], "metadata": shown, "data": content}

    def after(entry):
        chosen = entry["plan"]["chosen"]
        return "as it is" if chosen["grade"] == "metadata" else "erased by %s, grade %s" % (name_of(chosen), chosen["grade"])

    return {"before": {entry["disk"]["name"]: state(entry, entry["signatures"], "as it is") for entry in entries},
            "after": {entry["disk"]["name"]: state(entry, [], after(entry)) for entry in entries}}


def _job_facts(job):
    status = job.status()
    return {key: status[key] for key in ("state", "pid", "done", "total")} if status else None
