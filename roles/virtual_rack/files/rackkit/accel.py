# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose between KVM and emulation by trying KVM with a real guest."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from pathlib import Path

from .ground import RackError, read_file, write_file

KVM_DEVICE = Path("/dev/kvm")
TRIAL_KERNEL = Path("/usr/lib/ipxe/ipxe.lkrn")
# SeaBIOS prints its own banner even where a guest hangs as soon as real mode code is left to run;
# iPXE's first line comes only from a guest that went on.
PROOF = b"iPXE initialising"
TRIAL_SECONDS = 10


def choose(rack, check_mode):
    """Return ``accel`` (``kvm`` or ``tcg``) and ``reason``; a trial is remembered until the next boot of the host.

    :raises RackError: ``kvm`` was demanded and does not work.
    """
    wanted = rack.spec["accel"]
    if wanted == "tcg":
        return {"changed": False, "messages": [], "accel": "tcg", "reason": "asked for by virtual_rack_accel"}
    memory = rack.dir / "accel.json"
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    remembered = json.loads(read_file(memory) or "{}")
    changed = remembered.get("boot_id") != boot_id
    if changed:
        works, reason = try_kvm()
        remembered = {"boot_id": boot_id, "works": works, "reason": reason}
        if not check_mode:
            write_file(memory, json.dumps(remembered) + "\n", 0o644)
    if wanted == "kvm" and not remembered["works"]:
        raise RackError(f"virtual_rack_accel is kvm, but {remembered['reason']}. To do: set it to auto or tcg.")
    accel = "kvm" if remembered["works"] else "tcg"
    return {"changed": changed, "messages": [remembered["reason"]], "accel": accel, "reason": remembered["reason"]}


def try_kvm():
    """Boot iPXE under KVM and return ``(works, reason)``."""
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return False, f"{KVM_DEVICE} is missing or may not be opened"
    argv = ["qemu-system-x86_64", "-machine", "pc,accel=kvm,graphics=off", "-m", "64", "-nodefaults", "-no-reboot"]
    argv += ["-display", "none", "-serial", "stdio", "-kernel", str(TRIAL_KERNEL)]
    try:
        guest = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError as error:
        raise RackError(f"The program {argv[0]} is missing. To do: install it, or let the role install packages.") from error
    try:
        return judge(guest.stdout, TRIAL_SECONDS)
    finally:
        guest.kill()
        guest.wait()
        guest.stdout.close()


def judge(console, seconds):
    """Watch a trial guest's console and return ``(works, reason)``.

    :param console: a readable binary file with a descriptor.
    :param seconds: how long the guest may take to show its proof of life.
    """
    deadline = time.monotonic() + seconds
    seen = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([console], [], [], left)[0]:
            break
        chunk = os.read(console.fileno(), 4096)
        if not chunk:
            return False, f"a trial guest under KVM ended at once: {last_words(seen)}"
        seen += chunk
        if PROOF in seen:
            return True, "a trial guest booted under KVM"
    return False, f"a trial guest under KVM hung for {seconds} s: {last_words(seen)}"


def last_words(console):
    """Return the last line of a console in printable characters."""
    lines = "".join(char if char.isprintable() else "\n" for char in console.decode("ascii", "replace")).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "its console stayed empty")
