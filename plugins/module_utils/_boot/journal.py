# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a node's ramdisk, as it reaches the boot server.

The ramdisk PUTs it in parts of at most 16 KiB to ``journal/<mac>/<nonce>/<part>``, two hexadecimal digits. nginx takes no more than
that, and only where the directory of this boot is there, so that 4 MiB is all that a node can store. The first parts stay, the later
ones are written over from the oldest on. Whoever is on the provisioning network and knows the nonce can put text there.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

_PART = re.compile(r"[0-9a-f]{2}")
_MOST = 16 * 1024  # bytes of a part, as in the configuration of nginx
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WIDEST = 200  # characters of a line in an error


def folder(root, mac):
    """Where the journal of a node is.

    :param root: boot_server_root.
    :param mac: MAC address with hyphens.
    """
    return Path(root, "journal", mac)


def open_path(root, mac, nonce):
    """Let the ramdisk of one boot write, and forget the journals of earlier ones. A boot server without the directory takes none.

    :raises OSError: when it cannot be made.
    """
    room = folder(root, mac)
    if not room.parent.is_dir():
        return
    # Only the last directory is nginx's own: what it could put elsewhere, a link for instance, would be followed here.
    room.mkdir(exist_ok=True)
    room.chmod(0o711)
    own = room / nonce
    with contextlib.suppress(FileNotFoundError):
        _closed(own).rename(own)
    own.mkdir(exist_ok=True)
    own.chmod(0o700)
    if os.geteuid() == 0 and _worker(root):
        os.chown(own, *_worker(root))
    for other in room.iterdir():
        if other != own:
            shutil.rmtree(other)


def _closed(path):
    return path.with_name(f".{path.name.lstrip('.')}")


def _worker(root):
    """User and group of nginx' workers: it has made them a directory for what comes in. None where it never ran."""
    with contextlib.suppress(OSError):
        made = Path(root, "run/nginx/body").stat()
        return made.st_uid, made.st_gid
    return None


def close_path(root, mac, forget=False):
    """Let nobody write to the journal of a node any more; it stays to be read until the next boot.

    :param forget: whether it is removed.
    """
    room = folder(root, mac)
    if forget:
        shutil.rmtree(room, ignore_errors=True)
        return
    with contextlib.suppress(FileNotFoundError):
        for path in room.iterdir():
            # A name that nginx takes nothing for.
            path.rename(_closed(path))


def read(root, mac, nonce=None):
    """The journal of a node as text, oldest line first, without control characters.

    :param nonce: nonce of the boot, which is taken out of the text; None for the one that is there.
    :returns: "" where nothing came.
    """
    room = folder(root, mac)
    try:
        boots = [boot for boot in room.iterdir() if nonce in (None, boot.name, boot.name.lstrip("."))]
        # By the time of writing: the names begin anew when all have been used.
        parts = sorted((part.stat().st_mtime_ns, part.name, part) for boot in boots for part in boot.iterdir() if _PART.fullmatch(part.name))
    except OSError:
        return ""
    text = b"".join(_bytes(part) for *dummy, part in parts).decode("utf-8", errors="replace")
    for boot in boots:
        text = text.replace(boot.name.lstrip("."), "********")
    return _CONTROL.sub("", text)


def _bytes(part):
    with contextlib.suppress(OSError):
        descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            return file.read(_MOST)
    return b""


def last_lines(root, mac, nonce, count=5):
    """The last lines of a journal, each cut to a length that fits into an error."""
    lines = [line.strip()[:_WIDEST] for line in read(root, mac, nonce).splitlines()]
    return [line for line in lines if line][-count:]
