# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the boot server keeps for machines that nobody knows, while discovery is on. Private to the collection; may change at any time.

Below ``http/discover``: the boot script, the keys below the nonce, and what is noted of the discovery itself, in a file that is not served.
Without the directory discovery is off.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

from . import ipxe, node_files, ramdisk_store
from .._errors import BaremetalError

STAGE = "discovery"

_SCRIPT = "boot.ipxe"
_NOTES = ".discovery.json"


def parse_range(text):
    """The first and the last address of a range, written as ``192.0.2.200-192.0.2.219``.

    :raises BaremetalError: when it is none.
    """
    try:
        first, last = (ipaddress.IPv4Address(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise _bad_range(text, str(error)) from error
    if first > last:
        raise _bad_range(text, "the last address comes before the first")
    return first, last


def _bad_range(text, why):
    return BaremetalError("the range of addresses cannot be used", stage=STAGE, seen=f"{text!r}: {why}",
                          cure="give the first and the last IPv4 address with a hyphen between them, as in 192.0.2.200-192.0.2.219")


def check_range(addresses, network, own):
    """Refuse a range that DHCP could not give away.

    :param addresses: see :func:`parse_range`.
    :param network: the provisioning network, as ``192.0.2.0/24``.
    :param own: IPv4 address of the boot server, or a host name, which is not looked at.
    :raises BaremetalError: naming what is wrong.
    """
    first, last = parse_range(addresses)
    try:
        network = ipaddress.IPv4Network(network, strict=False)
    except ValueError as error:
        raise BaremetalError("the network is not understood", stage=STAGE, seen=str(error), cure="give it as in 192.0.2.0/24") from error
    usable = network.network_address < first and last < network.broadcast_address
    try:
        taken = first <= ipaddress.IPv4Address(own) <= last
    except ValueError:
        taken = False
    if not usable or taken:
        raise _bad_range(addresses, f"{own} in it is the boot server" if taken else f"not all of it can be given away in {network}")


def folder(root):
    """Where everything of a discovery is."""
    return Path(root, "http/discover")


def read(root):
    """What is noted of the discovery that is on.

    :returns: dict with ``nonce``, ``since`` (seconds since 1970) and ``range`` (text); None where discovery is off.
    """
    try:
        notes = json.loads((folder(root) / _NOTES).read_text(encoding="utf-8"))
        return {"nonce": str(notes["nonce"]), "since": float(notes["since"]), "range": str(notes["range"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def opened(root, *, url, addresses, network, keys, extra="", check_mode=False):
    """Let machines that nobody knows boot the ramdisk. A discovery that is on keeps its nonce.

    :param root: boot_server_root.
    :param url: base URL of the boot server.
    :param addresses: range of the addresses that DHCP gives such machines, see :func:`parse_range`.
    :param network: the provisioning network, as ``192.0.2.0/24``.
    :param keys: list of SSH public keys that may log in to the ramdisk as root.
    :param extra: further kernel arguments, a string or a list of strings.
    :returns: (changed, text before, text after, notes as :func:`read` returns them).
    :raises BaremetalError: for bad input, and where there is no boot server or no ramdisk.
    """
    check_range(addresses, network, urlsplit(ipxe.base_url(url)).hostname)
    node_files.check_keys(keys)
    place = folder(root)
    if not place.parent.is_dir():
        raise BaremetalError("there is no boot server in this directory", stage=STAGE, seen=f"no {place.parent}",
                             cure="run boot_server.yml, or set root to its boot_server_root")
    ramdisk = ramdisk_store.current(root)
    known = read(root)
    notes = {**(known or {"nonce": secrets.token_hex(8), "since": round(time.time(), 3)}), "range": addresses}
    nonce = notes["nonce"]
    base = ipxe.base_url(url)
    script = ipxe.discovery_script(url, ramdisk, [
        ("rackwright.url", f"{base}/discover/{nonce}/"),
        ("rackwright.beacon", f"{base}/beacon/{ipxe.CARD}/{nonce}/"),
        ("rackwright.nonce", nonce),
        ("BOOTIF", f"01-{ipxe.CARD}"),
        *node_files.further_arguments(extra),
    ])
    keys_text = "".join(f"{key}\n" for key in keys)
    # The script comes last, so that a machine that is told to boot finds all it needs.
    wanted = [(place / _NOTES, json.dumps(notes) + "\n"), (place / nonce / "authorized_keys", keys_text), (place / _SCRIPT, script)]
    before, after = _shown(place, known), node_files.show([(_SCRIPT, script), ("authorized_keys", keys_text)])
    todo = [(path, text) for path, text in wanted if node_files.read(path) != text]
    if not check_mode:
        for directory in (place, place / nonce):
            if not directory.is_dir():
                directory.mkdir()
                # nginx must get in, whatever umask the caller has.
                directory.chmod(0o755)
        for path, text in todo:
            node_files.write(path, text)
    return bool(todo), before, after, notes


def closed(root, *, check_mode=False):
    """Let no unknown machine boot any more. What has called in is not heard of again.

    :returns: (changed, text before, text after).
    """
    place = folder(root)
    before, there = _shown(place, read(root)), place.is_dir()
    if there and not check_mode:
        shutil.rmtree(place)
    return there, before, ""


def _shown(place, notes):
    keys = [("authorized_keys", node_files.read(place / notes["nonce"] / "authorized_keys"))] if notes else []
    return node_files.show([(_SCRIPT, node_files.read(place / _SCRIPT)), *keys])
