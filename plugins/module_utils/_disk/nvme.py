# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an NVMe drive can erase by itself, and making it do so, through nvme-cli.

The answers of the drive are read as they come from it (raw), whose layout the NVM Express base specification 2.0 fixes; the
texts and the JSON that nvme-cli makes of them differ between its versions.
"""

from __future__ import annotations

import os
import re
import struct
import time

from .._errors import BaremetalError
from .commands import run
from .system import read_text

STAGE = "erase"
# Sanitize actions (SANACT) and their bits in SANICAP, the cheapest first.
SANITIZE = {"crypto": (4, 0), "block": (2, 1), "overwrite": (3, 2)}
# Bytes in the sanitize status log page at which the estimated seconds begin.
_ESTIMATES = {"overwrite": 8, "block": 12, "crypto": 16}
_UNKNOWN = 0xFFFFFFFF
_POLL = 1.0
_ALL_NAMESPACES = "0xffffffff"
_DEVICE = re.compile(r"^(.*/nvme\d+)n\d+$")


def controller(device):
    """Return the name of the controller's device of a namespace, /dev/nvme0 of /dev/nvme0n1, or None for other devices."""
    found = _DEVICE.match(device)
    return found.group(1) if found else None


def parse_controller(data):
    """Return what Identify Controller tells of erasing.

    data: its 4096 bytes. Returns {format, format_crypto, format_all, erase_all (bool), sanitize ([action])}: format_all and erase_all
    mean that a format, with or without secure erase, meets every namespace of the controller.
    Source: NVMe base specification 2.0, figure 275: OACS (byte 256), FNA (524), SANICAP (328).
    """
    _whole(data, 4096, "Identify Controller")
    oacs = struct.unpack_from("<H", data, 256)[0]
    sanicap = struct.unpack_from("<I", data, 328)[0]
    fna = data[524]
    return {
        "format": bool(oacs & 2),
        "format_all": bool(fna & 1),
        "erase_all": bool(fna & 2),
        "format_crypto": bool(fna & 4),
        "sanitize": [action for action, (_code, bit) in SANITIZE.items() if sanicap & 1 << bit],
    }


def parse_namespace(data):
    """Return {lbaf, ms, pi, pil} that keep a namespace as it is formatted.

    data: the 4096 bytes of Identify Namespace. Source: NVM command set specification 1.0, figure 97: FLBAS (byte 26), DPS (29).
    """
    _whole(data, 4096, "Identify Namespace")
    flbas, dps = data[26], data[29]
    return {"lbaf": flbas & 15 | flbas >> 1 & 48, "ms": flbas >> 4 & 1, "pi": dps & 7, "pil": dps >> 3 & 1}


def parse_sanitize_log(data):
    """Return what the sanitize status log page tells.

    data: its 512 bytes, of which the first 32 are read. Returns {state, progress, seconds}: state is "never", "done", "running" or
    "failed"; progress 0 to 1; seconds the estimates by action, None where the drive gives none.
    Source: NVMe base specification 2.0, figure 245.
    """
    _whole(data, 32, "the sanitize status log page")
    progress, status = struct.unpack_from("<HH", data)
    state = {0: "never", 1: "done", 2: "running", 3: "failed", 4: "done"}.get(status & 7, "failed")
    seconds = {}
    for action, offset in _ESTIMATES.items():
        value = struct.unpack_from("<I", data, offset)[0]
        seconds[action] = None if value == _UNKNOWN else value
    return {"state": state, "progress": progress / 65536 if state == "running" else 1.0, "seconds": seconds}


def abilities(device, *, runner=run):
    """Return parse_controller's dict of a namespace's controller, with the estimates of a sanitize as seconds, and its state.

    Raises BaremetalError when nvme-cli is missing or the drive does not answer.
    """
    place = controller(device)
    found = parse_controller(runner(["nvme", "id-ctrl", "--raw-binary", place], stage=STAGE))
    log = _log(place, runner) if found["sanitize"] else {"seconds": {}, "state": "never"}
    return dict(found, seconds=log["seconds"], state=log["state"])


def format_namespace(device, *, crypto, timeout, runner=run, sysfs="/sys"):
    """Erase a namespace by Format NVM, in the LBA format that it has.

    crypto: throw the key away (SES 2) instead of erasing the data (SES 1). timeout: seconds.
    """
    kept = parse_namespace(runner(["nvme", "id-ns", "--raw-binary", device], stage=STAGE))
    # A format that meets all namespaces is asked for with the number that means them all.
    number = _ALL_NAMESPACES
    if not parse_controller(runner(["nvme", "id-ctrl", "--raw-binary", controller(device)], stage=STAGE))["format_all"]:
        number = read_text(os.path.join(sysfs, "class/block", os.path.basename(device), "nsid"))
    if number is None:
        raise BaremetalError("the kernel does not tell the number of the namespace %s" % device, stage=STAGE,
                             cure="Look at the kernel log, whether the drive is still there, and run the same command again.")
    # Figure 189 of the base specification 2.0.
    command = kept["lbaf"] & 15 | kept["ms"] << 4 | kept["pi"] << 5 | kept["pil"] << 8 | (2 if crypto else 1) << 9 | kept["lbaf"] >> 4 << 12
    # Its time-out (in ms) ends the command in the kernel; the program must outlive that. The format command of nvme-cli 2.2 to 2.4, Debian 12's among
    # them, loses it (its issue 1925), so that the kernel would end any after a minute.
    argv = ["nvme", "admin-passthru", device, "--opcode=0x80", "--namespace-id=%s" % number, "--cdw10=%#x" % command, "--timeout=%d" % (timeout * 1000)]
    runner(argv, stage=STAGE, timeout=timeout + 30)


def sanitize(device, action, *, timeout, report, runner=run, sleep=time.sleep, clock=time.monotonic):
    """Sanitize the drive that a namespace belongs to: all its namespaces, and what no namespace shows.

    action: one of SANITIZE. timeout: seconds, for each sanitize that is waited for. report: function that takes the progress, 0 to 1.
    A sanitize that is running already, of an attempt that was cut off, is waited for first: no other command is taken meanwhile. It does not
    count: the drive does not tell what an overwrite wrote.
    Raises BaremetalError when it fails or does not end.
    """
    place = controller(device)

    def wait():
        begun = clock()
        while True:
            log = _log(place, runner)
            if log["state"] != "running":
                return log["state"]
            report(log["progress"])
            if clock() - begun > timeout:
                raise BaremetalError(
                    "the sanitize of %s did not end within %d seconds" % (place, timeout), stage=STAGE,
                    seen="%.0f %% are done" % (log["progress"] * 100),
                    cure="It goes on, also over a power cycle. Give a larger time-out (timeout; in the role clean_timeout) and run the "
                         "same command again, which waits for it, then sanitizes the drive anew.")
            sleep(_POLL)

    wait()
    argv = ["nvme", "sanitize", place, "--sanact=%d" % SANITIZE[action][0]]
    runner(argv + (["--owpass=1"] if action == "overwrite" else []), stage=STAGE)
    if wait() != "done":
        raise BaremetalError(
            "the drive %s reports that its sanitize failed" % place, stage=STAGE, seen="sanitize status log page",
            cure="It takes no other command until a sanitize succeeds: run the same command again; if it fails again, destroy the drive.")


def _log(place, runner):
    return parse_sanitize_log(runner(["nvme", "sanitize-log", "--raw-binary", place], stage=STAGE))


def _whole(data, length, what):
    if len(data) < length:
        raise BaremetalError("%s of the drive is not whole" % what, stage=STAGE, seen="%d of %d bytes" % (len(data), length),
                             cure="Look at the kernel log (dmesg) and the health of the drive (nvme smart-log).")
