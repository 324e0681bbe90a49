# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service of firewalld: its definition, and the zones that let it in. Through firewall-cmd(1), with the standard library alone.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from xml.sax.saxutils import quoteattr

from .._errors import BaremetalError

STAGE = "firewall"
DIRECTORY = "/etc/firewalld/services"

_RUNTIME, _ONLINE, _OFFLINE = ("firewall-cmd",), ("firewall-cmd", "--permanent"), ("firewall-offline-cmd",)


def execute(*command):
    """Run a command.

    :returns: (exit code, output); the code is None where there is no such program.
    """
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
    except FileNotFoundError:
        return None, ""
    return done.returncode, done.stdout.decode(errors="replace").strip()


def definition(ports):
    """The file of a service.

    :param ports: list of texts as ``69/udp``.
    """
    lines = []
    for entry in ports:
        port, dummy, protocol = entry.partition("/")
        lines.append(f"  <port port={quoteattr(port)} protocol={quoteattr(protocol)}/>\n")
    return '<?xml version="1.0" encoding="utf-8"?>\n<service>\n' + "".join(lines) + "</service>\n"


def present(name, ports, interfaces, *, check_mode=False, run=execute, directory=DIRECTORY):
    """Let a service in on interfaces, and nowhere else, where firewalld runs.

    :param name: of the service.
    :param ports: list of texts as ``69/udp``.
    :param interfaces: names of network interfaces.
    :returns: (changed, before, after): both as dicts with ``definition`` and ``zones``; empty where firewalld does not run.
    :raises BaremetalError: when firewalld refuses it.
    """
    if not _runs(run):
        return False, {}, {}
    path, wanted = pathlib.Path(directory, f"{name}.xml"), definition(ports)
    # An interface that is in no zone is in the default one.
    zones = sorted({_asked(run, "firewall-cmd", f"--get-zone-of-interface={interface}", may_fail=True)
                    or _asked(run, "firewall-cmd", "--get-default-zone") for interface in interfaces})
    before = {"definition": _read(path), "zones": _zones(run, _ONLINE, name)}
    after = {"definition": wanted, "zones": zones}
    # Where a run was cut off before its last word, what is written is not in effect.
    changed = before != after or _zones(run, _RUNTIME, name) != zones
    if changed and not check_mode:
        if before["definition"] != wanted:
            _write(path, wanted)
            # firewall-cmd must have read it before it puts it into a zone.
            _asked(run, "firewall-cmd", "--reload")
        for zone in zones:
            _asked(run, *_ONLINE, f"--zone={zone}", f"--add-service={name}")
        for zone in sorted({*before["zones"]} - {*zones}):
            _asked(run, *_ONLINE, f"--zone={zone}", f"--remove-service={name}")
        _asked(run, "firewall-cmd", "--reload")
    return changed, before, after


def absent(name, *, check_mode=False, run=execute, directory=DIRECTORY):
    """Withdraw a service from all zones, and its definition; also where firewalld is stopped.

    :returns: (changed, before, after) as ``present``.
    :raises BaremetalError: when firewalld refuses it.
    """
    path = pathlib.Path(directory, f"{name}.xml")
    if not path.exists():
        return False, {}, {}
    online = _runs(run)
    command = _ONLINE if online else _OFFLINE
    before, after = {"definition": _read(path), "zones": _zones(run, command, name)}, {"definition": None, "zones": []}
    if not check_mode:
        for zone in before["zones"]:
            _asked(run, *command, f"--zone={zone}", f"--remove-service={name}")
        path.unlink()
        if online:
            _asked(run, "firewall-cmd", "--reload")
    return True, before, after


def _runs(run):
    return run("firewall-cmd", "--state")[0] == 0


def _zones(run, command, name):
    """The zones that let a service in."""
    found, zone = [], None
    for line in _asked(run, *command, "--list-all-zones").splitlines():
        head = re.match(r"(\S+)", line)
        zone = head.group(1) if head else zone
        services = re.match(r"\s+services:(.*)", line)
        if services and name in services.group(1).split():
            found.append(zone)
    return sorted(found)


def _asked(run, *command, may_fail=False):
    code, output = run(*command)
    if code == 0:
        return output
    if may_fail:
        return None
    raise BaremetalError("the firewall does not take it", stage=STAGE, seen=f"{' '.join(command)}: {output or 'there is no such program'}",
                         cure="correct what it complains of, or open the ports yourself and set boot_server_manage_firewall to false")


def _read(path):
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _write(path, text):
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o644)
        os.replace(fresh, path)
    except OSError as error:
        raise BaremetalError("the service cannot be defined", stage=STAGE, seen=f"{path}: {error.strerror}", cure="run the task as root (become)") from error
