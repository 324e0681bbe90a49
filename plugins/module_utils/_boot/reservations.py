# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The DHCP reservations of a boot server: a file per machine in ``dnsmasq/hosts.d``, named by its MAC address with hyphens.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .static_network import HOST_NAME

_NODE = "# node "


def folder(root):
    """Where they are.

    :param root: boot_server_root.
    """
    return Path(root, "dnsmasq/hosts.d")


def text(node, mac, reserved):
    """The reservation of a node; the ramdisk takes its host name from it where the node's name is one.

    :param mac: MAC address with hyphens.
    :param reserved: see ``_node_addresses.reservation``.
    """
    parts = [mac.replace("-", ":"), reserved]
    if HOST_NAME.fullmatch(node):
        parts.append(node)
    return f"{_NODE}{node}\n{','.join(parts)}\n"


def others(root, address, mac):
    """(file, node name) of every reservation of an address for another machine.

    :param address: as ``_node_addresses.reservation`` writes it.
    :param mac: MAC address, with hyphens, of the machine that may have one.
    """
    hosts = folder(root)
    wanted = address.encode()
    for name in sorted(os.listdir(hosts)):
        # There are as many of them as there are nodes, and each node asks: no more is done with a file than must be.
        if not name.startswith(".") and name != mac and wanted in _bytes(f"{hosts}/{name}") and _reserves(found := _read(hosts / name), address):
            yield hosts / name, _owner(found)


def drop(path, address):
    """Remove a reservation, unless it has become one of another address since it was looked at: many nodes are at it together, two that swap among them."""
    if _reserves(_read(path), address):
        path.unlink(missing_ok=True)


def owners(root):
    """All reservations, as a dict of node names by MAC address with hyphens. Those that do not say whose they are were not made here and are left out."""
    hosts = folder(root)
    found = {path.name: _read(path) for path in sorted(hosts.iterdir()) if not path.name.startswith(".")} if hosts.is_dir() else {}
    return {mac: _owner(content) for mac, content in found.items() if is_ours(content)}


def is_ours(content):
    """Whether a reservation says whose it is; others were not made here."""
    return content.startswith(_NODE)


def reserved(content):
    """All that a reservation reserves, and its MAC addresses and names, as a set of texts."""
    return {word for line in content.splitlines() for word in line.split(",")}


def _reserves(content, address):
    return address in reserved(content)


def _owner(content):
    return content.partition("\n")[0].removeprefix(_NODE)


def _read(path):
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _bytes(path):
    # A file object would take twice as long.
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)
