# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verbs deploy and rebuild of a system that comes from the network. Private to the collection; may change at any time."""

from __future__ import annotations

import hashlib
import uuid

from .._boot import answer_file, diskless
from .._disk import hints
from .._errors import BaremetalError
from . import _step_plans, _switch_ports, _verb
from ._options import ANSWER
from ._registry_access import record

# The option boot of provision_state.
BOOT = {"kernel": {"type": "str"}, "initrd": {"type": "str"}, "iso": {"type": "str"}, "kernel_arguments": {"type": "raw"},
        "answer": {"type": "dict", "options": ANSWER}}


def deploy(call, engine, verb):
    """Deploy a system that runs from the network, or that an installer installs from there. The former touches no disk, so none must be chosen."""
    boot = dict(call.params["boot"])
    answer = boot.pop("answer", None)
    if call.params["image"] or call.params["config_drive"]:
        raise BaremetalError("a system that runs from the network has no image and no config drive", stage="plan", cure="give boot, or what is for a disk")
    found = diskless.describe(boot)
    if answer:
        if not answer_file.check(answer):
            call.warn(f"the {answer['kind']} file is not validated, because nothing that could do so is installed on the controller")
        found["digest"] = "sha256:" + hashlib.sha256(f"{found['digest']} {answer['kind']} {answer['text']}".encode()).hexdigest()
    node = record(call)
    known = node["instance"] or {}
    if answer and hints.VOLUME_NAME in (node["root_device"] or {}):
        raise BaremetalError("an installer is not given software RAID as its disk", node=node["name"], stage="plan", seen=f"root_device {node['root_device']}",
                             cure="name a disk in root_device and have the installer make the RAID, or deploy an image")
    boot = {**{key: value for key, value in boot.items() if value}, "until": found["until"]}
    if verb == "deploy" and node["provision_state"] == "active" and known:
        if known["image_digest"] == found["digest"]:
            return {**_verb.result(call, _verb.unmoved(node), known), "boot": boot}
        raise BaremetalError(f"the node runs something else, {_verb.called(known)}", stage="plan", seen=f"asked for {found['name']} ({found['digest'][:19]})",
                             cure="to have it run this, ask for a rebuild (diskless_verb, install_verb), or undeploy it first")
    instance = {"uuid": known.get("uuid") or str(uuid.uuid4()) if verb == "rebuild" else str(uuid.uuid4()), "image": found["name"],
                "image_digest": found["digest"], "deployed_at": known.get("deployed_at"), "diskless": not answer}
    ports = _step_plans.networks(call, engine, "provisioning", "tenant")
    if not answer:
        _switch_ports.check_diskless(ports, node, found["until"])
    moved = _verb.begin(call, engine, verb, instance=instance, check=lambda node: _verb.check_ramdisk(call, node, "deploy", root_device=bool(answer)))
    return {**_verb.result(call, {**moved, "switch_ports": list(ports)}, instance), "boot": boot}
