# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module that takes a BMC, called as the action plugin calls it, and what each failure of them has to be like."""

from __future__ import annotations

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call, outcome
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._doors import load_all

DOORS = load_all()

# One for each place that a secret has.
PASSWORD, NEW, SHARE = "canary-5up3r-1", "canary-n3w-2", "canary-5har3-3"

# What each module is told to do; all of them change the board where they can.
MODULES = {
    "bios_settings": {"settings": {"ProcTurboMode": "Disabled"}},
    "bmc_account": {"username": "monitor", "password": NEW, "role": "ReadOnly"},
    "bmc_info": {"gather": ["identity", "power", "health", "firmware", "boot"]},
    "bmc_reset": {"timeout": 60},
    "boot_device": {"device": "pxe"},
    "boot_order": {"order": ["pxe"]},
    "console_capture": {"seconds": 1},
    "console_info": {},
    "event_log": {"cleared": True},
    "firmware": {"component": "bios", "version": "7.1.2", "image": "http://192.0.2.1/bios-7.1.2.bin", "reboot": True},
    "indicator_led": {"state": "on"},
    "inject_nmi": {},
    "power": {"state": "on", "timeout": 4},
    "quirks_info": {},
    "raid": {"target_raid_config": {"logical_disks": [{"size_gb": "MAX", "raid_level": "1"}]}, "delete_existing": True},
    "secure_boot": {"enabled": True},
    "sensors_info": {},
    "virtual_media": {"state": "inserted", "image": "http://192.0.2.1/boot.iso", "image_username": "share", "image_password": SHARE},
}


def told(module, bmc, driver="redfish", check_mode=False):
    """What a module says about a BMC, with everything that it logs; as the action plugin calls it, but for its scrubbing."""
    options = {**MODULES[module], "driver": driver, "bmc": bmc, "name": "node1"}
    validation = ArgumentSpecValidator(DOORS[module].argument_spec, **DOORS[module].constraints).validate(options)
    assert not validation.error_messages
    lines = []
    # No secrets are given, so that nothing is taken out that should not be in.
    call = Call(params=validation.validated_parameters, node="node1", log=lines.append, warn=lines.append, diff=True, check_mode=check_mode)
    result = outcome(call, lambda: DOORS[module].run(call))
    return result, f"{result} {lines}"


def same(found, text):
    """A failure of one paragraph that says this and what to do, and no secret."""
    result, everything = found
    assert result.get("failed"), result
    message = result["msg"]
    assert message.startswith("node1: ") and "To do: " in message and "\n" not in message
    assert "Traceback" not in everything and "unexpected" not in message
    assert not [secret for secret in (PASSWORD, NEW, SHARE) if secret in everything]
    assert any(part in message for part in text.split("|")), message
