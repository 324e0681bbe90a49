# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A socket for whole Ethernet frames of an interface, also in another network namespace. Needs root and Linux, and the standard library alone.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import threading

from .._errors import BaremetalError

_CLONE_NEWNET = 0x40000000
_SO_ATTACH_FILTER = 26

# First step of a filter in classic BPF: whether there was a VLAN tag (linux/filter.h, SKF_AD_VLAN_TAG_PRESENT). A host's interface hears the
# frames of its VLANs too, without their tags; those belong to other networks.
VLAN_TAG = (0x20, 0, 0, 0xFFFFF030)


@contextlib.contextmanager
def opened(interface, netns, protocol, steps, *, stage, what):
    """The socket, for the time of a ``with`` block.

    :param interface: name of the network interface.
    :param netns: name of its network namespace, or None.
    :param protocol: EtherType that is heard (linux/if_ether.h).
    :param steps: filter of what is heard, in classic BPF.
    :param stage: stage of the error.
    :param what: what of the error, without the interface.
    :raises BaremetalError: when the block, or opening the socket, ends with an OSError.
    """
    try:
        with socket_in(f"/run/netns/{netns}" if netns else None, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)) as link:
            program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
            link.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(steps), ctypes.addressof(program)))
            link.bind((interface, protocol))
            yield link
    except OSError as error:
        where = f"on the interface {interface}{f' of the namespace {netns}' if netns else ''}"
        cure = {
            errno.EPERM: "run the task as root (become)",
            errno.ENODEV: "correct the option interface; ip link shows what there is",
            errno.ENOENT: "correct the option netns; ip netns shows what there is",
            errno.ENETDOWN: "bring the interface up, and check its cable",
        }.get(error.errno, "look at the interface on that host")
        raise BaremetalError(f"{what} {where}", stage=stage, seen=error.strerror or error, cure=cure) from error


def host_cards(netns):
    """The MAC addresses of all interfaces of this host, as ip(8) tells them; an empty set where there is no such program.

    :param netns: name of their network namespace, or None.
    :returns: set of texts in lower case.
    """
    command = ["ip", *(["-netns", netns] if netns else []), "-json", "link", "show"]
    try:
        links = json.loads(subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout)
    except (FileNotFoundError, ValueError):
        return set()
    return {link["address"] for link in links if link.get("address")}


def socket_in(space, make):
    """A socket, in another network namespace where one is named.

    :param space: path of the namespace, or None.
    :param make: function that makes the socket. A packet socket without a protocol hears nothing before it is bound.
    :raises OSError: when there is no such namespace, or we may not.
    """
    if space is None:
        return make()
    made = []

    def work():
        try:
            with open(space, "rb") as handle:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle.fileno(), _CLONE_NEWNET):
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number))
                made.append(make())
        except OSError as error:
            made.append(error)

    # A namespace is a thread's own: this process stays where it is, and the socket stays where it was made.
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]
