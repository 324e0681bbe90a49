# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The UEFI firmware's boot records: made, put in order, removed, and read back."""

from __future__ import annotations

import re

from .._errors import BaremetalError
from . import efi_loader
from .commands import run
from .efi_loader import STAGE
from .efi_records import parse_records, partition_key


def wanted_records(label, loader, esps):
    """Return the records that shall exist, as dicts {label, loader, partition, disk, number}.

    One for each EFI system partition; where there are several, their labels end as Ironic's do: (RAID, part0).
    """
    return [
        {
            "label": label if len(esps) == 1 else "%s (RAID, part%d)" % (label, number),
            "loader": loader,
            "partition": esp["identity"],
            "disk": esp["disk"],
            "part": esp["number"],
        }
        for number, esp in enumerate(esps)
    ]


def is_ours(entry, label):
    """Return whether a record has our label, with or without the suffix of a RAID."""
    return re.fullmatch(re.escape(label) + r"( \(RAID, part\d+\))?", entry["label"]) is not None


def plan_present(records, label, csv_label, wanted, known):
    """Decide what must change so that the wanted records exist once and come first.

    records: see parse_records. label: of our records. csv_label: the loader's own label or None. wanted: see
    wanted_records. known: unique ids of all partitions of the machine.
    Returns {"keep": [number or None for each of wanted], "remove": [numbers]}. Removed are other records with our
    label, and those with the loader's own label whose partition no longer exists: installed
    systems write these, and every new deploy would leave one more in the firmware's small store.
    """
    keep, remove = [None] * len(wanted), []
    for number, entry in sorted(records["entries"].items()):
        if is_ours(entry, label):
            place = next((n for n, one in enumerate(wanted) if keep[n] is None and matches(entry, one)), None)
            if place is None or not entry["active"]:
                remove.append(number)
            else:
                keep[place] = number
        elif csv_label and entry["label"] == csv_label and entry["partition"] not in known | {None}:
            remove.append(number)
    return {"keep": keep, "remove": remove}


def matches(entry, wanted):
    """Return whether a record starts what is wanted, under the label that is wanted."""
    same = all(entry[key] == wanted[key] for key in ("label", "partition"))
    return same and (entry["loader"] or "").lower() == wanted["loader"].lower()


def read_records(*, node=None, runner=run):
    """Return the firmware's boot records (see parse_records)."""
    return parse_records(runner(["efibootmgr", "-v"], node=node, stage=STAGE))


def info(*, runner=run):
    """Return {boot_current, boot_next, boot_order, records}: what the firmware has, records in the order in which it tries them."""
    found = read_records(runner=runner)
    order = [number for number in found["order"] if number in found["entries"]]
    rest = sorted(set(found["entries"]) - set(order))
    return {
        "boot_current": found["current"],
        "boot_next": found["next"],
        "boot_order": found["order"],
        "records": [found["entries"][number] for number in order + rest],
    }


def present(device, label, *, check_mode=False, node=None, runner=run, esp_finder=efi_loader.find_esps, loader_finder=efi_loader.loader_on):
    """Make the firmware start the loader on a disk first, and read that back.

    device: a disk, or an array of software RAID: then there is a record for each disk that it lies on.
    Returns {changed, entry, entries, boot_order, removed, diff}; entries are records as in parse_records
    (with number None in check mode when they would be created), entry is the first. Raises BaremetalError.
    """
    esps = esp_finder(device, node=node)
    loader, csv_label = loader_finder(esps[0]["partition"], node=node)
    wanted = wanted_records(label, loader, esps)
    before = read_records(node=node, runner=runner)
    plan = plan_present(before, label, csv_label, wanted, _known_partitions(runner, node))
    kept = [number for number in plan["keep"] if number]
    # Firmware may name records that do not exist, and efibootmgr takes none of them.
    rest = [number for number in before["order"] if number in before["entries"] and number not in plan["remove"] + kept]
    changed = bool(plan["remove"]) or None in plan["keep"] or before["order"][:len(kept)] != kept
    entries = [
        before["entries"][number] if number else {
            "number": None,
            "label": one["label"],
            "active": True,
            "path": None,
            "partition": one["partition"],
            "loader": loader,
        }
        for number, one in zip(plan["keep"], wanted)
    ]
    result = {"changed": changed, "removed": plan["remove"], "entries": entries, "entry": entries[0],
              "boot_order": kept + rest if changed else before["order"]}
    result["diff"] = {
        "before": _state(before["entries"], before["order"]),
        "after": {"records": _shown(entries + [before["entries"][n] for n in rest])},
    }
    if not changed or check_mode:
        return result
    # What goes makes room first: the firmware's store is small.
    for number in plan["remove"]:
        runner(["efibootmgr", "-b", number, "-B"], node=node, stage=STAGE)
    for number, one in zip(plan["keep"], wanted):
        if number is None:
            argv = ["efibootmgr", "-c", "-d", one["disk"], "-p", str(one["part"]), "-L", one["label"], "-l", loader]
            runner(argv, node=node, stage=STAGE)
    made = _found(read_records(node=node, runner=runner), wanted)
    order = [entry["number"] for entry in made if entry] + rest
    runner(["efibootmgr", "-o", ",".join(order)], node=node, stage=STAGE)
    after = read_records(node=node, runner=runner)
    found = _found(after, wanted)
    result.update(entries=found, entry=found[0], boot_order=after["order"])
    if None in found or after["order"][:len(found)] != [entry["number"] for entry in found]:
        raise BaremetalError(
            "the firmware did not keep the boot record %s as the first one" % ", ".join(one["label"] for one in wanted),
            node=node,
            stage=STAGE,
            seen=_described(after),
            cure="Look into the firmware's setup: its boot order may be locked or its store full.",
        )
    return result


def absent(label, *, check_mode=False, node=None, runner=run):
    """Remove every boot record with a label, those of a RAID too, and read that back.

    Returns {changed, removed, boot_order, entry: None, entries: [], diff}. Raises BaremetalError.
    """
    before = read_records(node=node, runner=runner)
    remove = sorted(number for number, entry in before["entries"].items() if is_ours(entry, label))
    order = [number for number in before["order"] if number not in remove]
    left = {number: entry for number, entry in before["entries"].items() if number not in remove}
    result = {"changed": bool(remove), "removed": remove, "boot_order": order, "entry": None, "entries": []}
    result["diff"] = {"before": _state(before["entries"], before["order"]), "after": _state(left, order)}
    if not remove or check_mode:
        return result
    for number in remove:
        runner(["efibootmgr", "-b", number, "-B"], node=node, stage=STAGE)
    after = read_records(node=node, runner=runner)
    result["boot_order"] = after["order"]
    if any(is_ours(entry, label) for entry in after["entries"].values()):
        raise BaremetalError(
            "the firmware still has a boot record %s after its removal" % label,
            node=node,
            stage=STAGE,
            seen=_described(after),
            cure="Remove it in the firmware's setup.",
        )
    return result


def check_bios(device, *, node=None):
    """Make sure that a BIOS would find something to start on a disk. Raises BaremetalError."""
    if not efi_loader.bios_can_start(device):
        raise BaremetalError(
            "%s has no boot code in its first sector, so the machine cannot start from it by BIOS" % device,
            node=node,
            stage=STAGE,
            seen="a machine that was started by BIOS",
            cure="Use an image made for BIOS, or set boot_mode of the node and its firmware to uefi.",
        )


def _known_partitions(runner, node):
    text = runner(["lsblk", "--noheadings", "--list", "--output", "PARTUUID"], node=node, stage=STAGE)
    return {partition_key(word) for word in text.decode("utf-8", "replace").split()}


def _found(records, wanted):
    """The record for each of wanted, or None."""
    numbers = records["order"] + sorted(records["entries"])
    entries = [records["entries"][number] for number in numbers if number in records["entries"]]
    return [next((entry for entry in entries if matches(entry, one)), None) for one in wanted]


def _shown(entries):
    return ["%s %s" % (entry["label"], entry["loader"] or entry["path"] or "") for entry in entries]


def _state(entries, order):
    ordered = [entries[number] for number in order if number in entries]
    return {"records": _shown(ordered)}


def _described(records):
    return "boot order %s; %s" % (
        ",".join(records["order"]) or "empty",
        "; ".join("%s %s" % (n, e["label"]) for n, e in sorted(records["entries"].items())),
    )
