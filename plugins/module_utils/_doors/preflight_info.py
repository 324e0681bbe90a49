# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the preflight_info module."""

from __future__ import annotations

import contextlib
import dataclasses

from .._bmc.driver import refuse_unsupported
from .._bmc.preflight import CHECKS, examine
from .._boot import boot_interface
from .._checks import SKIPPED, check, worst
from .._door import Door
from .._fleet.causes import anonymous
from . import _rack_checks
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver

_IDENTITY = ("system_uuid", "serial")


def run(call):
    """Look at one BMC; nothing is ever changed."""
    if call.params["driver"] == "manual":
        checks, machine = [check(name, SKIPPED, "the driver manual has no BMC") for name in CHECKS], {}
    else:
        bmc = call.params["bmc"]
        checks, machine = examine(_opened(call), {key: bmc.get(key) for key in _IDENTITY}, clock_skew=call.params["clock_skew"])
    return {"changed": False, "status": worst(checks), "checks": checks, "machine": machine, "rack": None}


@contextlib.contextmanager
def _opened(call):
    # Whose BMC it is is a check of its own here, and the others are made all the same.
    bmc = {key: value for key, value in call.params["bmc"].items() if key not in _IDENTITY}
    blind = dataclasses.replace(call, params={**call.params, "bmc": bmc})
    refuse_unsupported(settled_driver(blind), capability="BMC information")
    with open_bmc(blind, only_reads=True) as driver:
        yield driver


def after_fleet(done):
    """Add what the registry knows, and what only shows when all nodes are looked at together."""
    call = done[0][0]
    records, image = _registry(call)
    by_name = {record["name"]: record for record in records}
    machines = {node_call.node: {**result["machine"], "place": _place(node_call.params["bmc"])} for node_call, result in done}
    shared, wired = _rack_checks.duplicates(machines, records), _rack_checks.shared_switch_ports(records)
    for node_call, result in done:
        record = by_name.get(node_call.node)
        checks = {item["check"]: item for item in result["checks"]}
        checks["identity"] = _rack_checks.with_duplicates(checks["identity"], shared.get(node_call.node, []))
        checks["identity"] = _rack_checks.with_switch_ports(checks["identity"], wired.get(node_call.node))
        checks["privilege"] = _rack_checks.with_virtual_media(
            checks["privilege"], result["machine"].get("privileges"), _boot_interfaces(node_call, record))
        checks["image"] = _rack_checks.image_check(call.params["image"], image, record)
        for item in checks.values():
            # By it the same trouble of many nodes is told once.
            item["cause"] = anonymous(item["seen"], node_call) if item["seen"] else None
        result.update(checks=list(checks.values()), status=worst(checks.values()), rack=record["rack"] if record else None)


def after(call, result):
    """The same for one node."""
    after_fleet([(call, result)])


def _boot_interfaces(call, record):
    """How a node boots the ramdisk, as far as the inventory and the registry tell."""
    try:
        given = call.hostvars.get("ramdisk_boot_interfaces")
    except Exception:
        # It is templated here, and may rest on what only the roles know that boot nodes. A deploy tells what is wrong with it.
        given = None
    if isinstance(given, list) and given:
        return given
    return [(record or {}).get("boot_interface") or boot_interface.DEFAULT]


def _registry(call):
    """All node records, and the image that is asked for; none where there is no registry."""
    if not call.registry_url:
        return [], None
    from .._registry import images, nodes  # see _registry_access.py
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    if engine is None:
        return [], None
    return nodes.list_nodes(engine), images.get(engine, call.params["image"]) if call.params["image"] else None


def _place(bmc):
    """Where a BMC is; None where there is none, or several systems or controllers are behind one."""
    bmc = bmc or {}
    if not bmc.get("address") or any(bmc.get(key) is not None for key in ("system_id", "bridge_address")):
        return None
    return f"{bmc['address']} port {bmc['port']}" if bmc.get("port") else bmc["address"]


DOOR = Door(
    argument_spec={
        "image": {"type": "str"},
        "clock_skew": {"type": "int", "default": 60},
        **OPTIONS,
    },
    run=run,
    before=fill_connection,
    after=after,
    fleet=True,
    after_fleet=after_fleet,
)
