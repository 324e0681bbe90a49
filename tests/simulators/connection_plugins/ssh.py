# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In place of SSH: the simulated machine at an address answers as the ramdisk or the installed system that runs there.

It runs no code of the modules; it does to the machine's disk what they would, and gives their results.
"""

from __future__ import annotations

DOCUMENTATION = """
name: ssh
short_description: Talk to a simulated machine
description: For tests. Pipelining must be on; where the machines are, RACKWRIGHT_MACHINES says.
author: rackwright.baremetal contributors (@rackwright)
extends_documentation_fragment:
  - connection_pipelining
options:
  host:
    description: Address of the machine.
    type: str
    vars:
      - name: ansible_host
  ssh_common_args:
    description: Must have the host key of a ramdisk in it.
    type: str
    default: ""
    vars:
      - name: ansible_ssh_common_args
"""

import ast
import base64
import gzip
import json
import os
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

# Modules whose work goes on by itself, and may be waited for.
WORK = ("disk_image", "disk_erase", "burnin")


class Connection(ConnectionBase):
    """A connection with what runs on a machine."""

    transport = "ssh"
    has_pipelining = True

    def _connect(self):
        self._state()
        return self

    def _state(self):
        """What runs on the machine.

        :raises AnsibleConnectionFailure: nothing does, or another boot than the one that is meant.
        """
        host = self.get_option("host")
        self._machine = Path(os.environ["RACKWRIGHT_MACHINES"], host)
        try:
            state = json.loads(self._machine.with_name(f"{host}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            state = {"runs": None}
        if state["runs"] is None:
            raise AnsibleConnectionFailure(f"ssh: connect to host {host} port 22: No route to host")
        if state.get("host_key", "") not in self.get_option("ssh_common_args"):
            raise AnsibleConnectionFailure("Host key verification failed.")
        return state

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Answer a module, or say that any other command went well."""
        state = self._state()
        if "poweroff" in cmd:
            self._machine.with_name(f"{self.get_option('host')}.json").write_text(json.dumps({**state, "runs": None}), encoding="utf-8")
        if not in_data:
            return 0, b"", b""
        module, params = (_argument(in_data, name) for name in (b"ansible_module", b"params"))
        arguments = json.loads(params)["ANSIBLE_MODULE_ARGS"]
        module = module.rpartition(".")[2]
        disk = Disk(self._machine.with_name(f"{self.get_option('host')}.disk"))
        result = _refused(module, arguments, state) or self._stopped(module, arguments) or _answer(module, arguments, state, disk)
        return int(bool(result.get("failed"))), json.dumps(result).encode(), b""

    def _stopped(self, module, arguments):
        """What a slow machine answers to a module that waits for its work: that the work was stopped; None to any other, and of another machine."""
        host = self.get_option("host")
        slow, stopped = (self._machine.with_name(f"{host}.{name}") for name in ("slow", "stopped"))
        if module == "ramdisk_job" and arguments["abortable"]:
            stopped.write_text(arguments["reason"], encoding="utf-8")
        if module not in WORK or not arguments.get("wait", True) or arguments["_ansible_check_mode"] or not slow.exists():
            return None
        deadline = time.monotonic() + 900
        while not (stopped.exists() and stopped.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.1)
        return {"failed": True, "msg": f"{module}: {stopped.read_text(encoding='utf-8')}."}

    def put_file(self, in_path, out_path):
        """Not with pipelining."""
        raise AnsibleConnectionFailure("the simulated machine takes no files: switch pipelining on")

    fetch_file = put_file

    def close(self):
        """Nothing was opened."""


def _argument(wrapper, name):
    """What the wrapper around a module is called with, at its very end: behind half a million bytes that are not worth a look."""
    begin = wrapper.rindex(b"\n" + name + b"=") + len(name) + 2
    return ast.literal_eval(wrapper[begin:wrapper.index(b",\n", begin)].decode())


class Disk:
    """The disk of a machine, a sparse file: what was written to it stands at its begin."""

    def __init__(self, path):
        self._path = path

    def read(self):
        with open(self._path, "rb") as file:
            return json.loads(file.read(1 << 20).partition(b"\0")[0] or b"{}")

    def write(self, content):
        with open(self._path, "r+b") as file:
            file.write(json.dumps(content).encode() + b"\0")
            os.fsync(file.fileno())


def _refused(module, arguments, state):
    """What a module answers when another machine, or another boot, is meant; None from the right one. The proof of an instance finds out itself."""
    if module == "instance_proof":
        return None
    interlock = arguments.get("interlock", {"nonce": state.get("nonce"), "serial": state["serial"]})
    if state["runs"] != "ramdisk" or interlock["nonce"] != state["nonce"] or interlock["serial"] != state["serial"]:
        return {"failed": True, "msg": f"interlock: this is not the machine, or not the boot, that the run expects. Seen: {state}"}
    return None


def _answer(module, arguments, state, disk):
    """What a module would return on the machine."""
    if module == "instance_proof":
        return _proof(arguments, state, disk.read())
    if module == "hardware_info":
        path = {"root_path": "/dev/disk/by-path/pci-0000:00:04.0"} if arguments.get("installer") else {}
        return {"changed": False, "root_disk": {"name": "/dev/vda", "serial": "DISK0", "by_path": None}, **path, "hardware": {
            "system": {"serial": state["serial"]}, "cpu": {"architecture": "x86_64", "count": 8}, "memory": {"total": 16 << 30, "physical_mb": 16 << 10},
            "disks": [{"name": "/dev/vda", "size": 8 << 30, "serial": "DISK0"}], **state.get("hardware", {})}}
    if module == "disk_erase":
        return _erased(arguments, disk)
    if module == "burnin":
        return _burnt_in(arguments, disk)
    if module == "software_raid":
        disk.write({"raid": arguments.get("target_raid_config")})
        return {"changed": True, "arrays": [], "removed": []}
    if module == "disk_image":
        # Half of it is on the disk before anybody waits, as on a real machine.
        if arguments.get("url"):
            content = {"image_digest": arguments["digest"], "config_drive": arguments["config_drive"],
                       "source": [arguments["url"], arguments.get("manifest_digest")]}
        elif disk.read().get("image_digest") == arguments["digest"]:
            content = disk.read()
        else:
            return {"failed": True, "msg": f"disk_image: no work to join. Seen: {disk.read()}"}
        disk.write({**content, "whole": bool(arguments["wait"])})
        return {"changed": True, "digest": arguments["digest"], "job": {"state": "done" if arguments["wait"] else "running"}}
    if module == "ramdisk_job":
        return {"changed": True, "stopped": True, "lasting": [], "job": None}
    if module == "efi_boot":
        return {"changed": True, "boot_mode": "uefi"}
    return {"failed": True, "msg": f"the simulated machine knows no module {module}"}


def _erased(arguments, disk):
    method = {"metadata": "metadata"}.get(arguments.get("grade", "metadata"), "overwrite")
    plan = [{"device": "/dev/vda", "method": method, "text": f"/dev/vda, 8.0 GiB, serial DISK0: {method}, about 21 s"}]
    if arguments["_ansible_check_mode"]:
        return {"changed": True, "erased": [], "plan": plan, "skipped": []}
    disk.write({})
    erased = [{"device": "/dev/vda", "serial": "DISK0", "method": method}] if arguments.get("wait", True) else []
    return {"changed": True, "erased": erased, "plan": plan, "skipped": []}


def _burnt_in(arguments, disk):
    seen = {key: arguments.get(key) for key in ("test", "runtime", "loops", "partner", "disks")}
    if arguments["_ansible_check_mode"]:
        return {"changed": True, "plan": f"the {arguments['test']}, for {arguments['runtime']} s", "skipped": [], "record": None}
    if not arguments.get("wait", True):
        disk.write({"burnt_in": [*disk.read().get("burnt_in", []), seen]})
        return {"changed": True, "plan": "", "skipped": [], "record": None}
    record = {"test": arguments["test"], "result": "passed", "error": None}
    if arguments["test"] == "disk" and arguments["loops"] == 13:
        record.update(result="failed", error="/dev/vda (8.0 GiB, serial DISK0) has failed. Seen: verify failed at file /dev/vda offset 4096.")
        return {"failed": True, "msg": f"burn-in: the test disk failed. {record['error']}", "record": record}
    return {"changed": False, "record": record}


def _proof(arguments, state, content):
    if "installed" in content and state["runs"] == "disk" and f"netcfg/hostname string {arguments['hostname']}\n" in content["installed"]:
        return {"changed": False, "proof": {"hostname": arguments["hostname"], "instance_uuid": None}}
    drive = content.get("config_drive")
    whole = state["runs"] == "disk" and content.get("whole") and content["image_digest"] == arguments.get("image_digest")
    if not whole or arguments["instance_uuid"].encode() not in gzip.decompress(base64.b64decode(drive)):
        return {"failed": True, "msg": f"proof: the system is not the one that was asked for. Seen: {state['runs']} runs, {content.get('image_digest')}"}
    return {"changed": False, "proof": {"hostname": arguments["hostname"], "instance_uuid": arguments["instance_uuid"]}}
