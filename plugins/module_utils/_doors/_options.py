# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several doors share; the doc fragments of the same names describe them.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from ansible.module_utils.basic import env_fallback

REGISTRY = {"registry": {"type": "str", "fallback": (env_fallback, ["RACKWRIGHT_REGISTRY"])}}

NODE = {"name": {"type": "str"}}

BMC = {
    "driver": {"type": "str", "choices": ["auto", "redfish", "ipmi", "manual"]},
    "bmc": {
        "type": "dict",
        "options": {
            "address": {"type": "str"},
            "port": {"type": "int"},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "system_id": {"type": "str"},
            "system_uuid": {"type": "str"},
            "serial": {"type": "str"},
            "ca_file": {"type": "path"},
            "verify": {"type": "bool"},
            "fingerprint": {"type": "str"},
            "tls_min_version": {"type": "str", "choices": ["1.0", "1.1", "1.2", "1.3"]},
            "cipher_suite": {"type": "int", "choices": [3, 17]},
            "privilege_level": {"type": "str", "choices": ["administrator", "operator", "user"]},
            "kg_key": {"type": "str", "no_log": True},
            "bridge_channel": {"type": "int"},
            "bridge_address": {"type": "str"},
            "disable_power_off": {"type": "bool"},
        },
    },
}

BOOT_DEVICE = {
    "device": {"type": "str", "required": True, "choices": ["pxe", "http", "disk", "cdrom", "usb", "bios", "none"]},
    "persistent": {"type": "bool", "default": False},
    "mode": {"type": "str", "choices": ["uefi", "bios"]},
    "uri": {"type": "str"},
}

FLEET = {
    "nodes": {"type": "list", "elements": "str"},
    "bmcs": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "driver": BMC["driver"],
            **BMC["bmc"]["options"],
        },
    },
    "fail_on": {"type": "str", "choices": ["any", "all"], "default": "any"},
}

# The answer file of an installer.
ANSWER = {
    "kind": {"type": "str", "choices": ["preseed", "autoinstall", "kickstart"], "required": True},
    "text": {"type": "str", "no_log": True, "required": True},
}
