# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the netboot module: files of one node on the boot server."""

from __future__ import annotations

from .._boot import answer_file, diskless, ipxe, node_files
from .._door import Door
from .._errors import BaremetalError
from ._boot_node import fill_boot_port
from ._options import ANSWER, NODE, REGISTRY
from ._registry_access import refuse_other_runs


def before(call):
    """Fill in the MAC address and the address that the registry has, unless another run works on the node."""
    refuse_other_runs(call)
    wanted = ("mac", "address") if call.params["state"] == "present" else ("mac",)
    return fill_boot_port(call, wanted)


def run(call):
    """Write or withdraw the files; runs on the boot server."""
    params = call.params
    root = params["root"]
    if not call.node or not params["mac"]:
        raise BaremetalError("name and mac are needed", stage="boot files", cure="give both, or run where the registry is")
    mac = node_files.hyphens(params["mac"])
    if params["state"] == "absent":
        changed, old, new = node_files.absent(root, mac=mac, reservation=params["reservation"], check_mode=call.check_mode)
        return {"changed": changed, "boot": None, "diff": {"before": old, "after": new}}
    if not params["address"]:
        raise BaremetalError("address is needed", stage="boot files", cure="give it, or run where the registry is")
    tenant, ramdisk = params["tenant"], None
    if tenant:
        diskless.describe({**tenant, "kernel_arguments": params["kernel_arguments"]})
        diskless.check_files(root, tenant, boot_mode=tenant["boot_mode"], memory_mb=tenant["memory_mb"])
        arguments = diskless.boot_arguments(mac, params["kernel_arguments"])
        if params["answer"]:
            answer_file.check(params["answer"])
            base = f"{ipxe.base_url(params['url'])}/node/{mac}/{params['nonce']}/"
            arguments = answer_file.arguments(params["answer"]["kind"], base) + arguments
    else:
        ramdisk = node_files.current_ramdisk(root)
        arguments = node_files.boot_arguments(params["url"], mac, params["nonce"], params["kernel_arguments"])
    node_files.refuse_stopped_daemons(root)
    changed, old, new = node_files.present(
        root, node=call.node, mac=mac, address=params["address"], nonce=params["nonce"], keys=params["ssh_public_keys"],
        url=params["url"], arguments=arguments, ramdisk=ramdisk, tenant=tenant,
        files=answer_file.files(params["answer"]) if params["answer"] else None, check_mode=call.check_mode)
    boot = {
        "mac": mac.replace("-", ":"),
        "address": params["address"],
        "nonce": params["nonce"],
        "script": f"{root}/http/node/{mac}/boot.ipxe",
        "ramdisk_digest": None if tenant else ramdisk["digest"],
    }
    return {"changed": changed, "boot": boot, "diff": {"before": old, "after": new}}


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
        "tenant": {"type": "dict", "options": {
            "kernel": {"type": "str"}, "initrd": {"type": "str"}, "iso": {"type": "str"}, "boot_mode": {"type": "str"}, "memory_mb": {"type": "int"}}},
        "answer": {"type": "dict", "options": ANSWER},
        "reservation": {"type": "bool", "default": True},
        **NODE,
        **REGISTRY,
    },
    run=run,
    before=before,
    constraints={"required_if": [("state", "present", ("url", "nonce")), ("state", "present", ("ssh_public_keys", "tenant"), True)],
                 "required_by": {"answer": "tenant"}},
)
