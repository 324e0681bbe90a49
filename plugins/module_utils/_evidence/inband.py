# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a running ramdisk tells of its machine, asked in one SSH session.

Not by a module: a machine in trouble may have no room for one, and a shell is all that this needs. What comes back is foreign text;
it is cut, and kept under the names that stand here. Private to the collection; may change at any time.
"""

from __future__ import annotations

import base64
import binascii
import os
import select
import shlex
import subprocess
import tempfile
import time

_KIB = 1024
_EACH = 10  # seconds for a command
_MOST = 256 * _KIB  # bytes of what a command prints, the newest

# By the name of the file that it goes to: the words of the command, what is most in demand first.
COMMANDS = {
    "journal.txt": ("journalctl", "--boot", "--no-pager", "--no-hostname", "--output=short-monotonic"),
    "dmesg.txt": ("dmesg",),
    "lsblk.json": ("lsblk", "-O", "-J"),
    "ip-address.txt": ("ip", "-statistics", "address"),
    "ip-route.txt": ("ip", "route", "show", "table", "all"),
    "ip-neighbour.txt": ("ip", "neighbour"),
    # Where there is no bus for networkctl, the frames as networkd keeps them; names and ports of switches are text in them.
    "lldp.txt": ("sh", "-c", "networkctl --no-pager lldp 2>/dev/null || for file in /run/systemd/netif/lldp/*; do echo \"$file\"; "
                             "tr -c '[:print:]' . <\"$file\"; echo; done"),
    "efibootmgr.txt": ("efibootmgr", "-v"),
    "failed-units.txt": ("systemctl", "--no-pager", "--failed", "--full"),
    "processes.txt": ("ps", "-e", "-o", "pid,ppid,stat,wchan:20,etime,rss,args"),
    "memory.txt": ("cat", "/proc/meminfo"),
    "mdstat.txt": ("cat", "/proc/mdstat"),
    "dmidecode.txt": ("dmidecode",),
    "lspci.txt": ("lspci", "-nnk"),
    # These read the disks, and wait for one that hangs.
    "mdadm.txt": ("mdadm", "--examine", "--scan", "--verbose"),
    "nvme.json": ("nvme", "list", "--output-format=json"),
    "blkid.txt": ("blkid",),
}
_LARGER = {"journal.txt": 4 * _MOST, "dmesg.txt": 2 * _MOST}
_ALL = 4 * 1024 * _KIB  # bytes that come over the wire, in base64


def script(commands=None, each=_EACH):
    """The shell script that runs the commands and prints, for each, a line with its name and what it printed, in base64.

    :param commands: words by file name; COMMANDS without.
    :param each: seconds that one of them gets.
    """
    lines = []
    for name, words in (COMMANDS if commands is None else commands).items():
        lines.append(
            f"printf '%s ' {shlex.quote(name)}; {{ timeout -k 1 {each} {shlex.join(words)} 2>&1 </dev/null; printf '\\n[exit status %s]\\n' $?; }} "
            f"| tail -c {_LARGER.get(name, _MOST)} | base64 -w 0; echo")
    return "\n".join(lines) + "\n"


def ssh(address, key_file, arguments):
    """The words of the command that gives a shell on the ramdisk.

    :param key_file: private key, or None for what SSH finds by itself.
    :param arguments: further arguments, one text as a person would type it.
    """
    identity = ["-i", os.path.expanduser(key_file)] if key_file else []
    return ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_EACH}", *identity, *shlex.split(arguments or ""), f"root@{address}", "sh", "-s"]


def collect(shell, seconds, commands=None):
    """Run the commands on a machine and bring back what they print.

    :param shell: words of a command that runs a script from its standard input, see ``ssh``.
    :param seconds: how long all of it may take; what came by then is kept.
    :param commands: see ``script``.
    :returns: ``(texts, problem)``: texts by file name, and why some are missing, or None.
    """
    wanted = COMMANDS if commands is None else commands
    with tempfile.TemporaryFile() as said:
        try:
            printed, problem = _printed(shell, script(wanted), seconds, said)
        except OSError as error:
            return {}, f"{shell[0]} cannot be started: {error.strerror}"
        said.seek(0)
        remark = " ".join(said.read(_KIB).decode(errors="replace").split())
    texts = _texts(printed, wanted)
    if len(texts) == len(wanted):
        return texts, None
    missing = ", ".join(name for name in wanted if name not in texts)
    return texts, f"{problem or 'the connection ended'}{': ' + remark if remark else ''}; missing: {missing}"


def _printed(shell, lines, seconds, said):
    """What a shell prints before it ends, time is up, or it is too much; and which of the latter it was."""
    deadline, printed = time.monotonic() + seconds, bytearray()
    # There is no AnsibleModule here to ask: this knows nothing of Ansible. pylint: disable-next=ansible-bad-function
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True) as process:
        try:
            try:
                with process.stdin:
                    process.stdin.write(lines.encode())
            except BrokenPipeError:
                pass
            while len(printed) < _ALL:
                if not select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    return bytes(printed), f"not done within {seconds} s"
                block = process.stdout.read1(64 * _KIB)
                if not block:
                    return bytes(printed), None
                printed += block
            return bytes(printed), "it told too much"
        finally:
            process.kill()


def _texts(printed, wanted):
    texts = {}
    # The last one is empty, or was cut off.
    for line in printed.decode("ascii", errors="replace").split("\n")[:-1]:
        name, _blank, data = line.partition(" ")
        if name in wanted and name not in texts:
            try:
                texts[name] = base64.b64decode(data, validate=True).decode("utf-8", errors="replace")
            except (binascii.Error, ValueError):
                continue
    return texts
