# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the system's disk tools: one way to call them, one way they fail."""

from __future__ import annotations

import os
import shutil
import subprocess

from .._errors import BaremetalError

# Modules started over SSH by a non-login shell may miss the sbin folders.
TOOL_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
)


class CommandTimeout(BaremetalError):
    """A program that did not end in time."""


def find_tool(name):
    """Return the full path of the program O(name), or None when it is not installed."""
    return shutil.which(name, path=TOOL_PATH)


def run(argv, *, node=None, stage=None, timeout=120, ok=(0,), failing=None, stdin=None):
    """Run a program and return its standard output as bytes.

    argv: program name and arguments. timeout: seconds. ok: exit codes that count as success. failing: text on its standard error that tells of a
    failure whatever the exit code, for programs that end with success all the same.
    stdin: bytes for its standard input. Output is read in the C locale.
    Raises BaremetalError when the program is missing, takes too long (CommandTimeout) or fails;
    the text then carries the last lines that the program wrote.
    """
    program = find_tool(argv[0])
    command = " ".join(argv)
    if program is None:
        raise BaremetalError(
            "the program %s is needed and not installed on this machine" % argv[0],
            node=node,
            stage=stage,
            cure="Install it in the ramdisk (the ramdisk role does) or in the running system.",
        )
    environment = dict(os.environ, LC_ALL="C", LANG="C", PATH=TOOL_PATH)
    try:
        # There is no AnsibleModule here to ask: this knows nothing of Ansible. pylint: disable-next=ansible-bad-function
        done = subprocess.run(
            [program] + list(argv[1:]),
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandTimeout(
            "%s did not end within %d seconds" % (command, timeout),
            node=node,
            stage=stage,
            cure="Look at the kernel log of the machine (dmesg) for errors of the disk.",
        ) from None
    if done.returncode not in ok or failing and failing.encode() in done.stderr:
        words = (done.stderr or done.stdout).decode("utf-8", "replace").split()
        raise BaremetalError(
            "%s ended with code %d" % (command, done.returncode),
            node=node,
            stage=stage,
            seen=" ".join(words)[-400:] or "no message",
            cure="Look at the kernel log of the machine (dmesg) for errors of the disk.",
        )
    return done.stdout
