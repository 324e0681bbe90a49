# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interlock: proof that this is the machine, and the boot, that the run means.

Every destructive in-band module checks it before it writes. An address that now belongs to
another machine, a swapped cable or an old ramdisk of another run all end here.
"""

from __future__ import annotations

import os
import re
import uuid

from .._errors import BaremetalError

STAGE = "interlock"
KEYS = ("nonce", "system_uuid", "serial", "macs")
# What the interlock carries to where disks are written: which of them never are.
PROTECTION = ("skip_block_devices", "wipe_special_filesystems")
NONCE_ARGUMENT = "rackwright.nonce"


def verify(interlock, *, node=None, sysfs="/sys", cmdline="/proc/cmdline"):
    """Compare this machine with what the run expects, and return the facts seen.

    interlock: {nonce: str, system_uuid: str, serial: str, macs: [str]}; the nonce, at least one
    MAC address and at least one of system_uuid and serial are required. What it says of PROTECTION is
    not compared with anything.
    Returns {nonce, system_uuid, serial, macs} of this machine.
    Raises BaremetalError that lists every difference, with what was expected and what was seen.
    """
    _check_shape(interlock, node)
    seen = facts(sysfs=sysfs, cmdline=cmdline)
    wrong = []
    if interlock["nonce"] != seen["nonce"]:
        wrong.append(
            "nonce of this run expected in the kernel command line as %s=%s, seen %s"
            % (NONCE_ARGUMENT, interlock["nonce"], seen["nonce"] or "none")
        )
    wanted = interlock.get("system_uuid")
    if wanted and not same_uuid(wanted, seen["system_uuid"]):
        wrong.append("SMBIOS UUID expected %s, seen %s" % (wanted, seen["system_uuid"] or "none"))
    wanted = interlock.get("serial")
    if wanted and str(wanted).strip() != seen["serial"]:
        wrong.append("SMBIOS serial number expected %s, seen %s" % (wanted, seen["serial"] or "none"))
    wanted = {normal_mac(mac) for mac in interlock["macs"]}
    if not wanted & set(seen["macs"]):
        wrong.append(
            "one of the MAC addresses %s expected, seen %s"
            % (", ".join(sorted(wanted)), ", ".join(seen["macs"]) or "none")
        )
    if wrong:
        raise BaremetalError(
            "this is not the machine, or not the boot, that the run expects; nothing was written",
            node=node,
            stage=STAGE,
            seen="; ".join(wrong),
            cure="Compare the node's address, MAC, system_uuid and serial in the registry with the "
            "machine; when another machine answers at this address, free the address; when only the "
            "nonce differs, the machine did not boot anew: start the deploy again.",
        )
    return seen


def facts(*, sysfs="/sys", cmdline="/proc/cmdline"):
    """Return {nonce, system_uuid, serial, macs} of this machine; None or [] where unknown.

    system_uuid is lower case; macs are those of hardware NICs, lower case, sorted.
    """
    system_uuid = _read(os.path.join(sysfs, "class/dmi/id/product_uuid"))
    return {
        "nonce": kernel_arguments(cmdline).get(NONCE_ARGUMENT),
        "system_uuid": system_uuid.lower() if system_uuid else None,
        "serial": _read(os.path.join(sysfs, "class/dmi/id/product_serial")),
        "macs": mac_addresses(sysfs),
    }


def kernel_arguments(cmdline="/proc/cmdline"):
    """Return the kernel command line as a dict; of an argument given twice the last one counts."""
    pairs = (word.partition("=") for word in (_read(cmdline) or "").split())
    return {name: value for name, _equals, value in pairs}


def mac_addresses(sysfs="/sys"):
    """Return the MAC addresses of the machine's hardware NICs, lower case, sorted.

    Bonds, bridges and other made-up interfaces have no "device" link and do not count.
    """
    base = os.path.join(sysfs, "class/net")
    found = set()
    for name in os.listdir(base) if os.path.isdir(base) else []:
        address = _read(os.path.join(base, name, "address"))
        if address and os.path.exists(os.path.join(base, name, "device")):
            found.add(address.lower())
    return sorted(found)


def same_uuid(wanted, seen):
    """Return whether two SMBIOS UUIDs are the same, in either byte order.

    SMBIOS before 2.6 left the order of the first three fields open, and BMCs and kernels still
    disagree (SMBIOS specification DSP0134, 7.2.1).
    """
    try:
        one, other = uuid.UUID(str(wanted)), uuid.UUID(str(seen))
    except ValueError:
        return False
    return other in (one, uuid.UUID(bytes=one.bytes_le))


def normal_mac(mac):
    """Return a MAC address in lower case with colons."""
    return str(mac).strip().lower().replace("-", ":")


def _check_shape(interlock, node):
    problem = None
    if not isinstance(interlock, dict) or not interlock:
        problem = "no interlock is given"
    elif set(interlock) - set(KEYS + PROTECTION):
        problem = "unknown keys in the interlock: %s" % ", ".join(sorted(set(interlock) - set(KEYS + PROTECTION)))
    elif not interlock.get("nonce"):
        problem = "the interlock has no nonce"
    elif not interlock.get("system_uuid") and not interlock.get("serial"):
        problem = "the interlock has neither system_uuid nor serial"
    elif not interlock.get("macs") or not all(
        re.match(r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$", normal_mac(mac)) for mac in interlock["macs"]
    ):
        problem = "the interlock has no MAC address, or one that is not six pairs of hex digits"
    if problem:
        raise BaremetalError(
            problem,
            node=node,
            stage=STAGE,
            cure="Give nonce, macs and at least one of system_uuid and serial; the deploy role takes "
            "them from the registry.",
        )


def _read(path):
    """Return the text of a file without surrounding blanks; None when empty or unreadable."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace").strip() or None
    except OSError:
        return None
