# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that the collection brings; their names are those of Ironic's interfaces and steps. Private; may change at any time.

Priorities are those of the ironic-python-agent, but for one: erase_devices has 10 there and 0 here, as Bifrost sets it. Nobody's disk is
emptied, for hours, because a node is provided; whoever wants that says so in steps_priorities.
"""

from __future__ import annotations

from .._burnin_arguments import wrong_arguments
from .._errors import BaremetalError

_ROLE = "rackwright.baremetal.steps"
_CLEAN = "rackwright.baremetal.clean"
_EVERYWHERE = ["clean", "deploy", "service"]

# They delegate tasks to switches.
SWITCH_PORT_ROLE = "rackwright.baremetal.switch_port"
ADD_PROVISIONING_NETWORK = "network.add_provisioning_network"
SWITCH_TO_TENANT_NETWORK = "deploy.switch_to_tenant_network"


def _out_of_band(name, verbs, options=None, *, reboots=False):
    return {"name": name, "role": _ROLE, "tasks_from": name.replace(".", "_"), "verbs": verbs, "in_band": False, "reboot_requested": reboots,
            "options": options or {}}


def _erase(name, priority):
    return {"name": f"deploy.{name}", "role": _CLEAN, "tasks_from": name, "verbs": ["clean"], "priority": priority, "abortable": True}


def _burnin(name, verbs, options):
    return {"name": f"deploy.burnin_{name}", "role": _CLEAN, "tasks_from": f"burnin_{name}", "verbs": verbs, "abortable": True,
            "options": {key: {"type": type(default).__name__, "default": default} for key, default in options.items()}}


def _switch_port(name, verbs):
    return {"name": name, "role": SWITCH_PORT_ROLE, "tasks_from": name.partition(".")[2], "verbs": verbs, "in_band": False, "reboot_requested": True}


BUILT_IN = (
    _erase("erase_devices_metadata", 99),
    _erase("erase_devices", 0),
    _erase("erase_devices_express", 0),
    # Those of the ironic-python-agent, with its defaults, which has them as agent_burnin_* in driver_info. A disk is never burnt in by a service.
    _burnin("cpu", ["clean", "service"], {"runtime": 86400, "workers": 0}),
    _burnin("memory", ["clean", "service"], {"runtime": 86400, "workers": 0, "vm_bytes": "98%"}),
    _burnin("disk", ["clean"], {"loops": 4, "runtime": 0}),
    _burnin("network", ["clean", "service"], {"runtime": 21600}),
    _out_of_band("bios.apply_configuration", _EVERYWHERE, {"settings": {"type": "dict", "required": True}}, reboots=True),
    _out_of_band("bios.factory_reset", _EVERYWHERE, reboots=True),
    _out_of_band("raid.create_configuration", ["clean", "deploy"], {
        "target_raid_config": {"type": "dict", "required": True}, "delete_existing": {"type": "bool", "default": False}}, reboots=True),
    _out_of_band("raid.delete_configuration", ["clean"], {"controller": {"type": "str", "choices": ["software"]}}, reboots=True),
    _out_of_band("firmware.update", _EVERYWHERE, {
        "component": {"type": "str", "required": True}, "version": {"type": "str", "required": True}, "image": {"type": "str"},
        "src": {"type": "path"}}, reboots=True),
    _out_of_band("management.reset_bmc", _EVERYWHERE, {"kind": {"type": "str", "default": "graceful", "choices": ["graceful", "forced"]}}),
    _out_of_band("management.reset_secure_boot_keys_to_default", _EVERYWHERE),
    _out_of_band("management.clear_secure_boot_keys", _EVERYWHERE),
    _switch_port(ADD_PROVISIONING_NETWORK, _EVERYWHERE),
    _switch_port(SWITCH_TO_TENANT_NETWORK, ["deploy", "service"]),
)

# What the RAID steps are for software RAID. Ironic tells the two kinds apart by the node's raid_interface and by the controller of the logical disks.
_SOFTWARE_RAID = {f"raid.{name}": {"tasks_from": f"software_raid_{name}", "in_band": True, "reboot_requested": False}
                  for name in ("create_configuration", "delete_configuration")}

# The tasks of them all, as (role, tasks file): these are known to be there.
TASKS = frozenset([(step["role"], step.get("tasks_from", "main")) for step in BUILT_IN]
                  + [(_ROLE, step["tasks_from"]) for step in _SOFTWARE_RAID.values()])


def for_arguments(definition, args):
    """The definition of a step as its arguments make it: software RAID is made in the ramdisk, by steps of the same name as RAID through the BMC.

    :param definition: one of the catalogue; those of a site are left as they are.
    :param args: arguments of the request, not checked yet.
    """
    software = _SOFTWARE_RAID.get(definition["name"])
    if not software or (definition["role"], definition["tasks_from"]) != (_ROLE, definition["name"].replace(".", "_")):
        return definition
    target = args.get("target_raid_config")
    disks = target.get("logical_disks") if isinstance(target, dict) else None
    controllers = [disk.get("controller") for disk in disks if isinstance(disk, dict)] if isinstance(disks, list) else []
    return {**definition, **software} if "software" in [args.get("controller"), *controllers] else definition


def refuse_arguments(definition, args):
    """Refuse arguments of a step of the collection that are of the right type and make no sense, before any step runs.

    :param definition: one of the catalogue; those of a site are not looked at.
    :param args: validated arguments.
    :raises BaremetalError: naming what is wrong.
    """
    kind, dummy, test = definition["tasks_from"].partition("_")
    wrong = wrong_arguments(test, args) if (definition["role"], kind) == (_CLEAN, "burnin") else []
    if wrong:
        raise BaremetalError(f"the arguments of the step {definition['name']} are not valid", stage="steps", seen="; ".join(wrong),
                             cure="correct it; the role steps documents how steps are written")
