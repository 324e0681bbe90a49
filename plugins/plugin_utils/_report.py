# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run report: what it takes from results, and how it looks. Private; may change at any time."""

from __future__ import annotations

# The stage that a module's time counts for, in the order in which a deploy passes them.
STAGES = {
    "netboot": "boot files",
    "power": "power",
    "ramdisk_wait": "ramdisk",
    "hardware_info": "interlock",
    "disk_erase": "erase",
    "disk_image": "image",
    "efi_boot": "boot entry",
    "instance_proof": "first boot",
}


def new_entry(name):
    """An empty report of one node."""
    return {
        "name": name, "provision_state": None, "predicted_provision_state": None, "check_mode": False, "image": None, "address": None,
        "error": None, "stages": {},
    }


def note_result(entry, module, result, seconds, *, check_mode=False):
    """Take one result into the report of a node.

    :param entry: dict as ``new_entry`` makes it; changed in place.
    :param module: name of the module without its collection.
    :param result: result dict.
    :param seconds: how long the task took on this node.
    :param check_mode: whether the task only predicted: the node then still is in the state that it was in before.
    :returns: whether the result says anything of the node.
    """
    if module == "provision_state" and result.get("node"):
        node = result["node"]
        predicted = check_mode and result["provision_state"] != result["previous_state"]
        entry.update(
            provision_state=result["previous_state"] if check_mode else result["provision_state"],
            predicted_provision_state=result["provision_state"] if predicted else None,
            check_mode=check_mode,
            address=node["address"],
            image=(node["instance"] or {}).get("image"),
            error=node["last_error"],
        )
        return True
    stage = STAGES.get(module)
    if stage is None:
        return False
    entry["stages"][stage] = round(entry["stages"].get(stage, 0.0) + seconds, 1)
    return True


def table(entries):
    """The report as text: one line per node, errors below.

    :param entries: list of dicts as ``new_entry`` makes them.
    """
    stages = [stage for stage in STAGES.values() if any(stage in entry["stages"] for entry in entries)]
    rows = [["node", "state", "image", "address", *(f"{stage} [s]" for stage in stages), *(["total [s]"] if stages else [])]]
    for entry in sorted(entries, key=lambda entry: entry["name"]):
        times = [entry["stages"].get(stage) for stage in stages]
        rows.append([
            entry["name"], _state(entry), entry["image"] or "-", entry["address"] or "-",
            *("-" if seconds is None else f"{seconds:.1f}" for seconds in times),
            *([f"{sum(seconds or 0 for seconds in times):.1f}"] if stages else []),
        ])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if column < 4 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    lines += [f"{entry['name']}: {entry['error']}" if not entry["error"].startswith(entry["name"]) else entry["error"]
              for entry in entries if entry["error"]]
    return "\n".join(lines)


def _state(entry):
    words = [entry["provision_state"]]
    if entry["predicted_provision_state"]:
        words += ["->", entry["predicted_provision_state"]]
    if entry["check_mode"]:
        words.append("(check)")
    return " ".join(words)
