# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every part of the rack tool needs: paths, errors, commands, safe file writing."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

# The marker file says that a directory is a rack; nothing is deleted without it.
MARKER = ".rackwright-rack"


class RackError(Exception):
    """A rack cannot be made or ended; the text tells what was seen and what to do."""


class Rack:
    """Where the parts of one rack are.

    :param spec: the rack as the role describes it (``name``, ``dir``, ``nodes``, ...).
    """

    def __init__(self, spec):
        self.spec = spec
        self.name = spec["name"]
        self.dir = Path(spec["dir"])
        self.nodes = spec.get("nodes", [])
        self.secrets = self.dir / "secrets"
        self.run = self.dir / "run"
        self.log = self.dir / "log"
        self.libvirt = self.dir / "libvirt"
        self.ca = self.dir / "bmc-ca.pem"
        # The rack's libvirtd sees libvirt/run as /run, so this is its /run/libvirt/libvirt-sock.
        self.libvirt_socket = self.libvirt / "run" / "libvirt" / "libvirt-sock"
        self.libvirt_uri = f"qemu+unix:///system?socket={self.libvirt_socket}"

    def password_file(self, node):
        """Return the path of the file that holds the BMC password of ``node`` (a mapping)."""
        return self.secrets / f"{node['name']}.password"

    def redfish_nodes(self):
        """Return the nodes whose BMC speaks Redfish."""
        return [node for node in self.nodes if node["driver"] == "redfish"]

    def ipmi_nodes(self):
        """Return the nodes whose BMC speaks IPMI."""
        return [node for node in self.nodes if node["driver"] == "ipmi"]


def run(argv, **kwargs):
    """Run a command and return its standard output.

    :param argv: list of program and arguments; never holds a secret.
    :param kwargs: passed on to ``subprocess.run``, for instance ``timeout`` in seconds.
    :raises RackError: the program is missing, took too long or ended with an error.
    """
    argv = [str(part) for part in argv]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    except FileNotFoundError as error:
        raise RackError(f"The program {argv[0]} is missing. To do: install it, or let the role install packages.") from error
    except subprocess.TimeoutExpired as error:
        raise RackError(f"'{' '.join(argv)}' did not end within {error.timeout} s. To do: look at what it waits for.") from error
    if done.returncode != 0:
        seen = (done.stderr or done.stdout).strip()
        raise RackError(f"'{' '.join(argv)}' ended with code {done.returncode}. Seen: {seen}")
    return done.stdout


def write_file(path, content, mode=0o600):
    """Replace a file in one step, so that nobody reads half of it.

    :param path: the file; its directory must exist.
    :param content: ``str`` or ``bytes``.
    :param mode: permission bits of the file.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_file(path):
    """Return the text of a file, or None when there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
