# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specifications that in-band modules share (doc fragment _inband)."""

from __future__ import annotations

from .layout import FORMATS, LABELS

CONNECT_TIMEOUT = {"connect_timeout": {"type": "int", "default": 0}}

INTERLOCK_OPTIONS = {
    "nonce": {"type": "str", "required": True},
    "system_uuid": {"type": "str"},
    "serial": {"type": "str"},
    "macs": {"type": "list", "elements": "str", "required": True},
    "skip_block_devices": {"type": "list", "elements": "dict", "default": []},
    "wipe_special_filesystems": {"type": "bool", "default": False},
}

INTERLOCK = {"type": "dict", "required": True, "options": INTERLOCK_OPTIONS, "required_one_of": [("system_uuid", "serial")]}


def disk_options():
    """Return the argument specification of a module that changes a disk of the machine."""
    return dict(
        CONNECT_TIMEOUT,
        interlock=INTERLOCK,
        root_device={"type": "dict"},
    )


# Of a partition image; Ironic's names.
PARTITION_OPTIONS = {
    "disk_label": {"type": "str", "choices": list(LABELS), "default": "gpt"},
    "root_gb": {"type": "int"},
    "swap_mb": {"type": "int", "default": 0},
    "ephemeral_gb": {"type": "int", "default": 0},
    "ephemeral_format": {"type": "str", "choices": list(FORMATS), "default": "ext4"},
    "preserve_ephemeral": {"type": "bool", "default": False},
    "install_boot_loader": {"type": "bool", "default": False},
}
