# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All controller-side capabilities by the name of their module.

Imported by the action plugin, hence once per run in the parent process: the libraries below the
doors (pyghmi, SQLAlchemy) are paid for once and are there in every forked worker.
Private to the collection; may change at any time.
"""

from __future__ import annotations

from ..module_utils._bmc import ipmi_packets
from ..module_utils._doors import (
    bios_settings,
    bmc_account,
    bmc_info,
    bmc_reset,
    boot_device,
    boot_order,
    console_capture,
    console_info,
    event_log,
    firmware,
    image,
    indicator_led,
    inject_nmi,
    netboot,
    node,
    node_info,
    power,
    provision_state,
    quirks_info,
    raid,
    ramdisk_wait,
    secure_boot,
    sensors_info,
    virtual_media,
)

# First uses that cost a process some milliseconds, for the same reason: a host name, and a cipher of OpenSSL (as IPMI needs it).
"bmc.example.com".encode("idna")
ipmi_packets.warm_up()

DOORS = {
    "bios_settings": bios_settings.DOOR,
    "bmc_account": bmc_account.DOOR,
    "bmc_info": bmc_info.DOOR,
    "bmc_reset": bmc_reset.DOOR,
    "boot_device": boot_device.DOOR,
    "boot_order": boot_order.DOOR,
    "console_capture": console_capture.DOOR,
    "console_info": console_info.DOOR,
    "event_log": event_log.DOOR,
    "firmware": firmware.DOOR,
    "image": image.DOOR,
    "indicator_led": indicator_led.DOOR,
    "inject_nmi": inject_nmi.DOOR,
    "netboot": netboot.DOOR,
    "node": node.DOOR,
    "node_info": node_info.DOOR,
    "power": power.DOOR,
    "provision_state": provision_state.DOOR,
    "quirks_info": quirks_info.DOOR,
    "raid": raid.DOOR,
    "ramdisk_wait": ramdisk_wait.DOOR,
    "secure_boot": secure_boot.DOOR,
    "sensors_info": sensors_info.DOOR,
    "virtual_media": virtual_media.DOOR,
}
