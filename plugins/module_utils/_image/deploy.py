# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module disk_image does, apart from the disk tools, which it is handed.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import typing as t
import zlib
from functools import partial

from . import seekable
from .._errors import BaremetalError
from .formats import PARTITION, WHOLE_DISK, partitions
from .job import Job
from .look import heads, read
from .publication import fetch_image
from .rawstream import RawImage, look_at, write_raw
from .renewal import resembles
from .target import Target
from .writer import check_fit, write_image


# Stands for the config drive that is on the disk already.
PRESERVE = "preserve"

# Bytes behind an image in which a config drive finds room with certainty, whatever its GPT holds.
_PLENTY = 128 * 1024 * 1024


class DiskTools(t.NamedTuple):
    """Functions of the disk room, by the names that they have there.

    ``find_disk(hints)``, ``refuse_if_protected(disk)``, ``verify(interlock)``,
    ``wipe_metadata(device)``, ``stop_mirror(device)``, ``reread(device)``,
    ``refuse_other_config_drives(device)``, ``refuse_no_room(disk, kind, there, heads)``, ``refuse_twins(device)``,
    ``move_backup_gpt(device)``, ``mirror_esp(device)``, ``add_config_drive(device, drive)``, ``keep_config_drive(device)``,
    ``pin_datasource(device, config_drive)``, ``partition(disk, wanted, drive)``.
    """

    find_disk: t.Callable
    refuse_if_protected: t.Callable
    verify: t.Callable
    wipe_metadata: t.Callable
    stop_mirror: t.Callable
    reread: t.Callable
    refuse_other_config_drives: t.Callable
    refuse_no_room: t.Callable
    refuse_twins: t.Callable
    move_backup_gpt: t.Callable
    mirror_esp: t.Callable
    add_config_drive: t.Callable
    keep_config_drive: t.Callable
    pin_datasource: t.Callable
    partition: t.Callable


def present(options, tools, check_mode=False, job=None):
    """Make the root disk of this machine carry an image.

    :param options: dict with url (None to join work that has begun), digest, manifest_digest (None for a raw image), root_device, interlock, partitions
        (None for a whole disk), config_drive, pin_datasource, wait and timeout.
    :param tools: a :class:`DiskTools`.
    :param check_mode: look at everything, write nothing.
    :param job: the :class:`~.job.Job` of this machine.
    :returns: the result of the module as a dict.
    :raises BaremetalError: when the image is not on the disk, and cannot or must not be.
    """
    tools.verify(options["interlock"])
    keep = options["config_drive"] == PRESERVE
    drive = decode_config_drive(options["config_drive"]) if options["config_drive"] and not keep else None
    identity = {"nonce": options["interlock"]["nonce"], "digest": options["digest"]}
    job = job or Job()
    status = job.status()
    started = False
    same = status and status["identity"] == identity
    if options["url"] is None and not same:
        raise BaremetalError("no work has begun that writes the image", stage="write the image", seen=f"the last work: {status and status['identity']}",
                             cure="the machine may have been booted anew meanwhile; run the same command again")
    if options["url"] and (not same or status["told"]):
        # A new job: everything that can be found wrong without writing is found before it starts.
        image = _image(options)
        disk = tools.find_disk(options["root_device"])
        parts = tools.partition(disk, options["partitions"], bool(options["config_drive"])) if image.file_system else None
        check_fit(image, parts.place[1] if parts else disk["size"], disk["logical_sectors"], disk["name"])
        tools.refuse_if_protected(disk)
        if keep:
            drive = tools.keep_config_drive(disk["name"])
        if drive:
            tools.refuse_other_config_drives(disk["name"])
            if not parts:
                _check_room(image, disk, tools)
        facts = {"device": disk["name"], "serial": disk.get("serial"), "digest": options["digest"]}
        if check_mode:
            layout = {"partitions": parts.layout.shown()} if parts else {}
            return dict(facts, bytes_mapped=image.mapped_size, changed=True, diff=_diff(facts, image, drive, parts), **layout)
        work = partial(_work_on_partitions, image, disk, parts) if parts else partial(_work, image, disk)
        pin = options["pin_datasource"]
        started = job.start(identity, lambda report: dict(facts, diff=_diff(facts, image, drive, parts), **work(drive, pin, tools, report)))
    if check_mode or not options["wait"]:
        return {"changed": started, "digest": options["digest"], "job": _job_facts(job.status())}
    result = dict(job.join(options["timeout"]), changed=started, job=_job_facts(job.status()))
    if not started:
        result.pop("diff")
    return result


def _image(options):
    if options["manifest_digest"] is None:
        return look_at(options["url"], options["digest"], WHOLE_DISK if options["partitions"] is None else PARTITION)
    seekable.need_zstandard()
    image = fetch_image(options["url"], options["digest"], options["manifest_digest"])
    if options["partitions"] is not None and not image.file_system:
        raise BaremetalError("the image is a whole disk and brings its own partitions", stage="plan the partitions",
                             seen=f"partitions were asked for, and the image has a {image.manifest.get('partition_table')} partition table",
                             cure="do without partitions, or publish the image of a file system with type: partition")
    return image


def _check_room(image, disk, tools):
    """Make sure that the config drive finds its place on the disk when the image is there: then it is too late."""
    # Else the table need not be fetched.
    if image.table == "mbr" or disk["size"] - image.size < _PLENTY:
        head, sector = read(image, 0), disk["logical_sectors"]
        tools.refuse_no_room(disk, image.table, partitions(head, sector), heads(image, head, sector))


def _work(image, disk, drive, pin, tools, report):
    """Everything reaches the disk before what it boots from does: an image that lacks its config drive would boot as nobody's machine."""
    device = disk["name"]
    tools.refuse_if_protected(disk)
    # What the firmware would start the old system by may lie on other disks too.
    tools.stop_mirror(device)
    # What an earlier deploy of the image left is part of the image; other traces are removed.
    raw = isinstance(image, RawImage)
    renew = not raw and resembles(image, device)
    if not renew:
        tools.wipe_metadata(device)
    # That took its time; names can move. This look is the last thing before the write.
    tools.refuse_if_protected(disk)
    withheld = []
    try:
        facts = write_raw(image, device, report, withheld=withheld) if raw else write_image(image, device, report, renew, withheld=withheld)
        tools.reread(device)
        tools.refuse_twins(device)
        tools.move_backup_gpt(device)
        facts["config_drive"] = tools.add_config_drive(device, drive) if drive else None
        facts["datasource_pinned"] = tools.pin_datasource(device, facts["config_drive"]) if drive and pin else None
        _on(device, lambda target: target.put_back(withheld))
        # What was read of the EFI system partition meanwhile is no longer true.
        tools.reread(device)
        facts["esp_mirror"] = tools.mirror_esp(device)
    except BaseException:
        _on(device, Target.clear_edges)
        raise
    return facts


def _on(device, work):
    """Open a disk once more, do something to it, and explain what fails."""
    target = Target(device)
    try:
        work(target)
    except OSError as error:
        raise target.explained(error).at(stage="write the image") from error
    finally:
        target.close()


def _work_on_partitions(image, disk, parts, drive, pin, tools, report):
    """The same for a partition image: at no time before the last moment does anything boot from the disk."""
    device = disk["name"]
    tools.refuse_if_protected(disk)
    raw = isinstance(image, RawImage)
    renew = not raw and resembles(image, device, parts.place)
    tools.refuse_if_protected(disk)
    parts.disarm()
    try:
        tools.refuse_if_protected(disk)
        facts = write_raw(image, device, report, parts.place) if raw else write_image(image, device, report, renew, parts.place)
        facts.update(parts.fill(image, drive, pin))
        tools.refuse_twins(device)
    except BaseException:
        parts.clear()
        raise
    return facts


def _diff(facts, image, drive, parts):
    after = f"image {facts['digest']} of {image.size} bytes" + (", a config drive" if drive else "")
    if parts:
        after += ", ".join([" in the last of the partitions of a " + parts.layout.label, *(
            f"{part['role']} {part['size'] // 1024 ** 2} MiB" for part in parts.layout.shown())])
    return {
        "before": {"device": facts["device"], "serial": facts["serial"], "content": "whatever it holds now"},
        "after": {"device": facts["device"], "serial": facts["serial"], "content": after},
    }


def _job_facts(status):
    return {key: status[key] for key in ("state", "pid", "done", "total")}


def decode_config_drive(text):
    """The bytes of a config drive.

    :param text: base64 of an ISO 9660 image, or of one packed with gzip.
    :raises BaremetalError: when it is neither.
    """
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (binascii.Error, OSError, EOFError, zlib.error, ValueError) as error:
        raise BaremetalError("the config drive is not base64 of an ISO image, plain or packed with gzip", stage="config drive", seen=str(error),
                             cure="make it with the config_drive filter") from error
    if data[0x8001:0x8006] != b"CD001":
        raise BaremetalError("the config drive is no ISO 9660 image", stage="config drive",
                             seen=f"{len(data)} bytes", cure="make it with the config_drive filter")
    return data
