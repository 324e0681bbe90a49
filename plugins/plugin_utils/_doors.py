# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All controller-side capabilities by the name of their module.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import importlib

from ansible.template import Templar, trust_as_template

from ..module_utils._bmc import ipmi_packets
from ..module_utils._bmc.redfish_transport import Connector
# Imported with the action plugin, hence in the parent process: what nearly every task with a BMC needs. The others are imported
# by ``load_all`` or when they are asked for.
from ..module_utils._doors import _registry_access
from ..module_utils._doors import power as _power  # noqa: F401, pylint: disable=unused-import

NAMES = (
    "address_conflict_info",
    "allocation",
    "allocation_info",
    "allocation_quota",
    "bios_settings",
    "bmc_account",
    "bmc_info",
    "bmc_reset",
    "boot_device",
    "boot_log_info",
    "boot_order",
    "boot_server_info",
    "console_capture",
    "console_info",
    "dhcp_server_info",
    "discovered_info",
    "discovered_node",
    "event_log",
    "failure_evidence",
    "firmware",
    "image",
    "indicator_led",
    "inject_nmi",
    "netboot",
    "netboot_cleanup",
    "netboot_reservations",
    "network",
    "network_address",
    "network_info",
    "node",
    "node_flags",
    "node_info",
    "power",
    "power_sync",
    "preflight_info",
    "preflight_report",
    "provision_state",
    "provision_step",
    "quirks_info",
    "raid",
    "ramdisk_wait",
    "registry_backup",
    "registry_export",
    "registry_restore",
    "secure_boot",
    "sensors_info",
    "switch_port_info",
    "virtual_media",
)


def door(name):
    """The Door of a module."""
    return importlib.import_module(f"..module_utils._doors.{name}", __package__).DOOR


def load_all():
    """Import all doors and the libraries below them (SQLAlchemy), and get over first uses that cost a process some milliseconds.

    A worker that is forked afterwards has it all.

    :returns: dict of the Doors by name.
    """
    found = {name: door(name) for name in NAMES}
    # A host name, the certificate authorities of the system, and a cipher of OpenSSL (as IPMI needs it).
    "bmc.example.com".encode("idna")
    Connector("https://bmc.example.com", {})
    ipmi_packets.warm_up()
    # All filters and tests, which Ansible else looks for in each worker anew: a tenth of what a task costs. Those of a collection are looked for
    # when one of them is needed, here by the branch that is not taken.
    Templar().template(trust_as_template(
        "{{ (nothing | rackwright.baremetal.config_drive, nothing | rackwright.baremetal.boot_server_url, nothing | rackwright.baremetal.boot_server_network)"
        " if false else nothing | default(false) is true }}"))
    _registry_access.warm_up()
    return found
