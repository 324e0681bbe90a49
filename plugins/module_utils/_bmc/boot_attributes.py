# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual media on boards that boot them by attributes of the BMC, which go before the boot override.

Which attributes, and where, is data: the behaviour ``boot_cd_attributes`` (quirk R17).
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from .redfish_service import path_of
from .tolerant import dig


def _place(service, rule):
    """``(path, attributes)`` of the first resource that has the attribute, or None."""
    manager = service.manager()
    base = (path_of(manager) or "").rstrip("/")
    for path in rule["paths"]:
        found = service.find(f"{base}/{path.format(id=base.rpartition('/')[2])}") if base else None
        attributes = dig(found, "Attributes")
        if isinstance(attributes, dict) and rule["device"] in attributes:
            return found["@odata.id"], attributes
    return None


def tell_cdrom(service, rule):
    """Whether the attributes say that the next boot, or every boot, is from virtual media.

    :param service: RedfishService.
    :param rule: what the rules say about ``boot_cd_attributes``.
    """
    place = _place(service, rule)
    return place is not None and place[1][rule["device"]] == rule["cdrom"]


@contextlib.contextmanager
def cdrom_set(service, rule, wanted, persistent):
    """Set the attributes so that the machine boots from virtual media, or as its boot override says.

    Attributes that boot virtual media are put back when the block, which sets the override, ends in a BaremetalError: they would go before
    whatever override there is, unseen. Those that leave it to the override stay, for it may have been taken.

    :raises BaremetalError: when the BMC has no such attribute, or refuses it.
    """
    place = _place(service, rule)
    if place is None:
        raise BaremetalError("the BMC shows no attribute by which it boots virtual media", stage="boot device",
                             seen=f"no {rule['device']} at {' or '.join(rule['paths'])} below the manager",
                             cure="boot over the network, or update the firmware of the BMC")
    path, attributes = place
    body = {rule["device"]: rule["cdrom"] if wanted else rule["other"]}
    if wanted and rule["once"] in attributes:
        body[rule["once"]] = "Disabled" if persistent else "Enabled"
    service.patch(path, {"Attributes": body})
    try:
        yield
    except BaremetalError as error:
        if wanted:
            try:
                service.patch(path, {"Attributes": {name: attributes[name] for name in body}})
            except BaremetalError as another:
                stays = f"{rule['device']} could not be put back and may still be {rule['cdrom']}"
                error.seen = "; ".join(filter(None, (error.seen, stays, another.seen)))
        raise
