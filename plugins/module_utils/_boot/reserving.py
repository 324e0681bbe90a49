# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many DHCP reservations of a boot server at once. Private to the collection; may change at any time."""

from __future__ import annotations

from .. import _node_addresses
from .._errors import BaremetalError
from . import leases, node_files, reservations, writing


def reserve(root, wanted, *, check_mode=False):
    """Bring the reservations of some nodes to what the registry says of them.

    Files that do not say whose they are were not made here: they stay, and so does what they stand in the way of, which ``netboot`` tells of when
    the node is to boot.

    :param root: boot_server_root.
    :param wanted: list of dicts with ``name``, ``mac`` and ``address``; the registry has each address for one node only.
    :returns: two lists: (entry of ``wanted``, text before, text after) for those that change, and (entry, what is in the way) for those left out.
    :raises BaremetalError: when there is no boot server, or its files cannot be written.
    """
    folder = reservations.folder(root)
    if not folder.is_dir():
        if check_mode:
            return [(entry, None, text) for entry, dummy, address, text in _texts(wanted) if address], []
        raise BaremetalError("there is no boot server in this directory", stage="boot files", seen=f"no {folder}",
                             cure="run boot_server.yml, or set root to its boot_server_root")
    known = {path.name: node_files.read(path) or "" for path in folder.iterdir() if not path.name.startswith(".")}
    holders = {}
    for name, content in known.items():
        for address in reservations.reserved(content):
            holders.setdefault(address, set()).add(name)
    changes, left_out, doomed = [], [], {}
    for entry, mac, address, text in _texts(wanted):
        others = holders.get(address, set()) - {mac}
        foreign = sorted(name for name in {mac} & set(known) | others if not reservations.is_ours(known[name]))
        if not address or foreign:
            left_out.append((entry, str(folder / foreign[0]) if foreign else f"the address {entry['address']}, with which no node can boot"))
        elif known.get(mac) != text or others:
            changes.append((entry, known.get(mac), text))
            doomed.update(dict.fromkeys(others, address))
    if changes:
        writing.refuse_read_only([folder])
    if changes and not check_mode:
        with writing.explained(root):
            # First, so that no address is reserved twice; a node that is given another one comes to it below.
            for name, address in doomed.items():
                reservations.drop(folder / name, address)
            for entry, dummy, text in changes:
                node_files.write(folder / node_files.hyphens(entry["mac"]), text)
            node_files.reload_reservations(root)
            for entry, dummy, dummy2 in changes:
                leases.release(root, entry["address"], node_files.hyphens(entry["mac"]))
    return changes, left_out


def _texts(wanted):
    """(entry, MAC address with hyphens, address as dnsmasq has it or None where no node can boot with it, text)."""
    for entry in wanted:
        mac = node_files.hyphens(entry["mac"])
        try:
            address = _node_addresses.reservation(entry["address"])
        except ValueError:
            address = None
        yield entry, mac, address, reservations.text(entry["name"], mac, str(address))
