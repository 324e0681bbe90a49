# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The boot flags of IPMI, byte by byte: what ipmitool and pyghmi set for them is not always what was meant.

ipmitool cannot combine persistent and EFI (0xE0), and its "set in progress" may stay for ever; pyghmi leaves out what
some boards need. Source: IPMI 2.0 (revision 1.1), 28.12 and 28.13 with table 28-14.
Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError

STAGE = "boot device"

_CHASSIS, _SET_OPTIONS, _GET_OPTIONS = 0x00, 0x08, 0x09
# Parameters (table 28-14).
_IN_PROGRESS, _VALID_BIT_CLEARING, _FLAGS = 0, 3, 5
_SET_COMPLETE, _SET_IN_PROGRESS = 0, 1
# Parameter 3: the flags stay although no chassis control command follows within 60 seconds.
_NO_TIMER = 0x08
# Parameter 5, data 1.
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20

# Device selectors, parameter 5, data 2, bits 5 to 2.
_SELECTORS = {"none": 0x0, "pxe": 0x1, "disk": 0x2, "cdrom": 0x5, "bios": 0x6, "usb": 0xF}
# What a BMC may have been told by somebody else.
_NAMES = {**{value: name for name, value in _SELECTORS.items()},
          0x3: "disk in safe mode", 0x4: "diagnostic partition", 0x7: "remote floppy", 0x8: "remote cdrom",
          0x9: "remote media", 0xB: "remote disk"}
# The first disk, and the primary remote media, whose selector some firmwares take for the first UEFI disk.
DISK, REMOTE_MEDIA = _SELECTORS["disk"], 0x9

DEVICES = frozenset(_SELECTORS)


def set_bytes(device, persistent, efi, disk_selector=DISK):
    """The five data bytes of parameter 5.

    :param device: device name.
    :param persistent: for all boots.
    :param efi: whether UEFI is asked for, else the BIOS compatible way.
    :param disk_selector: the selector of the disk, where the board takes another one than the specification's.
    """
    selector = disk_selector if device == "disk" else _SELECTORS[device]
    if device == "none":
        return (0, 0, 0, 0, 0)
    return (_VALID | (_PERSISTENT if persistent else 0) | (_EFI if efi else 0), selector << 2, 0, 0, 0)


def parsed(data):
    """What the answer to Get System Boot Options for parameter 5 says.

    :param data: bytes after the completion code: version, parameter, and up to five data bytes.
    :returns: ``{"selector", "device", "persistent", "efi"}``; selector 0 when there is no override.
    :raises BaremetalError: when it says too little.
    """
    if len(data) < 4 or data[1] & 0x7F != _FLAGS:
        raise BaremetalError("the BMC does not tell its boot device", stage=STAGE, seen=f"boot options {bytes(data).hex() or 'empty'}",
                             cure="set the boot order in the firmware setup of the machine, or use the BMC's Redfish service")
    flags = data[2]
    # Bit 7 of the parameter number: the BMC calls the whole parameter invalid.
    is_valid = bool(flags & _VALID) and not data[1] & 0x80
    selector = data[3] >> 2 & 0xF if is_valid else 0
    return {
        "selector": selector,
        "device": _NAMES.get(selector, f"selector {selector:#x}"),
        "persistent": bool(flags & _PERSISTENT) and selector != 0,
        "efi": bool(flags & _EFI),
    }


def read(command):
    """Ask for parameter 5.

    :param command: pyghmi's Command.
    :returns: see ``parsed``.
    :raises BaremetalError: when the BMC has no boot options.
    """
    answer = command.raw_command(netfn=_CHASSIS, command=_GET_OPTIONS, data=(_FLAGS, 0, 0))
    if "error" in answer:
        raise BaremetalError("the BMC does not tell its boot device", stage=STAGE, seen=answer["error"],
                             cure="set the boot order in the firmware setup of the machine, or use the BMC's Redfish service")
    return parsed(answer["data"])


def write(command, flags, *, keep_timer=False, log=lambda text: None):
    """Set parameter 5 between "set in progress" and "set complete".

    :param command: pyghmi's Command.
    :param flags: what ``set_bytes`` gave.
    :param keep_timer: leave the 60 seconds alone, for boards that stumble over parameter 3.
    :param log: called with lines for a person who looks closer.
    :raises BaremetalError: when the BMC refuses the flags.
    """
    def set_option(parameter, *data):
        answer = command.raw_command(netfn=_CHASSIS, command=_SET_OPTIONS, data=(parameter, *data))
        log(f"boot option {parameter}: {bytes(data).hex()}: {answer.get('error') or 'taken'}")
        return answer

    # Not every BMC has the parameters 0 and 3, and 0 may be as somebody else left it: no answer matters here.
    set_option(_IN_PROGRESS, _SET_IN_PROGRESS)
    try:
        if not keep_timer:
            set_option(_VALID_BIT_CLEARING, _NO_TIMER)
        answer = set_option(_FLAGS, *flags)
    finally:
        set_option(_IN_PROGRESS, _SET_COMPLETE)
    if "error" in answer:
        raise BaremetalError(
            "the BMC refused the boot device", stage=STAGE, seen=f"{answer['error']} for the boot flags {bytes(flags).hex()}",
            cure="choose another device or mode, or set the boot order in the firmware setup of the machine")
