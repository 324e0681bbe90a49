# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the failure_evidence module."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib

from .._bmc.failure_evidence import PARTS, STAGE, as_texts, gather
from .._door import Door
from .._errors import BaremetalError, sentence
from .._evidence import inband
from .._evidence.bundle import Bundle
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver

_LONGEST = 600  # seconds
_INBAND = 60  # seconds


def before(call):
    """Fill in the BMC. Where that fails, the rest is gathered all the same."""
    try:
        return fill_connection(call)
    except BaremetalError as error:
        call.warn(f"the BMC is not asked for evidence: {error}")
        return {"driver": "manual", "bmc": {}}


def run(call):
    """Gather what the BMC tells; in check mode nothing."""
    seconds = call.params["timeout"]
    if seconds > _LONGEST:
        raise BaremetalError(f"timeout is more than {_LONGEST}", stage=STAGE, cure="correct timeout")
    if call.params["keep"] < 1:
        raise BaremetalError("keep is less than 1", stage=STAGE, cure="correct keep")
    if call.check_mode:
        return {"changed": False, **dict.fromkeys(PARTS), "unavailable": {}}
    return {"changed": False, **gather(lambda log: _opened(call, log), seconds, call.log)}


@contextlib.contextmanager
def _opened(call, log):
    # Ansible's display is for the main thread alone.
    own = dataclasses.replace(call, log=log, warn=log)
    settled_driver(own)
    with open_bmc(own, only_reads=True) as driver:
        yield driver


def after(call, result):
    """Gather the rest, write all of it to a file on the controller, and name that in the error."""
    params, error = call.params, sentence(call.params["error"])
    gathered = {part: result.pop(part) for part in PARTS}
    result.update(path=None, error=error)
    if call.check_mode:
        return
    now = datetime.datetime.now(datetime.timezone.utc)
    bundle = Bundle({"node": call.node, "time": f"{now:%Y-%m-%dT%H:%M:%SZ}", "run_id": call.controller["run_id"], "controller": call.controller["host"],
                     "error": error}, call.scrub)
    for name, text in as_texts(gathered).items():
        bundle.add(f"bmc/{name}", text)
    for part, why in result["unavailable"].items():
        bundle.miss(f"bmc/{part}", why)
    _add_boot_log(bundle, params["boot_log"])
    ramdisk = _add_ramdisk(bundle, params["ramdisk"])
    if ramdisk:
        result["unavailable"]["ramdisk"] = ramdisk
    directory = pathlib.Path(params["directory"]).expanduser()
    try:
        path = bundle.write(directory, call.node, now, params["keep"])
    except OSError as problem:
        raise BaremetalError(f"the evidence cannot be written to {directory}", stage=STAGE, seen=problem.strerror,
                             cure="see to the directory and the room there, or name another directory") from problem
    result.update(changed=True, path=str(path), error=f"{error} Evidence is in {path} on {call.controller['host']}.")


def _add_boot_log(bundle, found):
    """What boot_log_info returned, or the result of a task that failed."""
    if not found:
        bundle.miss("boot_server", "not asked")
    elif found.get("failed") or found.get("unreachable"):
        bundle.miss("boot_server", found.get("msg") or "the boot server could not be asked")
    else:
        for name in ("dnsmasq", "http", "nginx_error", "journal"):
            if found.get(name) is not None:
                bundle.add(f"boot_server/{name}.txt", str(found[name]))
        for name, why in (found.get("unavailable") or {}).items():
            bundle.miss(f"boot_server/{name}", why)


def _add_ramdisk(bundle, ramdisk):
    """What the ramdisk tells by itself.

    :returns: why it does not tell all, or None.
    """
    if not ramdisk or not ramdisk["address"]:
        bundle.miss("ramdisk", "the ramdisk was not up")
        return None
    shell = inband.ssh(ramdisk["address"], ramdisk["ssh_private_key_file"], ramdisk["ssh_arguments"])
    texts, problem = inband.collect(shell, _INBAND)
    for name, text in texts.items():
        bundle.add(f"ramdisk/{name}", text)
    if problem:
        bundle.miss("ramdisk", problem)
    return problem


DOOR = Door(
    argument_spec={
        "directory": {"type": "path", "required": True},
        "error": {"type": "str", "required": True},
        "timeout": {"type": "int", "default": 15},
        "keep": {"type": "int", "default": 10},
        "boot_log": {"type": "dict"},
        "ramdisk": {"type": "dict", "options": {
            "address": {"type": "str"},
            "ssh_private_key_file": {"type": "path", "no_log": False},
            "ssh_arguments": {"type": "str"},
        }},
        **OPTIONS,
    },
    run=run,
    before=before,
    after=after,
)
