# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Erasing one disk by a plan: what it can do, doing it, proving it by samples, and the certificate."""

from __future__ import annotations

import datetime
import os
import secrets
import time

from . import ata, ata_sanitize, nvme, scsi, surface
from .._errors import BaremetalError
from .commands import find_tool, run
from .erase_plan import CLOSED, name_of
from .partitions import geometry, signatures, wipe_metadata
from .protect import refuse_if_protected, refuse_special_filesystems
from .system import read_text

STAGE = "erase"
# The program of each method, whose version the certificate tells.
_TOOLS = {"nvme_format": "nvme", "nvme_sanitize": "nvme", "ata_sanitize": "hdparm", "ata_secure_erase": "hdparm", "scsi_sanitize": "sg_sanitize",
          "metadata": "wipefs"}


def abilities(disk, siblings, *, sysfs="/sys", runner=run):
    """Ask a disk what it can do to erase itself; nothing is changed.

    disk: a dict of list_disks. siblings: names of the other namespaces of its NVMe controller that are not to be erased.
    Returns the dict that erase_plan.candidates takes. What cannot be asked is told in its problems.
    """
    found = {"siblings": siblings, "problems": {}}

    def ask(key, methods, question):
        try:
            found[key] = question(disk["name"], runner=runner)
        except BaremetalError as error:
            found["problems"].update({method: "%s (%s)" % (error.what, error.seen or "no message") for method in methods})

    is_ata = disk.get("tran") in ("sata", "ata") or (disk.get("vendor") or "").strip() == "ATA"
    if nvme.controller(disk["name"]):
        ask("nvme", ("nvme_format", "nvme_sanitize"), nvme.abilities)
    elif is_ata:
        ask("ata", ("ata_secure_erase",), ata.security)
        ask("ata_sanitize", ("ata_sanitize",), ata_sanitize.abilities)
    elif os.path.basename(disk["name"]).startswith("sd") and disk.get("tran") != "usb":
        ask("scsi", ("scsi_sanitize",), scsi.abilities)
    queue = os.path.join(sysfs, "block", os.path.basename(disk["name"]), "queue")
    # Both: a drive that frees blocks, and one that promises zeroes. The kernel offers the second only where the drive keeps it.
    found["discard"] = all((read_text(os.path.join(queue, name)) or "0") != "0" for name in ("discard_max_bytes", "write_zeroes_max_bytes"))
    return found


def locked(able):
    """Return whether a disk of these abilities cannot be read, because it is locked or in the middle of a sanitize."""
    return bool((able.get("ata") or {}).get("locked")) or any((able.get(key) or {}).get("state") in CLOSED for key in ("nvme", "ata_sanitize"))


def erase_disk(disk, plan, able, options, *, report, under_way, guard):
    """Erase one disk by its plan, prove it, and return its certificate.

    disk: as read when it was chosen. plan: of erase_plan.choose. able: of abilities. options: of the module (grade, root_device,
    skip_block_devices, wipe_special_filesystems, timeout). report: takes the progress, 0 to 1. under_way: takes the candidate of the plan that
    begins, and None when it has ended. guard: function that raises when this is not the machine that is meant; called with the protection of
    the disk directly before each write.
    A method that fails is followed by another one only where the plan allows for it, and the certificate tells it.
    Raises BaremetalError.
    """
    begun, clock = _now(), time.monotonic()
    found = [] if locked(able) else signatures(disk["name"])
    tried = []
    ways = [plan["chosen"]] + plan["instead"]
    for candidate in ways:
        # What these refuse is no failure of the method, and no other method may be tried then.
        guard()
        if not locked(able):
            refuse_special_filesystems(disk, found, options["wipe_special_filesystems"])
        refuse_if_protected(disk, hints=options["root_device"], skip=options["skip_block_devices"])
        try:
            samples = _erase(disk, candidate, able, options, report, under_way)
            break
        except BaremetalError as error:
            if candidate is ways[-1]:
                raise
            tried.append("%s failed: %s" % (name_of(candidate), error))
    fallback = "; ".join(tried + ([plan["weaker"]] if plan["weaker"] else [])) or None
    return {
        "device": disk["name"], "serial": disk["serial"], "wwn": disk["wwn"], "model": disk["model"], "vendor": disk["vendor"],
        "size": disk["size"], "tran": disk["tran"], "signatures": found, "method": candidate["method"], "technique": candidate["technique"],
        "grade": candidate["grade"], "wanted_grade": options["grade"], "fallback": fallback, "samples": samples, "begun": begun, "ended": _now(),
        "seconds": round(time.monotonic() - clock, 1), "tools": _versions(candidate["method"]), "result": "erased", "error": None,
    }


def failed(disk, error, options):
    """Return the certificate of a disk that was not, or not surely, erased."""
    return {"device": disk["name"], "serial": disk["serial"], "wwn": disk["wwn"], "model": disk["model"], "vendor": disk["vendor"],
            "size": disk["size"], "tran": disk["tran"], "signatures": [], "method": None, "technique": None, "grade": None,
            "wanted_grade": options["grade"], "fallback": None, "samples": None, "begun": None, "ended": _now(), "seconds": None, "tools": {},
            "result": "failed", "error": str(error)}


def _erase(disk, candidate, able, options, report, under_way):
    """Do one method and prove it; returns what the samples said, None for the metadata alone."""
    device, size = disk["name"], disk["size"]
    if candidate["method"] == "metadata":
        wipe_metadata(device)
        return None
    offsets = surface.sample_offsets(size, seed=secrets.randbits(64))
    # A locked drive gives nothing to read; what it held cannot be compared then.
    before = [None] * len(offsets) if locked(able) else surface.read_samples(device, offsets)
    under_way(candidate)
    try:
        _work(device, size, candidate, report, timeout=options["timeout"] or candidate["limit"])
    finally:
        under_way(None)
    if geometry(device)[0] != size:
        raise BaremetalError("%s has another size after its erase" % device, stage=STAGE, seen="%d bytes, before %d" % (geometry(device)[0], size),
                             cure="Look at the namespaces and the format of the drive (nvme list, sg_readcap).")
    samples = surface.compare_samples(before, surface.read_samples(device, offsets), zeroes=candidate["zeroes"])
    wrong = [offsets[number] for number in samples.pop("failed")]
    if wrong:
        raise BaremetalError(
            "%s is not erased, although %s reported success" % (device, name_of(candidate)), stage=STAGE,
            seen="%d of %d samples are not, the first at byte %d" % (len(wrong), samples["taken"], wrong[0]),
            cure="Erase it by another method (methods); destroy it if that fails too, and report the drive's firmware to its maker.")
    # Random remains of a thrown-away key shall look like no partition table, and the kernel shall forget the old one.
    try:
        refuse_if_protected(disk, hints=options["root_device"], skip=options["skip_block_devices"])
    except BaremetalError as error:
        raise BaremetalError("%s is erased, but not wiped after that" % device, stage=STAGE, seen=error.seen or error.what, cure=error.cure) from None
    wipe_metadata(device)
    return dict(samples, bytes_each=surface.SAMPLE, expected="zeroes" if candidate["zeroes"] else "zeroes, ones, or other than before")


def _work(device, size, candidate, report, *, timeout):
    method, technique = candidate["method"], candidate["technique"]
    if method == "overwrite":
        surface.overwrite(device, size, timeout=timeout, report=report)
    elif method == "discard":
        surface.discard(device, size, timeout=timeout, report=report)
    elif method == "nvme_format":
        nvme.format_namespace(device, crypto=technique == "crypto", timeout=timeout)
    elif method == "nvme_sanitize":
        nvme.sanitize(device, technique, timeout=timeout, report=report)
    elif method == "scsi_sanitize":
        scsi.sanitize(device, technique, timeout=timeout, report=report)
    elif method == "ata_sanitize":
        ata_sanitize.sanitize(device, technique, timeout=timeout, report=report)
    else:
        ata.secure_erase(device, enhanced=technique == "enhanced", timeout=timeout, report=report, estimate=candidate["seconds"])


def _versions(method):
    """Return {tool: first line of what it says of its version}, and the kernel's."""
    found = {"kernel": os.uname().release}
    tool = _TOOLS.get(method)
    if tool and find_tool(tool):
        argv = [tool, {"nvme": "version", "hdparm": "-V"}.get(tool, "--version")]
        try:
            found[tool] = run(argv, stage=STAGE).decode("utf-8", "replace").strip().partition("\n")[0] or "unknown"
        except BaremetalError:
            # The erase has succeeded; an unknown version does not undo that.
            found[tool] = "unknown"
    return found


def _now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
