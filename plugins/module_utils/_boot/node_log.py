# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the boot server knows of one node: the lines about it in the logs, and the journal of its ramdisk.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
from pathlib import Path

from . import journal
from .. import _node_addresses

# By the names that the configuration of the daemons gives them.
LOGS = {"dnsmasq": "log/dnsmasq.log", "http": "log/http.log", "nginx_error": "log/nginx-error.log"}

_BLOCK = 1 << 20
_FARTHEST = 16 * _BLOCK  # bytes from the end of a log that are looked at


def about(root, *, mac, address=None, most):
    """All that is known of a node.

    :param root: boot_server_root.
    :param mac: MAC address of its boot port, with hyphens.
    :param address: its address, or None.
    :param most: how many bytes of each log, and of the journal, the newest.
    :returns: ``{"dnsmasq", "http", "nginx_error", "journal", "unavailable"}``: texts, and why there is none of them, by their names.
        Nonces are taken out.
    """
    found, missing = {}, {}
    concerns, nonce = _pattern(mac, address), re.compile(rf"({mac}/)[A-Za-z0-9_-]{{8,64}}(?=/)", re.IGNORECASE)
    for name, path in LOGS.items():
        try:
            found[name] = nonce.sub(r"\1********", _newest(Path(root, path), concerns, most))
        except OSError as error:
            found[name], missing[name] = None, f"{Path(root, path)}: {error.strerror}"
    found["journal"] = _cut(journal.read(root, mac), most) or None
    if found["journal"] is None:
        missing["journal"] = f"nothing of it came in ({journal.folder(root, mac)})"
    return {**found, "unavailable": missing}


def _pattern(mac, address):
    """What finds a line about a node; an address must not be found in a longer one."""
    words = [re.escape(mac), re.escape(mac.replace("-", ":"))]
    if address:
        digit, point = ("[0-9a-f]", ":") if ":" in address else ("[0-9]", r"\.")
        own = "|".join(map(re.escape, _addresses(address)))
        words.append(rf"(?<!{digit})(?<!{point})(?:{own})(?!{digit}|{point}{digit})")
    return re.compile("|".join(words).encode(), re.IGNORECASE)


def _addresses(address):
    """All that are the node's while it boots; by DHCPv6 the log tells of them without its MAC address."""
    try:
        return _node_addresses.addresses(address)
    except ValueError:
        # An operator may ask about a machine that is no node.
        return [address]


def _newest(path, concerns, most):
    """The newest lines of a log that a pattern is found in, oldest first, ``most`` bytes of them; also those that were rotated away last."""
    kept, size = [], 0
    rotated = Path(f"{path}.1")
    files = (path, rotated) if rotated.exists() else (path,)
    for line in (line for file in files for line in _backwards(file)):
        if concerns.search(line):
            size += len(line) + 1
            if size > most:
                break
            kept.append(line)
    return "".join(f"{line.decode('utf-8', errors='replace')}\n" for line in reversed(kept))


def _backwards(path):
    """The lines of a file from its end on, as far as it is looked at. The first one may not be whole."""
    with open(path, "rb") as file:
        offset, rest = file.seek(0, 2), b""
        end = max(0, offset - _FARTHEST)
        while offset > end:
            begin = max(end, offset - _BLOCK)
            file.seek(begin)
            first, *lines = (file.read(offset - begin) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
            offset, rest = begin, first
        if rest:
            yield rest


def _cut(text, most):
    """The last whole lines of a text, ``most`` characters of them."""
    return text if len(text) <= most else text[-most:].partition("\n")[2]
