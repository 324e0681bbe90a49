# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Erasing the disk that the hints mean: what would go, and making it go."""

from __future__ import annotations

from .devices import list_disks
from .hints import select
from .interlock import verify
from .partitions import signatures, wipe_metadata
from .protect import refuse_if_protected


def erase(interlock, root_device, *, check_mode=False, loop=False, verifier=verify):
    """Wipe the metadata of the one disk that the hints choose.

    interlock: see interlock.verify. root_device: hints. loop: consider loop devices too.
    Returns {changed, erased: [{device, serial, size, method, signatures}], diff}; erased is empty
    when the disk carries neither signature nor partition table. In check mode nothing is written,
    but everything that would refuse does. Raises BaremetalError.
    """
    verifier(interlock)
    disk = select(list_disks(loop=loop), root_device)
    found = signatures(disk["name"])
    if found:
        refuse_if_protected(disk)
        if not check_mode:
            wipe_metadata(disk["name"])
    erased = {
        "device": disk["name"],
        "serial": disk["serial"],
        "size": disk["size"],
        "method": "metadata",
        "signatures": found,
    }
    return {
        "changed": bool(found),
        "erased": [erased] if found else [],
        "diff": {"before": _state(disk, found), "after": _state(disk, [])},
    }


def _state(disk, found):
    shown = ["%(type)s on %(device)s at byte %(offset)d" % entry for entry in found]
    return {"device": disk["name"], "serial": disk["serial"], "metadata": shown}
