# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module switch_port_info. Private to the collection; may change at any time."""

from __future__ import annotations

from .._boot import switch_ports
from .._door import Door
from .._errors import BaremetalError
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry, record, refuse_other_runs
from ._switch_ports import planned


def run(call):
    """Tell which VLANs the switch ports of a node belong into; nothing is ever changed."""
    # Whoever asks is about to change them.
    refuse_other_runs(call)
    node = record(call)
    if call.params["network_type"] == "provisioning" and not call.params["power_off"] and node["provision_state"] == "active":
        raise BaremetalError(
            "it is active, and its system would go on running in the provisioning network, beside the ramdisks of others", node=node["name"],
            stage=switch_ports.STAGE, seen="provision state active",
            cure="have it switched off before, with switch_port_power_off=true; for its own networks give switch_port_network_type=tenant")
    ports = planned(existing_registry(call), node, call.params["network_type"], call.params["network_layout"])
    stays_on = bool(node["disable_power_off"] or node["driver"] == "manual" and "baremetal_bmc" not in call.hostvars)
    return {"changed": False, "ports": switch_ports.with_switches(ports, call.params["switches"], node), "stays_on": stays_on}


DOOR = Door(
    argument_spec={
        **NODE,
        **REGISTRY,
        "network_type": {"type": "str", "choices": ["provisioning", "tenant"], "required": True},
        "power_off": {"type": "bool", "default": False},
        "network_layout": {"type": "list", "elements": "dict", "default": []},
        "switches": {"type": "dict", "required": True},
    },
    run=run,
    controller_only=True,
)
