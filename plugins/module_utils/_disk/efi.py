# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UEFI boot records: which loader the disk offers, and the record that starts it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import tempfile

from .._errors import BaremetalError
from .commands import run

STAGE = "efi boot"
# Types of an EFI system partition in a GPT and in an MBR (UEFI specification, 5.2.2 and 5.3.3).
ESP_TYPES = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EF")
# Architecture part of the loaders' file names (UEFI specification, 3.5.1.1).
ARCHITECTURES = {"x86_64": "x64", "aarch64": "aa64", "riscv64": "riscv64", "i686": "ia32", "armv7l": "arm"}
RECORD = re.compile(r"^Boot([0-9A-Fa-f]{4})([* ]) (.*)$")
PARTITION = re.compile(r"HD\(\d+,(?:GPT|MBR),([0-9A-Fa-fx-]+)")
# efibootmgr 17 writes File(\\EFI\\...), efibootmgr 18 the bare path; optional data may follow.
LOADER = re.compile(r"/File\((\\[^)]*)\)|/(\\[^\t]*?\.efi)", re.IGNORECASE)


def decode(data):
    """Return the text of bytes that are UTF-8 or UTF-16, with or without byte order mark.

    efibootmgr prints labels as the firmware stores them, on some machines as UTF-16; CSV files
    of loaders are UTF-16 by rule and UTF-8 by mistake.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        # Text in a Latin script has its zero bytes at odd places when it is little endian.
        little = data[1::2].count(0) >= data[0::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace")
    return data.decode("utf-8-sig", "replace")


def parse_records(data):
    """Read efibootmgr's verbose output (bytes).

    Returns {"order": [number], "entries": {number: {number, label, active, path, partition,
    loader}}}; numbers are four upper-case hex digits, partition is the unique id of the
    ESP (see partition_key) or None, loader a path with backslashes or None.
    """
    order, entries = [], {}
    for line in decode(data).splitlines():
        if line.startswith("BootOrder:"):
            order = [number.strip().upper() for number in line[10:].split(",") if number.strip()]
        found = RECORD.match(line)
        if not found:
            continue
        number = found.group(1).upper()
        text, _tab, path = found.group(3).partition("\t")
        partition = PARTITION.search(path)
        loader = LOADER.search(path)
        entries[number] = {
            "number": number,
            "label": text.strip(),
            "active": found.group(2) == "*",
            "path": path.strip(),
            "partition": partition_key(partition.group(1)) if partition else None,
            "loader": (loader.group(1) or loader.group(2)) if loader else None,
        }
    return {"order": order, "entries": entries}


def partition_key(identity):
    """Return a partition's unique id in the form that both the kernel's and the firmware's become.

    A GPT partition has a UUID. In an MBR the kernel says 0a1b2c3d-01, signature and number, and
    the firmware's device path 0xa1b2c3d, the signature.
    """
    text = identity.strip().lower()
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{2,}", text):
        text = "0x" + text[:8]
    return "0x%08x" % int(text, 16) if re.fullmatch(r"0x[0-9a-f]+", text) else text


def parse_csv(data):
    """Return (loader file, label) of the first line of a BOOT*.CSV, or None when it holds none."""
    for line in decode(data).replace("\0", "").splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) > 1 and fields[0]:
            return fields[0], fields[1]
    return None


def find_loader(mount, *, machine=None):
    """Find what a mounted ESP offers to start.

    A BOOT<arch>.CSV that names an existing loader wins over EFI/BOOT/BOOT<arch>.EFI, because it
    names the loader of the installed system and not the one for removable media. FAT does not
    care about case, so neither does the search.
    Returns (path with backslashes, label of the CSV or None), or None.
    """
    short = ARCHITECTURES.get(machine or platform.machine())
    if short is None:
        return None
    fallback = None
    for folder, folders, files in os.walk(mount):
        folders.sort(key=str.lower)
        names = {name.lower(): name for name in files}
        inside = os.path.relpath(folder, mount)
        csv = names.get("boot%s.csv" % short)
        if csv:
            with open(os.path.join(folder, csv), "rb") as stream:
                found = parse_csv(stream.read(65536))
            if found and found[0].lower() in names:
                return _efi_path(inside, names[found[0].lower()]), found[1] or None
        if inside.lower() == os.path.join("efi", "boot") and "boot%s.efi" % short in names:
            fallback = _efi_path(inside, names["boot%s.efi" % short]), None
    return fallback


def find_esp(device, *, node=None):
    """Return (number, device, unique id as of partition_key) of the EFI system partition of a disk.

    Raises BaremetalError when the disk has none.
    """
    text = run(["sfdisk", "--json", device], node=node, stage=STAGE)
    for entry in json.loads(text)["partitiontable"].get("partitions", []):
        if entry.get("type", "").upper() in ESP_TYPES:
            number = int(entry["node"][len(device):].lstrip("p"))
            return number, entry["node"], _partition_id(entry["node"], node)
    raise BaremetalError(
        "%s has no EFI system partition, so the machine cannot start from it by UEFI" % device,
        node=node,
        stage=STAGE,
        cure="Use an image made for UEFI, or set boot_mode of the node and its firmware to bios.",
    )


@contextlib.contextmanager
def mounted(device, *, node=None):
    """Mount a FAT file system read-only in a folder of its own and give the folder's path."""
    with tempfile.TemporaryDirectory(prefix="esp-") as folder:
        run(["mount", "-t", "vfat", "-o", "ro", device, folder], node=node, stage=STAGE)
        try:
            yield folder
        finally:
            run(["umount", folder], node=node, stage=STAGE)


def plan_present(records, label, csv_label, esp, loader, known):
    """Decide what must change so that the record for the loader exists once and comes first.

    records: see parse_records. label: of our record. csv_label: the loader's own label or None.
    esp: unique id of the ESP. known: unique ids of all partitions of the machine.
    Returns {"keep": number or None, "remove": [numbers]}. Removed are other records with our
    label, and those with the loader's own label whose partition no longer exists: installed
    systems write these, and every new deploy would leave one more in the firmware's small store.
    """
    keep, remove = None, []
    for number, entry in sorted(records["entries"].items()):
        right = entry["partition"] == esp and (entry["loader"] or "").lower() == loader.lower()
        if entry["label"] == label:
            if right and entry["active"] and keep is None:
                keep = number
            else:
                remove.append(number)
        elif csv_label and entry["label"] == csv_label and entry["partition"] not in known | {None}:
            remove.append(number)
    return {"keep": keep, "remove": remove}


def read_records(*, node=None, runner=run):
    """Return the firmware's boot records (see parse_records)."""
    return parse_records(runner(["efibootmgr", "-v"], node=node, stage=STAGE))


def present(device, label, *, check_mode=False, node=None, runner=run, esp_finder=find_esp, mounter=mounted):
    """Make the firmware start the loader on a disk first, and read that back.

    Returns {changed, entry, boot_order, removed, diff}; entry is a record as in parse_records
    (with number None in check mode when it would be created). Raises BaremetalError.
    """
    part, esp, identity = esp_finder(device, node=node)
    with mounter(esp, node=node) as folder:
        found = find_loader(folder)
    if found is None:
        raise BaremetalError(
            "the EFI system partition %s holds no loader for %s" % (esp, platform.machine()),
            node=node,
            stage=STAGE,
            cure="Use an image made for UEFI and for this processor architecture.",
        )
    loader, csv_label = found
    before = read_records(node=node, runner=runner)
    plan = plan_present(before, label, csv_label, identity, loader, _known_partitions(runner, node))
    entry = before["entries"].get(plan["keep"])
    rest = [number for number in before["order"] if number not in plan["remove"] + [plan["keep"]]]
    first = plan["keep"] is not None and before["order"][:1] == [plan["keep"]]
    changed = bool(plan["remove"]) or not first
    wanted = entry or {
        "number": None,
        "label": label,
        "active": True,
        "path": None,
        "partition": identity,
        "loader": loader,
    }
    result = {"changed": changed, "removed": plan["remove"], "entry": wanted}
    result["boot_order"] = [number for number in [plan["keep"]] if number] + rest
    result["diff"] = {
        "before": _state(before["entries"], before["order"]),
        "after": {"records": _shown([wanted] + [before["entries"][n] for n in rest if n in before["entries"]])},
    }
    if not changed or check_mode:
        return result
    for number in plan["remove"]:
        runner(["efibootmgr", "-b", number, "-B"], node=node, stage=STAGE)
    if entry is None:
        argv = ["efibootmgr", "-c", "-d", device, "-p", str(part), "-L", label, "-l", loader]
        runner(argv, node=node, stage=STAGE)
        entry = _our_record(read_records(node=node, runner=runner), label, identity, loader)
    order = ([entry["number"]] if entry else []) + rest
    runner(["efibootmgr", "-o", ",".join(order)], node=node, stage=STAGE)
    after = read_records(node=node, runner=runner)
    result["entry"] = _our_record(after, label, identity, loader)
    result["boot_order"] = after["order"]
    if result["entry"] is None or after["order"][:1] != [result["entry"]["number"]]:
        raise BaremetalError(
            "the firmware did not keep the boot record %s as the first one" % label,
            node=node,
            stage=STAGE,
            seen=_described(after),
            cure="Look into the firmware's setup: its boot order may be locked or its store full.",
        )
    return result


def absent(label, *, check_mode=False, node=None, runner=run):
    """Remove every boot record with a label, and read that back.

    Returns {changed, removed, boot_order, entry: None, diff}. Raises BaremetalError.
    """
    before = read_records(node=node, runner=runner)
    remove = sorted(number for number, entry in before["entries"].items() if entry["label"] == label)
    order = [number for number in before["order"] if number not in remove]
    left = {number: entry for number, entry in before["entries"].items() if number not in remove}
    result = {"changed": bool(remove), "removed": remove, "boot_order": order, "entry": None}
    result["diff"] = {"before": _state(before["entries"], before["order"]), "after": _state(left, order)}
    if not remove or check_mode:
        return result
    for number in remove:
        runner(["efibootmgr", "-b", number, "-B"], node=node, stage=STAGE)
    after = read_records(node=node, runner=runner)
    result["boot_order"] = after["order"]
    if any(entry["label"] == label for entry in after["entries"].values()):
        raise BaremetalError(
            "the firmware still has a boot record %s after its removal" % label,
            node=node,
            stage=STAGE,
            seen=_described(after),
            cure="Remove it in the firmware's setup.",
        )
    return result


def _efi_path(inside, name):
    parts = [] if inside == "." else inside.split(os.sep)
    return "\\" + "\\".join(parts + [name])


def _partition_id(device, node):
    argv = ["blkid", "-p", "-s", "PART_ENTRY_UUID", "-o", "value", device]
    return partition_key(run(argv, node=node, stage=STAGE, ok=(0, 2)).decode())


def _known_partitions(runner, node):
    text = runner(["lsblk", "--noheadings", "--list", "--output", "PARTUUID"], node=node, stage=STAGE)
    return {partition_key(word) for word in text.decode("utf-8", "replace").split()}


def _our_record(records, label, partition, loader):
    for number in records["order"] + sorted(records["entries"]):
        entry = records["entries"].get(number)
        if not entry or entry["label"] != label or entry["partition"] != partition:
            continue
        if (entry["loader"] or "").lower() == loader.lower():
            return entry
    return None


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
