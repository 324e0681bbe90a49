# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The iPXE script of one node, and of machines that are no node yet. Private to the collection; may change at any time.

iPXE (``src/core/exec.c``) splits a line at blanks, knows no quotes, takes ``||``, ``&&`` and ``;``
as separate words for operators, a word that starts with ``#`` for a comment, and expands ``${...}``
everywhere, without any way to escape these. So a text that holds one of them is refused.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from . import kernel_arguments
from .._errors import BaremetalError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_URL = re.compile(r"http://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_MAC = re.compile(r"[0-9a-f]{2}(?:-[0-9a-f]{2}){5}")
_OPERATORS = ("||", "&&", ";")

# Stands for the MAC address of the card that booted, where nobody knows it yet; no argument of an operator has this in it.
CARD = "@@card@@"
# Of the card that was opened last, with hyphens (https://ipxe.org/cfg).
_CARD_OF_IPXE = "${netX/mac:hexhyp}"

# Loading is tried this often before the machine goes on to its next boot device; seconds in between.
_TRIES = 10
_PAUSE = 5


def _checked(pattern, what, text, cure):
    if not pattern.fullmatch(text):
        raise BaremetalError(f"{what} cannot be written into a boot script", stage="boot script", seen=repr(text), cure=cure)
    return text


def base_url(text):
    """The URL of the boot server without a slash at its end.

    :raises BaremetalError: when it is not plain ``http://host[:port][/path]``; the iPXE of distributions has no TLS.
    """
    return _checked(_URL, "the URL of the boot server", text, "give url as http://ADDRESS:PORT").rstrip("/")


def refuse_other_version(url, address):
    """Make sure that a node can reach a server: it boots with one address, and so over IPv4 or over IPv6.

    :param url: URL of the server.
    :param address: the node's address.
    :raises BaremetalError: when both are addresses, and not of the same version.
    """
    try:
        server, node = (ipaddress.ip_address(text).version for text in (urlsplit(url).hostname, address))
    except ValueError:
        # A name, which may mean addresses of both, or what is refused elsewhere.
        return
    if server != node:
        raise BaremetalError(
            f"the node boots over IPv{node} and would be sent to an address of IPv{server}", stage="boot script", seen=f"{url}, node at {address}",
            cure=f"give these nodes the URL of the boot server, or the cache, with its address in their network, which is one of IPv{node}")


def checked_name(node):
    """The name of a node, as it may stand in a boot script.

    :raises BaremetalError: when it may not.
    """
    return _checked(_NAME, "the name of the node", node, "use letters, digits, dots, hyphens and underscores")


def checked_mac(mac):
    """A MAC address, lower case with hyphens.

    :raises BaremetalError: when it is none.
    """
    return _checked(_MAC, "the MAC address", mac, "give six pairs of hexadecimal digits")


def checked_path(path):
    """A path of the ramdisk below the HTTP root.

    :raises BaremetalError: when it is none.
    """
    return _checked(_PATH, "the path of the ramdisk", path, "build the ramdisk again")


def command_line(arguments):
    """The kernel command line of these arguments, in words that iPXE hands on unchanged.

    :param arguments: list of (key, value), see :mod:`kernel_arguments`.
    :raises BaremetalError: when iPXE would understand a part of it as its own.
    """
    for key, value in arguments:
        words = (value or "").split(" ")
        rest_empty = len(words) > 1 and "" in words
        # The first word has the key before it, so only later ones can be taken for something else.
        taken = [word for word in words[1:] if word in _OPERATORS or word.startswith("#")]
        if "${" in (value or "") or rest_empty or taken:
            raise BaremetalError(
                f"the kernel argument {key} would not come through iPXE unchanged", stage="boot script", seen=repr(value),
                cure="leave out ${, several spaces in a row, spaces at the end of a value, and the words || && ; and #")
    return kernel_arguments.render(arguments)


def node_script(node, url, mac, ramdisk, arguments):
    """The script that loads kernel and initrd of the ramdisk.

    :param node: name of the node, for the screen.
    :param url: base URL of the boot server.
    :param mac: MAC address, lower case, with hyphens; with it and the name the log of the boot server tells whose request it was.
    :param ramdisk: dict with ``kernel`` and ``initrd``, paths below the HTTP root.
    :param arguments: list of (key, value) for the kernel.
    :raises BaremetalError: for anything that cannot be written into a script safely.
    """
    url = base_url(url)
    node, mac = checked_name(node), checked_mac(mac)
    kernel, initrd = (checked_path(ramdisk[part]) for part in ("kernel", "initrd"))
    # UEFI firmware hands the initrd over as a file of this name; on BIOS the argument does nothing.
    line = command_line([("initrd", "initrd.img"), *arguments])
    return _script(node, "the ramdisk", f"""\
kernel --name vmlinuz {url}/{kernel}?mac={mac}&node={node} {line} || goto again
initrd --name initrd.img {url}/{initrd}?mac={mac}&node={node} || goto again
boot || goto again
""", f"kernel and initrd do not load from {url}")


def discovery_script(url, ramdisk, arguments):
    """The script that loads the ramdisk on a machine that nobody knows: it tells of itself by the MAC address of the card that it booted from.

    :param url: base URL of the boot server.
    :param ramdisk: as for :func:`node_script`.
    :param arguments: list of (key, value) for the kernel; in a value CARD stands for that MAC address.
    :raises BaremetalError: for anything that cannot be written into a script safely.
    """
    url = base_url(url)
    kernel, initrd = (_checked(_PATH, "the path of the ramdisk", ramdisk[part], "build the ramdisk again")
                      for part in ("kernel", "initrd"))
    line = command_line([("initrd", "initrd.img"), *arguments]).replace(CARD, _CARD_OF_IPXE)
    return _script("discovery", "the ramdisk", f"""\
kernel --name vmlinuz {url}/{kernel}?mac={_CARD_OF_IPXE} {line} || goto again
initrd --name initrd.img {url}/{initrd}?mac={_CARD_OF_IPXE} || goto again
boot || goto again
""", f"kernel and initrd do not load from {url}", whom="a machine that is not known", module="discovery")


def tenant_script(node, url, mac, boot, arguments):
    """The script that loads what a tenant wants a machine to run from the network, at every boot.

    :param node: name of the node, for the screen.
    :param url: base URL of the boot server.
    :param mac: as for :func:`node_script`.
    :param boot: dict with ``kernel`` and ``initrd``, or ``iso``; see :func:`place`.
    :param arguments: list of (key, value) for the kernel.
    :raises BaremetalError: for anything that cannot be written into a script safely.
    """
    node, mac = checked_name(node), checked_mac(mac)
    if boot.get("iso"):
        commands = f"sanboot --no-describe {_where(url, boot['iso'], node, mac, 'kernel')} || goto again\n"
    else:
        line = command_line([("initrd", "initrd.img"), *arguments])
        commands = f"""\
kernel --name vmlinuz {_where(url, boot["kernel"], node, mac, "kernel")} {line} || goto again
initrd --name initrd.img {_where(url, boot["initrd"], node, mac, "initrd")} || goto again
boot || goto again
"""
    return _script(node, "its system from the network", commands, "the system does not load")


def place(text):
    """Where something is that iPXE loads: a path below the HTTP root of the boot server, or a URL of another server.

    :returns: True for a path, False for a URL.
    :raises BaremetalError: when it is neither.
    """
    if "://" in text:
        _checked(_URL, "the URL of what is booted", text, "give it as http://ADDRESS:PORT/PATH, without a query")
        return False
    _checked(_PATH, "the path of what is booted", text, "give a path below the HTTP root of the boot server, as images/compute/vmlinuz")
    return True


def _where(url, text, node, mac, stage):
    # What the boot server's log will say of the request.
    return f"{base_url(url)}/{text}?mac={mac}&node={node}&stage={stage}" if place(text) else text


def _script(node, what, commands, failure, whom=None, module="netboot"):
    return f"""#!ipxe
# Boots {whom or f'node {node}'} into {what}. Written by rackwright.baremetal.{module}.
echo rackwright: {node}: loading {what}
set tries:int32 0
:load
imgfree
{commands}:again
inc tries
iseq ${{tries}} {_TRIES} && goto give_up ||
echo rackwright: {node}: try ${{tries}} of {_TRIES} failed, next one in {_PAUSE} seconds
sleep {_PAUSE}
goto load
:give_up
echo rackwright: {node}: {failure}
exit 1
"""
