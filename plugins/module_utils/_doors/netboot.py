# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the netboot module: files of one node on the boot server, and its media in the BMC's drives."""

from __future__ import annotations

from datetime import datetime, timezone

from .._bmc.driver import refuse_unsupported
from .._bmc.virtual_media import eject_paths
from .._boot import answer_file, boot_interface, diskless, ipxe, node_files, ramdisk_store, static_network
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import AUTO, fill_connection_for_change, open_bmc, settled_driver
from ._boot_node import fill_boot_port, fitting_network
from ._options import ANSWER, NODE, REGISTRY
from ._registry_access import record, record_too, refuse_other_runs


def before(call):
    """Fill in the MAC address and the address that the registry has, unless another run works on the node; settle how it boots."""
    refuse_other_runs(call, also=record_too(call))
    present = call.params["state"] == "present"
    filled = fill_boot_port(call, ("mac", "address") if present else ("mac",))
    if not present:
        return filled
    node = record(call) if call.registry_url else {"address": None, "boot_interface": None, "boot_mode": None, "driver": AUTO, "properties": {}}
    known = ramdisk_store.ARCHITECTURES.get(str(node["properties"].get("cpu_arch")))
    interfaces, address = _settle(call, node), filled.get("address", call.params["address"])
    given = {key: call.params[key] for key in ("network", "gateway", "dns")}
    return {**filled, **fitting_network(call, address, interfaces, given), "boot_interfaces": interfaces, "architecture": call.params["architecture"] or known,
            "replace_reservation": _has_alone(call, node, address)}


def _has_alone(call, node, address):
    """Whether no other node has the address: the registry has each for one node only. What the task says of it comes first."""
    said = call.params["replace_reservation"]
    return node["address"] == address if said is None else said


def _settle(call, node):
    """The boot interfaces that the node and its BMC can do, as far as the registry tells; the first of them is to be tried first."""
    own = node["boot_interface"] or boot_interface.DEFAULT
    # A tenant's system is nothing that each of them loads.
    wanted = call.params["boot_interfaces"] or list(dict.fromkeys([own, boot_interface.DEFAULT] if call.params["tenant"] else [own]))
    boot_interface.check(wanted)
    left, passed = boot_interface.settle(wanted, lambda name: boot_interface.firmware_problem(name, node["boot_mode"]) or _driver_problem(name, node["driver"]))
    _tell(call, left[0], passed)
    return left


# What a BMC must be able to do, in the words of refuse_unsupported.
_CAPABILITIES = {boot_interface.VIRTUAL_MEDIA: "virtual media", boot_interface.REDFISH_HTTPS: "HTTP boot from a URL"}


def _driver_problem(interface, driver):
    """Why a driver cannot boot a node so, or None. IPMI has no word for HTTP; there the firmware has it among its boots from the network."""
    if interface not in _CAPABILITIES or driver == AUTO:
        return None
    try:
        refuse_unsupported(driver, capability=_CAPABILITIES[interface], device=boot_interface.DEVICES[interface])
    except BaremetalError as error:
        return error.what
    return None


def _tell(call, taken, passed):
    for interface, why in passed:
        call.warn(f"it does not boot with {interface} but with {taken}: {why}")


def run(call):
    """Write or withdraw the files; runs on the boot server."""
    params = call.params
    root = params["root"]
    if not call.node or not params["mac"]:
        raise BaremetalError("name and mac are needed", stage="boot files", cure="give both, or run where the registry is")
    mac = node_files.hyphens(params["mac"])
    withdrawn = node_files.media(root, mac)
    if params["state"] == "absent":
        changed, old, new = node_files.absent(root, mac=mac, reservation=params["reservation"], check_mode=call.check_mode)
        return {"changed": changed, "boot": None, "withdrawn_media": withdrawn, "diff": {"before": old, "after": new}}
    if not params["address"]:
        raise BaremetalError("address is needed", stage="boot files", cure="give it, or run where the registry is")
    ipxe.refuse_other_version(ipxe.base_url(params["url"]), params["address"])
    tenant = params["tenant"]
    ramdisk = None if tenant else ramdisk_store.current(root, params["architecture"])
    wanted = params["boot_interfaces"] or [boot_interface.DEFAULT]
    boot_interface.check(wanted)
    left, passed = boot_interface.settle(wanted, lambda name: boot_interface.server_problem(name, root, ramdisk, tenant=bool(tenant)))
    _tell(call, left[0], passed)
    interface = left[0]
    if tenant:
        diskless.describe({**tenant, "kernel_arguments": params["kernel_arguments"]})
        diskless.check_files(root, tenant, boot_mode=tenant["boot_mode"], memory_mb=tenant["memory_mb"])
        arguments = diskless.boot_arguments(mac, params["kernel_arguments"])
        if params["answer"]:
            answer_file.check(params["answer"])
            base = f"{ipxe.base_url(params['url'])}/node/{mac}/{params['nonce']}/"
            arguments = answer_file.arguments(params["answer"]["kind"], base) + arguments
    else:
        static = static_network.beside_dhcp(call.node, params["address"]) if interface not in boot_interface.MEDIA else static_network.arguments(
            call.node, params["address"], params["network"], params["gateway"], params["dns"])
        arguments = node_files.boot_arguments(params["url"], call.node, mac, params["nonce"], params["kernel_arguments"], static)
    node_files.refuse_stopped_daemons(root)
    changed, old, new = node_files.present(
        root, node=call.node, mac=mac, address=params["address"], nonce=params["nonce"], keys=params["ssh_public_keys"],
        url=params["url"], arguments=arguments, interface=interface, ramdisk=ramdisk, tenant=tenant,
        files=answer_file.files(params["answer"]) if params["answer"] else None,
        registered=bool(params["replace_reservation"]), check_mode=call.check_mode)
    medium = f"/node/{mac}/{params['nonce']}/{boot_interface.MEDIUM}" if interface in boot_interface.MEDIA else None
    medium_url = ipxe.base_url(params["url"]) + medium if medium else None
    boot = {
        "interface": interface,
        "other_interfaces": left[1:],
        "device": boot_interface.DEVICES[interface],
        "medium": medium_url if interface == boot_interface.VIRTUAL_MEDIA else None,
        "uri": medium_url if interface == boot_interface.REDFISH_HTTPS else None,
        "mac": mac.replace("-", ":"),
        "address": params["address"],
        "nonce": params["nonce"],
        "script": f"{root}/{boot_interface.place(interface, mac, params['nonce'])}",
        "ramdisk_digest": None if tenant else ramdisk["digest"],
        # Files that are as they were may be those of an earlier boot of the same run, which has called.
        "since": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }
    return {"changed": changed, "boot": boot, "withdrawn_media": [path for path in withdrawn if path != medium], "diff": {"before": old, "after": new}}


def after(call, result):
    """Take media out that were withdrawn, for whose node boots from its disk next; and say what the BMC calls the device."""
    boot = result["boot"]
    if boot and boot["device"] == "http" and call.registry_url and record(call)["driver"] == "ipmi":
        boot["device"] = "pxe"
    if result["withdrawn_media"] and not call.check_mode:
        try:
            call.params.update(fill_connection_for_change(call))
            settled_driver(call)
            with open_bmc(call) as driver:
                eject_paths(driver.service, result["withdrawn_media"], warn=call.warn)
        except BaremetalError as error:
            # The medium boots nothing any more, and what follows is for the disk.
            call.warn(f"a medium was withdrawn and may still be in a drive of the BMC, with the SSH keys of that run: {error}")


DOOR = Door(
    argument_spec={
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "root": {"type": "path", "default": "/srv/rackwright"},
        "url": {"type": "str"},
        "mac": {"type": "str"},
        "address": {"type": "str"},
        "nonce": {"type": "str"},
        "ssh_public_keys": {"type": "list", "elements": "str", "no_log": False},
        "kernel_arguments": {"type": "raw", "default": ""},
        "boot_interfaces": {"type": "list", "elements": "str"},
        "architecture": {"type": "str", "choices": sorted(set(ramdisk_store.ARCHITECTURES.values()))},
        "network": {"type": "str"},
        "gateway": {"type": "str"},
        "dns": {"type": "list", "elements": "str", "default": []},
        "tenant": {"type": "dict", "options": {
            "kernel": {"type": "str"}, "initrd": {"type": "str"}, "iso": {"type": "str"}, "boot_mode": {"type": "str"}, "memory_mb": {"type": "int"}}},
        "answer": {"type": "dict", "options": ANSWER},
        "reservation": {"type": "bool", "default": True},
        "replace_reservation": {"type": "bool"},
        **NODE,
        **REGISTRY,
    },
    run=run,
    before=before,
    after=after,
    constraints={"required_if": [("state", "present", ("url", "nonce")), ("state", "present", ("ssh_public_keys", "tenant"), True)],
                 "required_by": {"answer": "tenant"}},
)
